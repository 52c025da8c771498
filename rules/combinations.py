"""What fired in one unit so far: combinations, by what a finding stands for, and violations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from rules.compiled import NUMBER_LIMIT, CompiledRule, CompiledRules, DurableRule
from rules.conditions import FactFields, Value, evaluate
from rules.facts import VIOLATION, Fact, Firing, InferenceFailed, Key, UnitFacts, violation_key
from rules.vocabulary import Level


class Combinations:
    """The facts of one unit by key, and the combinations of them for which rules fired.

    Raises InferenceFailed for facts that cannot be judged: two of one key, a field missing, a value
    that is no text and no number the engine can hold.
    """

    def __init__(self, compiled: CompiledRules, unit: UnitFacts) -> None:
        self._rules = compiled.rules
        self._unit = unit
        self._facts: dict[str, Fact] = {}
        self._found: tuple[dict[Key, dict[tuple[str, ...], None]], ...] = tuple(
            defaultdict(dict) for _ in compiled.rules
        )
        self._told: set[tuple[str, Key]] = set()
        for fact in unit.facts:
            if fact.key in self._facts:
                raise InferenceFailed(f"unit {unit.unit}: two facts have the key {fact.key!r}")
            for field in sorted(compiled.fields.get(fact.kind, ())):
                _check(unit, fact, field)
            self._facts[fact.key] = fact

    def add(self, durable: DurableRule, keys: Mapping[str, str]) -> None:
        """Note that a durable rule fired for these facts (fact key by pattern alias)."""
        rule = self._rules[durable.rule]
        combination = tuple(keys[f"p{i}"] for i in range(len(rule.patterns)))
        key: Key = combination
        if not rule.single:
            bound = self._bound(rule, combination)
            key = tuple(
                self._unit.unit if field.name == "unit" else bound[field.pattern or ""][field.name]
                for field in rule.per
            )
        self._found[durable.rule][key][combination] = None

    def firings(self) -> list[Firing]:
        """Return what is violated by now, in no order."""
        return [
            Firing(
                rule=rule.id,
                unit=self._unit.unit,
                key=key,
                severity=self._severity(rule, combinations),
                facts=tuple(sorted(combinations)),
            )
            for rule, found in zip(self._rules, self._found, strict=True)
            for key, combinations in found.items()
            if len(combinations) >= rule.at_least
        ]

    def new_violations(self) -> list[Fact]:
        """Return the violation facts of what became violated since the last call, waived ones not.

        Their severity is that of the combinations known now.
        """
        news = []
        for rule, found in zip(self._rules, self._found, strict=True):
            for key, combinations in found.items() if rule.severity else ():
                if len(combinations) < rule.at_least or (rule.id, key) in self._told:
                    continue
                self._told.add((rule.id, key))
                fact = self._violation(rule, key, combinations)
                if (rule.id, key) not in self._unit.waived and fact.key not in self._facts:
                    news.append(fact)
        self._facts |= {fact.key: fact for fact in news}
        return sorted(news, key=lambda fact: fact.key)

    def _violation(
        self, rule: CompiledRule, key: Key, combinations: Iterable[tuple[str, ...]]
    ) -> Fact:
        severity = self._severity(rule, combinations)
        assert severity is not None
        found_on: FactFields = {}
        if rule.single:
            ((single,),) = combinations
            found_on = self._facts[single].fields
        return Fact(
            VIOLATION,
            violation_key(rule.id, key),
            {
                "rule": rule.id,
                "severity": severity.value,
                "clause": rule.clause,
                "unit": self._unit.unit,
                "requirement": found_on.get("requirement"),
                "period": found_on.get("period"),
                "period_no": found_on.get("period_no"),
            },
        )

    def _severity(
        self, rule: CompiledRule, combinations: Iterable[tuple[str, ...]]
    ) -> Level | None:
        bound = [self._bound(rule, combination) for combination in combinations]
        for level, condition in rule.severity:
            if any(evaluate(condition, fields.get("", {}), fields) for fields in bound):
                return level
        return None

    def _bound(self, rule: CompiledRule, combination: tuple[str, ...]) -> dict[str, FactFields]:
        """Return the fields by pattern name; an `on` rule's only pattern is called ''."""
        return {
            name: self._facts[key].fields
            for (name, _), key in zip(rule.patterns, combination, strict=True)
        }


def _check(unit: UnitFacts, fact: Fact, field: str) -> None:
    where = f"unit {unit.unit}: fact {fact.key!r} ({fact.kind})"
    if field not in fact.fields:
        raise InferenceFailed(f"{where} has no field {field!r}, which a rule names")
    value = fact.fields[field]
    if value is not None and not isinstance(value, int | str):
        raise InferenceFailed(
            f"{where}: {field} is {value!r}, a {type(value).__name__}; values are encoded as "
            "whole numbers and texts"
        )
    if isinstance(value, int) and abs(value) >= NUMBER_LIMIT:
        raise InferenceFailed(f"{where}: {field} is {value}, beyond ±{NUMBER_LIMIT - 1}")


def at_most(durable: DurableRule, by_kind: Mapping[str, Sequence[Fact]], enough: int) -> int:
    """Return a bound on the combinations that the engine would hold for a durable rule.

    Cheap where the facts are few; a closer look is taken only if the bound is over `enough`.
    """
    bound = 1
    for placed in durable.placed:
        bound *= len(by_kind.get(placed.kind, ()))
    if bound <= enough:
        return bound
    bound, largest = 1, 0
    for placed in durable.placed:
        alike: Counter[tuple[Value | None, ...]] = Counter(
            tuple(fact.fields[field] for field in placed.equals)
            for fact in by_kind.get(placed.kind, ())
            if evaluate(placed.own, {}, {placed.alias: fact.fields})
        )
        # A combination of the patterns before meets the facts of one key at most.
        bound *= max(alike.values(), default=0)
        largest = max(largest, bound)
    return largest
