"""Issue the leaders' list: numbered, frozen, mailed; and decide on the proposals it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rules.vocabulary import Post
from supervision.domain.notices import NoticeState, Reason, Silence
from supervision.errors import Refused
from supervision.services.desk import Desk, open_desk
from supervision.services.escalation_list import draft_list
from supervision.services.evaluation import Tools
from supervision.services.mails import common_context
from supervision.store import escalations, journal, outbox
from supervision.store.outbox import Envelope
from supervision.store.session import Database, Session
from supervision.store.tables import EscalationRow, NoticeRow

ROWS_IN_MAIL = 20


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
    subject = tools.renderer.subject("leaders-list", context)
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
