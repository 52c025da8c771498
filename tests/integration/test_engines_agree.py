"""SQL, durable_rules and the oracle say the same of random rules and random facts.

`ENGINE_EXAMPLES=5000 python -m pytest tests/integration/test_engines_agree.py` is the campaign.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from rules.agreement import differences
from rules.checked import CheckedRule
from rules.facts import UnitFacts
from rules.lowering import CannotCompile, compile_rules
from rules.oracle import judge
from rules.pool import InferencePool
from tests.postgres import new_database, plain_url
from tests.random_rules import Table, conditions, on_rules, rule_sets, tables, units
from tests.sql_engine import Schema, SqlEngine

EXAMPLES = int(os.environ.get("ENGINE_EXAMPLES", "0"))


def examples(usual: int, share: float = 1.0) -> settings:
    """The usual run is the same each time; a campaign is not."""
    return settings(
        max_examples=max(1, int(EXAMPLES * share)) or usual if EXAMPLES else usual,
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


@examples(250)
@given(case=cases())
def test_sqlite_durable_rules_and_the_oracle_agree_on_random_rules(
    pool: InferencePool, case: Case
) -> None:
    table, rules, found = case
    try:
        compiled = compile_rules(rules)
    except CannotCompile:
        assume(False)
        raise
    judgements = [judge(rules, unit) for unit in found]
    by_oracle = [firing for judgement in judgements for firing in judgement.firings]
    database = sqlite3.connect(":memory:")
    engine = SqlEngine(database, "sqlite", schema_of(table, "sqlite"))
    by_sql = [engine.judge(rules, unit) for unit in found]
    database.close()
    opinions = {
        "oracle": by_oracle,
        "durable_rules": pool.run(compiled, found),
        "SQLite": [firing for firings, _ in by_sql for firing in firings],
    }
    assert differences(opinions) == ()
    for judgement, (_, undecided) in zip(judgements, by_sql, strict=True):
        assert set(judgement.undecided) == undecided
    event(f"firings: {min(len(by_oracle), 5)}")
    event(
        f"most facts in a combination: {max((len(c) for f in by_oracle for c in f.facts), default=0)}"
    )
