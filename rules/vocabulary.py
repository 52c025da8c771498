"""The closed lists of words a rule is written with.

Standard library only: worker processes import these without pydantic.
"""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """Severity of a finding, from the lightest."""

    INFO = "info"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Where it stands among the levels: the graver, the higher."""
        return _RANKS[self]


_RANKS = {level: place for place, level in enumerate(Level)}


class Basis(StrEnum):
    """Whether the plan's text says it, implies it, or the office configured it."""

    EXPLICIT = "explicit"
    IMPLIED = "implied"
    CONFIGURED = "configured"


class Status(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    DEPRECATED = "deprecated"


class Review(StrEnum):
    REQUIRED = "required"
    AUTOMATIC = "automatic"


class Post(StrEnum):
    """Who of a unit, or above it, a notice goes to."""

    LIAISON = "liaison"
    DEPUTY = "deputy"
    PRINCIPAL = "principal"
    DISTRICT_DEPUTY = "district_deputy"
    OFFICE = "office"


class LintCheck(StrEnum):
    """What `supervision rules lint` looks at; a rule may silence one with a reason (`lint:`)."""

    NEVER_HOLDS = "never-holds"
    ALWAYS_HOLDS = "always-holds"
    OVERLAP = "overlap"
    SEVERITY_NEVER_REACHED = "severity-never-reached"
    SEVERITY_ORDER = "severity-order"
    MESSAGE_UNKNOWN_FIELD = "message-unknown-field"
    MESSAGE_SINGLE_BRACES = "message-single-braces"
    NOBODY_OWES = "nobody-owes"
    LADDER_GAP = "ladder-gap"
    LADDER_OVERLAP = "ladder-overlap"
    NO_RECIPIENT = "no-recipient"
    UNUSED_KEY = "unused-key"
    RULE_NOT_PUBLISHED = "rule-not-published"
    UNUSED_SILENCE = "unused-silence"


class NoticeKind(StrEnum):
    ASSIGNMENT = "assignment"
    PRE_DUE = "pre_due"
    DUE = "due"
    OVERDUE = "overdue"
    FINDING = "finding"
    RECTIFICATION = "rectification"
