"""Other engines under the same rules and facts, to measure the product's against.

Each module has `findings(rules, units)`: (rule id, fact key) of every rule over one fact whose
scope and condition are both TRUE of it, and `measured`, which says also where the time went.  Rules
are bound, values encoded, NULL is SQL's.  Rules on `violation` are left out: they speak of what is
found, not of facts.  Each engine gets facts in the form it takes fastest, a batch at a time, so
that its memory stays bounded; keys are given back by the caller's index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rules.checked import CheckedRule
from rules.conditions import fields
from rules.facts import VIOLATION, Fact, UnitFacts

Findings = set[tuple[str, str]]

BATCH = 20_000  # facts


@dataclass
class Spent:
    """Seconds: to make the engine's rules, to give it the facts, to judge and read the result."""

    compiling: float = 0.0
    loading: float = 0.0
    judging: float = 0.0

    @property
    def total(self) -> float:
        return self.compiling + self.loading + self.judging


def single_rules(rules: Sequence[CheckedRule]) -> list[CheckedRule]:
    """Return the rules that speak of one fact alone."""
    return [rule for rule in rules if rule.single and rule.patterns[0].on != VIOLATION]


def needed_fields(rules: Sequence[CheckedRule]) -> dict[str, dict[str, bool]]:
    """Return by kind the fields that conditions of one-fact rules name, and which may be NULL."""
    found: dict[str, dict[str, bool]] = {}
    for rule in rules:
        of_kind = found.setdefault(rule.patterns[0].on, {})
        for field in (*fields(rule.scope), *fields(rule.patterns[0].condition)):
            of_kind[field.name] = of_kind.get(field.name, False) or field.nullable
    return found


def batches(units: Iterable[UnitFacts], *, size: int = BATCH) -> Iterator[list[UnitFacts]]:
    """Yield units, whole, until a batch has about `size` facts."""
    batch: list[UnitFacts] = []
    count = 0
    for unit in units:
        batch.append(unit)
        count += len(unit.facts)
        if count >= size:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


def by_kind(units: Iterable[UnitFacts], kinds: Iterable[str]) -> dict[str, list[Fact]]:
    """Return the units' facts of these kinds."""
    found: dict[str, list[Fact]] = {kind: [] for kind in kinds}
    for unit in units:
        for fact in unit.facts:
            if fact.kind in found:
                found[fact.kind].append(fact)
    return found
