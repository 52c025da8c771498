"""The same rules in plain Python: the second opinion on joins, and on everything in tests.

Written to be read beside the language's definition, not to be fast.  It shares nothing with the
lowering to durable_rules but `conditions.evaluate` and the shapes of facts and firings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rules.checked import CheckedRule
from rules.conditions import And, Condition, FactFields, Value, conjunction, evaluate, fields
from rules.facts import (
    MAX_COMBINATIONS,
    MAX_ROUNDS,
    VIOLATION,
    Fact,
    Firing,
    Key,
    UnitFacts,
    in_order,
    key_order,
    violation_key,
)
from rules.vocabulary import Level

_MOST_KEPT = 5 * MAX_COMBINATIONS

Verdict: TypeAlias = Literal["violated", "satisfied", "undecided"]


class CannotJudge(Exception):
    """The unit's facts bind more combinations than can be judged, or breed findings without end."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is violated, and (rule, key) of what is not but might be if the unknown were known."""

    firings: tuple[Firing, ...]
    undecided: tuple[tuple[str, Key], ...]


def verdict(rule: CheckedRule, fact: Fact) -> Verdict | None:
    """Return the verdict of an `on` rule on one fact; None outside the rule's scope."""
    if evaluate(rule.scope, fact.fields) is False:
        return None
    match evaluate(conjunction(rule.scope, rule.patterns[0].condition), fact.fields):
        case True:
            return "violated"
        case False:
            return "satisfied"
        case _:
            return "undecided"


def severity_of(rule: CheckedRule, fact: Fact) -> Level | None:
    """Return the level of an `on` rule's finding on a fact; None for a notice or an escalation."""
    for level, condition in rule.severity:
        if evaluate(condition, fact.fields) is True:
            return level
    return None


def judge(rules: Sequence[CheckedRule], unit: UnitFacts) -> Judgement:
    """Return what the rules say of one unit.  Parameters must be bound."""
    return Oracle(rules).judge(unit)


class Oracle:
    """Rules made ready to be judged over many units, one after the other."""

    def __init__(self, rules: Sequence[CheckedRule]) -> None:
        every = [_Ready(rule) for rule in rules]
        self._every = every
        self._chaining = [r for r in every if VIOLATION in r.kinds]
        self._single = [r for r in every if r.rule.single and r not in self._chaining]
        self._matching = [r for r in every if not r.rule.single and r not in self._chaining]

    def judge(self, unit: UnitFacts, *, given: Sequence[Firing] | None = None) -> Judgement:
        """Return what the rules say of one unit.

        `given` are the firings of all rules of a single stored fact where others have judged these:
        they are taken as they are, and only the other rules are in the answer.
        """
        first, every = self._single, self._every
        waiting: list[Fact] = []
        if given is not None:
            waiting = self._given_violations(unit, given)
            first, every = [], [*self._matching, *self._chaining]
        return _judged(unit, waiting, first, self._matching, self._chaining, every)

    def _given_violations(self, unit: UnitFacts, given: Sequence[Firing]) -> list[Fact]:
        if not self._chaining:
            return []
        rules = {ready.rule.rule.id: ready.rule for ready in self._single}
        facts = {fact.key: fact for fact in unit.facts}
        found = []
        for firing in given:
            rule = rules[firing.rule]
            if rule.severity and (firing.rule, firing.key) not in unit.waived:
                group = _Group()
                group.true.append((facts[firing.facts[0][0]],))
                found.append(_violation(rule, unit.unit, firing.key, group))
        return found


def _judged(
    unit: UnitFacts,
    waiting: list[Fact],
    single: Sequence[_Ready],
    matching: Sequence[_Ready],
    chaining: Sequence[_Ready],
    every: Sequence[_Ready],
) -> Judgement:
    known = list(unit.facts)
    groups: dict[str, dict[Key, _Group]] = {}
    told: set[tuple[str, Key]] = set()
    for round_no in range(MAX_ROUNDS + 2):
        now = (single, matching)[round_no] if round_no < 2 else chaining
        if round_no >= 2:
            known += waiting
            waiting = []
        for ready in now:
            groups[ready.rule.rule.id] = _groups(ready, unit.unit, known)
        for ready in now:
            rule = ready.rule
            for key, group in groups[rule.rule.id].items():
                if rule.severity and group.violated(rule) and (rule.rule.id, key) not in told:
                    told.add((rule.rule.id, key))
                    if (rule.rule.id, key) not in unit.waived:
                        waiting.append(_violation(rule, unit.unit, key, group))
        present = {fact.key for fact in known}
        waiting = [fact for fact in waiting if fact.key not in present]
        if round_no >= 2 and not waiting:
            break
    else:
        raise CannotJudge(f"unit {unit.unit}: findings bring forth new ones without end")

    rules = [ready.rule for ready in every]
    return Judgement(
        firings=tuple(
            in_order(
                [
                    Firing(rule.rule.id, unit.unit, key, group.severity(rule), group.keys())
                    for rule in rules
                    for key, group in groups[rule.rule.id].items()
                    if group.violated(rule)
                ]
            )
        ),
        undecided=tuple(
            sorted(
                (
                    (rule.rule.id, key)
                    for rule in rules
                    for key, group in groups[rule.rule.id].items()
                    if group.undecided(rule)
                ),
                key=lambda found: (found[0], key_order(found[1])),
            )
        ),
    )


# --- Combinations ---------------------------------------------------------------------------------

_Combination: TypeAlias = tuple[Fact, ...]  # in the order of the rule's patterns


class _Group:
    """The combinations that one finding stands for: those that hold and those that might."""

    def __init__(self) -> None:
        self.true: list[_Combination] = []
        self.null: list[_Combination] = []

    def violated(self, rule: CheckedRule) -> bool:
        return len(self.true) >= rule.rule.at_least

    def undecided(self, rule: CheckedRule) -> bool:
        return not self.violated(rule) and len(self.true) + len(self.null) >= rule.rule.at_least

    def severity(self, rule: CheckedRule) -> Level | None:
        for level, condition in rule.severity:
            if any(_evaluate(rule, condition, held) is True for held in self.true):
                return level
        return None

    def keys(self) -> tuple[tuple[str, ...], ...]:
        return tuple(sorted(tuple(fact.key for fact in held) for held in self.true))


class _Ready:
    """A rule with its conditions taken apart once."""

    def __init__(self, rule: CheckedRule) -> None:
        self.rule = rule
        self.kinds = [pattern.on for pattern in rule.patterns]
        parts = list(_parts(rule))
        self.alone = [
            [part.condition for part in parts if part.needs == {place}]
            for place in range(len(rule.patterns))
        ]
        self.joins = [
            [part for part in parts if max(part.needs) == place and len(part.needs) > 1]
            for place in range(len(rule.patterns))
        ]


def _groups(ready: _Ready, unit: str, facts: Sequence[Fact]) -> dict[Key, _Group]:
    groups: dict[Key, _Group] = defaultdict(_Group)
    for combination, holds in _combinations(ready, facts):
        group = groups[_key(ready.rule, unit, combination)]
        (group.true if holds else group.null).append(combination)
    return groups


def _key(rule: CheckedRule, unit: str, combination: _Combination) -> Key:
    if rule.single:
        return (combination[0].key,)
    by_name = _by_name(rule, combination)
    return tuple(
        unit if field.name == "unit" else by_name[field.pattern or ""][field.name]
        for field in rule.per
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """A conjunct of a rule's conditions: `owner` is the pattern whose fields are unqualified."""

    owner: int
    condition: Condition
    needs: frozenset[int]  # patterns by index, the owner included


def _combinations(ready: _Ready, facts: Sequence[Fact]) -> Iterator[tuple[_Combination, bool]]:
    """Yield each combination of different facts for which the rule is TRUE (True) or NULL (False).

    A combination is given up as soon as a conjunct that speaks of the facts bound so far is FALSE.
    """
    rule = ready.rule
    candidates: list[list[tuple[Fact, bool]]] = []
    for kind, alone in zip(ready.kinds, ready.alone, strict=True):
        candidates.append([])
        for fact in facts:
            if fact.kind == kind:
                truth = _together(evaluate(condition, fact.fields) for condition in alone)
                if truth is not False:
                    candidates[-1].append((fact, truth is True))
        if not candidates[-1]:
            return
    kept = 0

    def extended(bound: _Combination, certain: bool) -> Iterator[tuple[_Combination, bool]]:
        nonlocal kept
        place = len(bound)
        if place == len(rule.patterns):
            yield bound, certain
            return
        joins = ready.joins[place]
        for fact, sure in candidates[place]:
            if any(fact.key == other.key for other in bound):
                continue
            longer = (*bound, fact)
            others = _by_name(rule, longer)
            truth = _together(
                evaluate(part.condition, longer[part.owner].fields, others) for part in joins
            )
            if truth is False:
                continue
            kept += 1
            if kept > _MOST_KEPT:
                raise CannotJudge(
                    f"rule {rule.rule.id} binds over {_MOST_KEPT} combinations of facts"
                )
            yield from extended(longer, certain and sure and truth is True)

    yield from extended((), True)


def _together(truths: Iterable[bool | None]) -> bool | None:
    """Return SQL's AND; the first FALSE decides."""
    unknown = False
    for truth in truths:
        if truth is False:
            return False
        unknown = unknown or truth is None
    return None if unknown else True


def _parts(rule: CheckedRule) -> Iterator[_Part]:
    index = {pattern.name: place for place, pattern in enumerate(rule.patterns)}
    conditions = [(rule.anchor, rule.scope)]
    conditions += [(place, pattern.condition) for place, pattern in enumerate(rule.patterns)]
    for owner, condition in conditions:
        for conjunct in _conjuncts(condition):
            others = {index[field.pattern] for field in fields(conjunct) if field.pattern}
            yield _Part(owner, conjunct, frozenset({owner} | others))


def _conjuncts(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, And):
        for part in condition.parts:
            yield from _conjuncts(part)
    else:
        yield condition


def _by_name(rule: CheckedRule, combination: _Combination) -> dict[str, FactFields]:
    return {
        pattern.name: fact.fields
        for pattern, fact in zip(rule.patterns, combination, strict=False)
        if pattern.name is not None
    }


def _evaluate(rule: CheckedRule, condition: Condition, combination: _Combination) -> bool | None:
    own = combination[0].fields if rule.single else {}
    return evaluate(condition, own, _by_name(rule, combination))


def _violation(rule: CheckedRule, unit: str, key: Key, group: _Group) -> Fact:
    level = group.severity(rule)
    assert level is not None  # the ladder's last step always holds
    inherited: dict[str, Value | None] = {
        "rule": rule.rule.id,
        "severity": level.value,
        "clause": rule.rule.clause,
        "unit": unit,
        "requirement": None,
        "period": None,
        "period_no": None,
    }
    if rule.single:
        found_on = group.true[0][0].fields
        for name in ("requirement", "period", "period_no"):
            inherited[name] = found_on.get(name)
    return Fact(VIOLATION, violation_key(rule.rule.id, key), inherited)
