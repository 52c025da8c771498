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
    chaining = [r for r in rules if any(pattern.on == VIOLATION for pattern in r.patterns)]
    single = [r for r in rules if r.single and r not in chaining]
    matching = [r for r in rules if not r.single and r not in chaining]

    known = list(unit.facts)
    groups: dict[str, dict[Key, _Group]] = {}
    told: set[tuple[str, Key]] = set()
    waiting: list[Fact] = []
    for round_no in range(MAX_ROUNDS + 2):
        now = (single, matching)[round_no] if round_no < 2 else chaining
        if round_no >= 2:
            known += waiting
            waiting = []
        for rule in now:
            groups[rule.rule.id] = _groups(rule, unit.unit, known)
        for rule in now:
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


def _groups(rule: CheckedRule, unit: str, facts: Iterable[Fact]) -> dict[Key, _Group]:
    groups: dict[Key, _Group] = defaultdict(_Group)
    for combination, holds in _combinations(rule, list(facts)):
        group = groups[_key(rule, unit, combination)]
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


def _combinations(rule: CheckedRule, facts: list[Fact]) -> Iterator[tuple[_Combination, bool]]:
    """Yield each combination of different facts for which the rule is TRUE (True) or NULL (False).

    A combination is given up as soon as a conjunct that speaks of the facts bound so far is FALSE.
    """
    parts = list(_parts(rule))
    candidates: list[list[tuple[Fact, bool]]] = []
    for place, pattern in enumerate(rule.patterns):
        alone = [part for part in parts if part.needs == {place}]
        candidates.append([])
        for fact in facts:
            if fact.kind == pattern.on:
                truth = _together(evaluate(part.condition, fact.fields) for part in alone)
                if truth is not False:
                    candidates[-1].append((fact, truth is True))
    kept = 0

    def extended(bound: _Combination, certain: bool) -> Iterator[tuple[_Combination, bool]]:
        nonlocal kept
        place = len(bound)
        if place == len(rule.patterns):
            yield bound, certain
            return
        joins = [part for part in parts if max(part.needs) == place and len(part.needs) > 1]
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
