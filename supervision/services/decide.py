"""A person decides on findings: confirmed, dismissed, waived, notified … with who and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from rules.vocabulary import NoticeKind, Post
from supervision.domain.findings import Event, State
from supervision.domain.findings import decide as decide_one
from supervision.domain.notices import NoticeState, Reason, Silence
from supervision.errors import Refused
from supervision.services.desk import Desk, open_desk
from supervision.services.evaluation import Tools
from supervision.services.mails import addresses, rectification_context
from supervision.store import findings, journal, outbox
from supervision.store.outbox import Envelope
from supervision.store.session import Database, Session
from supervision.store.tables import FindingRow, NoticeRow

APPEAL_WORKDAYS = 5
RECTIFY_WORKDAYS = {"info": 10, "minor": 10, "major": 7, "critical": 3}
"""Defaults of domain.md §7, where neither rule nor plan says otherwise."""


@dataclass(frozen=True)
class Decision:
    """What is decided; `until` is the last day of a waiver."""

    event: Event
    by: str
    reason: str = ""
    until: date | None = None


@dataclass(frozen=True)
class Decided:
    """A finding's old and new state, and the day by which its unit must rectify it, if any."""

    number: str
    title: str
    old: State
    new: State
    rectify_due: date | None


class _DryRun(Exception):
    """Leaves the transaction without a trace."""


def decide_findings(
    database: Database,
    numbers: list[str],
    decision: Decision,
    tools: Tools,
    *,
    plan: str | None = None,
    dry_run: bool = False,
    at: datetime,
    now: datetime,
) -> list[Decided]:
    """Decide on findings, all or none; `at` is when it was decided, `now` when it is recorded.

    Refused where a finding's state does not allow it, a reason is missing, or a waiver has no end.
    Handing a finding to its unit (notify) sets the day by which it must be rectified and writes the
    mail to the outbox.
    """
    _check(decision, at, now)
    decided: list[Decided] = []
    try:
        with database.transaction() as session:
            desk = open_desk(session, plan)
            for number in dict.fromkeys(numbers):
                row = findings.find(session, desk.code, number)
                decided.append(_decide(session, desk, row, decision, tools, at=at))
            if dry_run:
                raise _DryRun
            journal.append(
                session,
                actor=decision.by,
                action=f"finding {decision.event.value}",
                subject=", ".join(each.number for each in decided),
                data={"reason": decision.reason, "until": decision.until, "decided_at": at},
                at=now,
            )
    except _DryRun:
        pass
    return decided


def _check(decision: Decision, at: datetime, now: datetime) -> None:
    if at > now:
        raise Refused(f"a decision cannot be dated in the future ({at:%Y-%m-%d %H:%M}Z)")
    if decision.event is Event.WAIVE and decision.until is None:
        raise Refused("a waiver needs its last day (--until 2022-12-31)")
    if decision.event is not Event.WAIVE and decision.until is not None:
        raise Refused("--until goes with a waiver only")


def _decide(
    session: Session,
    desk: Desk,
    row: FindingRow,
    decision: Decision,
    tools: Tools,
    *,
    at: datetime,
) -> Decided:
    try:
        step = decide_one(
            row.fingerprint,
            State(row.state),
            decision.event,
            by=decision.by,
            reason=decision.reason,
            until=decision.until,
            now=at,
        )
    except Refused as error:
        raise Refused(f"{row.number}: {error}") from None
    if decision.until is not None and decision.until < desk.day(at):
        raise Refused(f"{row.number}: the waiver's last day {decision.until} has passed already")
    if decision.event in (Event.NOTIFY, Event.UPHOLD, Event.RETURN):
        _set_rectify_due(desk, row, at)
    findings.save_transitions(session, desk.code, [step], None)
    if decision.event is Event.WAIVE:
        row.waived_until = decision.until
    session.add(row)
    session.flush()
    if decision.event is Event.NOTIFY:
        _write_notice(session, desk, row, tools, at=at)
    assert step.old is not None
    return Decided(row.number, row.title, step.old, step.new, row.rectify_due)


def _set_rectify_due(desk: Desk, row: FindingRow, at: datetime) -> None:
    default = RECTIFY_WORKDAYS[row.severity]
    days = row.rectify_within or desk.whole_param(
        f"rectify_days_{row.severity}", default, on=desk.day(at)
    )
    row.rectify_due = desk.after(at, days)
    row.rectify_due_workday = desk.calendar.number(row.rectify_due)


def _write_notice(
    session: Session, desk: Desk, row: FindingRow, tools: Tools, *, at: datetime
) -> None:
    """Hand the finding to its unit by mail; without an address that is a row with its reason."""
    pack = desk.adopted.pack
    unit = pack.unit(row.unit)
    appeal_days = desk.whole_param("appeal_workdays", APPEAL_WORKDAYS, on=desk.day(at))
    context = rectification_context(
        pack,
        unit,
        row,
        as_of=desk.day(at),
        found_on=desk.day(row.first_seen),
        appeal_days=appeal_days,
        appeal_by=desk.after(at, appeal_days),
        basis="explicit" if row.clause else "configured",
    )
    frozen = {key: _plain(value) for key, value in context.items()}
    mail = tools.renderer.mail("rectification", context)
    hours = desk.hours(tools.opens, tools.closes)
    recipient = addresses(pack).get((unit.code, Post.LIAISON))
    notice = NoticeRow(
        plan=desk.code,
        key=f"{row.number}|{row.cycle}|finding|F5|{recipient or '(liaison)'}|{at.isoformat()}",
        kind=NoticeKind.FINDING.value,
        ladder="finding",
        step="F5",
        ruleset=row.ruleset,
        item=row.number,
        unit=unit.code,
        recipient=recipient,
        post=Post.LIAISON.value,
        cc=[],
        subject=mail.subject,
        content=frozen,
        reason=Reason.MANUAL.value,
        state=NoticeState.PLANNED.value if recipient else NoticeState.SKIPPED.value,
        state_reason="" if recipient else Silence.NO_ADDRESS.value,
        planned_at=at,
        due_at=hours.next_opening(at),
    )
    if recipient is not None:
        digest = outbox.enclose(
            session,
            desk.code,
            Envelope(
                recipient=recipient,
                name="联络员",
                unit=unit.code,
                template="rectification",
                channel=f"finding {row.number} {at.isoformat()}",
                content=frozen,
            ),
            hours=hours,
            domain=tools.mail_domain,
            now=at,
        )
        notice.digest_id, notice.due_at = digest.id, digest.due_at
    outbox.add(session, [notice])


def _plain(value: object) -> object:
    """A frozen mail is JSON: dates as ISO text, which the templates read as dates."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
