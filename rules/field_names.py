"""What fields are called in plain Chinese, and what their values say: beside the catalogue.

The catalogue's `meaning` is a definition; a sentence needs a name.  A field that has none here
(a ledger's own field) is called by its meaning's first words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rules.catalogue import KINDS, Field, FieldType
from rules.labels import WORDS


@dataclass(frozen=True, slots=True)
class Label:
    """`measure` is the word after a number; `yes` and `no` say what a yes-or-no field says."""

    name: str
    measure: str = ""
    yes: str = ""
    no: str = ""


def _said(name: str, yes: str, no: str) -> Label:
    return Label(name, "", yes, no)


_WORKDAYS = "个工作日"

LABELS: Mapping[str, Label] = MappingProxyType(
    {
        "requirement": Label("要求事项"),
        "clause": Label("条款"),
        "unit": Label("单位"),
        "unit_category": Label("单位类别"),
        "role": Label("责任"),
        "period": Label("所属期间"),
        "period_no": Label("期间序号"),
        "filed": _said("是否报送", "已报送", "未报送"),
        "state": Label("状态"),
        "companion": _said("是否随另一事项一并报送", "随另一事项一并报送", "单独报送"),
        "due_on": Label("到期日"),
        "due_passed": _said("是否已过时限", "已过时限", "未过时限"),
        "days_to_due": Label("距到期工作日数", _WORKDAYS),
        "days_overdue": Label("逾期工作日数", _WORKDAYS),
        "on_time": _said("首次报送是否按时", "首次报送按时", "首次报送超时"),
        "days_late": Label("首次报送超时工作日数", _WORKDAYS),
        "extended": _said("是否批准延期", "已批准延期", "未批准延期"),
        "versions": Label("报送版本数", "版"),
        "returned_times": Label("被退回次数", "次"),
        "days_since_return": Label("退回以来工作日数", _WORKDAYS),
        "evidence_count": Label("佐证材料件数", "件"),
        "reused_evidence": Label("重复使用的佐证材料件数", "件"),
        "signed": _said("是否经单位负责人审签", "已经单位负责人审签", "未经单位负责人审签"),
        "elements_missing": Label("六要素缺项数", "项"),
        "tasks_uncovered": Label("方案未覆盖的任务数", "项"),
        "nodes_missing": Label("没有时间节点的任务数", "项"),
        "nodes_after_due": Label("晚于任务时限的时间节点数", "个"),
        "targets_understated": Label("目标低于分解数的任务数", "项"),
        "uncovered": Label("方案未覆盖的任务"),
        "late_node": Label("晚于时限的时间节点"),
        "late_node_on": Label("晚于时限的时间节点的日期"),
        "late_node_limit": Label("该节点所属任务的时限"),
        "copied_share": Label("与上期相同文字的比例"),
        "tasks_unmentioned": Label("报告未反映的任务数", "项"),
        "claims_mismatched": Label("上报数与台账不一致的项数", "项"),
        "fell": Label("累计数较上期减少的项数", "项"),
        "unmentioned": Label("报告未反映的任务"),
        "mismatched": Label("与台账不一致的第一项"),
        "mismatched_claim": Label("不一致项的上报数"),
        "mismatched_value": Label("不一致项的台账核算数"),
        "fell_in": Label("累计数减少的第一项"),
        "fell_from": Label("减少项的上期累计数"),
        "fell_to": Label("减少项的本期累计数"),
        "value": Label("台账核算数"),
        "claimed": Label("单位上报数"),
        "target": Label("目标数"),
        "attainment": Label("完成比例"),
        "expected": Label("此时应达到的数"),
        "behind": Label("落后于应达到数的差额"),
        "gap": Label("距目标的差额"),
        "low": Label("“左右”的下限"),
        "high": Label("“左右”的上限"),
        "shortfall": Label("低于下限的差额"),
        "excess": Label("高于上限的差额"),
        "claim_gap": Label("上报数减核算数之差"),
        "attendances": Label("名册人次（不去重）"),
        "tiers": Label("名册中的层次数", "个"),
        "untiered": Label("未标注层次的台账行数", "行"),
        "dated_outside_year": Label("日期不在年度内的台账行数", "行"),
        "spans_year_end": Label("跨年度的台账行数", "行"),
        "duplicates": Label("疑似重复的台账行数", "行"),
        "count": Label("按台账计数", "条"),
        "done": _said("是否完成", "已完成", "未完成"),
        "rule": Label("规则"),
        "severity": Label("问题程度"),
        "cycle": Label("第几轮"),
        "level": Label("升级级别"),
        "days_open": Label("发现以来工作日数", _WORKDAYS),
        "days_to_rectify_due": Label("距整改期限工作日数", _WORKDAYS),
        "days_past_rectify_due": Label("超过整改期限工作日数", _WORKDAYS),
        "reminders_sent": Label("已发提醒催办次数", "次"),
        "last_step": Label("最近发出的提醒步骤"),
        "has_response": _said("单位是否回复", "单位已回复", "单位未回复"),
        "has_contact": _said("是否有联络邮箱", "已登记联络邮箱", "未登记联络邮箱"),
        "open_findings": Label("未销号的督查问题数", "个"),
        "open_major": Label("未销号的较重及以上督查问题数", "个"),
        "overdue_items": Label("逾期事项数", "项"),
        "yellow_cards": Label("有效黄牌数", "张"),
        "unanswered_letters": Label("逾期未复的函件数", "件"),
    }
)

CHOICES: Mapping[str, str] = MappingProxyType(
    {
        value: word
        for group in ("level", "state", "role", "finding state")
        for value, word in WORDS[group].items()
    }
    | {"L0": "未升级"}
)
"""Values of choice fields; one that is missing here (L1 to L5) is called what it is."""

KIND_NAMES: Mapping[str, str] = WORDS["kind"]

_OF_THE_CATALOGUE = frozenset(field for table in KINDS.values() for field in table.values())
_FIRST_WORDS = re.compile(r"[，、；：（。]")


def label_of(field: Field) -> Label:
    """Return what a field is called."""
    # a ledger may have a field of the same name that is something else
    label = LABELS.get(field.name) if field in _OF_THE_CATALOGUE else None
    if label is None:
        name = _FIRST_WORDS.split(field.meaning, maxsplit=1)[0] or field.name
        label = Label(name)
    if field.type is FieldType.BOOL and not label.yes:
        label = Label(label.name, "", f"“{label.name}”为是", f"“{label.name}”为否")
    return label
