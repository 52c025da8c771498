"""Escalations and the issued lists."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlmodel import Session, col, select

from supervision.errors import NotFound
from supervision.store.tables import EscalationListRow, EscalationRow, FindingRow


def of_plan(
    session: Session, plan: str, states: Collection[str] | None = None
) -> list[EscalationRow]:
    """Return escalations, oldest first."""
    query = select(EscalationRow).where(EscalationRow.plan == plan)
    if states is not None:
        query = query.where(col(EscalationRow.state).in_(states))
    return list(session.exec(query.order_by(col(EscalationRow.id))))


class FindingNow(NamedTuple):
    """The number of a finding and the cycle it is in."""

    number: str
    cycle: int


def of_units(
    session: Session,
    plan: str,
    *,
    units: Collection[str] | None,
    between: tuple[str, str] | None,
) -> list[tuple[EscalationRow, FindingNow]]:
    """Return the escalations of some units, a stretch of them or all, oldest first."""
    query = (
        select(EscalationRow, col(FindingRow.number), col(FindingRow.cycle))
        .join(FindingRow, col(FindingRow.id) == EscalationRow.finding_id)
        .where(EscalationRow.plan == plan)
        .order_by(col(EscalationRow.id))
    )
    if units is not None:
        query = query.where(col(FindingRow.unit).in_(units))
    if between is not None:
        query = query.where(col(FindingRow.unit).between(*between))
    return [(row, FindingNow(number, cycle)) for row, number, cycle in session.exec(query)]


def find(session: Session, plan: str, escalation_id: int) -> EscalationRow:
    row = session.get(EscalationRow, escalation_id)
    if row is None or row.plan != plan:
        raise NotFound(f"no escalation {escalation_id}; `supervision escalations list` shows all")
    return row


def lists(session: Session, plan: str) -> list[EscalationListRow]:
    """Return the issued lists, oldest first."""
    return list(
        session.exec(
            select(EscalationListRow)
            .where(EscalationListRow.plan == plan)
            .order_by(col(EscalationListRow.number))
        )
    )


def last_list(session: Session, plan: str) -> EscalationListRow | None:
    issued = lists(session, plan)
    return issued[-1] if issued else None


def find_list(session: Session, plan: str, number: int) -> EscalationListRow:
    row = session.exec(
        select(EscalationListRow).where(
            EscalationListRow.plan == plan, EscalationListRow.number == number
        )
    ).first()
    if row is None:
        raise NotFound(f"no list {number} was issued; `supervision escalations lists` shows all")
    return row


def save_list(
    session: Session,
    plan: str,
    *,
    as_of: datetime,
    run_id: int,
    ruleset: str,
    issued_at: datetime,
    issued_by: str,
    document: dict[str, Any],
) -> EscalationListRow:
    """Freeze a list under the next number of the plan."""
    last = last_list(session, plan)
    row = EscalationListRow(
        plan=plan,
        number=last.number + 1 if last else 1,
        as_of=as_of,
        run_id=run_id,
        ruleset=ruleset,
        issued_at=issued_at,
        issued_by=issued_by,
        document=document,
    )
    session.add(row)
    session.flush()
    return row
