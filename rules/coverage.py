"""Condition coverage: was each comparison of each published rule ever true, false and unknown?

What counts, exactly:

- an atom is a comparison or a null test as its author wrote it (`in` and `between` are several);
  the rule's `requirement`, and that no companion is meant, are implied and not asked for;
- an atom of `scope` counts on each fact of the rule's kind that the implied part does not exclude;
- an atom of `when`, or of a pattern, on each of these facts for which the scope is not false (a
  pattern without a scope: on each fact of its kind);
- a test that joins patterns on each combination of different facts of which each passes (is not
  false by) the tests on it alone;
- an atom of a severity step where the rule is violated and no step before it holds;
- findings of the same run are facts of the kind `violation`.

Asked for is what can be: unknown only of a field that may be unknown, and nothing that the other
conditions exclude (`days_overdue is not null` in the scope: then it is never unknown in `when`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from rules.catalogue import KINDS
from rules.checked import CheckedRule, Source
from rules.conditions import (
    Compare,
    Condition,
    FactFields,
    FieldRef,
    IsNull,
    Param,
    evaluate,
    fields,
)
from rules.domains import domains_of, field_of
from rules.facts import Fact
from rules.rule_parts import Atom, RulePart, conjuncts, joins, parts_of, text_of
from rules.solving import NOT_FALSE, NOT_TRUE, NULL, TRUE, Demand, Truths, solve
from rules.vocabulary import Status

OUTCOMES: tuple[bool | None, ...] = (True, False, None)
MOST_COMBINATIONS = 20_000
"""Combinations of one case's facts that are looked at for one rule."""


@dataclass(frozen=True)
class AtomCoverage:
    """One atomic condition: `possible` is what is asked for, `seen` what some case showed."""

    rule: str
    source: Source
    where: str
    text: str
    possible: Truths
    seen: Truths

    @property
    def missing(self) -> tuple[bool | None, ...]:
        """Return what was never seen, of true, false, unknown."""
        return tuple(each for each in OUTCOMES if each in self.possible - self.seen)


@dataclass(frozen=True)
class Coverage:
    """The atoms of the published rules in their order."""

    atoms: tuple[AtomCoverage, ...]

    @property
    def asked(self) -> int:
        return sum(len(each.possible) for each in self.atoms)

    @property
    def seen(self) -> int:
        return sum(len(each.possible & each.seen) for each in self.atoms)

    @property
    def percent(self) -> float:
        """Return the share seen of what is asked for, in percent, rounded down to one place."""
        return 100.0 if not self.asked else self.seen * 1000 // self.asked / 10

    @property
    def gaps(self) -> tuple[AtomCoverage, ...]:
        return tuple(each for each in self.atoms if each.missing)

    def of(self, rules: Iterable[str]) -> Coverage:
        """Return the part of some rules."""
        wanted = frozenset(rules)
        return Coverage(tuple(each for each in self.atoms if each.rule in wanted))


@dataclass
class _Watched:
    rule: CheckedRule
    parts: tuple[RulePart, ...]
    seen: dict[tuple[int, int], set[bool | None]] = field(default_factory=dict)

    def note(self, part: int, atom: int, outcome: bool | None) -> None:
        self.seen.setdefault((part, atom), set()).add(outcome)


class CoverageCounter:
    """Collects what cases show of the conditions of the published rules."""

    def __init__(self, rules: Sequence[CheckedRule]) -> None:
        self._watched = {
            rule.rule.id: _Watched(rule, parts_of(rule))
            for rule in rules
            if rule.rule.status is Status.PUBLISHED
        }
        self._bound: dict[str, CheckedRule] = {}

    def look(self, rules: Iterable[CheckedRule], facts: Sequence[Fact]) -> None:
        """Count one case: its bound rules over its facts, findings of the run among them."""
        for rule in rules:
            watched = self._watched.get(rule.rule.id)
            if watched is not None:
                self._bound.setdefault(rule.rule.id, rule)
                _look(watched, rule, facts)

    def coverage(self) -> Coverage:
        """Return what was seen so far."""
        found = []
        for name, watched in self._watched.items():
            bound = self._bound.get(name, watched.rule)
            bound_parts = parts_of(bound)
            for at, part in enumerate(watched.parts):
                for number, atom in enumerate(part.atoms):
                    possible = _possible(bound, bound_parts, at, bound_parts[at].atoms[number])
                    found.append(
                        AtomCoverage(
                            rule=name,
                            source=watched.rule.source,
                            where=part.where,
                            text=text_of(watched.rule, part, atom),
                            possible=possible,
                            seen=frozenset(watched.seen.get((at, number), ())),
                        )
                    )
        return Coverage(tuple(found))


# --- Looking at one case -------------------------------------------------------------------------


def _look(watched: _Watched, rule: CheckedRule, facts: Sequence[Fact]) -> None:
    parts = parts_of(rule)
    scope, patterns = parts[0], parts[1 : 1 + len(rule.patterns)]
    candidates: list[list[Fact]] = []
    for at, part in enumerate(patterns):
        candidates.append([])
        for fact in facts:
            if fact.kind != rule.patterns[at].on:
                continue
            if at == rule.anchor and not _in_scope(watched, scope, fact):
                continue
            if evaluate(part.implied, fact.fields) is False:
                continue
            for number, atom in enumerate(part.atoms):
                if not joins(atom):
                    watched.note(1 + at, number, evaluate(atom, fact.fields))
            if all(evaluate(each, fact.fields) is not False for each in _alone(part)):
                candidates[at].append(fact)
    for held in _combinations(candidates):
        _look_at_combination(watched, rule, parts, held)


def _in_scope(watched: _Watched, scope: RulePart, fact: Fact) -> bool:
    if evaluate(scope.implied, fact.fields) is False:
        return False
    for number, atom in enumerate(scope.atoms):
        watched.note(0, number, evaluate(atom, fact.fields))
    return evaluate(scope.condition, fact.fields) is not False


def _alone(part: RulePart) -> Iterator[Condition]:
    for each in conjuncts(part.condition):
        if all(ref.pattern is None for ref in fields(each)):
            yield each


def _combinations(candidates: Sequence[Sequence[Fact]]) -> Iterator[tuple[Fact, ...]]:
    for looked, held in enumerate(product(*candidates)):
        if looked >= MOST_COMBINATIONS:
            return
        if len({fact.key for fact in held}) == len(held):
            yield held


def _look_at_combination(
    watched: _Watched, rule: CheckedRule, parts: Sequence[RulePart], held: tuple[Fact, ...]
) -> None:
    others: dict[str, FactFields] = {
        pattern.name: fact.fields
        for pattern, fact in zip(rule.patterns, held, strict=True)
        if pattern.name is not None
    }
    holds: list[bool | None] = [evaluate(rule.scope, held[rule.anchor].fields)]
    for at, pattern in enumerate(rule.patterns):
        for number, atom in enumerate(parts[1 + at].atoms):
            if joins(atom):
                watched.note(1 + at, number, evaluate(atom, held[at].fields, others))
        holds.append(evaluate(pattern.condition, held[at].fields, others))
    if not all(each is True for each in holds):
        return
    own = held[0].fields if rule.single else {}
    for place in range(1 + len(rule.patterns), len(parts)):
        for number, atom in enumerate(parts[place].atoms):
            watched.note(place, number, evaluate(atom, own, others))
        if evaluate(parts[place].condition, own, others) is True:
            return


# --- What can be seen at all ---------------------------------------------------------------------


def _possible(rule: CheckedRule, parts: Sequence[RulePart], at: int, atom: Atom) -> Truths:
    """Return the outcomes an atom can have where it is evaluated."""
    types = _types(atom)
    found = []
    for outcome in types:
        try:
            if _can(rule, parts, at, atom, frozenset({outcome})):
                found.append(outcome)
        except ValueError:  # a parameter without a value: nothing can be excluded
            found.append(outcome)
    return frozenset(found)


def _types(atom: Atom) -> tuple[bool | None, ...]:
    nullable = any(ref.nullable for ref in fields(atom))
    if isinstance(atom, Compare):
        return OUTCOMES if nullable else (True, False)
    return (True, False) if nullable else (False,)


def _can(
    rule: CheckedRule, parts: Sequence[RulePart], at: int, atom: Atom, outcome: Truths
) -> bool:
    if isinstance(atom, Compare) and isinstance(atom.right, Param):
        raise ValueError("not bound")
    if joins(atom):
        return outcome != NULL or any(_can_be_unknown(rule, parts, at, ref) for ref in fields(atom))
    ref = field_of(atom)
    own = (
        Compare(_bare(ref), atom.operator, atom.right)
        if isinstance(atom, Compare)
        else (IsNull(_bare(ref)))
    )
    return _can_on(rule, parts, _pattern_of(rule, parts[at], ref), at, own, outcome)


def _can_be_unknown(rule: CheckedRule, parts: Sequence[RulePart], at: int, ref: FieldRef) -> bool:
    """Whether a field of a join can be unknown on a fact that passes the tests on it alone."""
    pattern = _pattern_of(rule, parts[at], ref)
    unknown = IsNull(_bare(ref))
    return ref.nullable and _can_on(rule, parts, pattern, at, unknown, TRUE, passing=True)


def _can_on(
    rule: CheckedRule,
    parts: Sequence[RulePart],
    pattern: int,
    at: int,
    atom: Condition,
    outcome: Truths,
    *,
    passing: bool = False,
) -> bool:
    """Whether an atom of part `at` can have an outcome on the fact of one pattern.

    `passing`: on one that passes the tests on it alone.
    """
    scope, own = parts[0], parts[1 + pattern]
    demands: list[Demand] = []
    ladder = at > len(rule.patterns)
    if pattern == rule.anchor:
        demands.append((scope.implied, NOT_FALSE))
        if at > 0:
            demands.append((scope.condition, TRUE if ladder else NOT_FALSE))
    if at > 0:
        demands.append((own.implied, NOT_FALSE))
    if ladder or passing:
        demands += [(each, TRUE if ladder else NOT_FALSE) for each in _alone(own)]
    if ladder and rule.single:
        demands += [(before.condition, NOT_TRUE) for before in parts[2:at]]
    demands.append((atom, outcome))
    table = KINDS[rule.patterns[pattern].on]
    domains = domains_of((condition for condition, _ in demands), table, {}, {})
    return solve(demands, domains) is not None


def _pattern_of(rule: CheckedRule, part: RulePart, ref: FieldRef) -> int:
    if ref.pattern is None:
        assert part.pattern is not None
        return part.pattern
    return next(at for at, each in enumerate(rule.patterns) if each.name == ref.pattern)


def _bare(ref: FieldRef) -> FieldRef:
    return replace(ref, pattern=None)
