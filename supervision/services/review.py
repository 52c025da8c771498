"""A reviewer accepts or returns a submission; the office grants an extension."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from supervision.domain.submissions import Decision, known_since
from supervision.errors import NotFound, Refused
from supervision.services.desk import open_desk
from supervision.services.record_submission import require_obligation
from supervision.store import journal, plans, runs, submissions
from supervision.store.session import Database
from supervision.store.tables import ExtensionRow

CORRECTION_WORKDAYS = 3


@dataclass(frozen=True)
class Reviewed:
    obligation: str
    version: int
    decision: Decision
    correction_due: date | None


@dataclass(frozen=True)
class Extended:
    obligation: str
    original: date
    before: date
    due_on: date


def review_submission(
    database: Database,
    obligation: str,
    decision: Decision,
    *,
    by: str,
    reason: str = "",
    correction_due: date | None = None,
    plan: str | None = None,
    at: datetime,
    now: datetime,
) -> Reviewed:
    """Accept or return the latest version filed for an obligation.

    A return needs a reason and gives time for correction (three working days unless said
    otherwise), in which the unit is not overdue.
    """
    if decision is Decision.RETURNED and not reason.strip():
        raise Refused("returning a submission needs a reason (--reason)")
    if at > now:
        raise Refused(f"a review cannot be dated in the future ({at:%Y-%m-%d %H:%M}Z)")
    with database.transaction() as session:
        desk = open_desk(session, plan)
        owed = require_obligation(session, desk.code, obligation)
        filed = submissions.latest(session, desk.code, owed.filing_key)
        if filed is None:
            raise NotFound(f"nothing was filed for {owed.filing_key} yet")
        if filed.submitted_at > at:
            raise Refused(
                f"version {filed.version} of {owed.filing_key} was filed after {at:%Y-%m-%d %H:%M}Z"
            )
        last = submissions.last_review(session, filed)
        if last is not None and last.decision == decision.value:
            raise Refused(
                f"version {filed.version} of {owed.filing_key} is {last.decision} already"
            )
        if last is not None and last.decided_at > at:
            raise Refused(
                f"version {filed.version} of {owed.filing_key} was {last.decision} on "
                f"{desk.day(last.decided_at)}; a later decision cannot be dated before that"
            )
        correction = None
        if decision is Decision.RETURNED:
            days = desk.whole_param("correction_workdays", CORRECTION_WORKDAYS, on=desk.day(at))
            due = desk.calendar.roll_forward(correction_due or desk.after(at, days))
            if due < desk.day(at):
                raise Refused(f"the correction date {due} has passed already")
            correction = (due, desk.cutoff(due), desk.calendar.number(due))
        looked = runs.looked_until(session, desk.code)
        submissions.save_review(
            session,
            filed,
            decision,
            reason=reason.strip(),
            decided_by=by,
            decided_at=at,
            workday=desk.workday(at),
            correction=correction,
            recorded_at=known_since(at, looked_until=looked, follows=filed.recorded_at, now=now),
        )
        journal.append(
            session,
            actor=by,
            action=f"submission {decision.value}",
            subject=f"{filed.obligation} v{filed.version}",
            data={"reason": reason, "correction_due": correction[0] if correction else None},
            at=now,
        )
        return Reviewed(
            filed.obligation, filed.version, decision, correction[0] if correction else None
        )


def grant_extension(
    database: Database,
    obligation: str,
    due_on: date,
    *,
    by: str,
    reason: str,
    late_request: bool = False,
    plan: str | None = None,
    at: datetime,
    now: datetime,
) -> Extended:
    """Give an obligation a new due date; the original is kept.

    The new date rolls to a working day and must be later than the present one.  Asked for after
    the due date it is refused, unless the office says so with `late_request`.
    """
    if not reason.strip():
        raise Refused("an extension needs a reason (--reason)")
    if at > now:
        raise Refused(f"an extension cannot be dated in the future ({at:%Y-%m-%d %H:%M}Z)")
    with database.transaction() as session:
        desk = open_desk(session, plan)
        owed = require_obligation(session, desk.code, obligation)
        if owed.companion:
            raise Refused(f"{owed.key} is filed with {owed.filing_key}; extend that one")
        standing = plans.current_extension(session, desk.code, owed.key)
        before = standing.due_on if standing else owed.due_on
        present_cutoff = standing.due_at if standing else owed.due_at
        if standing is not None and standing.decided_at >= at:
            raise Refused(f"an extension of {owed.key} was decided later than that already")
        due = desk.calendar.roll_forward(due_on)
        if due <= before:
            raise Refused(f"{owed.key} is due on {before}; an extension must be later, not {due}")
        if at > present_cutoff and not late_request:
            raise Refused(
                f"{owed.key} was due on {before}: an extension is asked for before that; "
                "--late-request grants it all the same"
            )
        looked = runs.looked_until(session, desk.code)
        submissions.save_extension(
            session,
            ExtensionRow(
                plan=desk.code,
                obligation=owed.key,
                due_on=due,
                due_at=desk.cutoff(due),
                due_day=due.toordinal(),
                due_workday=desk.calendar.number(due),
                reason=reason.strip(),
                decided_by=by,
                decided_at=at,
                late_request=int(late_request),
                recorded_at=known_since(
                    at,
                    looked_until=looked,
                    follows=standing.recorded_at if standing else None,
                    now=now,
                ),
            ),
        )
        journal.append(
            session,
            actor=by,
            action="extension granted",
            subject=owed.key,
            data={"from": before, "to": due, "reason": reason, "late_request": late_request},
            at=now,
        )
        return Extended(owed.key, owed.due_on, before, due)
