"""Conditions as sets of tests on variables: the same meaning, written differently, is the same.

`not` is pushed inwards, the parts of `and` and `or` are sets, a comparison of two facts' fields is
a test on the gap between them.  All of it keeps SQL's three truth values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
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
)

_MIRRORED = {
    Operator.LT: Operator.GT,
    Operator.LE: Operator.GE,
    Operator.GT: Operator.LT,
    Operator.GE: Operator.LE,
}


@dataclass(frozen=True, slots=True)
class Gap:
    """`left` minus `right`, fields of two facts; of texts only whether it is 0 (equal) counts."""

    left: FieldRef
    right: FieldRef

    @property
    def fields(self) -> tuple[FieldRef, FieldRef]:
        return self.left, self.right


Variable: TypeAlias = FieldRef | Gap


@dataclass(frozen=True, slots=True)
class Test:
    """NULL where the variable is unknown."""

    variable: Variable
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Unknown:
    """The field is NULL (`wanted`) or is not; never NULL itself."""

    variable: FieldRef
    wanted: bool


@dataclass(frozen=True, slots=True)
class All:
    parts: frozenset[Normal]


@dataclass(frozen=True, slots=True)
class Some:
    parts: frozenset[Normal]


Normal: TypeAlias = "Constant | Test | Unknown | All | Some"

TRUE, FALSE, NULL = Constant(True), Constant(False), Constant(None)

Rename: TypeAlias = Callable[[FieldRef], FieldRef]


def normal(condition: Condition, rename: Rename, *, wanted: bool = True) -> Normal:
    """Return the condition, or with `wanted` False its negation; parameters must be bound.

    `rename` says which fact each field is of.
    """
    match condition:
        case Constant(value):
            return Constant(value if value is None else value is wanted)
        case IsNull(field):
            return Unknown(rename(field), wanted) if field.nullable else Constant(not wanted)
        case Compare(left, operator, Literal(value)):
            return Test(rename(left), operator if wanted else operator.negated, value)
        case Compare(left, operator, Shifted(right, plus)):
            operator = operator if wanted else operator.negated
            return _gap_test(rename(left), operator, rename(right), plus)
        case Compare(_, _, right):
            raise ValueError(f"{right} is not bound to a value")
        case Not(part):
            return normal(part, rename, wanted=not wanted)
        case And(parts) if wanted:
            return every(normal(part, rename) for part in parts)
        case Or(parts) if not wanted:
            return every(normal(part, rename, wanted=False) for part in parts)
        case And(parts) | Or(parts):
            return some(normal(part, rename, wanted=wanted) for part in parts)


def _gap_test(left: FieldRef, operator: Operator, right: FieldRef, plus: int) -> Test:
    if (left.pattern or "", left.name) > (right.pattern or "", right.name):
        return Test(Gap(right, left), _MIRRORED.get(operator, operator), -plus)
    return Test(Gap(left, right), operator, plus)


def every(parts: Iterable[Normal]) -> Normal:
    """Return SQL's AND, simplified as far as constants and repetition go."""
    return _joined(parts, All, keeps=TRUE, decides=FALSE)


def some(parts: Iterable[Normal]) -> Normal:
    """Return SQL's OR, simplified likewise."""
    return _joined(parts, Some, keeps=FALSE, decides=TRUE)


def _joined(
    parts: Iterable[Normal], join: type[All | Some], *, keeps: Constant, decides: Constant
) -> Normal:
    found: set[Normal] = set()
    for part in parts:
        if part == decides:
            return decides
        if isinstance(part, join):
            found |= part.parts
        elif part != keeps:
            found.add(part)
    if not found:
        return keeps
    return found.pop() if len(found) == 1 else join(frozenset(found))


@lru_cache(maxsize=50_000)
def variables(node: Normal) -> frozenset[Variable]:
    """Return what the condition still depends on."""
    match node:
        case Test(variable, _, _) | Unknown(variable, _):
            return frozenset({variable})
        case All(parts) | Some(parts):
            return frozenset().union(*(variables(part) for part in parts))
    return frozenset()


def tests(node: Normal) -> Iterator[Test]:
    """Yield every comparison of the condition."""
    match node:
        case Test():
            yield node
        case All(parts) | Some(parts):
            for part in parts:
                yield from tests(part)


def substituted(node: Normal, variable: Variable, value: Value | None) -> Normal:
    """Return what is left of the condition once the variable is known to have the value.

    A field that is unknown makes every gap it bounds unknown.
    """
    touched = variables(node)
    unknown = value is None
    if variable not in touched and not (unknown and any(_bounds(variable, v) for v in touched)):
        return node
    match node:
        case Test(_, operator, constant):
            return NULL if value is None else Constant(holds(value, operator, constant))
        case Unknown(_, wanted):
            return Constant(unknown is wanted)
        case All(parts):
            return every(substituted(part, variable, value) for part in parts)
        case Some(parts):
            return some(substituted(part, variable, value) for part in parts)
    return node


def _bounds(variable: Variable, other: Variable) -> bool:
    return isinstance(other, Gap) and variable in other.fields


def holds(value: Value, operator: Operator, constant: Value) -> bool:
    """Return whether the comparison of two known values is TRUE."""
    match operator:
        case Operator.EQ:
            return value == constant
        case Operator.NE:
            return value != constant
    assert isinstance(value, int) and isinstance(constant, int)  # no text is ordered
    match operator:
        case Operator.LT:
            return value < constant
        case Operator.LE:
            return value <= constant
        case Operator.GT:
            return value > constant
        case Operator.GE:
            return value >= constant
