"""The product's own oracle: plain Python, no engine.  Singles only; what every peer must equal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from time import perf_counter

from rules.checked import CheckedRule
from rules.facts import UnitFacts
from rules.oracle import verdict
from tests.benchmarks.peers import Findings, Spent, single_rules


def findings(rules: Sequence[CheckedRule], units: Iterable[UnitFacts]) -> Findings:
    return measured(rules, units)[0]


def measured(rules: Sequence[CheckedRule], units: Iterable[UnitFacts]) -> tuple[Findings, Spent]:
    """Judging is all there is: facts are read where they stand."""
    started = perf_counter()
    by_kind: dict[str, list[CheckedRule]] = defaultdict(list)
    for rule in single_rules(rules):
        by_kind[rule.patterns[0].on].append(rule)
    found = {
        (rule.rule.id, fact.key)
        for unit in units
        for fact in unit.facts
        for rule in by_kind.get(fact.kind, ())
        if verdict(rule, fact) == "violated"
    }
    return found, Spent(judging=perf_counter() - started)
