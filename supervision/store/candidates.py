"""Rules' conditions in the database: only candidates leave it, and the counts that prove the rest.

A candidate is a fact for which some condition is not FALSE.  Beside it stands one letter for each
rule of a single fact: the severity's rank or `T` for TRUE, `?` for NULL, `-` for FALSE.

Rules that speak of one requirement are asked about its facts alone, and what only they name is
looked up for no other: a field that may be unknown is NULL in the candidates of others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from sqlmodel import Session

from rules.catalogue import KINDS, OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.conditions import (
    ALWAYS,
    And,
    Compare,
    Condition,
    FieldRef,
    Literal,
    Operator,
    conjunction,
    fields,
)
from rules.facts import Fact
from rules.lowering import escape_for_text, to_sql
from rules.vocabulary import Level
from supervision.store.facts import Measured, Moment, obligation_facts
from supervision.store.ledger_sql import Dialect
from supervision.store.standing_facts import finding_facts, unit_facts

ALWAYS_WANTED = frozenset({"requirement", "clause", "unit", "period", "period_no", "due_on"})
"""Fields every candidate carries: what a violation inherits, and what a notice is filed under."""

_TRUE, _UNKNOWN, _FALSE = "T", "?", "-"
_LEVELS = {str(level.rank): level for level in Level}

Everywhere = None
"""The place of a rule that is not bound to one requirement."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fact with the database's view of the rules on its kind.

    `violated` gives the rules that are TRUE, each with its severity (None for a notice or an
    escalation), `undecided` those that are NULL, `patterns` the places in matches, by rule and
    number, that it may take as far as it alone decides.
    """

    fact: Fact
    unit: str
    violated: Mapping[str, Level | None]
    undecided: tuple[str, ...]
    patterns: frozenset[tuple[str, int]]


def full_condition(rule: CheckedRule) -> Condition:
    """Return scope and condition of a rule of a single fact as one."""
    return conjunction(rule.scope, rule.patterns[0].condition)


def own_part(condition: Condition) -> Condition:
    """Return what of a pattern's condition needs no other fact; the rest may be anything."""
    return conjunction(
        *(part for part in _parts(condition) if all(each.pattern is None for each in fields(part)))
    )


def _parts(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, And):
        for part in condition.parts:
            yield from _parts(part)
    else:
        yield condition


def _requirement(kind: str, condition: Condition) -> str | None:
    """Return the requirement whose facts alone the condition can hold for."""
    if kind in OBLIGATION_KINDS:
        for part in _parts(condition):
            match part:
                case Compare(FieldRef("requirement", _, None), Operator.EQ, Literal(str(value))):
                    return value
    return Everywhere


@dataclass(frozen=True)
class FactSource:
    """The facts of one kind at a moment: a `WITH …` that ends in `facts`, and its binding."""

    kind: str
    moment: Moment
    measures: Sequence[Measured]
    dialect: Dialect

    def sql(self, wanted: Collection[str]) -> str:
        if self.kind in OBLIGATION_KINDS:
            return obligation_facts(
                self.kind,
                self.moment,
                wanted=wanted,
                measures=self.measures,
                dialect=self.dialect,
            )
        make = {"finding": finding_facts, "unit": unit_facts}[self.kind]
        return make(self.moment)

    def always(self) -> frozenset[str]:
        if self.kind in OBLIGATION_KINDS:
            return ALWAYS_WANTED
        if self.kind == "finding":
            return frozenset({"unit", "cycle", "days_past_rectify_due", "days_to_rectify_due"})
        return frozenset({"unit"})


def _column(field: FieldRef) -> str:
    return f"facts.{field.name}"


def _text(condition: Condition, dialect: Dialect) -> str:
    return escape_for_text(to_sql(condition, dialect, _column))


@dataclass
class _Place:
    """What is asked of the facts of one requirement, or of all: rules, patterns, named fields."""

    single: list[CheckedRule] = field(default_factory=list)
    patterns: list[tuple[str, int, Condition]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def not_ruled_out(self, dialect: Dialect) -> str:
        asked = [full_condition(rule) for rule in self.single]
        asked += [condition for _, _, condition in self.patterns]
        texts = dict.fromkeys(_text(condition, dialect) for condition in asked)
        return " OR ".join(f"(({each}) IS NOT FALSE)" for each in texts)

    def letters(self, dialect: Dialect) -> str:
        every = [_letter(rule, dialect) for rule in self.single]
        every += [
            f"(CASE WHEN ({_text(condition, dialect)}) IS NOT FALSE THEN '{_TRUE}'"
            f" ELSE '{_FALSE}' END)"
            for _, _, condition in self.patterns
        ]
        return " || ".join(every) or "''"


def _letter(rule: CheckedRule, dialect: Dialect) -> str:
    full = _text(full_condition(rule), dialect)
    steps = " ".join(
        f"WHEN {_text(condition, dialect)} THEN '{level.rank}'"
        for level, condition in rule.severity
    )
    held = f"CASE {steps} END" if steps else f"'{_TRUE}'"
    # a CASE of one operand works it out once
    return f"(CASE ({full}) WHEN TRUE THEN {held} WHEN FALSE THEN '{_FALSE}' ELSE '{_UNKNOWN}' END)"


class _View(NamedTuple):
    violated: Mapping[str, Level | None]
    undecided: tuple[str, ...]
    patterns: frozenset[tuple[str, int]]


class Scan:
    """The candidates of one kind for bound rules; its SQL is made once and run for many moments."""

    def __init__(self, kind: str, rules: Sequence[CheckedRule]) -> None:
        self.kind = kind
        self._places: dict[str | None, _Place] = defaultdict(_Place)
        for rule in rules:
            self._add(rule)
        self._read: dict[tuple[str | None, str, str], _View] = {}
        self._written: dict[tuple[object, ...], str] = {}

    @property
    def empty(self) -> bool:
        """Whether no rule or pattern speaks of the kind."""
        return not any(place.single or place.patterns for place in self._places.values())

    def _add(self, rule: CheckedRule) -> None:
        kinds = {pattern.name: pattern.on for pattern in rule.patterns}
        if rule.single and rule.patterns[0].on == self.kind:
            place = self._places[_requirement(self.kind, full_condition(rule))]
            place.single.append(rule)
            place.names |= _names_of(self.kind, rule)
        elif self.kind in kinds.values():
            self._places[Everywhere].names |= _names_of(self.kind, rule)
            for at, pattern in enumerate(rule.patterns):
                if pattern.on == self.kind:
                    within = rule.scope if at == rule.anchor else ALWAYS
                    condition = conjunction(within, own_part(pattern.condition))
                    place = self._places[_requirement(self.kind, condition)]
                    place.patterns.append((rule.rule.id, at, condition))

    @cached_property
    def _bound(self) -> dict[str, _Place]:
        return {name: place for name, place in self._places.items() if name is not None}

    def _select(self, source: FactSource, names: Sequence[str]) -> str:
        dialect, everywhere = source.dialect, self._places[Everywhere]
        free = everywhere.names | source.always()
        columns = ["facts.fact_key"]
        for name in names:
            asking = [place for place, found in self._bound.items() if name in found.names]
            if name in free or not KINDS[self.kind][name].nullable:
                columns.append(f"facts.{name}")
            else:
                named = ", ".join(f"'{place}'" for place in asking)
                columns.append(f"CASE WHEN facts.requirement IN ({named}) THEN facts.{name} END")
        cases = " ".join(
            f"WHEN '{name}' THEN {place.letters(dialect)}" for name, place in self._bound.items()
        )
        own = f"CASE facts.requirement {cases} ELSE '' END" if cases else "''"
        columns += [everywhere.letters(dialect), own]
        needed = [everywhere.not_ruled_out(dialect)]
        needed += [
            f"(facts.requirement = '{name}' AND ({place.not_ruled_out(dialect)}))"
            for name, place in self._bound.items()
            if place.single or place.patterns
        ]
        where = " OR ".join(filter(None, needed))
        return f"SELECT {', '.join(columns)}\nFROM facts\nWHERE {where}"

    def _statement(self, source: FactSource, what: str, write: Callable[[], str]) -> str:
        """Return the text of a statement, written once for each shape that a source can have.

        The sources of one scan differ in their moments only.
        """
        moment = source.moment
        given = tuple(each is not None for each in (moment.units, moment.between, moment.keys))
        shape = (what, source.dialect, *given)
        if shape not in self._written:
            self._written[shape] = write()
        return self._written[shape]

    def candidates(self, session: Session, source: FactSource) -> Iterator[Candidate]:
        """Yield the facts of the source that some rule or pattern cannot rule out."""
        if self.empty:
            return
        named = set().union(*(place.names for place in self._places.values()))
        names = sorted(named | source.always())
        statement = self._statement(
            source, "candidates", lambda: f"{source.sql(names)}\n{self._select(source, names)}"
        )
        # a kind without the field (a finding has it, a unit has not) is never bound to one
        at = names.index("requirement") if "requirement" in names else None
        unit_at = names.index("unit")
        for key, *values, common, own in session.execute(source.moment.bind(statement)):
            requirement = None if at is None else values[at]
            fact = Fact(self.kind, key, dict(zip(names, values, strict=True)))
            yield Candidate(fact, values[unit_at], *self._view(requirement, common, own))

    def _view(self, requirement: str | None, common: str, own: str) -> _View:
        """Return what the letters say; facts with the same letters share the answer."""
        name = requirement if requirement in self._places else Everywhere
        found = self._read.get((name, common, own))
        if found is None:
            said = list(self._said(self._places[Everywhere], common))
            if name is not Everywhere:
                said += self._said(self._places[name], own)
            found = self._read[name, common, own] = _View(
                {
                    rule: _LEVELS.get(letter)
                    for rule, at, letter in said
                    if at is None and letter not in (_FALSE, _UNKNOWN)
                },
                tuple(rule for rule, at, letter in said if at is None and letter == _UNKNOWN),
                frozenset(
                    (rule, at) for rule, at, letter in said if at is not None and letter == _TRUE
                ),
            )
        return found

    def _said(self, place: _Place, letters: str) -> Iterator[tuple[str, int | None, str]]:
        asked: list[tuple[str, int | None]] = [(rule.rule.id, None) for rule in place.single]
        asked += [(rule, at) for rule, at, _ in place.patterns]
        for (rule, at), letter in zip(asked, letters, strict=True):
            yield rule, at, letter

    def count(self, session: Session, source: FactSource) -> tuple[int, dict[str, int]]:
        """Return how many facts there are, and to how many each rule of a single fact applies."""
        single = [rule for place in self._places.values() for rule in place.single]
        scopes = dict.fromkeys(rule.scope for rule in single)

        def written() -> str:
            counts = (
                f"SUM(CASE WHEN ({_text(each, source.dialect)}) IS NOT FALSE THEN 1 ELSE 0 END)"
                for each in scopes
            )
            wanted = {each.name for scope in scopes for each in fields(scope)}
            return f"{source.sql(wanted)}\nSELECT {', '.join(['COUNT(*)', *counts])} FROM facts"

        statement = self._statement(source, "count", written)
        total, *counted = session.execute(source.moment.bind(statement)).one()
        by_scope = dict(zip(scopes, counted, strict=True))
        return int(total), {rule.rule.id: int(by_scope[rule.scope] or 0) for rule in single}


def _names_of(kind: str, rule: CheckedRule) -> set[str]:
    """Return the fields of a kind that the rule names."""
    found: set[str] = set()
    kinds = {pattern.name: pattern.on for pattern in rule.patterns}
    if rule.patterns[rule.anchor].on == kind:
        found.update(each.name for each in fields(rule.scope))
    for pattern in rule.patterns:
        for each in fields(pattern.condition):
            if (pattern.on if each.pattern is None else kinds[each.pattern]) == kind:
                found.add(each.name)
    for _, condition in rule.severity:
        found.update(each.name for each in fields(condition) if kinds[each.pattern] == kind)
    found.update(each.name for each in rule.per if kinds[each.pattern] == kind)
    return found


def count_groups(session: Session, source: FactSource, rule: CheckedRule) -> int:
    """Return for how many groups of `per` a match can be judged at all."""
    names = {each.name for each in rule.per} | {"unit"}
    wanted = names | {each.name for each in fields(rule.scope)}
    listed = ", ".join(f"facts.{name}" for name in sorted(names))
    scope = _text(rule.scope, source.dialect)
    statement = (
        f"{source.sql(wanted)}\nSELECT COUNT(*) FROM (SELECT DISTINCT {listed} FROM facts"
        f" WHERE ({scope}) IS NOT FALSE) AS grouped"
    )
    return int(session.execute(source.moment.bind(statement)).scalar_one())


def whole_facts(
    session: Session, source: FactSource, keys: Iterable[str]
) -> dict[str, Mapping[str, int | str | None]]:
    """Return all fields of the facts with these keys."""
    names = list(KINDS[source.kind])
    listed = ", ".join(f"facts.{name}" for name in names)
    found: dict[str, Mapping[str, int | str | None]] = {}
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), 500):
        chosen = tuple(wanted[start : start + 500])
        part = replace(source, moment=replace(source.moment, keys=chosen))
        statement = f"{part.sql(names)}\nSELECT facts.fact_key, {listed} FROM facts"
        for row in session.execute(part.moment.bind(statement)):
            found[row[0]] = dict(zip(names, row[1:], strict=True))
    return found
