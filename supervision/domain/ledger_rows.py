"""Rows of a ledger, validated by type and encoded; nothing is silently coerced."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from rules.nodes import did_you_mean
from supervision.domain.ledgers import FieldType, Ledger, LedgerField
from supervision.domain.units import folded

PLACES = 6
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")  # fromisoformat would take 2022-W26-1 as well
SCALE = 1_000_000
LARGEST = 10**18
"""Encoded: what rules can compare stays below 2**60 (rules.compiled.NUMBER_LIMIT)."""
LARGEST_FILED = 10**15
"""Encoded: one figure that a unit files, a thousand million; sums of many must stay comparable."""


@dataclass(frozen=True)
class Row:
    """One row as it is stored.

    `data` holds encoded values by field name (an identity as its keyed hash, its last four
    characters beside it under `NAME.last4`); `key` tells things apart that must count once, None
    when the ledger has no key; `day` and `first_day` are ordinals.
    """

    ledger: str
    data: Mapping[str, int | str]
    key: str | None
    day: int | None
    first_day: int | None


def encode_number(value: object, *, largest: int = LARGEST) -> int:
    """Return a number as a fixed-point integer with six places; ValueError says what is wrong."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"expected a number, found {_shown(value)}")
    try:
        exact = Decimal(str(value)) * SCALE
    except InvalidOperation:
        raise ValueError(f"expected a number, found {_shown(value)}") from None
    if not exact.is_finite():
        raise ValueError(f"expected a number, found {_shown(value)}")
    if exact != exact.to_integral_value():
        raise ValueError(f"{value} has more than {PLACES} decimal places")
    if abs(exact) > largest:
        raise ValueError(f"{value} is too large")
    return int(exact)


def read_day(value: object) -> date:
    """Return a date written as YYYY-MM-DD; ValueError says what is wrong."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(f"expected a date such as 2022-06-30, found {_shown(value)}")


def read_row(
    row: object, ledgers: Mapping[str, Ledger], *, identity_key: bytes
) -> tuple[Row | None, list[tuple[str, str]]]:
    """Return the row and no faults, or None and every fault as (field, what is wrong)."""
    if not isinstance(row, dict):
        return None, [("", f"a row is an object with 'ledger' and its fields, found {_shown(row)}")]
    name = row.get("ledger")
    if not isinstance(name, str) or name not in ledgers:
        advice = did_you_mean(str(name), ledgers) if name is not None else ""
        allowed = ", ".join(ledgers)
        return None, [("ledger", f"unknown ledger {_shown(name)}{advice}; allowed: {allowed}")]
    ledger = ledgers[name]
    faults: list[tuple[str, str]] = []
    data: dict[str, int | str] = {}
    for field in row.keys() - ledger.fields.keys() - {"ledger"}:
        advice = did_you_mean(field, ledger.fields)
        faults.append((field, f"unknown field {field!r} of ledger '{name}'{advice}"))
    for field, kind in ledger.fields.items():
        value = row.get(field)
        if value is None or (isinstance(value, str) and not value.strip()):
            if kind.required:
                faults.append((field, "is required and empty"))
            continue
        try:
            data.update(_encoded(field, kind, value, identity_key))
        except ValueError as error:
            faults.append((field, str(error)))
    if faults:
        return None, faults
    return _row(name, ledger, data), []


def _row(name: str, ledger: Ledger, data: Mapping[str, int | str]) -> Row:
    def day(field: str | None) -> int | None:
        value = data.get(field) if field else None
        return value if isinstance(value, int) else None

    values = [data.get(field) for field in ledger.key]
    key = None
    if ledger.key and None not in values:
        key = json.dumps(
            [folded(value) if isinstance(value, str) else value for value in values],
            ensure_ascii=False,
        )
    return Row(name, data, key, day(ledger.dated_by), day(ledger.started_by))


def _encoded(
    name: str, field: LedgerField, value: object, identity_key: bytes
) -> Mapping[str, int | str]:
    match field.type:
        case FieldType.NUMBER:
            return {name: encode_number(value, largest=LARGEST_FILED)}
        case FieldType.INTEGER:
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(f"expected a whole number, found {_shown(value)}")
            return {name: encode_number(value, largest=LARGEST_FILED) // SCALE}
        case FieldType.BOOLEAN:
            if not isinstance(value, bool):
                raise ValueError(f"expected true or false, found {_shown(value)}")
            return {name: int(value)}
        case FieldType.DATE:
            return {name: read_day(value).toordinal()}
        case FieldType.CHOICE:
            if value not in field.choices:
                advice = did_you_mean(str(value), field.choices)
                allowed = "、".join(field.choices)
                raise ValueError(f"{_shown(value)} is no choice{advice}; allowed: {allowed}")
            return {name: str(value)}
        case FieldType.IDENTITY:
            if not isinstance(value, str):
                raise ValueError("expected the number as text, in quotes")  # and never shown
            number = folded(_text(value))
            sealed = hmac.new(identity_key, number.encode(), hashlib.sha256).hexdigest()
            return {name: sealed[:32], f"{name}.last4": number[-4:]}
        case FieldType.TEXT:
            return {name: _text(value)}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, found {_shown(value)}")
    return value.strip()


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"
