"""What a case expects: verdicts of rules, and notices."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rules.facts import Key
from rules.nodes import Fault
from rules.vocabulary import Level, Post


class Expected(StrEnum):
    """What a rule is to say; `fires` and `quiet` are for reminders and escalations."""

    VIOLATED = "violated"
    SATISFIED = "satisfied"
    FIRES = "fires"
    QUIET = "quiet"
    UNDECIDED = "undecided"
    NONE = "none"

    @property
    def positive(self) -> bool:
        return self in (Expected.VIOLATED, Expected.FIRES)

    @property
    def negative(self) -> bool:
        return self in (Expected.SATISFIED, Expected.QUIET)


@dataclass(frozen=True)
class Place:
    """Where in a file something is expected."""

    file: str
    line: int
    column: int

    def fault(self, text: str) -> Fault:
        return Fault(self.file, self.line, self.column, text)


@dataclass(frozen=True)
class Expectation:
    """What one rule must say of the case, or of the finding that `of` names (None: of all)."""

    rule: str
    verdict: Expected
    place: Place
    severity: Level | None = None
    message: str | None = None
    of: Key | None = None


@dataclass(frozen=True)
class ExpectedNotice:
    """One step of a ladder that is due for one item; None: whatever it is.

    `to` and `cc` are the posts that are written to, `unaddressed` those without an address.
    """

    place: Place
    step: str
    to: tuple[Post, ...]
    cc: tuple[Post, ...] | None = None
    unaddressed: tuple[Post, ...] = ()
    ladder: str | None = None
    rule: str | None = None
    of: str | None = None
    subject: str | None = None
    message: str | None = None
    remedy: str | None = None
