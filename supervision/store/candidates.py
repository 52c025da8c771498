"""Rules' conditions in the database: only candidates leave it, and the counts that prove the rest.

A candidate is a fact for which some condition is not FALSE.  Each rule of a single fact has a
column: 1 TRUE, 0 FALSE, 2 NULL, -1 outside its scope.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from rules.catalogue import KINDS, OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.conditions import ALWAYS, And, Condition, FieldRef, conjunction, fields
from rules.facts import Fact
from rules.lowering import escape_for_text, severity_to_sql, to_sql
from rules.vocabulary import Level
from supervision.store.facts import Measured, Moment, obligation_facts
from supervision.store.ledger_sql import Dialect
from supervision.store.standing_facts import finding_facts, unit_facts

OUTSIDE, FALSE, TRUE, NULL = -1, 0, 1, 2
ALWAYS_WANTED = frozenset({"requirement", "clause", "unit", "period", "period_no", "due_on"})
"""Fields every candidate carries: what a violation inherits, and what a notice is filed under."""


@dataclass(frozen=True)
class Candidate:
    """A fact with the database's view of the rules on its kind."""

    fact: Fact
    unit: str
    truth: Mapping[str, int]
    severity: Mapping[str, Level]


@dataclass(frozen=True)
class Counts:
    """How many facts a rule applies to and how many satisfy it, counted by the database."""

    applicable: int
    satisfied: int


def full_condition(rule: CheckedRule) -> Condition:
    """Return scope and condition of a rule of a single fact as one."""
    return conjunction(rule.scope, rule.patterns[0].condition)


def own_part(condition: Condition) -> Condition:
    """Return what of a pattern's condition needs no other fact; the rest may be anything."""
    parts = condition.parts if isinstance(condition, And) else (condition,)
    return conjunction(
        *(part for part in parts if all(field.pattern is None for field in fields(part)))
    )


def _wanted(kind: str, rules: Iterable[CheckedRule]) -> set[str]:
    """Return the fields of a kind that the rules name."""
    found: set[str] = set()
    for rule in rules:
        kinds = {pattern.name: pattern.on for pattern in rule.patterns}
        anchor_kind = rule.patterns[rule.anchor].on
        if anchor_kind == kind:
            found.update(field.name for field in fields(rule.scope))
        for pattern in rule.patterns:
            for field in fields(pattern.condition):
                if (pattern.on if field.pattern is None else kinds[field.pattern]) == kind:
                    found.add(field.name)
        for _, condition in rule.severity:
            for field in fields(condition):
                if kinds[field.pattern] == kind:
                    found.add(field.name)
        found.update(field.name for field in rule.per if kinds[field.pattern] == kind)
    return found


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


def candidates(
    session: Session, source: FactSource, rules: Sequence[CheckedRule]
) -> list[Candidate]:
    """Return the facts of the source's kind that some rule or pattern cannot rule out.

    `rules` are bound; those with no pattern on the kind are passed over.
    """
    kind, dialect = source.kind, source.dialect
    single = [rule for rule in rules if rule.single and rule.patterns[0].on == kind]
    patterns: list[Condition] = []
    for rule in rules:
        for at, pattern in enumerate(rule.patterns):
            if not rule.single and pattern.on == kind:
                within = rule.scope if at == rule.anchor else ALWAYS
                patterns.append(conjunction(within, own_part(pattern.condition)))
    if not single and not patterns:
        return []
    names = sorted(_wanted(kind, rules) | source.always())
    columns = [f"facts.{name}" for name in names]
    needed = []
    for rule in single:
        scope, full = _text(rule.scope, dialect), _text(full_condition(rule), dialect)
        columns.append(
            f"CASE WHEN ({scope}) IS FALSE THEN {OUTSIDE} WHEN {full} THEN {TRUE}"
            f" WHEN ({full}) IS FALSE THEN {FALSE} ELSE {NULL} END"
        )
        needed.append(f"(({full}) IS NOT FALSE)")
        if rule.severity:
            columns.append(escape_for_text(severity_to_sql(rule.severity, dialect, _column)))
    needed += [f"(({_text(each, dialect)}) IS NOT FALSE)" for each in patterns]
    statement = (
        f"{source.sql(names)}\nSELECT facts.fact_key, {', '.join(columns)}\nFROM facts\n"
        f"WHERE {' OR '.join(needed)}"
    )
    found = []
    for row in session.execute(source.moment.bind(statement)):
        values = iter(row)
        key = next(values)
        carried = {name: next(values) for name in names}
        truth: dict[str, int] = {}
        severity: dict[str, Level] = {}
        for rule in single:
            truth[rule.rule.id] = next(values)
            if rule.severity:
                severity[rule.rule.id] = Level(next(values))
        found.append(Candidate(Fact(kind, key, carried), carried["unit"], truth, severity))
    return found


def count_single(
    session: Session, source: FactSource, rules: Sequence[CheckedRule]
) -> dict[str, Counts]:
    """Return applicability and satisfaction of each rule of a single fact of the kind."""
    single = [rule for rule in rules if rule.single and rule.patterns[0].on == source.kind]
    if not single:
        return {}
    columns = []
    for rule in single:
        scope = _text(rule.scope, source.dialect)
        full = _text(full_condition(rule), source.dialect)
        columns.append(f"SUM(CASE WHEN ({scope}) IS NOT FALSE THEN 1 ELSE 0 END)")
        columns.append(
            f"SUM(CASE WHEN ({scope}) IS NOT FALSE AND ({full}) IS FALSE THEN 1 ELSE 0 END)"
        )
    names = _wanted(source.kind, single)
    statement = f"{source.sql(names)}\nSELECT {', '.join(columns)} FROM facts"
    row = session.execute(source.moment.bind(statement)).one()
    values = [int(value or 0) for value in row]
    return {
        rule.rule.id: Counts(values[2 * at], values[2 * at + 1]) for at, rule in enumerate(single)
    }


def count_groups(session: Session, source: FactSource, rule: CheckedRule) -> int:
    """Return for how many groups of `per` a match can be judged at all."""
    names = {field.name for field in rule.per} | {"unit"}
    wanted = names | {field.name for field in fields(rule.scope)}
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
