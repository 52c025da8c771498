"""The JSON of `supervision rules preview --format json`: what a changed pack would do.

A key is never left out; what there is none of is null or an empty list.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from supervision.services.contract import SkippedOut
from supervision.services.diff_report import DiffOut


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True)


class TriedOut(_Report):
    """`version` is null for the changed pack, which has none yet."""

    version: int | None
    pack_revision: str
    rules: int


class RowsOut(_Report):
    """How many rows of a table adopting the pack would add, change and end."""

    added: int
    changed: int
    ended: int


class FindingMoveOut(_Report):
    """What becomes of one finding by the changed pack instead of the active one.

    effect  opens clears severity state reworded; kept: no longer found, and stands all the
            same: somebody has confirmed it, or (detected) the changed rules cannot tell
    number  null for one that is not stored
    *_before  as the active pack would have them now; null: no finding
    *_after   the same by the changed pack
    """

    effect: str
    number: str | None
    rule: str
    title: str
    unit: str
    unit_name: str
    requirement: str | None
    period: str | None
    state_before: str | None
    state_after: str | None
    severity_before: str | None
    severity_after: str | None
    message_before: str | None
    message_after: str | None
    remedy_before: str | None
    remedy_after: str | None


class NoticeMoveOut(_Report):
    """What becomes of one notice by the changed pack instead of the active one.

    effect   goes: only the changed pack sends it; stays: only the active one does; ended: it waits
             in the outbox and would be ended unsent (`reason` says why); reworded: it goes with
             another text or to others; unaddressed: it would go, and there is no address
    subject  of a notice about a finding that is not stored it names no number
    item     the obligation or the finding it is about; null for a finding that is not stored
    """

    effect: str
    kind: str
    step: str
    rule: str | None
    unit: str
    unit_name: str
    item: str | None
    to: str | None
    cc: list[str]
    subject: str
    reason: str


class VerdictsOut(_Report):
    """applicable = satisfied + violated + undecided + waived + broken."""

    applicable: int
    satisfied: int
    violated: int
    undecided: int
    waived: int
    broken: int


class RuleMoveOut(_Report):
    """A rule whose verdict counts change; null where only the other pack has it in force."""

    rule: str
    title: str
    outcome: str
    before: VerdictsOut | None
    after: VerdictsOut | None


class UnrelatedOut(_Report):
    """What has changed since the last run and changes by either pack: not the pack's doing."""

    findings: int
    notices: int


class PreviewOut(_Report):
    """What adopting a changed pack would do to the live data; nothing of it is kept.

    mode       dry-run; replay for a look back, which tells what would be found and no notices
    rules_only with a `known_at` in the past: the units and duties known then, whatever the changed
               pack makes of them
    unchanged  the folder holds what is in force already, to the letter of its meaning
    changes    what changed in the pack, as `rules diff` tells it; null where nothing did
    tables     units, assignments and obligations that adopting it changes
    held       the run would exceed a ceiling: its notices wait for a person's word
    skipped    what only the changed pack leaves unexecuted, and why
    broken     findings that only the changed pack cannot put in words, and why
    differs    whether anything would come out otherwise
    """

    plan: str
    folder: str
    as_of: datetime
    known_at: datetime
    mode: str
    rules_only: bool
    active: TriedOut
    changed: TriedOut
    unchanged: bool
    differs: bool
    changes: DiffOut | None
    tables: dict[str, RowsOut]
    findings: list[FindingMoveOut]
    notices: list[NoticeMoveOut]
    rules: list[RuleMoveOut]
    escalations_before: int
    escalations_after: int
    held_before: bool
    held: bool
    skipped: list[SkippedOut]
    broken: list[SkippedOut]
    unrelated: UnrelatedOut
