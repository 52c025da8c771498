"""What of a plan is checked, as JSON: the contract of `supervision plan coverage --format json`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class State(StrEnum):
    """How a line of the plan stands, the worst of its gaps deciding."""

    CHECKED = "checked"
    HINT = "hint"
    GAP = "gap"
    HUMAN = "human"
    TAG = "tag"


NO_CONTACT = "no contact"
"""The gap of a unit that owes and has no address; one unit has it in many requirements."""


class Gap(_Part):
    """Something that is missing; a hard one makes the exit code 1."""

    code: str
    text: str
    hard: bool


class RulePart(_Part):
    """A rule that checks a requirement, or reminds of it.

    `generic` names no requirement and so applies to all of a kind.  Cases are null where they are
    not at hand (a plan out of the database).
    """

    id: str
    title: str
    status: str
    generic: bool
    positive_cases: int | None
    negative_cases: int | None


class UnitsPart(_Part):
    """Who owes a requirement; a contact is a liaison's address."""

    obligations: int
    units: int
    with_contact: int
    without_contact: list[str]


class VerdictsPart(_Part):
    """What the last run said of the rules written for a requirement, summed.

    Generic rules are left out: a run counts them over all requirements of their kind.
    """

    applicable: int
    satisfied: int
    violated: int
    undecided: int
    waived: int
    broken: int


class LinePart(_Part):
    """One requirement, or a clause that has none (`requirement` null).

    rules      those that check it: published, and drafts too (see their status)
    reminders  rules that only remind of it or escalate
    verdicts   null where it was not evaluated, or only by generic rules
    """

    clause: str
    path: str
    clause_title: str
    requirement: str | None
    title: str | None
    kind: str | None
    basis: str | None
    decided_by: str | None
    state: State
    rules: list[RulePart]
    reminders: list[str]
    units: UnitsPart | None
    verdicts: VerdictsPart | None
    gaps: list[Gap]


class RunPart(_Part):
    """The last evaluation; `same_rules` says that it used the very rules that are shown."""

    id: int
    as_of: datetime
    ruleset: str
    same_rules: bool


class PlanCoverage(_Part):
    """The chain clause → requirement → rule → case → unit → last evaluation.

    `source` is a folder or a database; `database` says what was found there: `evaluated`,
    `never evaluated`, `no such plan`, `unusable` (another schema, unreachable), `none`.
    """

    plan: str
    title: str
    source: str
    ruleset: str
    database: str
    last_run: RunPart | None
    lines: list[LinePart]
    derived_rules: list[RulePart]
    counts: dict[State, int]

    @property
    def failed(self) -> bool:
        """Whether a requirement that a machine decides has no published rule."""
        return any(gap.hard for line in self.lines for gap in line.gaps)
