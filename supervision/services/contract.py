"""The JSON that other programs may rely on: `--format json` and, later, the API.

Instants are ISO 8601 in the plan's zone; a key is never left out, what is not known is null.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from supervision.services.evaluation import Evaluation
from supervision.services.found import Problem
from supervision.store.tables import NoticeRow


class _Contract(BaseModel):
    model_config = ConfigDict(frozen=True)


class Counts(_Contract):
    """What the run did to findings, and what it wrote to the outbox."""

    opened: int = 0
    kept: int = 0
    cleared: int = 0
    reopened: int = 0
    notices: int = 0
    held: int = 0
    superseded: int = 0
    silenced: int = 0
    unaddressed: int = 0
    escalations: int = 0


class RunOut(_Contract):
    """`id` is null for a run that was not stored; `mode` is live, dry-run or replay.

    `pack_revision` is the revision of the rules, `plan_version` the version of the plan they came
    with (its parameters, targets and due dates), as `supervision plan versions` lists them.
    """

    id: int | None
    plan: str
    as_of: datetime
    known_at: datetime
    pack_revision: str
    plan_version: int
    mode: str
    status: str
    cause: str
    obligations: int
    counts: Counts


class RuleOut(_Contract):
    """applicable = satisfied + violated + undecided + waived + broken.

    `outcome` is finding, notice or escalation; of the last two, violated means that the rule asks
    for one.
    """

    rule: str
    title: str
    outcome: str
    applicable: int
    satisfied: int
    violated: int
    undecided: int
    waived: int
    broken: int
    missing: dict[str, int]


class FindingOut(_Contract):
    number: str | None
    rule: str
    title: str
    clause: str | None
    unit: str
    requirement: str | None
    period: str | None
    severity: str
    state: str
    message: str
    first_seen: datetime
    last_seen: datetime


class ListedFindingOut(FindingOut):
    """A stored finding; `pack_revision` is that of the rules it was found by."""

    pack_revision: str


class SkippedOut(_Contract):
    """A rule or requirement that was not executed, and why."""

    what: str
    reason: str


class EvaluationOut(_Contract):
    run: RunOut
    rules: list[RuleOut]
    findings: list[FindingOut]
    skipped: list[SkippedOut]


class NoticeOut(_Contract):
    """`rule` is null where a decision of a person, and no rule, asked for the notice."""

    id: int
    kind: str
    step: str
    reason: str
    to: str | None
    cc: list[str]
    is_copy: bool
    unit: str
    item: str
    subject: str
    state: str
    state_reason: str
    rule: str | None
    pack_revision: str | None
    key: str
    due_at: datetime
    sent_at: datetime | None


class VersionOut(_Contract):
    """One adopted version of a plan.

    `revision` is that of all its files, `pack_revision` that of its rules; `rules` counts only
    the published ones; `superseded_at` is null while it is current.
    """

    version: int
    revision: str
    pack_revision: str
    effective_from: datetime
    recorded_at: datetime
    superseded_at: datetime | None
    adopted_by: str
    rules: int


class TransitionOut(_Contract):
    event: str
    old: str | None
    new: str
    at: datetime
    by: str
    reason: str
    run: int | None


class FindingDetailOut(ListedFindingOut):
    """A finding with all that explains it; `rule_digest` is that of its rule alone."""

    clause_text: str
    remedy: str
    cycle: int
    rectify_due: date | None
    waived_until: date | None
    rule_digest: str
    facts: list[dict[str, object]]
    terms: dict[str, object]
    history: list[TransitionOut]


class EscalationOut(_Contract):
    id: int
    finding: str
    unit: str
    level: str
    state: str
    letter: str | None
    card: str | None
    decided_by_role: str
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    reason: str


def evaluation_out(evaluation: Evaluation, zone: ZoneInfo) -> EvaluationOut:
    """Return an evaluation as the contract states it."""
    known = Counts.model_fields
    return EvaluationOut(
        run=RunOut(
            id=evaluation.run_id,
            plan=evaluation.plan,
            as_of=evaluation.as_of.astimezone(zone),
            known_at=evaluation.known_at.astimezone(zone),
            pack_revision=evaluation.ruleset,
            plan_version=evaluation.version,
            mode=evaluation.mode.value,
            status=evaluation.status.value,
            cause=evaluation.cause,
            obligations=evaluation.obligations,
            counts=Counts(**{k: v for k, v in evaluation.counts.items() if k in known}),
        ),
        rules=[
            RuleOut(**{**vars(each), "missing": dict(each.missing)}) for each in evaluation.rules
        ],
        findings=[finding_out(each, zone) for each in evaluation.problems],
        skipped=[SkippedOut(what=what, reason=reason) for what, reason in evaluation.skipped],
    )


def finding_out(problem: Problem, zone: ZoneInfo) -> FindingOut:
    """Return a finding as the contract states it."""
    return FindingOut(
        **{
            **asdict(problem),
            "first_seen": problem.first_seen.astimezone(zone),
            "last_seen": problem.last_seen.astimezone(zone),
        }
    )


def notice_out(row: NoticeRow, zone: ZoneInfo) -> NoticeOut:
    """Return a notice as the contract states it."""
    assert row.id is not None
    return NoticeOut(
        id=row.id,
        kind=row.kind,
        step=row.step,
        reason=row.reason,
        to=row.recipient,
        cc=list(row.cc),
        is_copy=bool(row.is_copy),
        unit=row.unit,
        item=row.item,
        subject=row.subject,
        state=row.state,
        state_reason=row.state_reason,
        rule=row.rule,
        pack_revision=row.ruleset,
        key=row.key,
        due_at=row.due_at.astimezone(zone),
        sent_at=row.sent_at.astimezone(zone) if row.sent_at else None,
    )
