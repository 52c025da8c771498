"""Whether a rule could speak of an obligation of which only some fields are known."""

from __future__ import annotations

from collections.abc import Iterable

from rules.catalogue import KINDS
from rules.checked import CheckedRule
from rules.conditions import (
    Compare,
    Condition,
    FactFields,
    Literal,
    atoms,
    conjunction,
    evaluate,
)


def may_apply(rule: CheckedRule, kind: str, fact: FactFields) -> bool:
    """Return whether a bound rule may hold of a fact of this kind, alone or among others.

    What is not known of it is NULL: a condition that is not FALSE then may hold.  A rule written
    for one requirement speaks of no other, whatever a pattern of its match may bind.
    """
    meant = rule.rule.requirement
    if meant is not None and fact.get("requirement") not in (None, meant):
        return False
    unknown: dict[str, FactFields] = {
        pattern.name: dict.fromkeys(KINDS[pattern.on])
        for pattern in rule.patterns
        if pattern.name is not None
    }
    for at, pattern in enumerate(rule.patterns):
        if pattern.on != kind:
            continue
        scope = [rule.scope] if at == rule.anchor else []
        if evaluate(conjunction(*scope, pattern.condition), fact, unknown) is not False:
            return True
    return False


def is_check(rule: CheckedRule) -> bool:
    """Return whether a rule makes findings; one that reminds or escalates checks nothing."""
    return bool(rule.severity)


def names_requirement(rule: CheckedRule) -> bool:
    """Return whether a rule says of which requirement it speaks, rather than of all of a kind."""
    if rule.rule.requirement is not None:
        return True
    return any(
        isinstance(atom, Compare)
        and atom.left.name == "requirement"
        and isinstance(atom.right, Literal)
        for condition in conditions_of(rule)
        for atom in atoms(condition)
    )


def conditions_of(rule: CheckedRule) -> Iterable[Condition]:
    """Return the conditions that decide whether a rule holds: scope and patterns."""
    return (rule.scope, *(pattern.condition for pattern in rule.patterns))
