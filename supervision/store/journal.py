"""The journal: append-only, each row sealed by the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select, update

from supervision.store.tables import JournalHeadRow, JournalRow, PlanRow

GENESIS = "0" * 64


@dataclass(frozen=True)
class Break:
    """Where the chain does not hold: the first row that cannot be trusted, and why."""

    seq: int
    why: str


def append(
    session: Session,
    *,
    actor: str,
    action: str,
    subject: str,
    data: Mapping[str, Any] | None = None,
    at: datetime,
) -> None:
    """Add one entry to the chain, in the caller's transaction."""
    head = session.get(JournalHeadRow, 1, with_for_update=True)
    if head is None:
        head = JournalHeadRow(id=1, seq=0, hash=GENESIS)
        session.add(head)
        session.flush()
    row = JournalRow(
        seq=head.seq + 1,
        at=at,
        actor=actor,
        action=action,
        subject=subject,
        data=json.dumps(data or {}, ensure_ascii=False, sort_keys=True, default=str),
        previous=head.hash,
        hash="",
    )
    row.hash = seal(row)
    session.add(row)
    session.exec(
        update(JournalHeadRow).where(col(JournalHeadRow.id) == 1).values(seq=row.seq, hash=row.hash)
    )
    session.flush()
    session.expire(head)


def seal(row: JournalRow) -> str:
    """Return the SHA-256 over the row's content and the hash of the row before."""
    content = json.dumps(
        [
            row.seq,
            row.at.astimezone(UTC).isoformat(),
            row.actor,
            row.action,
            row.subject,
            row.data,
            row.previous,
        ],
        ensure_ascii=False,
    )
    return hashlib.sha256(content.encode()).hexdigest()


def find_break(session: Session) -> Break | None:
    """Return the first place where a row was edited, removed, added or moved; None if intact."""
    previous, expected = GENESIS, 1
    query = select(JournalRow).order_by(col(JournalRow.seq)).execution_options(yield_per=1000)
    # closed on the way out: PostgreSQL keeps a cursor for it
    with closing(session.exec(query)) as rows:
        for row in rows:
            if row.seq != expected:
                return Break(expected, f"entry {expected} is missing (found {row.seq})")
            if row.previous != previous:
                return Break(row.seq, f"entry {row.seq} does not follow entry {row.seq - 1}")
            if seal(row) != row.hash:
                return Break(row.seq, f"entry {row.seq} was changed after it was written")
            previous, expected = row.hash, expected + 1
    if expected == 1 and session.exec(select(PlanRow.id)).first() is not None:
        return Break(1, "entry 1 is missing: a plan was adopted, and the journal is empty")
    head = session.get(JournalHeadRow, 1)
    length, last = (head.seq, head.hash) if head else (0, GENESIS)
    if (length, last) != (expected - 1, previous):
        return Break(expected, f"the journal ends at entry {expected - 1}, its head says {length}")
    return None


def recent(session: Session, limit: int) -> list[JournalRow]:
    """Return the last entries, oldest of them first."""
    rows = session.exec(select(JournalRow).order_by(col(JournalRow.seq).desc()).limit(limit)).all()
    return list(reversed(rows))
