"""SQL, durable_rules and the oracle say the same of random rules and random facts.

`ENGINE_EXAMPLES=5000 python -m pytest tests/integration/test_engines_agree.py` is the campaign.
"""

from __future__ import annotations

import operator
import os
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from random import Random

import psycopg
import pytest
import sqlalchemy
from hypothesis import HealthCheck, event, find, given, reject, settings
from hypothesis import strategies as st

from rules.agreement import differences
from rules.catalogue import Field, FieldType
from rules.checked import CheckedRule
from rules.compiled import CompiledRules
from rules.conditions import ALWAYS, Condition, evaluate
from rules.constants import written
from rules.expression import parse_condition
from rules.facts import Fact, Firing, Key, UnitFacts
from rules.lowering import CannotCompile, Dialect, compile_rules, escape_for_text, to_sql
from rules.oracle import judge
from rules.pool import InferencePool
from rules.vocabulary import Level
from tests.postgres import new_database, plain_url
from tests.random_rules import (
    DOMAINS,
    EXTREMES,
    Column,
    Table,
    conditions,
    rule_sets,
    tables,
    units,
    values,
)
from tests.rule_factory import an_on_rule, compare
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


# --- As an author writes it ----------------------------------------------------------------------

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def field_of(column: Column) -> Field:
    choices = DOMAINS["choice"] if column.type == "choice" else ()
    return Field(column.name, FieldType(column.type), column.nullable, tuple(map(str, choices)))


@st.composite
def words_of_a_test(draw: st.DrawFn, columns: tuple[Column, ...]) -> str:
    """One test of the language, with every operator that goes with its field."""
    column = draw(st.sampled_from(columns))
    field, name = field_of(column), column.name
    value = values(replace(column, nullable=False)).filter(
        lambda drawn: not (isinstance(drawn, str) and CONTROL.search(drawn))
    )

    drawn = draw(st.tuples(value, value, value))
    shapes = ["{n} = {a}", "{n} <> {a}", "{n} in ({a}, {b})", "{n} not in ({a}, {b}, {c})"]
    shapes += ["{n} in ({a})", "{a} = {n}", "{a} <> {n}"]
    if column.nullable:
        shapes += ["{n} is null", "{n} is not null"]
    if field.type.ordered:
        shapes += ["{n} < {a}", "{n} <= {a}", "{n} > {a}", "{n} >= {a}", "{a} < {n}", "{a} >= {n}"]
        shapes += ["{n} between {a} and {b}", "{n} not between {a} and {b}"]
    if field.type is FieldType.BOOL:
        shapes = ["{n}", "not {n}", "{n} = true", "{n} <> false", "{n} = {a}"]
    shape = draw(st.sampled_from(shapes))
    if "between" in shape:
        drawn = tuple(sorted(drawn))  # a gap cannot be between 2 and 1
    text = {"n": name}
    text |= {at: written(each, field.type) for at, each in zip("abc", drawn, strict=True)}
    return re.sub(r"\{([nabc])\}", lambda found: text[found[1]], shape)


@st.composite
def conditions_in_words(draw: st.DrawFn, columns: tuple[Column, ...]) -> str:
    """Text of the whole language: tests joined by and, or, not and parentheses."""
    tests = draw(st.lists(words_of_a_test(columns), min_size=1, max_size=5))
    text = tests[0]
    for test in tests[1:]:
        joint = draw(st.sampled_from([" and ", " or ", " AND ", "\nor "]))
        before = draw(st.sampled_from(["", "", "not "]))
        text = draw(st.sampled_from([f"{text}{joint}{before}{test}", f"not ({text}){joint}{test}"]))
    return draw(st.sampled_from([text, f"not ({text})", f"({text})"]))


@st.composite
def rules_in_words(draw: st.DrawFn) -> tuple[Table, list[CheckedRule], list[UnitFacts]]:
    table = draw(tables())
    columns = table["report"]
    fields = {column.name: field_of(column) for column in columns}

    def condition() -> Condition:
        text = draw(conditions_in_words(columns))
        return parse_condition(text, kind="report", fields=fields)

    scope = condition() if draw(st.booleans()) else ALWAYS
    steps = [(Level.CRITICAL, condition()), (Level.MINOR, ALWAYS)]
    rule = an_on_rule("r0", when=condition(), scope=scope, severity=tuple(steps))
    return table, [rule], [draw(units(table, name)) for name in ("A", "B")]


@examples(120)
@given(case=rules_in_words())
def test_what_an_author_writes_is_judged_alike_by_sqlite_durable_rules_and_the_oracle(
    pool: InferencePool, case: Case
) -> None:
    table, rules, found = case
    compiled = compiled_or_not(rules)
    database = sqlite3.connect(":memory:")
    engine = SqlEngine(database, "sqlite", schema_of(table, "sqlite"))
    by_sql = [engine.judge(rules, unit) for unit in found]
    database.close()
    require_agreement(rules, found, by_sql, {"durable_rules": pool.run(compiled, found)})


@examples(40, share=0.2)
@given(case=rules_in_words())
def test_what_an_author_writes_is_judged_alike_by_postgresql_and_the_oracle(
    postgres: psycopg.Connection, case: Case
) -> None:
    table, rules, found = case
    engine = SqlEngine(postgres, "postgres", schema_of(table, "postgres"))
    by_sql = [engine.judge(rules, unit) for unit in found]
    postgres.rollback()
    require_agreement(rules, found, by_sql, {})


def require_agreement(
    rules: list[CheckedRule],
    found: list[UnitFacts],
    by_sql: list[tuple[list[Firing], set[tuple[str, Key]]]],
    more: dict[str, list[Firing]],
) -> None:
    judgements = [judge(rules, unit) for unit in found]
    opinions = {
        "oracle": [firing for judgement in judgements for firing in judgement.firings],
        "SQL": [firing for firings, _ in by_sql for firing in firings],
        **more,
    }
    assert differences(opinions) == ()
    for judgement, (_, undecided) in zip(judgements, by_sql, strict=True):
        assert set(judgement.undecided) == undecided
    event(f"firings: {min(len(opinions['oracle']), 5)}")


@pytest.mark.parametrize("type_", EXTREMES)
def test_the_extremes_are_among_what_is_drawn(type_: str) -> None:
    for extreme in EXTREMES[type_]:
        column = Column("x", type_, nullable=True)
        assert find(values(column), partial(operator.eq, extreme), settings=QUICK) == extreme


QUICK = settings(database=None, max_examples=2000)


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
