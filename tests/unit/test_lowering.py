"""Conditions as SQL text and rules as rulesets: what the text looks like and what it refuses."""

from __future__ import annotations

import json
import pickle
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from rules.checked import CheckedRule
from rules.compiled import NUMBER_LIMIT, Phase
from rules.conditions import (
    ALWAYS,
    And,
    Compare,
    Condition,
    Constant,
    FieldRef,
    IsNull,
    Not,
    Operator,
    Or,
    Param,
)
from rules.facts import VIOLATION
from rules.lowering import (
    CannotCompile,
    Dialect,
    compile_rules,
    severity_to_sql,
    to_sql,
)
from rules.vocabulary import Level
from tests.rule_factory import (
    a_match,
    an_on_rule,
    compare,
    field,
    over_violations,
    unsure,
)

A, B, C = (compare(name, "=", 1) for name in "abc")


def by_name(ref: FieldRef) -> str:
    return ref.name


def in_sqlite(sql: str) -> object:
    connection = sqlite3.connect(":memory:")
    try:
        return connection.execute(f"SELECT {sql}").fetchone()[0]
    finally:
        connection.close()


# --- SQL ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "sql"),
    [
        (Or((A, And((B, C)))), "(a = 1) OR ((b = 1) AND (c = 1))"),
        (And((A, Or((B, C)))), "(a = 1) AND ((b = 1) OR (c = 1))"),
        (Not(Or((A, B))), "NOT ((a = 1) OR (b = 1))"),
        (And((Not(A), B)), "(NOT (a = 1)) AND (b = 1)"),
        (Not(Not(A)), "NOT (NOT (a = 1))"),
        (Not(IsNull(unsure("a"))), "NOT (a IS NULL)"),
        (compare("a", "<>", "T08"), "a <> 'T08'"),
        (compare("a", ">=", -5), "a >= -5"),
        (compare("a", "=", field("b"), 1), "a = (b + 1)"),
        (compare("a", "<", field("b"), -2), "a < (b - 2)"),
        (compare("a", "=", field("b")), "a = b"),
        (Constant(value=True), "TRUE"),
        (Constant(value=None), "CAST(NULL AS BOOLEAN)"),
        (And(()), "TRUE"),
        (Or(()), "FALSE"),
    ],
)
def test_conditions_are_written_with_every_precedence_spelled_out(
    condition: Condition, sql: str
) -> None:
    assert to_sql(condition, "postgres", by_name) == sql


def test_a_field_is_what_the_caller_says_it_is() -> None:
    names = {"a": 'o."a"', "b": "x.y", "c": "COALESCE(z, 0) + 1"}
    condition = And((A, B, C))
    assert to_sql(condition, "sqlite", lambda ref: names[ref.name]) == (
        '(o."a" = 1) AND ((x.y = 1) AND ((COALESCE(z, 0) + 1) = 1))'
    )


def test_the_pattern_of_a_field_reaches_the_caller() -> None:
    condition = compare("period_no", "=", field("period_no", "first"), 1)
    named = to_sql(condition, "sqlite", lambda ref: f"{ref.pattern or 'own'}.{ref.name}")
    assert named == "own.period_no = (first.period_no + 1)"


def test_a_ladder_becomes_a_case() -> None:
    ladder = ((Level.CRITICAL, A), (Level.MAJOR, ALWAYS))
    assert severity_to_sql(ladder, "sqlite", by_name) == (
        "CASE WHEN a = 1 THEN 'critical' WHEN TRUE THEN 'major' END"
    )


@pytest.mark.parametrize("connector", [And, Or])
def test_ten_thousand_parts_are_not_too_deep_for_sqlite(connector: type[And | Or]) -> None:
    parts = tuple(compare("7", "=", number) for number in range(10_000))
    assert in_sqlite(to_sql(connector(parts), "sqlite", by_name)) == (connector is Or)


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_a_parameter_that_is_not_bound_is_refused(dialect: Dialect) -> None:
    condition = Compare(field("days"), Operator.GT, Param("grace"))
    with pytest.raises(ValueError, match="'grace' is not bound"):
        to_sql(condition, dialect, by_name)


def test_a_text_with_a_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        to_sql(compare("a", "=", "x\0y"), "sqlite", by_name)


# --- Rulesets -------------------------------------------------------------------------------------


def rulesets(*rules: CheckedRule) -> list[dict[str, object]]:
    return [json.loads(ruleset.text) for ruleset in compile_rules(rules).rulesets]


def test_a_rule_becomes_one_durable_rule_for_each_alternative() -> None:
    rule = an_on_rule(when=Or((compare(unsure("days"), ">", 3), compare("state", "=", "missing"))))
    assert rulesets(rule) == [
        {
            "r0": {"all": [{"p0": {"$and": [{"k": 1}, {"n0": 1}, {"$gt": {"f0": 3}}]}}]},
            "r1": {"all": [{"p0": {"$and": [{"k": 1}, {"f1": 1 << 61}]}}]},
            "end": {"all": [{"p0": {"$and": [{"k": 0}]}}]},
        }
    ]


def test_the_last_test_of_a_join_always_holds() -> None:
    rule = a_match(
        patterns={
            "first": ("report", compare("period_no", "=", field("period_no", "second"), -1)),
            "second": ("report", ALWAYS),
        }
    )
    (ruleset,) = rulesets(rule)
    assert ruleset["r0"] == {
        "all": [
            {"p0": {"$and": [{"k": 1}]}},
            {
                "p1": {
                    "$and": [
                        {"k": 1},
                        # Turned round: the engine joins a pattern with those before it.
                        {"f0": {"$add": {"$l": {"p0": "f0"}, "$r": 1}}},
                        {"o": {"p0": "o"}},
                    ]
                }
            },
        ]
    }


def test_patterns_tied_by_equality_are_joined_first() -> None:
    rule = a_match(
        patterns={
            "a": ("report", ALWAYS),
            "b": ("report", compare("days", ">", field("days", "a"))),
            "c": ("report", compare("period_no", "=", field("period_no", "a"))),
        }
    )
    (ruleset,) = compile_rules([rule]).rulesets
    assert [placed.alias for placed in ruleset.durables[0].placed] == ["p0", "p2", "p1"]


def test_rules_are_spread_over_rulesets_within_the_limits_of_the_engine() -> None:
    many = [an_on_rule(f"r{i}", when=compare("days", ">", i)) for i in range(200)]
    wide = [
        an_on_rule(f"w{i}", when=And(tuple(compare(f"f_{i}_{j}", ">", 0) for j in range(5))))
        for i in range(200)
    ]
    compiled = compile_rules([*many, *wide])
    assert all(len(ruleset.durables) <= 60 for ruleset in compiled.rulesets)
    slots = [len(slots) for ruleset in compiled.rulesets for slots in ruleset.slots.values()]
    assert max(slots) <= 110
    assert sum(len(ruleset.durables) for ruleset in compiled.rulesets) == 400


def test_rules_run_alone_joined_or_on_violations() -> None:
    compiled = compile_rules(
        [
            an_on_rule(),
            a_match("count", patterns={"hit": ("report", ALWAYS)}, at_least=3),
            a_match("pair", patterns={"a": ("report", ALWAYS), "b": ("target", ALWAYS)}),
            over_violations(),
        ]
    )
    assert [(r.phase, len(r.durables)) for r in compiled.rulesets] == [
        (Phase.ALONE, 2),
        (Phase.JOINED, 1),
        (Phase.CHAINED, 1),
    ]


def test_a_rule_says_which_fields_its_facts_must_carry() -> None:
    rule = a_match(
        patterns={
            "first": ("report", A),
            "second": ("target", compare("b", "=", field("c", "first"))),
        },
        scope=compare("d", "=", 1),
        severity=((Level.MINOR, compare(field("e", "second"), "=", 1)), (Level.MAJOR, ALWAYS)),
        anchor=1,
        per=("unit", "f"),
    )
    inherits = a_match(
        "inherits",
        patterns={"hit": (VIOLATION, compare(unsure("requirement"), "=", "GEN-R1"))},
        per=("unit", "period"),
    )
    compiled = compile_rules([rule, inherits])
    assert compiled.fields == {
        "report": {"a", "c"},
        "target": {"b", "d", "e", "f"},
        "violation": {"requirement", "period"},
    }
    assert compiled.violation_fields == {"requirement", "period"}


def test_equal_rules_have_equal_digests_and_others_not() -> None:
    def digest(*rules: CheckedRule) -> str:
        return compile_rules(rules).digest

    rule = an_on_rule(when=compare("state", "=", "missing"))
    assert digest(rule) == digest(an_on_rule(when=compare("state", "=", "missing")))
    others = [
        an_on_rule(when=compare("state", "=", "returned")),
        an_on_rule("other", when=compare("state", "=", "missing")),
        an_on_rule(when=compare("state", "=", "missing"), clause="T03"),
        an_on_rule(when=compare("state", "=", "missing"), severity=((Level.MINOR, ALWAYS),)),
    ]
    assert len({digest(rule), *(digest(other) for other in others)}) == 5


def test_compiled_rules_travel_without_the_libraries_that_made_them(tmp_path: Path) -> None:
    compiled = compile_rules([an_on_rule(), over_violations()])
    (tmp_path / "compiled").write_bytes(pickle.dumps(compiled))
    program = (
        "import pickle, sys; import rules.worker;"
        "compiled = pickle.load(open(sys.argv[1], 'rb'));"
        "heavy = {'sqlglot', 'pydantic', 'yaml', 'sqlalchemy'} & set(sys.modules);"
        "print(compiled.digest, sorted(heavy))"
    )
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "compiled")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert said.stdout == f"{compiled.digest} []\n"


@pytest.mark.parametrize(
    ("when", "why"),
    [
        (
            And(
                tuple(
                    Or((compare(a, "=", 0), compare(b, "=", 1)))
                    for a, b in zip("abcdefg", "hijklmn", strict=True)
                )
            ),
            "more than 64 alternatives",
        ),
        (compare("days", ">", NUMBER_LIMIT), "is beyond"),
        (Compare(field("days"), Operator.GT, Param("grace")), "'grace'.* not bound"),
        (compare("value", "<", field("low")), "value is compared with low of the same fact"),
    ],
)
def test_a_rule_beyond_the_engine_is_refused_with_its_place(when: Condition, why: str) -> None:
    with pytest.raises(CannotCompile, match=rf"^rules/test\.yaml:1: rule late: .*{why}"):
        compile_rules([an_on_rule(when=when)])


def test_a_pattern_is_not_compared_with_others_without_end() -> None:
    tests = tuple(compare(f"f{i}", "=", field(f"f{i}", "first")) for i in range(29))
    fits, beyond = (
        a_match(patterns={"first": ("report", ALWAYS), "second": ("report", And(tests[:n]))})
        for n in (28, 29)
    )
    assert len(compile_rules([fits]).rulesets) == 1
    with pytest.raises(CannotCompile, match="more than 28 times"):
        compile_rules([beyond])


def test_two_rules_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="late"):
        compile_rules([an_on_rule(), an_on_rule()])
