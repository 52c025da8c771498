"""A year in which every unit of the talent plan does all it owes, in time.

A journey changes one filing of it; what is found then is that filing's doing, and whoever else is
accused is accused wrongly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from supervision.domain.obligations import Obligation, owed
from supervision.domain.pack import Pack
from supervision.domain.plan import RequirementKind
from supervision.domain.workdays import WorkCalendar, workdays_from
from supervision.services.seed_calendar import days_of
from tests.office import a_submission, at

Line = dict[str, Any]
Year = dict[str, Line]
"""The filings by obligation key."""

TIERS = ("党员致富带头人", "种养大户", "新型经营主体负责人")
QUARTERS = {"2022Q2": "2022-06-20 10:00", "2022Q3": "2022-09-19 10:00", "2022": "2022-12-12 10:00"}


def exemplary_year(pack: Pack) -> Year:
    """Return one faultless filing for everything that is filed under the talent plan."""
    calendar = WorkCalendar(
        2022, workdays_from((day, works) for y in (2022, 2023) for day, works, _ in days_of(y))
    )
    obligations = [each for each in owed(pack, calendar).obligations if not each.companion]
    targets: dict[tuple[str, str], int] = {}
    for each in obligations:
        if each.target is not None:
            place = (each.clause, each.unit)
            targets[place] = max(targets.get(place, 0), int(each.target))
    year = {}
    for each in obligations:
        if each.kind is RequirementKind.PLAN:
            parts = {"content": a_plan(pack, each.unit, targets)}
            when = "2022-04-11 10:00"
        elif each.kind is RequirementKind.REPORT:
            parts = {"content": a_report(pack, each.unit, str(each.period))}
            when = QUARTERS[str(each.period)]
        else:
            parts, when = achievement(each)
        year[each.key] = a_submission(each.requirement, each.unit, str(each.period), when, **parts)
    return year


def lines(year: Mapping[str, Line]) -> list[Line]:
    """Return the filings in the order in which they came in."""
    return sorted(year.values(), key=lambda line: line["submitted_at"])


def again(line: Line, when: str, **parts: Any) -> Line:
    """Return what the unit files later in its place; `parts` are what has changed."""
    return {**line, "submitted_at": at(when).isoformat(), **parts}


def a_plan(pack: Pack, unit: str, targets: Mapping[tuple[str, str], int]) -> Line:
    tasks = [
        {
            "clause": each.clause,
            "objective": targets.get((each.clause, unit)),
            "objectives": f"完成{each.clause}年度任务",
            "measures": [f"{each.clause}专人负责"],
            "nodes": [{"name": "完成", "on": "2022-06-15"}],
        }
        for each in pack.assignments
        if each.unit == unit
    ]
    return {
        "form": "单独印发",
        "signed_by": _principal(pack, unit),
        "signed_on": "2022-04-08",
        "tasks": tasks,
        "personnel": "明确分管领导、责任科室和联络员",
        "attention": "主要负责人每季度研究一次",
        "safeguards": "经费列入预算",
    }


def a_report(pack: Pack, unit: str, period: str) -> Line:
    """No eight characters of it stand in the report of another period."""
    said = "".join(f"{period}第{n}周{unit}；" for n in range(1, 6))
    tasks = [
        {"clause": each.clause, "done": f"{period}{each.clause}已办", "next_step": f"{period}续办"}
        for each in pack.assignments
        if each.unit == unit
    ]
    return {"signed_by": _principal(pack, unit), "text": said, "tasks": tasks, "claims": {}}


def _principal(pack: Pack, unit: str) -> str:
    officer = pack.unit(unit).principal
    assert officer is not None
    return officer.post


# --- What was achieved ---------------------------------------------------------------------------


def achievement(owes: Obligation) -> tuple[dict[str, Any], str]:
    """Return what the unit files under a target or milestone, and when."""
    number = int(owes.target) if owes.target is not None else 0
    match owes.requirement:
        case "T08-O1":
            return _counted([a_class("G1", "高规格"), a_class("G2", "高规格")]), "2022-11-22 10:00"
        case "T08-O2":
            return _counted([a_class("Z1", "高层次专业技术")]), "2022-11-23 10:00"
        case "T09-O1":
            return _counted(managers(range(200))), "2022-11-22 10:00"
        case "T11-O1" if owes.role == "co":
            return _counted(farmers(owes.unit, number)), "2022-11-21 10:00"
        case "T11-O1":
            # the townships have filed the roster: whose people they are is counted once
            return {"content": {"claimed": number}}, "2022-11-25 10:00"
        case "T12-O1":
            return _done(A_LAUNCH), "2022-06-20 10:00"
        case "T12-O2":
            return _counted(recruits(100)), "2022-11-22 10:00"
        case "T12-O4":
            classes = [a_class("S1", "社会工作专题"), a_class("S2", "社会工作专题")]
            return _counted(classes), "2022-11-22 10:00"
        case "T10-O1":
            return _done(A_DRILL), "2022-10-20 10:00"
        case "T13-O1":
            return _done(A_BASE), "2022-10-20 10:00"
        case "T15-O1":
            return _done(A_BUDGET), "2022-06-20 10:00"
    raise AssertionError(f"an exemplary unit does not know how to meet {owes.requirement}")


def _counted(records: list[Line]) -> dict[str, Any]:
    return {"content": {"claimed": len(records)}, "records": records}


def _done(record: Line) -> dict[str, Any]:
    return {"content": {"done": True}, "records": [record]}


def a_class(
    number: str,
    kind: str,
    start: str = "2022-09-05",
    end: str = "2022-09-09",
    *,
    expert: bool = True,
) -> Line:
    return {
        "ledger": "classes",
        "class_no": number,
        "title": f"{kind}培训班",
        "class_type": kind,
        "status": "已举办",
        "start_on": start,
        "end_on": end,
        "national_expert": expert,
    }


def managers(people: Iterable[int], class_no: str = "QY-1") -> list[Line]:
    """Rows of one class for enterprise managers."""
    return [
        {
            "ledger": "trainees",
            "identity": f"TEST-{person:06}",
            "category": "企业经营管理人才",
            "enterprise": "一号企业",
            "class_no": class_no,
            "class_on": "2022-05-18",
        }
        for person in people
    ]


def farmers(unit: str, number: int) -> list[Line]:
    """A township's own people, of three tiers."""
    return [
        {
            "ledger": "trainees",
            "identity": f"TEST-{unit}-{person:06}",
            "category": "农村实用人才",
            "tier": TIERS[person % 3],
            "class_no": f"NC-{unit}",
            "class_on": "2022-05-25",
        }
        for person in range(number)
    ]


def recruits(number: int) -> list[Line]:
    return [
        {
            "ledger": "recruits",
            "identity": f"TEST-9{person:05}",
            "degree": "本科",
            "post_type": "社区",
            "community": "一号社区",
            "on_post_on": "2022-07-01",
            "status": "到岗",
        }
        for person in range(number)
    ]


A_LAUNCH = {
    "ledger": "documents",
    "clause": "T12",
    "doc_type": "启动实施",
    "title": "启动实施方案",
    "doc_no": "X民〔2022〕15号",
    "issued_on": "2022-05-20",
}
A_DRILL = {
    "ledger": "drills",
    "drill_no": "LB-1",
    "title": "岗位练兵",
    "status": "已开展",
    "held_on": "2022-09-15",
}
A_BASE = {
    "ledger": "bases",
    "name": "培训培养基地",
    "partner": "河南科技大学",
    "status": "已挂牌",
    "dated_on": "2022-10-12",
}
A_BUDGET = {
    "ledger": "budget",
    "item": "人才发展专项资金",
    "amount": 260.5,
    "doc_no": "X财预〔2022〕8号",
    "approved_on": "2022-03-10",
}
