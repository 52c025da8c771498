"""What changed between two sets of rules, told by meaning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from rules.catalogue import FieldType
from rules.checked import CheckedRule, bind_rule
from rules.checking import check_rules
from rules.diffing import Side, diff
from rules.equivalence import Relation
from rules.loading import parse_yaml
from rules.rule_changes import Change, ChangeKind
from rules.vocabulary import Level

LATE = """
  - id: late
    title: 报告逾期
    clause: T02
    requirement: GEN-R1
    on: report
    when: not filed and days_overdue > 0
    severity:
      - {level: major, when: days_overdue >= 5}
      - {level: minor}
    message: 逾期
"""
TWICE = """
  - id: twice
    title: 两期
    clause: T02
    match:
      first: {on: report, when: not filed}
      second: {on: report, when: not filed and period_no = first.period_no + 1}
    per: [unit, second.period]
    severity: [{level: major}]
    message: 两期
"""
REMIND = """
  - id: remind
    title: 提醒
    on: report
    when: not filed and days_to_due between 2 and 5
    notice: {ladder: report, step: R1, kind: pre_due, to: [liaison, deputy]}
"""
COUNTED = """
  - id: systemic
    title: 多次
    clause: T02
    match: {hit: {on: violation, when: rule = 'late'}}
    at_least: 3
    severity: [{level: critical}]
    message: 多次
"""
GENEROUS = """
  - id: copied
    title: 雷同
    clause: T02
    on: report
    when: copied_share > params.most
    severity: [{level: info}]
    message: 雷同
"""
ALL = LATE + TWICE + REMIND + COUNTED

Values = Mapping[date, int]
NOW: Values = {date(2022, 1, 1): 950_000}


def checked(text: str, name: str = "gen.yaml") -> tuple[CheckedRule, ...]:
    return check_rules(
        [parse_yaml(f"rules:\n{text}", file=name)],
        clauses=("T02", "T03"),
        requirements={"GEN-R1": ("T02", "report"), "GEN-R2": ("T02", "report")},
        params={"most": FieldType.DECIMAL, "least": FieldType.DECIMAL},
    )


def side(text: str, *, most: Values = NOW, name: str = "gen.yaml") -> Side:
    def bind(rule: CheckedRule, day: date) -> CheckedRule | None:
        begun = [each for each in most if each <= day]
        value = most[max(begun)] if begun else None
        if rule.params and value is None:
            return None
        return bind_rule(rule, dict.fromkeys(rule.params, value or 0))

    return Side(checked(text, name), bind, lambda params: most if params else ())


def changed(old: str | Side, new: str | Side) -> tuple[Change, ...]:
    sides = [each if isinstance(each, Side) else side(each) for each in (old, new)]
    return diff(*sides)


def the_change(old: str | Side, new: str | Side) -> Change:
    (one,) = changed(old, new)
    return one


def edited(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_rules_do_not_differ_from_themselves() -> None:
    assert changed(ALL, ALL) == ()


def test_neither_order_nor_comments_nor_folding_are_a_change() -> None:
    other = (
        REMIND
        + COUNTED
        + TWICE
        + "  # 说明\n"
        + edited(
            LATE,
            ("not filed and days_overdue > 0", ">-\n      not filed\n      and days_overdue > 0"),
        )
    )
    assert changed(ALL, other) == ()


@pytest.mark.parametrize(
    "same",
    [
        "days_overdue > 0 and not filed",
        "not (filed or days_overdue <= 0)",
        "not filed and days_overdue >= 1",
    ],
)
def test_what_is_written_differently_and_means_the_same_is_told_as_no_change(same: str) -> None:
    change = the_change(LATE, edited(LATE, ("not filed and days_overdue > 0", same)))
    assert change.kind is ChangeKind.REWRITTEN
    assert not change.kind.in_meaning


def test_a_condition_that_holds_more_often_is_wider_and_an_example_says_where() -> None:
    change = the_change(edited(LATE, ("overdue > 0", "overdue > 3")), LATE)
    assert change.kind is ChangeKind.CONDITION
    assert change.comparison is not None
    assert change.comparison.relation is Relation.WIDER
    (value,) = change.values
    assert (value.key, value.before, value.after) == (
        "when",
        "not filed and days_overdue > 3",
        "not filed and days_overdue > 0",
    )
    assert change.comparison.gained is not None
    fields = {field.name: value for field, value in change.comparison.gained.fields.items()}
    assert fields == {"days_overdue": 1, "filed": 0, "requirement": "GEN-R1"}


def test_a_join_and_a_notice_have_conditions_too() -> None:
    kinds = [
        the_change(TWICE, edited(TWICE, ("first.period_no + 1", "first.period_no + 2"))),
        the_change(REMIND, edited(REMIND, ("between 2 and 5", "between 2 and 6"))),
    ]
    assert [each.kind for each in kinds] == [ChangeKind.CONDITION] * 2
    assert [each.comparison and each.comparison.relation for each in kinds] == [
        Relation.DIFFERENT,
        Relation.WIDER,
    ]


def test_patterns_may_be_called_otherwise() -> None:
    renamed = edited(TWICE, ("first", "one"), ("second", "two"))
    assert [each.kind for each in changed(TWICE, renamed)] == [ChangeKind.REWRITTEN]


@pytest.mark.parametrize(
    ("text", "was", "now", "kind", "key"),
    [
        (LATE, "status: draft", "status: published", ChangeKind.STATUS, "status"),
        (LATE, "rectify_within: 7", "rectify_within: 5", ChangeKind.HANDLING, "rectify_within"),
        (LATE, "review: automatic", "review: required", ChangeKind.HANDLING, "review"),
        (LATE, "max_findings: 5", "max_findings: 9", ChangeKind.HANDLING, "max_findings"),
        (LATE, "basis: implied", "basis: explicit", ChangeKind.BINDING, "basis"),
        (LATE, "remedy: 报送", "remedy: 补报", ChangeKind.TEXT, "remedy"),
    ],
)
def test_each_key_that_changed_is_named(
    text: str, was: str, now: str, kind: ChangeKind, key: str
) -> None:
    change = the_change(f"{text}    {was}\n", f"{text}    {now}\n")
    assert change.kind is kind
    (value,) = change.values
    assert (value.key, value.before, value.after) == (key, was.split(": ")[1], now.split(": ")[1])


@pytest.mark.parametrize(
    ("text", "old", "new", "kind", "keys"),
    [
        (TWICE, "[unit, second.period]", "[unit]", ChangeKind.GROUPING, {"per"}),
        (LATE + COUNTED, "at_least: 3", "at_least: 2", ChangeKind.GROUPING, {"at_least"}),
        (REMIND, "step: R1", "step: R2", ChangeKind.OUTCOME, {"step"}),
        (REMIND, "[liaison, deputy]", "[liaison]", ChangeKind.OUTCOME, {"to"}),
        (REMIND, "title: 提醒", "title: 催办", ChangeKind.TEXT, {"title"}),
        (LATE, "message: 逾期", "message: 逾期了", ChangeKind.TEXT, {"message"}),
    ],
)
def test_each_part_that_changed_is_named(
    text: str, old: str, new: str, kind: ChangeKind, keys: set[str]
) -> None:
    # without `second.period` the other fact is the one whose scope counts: written anew, no change
    (change,) = [each for each in changed(text, edited(text, (old, new))) if each.kind.in_meaning]
    assert (change.kind, {value.key for value in change.values}) == (kind, keys)


def test_the_order_of_recipients_is_no_change() -> None:
    assert changed(REMIND, edited(REMIND, ("[liaison, deputy]", "[deputy, liaison]"))) == ()


def test_a_level_that_changes_is_told_with_a_fact_that_gets_another() -> None:
    change = the_change(LATE, edited(LATE, (">= 5", ">= 10")))
    assert change.kind is ChangeKind.SEVERITY
    assert change.comparison is not None
    (example,) = change.comparison.levels
    assert (example.before.level, example.after.level) == (Level.MAJOR, Level.MINOR)


def test_the_order_of_a_matchs_levels_counts_because_the_first_that_holds_for_any_does() -> None:
    one = edited(
        TWICE, ("[{level: major}]", "[{level: minor, when: first.extended}, {level: major}]")
    )
    two = edited(
        TWICE, ("[{level: major}]", "[{level: major, when: not first.extended}, {level: minor}]")
    )
    assert [each.kind for each in changed(one, two)] == [ChangeKind.SEVERITY]


def test_what_takes_effect_stands_first_and_drafts_stand_last() -> None:
    new = edited(LATE, ("逾期\n", "逾期了\n")) + REMIND + f"{COUNTED}    status: draft\n"
    found = changed(LATE, new)
    assert [(each.kind, each.rule, each.in_force) for each in found] == [
        (ChangeKind.ADDED, "remind", True),
        (ChangeKind.TEXT, "late", True),
        (ChangeKind.ADDED, "systemic", False),
    ]


def test_a_rule_that_goes_on_under_another_id_is_renamed() -> None:
    change = the_change(LATE, edited(LATE, ("id: late", "id: overdue")))
    assert (change.kind, change.rule, change.former) == (ChangeKind.RENAMED, "overdue", "late")


def test_a_rule_that_counts_a_renamed_ones_findings_follows_it() -> None:
    new = edited(LATE, ("id: late", "id: overdue")) + edited(COUNTED, ("'late'", "'overdue'"))
    found = changed(LATE + COUNTED, new)
    assert [each.kind for each in found] == [ChangeKind.RENAMED, ChangeKind.REWRITTEN]


def test_another_id_and_another_meaning_are_a_rule_less_and_a_rule_more() -> None:
    new = edited(LATE, ("id: late", "id: overdue"), ("overdue > 0", "overdue > 2"))
    assert [each.kind for each in changed(LATE, new)] == [ChangeKind.ADDED, ChangeKind.REMOVED]


def test_a_rule_in_another_file_is_moved_and_nothing_else() -> None:
    change = the_change(LATE, side(LATE, name="other.yaml"))
    assert change.kind is ChangeKind.MOVED
    assert not change.kind.in_meaning
    assert (change.values[0].before, change.values[0].after) == ("gen.yaml", "other.yaml")


def test_facts_of_another_kind_are_not_compared() -> None:
    new = edited(LATE, ("    requirement: GEN-R1\n", ""), ("on: report", "on: plan"))
    kinds = [each.kind for each in changed(LATE, new)]
    assert ChangeKind.KIND in kinds
    assert ChangeKind.CONDITION not in kinds


def test_a_parameters_value_is_the_cause_where_the_rule_says_what_it_said() -> None:
    change = the_change(GENEROUS, side(GENEROUS, most={date(2022, 1, 1): 900_000}))
    assert (change.kind, change.params) == (ChangeKind.CONDITION, ("most",))
    assert change.comparison is not None
    assert change.comparison.relation is Relation.WIDER


def test_a_value_of_a_later_day_is_looked_at_too() -> None:
    later = {**NOW, date(2022, 7, 1): 980_000}
    change = the_change(GENEROUS, side(GENEROUS, most=later))
    assert change.comparison is not None
    assert change.comparison.relation is Relation.NARROWER


def test_a_parameter_in_place_of_its_value_is_no_change() -> None:
    change = the_change(GENEROUS, edited(GENEROUS, ("params.most", "0.95")))
    assert change.kind is ChangeKind.REWRITTEN


def test_every_condition_of_the_shipped_rules_may_be_negated_twice(
    shipped: tuple[CheckedRule, ...],
) -> None:
    def as_they_are(rule: CheckedRule, _: date) -> CheckedRule:
        return rule

    def twice_negated(rule: CheckedRule) -> CheckedRule:
        from dataclasses import replace

        from rules.conditions import Not

        patterns = tuple(
            replace(each, condition=Not(Not(each.condition))) for each in rule.patterns
        )
        return replace(rule, patterns=patterns, scope=Not(Not(rule.scope)))

    old = Side(shipped, as_they_are, lambda _: ())
    new = Side(tuple(map(twice_negated, shipped)), as_they_are, lambda _: ())
    assert not [each for each in diff(old, new) if each.kind.in_meaning]


@pytest.fixture(scope="module")
def shipped() -> tuple[CheckedRule, ...]:
    from supervision.services.load_rules import bind_all, load_whole_pack

    loaded = load_whole_pack(Path(__file__).parents[2] / "rules" / "packs" / "talent-2022")
    bound, _ = bind_all(loaded.rules, loaded.pack.plan, date(2022, 6, 30))
    return tuple(bound)
