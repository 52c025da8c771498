"""The two sides of a comparison, looked up and type-checked.

Nothing here knows how a condition was parsed.  Every refusal is a Misfit: what was found, what is
allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from rules.catalogue import KINDS, Field, FieldType, Table
from rules.conditions import Compare, FieldRef, Literal, Operator, Param, Shifted
from rules.constants import (
    BadConstant,
    Misfit,
    described,
    encode_bool,
    encode_number,
    encode_text,
)
from rules.labels import is_chinese
from rules.nodes import did_you_mean

LARGEST_SHIFT = 1_000_000
_SHIFT = Field("the constant", FieldType.INT)
_MIRRORED = {
    Operator.LT: Operator.GT,
    Operator.LE: Operator.GE,
    Operator.GT: Operator.LT,
    Operator.GE: Operator.LE,
}


@dataclass(frozen=True, slots=True)
class NumberOperand:
    """A number as written, without its sign."""

    text: str
    negative: bool = False

    def __str__(self) -> str:
        return f"-{self.text}" if self.negative else self.text


@dataclass(frozen=True, slots=True)
class TextOperand:
    text: str

    def __str__(self) -> str:
        return f"'{self.text}'"


@dataclass(frozen=True, slots=True)
class BoolOperand:
    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(frozen=True, slots=True)
class ParamOperand:
    name: str
    type: FieldType

    def __str__(self) -> str:
        return f"params.{self.name}"


@dataclass(frozen=True, slots=True)
class FieldOperand:
    """A field, with the constant added to it where one was (as a number with its sign)."""

    field: Field
    ref: FieldRef
    plus: NumberOperand | None = None

    def __str__(self) -> str:
        if self.plus is None:
            return str(self.ref)
        return f"{self.ref} {'-' if self.plus.negative else '+'} {self.plus.text}"


Constant: TypeAlias = NumberOperand | TextOperand | BoolOperand
Operand: TypeAlias = Constant | ParamOperand | FieldOperand


@dataclass(frozen=True)
class Names:
    """What a condition may name.

    own     the fields that stand unqualified; none in the severity of a match
    called  the name of the pattern they belong to, where there is one
    others  the other patterns of the match
    """

    own: Table
    called: str | None
    others: Mapping[str, Table]
    params: Mapping[str, FieldType]

    def field(self, pattern: str | None, name: str, *, beside: Field | None = None) -> FieldOperand:
        """Look a field up; `beside` is the field it is compared with, for the advice."""
        table, qualifier = self._table(pattern, name)
        found = table.fields.get(name)
        if found is None:
            raise Misfit(self._unknown(name, table, beside))
        return FieldOperand(found, FieldRef(name, found.nullable, qualifier))

    def param(self, name: str) -> ParamOperand:
        found = self.params.get(name)
        if found is None:
            known = ", ".join(sorted(self.params)) or "none"
            hint = did_you_mean(name, self.params) or ";"
            raise Misfit(f"unknown parameter 'params.{name}'{hint} the plan has: {known}")
        return ParamOperand(name, found)

    def known(self) -> frozenset[str]:
        """Return every word that may stand for a field, a pattern or the parameters."""
        tables = (self.own, *self.others.values())
        names = frozenset(name for table in tables for name in table.fields)
        return names | self.others.keys() | {"params"}

    def speaks_of_its_fact(self, field: FieldOperand) -> None:
        """Refuse a test that a pattern makes on another pattern's fact alone."""
        pattern = field.ref.pattern
        if pattern is not None and self.own.fields:
            raise Misfit(
                f"'{field.ref}' is not a field of this pattern; what is asked of '{pattern}' "
                f"alone stands in the 'when' of '{pattern}'"
            )

    def _table(self, pattern: str | None, name: str) -> tuple[Table, str | None]:
        if pattern is None:
            if self.own.fields or not self.others:
                return self.own, None
            if len(self.others) == 1:
                only = next(iter(self.others))
                return self.others[only], only
            ways = " or ".join(f"{each}.{name}" for each in self.others)
            raise Misfit(f"of which pattern is '{name}'? Write {ways}")
        if pattern == self.called:
            return self.own, None
        if pattern in self.others:
            return self.others[pattern], pattern
        patterns = [*self.others, *([self.called] if self.called else [])]
        if not patterns:
            raise Misfit(
                f"'{pattern}.{name}': a field is named without a prefix here, "
                "and a parameter is params.NAME"
            )
        hint = did_you_mean(pattern, [*patterns, "params"]) or ";"
        raise Misfit(f"unknown pattern '{pattern}'{hint} patterns: {', '.join(patterns)}")

    def _unknown(self, name: str, table: Table, beside: Field | None) -> str:
        if name in self.others or name in (self.called, "params"):
            return f"'{name}' alone is no value; write {name}.NAME"
        if name in self.params:
            return f"unknown field '{name}' on '{table.kind}'; a parameter is params.{name}"
        elsewhere = [kind for kind, fields in KINDS.items() if name in fields]
        if is_chinese(name):
            hint = _meant_by(name, table) or "."
        elif elsewhere and table.kind in KINDS:
            hint = f"; it is a field of {', '.join(elsewhere)}."
        else:
            hint = did_you_mean(name.lower(), table.fields) or "."
        text = f"unknown field '{name}' on '{table.kind}'{hint}"
        if table.kind in KINDS:
            text += f" See `supervision rules fields {table.kind}`."
        else:
            text += f" Allowed: {', '.join(table.fields)}."
        if beside is not None and beside.type in (FieldType.TEXT, FieldType.CHOICE):
            text += f" If text is meant, put it in single quotes: '{name}'."
        return text


def _meant_by(name: str, table: Table) -> str:
    """Return the field whose Chinese meaning comes nearest to a Chinese name, as a question."""
    pairs = {name[at : at + 2] for at in range(len(name) - 1)}
    shared = {
        each.name: sum(pair in each.meaning[: 2 * len(name)] for pair in pairs)
        for each in table.fields.values()
    }
    best = max(shared, key=lambda each: shared[each], default="")
    if not best or not shared[best]:
        return ""
    return f"; did you mean '{best}' ({table.fields[best].meaning})?"


def compare(left: Operand, operator: Operator, right: Operand, names: Names) -> Compare:
    """Return the comparison with the field of its own fact on the left; raises Misfit."""
    if isinstance(left, FieldOperand) and isinstance(right, FieldOperand):
        return _compare_fields(left, operator, right, names)
    if isinstance(right, FieldOperand):
        left, operator, right = right, _mirrored(operator), left
    if not isinstance(left, FieldOperand):
        raise Misfit(f"{left} {operator} {right} compares no field; one side must be a field")
    assert not isinstance(right, FieldOperand)
    if left.plus is not None:
        raise Misfit(f"arithmetic on '{left.ref}'; compare the field itself with a constant")
    names.speaks_of_its_fact(left)
    _orderable(left.field, operator)
    if isinstance(right, ParamOperand):
        if right.type is not left.field.type:
            raise BadConstant(_unlike_param(left.field, right))
        return Compare(left.ref, operator, Param(right.name))
    return Compare(left.ref, operator, Literal(encode(right, left.field)))


def encode(constant: Constant, field: Field) -> int | str:
    """Return the constant as the field holds it; raises Misfit."""
    match constant:
        case NumberOperand(text, negative):
            return encode_number(text, field, negative=negative)
        case TextOperand(text):
            return encode_text(text, field)
        case BoolOperand(value):
            return encode_bool(value, field)


def _compare_fields(
    left: FieldOperand, operator: Operator, right: FieldOperand, names: Names
) -> Compare:
    if left.ref.pattern == right.ref.pattern:
        raise Misfit(
            f"{left} {operator} {right} compares two fields of one fact; "
            "what needs two fields is a field of the catalogue"
        )
    # The fact's own field stands on the left, and else the one to which nothing is added.
    turned = left.plus is not None if not names.own.fields else left.ref.pattern is not None
    if turned:
        left, operator, right = right, _mirrored(operator), left
    if left.plus is not None:
        raise Misfit(f"a constant is added to the other pattern's field only; found {left}")
    if left.ref.pattern is not None and names.own.fields:
        raise Misfit(f"{left} {operator} {right}: one side must be a field of this pattern")
    _orderable(left.field, operator)
    if left.field.type is not right.field.type:
        raise Misfit(
            f"'{left.ref}' is {described(left.field)} and '{right.ref}' is "
            f"{described(right.field)}; only like is compared with like"
        )
    return Compare(left.ref, operator, Shifted(right.ref, _shift(right)))


def _shift(operand: FieldOperand) -> int:
    if operand.plus is None:
        return 0
    field = operand.field
    if not field.type.ordered:
        raise Misfit(f"a constant is added to numbers and dates only; '{operand.ref}' is neither")
    of = _SHIFT if field.type is FieldType.DATE else field
    plus = encode_number(operand.plus.text, of, negative=operand.plus.negative)
    if abs(plus) > encode_number(str(LARGEST_SHIFT), of):
        raise Misfit(f"a constant of more than {LARGEST_SHIFT} is added to '{operand.ref}'")
    return plus


def _orderable(field: Field, operator: Operator) -> None:
    if operator not in (Operator.EQ, Operator.NE) and not field.type.ordered:
        raise Misfit(
            f"'{field.name}' is {described(field)} and has no order; "
            f"found {operator}, allowed: = <> in"
        )


def _unlike_param(field: Field, param: ParamOperand) -> str:
    text = f"'{field.name}' is {described(field)}, but '{param}' is of type {param.type}"
    if field.type is FieldType.DECIMAL and param.type is FieldType.INT:
        return f"{text}; write its values in plan.yaml with a decimal point"
    return text


def _mirrored(operator: Operator) -> Operator:
    return _MIRRORED.get(operator, operator)
