"""The list for leaders: who is behind, on what, since when, what was already done about it.

It is frozen when issued: number, as-of, run, ruleset and rows never change again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from notifications.printing import number
from rules.catalogue import OBLIGATION_KINDS
from rules.vocabulary import Post
from supervision.domain.findings import OPEN, STANDING, Event, State
from supervision.domain.notices import NoticeState, Reason, Silence
from supervision.domain.plan import Requirement
from supervision.errors import Refused
from supervision.services.desk import Desk, open_desk
from supervision.services.evaluate import Tools
from supervision.services.mails import common_context
from supervision.services.sources import FactsAt
from supervision.services.wording import decoded, period_label
from supervision.store import escalations, findings, journal, outbox, plans, runs
from supervision.store.ledger_sql import Dialect
from supervision.store.outbox import Envelope
from supervision.store.session import Database, Session
from supervision.store.tables import EscalationRow, FindingRow, NoticeRow, RunRow

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
    unit = pack.unit(finding.unit)
    clause = next((each for each in pack.plan.clauses if each.id == finding.clause), None)
    owed = plans.find_obligation(session, desk.code, finding.obligation or "")
    fact: dict[str, Any] = {}
    if owed is not None and owed.kind in OBLIGATION_KINDS:
        whole = facts.whole(session, owed.kind, [owed.key]).get(owed.key)
        fact = decoded(owed.kind, whole.fields) if whole else {}
    requirement = pack.requirement(owed.requirement) if owed else None
    item = f"{period_label(owed.period)}{requirement.title}" if owed and requirement else ""
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
        "fact_owed": _owed(fact, requirement, item or finding.title),
        "fact_done": _done(fact, requirement),
        "overdue_days": int(standing["days_overdue"] or 0),
        "measures_taken": _measures(session, desk, finding, standing),
        "explanation": _explanation(session, finding),
        "proposed": "、".join(part for part in handling if part) or proposal.level,
        "decided_by": proposal.decided_by_role,
        "deputy": unit.district_deputy.post if unit.district_deputy else "",
    }


def _owed(fact: Mapping[str, Any], requirement: Requirement | None, item: str) -> str:
    if fact.get("target") is not None:
        return _amount(fact["target"], requirement)
    return f"报送{item}"


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
    parts.append(f"提醒催办{reminders}次" if reminders else "尚未催办")
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


# --- Issuing -------------------------------------------------------------------------------------


def issue_list(
    database: Database,
    tools: Tools,
    *,
    plan: str | None = None,
    by: str,
    dry_run: bool = False,
    at: datetime,
    now: datetime,
) -> dict[str, Any]:
    """Freeze the list under the next number and write its mails to the outbox; return it.

    Refused when there is nothing to list, or nothing new since the list before was issued for the
    same run.
    """
    if not by.strip():
        raise Refused("issuing a list needs the post of the person who issues it (--by)")
    if dry_run:
        with database.reading() as session:
            return draft_list(session, open_desk(session, plan), database.sql_dialect).document
    with database.transaction() as session:
        desk = open_desk(session, plan)
        drafted = draft_list(session, desk, database.sql_dialect)
        if not drafted.document["rows"] and not drafted.document["changes"]["removed"]:
            raise Refused("nobody is to be listed; no list was issued")
        last = escalations.last_list(session, desk.code)
        if last is not None and last.run_id == drafted.run.id:
            raise Refused(
                f"list {last.number} was issued for this very run; evaluate again before the next"
            )
        row = escalations.save_list(
            session,
            desk.code,
            as_of=drafted.run.as_of,
            run_id=drafted.run.id or 0,
            ruleset=drafted.run.ruleset,
            issued_at=at,
            issued_by=by,
            document=drafted.document,
        )
        row.document = {**drafted.document, "number": row.number, "issued_by": by}
        session.add(row)
        session.flush()
        _write_mails(session, desk, row.number, row.document, tools, at=at)
        journal.append(
            session,
            actor=by,
            action="list issued",
            subject=f"{desk.code} list {row.number}",
            data={"run": drafted.run.id, "rows": len(drafted.document["rows"])},
            at=now,
        )
        return dict(row.document)


def mail_context(desk: Desk, document: Mapping[str, Any], *, whole: bool = False) -> dict[str, Any]:
    """Return the context of the list's mail: the first rows, the rest in the annex; or all."""
    pack = desk.adopted.pack
    rows = list(document["rows"])
    notes = list(document["notes"])
    if len(rows) > ROWS_IN_MAIL and not whole:
        notes.append(f"正文列前{ROWS_IN_MAIL}项，其余{len(rows) - ROWS_IN_MAIL}项见附件。")
    issue = document.get("number")
    return {
        **common_context(pack, None, as_of=desk.day(datetime.fromisoformat(document["as_of"]))),
        "number": f"第{issue}期" if issue else "（未印发）",
        "title": document["title"],
        "run": str(document["run"]),
        "revision": document["revision"][:12],
        "summary": document["summary"],
        "rows": rows if whole else rows[:ROWS_IN_MAIL],
        "changes": document["changes"],
        "notes": notes,
    }


def _write_mails(
    session: Session,
    desk: Desk,
    issue: int,
    document: Mapping[str, Any],
    tools: Tools,
    *,
    at: datetime,
) -> None:
    office = desk.adopted.pack.plan.office
    context = mail_context(desk, document)
    context["as_of"] = context["as_of"].isoformat()
    subject = tools.renderer.mail("leaders-list", context).subject
    hours = desk.hours(tools.opens, tools.closes)
    for leader in office.leaders if office else ():
        notice = NoticeRow(
            plan=desk.code,
            key=f"list {issue}|-|list|issue|{leader.email or leader.post}",
            kind="list",
            ladder="list",
            step="issue",
            ruleset=document["revision"],
            item=f"list {issue}",
            unit="-",
            recipient=leader.email,
            post=Post.OFFICE.value,
            cc=[],
            subject=subject,
            content={"list": issue},
            reason=Reason.ESCALATED.value,
            state=NoticeState.PLANNED.value if leader.email else NoticeState.SKIPPED.value,
            state_reason="" if leader.email else Silence.NO_ADDRESS.value,
            planned_at=at,
            due_at=hours.next_opening(at),
        )
        if leader.email is not None:
            digest = outbox.enclose(
                session,
                desk.code,
                Envelope(
                    recipient=leader.email,
                    name=leader.post,
                    unit="-",
                    template="leaders-list",
                    channel=f"list {issue}",
                    content={**context, "list": issue},
                ),
                hours=hours,
                domain=tools.mail_domain,
                now=at,
            )
            notice.digest_id, notice.due_at = digest.id, digest.due_at
        outbox.add(session, [notice])


def decide_escalation(
    database: Database,
    escalation_id: int,
    *,
    approve: bool,
    by: str,
    reason: str = "",
    plan: str | None = None,
    at: datetime,
    now: datetime,
) -> EscalationRow:
    """Approve or reject a proposal; a rejection needs its reason."""
    if not by.strip():
        raise Refused("a decision needs the post of the person who takes it (--by)")
    if not approve and not reason.strip():
        raise Refused("rejecting a proposal needs a reason (--reason)")
    with database.transaction() as session:
        desk = open_desk(session, plan)
        row = escalations.find(session, desk.code, escalation_id)
        if row.state != "proposed":
            raise Refused(f"escalation {escalation_id} is {row.state} already")
        row.state = "approved" if approve else "rejected"
        row.decided_at, row.decided_by, row.reason = at, by.strip(), reason.strip()
        session.add(row)
        journal.append(
            session,
            actor=by,
            action=f"escalation {row.state}",
            subject=f"{desk.code} escalation {escalation_id} ({row.level})",
            data={"reason": reason},
            at=now,
        )
        session.flush()
        session.refresh(row)
        session.expunge(row)
        return row
