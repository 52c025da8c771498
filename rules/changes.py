"""The smallest changes after which a rule no longer holds: what a unit can do, or the office grant.

Every proposal has been tried: its changes, and what follows from them, are made to the facts, and
the rule is evaluated again.  A proposal counts when the rule is then FALSE, not merely unknown, and
when no part of it would do alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from math import comb
from types import MappingProxyType

from rules.checked import CheckedRule
from rules.conditions import Condition, conjunction, evaluate
from rules.conditions import fields as named
from rules.facts import VIOLATION, Fact, Key, UnitFacts
from rules.moves import FILING, Move, Situation, moves_on
from rules.oracle import judge
from rules.remedies import GIVEN, UNCHANGEABLE, Actor, Fields

MOST_TOGETHER = 3
"""Steps that are tried in every combination; what needs more is found by leaving out."""

_MOST_MOVES = 24
_MOST_TRIES = 2500
"""Sets of one size that are tried; a match of many facts has more, and each costs a judgement."""
_MOST_TRIES_OF_MATCH = 400


_WHAT_IS_FILED = re.compile(r"^(?:按退回意见补正后重新)?报送[^，]*，其中")
_AND_FILED = re.compile(r"[，并后]?(?:按退回意见补正后)?(?:重新报送[^，；：）]*|并报送台账)$")


def together(texts: Sequence[str]) -> str:
    """Return steps as one sentence in which the filing itself is said once."""
    told = []
    for at, text in enumerate(texts):
        if at > 0:
            text = _WHAT_IS_FILED.sub("", text)
        if at < len(texts) - 1:
            text = _AND_FILED.sub("", text)
        told.append(text)
    return "，并".join(told)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done: about which fact, by whom, in words, and the fields as they are then.

    `changed` holds only what this step alters, after the steps before it; for a violation that is
    made away with it is empty.
    """

    fact: str
    actor: Actor
    text: str
    changed: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Steps that together are enough, and none of which may be left out."""

    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        return together([step.text for step in self.steps])


@dataclass(frozen=True, slots=True)
class OfFact:
    """What would take one fact of a count out of it."""

    fact: str
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What would satisfy a rule.

    proposals     alternatives, each sufficient; for a count over single facts there are none
    needed, each  a count: so many of these facts, each with its own alternatives
    reasons       why nothing helps, where nothing does
    """

    proposals: tuple[Proposal, ...] = ()
    needed: int = 0
    each: tuple[OfFact, ...] = ()
    reasons: tuple[str, ...] = ()


def smallest_changes(
    rule: CheckedRule,
    facts: Sequence[Fact],
    *,
    unit: str,
    key: Key,
    situations: Mapping[str, Situation] = MappingProxyType({}),
) -> Changes:
    """Return what would make a bound rule that holds on these facts FALSE.

    `key` says which finding of a match is meant; `situations` what is known of a fact beyond its
    fields.  A rule that does not hold needs no change.
    """
    if not _holds(rule, facts, unit, key):
        return Changes()
    if not rule.single and len(rule.patterns) == 1:
        return _of_count(rule, facts, unit, key, situations)
    moves = [
        (at, move)
        for at, fact in enumerate(facts)
        for move in _moves(rule, fact, situations.get(fact.key, Situation()))
    ]

    def enough(chosen: Sequence[tuple[int, Move]]) -> bool:
        return _settled(rule, _changed(facts, chosen), unit, key)

    found = _smallest(moves, enough, tries=_MOST_TRIES if rule.single else _MOST_TRIES_OF_MATCH)
    proposals = tuple(_proposal(facts, chosen) for chosen in found)
    return Changes(proposals, reasons=() if proposals else _reasons(rule))


def _of_count(
    rule: CheckedRule,
    facts: Sequence[Fact],
    unit: str,
    key: Key,
    situations: Mapping[str, Situation],
) -> Changes:
    """A count over single facts: so many of them, whichever."""
    counted = [fact for fact in facts if _counts(rule, fact, unit, key)]
    needed = len(counted) - rule.rule.at_least + 1
    condition = _condition(rule)
    each = []
    for fact in counted:
        if fact.kind == VIOLATION:
            each.append(OfFact(fact.key, ()))
            continue
        situation = situations.get(fact.key, Situation())
        found = _smallest(
            [(0, move) for move in moves_on(fact, condition, situation)],
            partial(_out_of, fact, condition),
        )
        each.append(OfFact(fact.key, tuple(_proposal([fact], chosen) for chosen in found)))
    able = sum(1 for one in each if one.proposals or _is_violation(counted, one.fact))
    reasons = () if able >= needed else _reasons(rule)
    return Changes(needed=needed, each=tuple(each), reasons=reasons)


def _out_of(fact: Fact, condition: Condition, chosen: Sequence[tuple[int, Move]]) -> bool:
    """Whether the condition is FALSE of the changed fact."""
    return evaluate(condition, _changed([fact], chosen)[0].fields) is False


def _is_violation(facts: Sequence[Fact], key: str) -> bool:
    return any(fact.key == key and fact.kind == VIOLATION for fact in facts)


def _counts(rule: CheckedRule, fact: Fact, unit: str, key: Key) -> bool:
    """Whether a fact counts, or may, towards this finding of a rule of one pattern."""
    pattern = rule.patterns[0]
    if fact.kind != pattern.on or evaluate(_condition(rule), fact.fields) is False:
        return False
    return key == tuple(
        unit if field.name == "unit" else fact.fields[field.name] for field in rule.per
    )


# --- Trying --------------------------------------------------------------------------------------


def _holds(rule: CheckedRule, facts: Sequence[Fact], unit: str, key: Key) -> bool:
    if rule.single:
        return len(facts) == 1 and evaluate(_condition(rule), facts[0].fields) is True
    firings = judge([rule], UnitFacts(unit, tuple(facts))).firings
    return any(firing.key == key for firing in firings)


def _settled(rule: CheckedRule, facts: Sequence[Fact], unit: str, key: Key) -> bool:
    """Whether the rule is FALSE: neither violated nor, for what is unknown, undecided."""
    if rule.single:
        return all(evaluate(_condition(rule), fact.fields) is False for fact in facts)
    judgement = judge([rule], UnitFacts(unit, tuple(facts)))
    violated = any(firing.key == key for firing in judgement.firings)
    return not violated and all(undecided != key for _, undecided in judgement.undecided)


def _condition(rule: CheckedRule) -> Condition:
    return conjunction(rule.scope, rule.patterns[0].condition)


def _moves(rule: CheckedRule, fact: Fact, situation: Situation) -> list[Move]:
    found: dict[tuple[tuple[str, ...], str], Move] = {}
    for at, pattern in enumerate(rule.patterns):
        if pattern.on != fact.kind:
            continue
        scope = rule.scope if at == rule.anchor else None
        for condition in (pattern.condition, *([scope] if scope is not None else [])):
            for move in moves_on(fact, condition, situation):
                found.setdefault((move.drivers, move.text), move)
    return list(found.values())


def _changed(facts: Sequence[Fact], chosen: Sequence[tuple[int, Move]]) -> list[Fact]:
    after: list[Fact | None] = list(facts)
    for at, move in sorted(chosen, key=lambda each: each[1].order):
        fact = after[at]
        if fact is not None:
            fields = move.apply(fact.fields)
            after[at] = None if fields is None else Fact(fact.kind, fact.key, fields)
    return [fact for fact in after if fact is not None]


_Chosen = tuple[tuple[int, Move], ...]
_Driver = tuple[int, str]


def _smallest(
    moves: Sequence[tuple[int, Move]],
    enough: Callable[[Sequence[tuple[int, Move]]], bool],
    *,
    tries: int = _MOST_TRIES,
) -> list[_Chosen]:
    """Return the sets of moves that are enough while no part of them is, smallest first.

    Of sets that differ only in how far they go, the one that goes least far.
    """
    found: list[_Chosen] = []
    considered = moves[:_MOST_MOVES]
    for size in range(1, MOST_TOGETHER + 1):
        if comb(len(considered), size) > tries:
            break
        new: dict[frozenset[_Driver], _Chosen] = {}
        for chosen in combinations(considered, size):
            drivers = _drivers(chosen)
            if _clash(chosen) or any(_drivers(smaller) <= drivers for smaller in found):
                continue
            if enough(chosen):
                best = new.get(drivers)
                if best is None or _cost(chosen) < _cost(best):
                    new[drivers] = chosen
        least = [new[drivers] for drivers in new if not any(other < drivers for other in new)]
        found += sorted(least, key=_unit_first)
    if not found:
        found += _by_leaving_out(moves, enough)
    return found


def _by_leaving_out(
    moves: Sequence[tuple[int, Move]], enough: Callable[[Sequence[tuple[int, Move]]], bool]
) -> Iterator[_Chosen]:
    """Yield one set from all that can be done at once, less all that is not needed."""
    kept: list[tuple[int, Move]] = []
    for each in moves:
        if not _clash([*kept, each]):
            kept.append(each)
    if not kept or not enough(kept):
        return
    while True:
        shorter = ([other for other in kept if other is not each] for each in kept)
        less = next((rest for rest in shorter if enough(rest)), None)
        if less is None:
            break
        kept = less
    yield tuple(kept)


def _drivers(chosen: Sequence[tuple[int, Move]]) -> frozenset[_Driver]:
    return frozenset((at, driver) for at, move in chosen for driver in move.drivers)


def _clash(chosen: Sequence[tuple[int, Move]]) -> bool:
    """Whether two of the moves would move the same thing; filing is done once for all."""
    moved = [(at, name) for at, move in chosen for name in move.drivers if name != FILING]
    bare = [at for at, move in chosen if move.drivers == (FILING,)]
    return len(set(moved)) < len(moved) or len(set(bare)) < len(bare)


def _unit_first(chosen: _Chosen) -> bool:
    return any(move.actor is not Actor.UNIT for _, move in chosen)


def _cost(chosen: Sequence[tuple[int, Move]]) -> int:
    return sum(move.distance for _, move in chosen)


def _proposal(facts: Sequence[Fact], chosen: _Chosen) -> Proposal:
    steps = []
    after = [dict(fact.fields) for fact in facts]
    for at, move in sorted(chosen, key=lambda each: (each[0], each[1].order)):
        before, then = after[at], dict(move.apply(after[at]) or {})
        changed = {name: value for name, value in then.items() if before[name] != value}
        steps.append(Step(facts[at].key, move.actor, move.text, changed))
        after[at] = then
    return Proposal(tuple(steps))


def _reasons(rule: CheckedRule) -> tuple[str, ...]:
    """Return why nothing helps: the history that the rule speaks of, else what is given."""
    conditions = [rule.scope, *(pattern.condition for pattern in rule.patterns)]
    names = {ref.name for condition in conditions for ref in named(condition)}
    told = [reason for name, reason in UNCHANGEABLE.items() if name in names]
    return tuple(dict.fromkeys(told)) or (GIVEN,)
