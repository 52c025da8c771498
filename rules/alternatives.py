"""A rule's conditions as alternatives, each an ordered list of patterns with their tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from rules.checked import CheckedRule
from rules.compiled import NUMBER_LIMIT
from rules.conditions import (
    And,
    Compare,
    Condition,
    Conjunct,
    Constant,
    FieldRef,
    IsNull,
    Known,
    Literal,
    Not,
    Operator,
    Or,
    Shifted,
    Test,
    TooManyConjuncts,
    Value,
    conjunction,
    true_when,
)

MAX_ALTERNATIVES = 64
MAX_JOIN_TESTS = 28  # of the engine's 32 expressions: `and`, `end`, `o = other.o`, one kept free

_MIRRORED = {
    Operator.EQ: Operator.EQ,
    Operator.NE: Operator.NE,
    Operator.LT: Operator.GT,
    Operator.LE: Operator.GE,
    Operator.GT: Operator.LT,
    Operator.GE: Operator.LE,
}


class CannotCompile(ValueError):
    """A rule is beyond what the rule engine takes; says where it stands and why."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One conjunct of one rule; every field in it names its pattern by alias (`p0`, `p1` …)."""

    rule: int
    kinds: Mapping[str, str]  # by alias, in the order of joining
    own: Mapping[str, tuple[Test, ...]]
    joins: Mapping[str, tuple[Compare, ...]]


def alternatives(index: int, rule: CheckedRule) -> list[Alternative]:
    aliases = {pattern.name: f"p{i}" for i, pattern in enumerate(rule.patterns)}
    whole = conjunction(
        _renamed(rule.scope, aliases, rule.patterns[rule.anchor].name),
        *(_renamed(pattern.condition, aliases, pattern.name) for pattern in rule.patterns),
    )
    kinds = {aliases[pattern.name]: pattern.on for pattern in rule.patterns}
    try:
        conjuncts = true_when(whole, limit=MAX_ALTERNATIVES)
        return [_alternative(index, conjunct, kinds) for conjunct in conjuncts]
    except (TooManyConjuncts, CannotCompile) as error:
        raise CannotCompile(f"{rule.source}: rule {rule.rule.id}: {error}") from error


def _renamed(condition: Condition, aliases: Mapping[str | None, str], own: str | None) -> Condition:
    def renamed(field: FieldRef) -> FieldRef:
        return replace(field, pattern=aliases[field.pattern or own])

    match condition:
        case IsNull(field):
            return IsNull(renamed(field))
        case Compare(left, operator, Shifted(right, plus)):
            return Compare(renamed(left), operator, Shifted(renamed(right), plus))
        case Compare(left, operator, constant):
            return Compare(renamed(left), operator, constant)
        case Not(part):
            return Not(_renamed(part, aliases, own))
        case And(parts):
            return And(tuple(_renamed(part, aliases, own) for part in parts))
        case Or(parts):
            return Or(tuple(_renamed(part, aliases, own) for part in parts))
        case Constant():
            return condition
    assert_never(condition)


def _alternative(rule: int, conjunct: Conjunct, kinds: Mapping[str, str]) -> Alternative:
    order = _join_order(conjunct, list(kinds))
    own: dict[str, list[Test]] = {alias: [] for alias in order}
    joins: dict[str, list[Compare]] = {alias: [] for alias in order}
    for test in conjunct:
        match test:
            case Known(field):
                own[alias_of(field)].append(test)
            case Compare(field, _, Literal(value)):
                _check_size(value)
                own[alias_of(field)].append(test)
            case Compare(left, operator, Shifted(right, plus)):
                _check_size(plus)
                if left.pattern == right.pattern:
                    raise CannotCompile(
                        f"{left.name} is compared with {right.name} of the same fact"
                    )
                if order.index(alias_of(left)) < order.index(alias_of(right)):
                    test = Compare(right, _MIRRORED[operator], Shifted(left, -plus))
                joins[alias_of(test.left)].append(test)
            case Compare(_, _, unbound):
                raise CannotCompile(f"{unbound} is not bound to a value")
    if max(len(tests) for tests in joins.values()) > MAX_JOIN_TESTS:
        raise CannotCompile(
            f"one pattern is compared with others more than {MAX_JOIN_TESTS} times; "
            "the rule engine takes no more"
        )
    return Alternative(
        rule,
        {alias: kinds[alias] for alias in order},
        {alias: tuple(tests) for alias, tests in own.items()},
        {alias: tuple(tests) for alias, tests in joins.items()},
    )


def _check_size(value: Value) -> None:
    if isinstance(value, int) and abs(value) >= NUMBER_LIMIT:
        raise CannotCompile(f"the number {value} (encoded) is beyond ±{NUMBER_LIMIT - 1}")


def alias_of(field: FieldRef) -> str:
    assert field.pattern is not None  # renamed
    return field.pattern


def _join_order(conjunct: Conjunct, aliases: list[str]) -> list[str]:
    """Return the patterns so that each is tied by equalities to those before, where that can be.

    Every combination of a rule's first patterns is kept in memory while the unit is judged.
    """
    ties = [
        {test.left.pattern, test.right.field.pattern}
        for test in conjunct
        if isinstance(test, Compare)
        and test.operator is Operator.EQ
        and isinstance(test.right, Shifted)
    ]
    order, left = aliases[:1], aliases[1:]
    while left:
        closest = max(
            left, key=lambda alias: sum(alias in tie and not tie.isdisjoint(order) for tie in ties)
        )
        order.append(closest)
        left.remove(closest)
    return order
