"""Judge rules over a part of the facts: database, durable_rules and oracle must agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeVar

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

_INHERITED = frozenset({"requirement", "period", "period_no"})
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

    def reduced(self, candidate: Candidate) -> Fact:
        """Return a candidate's fact with the fields that these rules turn on."""
        fact = candidate.fact
        names = self._names[fact.kind]
        return Fact(fact.kind, fact.key, {name: fact.fields[name] for name in names})

    @cached_property
    def _names(self) -> Mapping[str, tuple[str, ...]]:
        """The fields of each kind that the engines need: those of rules, and what findings take."""
        found = {}
        for kind in self.kinds:
            taken = _INHERITED if kind in OBLIGATION_KINDS else frozenset()
            found[kind] = tuple(sorted(self.compiled.fields.get(kind, frozenset()) | taken))
        return found

    def concerns(self, candidate: Candidate) -> bool:
        """Return whether a candidate is one for these rules."""
        mine = self.of_the_database
        return (
            any(rule in self.by_id for rule, _ in candidate.patterns)
            or not mine.isdisjoint(candidate.violated)
            or not mine.isdisjoint(candidate.undecided)
        )

    def may_join(self, candidates: Sequence[Candidate]) -> bool:
        """Return whether a joining rule may bind anything among a unit's candidates."""
        there = {place for candidate in candidates for place in candidate.patterns}
        found = sum(rule in self.of_the_database for each in candidates for rule in each.violated)
        for rule in self.joining:
            chained = sum(pattern.on == VIOLATION for pattern in rule.patterns)
            needed = rule.rule.at_least if len(rule.patterns) == 1 else chained
            if found >= needed * bool(chained) and all(
                (rule.rule.id, at) in there
                for at, pattern in enumerate(rule.patterns)
                if pattern.on != VIOLATION
            ):
                return True
        return False


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


Part = TypeVar("Part")


def judged_in_turn(
    group: RuleGroup,
    parts: Iterable[tuple[Part, Sequence[Candidate]]],
    *,
    inference: Inference,
    waived: Mapping[str, frozenset[tuple[str, Key]]],
) -> Iterator[tuple[Part, Sequence[Candidate], Judged]]:
    """Yield each part of the candidates with the verdicts of a group's rules over it.

    All facts of a unit stand in one part.  While the engine judges one part, the next is read.
    Raises RunFailed when the engines disagree, a fact is refused or a worker dies: then nothing of
    the run may be kept.
    """
    with ThreadPoolExecutor(max_workers=1) as beside:
        begun: tuple[Part, Sequence[Candidate], _Hearing, Future[list[Firing]]] | None = None
        for part, candidates in parts:
            hearing = _Hearing(group, candidates, waived)
            answer = beside.submit(hearing.ask, inference)
            if begun is not None:
                yield begun[0], begun[1], begun[2].conclude(begun[3])
            begun = (part, candidates, hearing, answer)
        if begun is not None:
            yield begun[0], begun[1], begun[2].conclude(begun[3])


class _Hearing:
    """Candidates that the rule engine is asked about."""

    def __init__(
        self,
        group: RuleGroup,
        candidates: Iterable[Candidate],
        waived: Mapping[str, frozenset[tuple[str, Key]]],
    ) -> None:
        self._group = group
        self._found = {
            (each.fact.kind, each.fact.key): each for each in candidates if group.concerns(each)
        }
        self._by_unit: dict[str, list[Candidate]] = defaultdict(list)
        for candidate in self._found.values():
            self._by_unit[candidate.unit].append(candidate)
        nothing: frozenset[tuple[str, Key]] = frozenset()
        self._units = [
            UnitFacts(
                unit,
                tuple(group.reduced(candidate) for candidate in own),
                waived.get(unit, nothing),
            )
            for unit, own in sorted(self._by_unit.items())
        ]

    def ask(self, inference: Inference) -> list[Firing]:
        """Return what the engine says."""
        return inference.run(self._group.compiled, self._units) if self._units else []

    def conclude(self, answer: Future[list[Firing]]) -> Judged:
        """Return the verdicts, when the other opinions are the same."""
        group, found = self._group, self._found
        try:
            firings = answer.result()
        except InferenceFailed as error:
            raise RunFailed(f"the rule engine failed: {error}") from error
        certain = _database_firings(group, found.values())
        single = [each for each in firings if each.rule in group.of_the_database]
        _require_agreement({"the database": certain, "durable_rules": single})
        undecided = _undecided(group, found.values())
        if group.joining:
            joined = [unit for unit in self._units if group.may_join(self._by_unit[unit.unit])]
            second, doubtful = _second_opinion(group, joined, certain)
            others = [each for each in firings if each.rule not in group.of_the_database]
            _require_agreement({"the oracle": second, "durable_rules": others})
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
