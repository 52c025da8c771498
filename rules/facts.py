"""Facts of one unit and what rules find in them: plain values that cross process borders.

Standard library only (see `rules.inference` for why).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from rules.conditions import Value
from rules.vocabulary import Level

Key: TypeAlias = tuple[Value | None, ...]

# How these values are pickled: by their arguments, in a third of the time of a dataclass's own way.
Reduced: TypeAlias = tuple[type, tuple[object, ...]]

VIOLATION = "violation"  # the fact kind that a run's own findings become

# Both engines stop here: a rule whose findings go on breeding findings is a mistake in the rule.
MAX_ROUNDS = 64

# Combinations of one unit's facts that one group of rules may bind: 200,000 pairs cost
# durable_rules 70 MB and a second.  Above it a match lacks a test that ties its patterns together.
MAX_COMBINATIONS = 200_000


class InferenceFailed(Exception):
    """The rules could not be run over these facts; the text names the unit, the facts and why."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one thing; `key` is unique among its unit's facts, `fields` are encoded."""

    kind: str
    key: str
    fields: Mapping[str, Value | None]

    def __reduce__(self) -> Reduced:
        return Fact, (self.kind, self.key, self.fields)


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """One unit's facts; findings of `waived` (rule, key) do not become violation facts."""

    unit: str
    facts: tuple[Fact, ...]
    waived: frozenset[tuple[str, Key]] = frozenset()

    def __reduce__(self) -> Reduced:
        return UnitFacts, (self.unit, self.facts, self.waived)


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule is violated.

    key       values of what `per` names; (the fact's key,) for an `on` rule
    severity  None for a notice or an escalation
    facts     the distinct combinations of fact keys that make it so, sorted; each in the order in
              which the rule lists its patterns
    """

    rule: str
    unit: str
    key: Key
    severity: Level | None
    facts: tuple[tuple[str, ...], ...]

    def __reduce__(self) -> Reduced:
        return Firing, (self.rule, self.unit, self.key, self.severity, self.facts)


def key_order(key: Key) -> tuple[tuple[int, int, str], ...]:
    """Return what sorts keys of mixed types: unknown first, then numbers, then texts."""
    return tuple(
        (0, 0, "") if part is None else (1, part, "") if isinstance(part, int) else (2, 0, part)
        for part in key
    )


def in_order(firings: list[Firing]) -> list[Firing]:
    """Return firings by unit, rule and key."""
    return sorted(firings, key=lambda firing: (firing.unit, firing.rule, key_order(firing.key)))


def violation_key(rule: str, key: Key) -> str:
    """Return the key of the violation fact of a finding: `rule|per|per…`.

    In a value `|` is written %7C and `%` %25, and unknown is `%-`: different findings never meet.
    (Backslashes would double with each finding on a finding; these grow by two.)
    """
    parts = (
        "%-" if part is None else str(part).replace("%", "%25").replace("|", "%7C") for part in key
    )
    return "|".join((rule, *parts))
