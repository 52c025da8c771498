"""What can be done about a fact: who can change which field, in what words, and what follows.

A row of this table stands for one field of the catalogue.  A field in no row is given by the plan,
by history or by the calendar: nobody changes it (see `UNCHANGEABLE`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from rules.catalogue import OBLIGATION_KINDS
from rules.conditions import Value
from rules.constants import SCALE

Fields = Mapping[str, Value | None]


class Actor(StrEnum):
    """Who can bring a change about."""

    UNIT = "unit"
    OFFICE = "office"


@dataclass(frozen=True, slots=True)
class Remedy:
    """How one field is brought to another value by filing anew.

    `lower` and `higher` are the phrases for either direction, '' where that is no remedy.  They may
    say {by} (how much), {now}, {to} (the value to reach), {which} (the items concerned), {verb} and
    {file} (filing it, or filing it again).
    """

    lower: str = ""
    higher: str = ""


REMEDIES: Mapping[str, Remedy] = MappingProxyType(
    {
        "elements_missing": Remedy("补齐落实方案所缺要素{by}，重新报送"),
        "tasks_uncovered": Remedy("在落实方案中补充未覆盖的任务{by}{which}，重新报送"),
        "nodes_missing": Remedy("为{by}任务补列有日期的进度节点，重新报送落实方案"),
        "nodes_after_due": Remedy("将{by}进度节点{which}调整到任务时限以内，重新报送落实方案"),
        "targets_understated": Remedy(
            "将{by}任务的年度目标更正到不低于分解任务数，重新报送落实方案"
        ),
        "copied_share": Remedy("补充本期实际进展，使与上期相同文字的比例{to}，重新报送报告"),
        "tasks_unmentioned": Remedy("在报告中补充未反映的任务{by}{which}，重新报送"),
        "claims_mismatched": Remedy(
            "更正与台账不一致的上报数{by}{which}并重新报送报告，或补报相应台账"
        ),
        "fell": Remedy("核对两期数据，更正较上期减少的累计数{by}{which}，重新报送"),
        "value": Remedy(
            "核对台账，如有不应计入的记录，更正台账核减{by}（核算为{to}）",
            "再{verb}{by}（累计达到{to}）并报送台账",
        ),
        "rows": Remedy("", "补报台账所缺的{by}（核算达到{to}）"),
        "claimed": Remedy("更正上报数为{to}", "更正上报数为{to}"),
        "attendances": Remedy("更正名册，核减{by}人次", "名册再增加{by}人次"),
        "tiers": Remedy("", "名册再增加{by}层次（达到{to}）"),
        "untiered": Remedy("为{by}台账记录补注层次，重新报送"),
        "dated_outside_year": Remedy(
            "更正日期有误的台账记录，或删去不属本年度的，共{by}，重新报送"
        ),
        "spans_year_end": Remedy("更正或删去跨年度的台账记录{by}，重新报送"),
        "duplicates": Remedy("删去重复的台账记录{by}，重新报送"),
        "count": Remedy(
            "补正台账或材料，使计入本项的记录由{now}减至{to}",
            "补报符合核算口径的台账记录{by}（按台账达到{to}）",
        ),
        "evidence_count": Remedy("", "补报佐证材料{by}"),
        "reused_evidence": Remedy("更换与其他报送重复使用的佐证材料{by}"),
        "signed": Remedy("", "经单位负责人审签后{file}"),
        "done": Remedy("", "完成本事项并{file}"),
    }
)

SUFFICIENT_COUNT = "任意{needed}项消除（整改到位，或获豁免）即可"

UNCHANGEABLE: Mapping[str, str] = MappingProxyType(
    {
        "on_time": "迟报事实已发生，不能消除；可说明情况、申诉或豁免",
        "days_late": "迟报事实已发生，不能消除；可说明情况、申诉或豁免",
        "returned_times": "退回次数已成事实，不能消除；可说明情况、申诉或豁免",
        "days_since_return": "退回补正的时间已经过去，不能消除；可说明情况、申诉或豁免",
        "versions": "报送次数已成事实，不能消除；可说明情况、申诉或豁免",
    }
)
"""History: why a field that a rule speaks of stays as it is."""

GIVEN = (
    "规则所依事实由工作安排、任务分解或既往情况确定，单位和督查室都不能改变；可说明情况、申诉或豁免"
)


FILE = "报送{item}"
FILE_AGAIN = "按退回意见补正后重新报送{item}"
REFILE = "重新报送{item}"
EXTEND = "获批延期（新时限不早于{day}）"
EXTEND_SOME = "获批延期"
ACCEPT = "督查室审核通过现有报送"
RESOLVE = "消除该问题（整改到位，或获豁免）"


# --- What follows from a change ------------------------------------------------------------------


def filed_fields(kind: str, fields: Fields, *, measured: bool) -> dict[str, Value | None]:
    """Return the fields after a complete, signed filing of what was not filed.

    A measured number of which nothing was known is zero then: no ledger rows are taken for granted.
    """
    after = dict(fields)
    if not after.get("filed"):
        late = bool(after.get("due_passed"))
        overdue = after.get("days_overdue")
        first = {
            "on_time": int(not late),
            "days_late": max(1, overdue if isinstance(overdue, int) else 1) if late else 0,
        }
        # of what was returned the first filing stays
        after |= {name: value for name, value in first.items() if after.get(name) is None}
        versions = after.get("versions")
        after |= {"filed": 1, "state": "submitted", "days_overdue": 0}
        if isinstance(versions, int):
            after["versions"] = versions + 1
        for name in _COMPLETE.get(kind, ()):
            if name in after and after[name] is None:
                after[name] = 0
        if after.get("signed") is None and "signed" in after:
            after["signed"] = 1
    if measured and kind == "target" and after.get("value") is None:
        for name in _OF_ROWS:
            after[name] = after.get(name) or 0
        after = with_value(after, 0)
    if measured and kind in ("milestone", "evidence") and after.get("count") is None:
        after |= {"count": 0, "done": 0}
    return {name: value for name, value in after.items() if name in fields}


_OF_ROWS = ("attendances", "untiered", "dated_outside_year", "spans_year_end", "duplicates")

_COMPLETE: Mapping[str, tuple[str, ...]] = {
    "plan": (
        "elements_missing",
        "tasks_uncovered",
        "nodes_missing",
        "nodes_after_due",
        "targets_understated",
    ),
    "report": ("copied_share", "tasks_unmentioned", "claims_mismatched", "fell"),
    "target": (),
    "milestone": (),
    "evidence": (),
}
"""What a complete filing has none of."""
assert set(_COMPLETE) == set(OBLIGATION_KINDS)


def extended_fields(fields: Fields, *, due_on: int | None, days_to_due: int) -> Fields:
    """Return the fields of an obligation whose due date has been put off beyond now.

    `days_to_due` counts from now; the instant of the first filing and what it was then stay.
    """
    after = dict(fields) | {
        "extended": 1,
        "due_passed": 0,
        "days_overdue": 0,
        "days_to_due": days_to_due,
    }
    if due_on is not None:
        after["due_on"] = due_on
    return {name: value for name, value in after.items() if name in fields}


def with_value(fields: Fields, value: int) -> dict[str, Value | None]:
    """Return a target's fields when its ledgers bear out `value` (encoded).

    A unit whose claim agreed with its ledgers files the two together; any other claim stays.
    """
    after: dict[str, Value | None] = dict(fields)

    def number(name: str) -> int | None:
        found = after.get(name)
        return found if isinstance(found, int) else None

    after["value"] = value
    target, low, high = number("target"), number("low"), number("high")
    expected = number("expected")
    if target is not None:
        after["gap"] = max(0, target - value)
        if target > 0:
            after["attainment"] = value * 1000 // target * 1000
    if low is not None:
        after["shortfall"] = max(0, low - value)
    if high is not None:
        after["excess"] = max(0, value - high)
    if expected is not None:
        after["behind"] = max(0, expected - value)
    claimed = number("claimed")
    if claimed is not None and after.get("filed"):
        if number("claim_gap") == 0:
            after["claimed"] = value
        else:
            after["claim_gap"] = claimed - value
    attendances = number("attendances")
    if attendances is not None:
        after["attendances"] = max(attendances, value)
    return {name: found for name, found in after.items() if name in fields}


def with_claim(fields: Fields, claimed: int) -> dict[str, Value | None]:
    """Return a target's fields when the unit claims `claimed` (encoded)."""
    after: dict[str, Value | None] = dict(fields) | {"claimed": claimed}
    value = fields.get("value")
    after["claim_gap"] = claimed - value if isinstance(value, int) else None
    return {name: found for name, found in after.items() if name in fields}


def value_reaching(field: str, wanted: int, fields: Fields, *, whole: bool) -> int | None:
    """Return the measured number at which `field` holds `wanted`, or goes just past it.

    None where that cannot be said.  `whole` numbers are counted in ones.
    """
    base = {"gap": "target", "shortfall": "low", "behind": "expected"}.get(field)
    if field == "value":
        value = wanted
    elif field == "attainment":
        target = fields.get("target")
        if not isinstance(target, int) or target <= 0:
            return None
        value = -(-(-(-wanted // 1000) * target) // 1000)
    elif field == "excess":
        high = fields.get("high")
        if not isinstance(high, int):
            return None
        value = high + wanted
    elif base is not None:
        start = fields.get(base)
        if not isinstance(start, int):
            return None
        value = start - wanted
    else:
        return None
    if whole:
        now = fields.get("value")
        rises = not isinstance(now, int) or value > now
        value = -(-value // SCALE) * SCALE if rises else value // SCALE * SCALE
    return value if value >= 0 else None


DRIVEN_BY_VALUE = frozenset({"value", "gap", "shortfall", "excess", "attainment", "behind"})
"""Fields of a target that move with what its ledgers bear out."""
