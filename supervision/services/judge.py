"""Judge rules over a part of the facts: database, durable_rules and oracle must agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from rules.agreement import differences
from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.compiled import CompiledRules
from rules.conditions import fields
from rules.facts import VIOLATION, Fact, Firing, InferenceFailed, Key, UnitFacts
from rules.lowering import compile_rules
from rules.oracle import CannotJudge, Oracle
from supervision.errors import RunFailed
from supervision.store.candidates import Candidate, FactSource, count_groups, full_condition
from supervision.store.session import Session

NAMED = 3
"""Differences that a failed run's cause spells out."""


class Inference(Protocol):
    """The rule engine as the services see it (rules.pool.InferencePool)."""

    def run(self, compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]: ...


@dataclass(frozen=True)
class RuleGroup:
    """Bound rules that are judged together."""

    rules: tuple[CheckedRule, ...]

    @cached_property
    def by_id(self) -> Mapping[str, CheckedRule]:
        return {rule.rule.id: rule for rule in self.rules}

    @cached_property
    def compiled(self) -> CompiledRules:
        return compile_rules(self.rules)

    @cached_property
    def oracle(self) -> Oracle:
        return Oracle(self.rules)

    @cached_property
    def of_the_database(self) -> frozenset[str]:
        """The rules of one stored fact, which the database judges alone."""
        return frozenset(
            rule.rule.id for rule in self.rules if rule.single and rule.patterns[0].on != VIOLATION
        )

    @cached_property
    def joining(self) -> tuple[CheckedRule, ...]:
        """The others: joins, counts and rules about what this run has found."""
        return tuple(rule for rule in self.rules if rule.rule.id not in self.of_the_database)

    @cached_property
    def joined_kinds(self) -> frozenset[str]:
        return frozenset(pattern.on for rule in self.joining for pattern in rule.patterns)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The stored fact kinds that the rules speak of, in the catalogue's order."""
        named = {pattern.on for rule in self.rules for pattern in rule.patterns}
        return tuple(kind for kind in (*OBLIGATION_KINDS, "finding", "unit") if kind in named)

    @cached_property
    def named(self) -> Mapping[str, tuple[str, ...]]:
        """The fields on which each rule of the database turns."""
        return {
            name: tuple(sorted({each.name for each in fields(full_condition(self.by_id[name]))}))
            for name in self.of_the_database
        }

    def concerns(self, candidate: Candidate) -> bool:
        """Return whether a candidate is one for these rules."""
        mine = self.of_the_database
        return (
            candidate.fact.kind in self.joined_kinds
            or not mine.isdisjoint(candidate.violated)
            or not mine.isdisjoint(candidate.undecided)
        )


@dataclass(frozen=True)
class Judged:
    """What the rules say of a part of the facts.

    undecided  by rule: the keys that are neither violated nor satisfied, each with the unknown
               fields that keep it so
    found      the candidates by (kind, key)
    """

    firings: tuple[Firing, ...]
    undecided: Mapping[str, Mapping[Key, tuple[str, ...]]]
    found: Mapping[tuple[str, str], Candidate]


def judge(
    group: RuleGroup,
    candidates: Iterable[Candidate],
    *,
    inference: Inference,
    waived: Mapping[str, frozenset[tuple[str, Key]]],
) -> Judged:
    """Return the verdicts of a group's rules over candidates, all facts of a unit among them.

    Raises RunFailed when the engines disagree, a fact is refused or a worker dies: then nothing of
    the run may be kept.
    """
    found = {(each.fact.kind, each.fact.key): each for each in candidates if group.concerns(each)}
    by_unit: dict[str, list[Fact]] = defaultdict(list)
    for candidate in found.values():
        by_unit[candidate.unit].append(candidate.fact)
    nothing: frozenset[tuple[str, Key]] = frozenset()
    units = [
        UnitFacts(unit, tuple(facts), waived.get(unit, nothing))
        for unit, facts in sorted(by_unit.items())
    ]
    try:
        firings = inference.run(group.compiled, units) if units else []
    except InferenceFailed as error:
        raise RunFailed(f"the rule engine failed: {error}") from error
    certain = _database_firings(group, found.values())
    _require_agreement(
        {
            "the database": certain,
            "durable_rules": [each for each in firings if each.rule in group.of_the_database],
        }
    )
    undecided = _undecided(group, found.values())
    if group.joining:
        second, doubtful = _second_opinion(group, units, certain)
        _require_agreement(
            {
                "the oracle": second,
                "durable_rules": [
                    each for each in firings if each.rule not in group.of_the_database
                ],
            }
        )
        for rule, key in doubtful:
            undecided[rule][key] = ()
    return Judged(tuple(firings), undecided, found)


def _database_firings(group: RuleGroup, candidates: Iterable[Candidate]) -> list[Firing]:
    mine = group.of_the_database
    return [
        Firing(rule, each.unit, (each.fact.key,), severity, ((each.fact.key,),))
        for each in candidates
        for rule, severity in each.violated.items()
        if rule in mine
    ]


def _undecided(
    group: RuleGroup, candidates: Iterable[Candidate]
) -> dict[str, dict[Key, tuple[str, ...]]]:
    undecided: dict[str, dict[Key, tuple[str, ...]]] = defaultdict(dict)
    for candidate in candidates:
        for rule in candidate.undecided:
            if rule in group.of_the_database:
                known = candidate.fact.fields
                undecided[rule][candidate.fact.key,] = tuple(
                    name for name in group.named[rule] if known[name] is None
                )
    return undecided


def _second_opinion(
    group: RuleGroup, units: Sequence[UnitFacts], certain: Iterable[Firing]
) -> tuple[list[Firing], list[tuple[str, Key]]]:
    """Ask the oracle about joins and counts, given what two engines have said of single facts."""
    by_unit: dict[str, list[Firing]] = defaultdict(list)
    for firing in certain:
        by_unit[firing.unit].append(firing)
    firings: list[Firing] = []
    undecided: list[tuple[str, Key]] = []
    for unit in units:
        try:
            judgement = group.oracle.judge(unit, given=by_unit[unit.unit])
        except CannotJudge as error:
            raise RunFailed(f"the rules cannot be judged: {error}") from error
        firings += judgement.firings
        undecided += judgement.undecided
    return firings, undecided


def _require_agreement(views: Mapping[str, Sequence[Firing]]) -> None:
    differing = differences(views)
    if differing:
        more = f" (and {len(differing) - NAMED} more)" if len(differing) > NAMED else ""
        raise RunFailed(f"the engines disagree: {'; '.join(differing[:NAMED])}{more}")


@dataclass
class Tally:
    """The verdicts of a run as its parts come in; `missing` are the unknown fields, by rule."""

    violated: Counter[str] = field(default_factory=Counter)
    undecided: Counter[str] = field(default_factory=Counter)
    missing: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, judged: Judged) -> None:
        self.violated.update(firing.rule for firing in judged.firings)
        for rule, keys in judged.undecided.items():
            self.undecided[rule] += len(keys)
            self.missing[rule].update(name for names in keys.values() for name in names)


def applicable_to_groups(
    session: Session,
    group: RuleGroup,
    sources: Mapping[str, FactSource],
    tally: Tally,
    owing_units: int,
) -> dict[str, int]:
    """Return for each joining rule how many groups of facts it can be judged over.

    A rule about what the run has found can be judged for every unit that owes anything.
    """
    counts = {}
    for rule in group.joining:
        name, anchor = rule.rule.id, rule.patterns[rule.anchor].on
        if anchor == VIOLATION:
            counts[name] = max(owing_units, tally.violated[name] + tally.undecided[name])
        else:
            counts[name] = count_groups(session, sources[anchor], rule)
    return counts


def require_sums(applicable: Mapping[str, int], tally: Tally, rules: Collection[str]) -> None:
    """Raise RunFailed where more verdicts came out than facts the database counts in scope."""
    for name in rules:
        judged = tally.violated[name] + tally.undecided[name]
        if judged > applicable[name]:
            raise RunFailed(
                f"rule {name}: {applicable[name]} facts are in its scope, but "
                f"{tally.violated[name]} violated and {tally.undecided[name]} undecided "
                "are more than that"
            )
