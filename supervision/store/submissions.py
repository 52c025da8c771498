"""Submissions: versions, never overwritten, with what was read out of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col, select, update

from supervision.domain.submissions import Decision, Reading
from supervision.store.columns import FAR_FUTURE
from supervision.store.tables import (
    EvidenceRow,
    ExtensionRow,
    ObligationRow,
    RecordRow,
    ReviewRow,
    SubmissionClaimRow,
    SubmissionNodeRow,
    SubmissionRow,
    SubmissionTaskRow,
)


@dataclass(frozen=True)
class NewVersion:
    """One version to be written; `workday` is the working-day number of `submitted_at`'s date."""

    obligation: ObligationRow
    submitted_at: datetime
    day: date
    workday: int
    filed_by: str
    content: Mapping[str, Any]
    digest: str
    reading: Reading
    copied: int
    recorded_at: datetime


def versions(session: Session, plan: str, obligation: str) -> list[SubmissionRow]:
    """Return all versions filed for an obligation, oldest first."""
    return list(
        session.exec(
            select(SubmissionRow)
            .where(SubmissionRow.plan == plan, SubmissionRow.obligation == obligation)
            .order_by(col(SubmissionRow.version))
        )
    )


def latest(session: Session, plan: str, obligation: str) -> SubmissionRow | None:
    """Return the last version filed for an obligation."""
    return session.exec(
        select(SubmissionRow)
        .where(SubmissionRow.plan == plan, SubmissionRow.obligation == obligation)
        .order_by(col(SubmissionRow.version).desc())
    ).first()


def save(session: Session, new: NewVersion) -> SubmissionRow:
    """Write a version after all earlier ones; the first submission's instant stays."""
    owed = new.obligation
    before = latest(session, owed.plan, owed.key)
    if before is not None:
        session.exec(
            update(SubmissionRow)
            .where(col(SubmissionRow.id) == before.id)
            .values(superseded_at=new.recorded_at, replaced_at=new.submitted_at)
        )
    reading = new.reading
    row = SubmissionRow(
        plan=owed.plan,
        obligation=owed.key,
        requirement=owed.requirement,
        clause=owed.clause,
        unit=owed.unit,
        period=owed.period,
        version=before.version + 1 if before else 1,
        submitted_at=new.submitted_at,
        submitted_day=new.day.toordinal(),
        first_submitted_at=before.first_submitted_at if before else new.submitted_at,
        first_submitted_workday=before.first_submitted_workday if before else new.workday,
        filed_by=new.filed_by,
        content=dict(new.content),
        digest=new.digest,
        signed=None if reading.signed is None else int(reading.signed),
        elements_missing=reading.elements_missing,
        copied_share=new.copied,
        claimed=reading.claimed,
        done=None if reading.done is None else int(reading.done),
        recorded_at=new.recorded_at,
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    _save_parts(session, row, row.id, reading)
    return row


def _save_parts(session: Session, row: SubmissionRow, number: int, reading: Reading) -> None:
    def write(table: Any, rows: Iterable[dict[str, Any]]) -> None:
        listed = list(rows)
        if listed:
            session.execute(insert(table), listed)

    write(
        SubmissionTaskRow,
        (
            {
                "submission_id": number,
                "clause": task.clause,
                "objective": task.objective,
                "nodes": len(task.nodes),
            }
            for task in reading.tasks
        ),
    )
    write(
        SubmissionNodeRow,
        (
            {
                "submission_id": number,
                "clause": task.clause,
                "name": name,
                "day": day.toordinal(),
            }
            for task in reading.tasks
            for name, day in task.nodes
        ),
    )
    write(
        SubmissionClaimRow,
        (
            {"submission_id": number, "requirement": requirement, "value": value}
            for requirement, value in reading.claims.items()
        ),
    )
    write(
        RecordRow,
        (
            {
                "submission_id": number,
                "plan": row.plan,
                "unit": row.unit,
                "ledger": each.ledger,
                "row_no": at,
                # without a key of its own, each row is a thing of its own
                "identity": each.key or f"{row.obligation}#{at}",
                "day": each.day,
                "first_day": each.first_day,
                "data": dict(each.data),
            }
            for at, each in enumerate(reading.rows, start=1)
        ),
    )
    write(
        EvidenceRow,
        (
            {"submission_id": number, "name": each.name, "sha256": each.sha256}
            for each in reading.evidence
        ),
    )


def save_review(
    session: Session,
    submission: SubmissionRow,
    decision: Decision,
    *,
    reason: str,
    decided_by: str,
    decided_at: datetime,
    workday: int,
    correction: tuple[date, datetime, int] | None,
    recorded_at: datetime,
) -> None:
    """Write a review; `correction` is the new due day, its cut-off and its working-day number."""
    assert submission.id is not None
    session.add(
        ReviewRow(
            submission_id=submission.id,
            decision=decision.value,
            reason=reason,
            decided_by=decided_by,
            decided_at=decided_at,
            decided_workday=workday,
            correction_due=correction[0] if correction else None,
            correction_due_at=correction[1] if correction else None,
            correction_due_workday=correction[2] if correction else None,
            recorded_at=recorded_at,
        )
    )
    session.flush()


def last_review(session: Session, submission: SubmissionRow) -> ReviewRow | None:
    """Return the latest review of a version."""
    return session.exec(
        select(ReviewRow)
        .where(ReviewRow.submission_id == submission.id)
        .order_by(col(ReviewRow.id).desc())
    ).first()


def save_extension(session: Session, row: ExtensionRow) -> None:
    """Write an extension; the one before it is superseded, the obligation is not touched."""
    session.exec(
        update(ExtensionRow)
        .where(
            col(ExtensionRow.plan) == row.plan,
            col(ExtensionRow.obligation) == row.obligation,
            col(ExtensionRow.superseded_at) == FAR_FUTURE,
        )
        .values(superseded_at=row.recorded_at, replaced_at=row.decided_at)
    )
    session.add(row)
    session.flush()


def texts_before(session: Session, owed: ObligationRow) -> list[Mapping[str, Any]]:
    """Return the contents filed last for the period before, of the same requirement and unit."""
    earlier = session.exec(
        select(ObligationRow).where(
            ObligationRow.plan == owed.plan,
            ObligationRow.requirement == owed.requirement,
            ObligationRow.unit == owed.unit,
            ObligationRow.period_no == owed.period_no - 1,
            ObligationRow.superseded_at == FAR_FUTURE,
        )
    ).first()
    if earlier is None:
        return []
    before = latest(session, owed.plan, earlier.key)
    return [before.content] if before else []


def listed(
    session: Session, plan: str, *, unit: str | None = None, requirement: str | None = None
) -> list[tuple[SubmissionRow, ReviewRow | None]]:
    """Return all versions with their latest review, by obligation and version."""
    query = select(SubmissionRow).where(SubmissionRow.plan == plan)
    if unit is not None:
        query = query.where(SubmissionRow.unit == unit)
    if requirement is not None:
        query = query.where(SubmissionRow.requirement == requirement)
    rows = session.exec(query.order_by(col(SubmissionRow.obligation), col(SubmissionRow.version)))
    return [(row, last_review(session, row)) for row in rows.all()]
