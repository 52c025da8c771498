"""The tables.  Rows that can change are kept as versions: `recorded_at` ≤ t < `superseded_at`.

Plain SQLModel rows, not domain values: they do not validate.  Numbers a rule may compare are stored
encoded (six decimal places as an integer, days as `date.toordinal()`), so that the facts query and
durable_rules compare the same integers.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from rules.vocabulary import Level
from supervision.domain.findings import Event, State
from supervision.domain.notices import DigestState, NoticeState
from supervision.domain.runs import Mode, RunStatus
from supervision.domain.submissions import Decision
from supervision.store.columns import FAR_FUTURE, Instant, Json, metadata, one_of


class Table(SQLModel):
    """Base of all tables."""

    metadata = metadata


def _instant(**options: Any) -> Any:
    return Field(sa_type=Instant, **options)


def _number(**options: Any) -> Any:
    """An encoded decimal or another 64-bit integer."""
    return Field(sa_type=BigInteger, **options)


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
    effective_from: datetime = _instant()
    recorded_at: datetime = _instant()
    superseded_at: datetime = _instant(default=FAR_FUTURE)
    replaced_at: datetime = _instant(default=FAR_FUTURE)


class RulesetRow(Table, table=True):
    """The text of all rule files of a revision, addressed by its content."""

    __tablename__ = "ruleset"

    revision: str = Field(primary_key=True)
    files: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    recorded_at: datetime = _instant()


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
    recorded_at: datetime = _instant()
    superseded_at: datetime = _instant(default=FAR_FUTURE)


class AssignmentRow(Table, table=True):
    """One version of task × unit × role; `quota` encoded."""

    __tablename__ = "assignment"
    __table_args__ = (
        UniqueConstraint("plan", "clause", "unit", "recorded_at"),
        one_of("role", ("lead", "co")),
    )

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    clause: str
    unit: str
    role: str
    quota: int | None = _number(default=None)
    recorded_at: datetime = _instant()
    superseded_at: datetime = _instant(default=FAR_FUTURE)


class ObligationRow(Table, table=True):
    """One version of what a unit owes under one requirement for one period.

    `filing_key` is the obligation whose filing serves this one (its own key unless it is a
    companion); `due_workday` the working-day number of `due_on`, so that day counts are
    subtractions.
    """

    __tablename__ = "obligation"
    __table_args__ = (
        UniqueConstraint("plan", "key", "recorded_at"),
        # the facts query reads one kind of one plan, as known at an instant
        Index("ix_obligation_kind", "plan", "kind", "superseded_at"),
        # one unit after one submission
        Index("ix_obligation_unit", "plan", "unit", "superseded_at"),
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
    due_at: datetime = _instant()
    due_day: int
    due_workday: int
    target: int | None = _number(default=None)
    about: int = 0
    recorded_at: datetime = _instant()
    superseded_at: datetime = _instant(default=FAR_FUTURE)


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
    due_at: datetime = _instant()
    due_day: int
    due_workday: int
    reason: str
    decided_by: str
    decided_at: datetime = _instant()
    late_request: int = 0
    recorded_at: datetime = _instant()
    superseded_at: datetime = _instant(default=FAR_FUTURE)
    replaced_at: datetime = _instant(default=FAR_FUTURE)


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
    )

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    obligation: str
    requirement: str
    clause: str
    unit: str
    period: str
    version: int
    submitted_at: datetime = _instant()
    submitted_day: int
    first_submitted_at: datetime = _instant()
    first_submitted_workday: int
    filed_by: str
    content: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    digest: str
    signed: int | None = None
    elements_missing: int | None = None
    copied_share: int | None = _number(default=None)
    claimed: int | None = _number(default=None)
    done: int | None = None
    recorded_at: datetime = _instant()
    superseded_at: datetime = _instant(default=FAR_FUTURE)
    replaced_at: datetime = _instant(default=FAR_FUTURE)


class SubmissionTaskRow(Table, table=True):
    """A task that a plan or report speaks of; `objective` encoded."""

    __tablename__ = "submission_task"

    submission_id: int = Field(foreign_key="submission.id", primary_key=True)
    clause: str = Field(primary_key=True)
    objective: int | None = _number(default=None)
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
    value: int = _number()


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
    decided_at: datetime = _instant()
    decided_workday: int
    correction_due: date | None = None
    correction_due_at: datetime | None = _instant(default=None)
    correction_due_workday: int | None = None
    recorded_at: datetime = _instant()


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
    as_of: datetime = _instant()
    known_at: datetime = _instant()
    units: list[str] | None = Field(default=None, sa_column=Column(Json))
    counts: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    skipped: list[Any] = Field(sa_column=Column(Json, nullable=False))
    cause: str = Field(default="", sa_type=Text)
    started_by: str
    started_at: datetime = _instant()
    finished_at: datetime = _instant()


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
    first_seen: datetime = _instant()
    last_seen: datetime = _instant()
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
    __table_args__ = (one_of("event", Event), one_of("new", State))

    id: int | None = Field(default=None, primary_key=True)
    finding_id: int = Field(foreign_key="finding.id", index=True)
    event: str
    old: str | None = None
    new: str
    at: datetime = _instant()
    by: str
    reason: str = Field(sa_type=Text)
    run_id: int | None = Field(default=None, foreign_key="run.id")


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
    due_at: datetime = _instant()
    message_id: str = Field(unique=True)
    sent_at: datetime | None = _instant(default=None)
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
    planned_at: datetime = _instant()
    due_at: datetime = _instant()
    digest_id: int | None = Field(default=None, foreign_key="digest.id", index=True)
    sent_at: datetime | None = _instant(default=None)


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
    proposed_at: datetime = _instant()
    run_id: int = Field(foreign_key="run.id")
    decided_at: datetime | None = _instant(default=None)
    decided_by: str | None = None
    reason: str = Field(default="", sa_type=Text)


class EscalationListRow(Table, table=True):
    """An issued list for leaders: frozen."""

    __tablename__ = "escalation_list"
    __table_args__ = (UniqueConstraint("plan", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    plan: str
    number: int
    as_of: datetime = _instant()
    run_id: int = Field(foreign_key="run.id")
    ruleset: str
    issued_at: datetime = _instant()
    issued_by: str
    document: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))


class JournalRow(Table, table=True):
    """Who did what: append-only, each row sealed by the hash of the one before."""

    __tablename__ = "journal"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = _instant()
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
