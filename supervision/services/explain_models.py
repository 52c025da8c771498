"""Why a finding stands, as JSON: the contract of `supervision explain --format json`.

Instants are ISO 8601 in the plan's zone; a key is never left out, what is not known is null.
Every `shown`, `reading` and `text` is Chinese (but `text` of a condition, which is its notation);
`value` of a field is what rules compare: booleans 0/1, decimals with six fixed places, days as
proleptic ordinals, text as it is.
"""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

Encoded = int | str | None


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class FindingPart(_Part):
    """The finding as it stands now."""

    number: str
    title: str
    unit: str
    unit_name: str
    requirement: str | None
    requirement_title: str | None
    period: str | None
    state: str
    state_name: str
    severity: str
    severity_name: str
    cycle: int
    message: str
    remedy: str
    first_seen: datetime
    last_seen: datetime
    rectify_due: date | None
    waived_until: date | None


class ClausePart(_Part):
    """The sentence of the plan that the finding rests on, as it was quoted then."""

    id: str
    path: str
    title: str
    text: str
    plan_title: str
    basis: str


class ConditionPart(_Part):
    """A condition as written and in Chinese."""

    text: str
    reading: str


class PatternPart(_Part):
    """One fact that the rule binds: `name` as its author wrote it, `called` 甲, 乙 …"""

    name: str | None
    called: str | None
    kind: str
    kind_name: str
    condition: ConditionPart | None


class StepPart(_Part):
    """One step of the severity ladder; without `when` it holds where no earlier one does."""

    level: str
    level_name: str
    when: ConditionPart | None


class RulePart(_Part):
    """The rule as it stood in a ruleset revision; `sentence` says all of it in one go."""

    id: str
    title: str
    basis: str
    basis_name: str
    status: str
    file: str
    line: int
    sentence: str
    scope: ConditionPart | None
    patterns: list[PatternPart]
    at_least: int
    per: list[str]
    severity: list[StepPart]
    outcome: str
    review: str
    rectify_within: int | None
    message: str | None
    remedy: str | None
    digest: str
    ruleset: str | None


class ParameterPart(_Part):
    """A dated parameter that the rule or its measure used; `use` says what for."""

    name: str
    value: str
    since: date
    reference: str
    use: str


class FieldPart(_Part):
    """A field of a fact: what it held then, and what it holds now where that can be told.

    `named` says that the rule speaks of it.
    """

    name: str
    label: str
    value: Encoded
    shown: str
    named: bool
    now: Encoded
    now_shown: str | None
    changed: bool


class DuePart(_Part):
    """When it was due: `original` of the plan, `extended_to` by whom, when and why."""

    original: date
    extended_to: date | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    late_request: bool


class ReviewPart(_Part):
    decision: str
    decision_name: str
    decided_by: str
    decided_at: datetime
    reason: str
    correction_due: date | None


class FilingPart(_Part):
    """One version of what was filed: by whom, when it was handed in and when it was recorded."""

    obligation: str
    version: int
    filed_by: str
    submitted_at: datetime
    first_submitted_at: datetime
    recorded_at: datetime
    review: ReviewPart | None
    evidence: list[str]


class RowsPart(_Part):
    """What one filing brings to a measure: rows of the ledger, and those of them that count."""

    obligation: str
    unit_name: str
    version: int
    filed_by: str
    submitted_at: datetime
    rows: int
    counted: int


class MeasurePart(_Part):
    """How a number was reckoned from a ledger, and which filings its rows came with.

    `value` is what these rows bear out, reckoned anew; `agrees` whether the fact says the same.
    """

    ledger: str
    how: str
    where: ConditionPart | None
    rows: int
    counted: int
    value: str
    agrees: bool
    filings: list[RowsPart]


class FactPart(_Part):
    """One fact of the finding with where it comes from.

    `filing` null means that nothing had been filed.  A fact of kind `violation` is another finding:
    `finding` is its number, where it is on file, `stands` whether the last run still saw it.
    """

    key: str
    kind: str
    kind_name: str
    title: str
    fields: list[FieldPart]
    due: DuePart | None
    filing: FilingPart | None
    filed_with: str | None
    measure: MeasurePart | None
    finding: str | None
    stands: bool | None
    note: str | None


class BranchPart(_Part):
    """A part of a condition: `value` true, false or null (unknown), `actual` what a leaf held."""

    text: str
    reading: str
    value: bool | None
    actual: str | None
    children: list[BranchPart]


class MarkedPart(_Part):
    """One marked condition: `of` is the role it plays (适用范围, 条件, 甲的条件, 程度：较重 …)."""

    of: str
    branch: BranchPart
    chosen: bool | None


class CombinationPart(_Part):
    """The facts that together make the rule hold, and its conditions marked on them."""

    facts: list[str]
    conditions: list[MarkedPart]


class ChangeStepPart(_Part):
    """One step of a proposal; `actor` is unit or office, `fields` what is changed by it."""

    fact: str
    actor: str
    text: str
    fields: dict[str, Encoded]


class ProposalPart(_Part):
    """Steps that together suffice, none of which can be left out."""

    text: str
    steps: list[ChangeStepPart]


class FactChangesPart(_Part):
    """For a count: how one of its facts is taken out of it."""

    fact: str
    title: str
    proposals: list[ProposalPart]


class ChangesPart(_Part):
    """The smallest changes that would satisfy the rule.

    `proposals` are alternatives.  For a count, any `needed` of `each` will do.  `reasons` says why
    nothing helps, where nothing does.
    """

    text: str
    proposals: list[ProposalPart]
    needed: int
    each: list[FactChangesPart]
    reasons: list[str]


class RunPart(_Part):
    id: int
    as_of: datetime
    known_at: datetime
    ruleset: str


class PresentPart(_Part):
    """The same rule on the facts of another instant; `holds` null is undecided.

    `changed` counts the facts that differ, `note` says why it cannot be told; `changes` are those
    that would satisfy the rule now, null where it does not hold.
    """

    as_of: datetime
    holds: bool | None
    changed: int
    note: str | None
    text: str
    changes: ChangesPart | None


class HistoryPart(_Part):
    event: str
    old: str | None
    new: str
    new_name: str
    at: datetime
    by: str
    reason: str
    until: date | None
    run: int | None


class NoticePart(_Part):
    """A notice about the finding, or about what it was found on."""

    id: int
    kind: str
    step: str
    subject: str
    to: str | None
    post: str
    state: str
    state_reason: str
    due_at: datetime
    sent_at: datetime | None


class Explanation(_Part):
    """All that one needs to see why a finding stands.

    `facts_run` is the run whose facts these are, `first_run` and `last_run` those that saw it first
    and last.  `rule` is null where the stored ruleset can no longer be read; `notes` says so.
    """

    finding: FindingPart
    clause: ClausePart | None
    rule: RulePart | None
    parameters: list[ParameterPart]
    facts: list[FactPart]
    combinations: list[CombinationPart]
    changes: ChangesPart | None
    present: PresentPart | None
    facts_run: RunPart | None
    first_run: RunPart | None
    last_run: RunPart | None
    history: list[HistoryPart]
    notices: list[NoticePart]
    notes: list[str]


class RuleExplanation(_Part):
    """A rule in plain Chinese with its clause and parameters."""

    rule: RulePart
    clause: ClausePart | None
    requirement: str | None
    requirement_title: str | None
    parameters: list[ParameterPart]
