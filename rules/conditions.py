"""Checked conditions: a small closed tree with SQL's three truth values.

`rules.expression` builds these trees from text, `rules.lowering` turns them into SQL and into
durable_rules definitions, and `rules.oracle` evaluates them here, in plain Python.  Whatever the
text may say beyond these nodes (`in`, `between`, `<>` of a list …) is spelled out by the parser, so
every engine has only five things to agree on.

Values are encoded: booleans 0/1, decimals as fixed-point integers with six places, dates as
`date.toordinal()`, choices and text as they are, unknown as None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Value: TypeAlias = int | str
FactFields: TypeAlias = Mapping[str, Value | None]


class Operator(StrEnum):
    """The comparisons of the language; order comparisons are for numbers and dates only."""

    EQ = "="
    NE = "<>"
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="

    @property
    def negated(self) -> Operator:
        return _NEGATED[self]


_NEGATED = {
    Operator.EQ: Operator.NE,
    Operator.NE: Operator.EQ,
    Operator.LT: Operator.GE,
    Operator.GE: Operator.LT,
    Operator.GT: Operator.LE,
    Operator.LE: Operator.GT,
}


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field of the fact itself (`pattern` None) or of another pattern of the same match."""

    name: str
    nullable: bool
    pattern: str | None = None

    def __str__(self) -> str:
        return self.name if self.pattern is None else f"{self.pattern}.{self.name}"


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant, encoded."""

    value: Value


@dataclass(frozen=True, slots=True)
class Param:
    """A dated parameter of the plan, bound to a literal before a run."""

    name: str


@dataclass(frozen=True, slots=True)
class Shifted:
    """Another pattern's field plus a constant (encoded; 0 for the bare field)."""

    field: FieldRef
    plus: int = 0


Operand: TypeAlias = Literal | Param | Shifted


@dataclass(frozen=True, slots=True)
class Compare:
    left: FieldRef
    operator: Operator
    right: Operand


@dataclass(frozen=True, slots=True)
class IsNull:
    field: FieldRef


@dataclass(frozen=True, slots=True)
class Constant:
    """TRUE, FALSE or (None) NULL."""

    value: bool | None


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Condition, ...]


Condition: TypeAlias = "Compare | IsNull | Constant | Not | And | Or"

ALWAYS = Constant(True)


def conjunction(*parts: Condition) -> Condition:
    """Return the parts joined by `and`, leaving out those that always hold."""
    kept = tuple(part for part in parts if part != ALWAYS)
    if not kept:
        return ALWAYS
    return kept[0] if len(kept) == 1 else And(kept)


def evaluate(
    condition: Condition,
    own: FactFields,
    others: Mapping[str, FactFields] | None = None,
) -> bool | None:
    """Return TRUE, FALSE or None (NULL) by SQL's rules.

    `own` is the fact that unqualified fields name; `others` the facts bound to other patterns.
    A parameter that was not bound is a ValueError: bind first.
    """
    match condition:
        case Constant(value):
            return value
        case IsNull(field):
            return _value(field, own, others) is None
        case Compare(left, operator, right):
            a = _value(left, own, others)
            match right:
                case Literal(constant):
                    b: Value | None = constant
                case Shifted(field, plus):
                    b = _value(field, own, others)
                    if plus and b is not None:
                        assert isinstance(b, int)
                        b += plus
                case Param(name):
                    raise ValueError(f"parameter {name!r} is not bound")
            return None if a is None or b is None else _holds(a, operator, b)
        case Not(part):
            inner = evaluate(part, own, others)
            return None if inner is None else not inner
        case And(parts):
            values = [evaluate(part, own, others) for part in parts]
            return False if False in values else None if None in values else True
        case Or(parts):
            values = [evaluate(part, own, others) for part in parts]
            return True if True in values else None if None in values else False


def _value(
    field: FieldRef, own: FactFields, others: Mapping[str, FactFields] | None
) -> Value | None:
    if field.pattern is None:
        return own[field.name]
    assert others is not None
    return others[field.pattern][field.name]


def _holds(a: Value, operator: Operator, b: Value) -> bool:
    match operator:
        case Operator.EQ:
            return a == b
        case Operator.NE:
            return a != b
    assert isinstance(a, int) and isinstance(b, int)  # the checker lets no text be ordered
    match operator:
        case Operator.LT:
            return a < b
        case Operator.LE:
            return a <= b
        case Operator.GT:
            return a > b
        case Operator.GE:
            return a >= b


def bind(condition: Condition, params: Mapping[str, Value]) -> Condition:
    """Return the condition with every parameter replaced by its encoded value."""
    match condition:
        case Compare(left, operator, Param(name)):
            return Compare(left, operator, Literal(params[name]))
        case Not(part):
            return Not(bind(part, params))
        case And(parts):
            return And(tuple(bind(part, params) for part in parts))
        case Or(parts):
            return Or(tuple(bind(part, params) for part in parts))
    return condition


def atoms(condition: Condition) -> Iterator[Compare | IsNull]:
    """Yield every comparison and null test, left to right."""
    match condition:
        case Compare() | IsNull():
            yield condition
        case Not(part):
            yield from atoms(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from atoms(part)


def fields(condition: Condition) -> Iterator[FieldRef]:
    """Yield every field the condition names, own and of other patterns, with repetitions."""
    for atom in atoms(condition):
        match atom:
            case IsNull(field):
                yield field
            case Compare(left, _, right):
                yield left
                if isinstance(right, Shifted):
                    yield right.field


def params(condition: Condition) -> frozenset[str]:
    """Return the names of the parameters the condition uses."""
    return frozenset(
        atom.right.name
        for atom in atoms(condition)
        if isinstance(atom, Compare) and isinstance(atom.right, Param)
    )


# --- When is it TRUE?  The form durable_rules is given. -----------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """A nullable field is known (`wanted`) or unknown (not `wanted`)."""

    field: FieldRef
    wanted: bool


Test: TypeAlias = Compare | Known
Conjunct: TypeAlias = tuple[Test, ...]


class TooManyConjuncts(ValueError):
    """The condition's disjunctive normal form is larger than the bound."""


def true_when(condition: Condition, *, limit: int = 64) -> tuple[Conjunct, ...]:
    """Return the condition as alternatives, each a conjunction of tests on known values.

    The result holds exactly where SQL says TRUE; `not` is pushed inwards first, and a test on a
    field that may be unknown carries the test that it is known.  No alternative means never TRUE;
    one empty alternative means always.  Raises TooManyConjuncts above `limit` alternatives.
    """
    return tuple(_alternatives(condition, wanted=True, limit=limit))


def _alternatives(condition: Condition, *, wanted: bool, limit: int) -> list[Conjunct]:
    match condition:
        case Constant(value):
            return [()] if value is wanted else []
        case IsNull(field):
            if not field.nullable:
                return [] if wanted else [()]
            return [(Known(field, not wanted),)]
        case Compare(left, operator, right):
            test: Conjunct = ()
            involved = [left, right.field] if isinstance(right, Shifted) else [left]
            for field in involved:
                if field.nullable:
                    test += (Known(field, True),)
            return [(*test, Compare(left, operator if wanted else operator.negated, right))]
        case Not(part):
            return _alternatives(part, wanted=not wanted, limit=limit)
        case And(parts) if wanted:
            return _product(parts, wanted=wanted, limit=limit)
        case Or(parts) if not wanted:
            return _product(parts, wanted=wanted, limit=limit)
        case And(parts) | Or(parts):
            found: dict[Conjunct, None] = {}
            for part in parts:
                found.update(dict.fromkeys(_alternatives(part, wanted=wanted, limit=limit)))
                if len(found) > limit:
                    raise TooManyConjuncts(_too_many(limit))
            return list(found)


def _product(parts: tuple[Condition, ...], *, wanted: bool, limit: int) -> list[Conjunct]:
    found: dict[Conjunct, None] = {(): None}
    for part in parts:
        alternatives = _alternatives(part, wanted=wanted, limit=limit)
        found = {
            tuple(dict.fromkeys((*left, *right))): None for left in found for right in alternatives
        }
        if len(found) > limit:
            raise TooManyConjuncts(_too_many(limit))
    return list(found)


def _too_many(limit: int) -> str:
    return (
        f"the condition unfolds into more than {limit} alternatives; "
        "split it into several rules, or put what the `or` branches share in `scope`"
    )
