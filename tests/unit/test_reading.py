"""Conditions in plain Chinese: every operator, every kind of value, nothing left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.catalogue import KINDS, Field, FieldType, Table, fields_of, table_of
from rules.conditions import (
    ALWAYS,
    Condition,
    Constant,
    Not,
    evaluate,
    fields,
)
from rules.expression import parse_condition
from rules.field_names import CHOICES, LABELS, label_of
from rules.marking import mark
from rules.reading import Words, day_in_chinese, read, read_value, words_of_match
from tests.random_rules import Table as RandomTable
from tests.random_rules import conditions, tables, values

PARAMS = {"min_days": FieldType.INT, "share": FieldType.DECIMAL, "degree": FieldType.TEXT}
VALUES = {"min_days": 5, "share": 950_000, "degree": "本科"}


def reading(text: str, kind: str = "report", **keys: object) -> str:
    condition = parse_condition(text, kind=kind, fields=fields_of(kind), params=PARAMS)
    return read(condition, Words(fields_of(kind), params=VALUES, **keys))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("plan", "not filed and days_overdue > 0", "未报送 且 逾期工作日数大于0"),
        ("plan", "filed or due_passed", "已报送 或 已过时限"),
        ("plan", "filed = false", "未报送"),
        ("plan", "filed <> true", "未报送"),
        ("report", "days_overdue < 3", "逾期工作日数小于3"),
        ("report", "days_overdue <= 3", "逾期工作日数不大于3"),
        ("report", "days_overdue >= 3", "逾期工作日数不小于3"),
        ("report", "days_overdue = 3", "逾期工作日数等于3"),
        ("report", "days_overdue <> 3", "逾期工作日数不等于3"),
        ("report", "days_to_due between 2 and 5", "距到期工作日数在2至5之间"),
        ("report", "not (days_to_due between 2 and 5)", "并非（距到期工作日数在2至5之间）"),
        ("report", "state in ('returned', 'missing')", "状态为已退回或未报送"),
        ("report", "state not in ('returned', 'missing')", "状态不为已退回、未报送"),
        ("report", "state <> 'accepted'", "状态不为已验收"),
        ("report", "on_time is null", "首次报送是否按时不详"),
        ("report", "days_late is not null", "首次报送超时工作日数已知"),
        ("report", "copied_share > 0.95", "与上期相同文字的比例大于95%"),
        ("report", "copied_share > 0.9555", "与上期相同文字的比例大于95.55%"),
        ("report", "due_on > '2022-04-18'", "到期日晚于2022年4月18日"),
        ("report", "due_on <= '2022-04-18'", "到期日不晚于2022年4月18日"),
        ("report", "unit_category <> '工业园'", "单位类别不为“工业园”"),
        ("report", "days_overdue >= params.min_days", "逾期工作日数不小于参数min_days（5）"),
        ("report", "copied_share > params.share", "与上期相同文字的比例大于参数share（95%）"),
        ("report", "period_no >= 2", "期间序号不小于2"),
        ("milestone", "count = 0", "按台账计数等于0"),
        (
            "milestone",
            "count = 0 or (count is null and not filed and days_overdue > 0)",
            "按台账计数等于0 或 （按台账计数不详 且 未报送 且 逾期工作日数大于0）",
        ),
        ("plan", "not (filed and signed)", "并非（已报送 且 已经单位负责人审签）"),
        ("plan", "not (not filed)", "已报送"),
    ],
)
def test_a_condition_is_read_in_chinese(kind: str, text: str, said: str) -> None:
    assert reading(text, kind) == said


def test_a_number_of_the_target_is_said_in_the_targets_own_unit() -> None:
    assert reading("gap > 0", "target", target_unit="人") == "距目标的差额大于0人"
    assert reading("value < 12.50", "target", target_unit="公里") == "台账核算数小于12.5公里"
    assert reading("gap > 0", "target") == "距目标的差额大于0"


def test_a_value_is_said_with_what_it_counts() -> None:
    words = Words(fields_of("report"))
    assert read_value(fields_of("report")["days_overdue"], 14, words) == "14个工作日"
    assert read_value(fields_of("report")["copied_share"], 1_000_000, words) == "100%"
    assert read_value(fields_of("report")["signed"], None, words) == "不详"
    assert day_in_chinese(738_263) == "2022年4月18日"


def test_names_stand_in_place_of_ids() -> None:
    names = {"requirement": {"REQ2-O1": "“落实方案”（REQ2-O1）"}}
    assert (
        reading("requirement = 'REQ2-O1'", "plan", names=names) == "要求事项为“落实方案”（REQ2-O1）"
    )
    assert reading("requirement = 'X'", "plan", names=names) == "要求事项为“X”"


def test_another_patterns_field_is_said_to_be_its() -> None:
    patterns = [("first", table_of("report")), ("second", table_of("report"))]
    condition = parse_condition(
        "requirement = first.requirement and period_no = first.period_no + 1"
        " and due_on > first.due_on - 3 and days_overdue > first.days_overdue",
        kind="report",
        fields=fields_of("report"),
        other_patterns={"first": table_of("report")},
    )
    assert read(condition, words_of_match(Words({}), patterns, 1)) == (
        "要求事项与甲的要求事项相同 且 期间序号等于甲的期间序号加1"
        " 且 到期日晚于甲的到期日前3日 且 逾期工作日数大于甲的逾期工作日数"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_the_catalogue_has_a_name_of_its_own(kind: str) -> None:
    names = [label_of(field).name for field in KINDS[kind].values()]
    assert len(set(names)) == len(names)
    for field in KINDS[kind].values():
        assert field.name in LABELS
        label = label_of(field)
        assert bool(label.yes) == bool(label.no) == (field.type is FieldType.BOOL)
        for choice in field.choices:
            assert choice in CHOICES or choice.startswith("L")


def test_a_ledgers_field_keeps_its_own_title() -> None:
    level = Field("level", FieldType.TEXT, nullable=True, meaning="层级")
    assert label_of(level).name == "层级"


@pytest.mark.parametrize("value", [True, False, None])
def test_a_constant_has_a_reading(value: bool | None) -> None:
    assert read(Constant(value), Words({})).endswith(("成立", "判断"))


# --- The whole language --------------------------------------------------------------------------


def _fields(table: RandomTable, kind: str) -> dict[str, Field]:
    types = {"rule": "text", "level": "text"}
    return {
        column.name: Field(
            column.name,
            FieldType(types.get(column.type, column.type)),
            column.nullable,
            ("missing", "submitted", "returned") if column.type == "choice" else (),
            meaning=f"{column.name}的含义",
        )
        for column in table[kind]
    }


@st.composite
def _read_conditions(draw: st.DrawFn) -> tuple[Condition, Words, dict[str, dict[str, object]]]:
    table = draw(tables())
    own, other = (_fields(table, kind) for kind in ("report", "target"))
    condition = draw(conditions(table["report"], None, {"other": table["target"]}, depth=3))
    words = words_of_match(
        Words({}), [(None, Table("report", own)), ("other", Table("target", other))], 0
    )
    facts = {
        kind: {column.name: draw(values(column)) for column in table[kind]}
        for kind in ("report", "target")
    }
    return condition, words, facts


@given(_read_conditions())
def test_every_condition_of_the_language_reads_and_names_each_of_its_fields(drawn) -> None:  # type: ignore[no-untyped-def]
    condition, words, _ = drawn
    said = read(condition, words)
    for ref in fields(condition):
        label = label_of(words.of(ref))
        assert any(word and word in said for word in (label.name, label.yes, label.no))
    assert said.count("（") == said.count("）")


@given(_read_conditions())
def test_a_marked_condition_says_at_every_part_what_it_is_worth(drawn) -> None:  # type: ignore[no-untyped-def]
    condition, words, facts = drawn
    branch = mark(condition, words, facts["report"], {"other": facts["target"]})
    assert branch.value is evaluate(condition, facts["report"], {"other": facts["target"]})

    def walk(part) -> None:  # type: ignore[no-untyped-def]
        assert part.reading and part.text
        if part.children:
            truths = [child.value for child in part.children]
            joined = {
                "and": False if False in truths else None if None in truths else True,
                "or": True if True in truths else None if None in truths else False,
                "not": None if truths[0] is None else not truths[0],
            }
            assert part.value in joined.values()
        for child in part.children:
            walk(child)

    walk(branch)


@given(_read_conditions())
def test_not_not_reads_as_the_thing_itself(drawn) -> None:  # type: ignore[no-untyped-def]
    condition, words, _ = drawn
    assert read(Not(Not(condition)), words) == read(condition, words)
    assert read(ALWAYS, words) == "总是成立"
