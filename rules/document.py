"""Rules as their authors write them: frozen models of one YAML file of rules.

Only shape is checked here; what a condition means is checked by `rules.checking`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from rules.vocabulary import Basis, Level, LintCheck, NoticeKind, Post, Review, Status

__all__ = [
    "Basis",
    "ConditionText",
    "EscalateOutcome",
    "Identifier",
    "Level",
    "LintCheck",
    "NoticeKind",
    "NoticeOutcome",
    "Pattern",
    "PatternName",
    "Post",
    "Review",
    "Rule",
    "RuleFile",
    "RuleKeys",
    "SeverityStep",
    "Status",
    "Text",
    "split_field",
]

Identifier: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,79}$")]
PatternName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,29}$")]
LONGEST_MESSAGE = 4000
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_MESSAGE)]
ConditionText: TypeAlias = str
"""Its length, and that it is not empty, is the parser's to say."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SeverityStep(_Document):
    """One step of a severity ladder; the first whose condition holds counts."""

    level: Level
    when: ConditionText | None = None


class Pattern(_Document):
    """One fact of a match."""

    on: str
    when: ConditionText | None = None


class NoticeOutcome(_Document):
    """The rule asks for a reminder: step `step` of ladder `ladder`."""

    ladder: Identifier
    step: Identifier
    kind: NoticeKind
    to: Annotated[tuple[Post, ...], Field(min_length=1)]
    cc: tuple[Post, ...] = ()
    urgent: bool = False


class EscalateOutcome(_Document):
    """The rule proposes a step up the ladder; a person decides."""

    level: Literal["L1", "L2", "L3", "L4", "L5"]
    letter: Identifier | None = None
    propose_card: Literal["yellow", "red"] | None = None
    decided_by: Identifier = "supervision_chief"


class RuleKeys(_Document):
    """The keys of a rule, each by itself; `rules.shape` says what must hold between them."""

    id: Identifier
    title: Text
    clause: Identifier | None = None
    requirement: Identifier | None = None
    basis: Basis = Basis.CONFIGURED
    status: Status = Status.PUBLISHED
    on: str | None = None
    scope: ConditionText | None = None
    when: ConditionText | None = None
    match: dict[PatternName, Pattern] | None = None
    at_least: Annotated[int, Field(ge=1, le=1000)] = 1
    per: tuple[str, ...] | None = None
    severity: tuple[SeverityStep, ...] | None = None
    review: Review = Review.REQUIRED
    rectify_within: Annotated[int, Field(ge=1, le=250)] | None = None
    message: Text | None = None
    remedy: Text | None = None
    notice: NoticeOutcome | None = None
    escalate: EscalateOutcome | None = None
    max_findings: Annotated[int, Field(ge=0)] | None = None
    max_notices: Annotated[int, Field(ge=0)] | None = None
    lint: dict[LintCheck, Text] | None = None


class Rule(RuleKeys):
    """A condition over facts and what follows when it holds.

    Exactly one of `on` and `match`, and exactly one outcome: a finding (`severity` and `message`),
    a `notice`, or an `escalate`.
    """

    @model_validator(mode="after")
    def _shape(self) -> Self:
        faults = []
        if (self.on is None) == (self.match is None):
            faults.append("a rule has either 'on' (one fact) or 'match' (several), not both")
        if self.match is not None:
            if not 1 <= len(self.match) <= 4:
                faults.append("'match' takes 1 to 4 patterns")
            if self.when is not None:
                faults.append("a rule with 'match' puts its conditions in the patterns' 'when'")
        elif self.when is None and self.on is not None:
            faults.append("a rule with 'on' needs 'when'")
        if self.match is None and self.at_least != 1:
            faults.append("'at_least' goes with 'match'")
        outcomes = [self.severity is not None, self.notice is not None, self.escalate is not None]
        if sum(outcomes) != 1:
            faults.append("a rule has exactly one outcome: 'severity', 'notice' or 'escalate'")
        if self.severity is not None:
            if self.message is None:
                faults.append("a rule whose outcome is a finding needs 'message'")
            if not self.severity or self.severity[-1].when is not None:
                faults.append("the last step of 'severity' has no 'when'")
            if any(step.when is None for step in self.severity[:-1]):
                faults.append("only the last step of 'severity' is without 'when'")
        if self.match is not None and self.escalate is not None:
            faults.append("an escalation is proposed for one fact: use 'on', not 'match'")
        if self.match is not None and self.notice is not None:
            faults.append("a notice is sent about one fact: use 'on', not 'match'")
        if faults:
            raise ValueError("; ".join(faults))
        return self


class RuleFile(_Document):
    """One file of `rules/`."""

    rules: tuple[RuleKeys, ...]


_FIELD = re.compile(r"^(?:(?P<pattern>[a-z][a-z0-9_]{0,29})\.)?(?P<name>[a-z][a-z0-9_]{0,59})$")


def split_field(text: str) -> tuple[str | None, str] | None:
    """Return (pattern, field) of `second.period` or `unit`; None if it is not a field name."""
    found = _FIELD.match(text)
    return (found["pattern"], found["name"]) if found else None
