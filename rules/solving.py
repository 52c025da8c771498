"""Facts for which conditions have given truth values: a search that finds them, or shows that none.

Conditions here speak of one fact (comparisons with constants).  For such a condition the values
beside its own constants are as good as all values, so a search over them misses nothing.  What
the catalogue's fields have to do with one another is not known here: each is free.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from rules.conditions import (
    And,
    Compare,
    Condition,
    Constant,
    IsNull,
    Literal,
    Not,
    Or,
    Value,
    evaluate,
)

Truths: TypeAlias = frozenset[bool | None]
Demand: TypeAlias = tuple[Condition, Truths]
Domains: TypeAlias = Mapping[str, Sequence[Value | None]]

TRUE: Truths = frozenset({True})
FALSE: Truths = frozenset({False})
NULL: Truths = frozenset({None})
NOT_TRUE: Truths = frozenset({False, None})
NOT_FALSE: Truths = frozenset({True, None})
_ANY: Truths = frozenset({True, False, None})


def solve(demands: Iterable[Demand], domains: Domains) -> dict[str, Value | None] | None:
    """Return a value for each field so that every condition has one of its truth values.

    The first values of the domains are preferred; None if there is no solution.  A parameter that
    is not bound, or a field of another pattern, is a ValueError.
    """
    for found in _boxes(list(demands), {name: list(values) for name, values in domains.items()}):
        return {name: values[0] for name, values in found.items()}
    return None


def fixed(condition: Condition, field: str, value: Value | None) -> Condition:
    """Return the condition where a field is known to have a value, or to be unknown (None)."""
    match condition:
        case IsNull(ref) if ref.name == field:
            return Constant(value is None)
        case Compare(left, _, Literal()) if left.name == field:
            return Constant(evaluate(condition, {field: value}))
        case Not(part):
            return Not(fixed(part, field, value))
        case And(parts):
            return And(tuple(fixed(part, field, value) for part in parts))
        case Or(parts):
            return Or(tuple(fixed(part, field, value) for part in parts))
    return condition


_Box: TypeAlias = dict[str, list[Value | None]]


def _boxes(demands: list[Demand], box: _Box) -> Iterator[_Box]:
    """Yield domains, every choice from which meets the demands."""
    if not demands:
        yield box
        return
    (condition, truths), rest = demands[0], demands[1:]
    if truths >= _ANY:
        yield from _boxes(rest, box)
        return
    match condition:
        case Constant(value):
            if value in truths:
                yield from _boxes(rest, box)
        case IsNull(ref):
            yield from _narrowed(condition, ref.name, truths, rest, box)
        case Compare(left, _, right):
            if not isinstance(right, Literal):
                raise ValueError(f"{left} is compared with no constant")
            yield from _narrowed(condition, left.name, truths, rest, box)
        case Not(part):
            yield from _boxes([(part, _negated(truths)), *rest], box)
        case Or(parts):
            negated: Condition = And(tuple(Not(part) for part in parts))
            yield from _boxes([(negated, _negated(truths)), *rest], box)
        case And(parts):
            for way in _ways(parts, truths):
                yield from _boxes([*way, *rest], box)


def _narrowed(
    atom: Condition, name: str, truths: Truths, rest: list[Demand], box: _Box
) -> Iterator[_Box]:
    kept = [value for value in box[name] if evaluate(atom, {name: value}) in truths]
    if kept:
        yield from _boxes(rest, {**box, name: kept})


def _ways(parts: Sequence[Condition], truths: Truths) -> Iterator[list[Demand]]:
    """Yield in which ways a conjunction can have one of the truth values."""
    if truths == NOT_FALSE:
        yield [(part, NOT_FALSE) for part in parts]
        return
    if truths == NOT_TRUE:
        yield from ([(part, NOT_TRUE)] for part in parts)
        return
    if True in truths:
        yield [(part, TRUE) for part in parts]
    if False in truths:
        yield from ([(part, FALSE)] for part in parts)
    if None in truths:
        for unknown in range(len(parts)):
            yield [(part, NULL if at == unknown else NOT_FALSE) for at, part in enumerate(parts)]


def _negated(truths: Truths) -> Truths:
    return frozenset(None if each is None else not each for each in truths)
