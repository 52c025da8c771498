"""Looked up at the moment of sending: is what a notice says still so, and what went before it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlmodel import Session, col, select

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

    Filing silences everything about an obligation, a new due date what was said of the old one,
    and a settled finding what was said of it.
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
    owed = session.exec(
        select(ObligationRow).where(
            ObligationRow.plan == plan,
            ObligationRow.key == notice.item,
            ObligationRow.superseded_at == FAR_FUTURE,
        )
    ).first()
    if owed is not None:
        if _filed(session, plan, owed.filing_key, as_of=as_of, known_at=known_at):
            return Silence.SUBMITTED_MEANWHILE
        due_on = _due_on(session, owed, as_of=as_of, known_at=known_at)
        if notice.rule is not None and notice.key.split("|")[1] != due_on.isoformat():
            return Silence.DUE_DATE_MOVED
        return None
    finding = session.exec(
        select(FindingRow).where(FindingRow.plan == plan, FindingRow.number == notice.item)
    ).first()
    if finding is not None and State(finding.state) in _SETTLED:
        return Silence.FINDING_SETTLED
    return None


def _filed(
    session: Session, plan: str, filing_key: str, *, as_of: datetime, known_at: datetime
) -> bool:
    filed = session.exec(
        select(SubmissionRow)
        .where(
            SubmissionRow.plan == plan,
            SubmissionRow.obligation == filing_key,
            SubmissionRow.submitted_at <= as_of,
            SubmissionRow.recorded_at <= known_at,
        )
        .order_by(col(SubmissionRow.version).desc())
    ).first()
    if filed is None:
        return False
    review = session.exec(
        select(ReviewRow)
        .where(
            ReviewRow.submission_id == filed.id,
            ReviewRow.decided_at <= as_of,
            ReviewRow.recorded_at <= known_at,
        )
        .order_by(col(ReviewRow.id).desc())
    ).first()
    return review is None or review.decision != Decision.RETURNED.value


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
