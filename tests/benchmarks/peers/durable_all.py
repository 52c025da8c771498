"""Every fact to durable_rules, as the product drives it, but without the query that picks them.

Singles only.  Facts go to worker processes (`rules.pool`), which assert, drain and retract unit by
unit; giving a fact and judging it is one call of the engine, so loading is counted in judging.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter

from rules.checked import CheckedRule
from rules.compiling import compile_rules
from rules.facts import UnitFacts
from rules.pool import InferencePool
from tests.benchmarks.peers import Findings, Spent, single_rules


def findings(
    rules: Sequence[CheckedRule], units: Iterable[UnitFacts], *, workers: int | None = None
) -> Findings:
    """Return what fires; `workers` are processes, by default one a core."""
    return measured(rules, units, workers=workers)[0]


def measured(
    rules: Sequence[CheckedRule], units: Iterable[UnitFacts], *, workers: int | None = None
) -> tuple[Findings, Spent]:
    """Compiling is the product's own; starting the processes counts as judging."""
    started = perf_counter()
    compiled = compile_rules(single_rules(rules))
    ready = perf_counter()
    with InferencePool(workers=workers) as pool:
        found = {(firing.rule, str(firing.key[0])) for firing in pool.run(compiled, units)}
    return found, Spent(compiling=ready - started, judging=perf_counter() - ready)
