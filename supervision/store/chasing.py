"""Looked up at the moment of sending: is what a notice says still so, and what went before it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlmodel import Session, col, select

from rules.vocabulary import NoticeKind
from supervision.domain.findings import State
from supervision.domain.notices import Silence
from supervision.domain.submissions import Decision
from supervision.store.columns import FAR_FUTURE
from supervision.store.tables import (
    DigestRow,
    ExtensionRow,
    FindingRow,
    NoticeRow,
    ObligationRow,
    ReviewRow,
    SubmissionRow,
)

_SETTLED = frozenset({State.CLOSED, State.DISMISSED, State.CLEARED, State.WAIVED, State.RESPONDED})


def no_longer_due(
    session: Session,
    plan: str,
    notices: Collection[NoticeRow],
    *,
    as_of: datetime,
    known_at: datetime,
) -> dict[int, Silence]:
    """Return the notices (by id) that must not go out any more, and why.

    Filing silences everything about an obligation (given back, it is not overdue until it must be
    corrected), a new due date what was said of the old one, a settled finding what was said of it,
    and a filing after the reminder was written what it says of rectifying.
    """
    gone: dict[int, Silence] = {}
    for notice in notices:
        why = _why_gone(session, plan, notice, as_of=as_of, known_at=known_at)
        if why is not None:
            gone[notice.id or 0] = why
    return gone


def _why_gone(
    session: Session, plan: str, notice: NoticeRow, *, as_of: datetime, known_at: datetime
) -> Silence | None:
    owed = _owed(session, plan, notice.item)
    if owed is not None:
        last = _last_filing(session, owed, as_of=as_of, known_at=known_at)
        overdue = notice.kind == NoticeKind.OVERDUE.value
        if last is not None and _serves(
            session, last, overdue=overdue, as_of=as_of, known_at=known_at
        ):
            return Silence.SUBMITTED_MEANWHILE
        due_on = _due_on(session, owed, as_of=as_of, known_at=known_at)
        if notice.rule is not None and notice.key.split("|")[1] != due_on.isoformat():
            return Silence.DUE_DATE_MOVED
        return None
    finding = session.exec(
        select(FindingRow).where(FindingRow.plan == plan, FindingRow.number == notice.item)
    ).first()
    if finding is None:
        return Silence.NO_LONGER_DUE if _was_owed(session, plan, notice.item) else None
    if State(finding.state) in _SETTLED:
        return Silence.FINDING_SETTLED
    owed = _owed(session, plan, finding.obligation or "")
    if notice.rule is not None and owed is not None:
        last = _last_filing(session, owed, as_of=as_of, known_at=known_at)
        if last is not None and last.submitted_at > notice.planned_at:
            return Silence.SUBMITTED_MEANWHILE
    return None


def _owed(session: Session, plan: str, key: str) -> ObligationRow | None:
    return session.exec(
        select(ObligationRow).where(
            ObligationRow.plan == plan,
            ObligationRow.key == key,
            ObligationRow.superseded_at == FAR_FUTURE,
        )
    ).first()


def _was_owed(session: Session, plan: str, item: str) -> bool:
    """Return whether the plan asked for this obligation once."""
    return (
        session.exec(
            select(ObligationRow.id).where(ObligationRow.plan == plan, ObligationRow.key == item)
        ).first()
        is not None
    )


def _last_filing(
    session: Session, owed: ObligationRow, *, as_of: datetime, known_at: datetime
) -> SubmissionRow | None:
    return session.exec(
        select(SubmissionRow)
        .where(
            SubmissionRow.plan == owed.plan,
            SubmissionRow.obligation == owed.filing_key,
            SubmissionRow.submitted_at <= as_of,
            SubmissionRow.recorded_at <= known_at,
        )
        .order_by(col(SubmissionRow.version).desc())
    ).first()


def _serves(
    session: Session,
    filed: SubmissionRow,
    *,
    overdue: bool,
    as_of: datetime,
    known_at: datetime,
) -> bool:
    """Return whether a filing counts as filed, or must not be called overdue while corrected."""
    review = session.exec(
        select(ReviewRow)
        .where(
            ReviewRow.submission_id == filed.id,
            ReviewRow.decided_at <= as_of,
            ReviewRow.recorded_at <= known_at,
        )
        .order_by(col(ReviewRow.id).desc())
    ).first()
    if review is None or review.decision != Decision.RETURNED.value:
        return True
    correction = review.correction_due_at
    return overdue and correction is not None and as_of <= correction


def _due_on(session: Session, owed: ObligationRow, *, as_of: datetime, known_at: datetime) -> date:
    extension = session.exec(
        select(ExtensionRow)
        .where(
            ExtensionRow.plan == owed.plan,
            ExtensionRow.obligation == owed.filing_key,
            ExtensionRow.decided_at <= as_of,
            ExtensionRow.recorded_at <= known_at,
        )
        .order_by(col(ExtensionRow.id).desc())
    ).first()
    return extension.due_on if extension is not None else owed.due_on


def earlier_message_ids(
    session: Session, plan: str, digest: DigestRow, items: Sequence[str]
) -> tuple[str, ...]:
    """Return the Message-IDs of mails this recipient got about the same items, oldest first."""
    rows = session.exec(
        select(DigestRow.message_id, DigestRow.id)
        .join(NoticeRow, col(NoticeRow.digest_id) == DigestRow.id)
        .where(
            DigestRow.plan == plan,
            DigestRow.recipient == digest.recipient,
            col(DigestRow.sent_at).is_not(None),
            DigestRow.id != digest.id,
            col(NoticeRow.item).in_(items),
        )
        .distinct()
        .order_by(col(DigestRow.id))
    ).all()
    return tuple(message_id for message_id, _ in rows)[-10:]
