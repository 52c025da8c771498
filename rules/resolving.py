"""A match's conditions as conditions on one of its facts, the facts of the others being held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

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
    Shifted,
    Value,
    evaluate,
)
from rules.rule_parts import Atom

Said: TypeAlias = dict[str, Value | None]
"""What is said of a fact: some of its fields, encoded."""

_MIRRORED = {
    Operator.LT: Operator.GT,
    Operator.LE: Operator.GE,
    Operator.GT: Operator.LT,
    Operator.GE: Operator.LE,
}


def resolved(
    condition: Condition,
    owner: int | None,
    target: int,
    held: Sequence[Said],
    index: Callable[[str], int],
) -> Condition:
    """Return a condition with the fields of all patterns but `target` replaced by their values.

    owner   the pattern whose fields stand unqualified
    held    the fields of each pattern's fact; of the target they are not looked at
    index   the place of a pattern by name
    """

    def place(ref: FieldRef) -> int:
        found = owner if ref.pattern is None else index(ref.pattern)
        assert found is not None
        return found

    def value_of(ref: FieldRef, plus: int = 0) -> Value | None:
        value = held[place(ref)][ref.name]
        return value + plus if plus and isinstance(value, int) else value

    def bare(ref: FieldRef) -> FieldRef:
        return FieldRef(ref.name, ref.nullable)

    def compared(left: FieldRef, operator: Operator, value: Value | None) -> Condition:
        if value is None:
            return Constant(None)
        return Compare(bare(left), operator, Literal(value))

    def seen(part: Condition) -> Condition:
        match part:
            case IsNull(ref):
                is_here = place(ref) == target
                return IsNull(bare(ref)) if is_here else Constant(value_of(ref) is None)
            case Compare(left, operator, Shifted(right, plus)):
                if place(left) == target:
                    return compared(left, operator, value_of(right, plus))
                if place(right) == target:
                    value = value_of(left, -plus)
                    return compared(right, _MIRRORED.get(operator, operator), value)
                test = compared(left, operator, value_of(right, plus))
                return Constant(evaluate(test, {left.name: value_of(left)}))
            case Compare(left, operator, right):
                alone = Compare(bare(left), operator, right)
                if place(left) == target:
                    return alone
                return Constant(evaluate(alone, {left.name: value_of(left)}))
            case Not(inner):
                return Not(seen(inner))
            case And(parts):
                return And(tuple(seen(each) for each in parts))
            case Or(parts):
                return Or(tuple(seen(each) for each in parts))
        return part

    return seen(condition)


def refs_of(atom: Atom) -> list[FieldRef]:
    """Return the fields an atom names."""
    if isinstance(atom, IsNull):
        return [atom.field]
    return [atom.left, *([atom.right.field] if isinstance(atom.right, Shifted) else [])]


def patterns_of(condition: Condition) -> set[str | None]:
    """Return the names of the patterns a condition speaks of; None stands for its own."""
    match condition:
        case Compare() | IsNull():
            return {ref.pattern for ref in refs_of(condition)}
        case Not(part):
            return patterns_of(part)
        case And(parts) | Or(parts):
            return {name for part in parts for name in patterns_of(part)}
    return set()
