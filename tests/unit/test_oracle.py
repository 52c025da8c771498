"""What the rules mean: each example is asked of the oracle and of durable_rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rules import oracle
from rules.agreement import differences
from rules.checked import CheckedRule
from rules.conditions import ALWAYS, And, Condition, Constant, IsNull, Not, Or
from rules.facts import VIOLATION, Firing, InferenceFailed, UnitFacts, violation_key
from rules.inference import infer
from rules.lowering import compile_rules
from rules.oracle import CannotJudge, judge, severity_of, verdict
from rules.vocabulary import Level
from tests.rule_factory import (
    MAJOR,
    a_fact,
    a_match,
    a_unit,
    an_on_rule,
    compare,
    field,
    over_violations,
    unsure,
)

Judge = Callable[[Sequence[CheckedRule], UnitFacts], tuple[Firing, ...]]

LATE = And((compare("filed", "=", 0), compare("days", ">", 0)))


@pytest.fixture(params=["oracle", "durable_rules"])
def fired(request: pytest.FixtureRequest) -> Judge:
    """What fires, by either engine."""
    if request.param == "oracle":
        return lambda rules, unit: judge(rules, unit).firings
    return lambda rules, unit: tuple(infer(compile_rules(rules), [unit]))


# --- One fact -------------------------------------------------------------------------------------


def test_a_fact_that_meets_the_condition_is_violated_with_its_key(fired: Judge) -> None:
    unit = a_unit(a_fact("R/1", filed=0, days=3), a_fact("R/2", filed=1, days=0))
    assert fired([an_on_rule(when=LATE)], unit) == (
        Firing("late", "A", ("R/1",), Level.MAJOR, (("R/1",),)),
    )


def test_facts_of_other_kinds_are_not_looked_at(fired: Judge) -> None:
    unit = a_unit(a_fact("T/1", "target", filed=0, days=3))
    assert fired([an_on_rule(when=LATE)], unit) == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, "violated"), (0, "satisfied"), (None, "undecided")],
)
def test_a_verdict_is_true_false_or_unknown(value: int | None, expected: str) -> None:
    rule = an_on_rule(when=compare(unsure("late"), "=", 1))
    assert verdict(rule, a_fact("R/1", late=value)) == expected


@pytest.mark.parametrize(("scope", "expected"), [(1, "satisfied"), (0, None), (None, "satisfied")])
def test_outside_the_scope_there_is_no_verdict(scope: int | None, expected: str | None) -> None:
    rule = an_on_rule(scope=compare(unsure("here"), "=", 1), when=compare("late", "=", 1))
    assert verdict(rule, a_fact("R/1", here=scope, late=0)) == expected


def test_a_violation_where_the_scope_is_unknown_is_undecided() -> None:
    rule = an_on_rule(scope=compare(unsure("here"), "=", 1), when=compare("late", "=", 1))
    unit = a_unit(a_fact("R/1", here=None, late=1))
    assert verdict(rule, unit.facts[0]) == "undecided"
    assert judge([rule], unit).undecided == (("late", ("R/1",)),)


def test_the_first_step_that_holds_gives_the_severity(fired: Judge) -> None:
    ladder = (
        (Level.CRITICAL, compare("days", ">=", 20)),
        (Level.MAJOR, compare(unsure("tries"), ">", 1)),
        (Level.MINOR, ALWAYS),
    )
    rule = an_on_rule(when=LATE, severity=ladder)
    facts = [
        a_fact("R/1", filed=0, days=25, tries=2),
        a_fact("R/2", filed=0, days=5, tries=2),
        a_fact("R/3", filed=0, days=5, tries=None),
    ]
    assert [f.severity for f in fired([rule], a_unit(*facts))] == ["critical", "major", "minor"]
    assert [severity_of(rule, fact) for fact in facts] == ["critical", "major", "minor"]


def test_a_notice_has_no_severity_and_is_no_violation(fired: Judge) -> None:
    notice = an_on_rule("remind", when=LATE, severity=())
    every = over_violations(at_least=1, severity=MAJOR)
    unit = a_unit(a_fact("R/1", filed=0, days=3))
    assert fired([notice, every], unit) == (Firing("remind", "A", ("R/1",), None, (("R/1",),)),)


# --- Matches --------------------------------------------------------------------------------------


def twice_running(**keys: Any) -> CheckedRule:
    next_one = And(
        (
            compare("filed", "=", 0),
            compare("period_no", "=", field("period_no", "first"), 1),
        )
    )
    patterns: dict[str, tuple[str, Condition]] = {
        "first": ("report", compare("filed", "=", 0)),
        "second": ("report", next_one),
    }
    return a_match(patterns=patterns, **keys)


def reports(*filed: int) -> UnitFacts:
    return a_unit(
        *(
            a_fact(f"R/{number}", filed=value, period_no=number, period=f"2022Q{number}")
            for number, value in enumerate(filed, 1)
        )
    )


def test_two_facts_joined_by_an_offset_make_one_combination(fired: Judge) -> None:
    assert fired([twice_running()], reports(0, 0, 1, 0)) == (
        Firing("twice", "A", ("A",), Level.MAJOR, (("R/1", "R/2"),)),
    )


def test_per_says_what_one_finding_stands_for(fired: Judge) -> None:
    rule = twice_running(per=("unit", "period"), anchor=1)
    assert [(f.key, f.facts) for f in fired([rule], reports(0, 0, 0))] == [
        (("A", "2022Q2"), (("R/1", "R/2"),)),
        (("A", "2022Q3"), (("R/2", "R/3"),)),
    ]


def test_a_pattern_may_refer_to_a_later_one(fired: Judge) -> None:
    before = And(
        (
            compare("filed", "=", 0),
            compare("period_no", "<", field("period_no", "second"), -1),
        )
    )
    rule = a_match(
        patterns={"first": ("report", before), "second": ("report", compare("filed", "=", 0))}
    )
    (firing,) = fired([rule], reports(0, 0, 0))
    assert firing.facts == (("R/1", "R/3"),)


def test_one_fact_never_binds_two_patterns(fired: Judge) -> None:
    alike = compare("period_no", "=", field("period_no", "first"))
    rule = a_match(patterns={"first": ("report", ALWAYS), "second": ("report", alike)})
    assert fired([rule], reports(0, 0, 0)) == ()


def test_combinations_that_differ_in_order_only_are_distinct(fired: Judge) -> None:
    rule = a_match(patterns={"first": ("report", ALWAYS), "second": ("report", ALWAYS)}, at_least=2)
    (firing,) = fired([rule], reports(0, 0))
    assert firing.facts == (("R/1", "R/2"), ("R/2", "R/1"))


@pytest.mark.parametrize(("at_least", "fires"), [(3, True), (4, False)])
def test_at_least_counts_distinct_facts(fired: Judge, at_least: int, fires: bool) -> None:
    # Both branches hold for each fact; a fact counts once.
    either: Condition = Or((compare("filed", "=", 0), compare("period_no", ">", 0)))
    rule = a_match(patterns={"hit": ("report", either)}, at_least=at_least)
    assert bool(fired([rule], reports(0, 0, 0))) is fires


def test_the_scope_of_a_match_speaks_of_its_anchor(fired: Judge) -> None:
    first, second = (
        twice_running(scope=compare("period_no", "=", 2), anchor=anchor) for anchor in (0, 1)
    )
    assert fired([first], reports(0, 0, 0))[0].facts == (("R/2", "R/3"),)
    assert fired([second], reports(0, 0, 0))[0].facts == (("R/1", "R/2"),)


def test_any_combination_can_raise_the_severity_of_its_group(fired: Judge) -> None:
    ladder = ((Level.CRITICAL, compare(field("period_no", "second"), ">=", 4)), *MAJOR)
    rule = twice_running(severity=ladder)
    assert [f.severity for f in fired([rule], reports(0, 0, 0))] == ["major"]
    assert [f.severity for f in fired([rule], reports(0, 0, 0, 0))] == ["critical"]


def test_an_unknown_field_joins_with_nothing(fired: Judge) -> None:
    alike = compare(unsure("tier"), "=", unsure("tier", "first"))
    rule = a_match(patterns={"first": ("report", ALWAYS), "second": ("report", alike)})
    unit = a_unit(a_fact("R/1", tier=None), a_fact("R/2", tier=None), a_fact("R/3", tier=0))
    assert fired([rule], unit) == ()


def test_what_a_finding_stands_for_may_be_unknown(fired: Judge) -> None:
    rule = a_match(patterns={"hit": ("report", ALWAYS)}, at_least=2, per=("tier",))
    unit = a_unit(a_fact("R/1", tier=None), a_fact("R/2", tier=None), a_fact("R/3", tier=0))
    assert [(f.key, f.facts) for f in fired([rule], unit)] == [((None,), (("R/1",), ("R/2",)))]


def test_a_group_is_undecided_if_the_unknown_could_make_it_enough() -> None:
    rule = a_match(patterns={"hit": ("report", compare(unsure("late"), "=", 1))}, at_least=3)
    known = [a_fact("R/1", late=1), a_fact("R/2", late=1), a_fact("R/3", late=0)]
    assert judge([rule], a_unit(*known)).undecided == ()
    unit = a_unit(*known, a_fact("R/4", late=None))
    assert judge([rule], unit).firings == ()
    assert judge([rule], unit).undecided == (("twice", ("A",)),)


@pytest.mark.parametrize("never", [Constant(False), Constant(None), Not(ALWAYS)])
def test_a_condition_that_never_holds_never_fires(fired: Judge, never: Constant | Not) -> None:
    rules = [an_on_rule(when=never), twice_running(scope=never)]
    assert fired(rules, reports(0, 0)) == ()


def test_null_tests_see_the_unknown(fired: Judge) -> None:
    rule = an_on_rule(when=And((IsNull(unsure("signed")), Not(IsNull(unsure("late"))))))
    unit = a_unit(
        a_fact("R/1", signed=None, late=0),
        a_fact("R/2", signed=0, late=0),
        a_fact("R/3", signed=None, late=None),
    )
    assert [f.key for f in fired([rule], unit)] == [("R/1",)]


# --- Findings on findings -------------------------------------------------------------------------


def test_findings_of_a_run_are_facts_for_its_last_rounds(fired: Judge) -> None:
    rules = [
        an_on_rule(when=compare("filed", "=", 0)),
        twice_running(),
        over_violations(at_least=3),
    ]
    (_, _, systemic, _) = fired(rules, reports(0, 0))
    assert systemic.facts == (("late|R/1",), ("late|R/2",), ("twice|A",))
    assert systemic.severity is Level.CRITICAL


def test_findings_of_the_last_rounds_are_facts_again(fired: Judge) -> None:
    critical = compare("severity", "=", "critical")
    rules = [
        an_on_rule(when=compare("filed", "=", 0)),
        over_violations(at_least=2),
        a_match("summit", patterns={"hit": (VIOLATION, critical)}),
        a_match("end", patterns={"hit": (VIOLATION, compare("rule", "=", "summit"))}),
    ]
    assert [f.rule for f in fired(rules, reports(0, 0))] == [
        "end",
        "late",
        "late",
        "summit",
        "systemic",
    ]


def test_a_waived_finding_stays_but_is_no_fact(fired: Judge) -> None:
    rules = [an_on_rule(when=compare("filed", "=", 0)), over_violations(at_least=2)]
    waived = UnitFacts("A", reports(0, 0).facts, frozenset({("late", ("R/1",))}))
    assert [f.rule for f in fired(rules, reports(0, 0))] == ["late", "late", "systemic"]
    assert [f.rule for f in fired(rules, waived)] == ["late", "late"]


def test_a_finding_of_one_fact_hands_on_its_requirement_and_period(fired: Judge) -> None:
    about = And(
        (
            compare(unsure("requirement"), "=", "GEN-R1"),
            compare(unsure("period_no"), "=", 2),
            compare(unsure("clause"), "=", "T02"),
        )
    )
    rules = [an_on_rule(), a_match("about", patterns={"hit": (VIOLATION, about)})]
    unit = a_unit(
        a_fact("R/1", requirement="GEN-R1", period_no=1, period="2022Q1"),
        a_fact("R/2", requirement="GEN-R1", period_no=2, period="2022Q2"),
    )
    assert fired(rules, unit)[0] == Firing("about", "A", ("A",), Level.MAJOR, (("late|R/2",),))


def test_a_finding_of_several_facts_has_no_requirement_or_period(fired: Judge) -> None:
    without = And((IsNull(unsure("requirement")), IsNull(unsure("period_no"))))
    rules = [twice_running(), a_match("without", patterns={"hit": (VIOLATION, without)})]
    assert [f.facts for f in fired(rules, reports(0, 0)) if f.rule == "without"] == [
        (("twice|A",), ("without|A",))
    ]


def test_a_violation_keeps_the_severity_of_the_round_it_was_found_in(fired: Judge) -> None:
    # `grows` is major when first found and critical once it counts what `follows` found.
    rules = [
        an_on_rule(when=compare("filed", "=", 0)),
        a_match(
            "grows",
            patterns={"hit": (VIOLATION, compare("rule", "<>", "seen"))},
            severity=((Level.CRITICAL, compare(field("rule", "hit"), "=", "follows")), *MAJOR),
        ),
        a_match("follows", patterns={"hit": (VIOLATION, compare("rule", "=", "grows"))}),
        a_match(
            "seen",
            patterns={
                "hit": (
                    VIOLATION,
                    And(
                        (
                            compare("rule", "=", "grows"),
                            compare("severity", "=", "major"),
                        )
                    ),
                )
            },
        ),
    ]
    found = {f.rule: f for f in fired(rules, reports(0))}
    assert found["grows"].severity is Level.CRITICAL
    assert found["seen"].facts == (("grows|A",),)


def test_a_rule_over_one_violation_has_its_key(fired: Judge) -> None:
    notice = an_on_rule("tell", on=VIOLATION, when=compare("severity", "=", "major"), severity=())
    found = fired([an_on_rule(when=compare("filed", "=", 0)), notice], reports(0))
    assert found[1] == Firing("tell", "A", ("late|R/1",), None, (("late|R/1",),))


def test_violations_may_be_given_as_facts(fired: Judge) -> None:
    unit = a_unit(*(a_fact(f"old|{i}", VIOLATION, severity="major") for i in range(3)))
    assert [len(f.facts) for f in fired([over_violations()], unit)] == [3]


def test_findings_that_breed_findings_without_end_are_refused() -> None:
    endless = an_on_rule("endless", on=VIOLATION)
    rules = [an_on_rule(when=compare("filed", "=", 0)), endless]
    with pytest.raises(CannotJudge, match="without end"):
        judge(rules, reports(0))
    with pytest.raises(InferenceFailed, match=r"unit A: findings of endless .* without end"):
        infer(compile_rules(rules), [reports(0)])


def test_too_many_combinations_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "_MOST_KEPT", 1_000)
    any_three = a_match(patterns=dict.fromkeys(("a", "b", "c"), ("report", ALWAYS)))
    unit = a_unit(*(a_fact(f"R/{i}") for i in range(20)))
    with pytest.raises(CannotJudge, match="rule twice binds over 1000 combinations"):
        judge([any_three], unit)


# --- Keys and differences -------------------------------------------------------------------------


def test_violations_of_different_findings_have_different_keys() -> None:
    keys = [
        ("a|b", "c"),
        ("a", "b|c"),
        ("a", None),
        ("a", ""),
        ("a%", "|"),
        ("a", "%-"),
        ("a", 1),
    ]
    assert len({violation_key("r", key) for key in keys}) == len(keys)
    assert violation_key("r", ("A", "2022Q2")) == "r|A|2022Q2"


def test_differences_are_sentences() -> None:
    held = Firing("late", "A", ("R/1",), Level.MAJOR, (("R/1",),))
    lighter = Firing("late", "A", ("R/1",), Level.MINOR, (("R/1",),))
    assert differences({"database": [held], "oracle": [held]}) == ()
    assert differences({"database": [held], "durable_rules": []}) == (
        "rule late, unit A, R/1: database: violated, major, by (R/1); durable_rules: not violated",
    )
    assert differences({"database": [held], "oracle": [lighter]}) == (
        "rule late, unit A, R/1: database: violated, major, by (R/1); "
        "oracle: violated, minor, by (R/1)",
    )
