"""Remarks of the linter beyond its examples: what it says of which rule, and what it lets be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rules.checked import CheckedRule
from rules.nodes import Faults
from supervision.services.check_rules import check_at
from supervision.services.lint_pack import EXAMPLES, lint_at

Lint = Callable[[str], list[str]]


def a_finding(
    when: str, *, name: str = "late", on: str = "report", more: str = "", message: str = "x"
) -> str:
    return f"""
  - id: {name}
    title: 标题
    on: {on}
    when: {when}
    severity: [{{level: major}}]
    message: "{message}"
{more}"""


def a_step(when: str, step: str, *, on: str = "report", more: str = "") -> str:
    return f"""
  - id: {step}
    title: 标题
    on: {on}
    when: {when}
    notice: {{ladder: chase, step: {step}, kind: overdue, to: [deputy]}}
{more}"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    shutil.copytree(EXAMPLES, folder)
    (folder / "rules").mkdir()
    return folder


@pytest.fixture
def lint(pack: Path) -> Lint:
    """Lint rules in the examples' pack: each remark as `[check] rule: text`."""

    def lint(rules: str) -> list[str]:
        (pack / "rules" / "some.yaml").write_text(f"rules:{rules}", encoding="utf-8")
        return [str(remark).split(": ", 1)[1] for remark in lint_at(pack).remarks]

    return lint


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (
            "days_overdue > 5 and days_overdue < 3",
            "条件 days_overdue > 5 and days_overdue < 3 不可能",
        ),
        (
            "filed and (days_late > 3 and days_late < 4)",
            "条件 days_late > 3 and days_late < 4 不可能",
        ),
        ("filed or days_overdue is null", "条件 days_overdue is null 不可能成立"),
        ("filed and days_overdue > 3", "when 与事实的固有关系矛盾"),
        ("not filed and (days_overdue > 3 or days_to_due > 3 and due_passed)", "or 的一支"),
        ("state = 'draft' and state = 'missing'", "不可能成立"),
        ("not (period_no >= 1)", "不可能成立"),
        ("filed and unit = 'ROAD1'", "没有 'ROAD1'，是否指 ROAD；有：ROAD、EAST"),
        (
            "filed and unit_category = '镇'",
            "条件 unit_category = '镇' 不可能成立：本工作安排没有 '镇'；有：局、乡",
        ),
        ("filed and unit in ('X', 'Y')", "条件 unit in ('X', 'Y') 不可能成立"),
    ],
)
def test_what_never_holds_is_quoted(lint: Lint, when: str, said: str) -> None:
    (remark,) = lint(a_finding(when))
    assert "[never-holds] late: " in remark
    assert said in remark


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("filed or not filed", "条件 filed or not filed 恒成立"),
        ("not filed and days_overdue >= 0", "条件 days_overdue >= 0 恒成立"),
        ("filed is not null and not on_time", "条件 filed is not null 恒成立"),
        ("'true'", "条件 true 恒成立"),
        ("filed and unit <> 'SOUTH'", "条件 unit <> 'SOUTH' 恒成立"),
    ],
)
def test_what_always_holds_is_quoted(lint: Lint, when: str, said: str) -> None:
    (remark,) = lint(a_finding(when))
    assert "[always-holds] late: " in remark
    assert said in remark


def test_scope_and_when_are_read_together(lint: Lint) -> None:
    (never,) = lint(a_finding("days_overdue > 3", more="    scope: filed\n"))
    assert "[never-holds] late: scope 与 when合在一起不可能成立" in never
    (always,) = lint(a_finding("due_passed", more="    scope: days_overdue > 3\n"))
    assert "[always-holds] late: 在适用范围（scope）内 when 恒成立" in always
    assert lint(a_finding("days_overdue > 3", more="    scope: not extended\n")) == []


def test_the_requirement_put_into_a_scope_is_not_its_authors(lint: Lint) -> None:
    assert lint(a_finding("not signed", more="    requirement: A1-R1\n    scope: filed\n")) == []


def test_a_match_whose_patterns_contradict_each_other_never_holds(lint: Lint) -> None:
    (remark,) = lint(
        """
  - id: running
    title: 标题
    match:
      one: {on: report, when: period_no = 1}
      two: {on: report, when: period_no = one.period_no + 1 and period_no > 2}
    severity: [{level: major}]
    message: x
"""
    )
    assert "[never-holds] running: scope 与各模式的条件合在一起不可能成立" in remark


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        ("days_overdue > 3", "not (days_overdue <= 3)", "与 first 的条件等价"),
        ("days_overdue > 3", "days_overdue > 5", "凡本规则成立，first 也成立"),
        ("days_overdue > 5", "days_overdue > 3", "凡 first 成立，本规则也成立"),
        ("days_overdue between 1 and 5", "days_overdue between 4 and 9", "都在判断 days_overdue"),
    ],
)
def test_rules_that_find_the_same_are_told_on_the_later(
    lint: Lint, one: str, two: str, said: str
) -> None:
    (remark,) = lint(a_finding(one, name="first") + a_finding(two, name="second"))
    assert "[overlap] second: " in remark
    assert said in remark


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("days_overdue between 1 and 5", "days_overdue > 5"),
        ("copied_share > 0.95", "tasks_unmentioned > 0"),  # of one report, but not the same thing
        (
            "days_overdue > 3 and role = 'lead'",
            "days_overdue > 3 and role <> 'lead'",
        ),
    ],
)
def test_rules_that_find_different_things_are_left_alone(lint: Lint, one: str, two: str) -> None:
    assert lint(a_finding(one, name="first") + a_finding(two, name="second")) == []


def test_a_reason_silences_what_it_names_and_no_more(lint: Lint) -> None:
    first = a_finding("days_overdue > 3", name="first")
    more = "    lint: {overlap: 与 first 各自计分}\n"
    assert lint(first + a_finding("days_overdue > 5", name="second", more=more)) == []
    vague = "    lint: {overlap: 各自计分}\n"
    told = lint(first + a_finding("days_overdue > 5", name="second", more=vague))
    assert [remark.split("] ")[0].split("[")[1] for remark in told] == ["overlap", "unused-silence"]
    earlier = first + "    lint: {overlap: 与 second 各自计分}\n"
    assert lint(earlier + a_finding("days_overdue > 5", name="second")) == []


def test_a_silence_of_a_check_that_is_not_there_is_a_fault(pack: Path, lint: Lint) -> None:
    with pytest.raises(Faults, match=r"overlaps.*did you mean 'overlap'"):
        lint(a_finding("days_overdue > 3", more="    lint: {overlaps: 理由}\n"))


def test_a_reason_changes_nothing_of_the_rules_digest(pack: Path) -> None:
    def digest(more: str) -> str:
        path = pack / "rules" / "some.yaml"
        path.write_text(f"rules:{a_finding('filed', more=more)}", encoding="utf-8")
        rule: CheckedRule
        (rule,) = check_at(path).rules
        return rule.digest

    assert digest("") == digest("    lint: {overlap: 与 x 各自计分}\n")


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (["days_overdue between 1 and 4", "days_overdue >= 6"], "逾期5个工作日，没有任何一步"),
        (["days_to_due between 2 and 5", "days_overdue >= 1"], "到期前1个工作日至到期当日"),
        (["days_overdue between 1 and 4"], "到逾期4个工作日为止"),
        (["days_to_due between 1 and 4"], "到到期前1个工作日为止"),
    ],
)
def test_days_without_a_step_are_named(lint: Lint, steps: list[str], said: str) -> None:
    rules = [a_step(f"not filed and {when}", f"S{at}") for at, when in enumerate(steps)]
    (remark,) = lint("".join(rules))
    assert "[ladder-gap] S0: " in remark
    assert said in remark


def test_a_ladder_without_gaps_is_left_alone(lint: Lint) -> None:
    steps = [
        "not filed and days_to_due between 1 and 5",
        "not filed and not due_passed and days_to_due = 0",
        "not filed and days_overdue between 1 and 2",
        "not filed and days_overdue >= 3",
    ]
    assert lint("".join(a_step(when, f"S{at}") for at, when in enumerate(steps))) == []


def test_a_gap_of_some_units_only_is_a_gap(lint: Lint) -> None:
    steps = ["days_overdue between 1 and 3", "unit <> 'EAST' and days_overdue >= 4"]
    (remark,) = lint("".join(a_step(f"not filed and {w}", f"S{i}") for i, w in enumerate(steps)))
    assert "到逾期3个工作日为止" in remark


@pytest.mark.parametrize(
    ("on", "when", "message", "said"),
    [
        ("target", "gap > 0", "{{ value }}", None),  # the gap is known, so the value is
        ("target", "days_overdue > 0", "{{ value }}", "message 用到 value，规则成立时它可能未知"),
        ("target", "value is not null and days_overdue > 0", "{{ value }}", None),
        ("target", "value > 3 or days_overdue > 0", "{{ value }}", "可能未知"),
        ("report", "claims_mismatched > 0", "{{ mismatched.title }}{{ mismatched_claim }}", None),
        ("report", "filed and not on_time", "{{ days_late }}", None),
        ("report", "filed", "{{ clause.path }}", "而规则没有写 clause"),
        ("report", "filed", "{{ count }}", "而 report 没有这个值"),
        ("report", "filed", "{{ requirement.title }}{{ due_on }}{{ original_due_on }}", None),
    ],
)
def test_a_message_is_read_with_its_condition(
    lint: Lint, on: str, when: str, message: str, said: str | None
) -> None:
    told = lint(a_finding(when, on=on, message=message))
    assert [said in remark for remark in told] == ([True] if said else [])


def test_a_message_on_violations_cannot_quote_them(lint: Lint) -> None:
    (remark,) = lint(
        """
  - id: systemic
    title: 标题
    match: {hit: {on: violation, when: severity = 'major'}}
    at_least: 3
    severity: [{level: major}]
    message: "{{ unit.name }}{{ hit.rule }}{{ count }}"
"""
    )
    assert "message 用到 hit.rule，而消息里只有督查事项" in remark


def test_requirements_that_nobody_owes_are_named_with_the_reason(lint: Lint) -> None:
    (remark,) = lint(a_finding("not filed", on="milestone"))
    assert "A2-M1 没有责任单位（条款没有牵头单位）" in remark
    (remark,) = lint(a_finding("filed", on="evidence"))
    assert "没有规则所说的 evidence 类事项" in remark
    (remark,) = lint(a_finding("not filed", more="    clause: A3\n"))
    assert "条款 A3 没有任何要求事项" in remark
    assert lint(a_finding("not filed", on="milestone", more="    status: draft\n")) == []


def test_units_that_nobody_can_reach_are_named_once_for_all_steps(pack: Path, lint: Lint) -> None:
    def steps(more: str = "") -> str:
        early = a_step("not filed and days_overdue between 1 and 3", "R1", more=more)
        late = a_step("not filed and days_overdue >= 4", "R2")
        return (early + late).replace("to: [deputy]", "to: [liaison]")

    (remark,) = lint(steps())
    assert "R1: 东乡没有登记联络员（liaison）的邮箱，提醒无人可收；共2条提醒：R1、R2" in remark
    assert lint(steps("    lint: {no-recipient: 东乡 邮箱待报}\n")) == []
    units = pack / "units.yaml"
    units.write_text(units.read_text().replace(", email: liaison@road.example.org", ""))
    told = lint(steps("    lint: {no-recipient: 东乡 邮箱待报}\n"))
    assert "区公路局、东乡没有登记" in told[0]


def test_a_reminder_of_one_unit_needs_only_its_address(lint: Lint) -> None:
    only = a_step("not filed and days_overdue >= 1 and unit = 'ROAD'", "R1")
    assert lint(only.replace("to: [deputy]", "to: [liaison]")) == []


def test_a_post_named_twice_is_told(lint: Lint) -> None:
    twice = a_step("not filed and days_overdue >= 1", "R1")
    (remark,) = lint(twice.replace("to: [deputy]", "to: [deputy], cc: [deputy]"))
    assert "分管领导（deputy） 在收件人（to、cc）中写了两次" in remark


def test_deprecated_rules_are_not_looked_at(lint: Lint) -> None:
    assert lint(a_finding("filed and not filed", more="    status: deprecated\n")) == []
