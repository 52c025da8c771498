"""SQL, durable_rules and the oracle say the same of random rules and random facts.

`ENGINE_EXAMPLES=5000 python -m pytest tests/integration/test_engines_agree.py` is the campaign.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import psycopg
import pytest
import sqlalchemy
from hypothesis import HealthCheck, event, given, reject, settings
from hypothesis import strategies as st

from rules.agreement import differences
from rules.checked import CheckedRule
from rules.compiled import CompiledRules
from rules.conditions import Condition, evaluate
from rules.facts import Fact, UnitFacts
from rules.lowering import CannotCompile, Dialect, compile_rules, escape_for_text, to_sql
from rules.oracle import judge
from rules.pool import InferencePool
from tests.postgres import new_database, plain_url
from tests.random_rules import Table, conditions, rule_sets, tables, units, values
from tests.rule_factory import compare
from tests.sql_engine import Schema, SqlEngine

EXAMPLES = int(os.environ.get("ENGINE_EXAMPLES", "0"))


def examples(usual: int, share: float = 1.0) -> settings:
    """The usual run is the same each time; a campaign is not."""
    return settings(
        max_examples=max(1, int(EXAMPLES * share)) if EXAMPLES else usual,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,
        ],
    )


@pytest.fixture(scope="module")
def pool() -> Iterator[InferencePool]:
    with InferencePool(workers=1) as pool:
        yield pool


def schema_of(table: Table, dialect: str) -> Schema:
    number = "INTEGER" if dialect == "sqlite" else "BIGINT"
    texts = ("text", "choice", "rule", "level")
    return {
        kind: {
            **{column.name: "TEXT" if column.type in texts else number for column in columns},
            "unit": "TEXT",
        }
        for kind, columns in table.items()
    }


Case = tuple[Table, list[CheckedRule], list[UnitFacts]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    table = draw(tables())
    rules = draw(rule_sets(table))
    found = []
    for name in ("A", "B", "C"):
        unit = draw(units(table, name))
        firings = judge(rules, unit).firings
        if firings and draw(st.integers(0, 3)) == 0:
            waived = draw(st.lists(st.sampled_from(firings), max_size=2))
            unit = replace(unit, waived=frozenset((f.rule, f.key) for f in waived))
        found.append(unit)
    return table, rules, found


def compiled_or_not(rules: list[CheckedRule]) -> CompiledRules:
    try:
        return compile_rules(rules)
    except CannotCompile:  # too many alternatives
        reject()


@examples(200)
@given(case=cases())
def test_sqlite_durable_rules_and_the_oracle_agree_on_random_rules(
    pool: InferencePool, case: Case
) -> None:
    table, rules, found = case
    compiled = compiled_or_not(rules)
    judgements = [judge(rules, unit) for unit in found]
    database = sqlite3.connect(":memory:")
    engine = SqlEngine(database, "sqlite", schema_of(table, "sqlite"))
    by_sql = [engine.judge(rules, unit) for unit in found]
    database.close()
    opinions = {
        "oracle": [firing for judgement in judgements for firing in judgement.firings],
        "durable_rules": pool.run(compiled, found),
        "SQLite": [firing for firings, _ in by_sql for firing in firings],
    }
    assert differences(opinions) == ()
    for judgement, (_, undecided) in zip(judgements, by_sql, strict=True):
        assert set(judgement.undecided) == undecided
    by_oracle = opinions["oracle"]
    event(f"firings: {min(len(by_oracle), 10)}")
    event(f"facts in a combination: {max((len(c) for f in by_oracle for c in f.facts), default=0)}")
    event(f"on findings: {any('|' in key for f in by_oracle for c in f.facts for key in c)}")


@pytest.fixture(scope="module")
def postgres() -> Iterator[psycopg.Connection]:
    with psycopg.connect(plain_url(new_database())) as connection:
        yield connection


@examples(40, share=0.1)
@given(case=cases())
def test_postgresql_and_the_oracle_agree_on_random_rules(
    postgres: psycopg.Connection, case: Case
) -> None:
    table, rules, found = case
    engine = SqlEngine(postgres, "postgres", schema_of(table, "postgres"))
    by_sql = [engine.judge(rules, unit) for unit in found]
    postgres.rollback()
    judgements = [judge(rules, unit) for unit in found]
    opinions = {
        "oracle": [firing for judgement in judgements for firing in judgement.firings],
        "PostgreSQL": [firing for firings, _ in by_sql for firing in firings],
    }
    assert differences(opinions) == ()
    for judgement, (_, undecided) in zip(judgements, by_sql, strict=True):
        assert set(judgement.undecided) == undecided


@examples(60, share=0.2)
@given(case=cases(), order=st.randoms(use_true_random=False))
def test_neither_order_nor_units_judged_before_make_a_difference(
    pool: InferencePool, case: Case, order: Random
) -> None:
    _, rules, found = case
    compiled = compiled_or_not(rules)
    expected = pool.run(compiled, found)
    for _ in range(2):
        shuffled = [
            replace(unit, facts=tuple(order.sample(unit.facts, len(unit.facts)))) for unit in found
        ]
        order.shuffle(shuffled)
        assert pool.run(compiled, shuffled) == expected
        assert [
            firing for unit in found for firing in judge(rules, shuffled_of(unit, shuffled)).firings
        ] == expected


def shuffled_of(unit: UnitFacts, shuffled: list[UnitFacts]) -> UnitFacts:
    return next(other for other in shuffled if other.unit == unit.unit)


@st.composite
def conditions_over_a_fact(draw: st.DrawFn) -> tuple[Table, Condition, Fact]:
    table = draw(tables())
    fields = {column.name: draw(values(column)) for column in table["report"]}
    return table, draw(conditions(table["report"], depth=4)), Fact("report", "R", fields)


@examples(300)
@given(drawn=conditions_over_a_fact())
def test_a_condition_is_true_false_or_unknown_alike_in_sqlite_and_in_python(
    drawn: tuple[Table, Condition, Fact],
) -> None:
    _, condition, fact = drawn
    columns = ", ".join(f'? AS "{name}"' for name in fact.fields)
    sql = to_sql(condition, "sqlite", lambda ref: f'"{ref.name}"')
    database = sqlite3.connect(":memory:")
    (found,) = database.execute(
        f"SELECT {sql} FROM (SELECT {columns})", tuple(fact.fields.values())
    ).fetchone()
    database.close()
    expected = evaluate(condition, fact.fields)
    assert found == expected and (found is None) is (expected is None)


NASTY = st.text(st.sampled_from("a:%'\"\\{}$?;- \n督1_"), max_size=12)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Iterator[tuple[Dialect, sqlalchemy.Connection]]:
    dialect: Dialect = request.param
    url = "sqlite://" if dialect == "sqlite" else new_database()
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        yield dialect, connection
    engine.dispose()


@examples(150)
@given(text=st.one_of(NASTY, ANY_TEXT))
def test_any_text_survives_in_every_way_of_running_it(
    database: tuple[Dialect, sqlalchemy.Connection], text: str
) -> None:
    dialect, connection = database
    sql = to_sql(compare("x", "=", text), dialect, lambda ref: ref.name)
    value = sqlalchemy.literal(text, sqlalchemy.Text).label("x")
    as_column = sqlalchemy.select(sqlalchemy.literal_column(sql, sqlalchemy.Boolean)).select_from(
        sqlalchemy.select(value).subquery()
    )
    assert connection.execute(as_column).scalar_one() is True
    as_text = sqlalchemy.text(
        f"SELECT {escape_for_text(sql)} FROM (SELECT CAST(:value AS TEXT) AS x) AS t"
    )
    assert connection.execute(as_text, {"value": text}).scalar_one() == 1
    itself = to_sql(compare("y", "=", text), dialect, lambda _: sql_text(text))
    cursor = connection.connection.cursor()
    assert cursor.execute(f"SELECT {itself}").fetchone()[0] == 1
    cursor.close()


def sql_text(text: str) -> str:
    """The text as SQL, by the standard's one rule."""
    return "'" + text.replace("'", "''") + "'"
