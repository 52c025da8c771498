"""A checked rule taken apart: what its author wrote, what is implied, and its atomic conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from rules.catalogue import KINDS, OBLIGATION_KINDS, table_of
from rules.checked import CheckedRule
from rules.conditions import (
    ALWAYS,
    And,
    Compare,
    Condition,
    FieldRef,
    IsNull,
    Shifted,
    atoms,
)
from rules.printing import to_text

Atom: TypeAlias = Compare | IsNull

_QUOTED = re.compile(r"'(?:[^']|'')*'")
_COMPANION = re.compile(r"\bcompanion\b", re.IGNORECASE)


@dataclass(frozen=True)
class RulePart:
    """One condition of a rule.

    where     'scope', 'when', 'match NAME' or 'severity LEVEL'
    pattern   index of the pattern on whose fact unqualified fields are; None for a ladder of a
              match, whose fields carry the pattern's name
    implied   what the language adds to it: the rule's requirement, or that no companion is meant
    condition as the author wrote it
    """

    where: str
    pattern: int | None
    implied: Condition
    condition: Condition

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """Every comparison and null test, left to right."""
        return tuple(atoms(self.condition))


def parts_of(rule: CheckedRule) -> tuple[RulePart, ...]:
    """Return scope, patterns and severity steps of a rule, in this order.

    The order and number of parts and of their atoms are the same for a bound rule and an unbound.
    """
    document = rule.rule
    found = [RulePart("scope", rule.anchor, *_scope(rule))]
    for at, pattern in enumerate(rule.patterns):
        where = "when" if pattern.name is None else f"match {pattern.name}"
        written = document.when
        if pattern.name is not None and document.match is not None:
            written = document.match[pattern.name].when
        implied, condition = _without_companions(pattern.condition, written)
        found.append(RulePart(where, at, implied, condition))
    for level, condition in rule.severity:
        if condition != ALWAYS:
            own = 0 if rule.single else None
            found.append(RulePart(f"severity {level}", own, ALWAYS, condition))
    return tuple(found)


def text_of(rule: CheckedRule, part: RulePart, condition: Condition) -> str:
    """Return a condition of a part as its author could have written it."""
    named = {
        pattern.name: table_of(pattern.on) for pattern in rule.patterns if pattern.name is not None
    }
    own = {} if part.pattern is None else KINDS[rule.patterns[part.pattern].on]
    return to_text(condition, fields=own, other_patterns=named)


def joins(atom: Atom) -> bool:
    """Whether the atom speaks of another pattern's fact too."""
    return isinstance(atom, Compare) and isinstance(atom.right, Shifted)


def conjuncts(condition: Condition) -> Iterator[Condition]:
    """Yield the parts of which all must hold."""
    if isinstance(condition, And):
        for part in condition.parts:
            yield from conjuncts(part)
    elif condition != ALWAYS:
        yield condition


def _scope(rule: CheckedRule) -> tuple[Condition, Condition]:
    """Return what is implied of the scope, and what the author wrote."""
    named = rule.rule.requirement is not None
    if named and rule.patterns[rule.anchor].on in OBLIGATION_KINDS:
        return _split(rule.scope)
    return _without_companions(rule.scope, rule.rule.scope)


def _without_companions(condition: Condition, written: str | None) -> tuple[Condition, Condition]:
    """Return (implied, written); `not companion` is implied where the text has one fewer of it."""
    said = len(_COMPANION.findall(_QUOTED.sub("", written or "")))
    there = sum(1 for atom in atoms(condition) if _field(atom).name == "companion")
    return _split(condition) if there > said else (ALWAYS, condition)


def _split(condition: Condition) -> tuple[Condition, Condition]:
    if isinstance(condition, And) and len(condition.parts) == 2:
        return condition.parts
    return condition, ALWAYS


def _field(atom: Atom) -> FieldRef:
    return atom.left if isinstance(atom, Compare) else atom.field
