"""GoRules (zen-engine): one expression a kind, over a whole batch of facts in one call.

Singles only: it has no joins.  `measured_by_table` judges the same by what GoRules is known for, a
graph with a decision table (one a kind, hit policy collect), a fact at a time.  It is some thirty
times slower: the graph is walked, and a result made, for each fact.  So `findings` is the other.
Facts as JSON text instead of dictionaries took no less time.

Texts are given as numbers (a code for each text that rules name, -1 for any other): zen has no way
to write a text that holds both quotes, and numbers are no slower to compare.  NULL is zen's null,
which no comparison takes: each test on such a field asks first, and `and` stops at a false.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any

import zen

from rules.checked import CheckedRule
from rules.conditions import (
    Compare,
    Conjunct,
    Known,
    Literal,
    Operator,
    Value,
    conjunction,
    true_when,
)
from rules.facts import Fact, UnitFacts
from tests.benchmarks.peers import (
    Findings,
    Spent,
    batches,
    by_kind,
    needed_fields,
    single_rules,
)

_SIGNS = {Operator.EQ: "==", Operator.NE: "!="}
_MOST_ALTERNATIVES = 1000
_OTHER_TEXT = -1


def findings(rules: Sequence[CheckedRule], units: Iterable[UnitFacts]) -> Findings:
    return measured(rules, units)[0]


def measured(rules: Sequence[CheckedRule], units: Iterable[UnitFacts]) -> tuple[Findings, Spent]:
    """Loading is making plain dictionaries; zen turns them into its own values as it judges."""
    spent = Spent()
    started = perf_counter()
    coded = _Coded(rules)
    expressions = {
        kind: zen.compile_expression(
            "["
            + ", ".join(f"map(filter(facts, {coded.text(rule, '#.')}), #.i)" for rule in of_kind)
            + "]"
        )
        for kind, of_kind in coded.rules.items()
    }
    spent.compiling = perf_counter() - started
    found: Findings = set()
    for batch in batches(units):
        started = perf_counter()
        told = by_kind(batch, coded.rules)
        given = {
            kind: {"facts": [coded.fact(fact, i) for i, fact in enumerate(facts)]}
            for kind, facts in told.items()
        }
        loaded = perf_counter()
        for kind, facts in told.items():
            hits = expressions[kind].evaluate(given[kind])
            for rule, places in zip(coded.rules[kind], hits, strict=True):
                found |= {(rule.rule.id, facts[int(place)].key) for place in places}
        spent.loading += loaded - started
        spent.judging += perf_counter() - loaded
    return found, spent


def measured_by_table(
    rules: Sequence[CheckedRule], units: Iterable[UnitFacts]
) -> tuple[Findings, Spent]:
    """The same by a decision table for each kind, a fact at a time."""
    spent = Spent()
    started = perf_counter()
    coded = _Coded(rules)
    engine = zen.ZenEngine()
    decisions = {
        kind: engine.create_decision(json.dumps(coded.table(kind))) for kind in coded.rules
    }
    spent.compiling = perf_counter() - started
    found: Findings = set()
    for batch in batches(units):
        for kind, facts in by_kind(batch, coded.rules).items():
            started = perf_counter()
            given = [coded.fact(fact, i) for i, fact in enumerate(facts)]
            loaded = perf_counter()
            for fact, values in zip(facts, given, strict=True):
                rows = decisions[kind].evaluate(values)["result"]
                found |= {(coded.rules[kind][int(row["r"])].rule.id, fact.key) for row in rows}
            spent.loading += loaded - started
            spent.judging += perf_counter() - loaded
    return found, spent


class _Coded:
    """Rules by kind, as zen's text, and facts as what it takes."""

    def __init__(self, rules: Sequence[CheckedRule]) -> None:
        chosen = single_rules(rules)
        self.codes: dict[str, int] = {}
        self.fields: Mapping[str, Mapping[str, bool]] = needed_fields(chosen)
        self.rules: dict[str, list[CheckedRule]] = {kind: [] for kind in self.fields}
        self.alternatives: dict[str, tuple[Conjunct, ...]] = {}
        for rule in chosen:
            pattern = rule.patterns[0]
            self.rules[pattern.on].append(rule)
            self.alternatives[rule.rule.id] = true_when(
                conjunction(rule.scope, pattern.condition), limit=_MOST_ALTERNATIVES
            )

    def fact(self, fact: Fact, number: int) -> dict[str, Any]:
        values: dict[str, Any] = {"i": number}
        for name in self.fields[fact.kind]:
            value = fact.fields[name]
            values[name] = self.codes.get(value, _OTHER_TEXT) if isinstance(value, str) else value
        return values

    def text(self, rule: CheckedRule, prefix: str) -> str:
        """Return when the rule holds; `prefix` stands before each field."""
        parts = []
        for tests in self.alternatives[rule.rule.id]:
            texts = [self._test(test, prefix) for test in tests] or ["true"]
            parts.append(" and ".join(texts))
        if not parts:
            return "false"
        return parts[0] if len(parts) == 1 else " or ".join(f"({part})" for part in parts)

    def table(self, kind: str) -> dict[str, Any]:
        """Return a graph of one decision table that collects the rules that hold."""
        rows = [
            {"_id": str(i), "when": self.text(rule, ""), "r": str(i)}
            for i, rule in enumerate(self.rules[kind])
        ]
        content = {
            "hitPolicy": "collect",
            "inputs": [{"id": "when", "name": "when", "type": "expression"}],
            "outputs": [{"id": "r", "name": "r", "field": "r", "type": "expression"}],
            "rules": rows,
        }
        nodes = [
            {"id": "in", "name": "in", "type": "inputNode"},
            {"id": "table", "name": "table", "type": "decisionTableNode", "content": content},
            {"id": "out", "name": "out", "type": "outputNode"},
        ]
        edges = [
            {"id": f"{source}-{target}", "sourceId": source, "targetId": target, "type": "edge"}
            for source, target in (("in", "table"), ("table", "out"))
        ]
        return {"nodes": nodes, "edges": edges}

    def _test(self, test: Compare | Known, prefix: str) -> str:
        match test:
            case Known(field, wanted):
                return f"{prefix}{field.name} {'!=' if wanted else '=='} null"
            case Compare(field, operator, Literal(value)):
                sign = _SIGNS.get(operator, operator.value)
                return f"{prefix}{field.name} {sign} {self._constant(value)}"
        raise ValueError(f"{test} is not of one fact")

    def _constant(self, value: Value) -> int:
        if isinstance(value, str):
            return self.codes.setdefault(value, len(self.codes))
        return int(value)
