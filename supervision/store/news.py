"""The last that was filed and decided: what tells whether a unit's facts may have changed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Select, func, select
from sqlmodel import Session, col

from supervision.domain.units import Role
from supervision.store.tables import AssignmentRow, ReviewRow, SubmissionRow

News: TypeAlias = tuple[int, int]
"""The last submission and the last review, by id."""


def of_units(
    session: Session,
    plan: str,
    *,
    as_of: datetime,
    known_at: datetime,
    units: Collection[str] | None,
    between: tuple[str, str] | None,
) -> dict[str, News]:
    """Return the news of each unit that has any: of some units, of a stretch of them, or all."""
    filed: dict[str, int] = {}
    decided: dict[str, int] = {}
    for found, query in zip((filed, decided), _queries(plan, as_of, known_at), strict=True):
        chosen = query.group_by(col(SubmissionRow.unit))
        if units is not None:
            chosen = chosen.where(col(SubmissionRow.unit).in_(units))
        if between is not None:
            chosen = chosen.where(col(SubmissionRow.unit).between(*between))
        found.update((unit, last) for unit, last in session.execute(chosen))
    return {unit: (last, decided.get(unit, 0)) for unit, last in filed.items()}


def of_leads(
    session: Session,
    plan: str,
    *,
    as_of: datetime,
    known_at: datetime,
    units: Collection[str] | None,
) -> dict[str, News]:
    """Return the news of those of the units (None: all) that lead a task.

    They are measured by what all have filed.
    """
    leading = select(col(AssignmentRow.unit)).where(
        col(AssignmentRow.plan) == plan,
        col(AssignmentRow.role) == Role.LEAD.value,
        col(AssignmentRow.recorded_at) <= known_at,
        col(AssignmentRow.superseded_at) > known_at,
    )
    if units is not None:
        leading = leading.where(col(AssignmentRow.unit).in_(units))
    leads = session.execute(leading).scalars().all()
    if not leads:
        return {}
    filed, decided = (
        session.execute(query.with_only_columns(query.selected_columns[1])).scalar() or 0
        for query in _queries(plan, as_of, known_at)
    )
    return dict.fromkeys(leads, (filed, decided))


def _queries(plan: str, as_of: datetime, known_at: datetime) -> list[Select[*tuple[Any, ...]]]:
    """Return the queries for the last submission and the last review, by unit."""
    found: list[Select[*tuple[Any, ...]]] = [
        select(col(SubmissionRow.unit), func.max(SubmissionRow.id)).where(
            col(SubmissionRow.plan) == plan,
            col(SubmissionRow.recorded_at) <= known_at,
            col(SubmissionRow.submitted_at) <= as_of,
        ),
        select(col(SubmissionRow.unit), func.max(ReviewRow.id))
        .join(ReviewRow, col(ReviewRow.submission_id) == col(SubmissionRow.id))
        .where(
            col(SubmissionRow.plan) == plan,
            col(ReviewRow.recorded_at) <= known_at,
            col(ReviewRow.decided_at) <= as_of,
        ),
    ]
    return found
