"""How a constant of each field type is written in a condition, and how it is encoded."""

from __future__ import annotations

import re
from datetime import date

from rules.catalogue import Field, FieldType
from rules.compiled import NUMBER_LIMIT
from rules.conditions import Value
from rules.nodes import did_you_mean

PLACES = 6
SCALE = 10**PLACES
LARGEST = NUMBER_LIMIT - 1  # encoded, so 1,152,921,504,606.846975 for a decimal
LONGEST_TEXT = 200

_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_WANTED = {
    FieldType.BOOL: "true or false",
    FieldType.INT: "a whole number",
    FieldType.DECIMAL: "a number",
    FieldType.DATE: "a date",
    FieldType.CHOICE: "one of its choices",
    FieldType.TEXT: "text",
}
_COUNTED = (FieldType.INT, FieldType.DECIMAL)
_AS_WRITTEN = {
    FieldType.INT: ", such as 3",
    FieldType.DECIMAL: ", such as 0.95",
    FieldType.DATE: ", written '2022-06-30'",
    FieldType.TEXT: " in single quotes",
}


class Misfit(ValueError):
    """Names or constants that do not go together; the text says what was found and is allowed."""


class BadConstant(Misfit):
    """A constant or parameter that its field cannot hold."""


def described(field: Field) -> str:
    """Return what a field holds, for a sentence: `a whole number (working days)`."""
    unit = f" ({field.unit})" if field.unit and field.type in _COUNTED else ""
    return f"{_WANTED[field.type]}{unit}"


def encode_number(text: str, field: Field, *, negative: bool = False) -> int:
    """Return the encoded value of a number as written. Exact; raises BadConstant."""
    if field.type not in (FieldType.INT, FieldType.DECIMAL):
        raise BadConstant(_unlike(f"the number {'-' if negative else ''}{text}", field))
    found = _NUMBER.match(text)
    if found is None:
        raise BadConstant(f"'{text}' is not written as a plain number, such as 3 or 0.95")
    whole, fraction = found[1], found[2] or ""
    if field.type is FieldType.INT and fraction:
        raise BadConstant(f"'{field.name}' is {described(field)}; found {text}")
    if len(fraction) > PLACES:
        raise BadConstant(f"'{text}' has more than {PLACES} decimal places")
    # int() of thousands of digits is refused by Python itself, so the length is looked at first.
    value = LARGEST + 1 if len(whole) > 19 else int(whole)
    if field.type is FieldType.DECIMAL:
        value = value * SCALE + int(fraction.ljust(PLACES, "0"))
    if value > LARGEST:
        raise BadConstant(f"'{text}' is too large; the largest number is {_largest(field)}")
    return -value if negative else value


def encode_text(text: str, field: Field) -> Value:
    """Return the encoded value of a quoted constant; raises BadConstant."""
    if field.type is FieldType.DATE:
        return _encode_date(text, field)
    if field.type not in (FieldType.TEXT, FieldType.CHOICE):
        raise BadConstant(_unlike(f"the text '{text}'", field))
    if len(text) > LONGEST_TEXT or _CONTROL.search(text):
        raise BadConstant(f"a text has no control characters and at most {LONGEST_TEXT} characters")
    if field.type is FieldType.CHOICE and text not in field.choices:
        hint = did_you_mean(text, field.choices) or ";"
        allowed = ", ".join(f"'{choice}'" for choice in field.choices)
        raise BadConstant(f"'{field.name}' has no value '{text}'{hint} allowed: {allowed}")
    return text


def encode_bool(value: bool, field: Field) -> int:
    """Return 0 or 1; raises BadConstant where the field is no yes-or-no."""
    if field.type is not FieldType.BOOL:
        raise BadConstant(_unlike("true" if value else "false", field))
    return int(value)


def written(value: Value, type_: FieldType) -> str:
    """Return an encoded value as a condition writes it."""
    match type_:
        case FieldType.BOOL:
            return "true" if value else "false"
        case FieldType.DATE:
            assert isinstance(value, int)
            return f"'{date.fromordinal(value).isoformat()}'"
        case FieldType.DECIMAL:
            assert isinstance(value, int)
            whole, fraction = divmod(abs(value), SCALE)
            digits = f"{whole}.{fraction:0{PLACES}d}".rstrip("0").rstrip(".")
            return f"-{digits}" if value < 0 else digits
        case FieldType.INT:
            return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def _encode_date(text: str, field: Field) -> int:
    if not _DATE.match(text):
        raise BadConstant(f"'{field.name}' is a date, written '2022-06-30'; found '{text}'")
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise BadConstant(f"there is no day '{text}'") from None


def _unlike(found: str, field: Field) -> str:
    if field.type is FieldType.BOOL:
        return (
            f"'{field.name}' is true or false; found {found}; "
            f"write {field.name} or not {field.name}"
        )
    if field.type is FieldType.CHOICE:
        allowed = ", ".join(f"'{choice}'" for choice in field.choices)
        return f"'{field.name}' is one of {allowed}; found {found}"
    return f"'{field.name}' is {described(field)}{_AS_WRITTEN[field.type]}; found {found}"


def _largest(field: Field) -> str:
    return str(LARGEST // SCALE if field.type is FieldType.DECIMAL else LARGEST)
