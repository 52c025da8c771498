"""Facts of any number over the catalogue, by chance: values at and around what the rules name."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from rules.catalogue import KINDS, OBLIGATION_KINDS, Field, FieldType
from rules.checked import CheckedRule
from rules.conditions import Compare, Literal, Value, atoms
from rules.facts import Fact, UnitFacts

KINDS_OF_FACTS = (*OBLIGATION_KINDS, "finding", "unit")


def catalogue_units(
    rules: Sequence[CheckedRule], *, facts: int, seed: int = 1, per_unit: int = 10
) -> list[UnitFacts]:
    """Return units with this many facts in all; an eighth of what may be NULL is."""
    chance = random.Random(seed)
    named = _named(rules)
    kinds = sorted(
        {pattern.on for rule in rules for pattern in rule.patterns} & set(KINDS_OF_FACTS)
    )
    found: list[UnitFacts] = []
    for first in range(0, facts, per_unit):
        unit = f"U{first // per_unit:05}"
        of_unit = []
        for number in range(first, min(first + per_unit, facts)):
            kind = chance.choice(kinds)
            fields = {
                name: unit if name == "unit" else _value(field, named[kind, name], chance)
                for name, field in KINDS[kind].items()
            }
            of_unit.append(Fact(kind, f"{kind}/{unit}/{number}", fields))
        found.append(UnitFacts(unit, tuple(of_unit)))
    return found


def _named(rules: Sequence[CheckedRule]) -> dict[tuple[str, str], list[Value]]:
    found: dict[tuple[str, str], list[Value]] = defaultdict(list)
    for rule in rules:
        anchor = rule.patterns[rule.anchor]
        for on, condition in (
            (anchor.on, rule.scope),
            *((pattern.on, pattern.condition) for pattern in rule.patterns),
        ):
            for atom in atoms(condition):
                if isinstance(atom, Compare) and isinstance(atom.right, Literal):
                    found[on, atom.left.name].append(atom.right.value)
    return found


def _value(field: Field, named: Sequence[Value], chance: random.Random) -> Value | None:
    if field.nullable and chance.random() < 0.125:
        return None
    if field.type is FieldType.BOOL:
        return chance.randrange(2)
    if field.type is FieldType.CHOICE:
        return chance.choice(field.choices)
    if field.type is FieldType.TEXT:
        return chance.choice([*named, "其他"])
    near = chance.choice([*named, 0])
    assert isinstance(near, int)
    return near + chance.choice([-1, 0, 1, 1, 2, 5])
