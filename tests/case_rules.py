"""A few rules, and a small world around them, for tests of cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from rules.case_facts import KnownRequirement, World
from rules.cases import Happening
from rules.catalogue import FieldType
from rules.checked import CheckedRule, bind_rule
from rules.checking import check_rules
from rules.loading import parse_yaml

RULES = """
rules:
  - id: report-late
    title: 报告逾期
    requirement: GEN-R1
    on: report
    when: not filed and days_overdue > 0
    severity: [{level: major, when: days_overdue >= 5}, {level: minor}]
    message: late
  - id: report-copied
    title: 报告雷同
    requirement: GEN-R3
    on: report
    scope: filed
    when: copied_share > params.copied
    severity: [{level: info}]
    message: copied
  - id: twice-running
    title: 连续两期
    match:
      first: {on: report, when: requirement = 'GEN-R1' and not filed and days_overdue > 0}
      second:
        on: report
        when: >-
          not filed and days_overdue > 0
          and requirement = first.requirement and period_no = first.period_no + 1
    per: [unit, second.period]
    severity: [{level: major}]
    message: twice
  - id: systemic
    title: 多项问题
    match: {hit: {on: violation, when: severity = 'major' and requirement is not null}}
    at_least: 3
    severity: [{level: critical}]
    message: systemic
  - id: remind
    title: 催办
    on: report
    when: not filed and days_overdue between 1 and 2
    notice: {ladder: report, step: R4, kind: overdue, to: [liaison]}
  - id: propose
    title: 升级
    on: finding
    scope: state in ('confirmed', 'notified')
    when: days_overdue >= 5
    escalate: {level: L2}
  - id: sketch
    title: 草拟
    status: draft
    requirement: GEN-R1
    on: report
    when: versions > 3
    severity: [{level: major}]
    message: sketch
"""


def checked_rules(text: str = RULES) -> tuple[CheckedRule, ...]:
    return check_rules(
        [parse_yaml(text, file="rules.yaml")],
        clauses=("T02",),
        requirements={"GEN-R1": ("T02", "report"), "GEN-R3": ("T02", "report")},
        params={"copied": FieldType.DECIMAL},
    )


def bound(day: date, rules: Sequence[CheckedRule] = ()) -> list[CheckedRule]:
    """The share that counts as copied is 95 % until the end of July, then 90 %."""
    copied = 950_000 if day < date(2022, 8, 1) else 900_000
    return [bind_rule(rule, {"copied": copied}) for rule in rules or checked_rules()]


def rendered(rule: CheckedRule, happening: Happening) -> str:
    """The rule's message, its facts' keys and the number of combinations."""
    keys = " ".join(fact.key for fact in happening.facts)
    return f"{rule.rule.message} {keys} ×{happening.combinations}"


def the_world() -> World:
    return World(
        rules={rule.rule.id: rule for rule in checked_rules()},
        requirements={
            "GEN-R1": KnownRequirement(
                "report",
                {"requirement": "GEN-R1", "clause": "T02", "companion": 0, "period": "2022"},
            ),
            "GEN-R3": KnownRequirement(
                "report",
                {"requirement": "GEN-R3", "clause": "T02", "companion": 1, "period": "2022"},
            ),
            "T09-O1": KnownRequirement(
                "target",
                {
                    "requirement": "T09-O1",
                    "clause": "T09",
                    "companion": 0,
                    "role": "lead",
                    "period": "2022",
                    "target": 200_000_000,
                    "low": 200_000_000,
                    "high": 200_000_000,
                },
            ),
        },
        units={"TU": "部门", "YL": "部门"},
        zone=ZoneInfo("Asia/Shanghai"),
    )
