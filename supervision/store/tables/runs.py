"""Runs and what came of them: findings, transitions, escalations, lists."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, Text, UniqueConstraint
from sqlmodel import Field

from rules.vocabulary import Level
from supervision.domain.findings import Event, State
from supervision.domain.runs import Mode, RunStatus
from supervision.store.columns import Json, one_of
from supervision.store.tables.base import Table, instant


class RunRow(Table, table=True):
    """One evaluation: what it looked at, what came of it, or why it failed."""

    __tablename__ = "run"
    __table_args__ = (
        one_of("mode", Mode),
        one_of("status", RunStatus),
        # the last live run of a plan
        Index("ix_run_plan", "plan", "mode", "status", "as_of"),
    )

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    plan_version: int
    ruleset: str
    mode: str
    status: str
    as_of: datetime = instant()
    known_at: datetime = instant()
    units: list[str] | None = Field(default=None, sa_column=Column(Json))
    counts: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    skipped: list[Any] = Field(sa_column=Column(Json, nullable=False))
    cause: str = Field(default="", sa_type=Text)
    started_by: str
    started_at: datetime = instant()
    finished_at: datetime = instant()


class RunRuleRow(Table, table=True):
    """The verdict counts of one rule in one run; they add up, or the run failed."""

    __tablename__ = "run_rule"
    __table_args__ = (
        CheckConstraint(
            "applicable = satisfied + violated + undecided + waived + broken", name="adds_up"
        ),
    )

    run_id: int = Field(foreign_key="run.id", primary_key=True)
    rule: str = Field(primary_key=True)
    applicable: int
    satisfied: int
    violated: int
    undecided: int
    waived: int
    broken: int
    missing: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))


class FindingRow(Table, table=True):
    """A violated verdict with a life of its own; its facts and rule stay as they were."""

    __tablename__ = "finding"
    __table_args__ = (
        UniqueConstraint("plan", "fingerprint"),
        UniqueConstraint("plan", "number"),
        one_of("state", State),
        one_of("severity", Level),
        # the queue of a plan, and the second pass over stored findings
        Index("ix_finding_state", "plan", "state"),
        # what stands on file of a stretch of units
        Index("ix_finding_unit", "plan", "unit"),
    )

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    number: str
    fingerprint: str
    rule: str
    rule_digest: str
    ruleset: str
    title: str
    clause: str | None = None
    clause_text: str = Field(default="", sa_type=Text)
    requirement: str | None = None
    unit: str
    period: str | None = None
    obligation: str | None = None
    per: list[Any] = Field(sa_column=Column(Json, nullable=False))
    state: str
    severity: str
    decided_severity: str | None = None
    stood_in: str | None = None
    cycle: int = 1
    message: str = Field(sa_type=Text)
    remedy: str = Field(default="", sa_type=Text)
    facts: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    terms: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    view: str = Field(default="", sa_column_kwargs={"server_default": ""})
    first_seen: datetime = instant()
    last_seen: datetime = instant()
    first_run: int = Field(foreign_key="run.id")
    last_run: int = Field(foreign_key="run.id")
    opened_workday: int
    rectify_within: int | None = None
    rectify_due: date | None = None
    rectify_due_workday: int | None = None
    waived_until: date | None = None


class TransitionRow(Table, table=True):
    """One change of one finding: who, when, why, in which run."""

    __tablename__ = "transition"
    __table_args__ = (
        one_of("event", Event),
        one_of("new", State),
        # the waivers, among all that happened
        Index("ix_transition_event", "event"),
    )

    id: int | None = Field(default=None, primary_key=True)
    finding_id: int = Field(foreign_key="finding.id", index=True)
    event: str
    old: str | None = None
    new: str
    at: datetime = instant()
    by: str
    reason: str = Field(sa_type=Text)
    until: date | None = None
    run_id: int | None = Field(default=None, foreign_key="run.id")


class EscalationRow(Table, table=True):
    """A proposed or decided step up the ladder; a person decides L2 and above."""

    __tablename__ = "escalation"
    __table_args__ = (
        UniqueConstraint("finding_id", "level", "cycle"),
        one_of("state", ("proposed", "approved", "rejected", "lapsed")),
    )

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    finding_id: int = Field(foreign_key="finding.id")
    cycle: int
    rule: str
    level: str
    letter: str | None = None
    card: str | None = None
    decided_by_role: str
    state: str
    proposed_at: datetime = instant()
    run_id: int = Field(foreign_key="run.id")
    decided_at: datetime | None = instant(default=None)
    decided_by: str | None = None
    reason: str = Field(default="", sa_type=Text)


class EscalationListRow(Table, table=True):
    """An issued list for leaders: frozen."""

    __tablename__ = "escalation_list"
    __table_args__ = (UniqueConstraint("plan", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    number: int
    as_of: datetime = instant()
    run_id: int = Field(foreign_key="run.id")
    ruleset: str
    issued_at: datetime = instant()
    issued_by: str
    document: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
