"""Rules in the form that worker processes run: plain data, made by `rules.lowering`.

Standard library only (see `rules.inference` for why).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from rules.conditions import Condition, FieldRef
from rules.vocabulary import Level

# durable_rules sees nothing but 64-bit integers.  A text becomes a code from here upwards; numbers
# stay below, so neither a number nor a sum of two can be taken for a text, and nothing overflows.
FIRST_TEXT_CODE = 1 << 61
NUMBER_LIMIT = 1 << 60

# The fact that ends each batch, and the durable rule that it fires; real kinds count from 1.
SENTINEL_KIND = 0
SENTINEL_RULE = "end"


class Phase(IntEnum):
    """When a ruleset runs: rules of one pattern, then joins, then rounds over violations.

    In the first two no rule has a pattern on violations; rules with one are all in the third.
    """

    ALONE = 0
    JOINED = 1
    CHAINED = 2


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a field stands in the engine's fact: `value`, and `known` 0/1 if it may be unknown."""

    field: str
    value: str
    known: str | None


@dataclass(frozen=True, slots=True)
class Placed:
    """One pattern of a durable rule; they stand in the order in which the engine joins.

    alias   `p<index of the pattern as written>`
    own     the tests that need no other fact; their fields carry the alias
    equals  own fields that must equal something of the patterns before
    """

    alias: str
    kind: str
    own: Condition
    equals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DurableRule:
    """One alternative of one rule; `rule` is an index into `CompiledRules.rules`."""

    rule: int
    placed: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class Ruleset:
    """One durable_rules ruleset.

    text      its JSON; durable rule i is called `r<i>`, a pattern as its `Placed.alias`
    slots     by fact kind: what is put in a fact besides id, sid, kind (`k`) and `o` (always 1)
    durables  what `r<i>` stands for
    """

    phase: Phase
    text: str
    slots: Mapping[str, tuple[Slot, ...]]
    durables: tuple[DurableRule, ...]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """What is left of a rule once its conditions are in rulesets.

    patterns  (name, kind) as written; the name of an `on` rule's pattern is ''
    """

    id: str
    clause: str | None
    single: bool
    at_least: int
    patterns: tuple[tuple[str, str], ...]
    per: tuple[FieldRef, ...]
    severity: tuple[tuple[Level, Condition], ...]


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """Bound rules, ready for `rules.inference.infer`.

    digest            names the content; equal rules have equal digests
    kinds, texts      codes of fact kinds and of the texts that rules name
    fields            by fact kind: the fields a fact must carry (None where unknown)
    violation_fields  of these, a fact also carries those its kind has: violations inherit them
    """

    digest: str
    rules: tuple[CompiledRule, ...]
    rulesets: tuple[Ruleset, ...]
    kinds: Mapping[str, int]
    texts: Mapping[str, int]
    fields: Mapping[str, frozenset[str]]
    violation_fields: frozenset[str]
