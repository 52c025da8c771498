"""What a comparison of rules says: one change of one rule, with its texts before and after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from rules.checked import CheckedRule, Source
from rules.equivalence import Comparison
from rules.rule_text import Texts, condition_readings, condition_texts


class ChangeKind(StrEnum):
    """In the order of their weight: what changes verdicts first, what changes nothing last."""

    ADDED = "added"
    REMOVED = "removed"
    STATUS = "status"
    KIND = "kind"
    CONDITION = "condition"
    GROUPING = "grouping"
    SEVERITY = "severity"
    OUTCOME = "outcome"
    RENAMED = "renamed"
    HANDLING = "handling"
    BINDING = "binding"
    TEXT = "text"
    MOVED = "moved"
    REWRITTEN = "rewritten"

    @property
    def in_meaning(self) -> bool:
        """Whether anything is judged, done, said or kept otherwise than before."""
        return self not in (ChangeKind.MOVED, ChangeKind.REWRITTEN)


@dataclass(frozen=True, slots=True)
class Values:
    """One key of a rule as it was and as it is; None where there is none.

    The readings are of conditions, in plain Chinese.
    """

    key: str
    before: str | None
    after: str | None
    before_reading: str | None = None
    after_reading: str | None = None


@dataclass(frozen=True)
class Change:
    """One thing that changed in one rule.

    former      the rule's id before, where it has another now
    in_force    whether the rule is published before or after; else nothing happens yet
    comparison  of CONDITION and SEVERITY, and of KIND none: facts of other kinds do not compare
    params      CONDITION, SEVERITY: the rule says what it said, these parameters' values changed
    """

    kind: ChangeKind
    rule: str
    title: str
    source: Source
    in_force: bool
    values: tuple[Values, ...] = ()
    comparison: Comparison | None = None
    former: str | None = None
    params: tuple[str, ...] = ()


def differing(before: Texts, after: Texts) -> tuple[Values, ...]:
    """Return the keys whose texts differ, in the order of what is and then of what was."""
    was, now = dict(before), dict(after)
    return tuple(
        Values(key, was.get(key), now.get(key))
        for key in dict.fromkeys((*now, *was))
        if was.get(key) != now.get(key)
    )


def condition_values(rule: CheckedRule) -> tuple[Values, ...]:
    """Return conditions that stand as they stood."""
    return read_too([Values(key, text, text) for key, text in condition_texts(rule)], rule, rule)


def read_too(
    values: Iterable[Values], was: CheckedRule | None, now: CheckedRule | None
) -> tuple[Values, ...]:
    """Return the values with the readings of those that are conditions of the rules."""
    before, after = ({} if rule is None else dict(condition_readings(rule)) for rule in (was, now))
    return tuple(
        replace(
            each,
            before_reading=None if each.before is None else before.get(each.key),
            after_reading=None if each.after is None else after.get(each.key),
        )
        for each in values
    )
