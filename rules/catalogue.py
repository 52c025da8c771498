"""The fact kinds and typed fields a rule may name: the contract with rule authors.

Rule packs, forms and outside tests rely on these names.  Working days are those of the plan's
calendar; a nullable field is NULL where the fact is not known, which is neither yes nor no.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from rules.vocabulary import Level


class FieldType(StrEnum):
    """What a field holds; `rules.constants` says how a constant of each is written."""

    BOOL = "bool"
    INT = "int"
    DECIMAL = "decimal"  # fixed-point, six places
    DATE = "date"
    CHOICE = "choice"  # text out of a closed list
    TEXT = "text"

    @property
    def ordered(self) -> bool:
        """Whether `<` and `between` make sense."""
        return self in (FieldType.INT, FieldType.DECIMAL, FieldType.DATE)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a fact kind.

    `unit` says what its numbers count ('' for nothing), `meaning` is Chinese, `example` a condition
    that names the field, `minimum` the least value it ever has, encoded; None: not bounded.
    """

    name: str
    type: FieldType
    nullable: bool = False
    choices: tuple[str, ...] = ()
    unit: str = ""
    meaning: str = ""
    example: str = ""
    minimum: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The fields that may be named of one fact; messages call it `kind`."""

    kind: str
    fields: Mapping[str, Field]


ROLES = ("lead", "co", "direct")
STATES = ("missing", "draft", "submitted", "returned", "accepted")
FINDING_STATES = (
    "detected",
    "confirmed",
    "notified",
    "acknowledged",
    "responded",
    "closed",
    "appealed",
    "dismissed",
    "cleared",
    "waived",
)
ESCALATION_LEVELS = ("L0", "L1", "L2", "L3", "L4", "L5")
OBLIGATION_KINDS = ("plan", "report", "target", "milestone", "evidence")

_DAYS = "working days"
_COUNT = "count"
_SHARE = "share of 1"
_OF_TARGET = "unit of the target"
_NUMBER_IN_YEAR = "number within the year"


def _field(
    name: str,
    type_: FieldType,
    meaning: str,
    example: str,
    *,
    unit: str = "",
    choices: tuple[str, ...] = (),
    minimum: int | None = None,
) -> Field:
    """A name ending in `?` may be unknown, as in the table of DESIGN.md."""
    bare = name.rstrip("?")
    return Field(bare, type_, name.endswith("?"), choices, unit, meaning, example, minimum)


def _bool(name: str, meaning: str, example: str = "") -> Field:
    return _field(name, FieldType.BOOL, meaning, example or f"not {name.rstrip('?')}")


def _int(name: str, unit: str, meaning: str, example: str = "") -> Field:
    """Days and things are counted from 0, numbers within the year from 1."""
    example = example or f"{name.rstrip('?')} > 0"
    least = int(unit == _NUMBER_IN_YEAR)
    return _field(name, FieldType.INT, meaning, example, unit=unit, minimum=least)


def _decimal(
    name: str, unit: str, meaning: str, example: str = "", *, minimum: int | None = None
) -> Field:
    example = example or f"{name.rstrip('?')} > 0"
    return _field(name, FieldType.DECIMAL, meaning, example, unit=unit, minimum=minimum)


def _choice(name: str, choices: tuple[str, ...], meaning: str, example: str) -> Field:
    return _field(name, FieldType.CHOICE, meaning, example, choices=choices)


def _text(name: str, meaning: str, example: str) -> Field:
    return _field(name, FieldType.TEXT, meaning, example)


def _date(name: str, meaning: str, example: str = "") -> Field:
    example = example or f"{name.rstrip('?')} > '2022-06-30'"
    return _field(name, FieldType.DATE, meaning, example, unit="date")


def _table(*fields: Field) -> Mapping[str, Field]:
    return MappingProxyType({field.name: field for field in fields})


_UNIT = _text("unit", "单位代码", "unit <> 'ORG'")
# Text, not a choice: another plan has other categories.
_CATEGORY = _text("unit_category", "单位类别", "unit_category <> '工业园'")

_OBLIGATION = (
    _text("requirement", "要求事项编号", "requirement = 'REQ2-O1'"),
    _text("clause", "条款编号", "clause in ('T08', 'T09')"),
    _UNIT,
    _CATEGORY,
    _choice("role", ROLES, "牵头、配合，或由条款直接要求（不经任务分解）", "role = 'lead'"),
    _text("period", "所属期间", "period = '2022Q2'"),
    _int("period_no", _NUMBER_IN_YEAR, "期间在年内的序号，从1起", "period_no >= 2"),
    _bool("filed", "已报送（自报送至验收；草稿、已退回的不算）"),
    _choice("state", STATES, "报送状态", "state = 'returned'"),
    _bool("companion", "随另一事项一并报送，本身无报件"),
    _date("due_on", "到期日（含延期）", "due_on <= '2022-06-30'"),
    _bool("due_passed", "已过到期日的截止时刻，不论是否报送", "due_passed and not filed"),
    _int("days_to_due", _DAYS, "距到期日，已到期为0", "days_to_due between 2 and 5"),
    _int("days_overdue", _DAYS, "逾期时长，自截止时刻起算、含延期，未逾期为0", "days_overdue >= 5"),
    _bool("on_time?", "首次报送按时"),
    _int("days_late?", _DAYS, "首次报送迟于到期日多久，按时为0"),
    _bool("extended", "已批准延期"),
    _int("versions", _COUNT, "报送版本数", "versions > 1"),
    _int("returned_times", _COUNT, "被退回次数", "returned_times >= 2"),
    _int("days_since_return?", _DAYS, "最近一次退回以来，未退回为空", "days_since_return > 3"),
    _int("evidence_count", _COUNT, "佐证材料件数", "evidence_count = 0"),
    _int("reused_evidence", _COUNT, "与其他报送重复使用的佐证材料件数"),
    _bool("signed?", "已经单位负责人审签"),
)

_DATED_OUTSIDE = _int("dated_outside_year?", _COUNT, "日期不在计划年度内的台账行数")
_PROGRESS = (
    _int("count?", _COUNT, "按要求的计量口径计得的数量", "count >= 2"),
    _bool("done?", "已完成"),
    _DATED_OUTSIDE,
)

_OUTCOME = (
    _text("rule", "规则编号", "rule = 'REQ2-O1-late'"),
    _choice("severity", tuple(level.value for level in Level), "问题程度", "severity = 'major'"),
    # A match may stand for several requirements and periods, and a rule need not cite a clause.
    _text("requirement?", "要求事项编号；由多项事实得出的为空", "requirement = 'REQ2-O1'"),
    _text("clause?", "规则所依条款编号", "clause = 'REQ2'"),
    _UNIT,
    _text("period?", "所属期间；由多项事实得出的为空", "period = '2022Q2'"),
)

KINDS: Mapping[str, Mapping[str, Field]] = MappingProxyType(
    {
        "plan": _table(
            *_OBLIGATION,
            _int(
                "elements_missing?", _COUNT, "落实方案六要素中缺少的项数", "elements_missing >= 3"
            ),
            _int("tasks_uncovered?", _COUNT, "方案未覆盖的分解任务数"),
            _int("nodes_missing?", _COUNT, "没有时间节点的任务数"),
            _int("nodes_after_due?", _COUNT, "晚于任务时限的时间节点数"),
            _int("targets_understated?", _COUNT, "目标低于分解数的任务数"),
            _text("uncovered?", "未覆盖的任务，条款编号以逗号相连", "uncovered = 'T10'"),
            _text("late_node?", "晚于时限的时间节点中的第一个", "late_node is not null"),
            _date("late_node_on?", "该时间节点的日期"),
            _date("late_node_limit?", "该时间节点所属任务的时限"),
        ),
        "report": _table(
            *_OBLIGATION,
            _decimal("copied_share?", _SHARE, "与上期报告相同文字的比例", "copied_share > 0.95"),
            _int("tasks_unmentioned?", _COUNT, "未提及的分解任务数"),
            _int("claims_mismatched?", _COUNT, "上报数与台账核算数不一致的项数"),
            _int("fell?", _COUNT, "累计数较上期减少的项数"),
            _text("unmentioned?", "未提及的任务，条款编号以逗号相连", "unmentioned = 'T06'"),
            _text("mismatched?", "数据不一致的第一项，要求事项编号", "mismatched = 'T09-O1'"),
            _decimal("mismatched_claim?", _OF_TARGET, "该项的上报数"),
            _decimal("mismatched_value?", _OF_TARGET, "该项截至报送日的台账核算数"),
            _text("fell_in?", "累计数减少的第一项，要求事项编号", "fell_in = 'T12-O2'"),
            _decimal("fell_from?", _OF_TARGET, "该项上期的累计数"),
            _decimal("fell_to?", _OF_TARGET, "该项本期的累计数"),
        ),
        "target": _table(
            *_OBLIGATION,
            _decimal("value?", _OF_TARGET, "按台账核算的数", "value < 200"),
            _decimal("claimed?", _OF_TARGET, "单位上报的数", "claimed > 300"),
            _decimal("target", _OF_TARGET, "目标数（分解到单位的取分解数）"),
            _decimal("attainment?", _SHARE, "完成比例：value除以target", "attainment < 0.8"),
            _decimal("expected?", _OF_TARGET, "按本单位时间节点此时应达到的数"),
            _decimal("behind?", _OF_TARGET, "落后于应达到数的差额，不落后为0", minimum=0),
            _decimal("gap?", _OF_TARGET, "距目标的差额：target减value"),
            _decimal("low", _OF_TARGET, "容差下限（“左右”），无容差的等于目标数"),
            _decimal("high", _OF_TARGET, "容差上限（“左右”），无容差的等于目标数"),
            _decimal("shortfall?", _OF_TARGET, "低于容差下限的差额，不低于为0", minimum=0),
            _decimal("excess?", _OF_TARGET, "高于容差上限的差额，不高于为0", minimum=0),
            _decimal("claim_gap?", _OF_TARGET, "上报数减核算数", "claim_gap <> 0"),
            _decimal("attendances?", _OF_TARGET, "人次，不去重", "attendances > 200"),
            _int("tiers?", _COUNT, "名册中的层次数", "tiers < 2"),
            _int("untiered?", _COUNT, "未标注层次的台账行数"),
            _DATED_OUTSIDE,
            _int("spans_year_end?", _COUNT, "跨年度的台账行数"),
            _int("duplicates?", _COUNT, "疑似重复的台账行数"),
        ),
        "milestone": _table(*_OBLIGATION, *_PROGRESS),
        "evidence": _table(*_OBLIGATION, *_PROGRESS),
        "violation": _table(
            *_OUTCOME,
            _int("period_no?", _NUMBER_IN_YEAR, "期间在年内的序号，从1起", "period_no >= 2"),
        ),
        "finding": _table(
            *_OUTCOME,
            _choice("state", FINDING_STATES, "督查问题状态", "state = 'notified'"),
            _int("cycle", "number", "第几轮，首次为1，反弹加1", "cycle > 1"),
            _choice("level", ESCALATION_LEVELS, "已决定的升级级别，L0为未升级", "level = 'L2'"),
            _int("days_open", _DAYS, "发现以来", "days_open > 10"),
            _int("days_overdue?", _DAYS, "所涉事项现时逾期时长", "days_overdue >= 10"),
            _int("days_to_rectify_due?", _DAYS, "距整改期限，已到期为0，无期限为空"),
            _int("days_past_rectify_due?", _DAYS, "超过整改期限多久，无期限为空"),
            _int("reminders_sent", _COUNT, "已发提醒、催办次数", "reminders_sent >= 2"),
            _text("last_step?", "最近发出的提醒步骤", "last_step = 'R5'"),
            _bool("has_response", "单位已回复"),
        ),
        "unit": _table(
            _UNIT,
            _CATEGORY,
            _bool("has_contact", "登记了可用的联络邮箱"),
            _int("open_findings", _COUNT, "未销号的督查问题数"),
            _int("open_major", _COUNT, "未销号的较重及以上督查问题数", "open_major >= 3"),
            _int("overdue_items", _COUNT, "逾期事项数"),
            _int("yellow_cards", _COUNT, "有效黄牌数", "yellow_cards >= 2"),
            _int("unanswered_letters", _COUNT, "逾期未复的函件数"),
        ),
    }
)


def fields_of(kind: str) -> Mapping[str, Field]:
    """Return the fields of a fact kind by name; KeyError for a kind there is none of."""
    return KINDS[kind]


def table_of(kind: str) -> Table:
    """Return a fact kind as a table of names; KeyError for a kind there is none of."""
    return Table(kind, KINDS[kind])
