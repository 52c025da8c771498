"""Judge a ruleset over the stored facts: database, durable_rules and oracle, which must agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rules.agreement import differences
from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.compiled import CompiledRules
from rules.conditions import fields
from rules.facts import VIOLATION, Fact, Firing, InferenceFailed, Key, UnitFacts
from rules.lowering import compile_rules
from rules.oracle import CannotJudge
from rules.oracle import judge as ask_oracle
from supervision.errors import RunFailed
from supervision.store.candidates import (
    NULL,
    TRUE,
    Candidate,
    Counts,
    FactSource,
    candidates,
    count_groups,
    count_single,
    full_condition,
)
from supervision.store.session import Session

NAMED = 3
"""Differences that a failed run's cause spells out."""


class Inference(Protocol):
    """The rule engine as the services see it (rules.pool.InferencePool)."""

    def run(self, compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]: ...


@dataclass(frozen=True)
class Judged:
    """What the rules say.

    counts     by rule: applicable and satisfied
    undecided  by rule: the keys that are neither, each with the unknown fields that keep it so
    found      the candidates by (kind, key)
    """

    firings: tuple[Firing, ...]
    counts: Mapping[str, Counts]
    undecided: Mapping[str, Mapping[Key, tuple[str, ...]]]
    found: Mapping[tuple[str, str], Candidate]

    def missing(self, rule: str) -> dict[str, int]:
        """Return how often each unknown field kept the rule undecided."""
        return dict(
            Counter(name for names in self.undecided.get(rule, {}).values() for name in names)
        )


@dataclass
class _Gathered:
    by_unit: dict[str, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    found: dict[tuple[str, str], Candidate] = field(default_factory=dict)


def judge(
    session: Session,
    sources: Mapping[str, FactSource],
    rules: Sequence[CheckedRule],
    *,
    inference: Inference,
    owing_units: int,
    waived: Mapping[str, frozenset[tuple[str, Key]]],
) -> Judged:
    """Return the verdicts of bound rules over the facts of `sources` (by kind).

    Raises RunFailed when the engines disagree, a fact is refused, a worker dies or the counts do
    not add up: then nothing of the run may be kept.
    """
    gathered = _gather(session, sources, rules)
    units = [
        UnitFacts(unit, tuple(facts), waived.get(unit, frozenset()))
        for unit, facts in sorted(gathered.by_unit.items())
    ]
    try:
        firings = inference.run(compile_rules(rules), units)
    except InferenceFailed as error:
        raise RunFailed(f"the rule engine failed: {error}") from error
    undecided = _undecided_single(rules, gathered.found)
    _require_agreement(
        {
            "the database": _database_firings(rules, gathered.found),
            "durable_rules": [each for each in firings if _judged_by_database(rules, each)],
        }
    )
    joining = [rule for rule in rules if not _of_the_database(rule)]
    if joining:
        seconds: list[Firing] = []
        for unit in units:
            try:
                judgement = ask_oracle(rules, unit)
            except CannotJudge as error:
                raise RunFailed(f"the rules cannot be judged: {error}") from error
            seconds += judgement.firings
            for rule_id, key in judgement.undecided:
                if any(rule.rule.id == rule_id for rule in joining):
                    undecided[rule_id][key] = ()
        _require_agreement({"the oracle": seconds, "durable_rules": firings})
    counts = _counts(session, sources, rules, firings, undecided, owing_units)
    _require_sums(rules, counts, firings, undecided)
    return Judged(tuple(firings), counts, undecided, gathered.found)


def _of_the_database(rule: CheckedRule) -> bool:
    return rule.single and rule.patterns[0].on != VIOLATION


def _judged_by_database(rules: Sequence[CheckedRule], firing: Firing) -> bool:
    return any(rule.rule.id == firing.rule and _of_the_database(rule) for rule in rules)


def _gather(
    session: Session, sources: Mapping[str, FactSource], rules: Sequence[CheckedRule]
) -> _Gathered:
    gathered = _Gathered()
    for kind, source in sources.items():
        for candidate in candidates(session, source, rules):
            gathered.found[kind, candidate.fact.key] = candidate
            gathered.by_unit[candidate.unit].append(candidate.fact)
    return gathered


def _database_firings(
    rules: Sequence[CheckedRule], found: Mapping[tuple[str, str], Candidate]
) -> list[Firing]:
    firings = []
    for rule in rules:
        if not _of_the_database(rule):
            continue
        for (kind, key), candidate in found.items():
            if kind == rule.patterns[0].on and candidate.truth[rule.rule.id] == TRUE:
                severity = candidate.severity.get(rule.rule.id)
                firings.append(Firing(rule.rule.id, candidate.unit, (key,), severity, ((key,),)))
    return firings


def _undecided_single(
    rules: Sequence[CheckedRule], found: Mapping[tuple[str, str], Candidate]
) -> dict[str, dict[Key, tuple[str, ...]]]:
    undecided: dict[str, dict[Key, tuple[str, ...]]] = defaultdict(dict)
    for rule in rules:
        if not _of_the_database(rule):
            continue
        names = sorted({each.name for each in fields(full_condition(rule))})
        for (kind, key), candidate in found.items():
            if kind == rule.patterns[0].on and candidate.truth[rule.rule.id] == NULL:
                unknown = tuple(name for name in names if candidate.fact.fields[name] is None)
                undecided[rule.rule.id][key,] = unknown
    return undecided


def _require_agreement(views: Mapping[str, Sequence[Firing]]) -> None:
    differing = differences(views)
    if differing:
        more = f" (and {len(differing) - NAMED} more)" if len(differing) > NAMED else ""
        raise RunFailed(f"the engines disagree: {'; '.join(differing[:NAMED])}{more}")


def _counts(
    session: Session,
    sources: Mapping[str, FactSource],
    rules: Sequence[CheckedRule],
    firings: Sequence[Firing],
    undecided: Mapping[str, Mapping[Key, tuple[str, ...]]],
    owing_units: int,
) -> dict[str, Counts]:
    counts: dict[str, Counts] = {}
    for source in sources.values():
        counts.update(count_single(session, source, rules))
    violated = Counter(firing.rule for firing in firings)
    for rule in rules:
        if _of_the_database(rule):
            continue
        anchor = rule.patterns[rule.anchor].on
        judged = violated[rule.rule.id] + len(undecided.get(rule.rule.id, {}))
        if anchor == VIOLATION:
            applicable = max(owing_units, judged)
        else:
            applicable = count_groups(session, sources[anchor], rule)
        counts[rule.rule.id] = Counts(applicable, applicable - judged)
    return counts


def _require_sums(
    rules: Sequence[CheckedRule],
    counts: Mapping[str, Counts],
    firings: Sequence[Firing],
    undecided: Mapping[str, Mapping[Key, tuple[str, ...]]],
) -> None:
    violated = Counter(firing.rule for firing in firings)
    for rule in rules:
        name = rule.rule.id
        count = counts[name]
        found = count.satisfied + violated[name] + len(undecided.get(name, {}))
        if count.applicable != found or count.satisfied < 0:
            raise RunFailed(
                f"rule {name}: {count.applicable} facts are in its scope, but "
                f"{count.satisfied} satisfied, {violated[name]} violated and "
                f"{len(undecided.get(name, {}))} undecided do not add up to that"
            )


def kinds_needed(rules: Sequence[CheckedRule]) -> list[str]:
    """Return the stored fact kinds that the rules speak of, in the catalogue's order."""
    named = {pattern.on for rule in rules for pattern in rule.patterns}
    return [kind for kind in (*OBLIGATION_KINDS, "finding", "unit") if kind in named]
