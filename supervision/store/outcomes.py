"""What a run leaves behind, read back inside its transaction, so that two runs can be compared."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import select as sql_select
from sqlmodel import Session, col, or_, select

from supervision.domain.notices import PENDING
from supervision.store.tables import FindingRow, NoticeRow

PART = 500


class FindingAsItStands(NamedTuple):
    """One finding, open or settled, without the facts kept with it."""

    fingerprint: str
    number: str
    rule: str
    title: str
    unit: str
    requirement: str | None
    period: str | None
    state: str
    severity: str
    message: str
    remedy: str
    first_run: int
    last_run: int


def findings_of(
    session: Session, plan: str, *, units: Collection[str] | None
) -> dict[str, FindingAsItStands]:
    """Return the findings of a plan (of some units) by fingerprint."""
    query = sql_select(*(getattr(FindingRow, name) for name in FindingAsItStands._fields)).where(
        col(FindingRow.plan) == plan
    )
    if units is not None:
        query = query.where(col(FindingRow.unit).in_(units))
    return {row[0]: FindingAsItStands(*row) for row in session.execute(query)}


def pending_ids(session: Session, plan: str) -> list[int]:
    """Return which notices that a run has planned still wait."""
    query = sql_select(col(NoticeRow.id)).where(
        col(NoticeRow.plan) == plan,
        col(NoticeRow.state).in_([state.value for state in PENDING]),
        col(NoticeRow.run_id).is_not(None),
    )
    return [identity for identity in session.execute(query).scalars() if identity is not None]


def notices_of(
    session: Session, plan: str, *, run_id: int | None, ids: Collection[int]
) -> list[NoticeRow]:
    """Return the notices that a run wrote, and those with these ids, in order."""
    found: dict[int, NoticeRow] = {}
    wanted = sorted(ids)
    parts = [wanted[start : start + PART] for start in range(0, len(wanted), PART)] or [[]]
    for part in parts:
        rows = session.exec(
            select(NoticeRow).where(
                NoticeRow.plan == plan,
                or_(col(NoticeRow.run_id) == run_id, col(NoticeRow.id).in_(part)),
            )
        )
        found.update((row.id, row) for row in rows if row.id is not None)
    return [found[identity] for identity in sorted(found)]
