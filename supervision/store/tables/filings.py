"""Filings: versions, what was read out of them, reviews."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Index, UniqueConstraint
from sqlmodel import Field

from supervision.domain.submissions import Decision
from supervision.store.columns import FAR_FUTURE, Json, one_of
from supervision.store.tables.base import Table, instant, number


class SubmissionRow(Table, table=True):
    """One version of what a unit filed; never overwritten.

    A version is in force at (as_of, known_at) when it had been submitted and was known, and no
    later one had: `replaced_at` is when the next version was submitted, `superseded_at` when that
    became known.
    """

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("plan", "obligation", "version"),
        # the submission in force for an obligation
        Index("ix_submission_obligation", "plan", "obligation", "superseded_at"),
        # what a unit has filed, and what a lead is measured by: all that was filed for the clause
        Index("ix_submission_unit", "plan", "unit"),
        Index("ix_submission_clause", "plan", "clause"),
    )

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    obligation: str
    requirement: str
    clause: str
    unit: str
    period: str
    version: int
    submitted_at: datetime = instant()
    submitted_day: int
    first_submitted_at: datetime = instant()
    first_submitted_workday: int
    filed_by: str
    content: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    digest: str
    signed: int | None = None
    elements_missing: int | None = None
    copied_share: int | None = number(default=None)
    claimed: int | None = number(default=None)
    done: int | None = None
    recorded_at: datetime = instant()
    superseded_at: datetime = instant(default=FAR_FUTURE)
    replaced_at: datetime = instant(default=FAR_FUTURE)


class SubmissionTaskRow(Table, table=True):
    """A task that a plan or report speaks of; `objective` encoded."""

    __tablename__ = "submission_task"

    submission_id: int = Field(foreign_key="submission.id", primary_key=True)
    clause: str = Field(primary_key=True)
    objective: int | None = number(default=None)
    nodes: int = 0


class SubmissionNodeRow(Table, table=True):
    """A dated node of a plan."""

    __tablename__ = "submission_node"

    id: int | None = Field(default=None, primary_key=True)
    submission_id: int = Field(foreign_key="submission.id", index=True)
    clause: str
    name: str
    day: int


class SubmissionClaimRow(Table, table=True):
    """A cumulative figure that a report claims for a requirement; `value` encoded."""

    __tablename__ = "submission_claim"

    submission_id: int = Field(foreign_key="submission.id", primary_key=True)
    requirement: str = Field(primary_key=True)
    value: int = number()


class RecordRow(Table, table=True):
    """One ledger row of a submission; `identity` is the ledger's key, so that a thing counts once.

    `data` holds encoded values by field name.
    """

    __tablename__ = "record"
    __table_args__ = (
        # measures read one ledger of one plan
        Index("ix_record_ledger", "plan", "ledger", "submission_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    submission_id: int = Field(foreign_key="submission.id", index=True)
    plan: str
    unit: str
    ledger: str
    row_no: int
    identity: str
    day: int | None = None
    first_day: int | None = None
    data: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))


class EvidenceRow(Table, table=True):
    """A file that came with a submission, known by its SHA-256."""

    __tablename__ = "evidence"

    id: int | None = Field(default=None, primary_key=True)
    submission_id: int = Field(foreign_key="submission.id", index=True)
    name: str
    sha256: str = Field(index=True)


class ReviewRow(Table, table=True):
    """A reviewer's decision on one submission version."""

    __tablename__ = "review"
    __table_args__ = (one_of("decision", Decision),)

    id: int | None = Field(default=None, primary_key=True)
    submission_id: int = Field(foreign_key="submission.id", index=True)
    decision: str
    reason: str
    decided_by: str
    decided_at: datetime = instant()
    decided_workday: int
    correction_due: date | None = None
    correction_due_at: datetime | None = instant(default=None)
    correction_due_workday: int | None = None
    recorded_at: datetime = instant()
