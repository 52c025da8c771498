"""A checked condition as text again: for explanations, and parsed back it is the same tree."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rules.catalogue import Field, FieldType, Table
from rules.conditions import (
    And,
    Compare,
    Condition,
    Constant,
    FieldRef,
    IsNull,
    Literal,
    Not,
    Operator,
    Or,
    Param,
    Shifted,
)
from rules.constants import written


def to_text(
    condition: Condition,
    *,
    fields: Mapping[str, Field],
    other_patterns: Mapping[str, Table] = MappingProxyType({}),
) -> str:
    """Return the condition as its author could have written it.

    `fields` are those that stand unqualified.  A NULL constant, which no text yields, is `null`.
    """
    return _Printer(fields, other_patterns).text(condition)


class _Printer:
    def __init__(self, fields: Mapping[str, Field], others: Mapping[str, Table]) -> None:
        self.fields = fields
        self.others = others

    def text(self, condition: Condition) -> str:
        match condition:
            case Constant(value):
                return "null" if value is None else "true" if value else "false"
            case IsNull(field):
                return f"{field} is null"
            case Compare():
                return self._comparison(condition)
            case Not(IsNull(field)):
                return f"{field} is not null"
            case Not(Or(parts)) if self._list(parts):
                return self._listed(parts, "not in")
            case Not(part):
                return f"not {self._inside(part)}"
            case Or(parts) if self._list(parts):
                return self._listed(parts, "in")
            case And(parts):
                return " and ".join(self._inside(part) for part in parts)
            case Or(parts):
                return " or ".join(self._inside(part) for part in parts)

    def _inside(self, condition: Condition) -> str:
        """Return a part of a larger condition, in parentheses where they help a reader."""
        text = self.text(condition)
        plain = text.split(" ", 1)[0] == text or isinstance(condition, Not | Compare | IsNull)
        listed = isinstance(condition, Or) and self._list(condition.parts)
        return text if plain or listed else f"({text})"

    def _comparison(self, condition: Compare) -> str:
        left, operator, right = condition.left, condition.operator, condition.right
        field = self._field(left)
        if field.type is FieldType.BOOL and operator is Operator.EQ and right == Literal(1):
            return str(left)
        return f"{left} {operator} {self._operand(right, field)}"

    def _operand(self, operand: Literal | Param | Shifted, field: Field) -> str:
        match operand:
            case Literal(value):
                return written(value, field.type)
            case Param(name):
                return f"params.{name}"
            case Shifted(other, 0):
                return str(other)
            case Shifted(other, plus):
                days = FieldType.INT if field.type is FieldType.DATE else field.type
                return f"{other} {'-' if plus < 0 else '+'} {written(abs(plus), days)}"

    def _list(self, parts: tuple[Condition, ...]) -> bool:
        """Whether the alternatives are what `field in (…)` is read as."""
        first = parts[0]
        return (
            isinstance(first, Compare)
            and self._field(first.left).type is not FieldType.BOOL
            and len(set(parts)) == len(parts)
            and all(
                isinstance(part, Compare)
                and part.left == first.left
                and part.operator is Operator.EQ
                and isinstance(part.right, Literal)
                for part in parts
            )
        )

    def _listed(self, parts: tuple[Condition, ...], word: str) -> str:
        values, left = [], None
        for part in parts:
            assert isinstance(part, Compare)
            left = part.left
            values.append(self._operand(part.right, self._field(left)))
        return f"{left} {word} ({', '.join(values)})"

    def _field(self, ref: FieldRef) -> Field:
        fields = self.fields if ref.pattern is None else self.others[ref.pattern].fields
        return fields[ref.name]
