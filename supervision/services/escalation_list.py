"""The list for leaders: who is behind, on what, since when, what was already done about it.

It is frozen when issued: number, as-of, run, ruleset and rows never change again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from notifications.printing import number
from rules.catalogue import OBLIGATION_KINDS
from supervision.domain.findings import OPEN, STANDING, Event, State
from supervision.domain.notices import NoticeState
from supervision.domain.plan import Requirement
from supervision.errors import Refused
from supervision.services.desk import Desk
from supervision.services.sources import FactsAt
from supervision.services.wording import decoded, item_title
from supervision.store import escalations, findings, outbox, plans, runs
from supervision.store.ledger_sql import Dialect
from supervision.store.session import Session
from supervision.store.tables import EscalationRow, FindingRow, RunRow

TITLE = "重点关注名单"
ROWS_IN_MAIL = 20
LETTERS = {
    "reminder_letter": "发提醒函",
    "supervision_order": "发督办通知单",
    "interview": "约谈主要负责人",
    "bulletin": "通报",
}
CARDS = {"yellow": "建议亮黄牌", "red": "建议亮红牌"}
STATES = {"proposed": "待审定", "approved": "已审定"}


@dataclass(frozen=True)
class Drafted:
    """A list as it would be issued now."""

    document: dict[str, Any]
    run: RunRow


def draft_list(session: Session, desk: Desk, dialect: Dialect) -> Drafted:
    """Return the list as of the plan's last run.  Refused before the first run."""
    run = runs.last_live(session, desk.code)
    if run is None:
        raise Refused("nothing was evaluated yet; run `supervision evaluate` first")
    facts = FactsAt(desk.adopted, desk.calendar, run.as_of, run.known_at, dialect)
    proposals = escalations.of_plan(session, desk.code, states=("proposed", "approved"))
    rows = _rows(session, desk, facts, proposals)
    last = escalations.last_list(session, desk.code)
    before = last.document["rows"] if last else []
    document = {
        "title": TITLE,
        "plan": desk.code,
        "plan_title": desk.adopted.pack.plan.title,
        "as_of": run.as_of.astimezone(desk.adopted.zone).isoformat(),
        "run": run.id,
        "revision": run.ruleset,
        "summary": _summary(session, desk, rows),
        "rows": rows,
        "changes": changes_between(before, rows),
        "since": last.number if last else None,
        "notes": _notes(session, desk, run),
    }
    return Drafted(document, run)


def changes_between(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Return what was added, removed and raised since the list before, by finding."""
    old = {row["finding"]: row for row in before}
    new = {row["finding"]: row for row in after}

    def named(row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: row[name] for name in ("finding", "unit", "item", "level")}

    return {
        "added": [named(row) for key, row in new.items() if key not in old],
        "removed": [named(row) for key, row in old.items() if key not in new],
        "raised": [
            named(row)
            for key, row in new.items()
            if key in old and row["level"] > old[key]["level"]
        ],
    }


def _rows(
    session: Session, desk: Desk, facts: FactsAt, proposals: Sequence[EscalationRow]
) -> list[dict[str, Any]]:
    by_id = {row.id: row for row in findings.listed(session, desk.code)}
    highest: dict[int, EscalationRow] = {}
    for each in proposals:
        finding = by_id.get(each.finding_id)
        if finding is None or State(finding.state) not in STANDING or each.cycle != finding.cycle:
            continue
        known = highest.get(each.finding_id)
        if known is None or each.level > known.level:
            highest[each.finding_id] = each
    numbers = [by_id[finding_id].number for finding_id in highest]
    standing = facts.whole(session, "finding", numbers)
    rows = []
    for finding_id, each in highest.items():
        finding = by_id[finding_id]
        fields = standing[finding.number].fields
        rows.append(_row(session, desk, facts, finding, each, fields))
    rows.sort(key=lambda row: (row["level"], row["overdue_days"] or 0), reverse=True)
    return [{"no": no, **row} for no, row in enumerate(rows, start=1)]


def _row(
    session: Session,
    desk: Desk,
    facts: FactsAt,
    finding: FindingRow,
    proposal: EscalationRow,
    standing: Mapping[str, Any],
) -> dict[str, Any]:
    pack = desk.adopted.pack
    unit = plans.last_known_unit(session, desk.code, finding.unit)
    clause = next((each for each in pack.plan.clauses if each.id == finding.clause), None)
    owed = plans.find_obligation(session, desk.code, finding.obligation or "")
    fact: dict[str, Any] = {}
    if owed is not None and owed.kind in OBLIGATION_KINDS:
        whole = facts.whole(session, owed.kind, [owed.key]).get(owed.key)
        fact = decoded(owed.kind, whole.fields) if whole else {}
    requirement = pack.requirement(owed.requirement) if owed else None
    item = item_title(requirement, owed.period) if owed and requirement else ""
    due = fact.get("due_on")
    handling = [LETTERS.get(proposal.letter or "", proposal.letter or "")]
    handling.append(CARDS.get(proposal.card or "", ""))
    return {
        "finding": finding.number,
        "level": proposal.level,
        "state": STATES[proposal.state],
        "unit": unit.name,
        "unit_code": unit.code,
        "clause": clause.path if clause else "",
        "item": item or finding.title,
        "severity": finding.severity,
        "message": finding.message,
        "due_original": owed.due_on.isoformat() if owed and due and due != owed.due_on else None,
        "due_current": due.isoformat() if due else (owed.due_on.isoformat() if owed else None),
        "fact_owed": _owed(fact, requirement),
        "fact_done": _done(fact, requirement),
        "overdue_days": int(standing["days_overdue"] or 0),
        "measures_taken": _measures(session, desk, finding, standing),
        "explanation": _explanation(session, finding),
        "proposed": "、".join(part for part in handling if part) or proposal.level,
        "decided_by": proposal.decided_by_role,
        "deputy": unit.district_deputy.post if unit.district_deputy else "",
    }


def _owed(fact: Mapping[str, Any], requirement: Requirement | None) -> str:
    if fact.get("target") is not None:
        return _amount(fact["target"], requirement)
    return "按时报送"


def _done(fact: Mapping[str, Any], requirement: Requirement | None) -> str:
    if fact.get("value") is not None:
        return _amount(fact["value"], requirement)
    states = {"missing": "未报送", "returned": "已退回，未补报"}
    return states.get(fact["state"], "已报送") if fact else ""


def _amount(value: Decimal, requirement: Requirement | None) -> str:
    measure = requirement.target.unit if requirement and requirement.target else ""
    return number(value) + measure


def _measures(
    session: Session, desk: Desk, finding: FindingRow, standing: Mapping[str, Any]
) -> str:
    parts = []
    reminders = int(standing["reminders_sent"] or 0)
    if reminders:
        parts.append(f"提醒催办{reminders}次")
    elif any(
        each.state == NoticeState.SKIPPED.value
        for each in outbox.of_items(session, desk.code, [finding.obligation or ""])
    ):
        parts.append("无联系地址，催办未能送达")
    else:
        parts.append("尚未催办")
    assert finding.id is not None
    handed = findings.last_transition_at(session, finding.id, Event.NOTIFY)
    if handed is not None:
        parts.append(f"{desk.day(handed):%m月%d日}交办整改")
    for each in escalations.of_plan(session, desk.code, states=("approved",)):
        if each.finding_id == finding.id and each.decided_at is not None:
            name = LETTERS.get(each.letter or "", each.level)
            parts.append(f"{desk.day(each.decided_at):%m月%d日}审定{name}")
    return "；".join(parts)


def _explanation(session: Session, finding: FindingRow) -> str:
    assert finding.id is not None
    said = [
        each.reason
        for each in findings.history(session, finding.id)
        if each.event in (Event.RESPOND.value, Event.APPEAL.value) and each.reason
    ]
    return said[-1] if said else "单位尚未说明"


def _summary(
    session: Session, desk: Desk, rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    open_ones = findings.listed(session, desk.code, states=[state.value for state in OPEN])
    waiting = sum(1 for row in open_ones if State(row.state) is State.DETECTED)
    return [
        {"label": "督查事项", "value": len(plans.current_obligations(session, desk.code))},
        {"label": "未销号问题", "value": len(open_ones)},
        {"label": "其中待核实", "value": waiting},
        {"label": "列入名单", "value": len(rows)},
        {"label": "涉及单位", "value": len({row["unit_code"] for row in rows})},
    ]


def _notes(session: Session, desk: Desk, run: RunRow) -> list[str]:
    notes = [
        "名单所列均为已认定的督查问题；待核实的不列入。",
        "逾期按工作日计算，自截止时刻起算；已批准延期的按延期后时限计算，原时限并列。",
    ]
    open_ones = findings.listed(session, desk.code, states=[State.DETECTED.value])
    if open_ones:
        notes.append(f"另有{len(open_ones)}项待核实，经核实后再行列入。")
    skipped = [str(name) for name, _ in run.skipped]
    if skipped:
        notes.append(f"未执行的规则或无责任单位的事项：{'、'.join(skipped)}。")
    undecided = sum(each.undecided for each in runs.rules_of(session, run.id or 0))
    if undecided:
        notes.append(f"因材料不全暂不能判定的事项{undecided}项次，未计入，也未视为合格。")
    return notes
