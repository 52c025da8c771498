"""Units, assignments and obligations of an adopted plan, in place of those of the one before.

Nothing is overwritten: what ends keeps its row, superseded at the instant of the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import insert
from sqlmodel import Session, col, select, update

from supervision.domain.ledger_rows import encode_number
from supervision.domain.obligations import Obligation
from supervision.domain.pack import Pack
from supervision.domain.plan import Plan
from supervision.domain.workdays import WorkCalendar, cutoff_of
from supervision.store.columns import FAR_FUTURE
from supervision.store.tables import AssignmentRow, ObligationRow, UnitRow

Versioned = TypeVar("Versioned", UnitRow, AssignmentRow, ObligationRow)


def _replace_versions(
    session: Session,
    table: type[Versioned],
    plan: str,
    wanted: Mapping[Any, dict[str, Any]],
    *,
    key: Sequence[str],
    at: datetime,
) -> dict[str, int]:
    """Make the current rows equal to `wanted`; return how many were added, changed and ended."""
    rows = session.exec(
        select(table).where(col(table.plan) == plan, col(table.superseded_at) == FAR_FUTURE)
    ).all()
    standing = {tuple(getattr(row, name) for name in key): row for row in rows}
    fresh, ended, counts = [], [], {"added": 0, "changed": 0, "ended": 0}
    for identity, values in wanted.items():
        row = standing.pop(identity, None)
        if row is not None:
            if all(getattr(row, name) == value for name, value in values.items()):
                continue
            ended.append(row.id)
            counts["changed"] += 1
        else:
            counts["added"] += 1
        fresh.append({**values, "plan": plan, "recorded_at": at, "superseded_at": FAR_FUTURE})
    ended += [row.id for row in standing.values()]
    counts["ended"] = len(standing)
    for start in range(0, len(ended), 500):
        session.exec(
            update(table)
            .where(col(table.id).in_(ended[start : start + 500]))
            .values(superseded_at=at)
        )
    if fresh:
        session.execute(insert(table), fresh)
    session.expire_all()
    return counts


def replace_units(session: Session, pack: Pack, at: datetime) -> dict[str, int]:
    wanted = {
        (unit.code,): {
            "code": unit.code,
            "name": unit.name,
            "category": unit.category,
            "has_contact": int(unit.liaison is not None and unit.liaison.email is not None),
            "document": unit.model_dump(mode="json", by_alias=True),
        }
        for unit in pack.units
    }
    return _replace_versions(session, UnitRow, pack.plan.plan, wanted, key=("code",), at=at)


def replace_assignments(session: Session, pack: Pack, at: datetime) -> dict[str, int]:
    wanted = {
        (each.clause, each.unit): {
            "clause": each.clause,
            "unit": each.unit,
            "role": each.role.value,
            "quota": None if each.quota is None else encode_number(each.quota),
        }
        for each in pack.assignments
    }
    return _replace_versions(
        session, AssignmentRow, pack.plan.plan, wanted, key=("clause", "unit"), at=at
    )


def replace_obligations(
    session: Session,
    plan: Plan,
    obligations: Iterable[Obligation],
    calendar: WorkCalendar,
    at: datetime,
) -> dict[str, int]:
    zone = ZoneInfo(plan.zone)
    wanted = {}
    for each in obligations:
        wanted[each.key,] = {
            "key": each.key,
            "requirement": each.requirement,
            "clause": each.clause,
            "unit": each.unit,
            "period": str(each.period),
            "period_no": each.period.number,
            "kind": each.kind.value,
            "role": each.role,
            "filing_key": each.filing_key,
            "companion": int(each.companion),
            "due_on": each.due_on,
            "due_at": cutoff_of(each.due_on, cutoff=plan.cutoff, zone=zone),
            "due_day": each.due_on.toordinal(),
            "due_workday": calendar.number(each.due_on),
            "target": None if each.target is None else encode_number(each.target),
            "about": int(each.about),
        }
    return _replace_versions(session, ObligationRow, plan.plan, wanted, key=("key",), at=at)
