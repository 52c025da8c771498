"""Which conditions cases have shown true, false and unknown, and what can be shown at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.case_expectations import Place
from rules.cases import Bench, Case
from rules.catalogue import KINDS, Field, FieldType
from rules.checked import CheckedRule
from rules.checking import check_rules
from rules.conditions import Condition, evaluate
from rules.coverage import AtomCoverage, Coverage, CoverageCounter
from rules.domains import LARGEST_WRITTEN, domains_of
from rules.expression import parse_condition
from rules.facts import Fact
from rules.loading import parse_yaml
from rules.rule_parts import parts_of, text_of
from rules.solving import solve
from tests.case_rules import bound, checked_rules
from tests.random_rules import conditions, tables, values

Show = Callable[..., dict[str, tuple[list[str], list[str]]]]

NAMES = {True: "true", False: "false", None: "unknown"}


def a_rule(text: str) -> tuple[CheckedRule, ...]:
    lines = "".join(f"    {line}\n" for line in text.strip("\n").split("\n"))
    return check_rules(
        [parse_yaml(f"rules:\n  - id: r\n    title: 一\n{lines}", file="rules.yaml")],
        clauses=("T02",),
        requirements={"GEN-R1": ("T02", "report"), "GEN-R3": ("T02", "report")},
        params={},
    )


FINDING = "severity: [{level: major}]\nmessage: 一"


def a_report(**said: object) -> Fact:
    fields = {name: None if field.nullable else 0 for name, field in KINDS["report"].items()}
    fields |= {"requirement": "GEN-R1", "clause": "T02", "unit": "TU", "unit_category": "部门"}
    fields |= {"role": "direct", "period": "2022", "state": "submitted", **said}
    key = str(said.get("key", f"{fields['requirement']}/{fields['period']}"))
    fields.pop("key", None)
    return Fact("report", key, fields)  # type: ignore[arg-type]


def covered(rules: Sequence[CheckedRule], *cases: Sequence[Fact]) -> Coverage:
    counter = CoverageCounter(rules)
    for facts in cases:
        counter.look(rules, facts)
    return counter.coverage()


def shown(coverage: Coverage) -> dict[str, tuple[str, str]]:
    """What was seen and what was never seen, by place and text."""

    def words(outcomes: Sequence[bool | None]) -> str:
        return " ".join(NAMES[each] for each in NAMES if each in outcomes)

    return {
        f"{each.where}: {each.text}": (words(list(each.seen)), words(each.missing))
        for each in coverage.atoms
    }


def test_each_comparison_is_counted_by_itself_also_inside_in_and_between() -> None:
    when = "when: state in ('missing', 'returned') and days_overdue between 1 and 2"
    rules = a_rule(f"on: report\n{when}\n{FINDING}")
    one = covered(rules, [a_report(state="missing", days_overdue=1)])
    assert shown(one) == {
        "when: state = 'missing'": ("true", "false"),
        "when: state = 'returned'": ("false", "true"),
        "when: days_overdue >= 1": ("true", "false"),
        "when: days_overdue <= 2": ("true", "false"),
    }
    assert (one.asked, one.seen, one.percent, len(one.gaps)) == (8, 4, 50.0, 4)


def test_unknown_is_asked_only_of_what_may_be_unknown() -> None:
    rules = a_rule(f"on: report\nwhen: copied_share > 0.5 or fell is null or filed\n{FINDING}")
    assert shown(covered(rules)) == {
        "when: copied_share > 0.5": ("", "true false unknown"),
        "when: fell is null": ("", "true false"),
        "when: filed": ("", "true false"),
    }


def test_facts_outside_the_scope_count_for_the_scope_alone() -> None:
    rules = a_rule(f"on: report\nscope: filed\nwhen: versions > 1\n{FINDING}")
    outside = covered(rules, [a_report(filed=0, versions=5)])
    assert shown(outside)["when: versions > 1"] == ("", "true false")
    assert shown(outside)["scope: filed"] == ("false", "true")
    both = covered(rules, [a_report(filed=0)], [a_report(filed=1, versions=5)])
    assert shown(both)["when: versions > 1"] == ("true", "false")
    assert shown(both)["scope: filed"] == ("true false", "")


def test_facts_of_another_requirement_or_kind_and_companions_count_for_nothing() -> None:
    own = a_rule(f"on: report\nrequirement: GEN-R1\nwhen: versions > 1\n{FINDING}")
    other = [a_report(requirement="GEN-R3", versions=2), Fact("target", "t", {})]
    assert shown(covered(own, other)) == {"when: versions > 1": ("", "true false")}
    any_filing = a_rule(f"on: report\nwhen: versions > 1\n{FINDING}")
    companion = covered(any_filing, [a_report(companion=1, versions=2)])
    assert shown(companion) == {"when: versions > 1": ("", "true false")}


def test_a_companion_that_the_author_names_is_a_condition_like_any() -> None:
    named = a_rule(f"on: report\nwhen: companion and versions > 1\n{FINDING}")
    assert [each.text for each in covered(named).atoms] == ["companion", "versions > 1"]
    quoted = a_rule(f"on: report\nwhen: period <> 'companion'\n{FINDING}")
    assert [each.text for each in covered(quoted).atoms] == ["period <> 'companion'"]


def test_a_scope_that_knows_a_field_excludes_that_it_is_unknown_below() -> None:
    rules = a_rule(
        "on: report\nscope: fell is not null and filed\nwhen: fell > 1 and not filed\n" + FINDING
    )
    possible = {f"{each.where}: {each.text}": each.possible for each in covered(rules).atoms}
    assert possible == {
        "scope: fell is null": {True, False},
        "scope: filed": {True, False},
        "when: fell > 1": {True, False},
        "when: filed": {True},
    }


def test_a_ladder_counts_where_the_rule_is_violated_and_no_earlier_step_holds() -> None:
    rules = a_rule(
        "on: report\nwhen: fell > 0\nmessage: 一\nseverity:\n"
        "  - {level: critical, when: fell >= 9}\n  - {level: major, when: fell >= 5}\n"
        "  - {level: minor}"
    )
    high = covered(rules, [a_report(fell=20)], [a_report(fell=None)], [a_report(fell=0)])
    assert shown(high)["severity critical: fell >= 9"] == ("true", "false")
    assert shown(high)["severity major: fell >= 5"] == ("", "true false")
    all_of_it = covered(rules, *([a_report(fell=fell)] for fell in (20, 5, 1, 0, None)))
    assert not all_of_it.gaps


JOINED = f"""
match:
  first: {{on: report, when: not filed}}
  second: {{on: report, when: not filed and period_no = first.period_no + 1 and fell > first.fell}}
{FINDING}
"""


def test_a_join_counts_on_pairs_of_different_facts_of_which_each_passes_alone() -> None:
    rules = a_rule(JOINED)
    alone = covered(rules, [a_report(period_no=1, fell=3)])
    assert shown(alone)["match second: period_no = first.period_no + 1"] == ("", "true false")
    filed = [a_report(period_no=1), a_report(period_no=2, filed=1, key="b")]
    assert shown(covered(rules, filed))["match second: period_no = first.period_no + 1"][0] == ""
    pair = [a_report(period_no=1, fell=3), a_report(period_no=2, key="b", fell=None)]
    found = shown(covered(rules, pair))
    assert found["match second: period_no = first.period_no + 1"] == ("true false", "")
    assert found["match second: fell > first.fell"] == ("unknown", "true false")


def test_a_join_of_known_fields_is_never_unknown() -> None:
    rules = a_rule(JOINED.replace("when: not filed}", "when: fell is not null}", 1))
    possible = {each.text: each.possible for each in covered(rules).atoms}
    assert possible["period_no = first.period_no + 1"] == {True, False}
    assert possible["fell > first.fell"] == {True, False, None}
    both = a_rule(
        JOINED.replace("when: not filed}", "when: fell is not null}", 1).replace(
            "second: {on: report, when: not filed", "second: {on: report, when: fell is not null"
        )
    )
    possible = {each.text: each.possible for each in covered(both).atoms}
    assert possible["fell > first.fell"] == {True, False}


def test_the_findings_of_the_run_are_facts_of_rules_on_violations() -> None:
    late = a_report(days_overdue=9, period="2022Q2")
    at = datetime(2022, 7, 15, tzinfo=ZoneInfo("Asia/Shanghai"))
    judged = Bench(bound).judge(Case("一", Place("c.yaml", 1, 1), at, "TU", (late,), ()))
    assert [fact.kind for fact in judged.facts] == ["report", "violation"]
    counter = CoverageCounter(checked_rules())
    counter.look(judged.rules.values(), judged.facts)
    found = shown(counter.coverage().of(["systemic"]))
    assert found["match hit: severity = 'major'"] == ("true", "false")


def test_drafts_are_not_asked_for_and_rules_can_be_chosen() -> None:
    whole = covered(checked_rules())
    assert "sketch" not in {each.rule for each in whole.atoms}
    assert {each.rule for each in whole.of(["remind"]).atoms} == {"remind"}


def test_a_parameter_without_a_value_excludes_nothing() -> None:
    (found,) = [each for each in covered(checked_rules()).atoms if "params" in each.text]
    assert isinstance(found, AtomCoverage)
    assert found.possible == {True, False, None}


# --- The search behind it -----------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_solution_has_the_truth_that_was_asked_for_and_none_is_none(data: st.DataObject) -> None:
    table = data.draw(tables())
    columns = table["report"]
    condition: Condition = data.draw(conditions(columns, depth=3))
    fields = {
        column.name: Field(
            column.name,
            FieldType(column.type),
            column.nullable,
            ("missing", "submitted", "returned") if column.type == "choice" else (),
        )
        for column in columns
    }
    domains = dict(domains_of([condition], fields, {}, {}))
    fact = {column.name: data.draw(values(column)) for column in columns}
    wanted = data.draw(st.sampled_from([True, False, None]))
    found = solve([(condition, frozenset({wanted}))], domains)
    if found is not None:
        assert evaluate(condition, {**fact, **found}) is wanted
    elif all(not isinstance(v, int) or 0 <= v <= LARGEST_WRITTEN for v in fact.values()):
        assert evaluate(condition, fact) is not wanted


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("on: report\nwhen: filed", {"scope": [], "when": ["filed"]}),
        (
            "on: report\nrequirement: GEN-R1\nscope: signed and filed\nwhen: not filed",
            {"scope": ["signed", "filed"], "when": ["filed"]},
        ),
        (
            "on: report\nscope: requirement = 'GEN-R1' and not companion\nwhen: filed",
            {"scope": ["requirement = 'GEN-R1'", "companion"], "when": ["filed"]},
        ),
    ],
)
def test_what_the_author_wrote_is_told_from_what_is_implied(
    text: str, parts: dict[str, list[str]]
) -> None:
    (rule,) = a_rule(f"{text}\n{FINDING}")
    found = {
        part.where: [text_of(rule, part, atom) for atom in part.atoms] for part in parts_of(rule)
    }
    assert found == parts
    for part in parts_of(rule):
        written = getattr(rule.rule, part.where)
        if written:
            again = parse_condition(written, kind="report", fields=KINDS["report"])
            assert part.condition == again
