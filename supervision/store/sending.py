"""Sending what the outbox holds.

A digest is claimed by compare-and-swap on `attempts`; `due_at` is schedule and lease in one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, true
from sqlalchemy import update as sql_update
from sqlmodel import Session, col, select

from supervision.domain.notices import (
    DigestState,
    NoticeState,
)
from supervision.errors import Refused
from supervision.store.outbox import find, find_digest
from supervision.store.tables import DigestRow, NoticeRow

LEASE = timedelta(minutes=10)
"""How long a claimed digest is out of the others' reach; a crashed sender's is free after that."""


def due_digests(session: Session, plan: str | None, *, now: datetime) -> list[DigestRow]:
    """Return what may be claimed now, oldest first."""
    query = select(DigestRow).where(
        DigestRow.state == DigestState.DUE.value, DigestRow.due_at <= now
    )
    if plan is not None:
        query = query.where(DigestRow.plan == plan)
    return list(session.exec(query.order_by(col(DigestRow.due_at), col(DigestRow.id))))


def claim(connection: Connection, digest: DigestRow, *, now: datetime) -> bool:
    """Claim a digest for one attempt; False when another sender was faster."""
    claimed = connection.execute(
        sql_update(DigestRow)
        .where(
            col(DigestRow.id) == digest.id,
            col(DigestRow.attempts) == digest.attempts,
            col(DigestRow.state) == DigestState.DUE.value,
        )
        .values(attempts=digest.attempts + 1, due_at=now + LEASE)
    )
    return claimed.rowcount == 1


def enclosed(session: Session, digest_id: int) -> list[NoticeRow]:
    """Return the notices of a digest that are still to be sent."""
    return list(
        session.exec(
            select(NoticeRow)
            .where(
                NoticeRow.digest_id == digest_id,
                NoticeRow.state == NoticeState.PLANNED.value,
            )
            .order_by(col(NoticeRow.id))
        )
    )


def settle(
    session: Session,
    digest: DigestRow,
    state: DigestState,
    *,
    due_at: datetime | None = None,
    sent_at: datetime | None = None,
    error: str = "",
) -> bool:
    """Write how the attempt on a digest ended, on the digest alone; False when it is not ours now.

    `digest` is the row as it stood when it was claimed.  Whoever outlasts the lease may find it
    claimed by another: that the mail was sent is true all the same, any other end is not.
    """
    values: dict[str, Any] = {"state": state.value, "last_error": error}
    if due_at is not None:
        values["due_at"] = due_at
    if sent_at is not None:
        values["sent_at"] = sent_at
    mine = col(DigestRow.attempts) == digest.attempts + 1
    settled = session.exec(
        sql_update(DigestRow)
        .where(
            col(DigestRow.id) == digest.id,
            col(DigestRow.state) == DigestState.DUE.value,
            true() if state is DigestState.SENT else mine,
        )
        .values(**values)
    )
    return settled.rowcount == 1


def settle_notices(
    session: Session,
    ids: Collection[int],
    state: NoticeState,
    *,
    reason: str = "",
    sent_at: datetime | None = None,
) -> None:
    """Bring notices to their end."""
    values: dict[str, Any] = {"state": state.value, "state_reason": reason}
    if sent_at is not None:
        values["sent_at"] = sent_at
    session.exec(sql_update(NoticeRow).where(col(NoticeRow.id).in_(ids)).values(**values))


def revive(session: Session, plan: str, notice_id: int, *, due_at: datetime) -> DigestRow:
    """Make a dead notice's digest due again, with all its dead notices."""
    notice = find(session, plan, notice_id)
    digest = find_digest(session, notice.digest_id) if notice.digest_id is not None else None
    if digest is None or digest.state != DigestState.DEAD.value:
        raise Refused(
            f"notice {notice_id} is {notice.state}; only a dead one can be replayed "
            "(`supervision notices list --state dead`)"
        )
    digest.state, digest.attempts, digest.due_at = DigestState.DUE.value, 0, due_at
    session.add(digest)
    session.exec(
        sql_update(NoticeRow)
        .where(
            col(NoticeRow.digest_id) == digest.id,
            col(NoticeRow.state) == NoticeState.DEAD.value,
        )
        .values(state=NoticeState.PLANNED.value, state_reason="")
    )
    session.flush()
    return digest
