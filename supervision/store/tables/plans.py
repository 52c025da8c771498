"""Plans: versions, units, tasks, what is owed, working-day tables."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Index, UniqueConstraint
from sqlmodel import Field

from supervision.store.columns import FAR_FUTURE, Json, one_of
from supervision.store.tables.base import Table, instant, number


class RulesetRow(Table, table=True):
    """The text of all rule files of a revision, addressed by its content."""

    __tablename__ = "ruleset"

    revision: str = Field(primary_key=True)
    files: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    recorded_at: datetime = instant()


class PlanRow(Table, table=True):
    """One adopted version of a plan, with all its documents."""

    __tablename__ = "plan"
    __table_args__ = (UniqueConstraint("plan", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    version: int
    title: str
    year: int
    revision: str
    ruleset: str = Field(foreign_key="ruleset.revision")
    document: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    adopted_by: str
    effective_from: datetime = instant()
    recorded_at: datetime = instant()
    superseded_at: datetime = instant(default=FAR_FUTURE)
    replaced_at: datetime = instant(default=FAR_FUTURE)


class CalendarYearRow(Table, table=True):
    __tablename__ = "calendar_year"

    year: int = Field(primary_key=True)
    source: str


class CalendarDayRow(Table, table=True):
    """Every day of a year that has a table."""

    __tablename__ = "calendar_day"

    day: date = Field(primary_key=True)
    year: int = Field(foreign_key="calendar_year.year")
    works: int
    label: str = ""


class UnitRow(Table, table=True):
    """One version of a unit."""

    __tablename__ = "unit"
    __table_args__ = (UniqueConstraint("plan", "code", "recorded_at"),)

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    code: str
    name: str
    category: str
    has_contact: int
    document: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    recorded_at: datetime = instant()
    superseded_at: datetime = instant(default=FAR_FUTURE)


class AssignmentRow(Table, table=True):
    """One version of task × unit × role; `quota` encoded."""

    __tablename__ = "assignment"
    __table_args__ = (
        UniqueConstraint("plan", "clause", "unit", "recorded_at"),
        one_of("role", ("lead", "co")),
        # the tasks of one unit, which its plan and reports must cover
        Index("ix_assignment_unit", "plan", "unit"),
    )

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    clause: str
    unit: str
    role: str
    quota: int | None = number(default=None)
    recorded_at: datetime = instant()
    superseded_at: datetime = instant(default=FAR_FUTURE)


class ObligationRow(Table, table=True):
    """One version of what a unit owes under one requirement for one period.

    `filing_key` is the obligation whose filing serves this one (its own key unless it is a
    companion); `due_workday` the working-day number of `due_on`, so that day counts are
    subtractions.
    """

    __tablename__ = "obligation"
    __table_args__ = (
        UniqueConstraint("plan", "key", "recorded_at"),
        # the facts query reads one kind of one plan, a stretch of units at a time
        Index("ix_obligation_kind", "plan", "kind", "unit"),
        # what one unit owes: under a task, and one period after the other
        Index("ix_obligation_unit", "plan", "unit", "clause"),
        # the last day on which anything of a task is due
        Index("ix_obligation_clause", "plan", "clause", "due_day"),
    )

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    key: str
    requirement: str
    clause: str
    unit: str
    period: str
    period_no: int
    kind: str
    role: str
    filing_key: str
    companion: int = 0
    due_on: date
    due_at: datetime = instant()
    due_day: int
    due_workday: int
    target: int | None = number(default=None)
    about: int = 0
    recorded_at: datetime = instant()
    superseded_at: datetime = instant(default=FAR_FUTURE)


class ExtensionRow(Table, table=True):
    """An approved new due date; the obligation keeps its original."""

    __tablename__ = "extension"
    __table_args__ = (
        # the extension in force for an obligation
        Index("ix_extension_obligation", "plan", "obligation", "superseded_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    obligation: str
    due_on: date
    due_at: datetime = instant()
    due_day: int
    due_workday: int
    reason: str
    decided_by: str
    decided_at: datetime = instant()
    late_request: int = 0
    recorded_at: datetime = instant()
    superseded_at: datetime = instant(default=FAR_FUTURE)
    replaced_at: datetime = instant(default=FAR_FUTURE)
