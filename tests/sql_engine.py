"""Rules over facts in SQL alone, from `to_sql`: single facts, self-joins with GROUP BY, rounds.

A third opinion for tests; the product itself asks the database about single facts only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from rules.checked import CheckedRule
from rules.conditions import FieldRef, Value
from rules.facts import VIOLATION, Fact, Firing, Key, UnitFacts, in_order, violation_key
from rules.lowering import Dialect, severity_to_sql, to_sql
from rules.vocabulary import Level

# Column name -> SQL type, by kind.
Schema = Mapping[str, Mapping[str, str]]


class Database(Protocol):
    """What sqlite3 and psycopg connections have in common."""

    def execute(self, query: str, parameters: Any = ..., /) -> Any: ...


class SqlEngine:
    """The facts of one unit in tables of a database, and what rules say of them."""

    def __init__(self, database: Database, dialect: Dialect, schema: Schema) -> None:
        self._database = database
        self._dialect: Dialect = dialect
        self._mark = "?" if dialect == "sqlite" else "%s"
        self._schema = schema
        for kind, columns in schema.items():
            declared = ", ".join(f'"{name}" {type_}' for name, type_ in columns.items())
            database.execute(f'CREATE TEMPORARY TABLE "{kind}" ("key" TEXT, {declared})')

    def judge(
        self, rules: Sequence[CheckedRule], unit: UnitFacts
    ) -> tuple[list[Firing], set[tuple[str, Key]]]:
        """Return the firings in order and what is undecided."""
        for kind in self._schema:
            self._database.execute(f'DELETE FROM "{kind}"')
        for fact in unit.facts:
            self._insert(fact)
        chaining = [r for r in rules if any(p.on == VIOLATION for p in r.patterns)]
        singles = [r for r in rules if r.single]
        others = [r for r in rules if r not in chaining and not r.single]
        firings: dict[str, list[Firing]] = {}
        undecided: dict[str, set[tuple[str, Key]]] = {}
        told: set[tuple[str, Key]] = set()
        waiting: list[Fact] = []
        rounds: list[list[CheckedRule]] = [singles, others]
        while rounds or waiting or (chaining and chaining[0].rule.id not in firings):
            now = rounds.pop(0) if rounds else chaining
            if now is chaining:
                for fact in waiting:
                    self._insert(fact)
                waiting = []
            for rule in now:
                firings[rule.rule.id], undecided[rule.rule.id] = self._ask(rule, unit)
            for rule in now:
                for firing in firings[rule.rule.id]:
                    place = (rule.rule.id, firing.key)
                    if firing.severity and place not in told:
                        told.add(place)
                        if place not in unit.waived and chaining:
                            waiting.append(_violation(rule, firing, unit))
        return (
            in_order([firing for found in firings.values() for firing in found]),
            {place for found in undecided.values() for place in found},
        )

    def _insert(self, fact: Fact) -> None:
        columns = self._schema[fact.kind]
        marks = ", ".join([self._mark] * (len(columns) + 1))
        values = (fact.key, *(fact.fields[name] for name in columns))
        self._database.execute(f'INSERT INTO "{fact.kind}" VALUES ({marks})', values)

    def _ask(self, rule: CheckedRule, unit: UnitFacts) -> tuple[list[Firing], set[tuple[str, Key]]]:
        return self._ask_single(rule, unit) if rule.single else self._ask_match(rule, unit)

    def _ask_single(
        self, rule: CheckedRule, unit: UnitFacts
    ) -> tuple[list[Firing], set[tuple[str, Key]]]:
        def column(field: FieldRef) -> str:
            return f'f."{field.name}"'

        scope = to_sql(rule.scope, self._dialect, column)
        when = to_sql(rule.patterns[0].condition, self._dialect, column)
        severity = (
            severity_to_sql(rule.severity, self._dialect, column) if rule.severity else "NULL"
        )
        rows = self._database.execute(
            f'SELECT "key", ({scope}) AND ({when}), {severity} FROM "{rule.patterns[0].on}" AS f '
            f"WHERE ({scope}) IS NOT FALSE"
        ).fetchall()
        return [
            Firing(rule.rule.id, unit.unit, (key,), Level(level) if level else None, ((key,),))
            for key, holds, level in rows
            if holds
        ], {(rule.rule.id, (key,)) for key, holds, _ in rows if holds is None}

    def _ask_match(
        self, rule: CheckedRule, unit: UnitFacts
    ) -> tuple[list[Firing], set[tuple[str, Key]]]:
        def column_of(own: str | None) -> Callable[[FieldRef], str]:
            return lambda field: f'"{field.pattern or own}"."{field.name}"'

        names = [str(pattern.name) for pattern in rule.patterns]
        tables = ", ".join(f'"{pattern.on}" AS "{pattern.name}"' for pattern in rule.patterns)
        tests = [to_sql(rule.scope, self._dialect, column_of(names[rule.anchor]))]
        tests += [to_sql(p.condition, self._dialect, column_of(p.name)) for p in rule.patterns]
        holds = " AND ".join(f"({test})" for test in tests)
        different = " AND ".join(
            ["TRUE"]
            + [
                f'"{one}"."key" <> "{other}"."key"'
                for i, one in enumerate(names)
                for other in names[:i]
            ]
        )
        per = [self._per(field, unit) for field in rule.per]
        ladder = [
            f"MAX(CASE WHEN ({holds}) AND ({to_sql(step, self._dialect, column_of(None))}) "
            "THEN 1 ELSE 0 END)"
            for _, step in rule.severity
        ]
        groups = self._database.execute(
            f"SELECT {', '.join(per)}, SUM(CASE WHEN {holds} THEN 1 ELSE 0 END), "
            f"{', '.join(ladder)} "
            f"FROM {tables} WHERE {different} AND ({holds}) IS NOT FALSE "
            f"GROUP BY {', '.join(per)} HAVING COUNT(*) >= {rule.rule.at_least}"
        ).fetchall()
        keys = ", ".join(f'"{name}"."key"' for name in names)
        bound = self._database.execute(
            f"SELECT {', '.join(per)}, {keys} FROM {tables} WHERE {different} AND {holds}"
        ).fetchall()
        firings, undecided = [], set()
        for row in groups:
            key, held, steps = row[: len(per)], row[len(per)], row[len(per) + 1 :]
            if held < rule.rule.at_least:
                undecided.add((rule.rule.id, tuple(key)))
                continue
            level = next(level for (level, _), one in zip(rule.severity, steps, strict=True) if one)
            combinations = sorted(r[len(per) :] for r in bound if r[: len(per)] == key)
            firings.append(Firing(rule.rule.id, unit.unit, tuple(key), level, tuple(combinations)))
        return firings, undecided

    def _per(self, field: FieldRef, unit: UnitFacts) -> str:
        if field.name == "unit":
            return f'"{field.pattern}"."unit"'
        return f'"{field.pattern}"."{field.name}"'


def _violation(rule: CheckedRule, firing: Firing, unit: UnitFacts) -> Fact:
    fields: dict[str, Value | None] = dict.fromkeys(("requirement", "period", "period_no"))
    if rule.single:
        (on,) = (fact for fact in unit.facts if fact.key == firing.key[0])
        fields = {name: on.fields[name] for name in fields}
    assert firing.severity is not None
    fields |= {
        "rule": rule.rule.id,
        "severity": firing.severity.value,
        "clause": rule.rule.clause,
        "unit": unit.unit,
    }
    return Fact(VIOLATION, violation_key(rule.rule.id, firing.key), fields)
