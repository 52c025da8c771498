"""What goes out, and who did what: digests, notices, journal, leases, slots."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Index, Text, UniqueConstraint
from sqlmodel import Field

from supervision.domain.notices import DigestState, NoticeState
from supervision.store.columns import Instant, Json, one_of
from supervision.store.tables.base import Table, instant


class DigestRow(Table, table=True):
    """One mail to one recipient about one unit on one day: the outbox.

    `due_at` is schedule and lease in one: the moment to look again.
    """

    __tablename__ = "digest"
    __table_args__ = (
        UniqueConstraint("plan", "recipient", "unit", "day", "channel"),
        one_of("state", DigestState),
        # what the next delivery may claim
        Index("ix_digest_due", "state", "due_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    recipient: str
    name: str
    unit: str
    day: date
    channel: str
    template: str
    content: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    state: str
    attempts: int = 0
    due_at: datetime = instant()
    message_id: str = Field(unique=True)
    sent_at: datetime | None = instant(default=None)
    last_error: str = Field(default="", sa_type=Text)


class NoticeRow(Table, table=True):
    """One thing told to one recipient, and why; several travel in one digest.

    Silence is a row too: skipped, superseded, silenced, each with its reason.
    """

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("plan", "key"),
        one_of("state", NoticeState),
        # what is planned or on its way about an item
        Index("ix_notice_item", "plan", "item"),
        # what still waits to be sent to a unit
        Index("ix_notice_state", "plan", "state", "unit"),
    )

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    key: str
    kind: str
    ladder: str
    step: str
    rule: str | None = None
    ruleset: str | None = None
    run_id: int | None = Field(default=None, foreign_key="run.id")
    item: str
    unit: str
    recipient: str | None = None
    post: str
    is_copy: int = 0
    cc: list[str] = Field(sa_column=Column(Json, nullable=False))
    subject: str
    content: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    reason: str
    state: str
    state_reason: str = ""
    planned_at: datetime = instant()
    due_at: datetime = instant()
    digest_id: int | None = Field(default=None, foreign_key="digest.id", index=True)
    sent_at: datetime | None = instant(default=None)


class JournalRow(Table, table=True):
    """Who did what: append-only, each row sealed by the hash of the one before."""

    __tablename__ = "journal"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = instant()
    actor: str
    action: str
    subject: str
    data: str = Field(sa_type=Text)
    previous: str
    hash: str


class JournalHeadRow(Table, table=True):
    """The last link of the chain, and the lock that keeps writers in line."""

    __tablename__ = "journal_head"

    id: int = Field(primary_key=True)
    seq: int
    hash: str


class LeaseRow(Table, table=True):
    """Who may do a plan's scheduled work now; seconds of the database's own clock."""

    __tablename__ = "lease"

    name: str = Field(primary_key=True)
    holder: str
    until: float


class JobSlotRow(Table, table=True):
    """A scheduled moment that has been served; written with the work it stands for."""

    __tablename__ = "job_slot"

    job: str = Field(primary_key=True)
    slot: datetime = Field(sa_column=Column(Instant, primary_key=True))
    run_id: int | None = Field(default=None, foreign_key="run.id")
