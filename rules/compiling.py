"""Bound rules as durable_rules rulesets.

Every choice here keeps to the subset of durable_rules 2.0.28 that was seen to be right (DESIGN.md
§5; limits from its sources, `src/rules/*.c`):

- one durable rule per alternative of the disjunctive normal form; no `$or`, `$not`, `$nex`, `cap`;
- each pattern's tests stand in the order kind, own tests, tests against earlier patterns, and last
  `o = other.o`, which always holds: a false last join test reads past the heap;
- a pattern's join tests fit the engine's 32 expressions;
- at most 60 patterns of one kind in a ruleset: the engine's stack holds 64 tests that are true of
  one fact, and its tables of tests loop for ever when some 480 share a parent;
- at most 110 fields, two slots each: a fact has room for 250 properties;
- texts and kinds are integers, so that the engine never compares different types.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rules.alternatives import Alternative, alias_of, alternatives
from rules.checked import CheckedRule
from rules.compiled import (
    FIRST_TEXT_CODE,
    SENTINEL_KIND,
    SENTINEL_RULE,
    CompiledRule,
    CompiledRules,
    DurableRule,
    Phase,
    Placed,
    Ruleset,
    Slot,
)
from rules.conditions import (
    And,
    Compare,
    FieldRef,
    IsNull,
    Known,
    Literal,
    Not,
    Operator,
    Shifted,
    Value,
    fields,
)
from rules.facts import VIOLATION

MAX_PATTERNS_OF_A_KIND = 60
MAX_FIELDS = 110

# What a violation takes over from the fact it was found on; the rest of its fields the rule gives.
INHERITED = frozenset({"requirement", "period", "period_no"})

Json: TypeAlias = dict[str, "int | str | Json | list[Json]"]

_SIGNS = {
    Operator.NE: "$neq",
    Operator.LT: "$lt",
    Operator.LE: "$lte",
    Operator.GT: "$gt",
    Operator.GE: "$gte",
}


def compile_rules(rules: Sequence[CheckedRule]) -> CompiledRules:
    """Return the rules as rulesets of plain data; parameters must be bound.

    Raises CannotCompile, and ValueError where two rules have one id.
    """
    doubled = [name for name, count in Counter(rule.rule.id for rule in rules).items() if count > 1]
    if doubled:
        raise ValueError(f"rule ids occur twice: {', '.join(doubled)}")
    by_phase: dict[Phase, list[Alternative]] = {phase: [] for phase in Phase}
    for index, rule in enumerate(rules):
        by_phase[_phase(rule)].extend(alternatives(index, rule))
    all_kinds = sorted({pattern.on for rule in rules for pattern in rule.patterns})
    codes = _Codes({kind: code for code, kind in enumerate(all_kinds, SENTINEL_KIND + 1)}, {})
    compiled_rules = tuple(_compiled_rule(rule) for rule in rules)
    rulesets = tuple(
        _ruleset(phase, packed, codes)
        for phase, found in by_phase.items()
        for packed in _packed(phase, found)
    )
    needed = _needed(rules)
    content = (compiled_rules, rulesets, [(kind, sorted(needed[kind])) for kind in all_kinds])
    return CompiledRules(
        digest=hashlib.sha256(repr(content).encode()).hexdigest(),
        rules=compiled_rules,
        rulesets=rulesets,
        kinds=codes.kinds,
        texts=codes.texts,
        fields=needed,
        violation_fields=INHERITED & needed.get(VIOLATION, frozenset()),
    )


def _phase(rule: CheckedRule) -> Phase:
    if any(pattern.on == VIOLATION for pattern in rule.patterns):
        return Phase.CHAINED
    return Phase.ALONE if len(rule.patterns) == 1 else Phase.JOINED


def _compiled_rule(rule: CheckedRule) -> CompiledRule:
    return CompiledRule(
        id=rule.rule.id,
        clause=rule.rule.clause,
        single=rule.single,
        at_least=rule.rule.at_least,
        patterns=tuple((pattern.name or "", pattern.on) for pattern in rule.patterns),
        per=rule.per,
        severity=rule.severity,
    )


def _needed(rules: Iterable[CheckedRule]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for rule in rules:
        kinds = {pattern.name: pattern.on for pattern in rule.patterns}
        anchor = rule.patterns[rule.anchor].name
        for pattern in rule.patterns:
            found[pattern.on] |= set()
            for field in fields(pattern.condition):
                found[kinds[field.pattern or pattern.name]].add(field.name)
        for field in (
            *fields(rule.scope),
            *(field for _, condition in rule.severity for field in fields(condition)),
            *(field for field in rule.per if field.name != "unit"),
        ):
            found[kinds[field.pattern or anchor]].add(field.name)
    return {kind: frozenset(names) for kind, names in found.items()}


def _packed(phase: Phase, every: list[Alternative]) -> list[list[Alternative]]:
    """Spread the alternatives over rulesets within the engine's limits; lone patterns by kind."""
    groups: dict[str, list[list[Alternative]]] = defaultdict(list)
    for alternative in every:
        group = groups[next(iter(alternative.kinds.values())) if phase is Phase.ALONE else ""]
        if not group or not _fit([*group[-1], alternative]):
            group.append([])
        group[-1].append(alternative)
    return [packed for group in groups.values() for packed in group]


def _fit(together: list[Alternative]) -> bool:
    patterns = Counter(kind for one in together for kind in one.kinds.values())
    return max(patterns.values()) <= MAX_PATTERNS_OF_A_KIND and all(
        len(named) <= MAX_FIELDS for named in _tested(together).values()
    )


def _tested(together: Iterable[Alternative]) -> dict[str, dict[str, bool]]:
    """Return by kind the fields that are tested, and whether they may be unknown."""
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for one in together:
        for alias, kind in one.kinds.items():
            found[kind] |= {}
            for test in (*one.own[alias], *one.joins[alias]):
                for field in [test.field] if isinstance(test, Known) else fields(test):
                    of_kind = found[one.kinds[alias_of(field)]]
                    of_kind[field.name] = of_kind.get(field.name, False) or field.nullable
    return found


@dataclass(frozen=True, slots=True)
class _Codes:
    kinds: Mapping[str, int]
    texts: dict[str, int]

    def of(self, value: Value) -> int:
        """Return the integer that stands for a constant."""
        if isinstance(value, str):
            return self.texts.setdefault(value, FIRST_TEXT_CODE + len(self.texts))
        return int(value)


def _ruleset(phase: Phase, together: list[Alternative], codes: _Codes) -> Ruleset:
    slots = {
        kind: {
            name: Slot(name, f"f{i}", f"n{i}" if nullable else None)
            for i, (name, nullable) in enumerate(sorted(named.items()))
        }
        for kind, named in _tested(together).items()
    }
    text: Json = {
        f"r{i}": {"all": [_pattern(one, alias, slots, codes) for alias in one.kinds]}
        for i, one in enumerate(together)
    }
    text[SENTINEL_RULE] = {"all": [{"p0": {"$and": [{"k": SENTINEL_KIND}]}}]}
    return Ruleset(
        phase=phase,
        text=json.dumps(text, separators=(",", ":")),
        slots={kind: tuple(of_kind.values()) for kind, of_kind in slots.items()},
        durables=tuple(
            DurableRule(one.rule, tuple(_placed(one, alias) for alias in one.kinds))
            for one in together
        ),
    )


def _pattern(
    one: Alternative, alias: str, slots: Mapping[str, Mapping[str, Slot]], codes: _Codes
) -> Json:
    def slot(field: FieldRef) -> Slot:
        return slots[one.kinds[alias_of(field)]][field.name]

    tests: list[Json] = [{"k": codes.kinds[one.kinds[alias]]}]
    for test in one.own[alias]:
        match test:
            case Known(field, wanted):
                known = slot(field).known
                assert known is not None
                tests.append({known: int(wanted)})
            case Compare(field, operator, Literal(value)):
                tests.append(_test(operator, slot(field).value, codes.of(value)))
    for join in one.joins[alias]:
        assert isinstance(join.right, Shifted)
        other: Json = {alias_of(join.right.field): slot(join.right.field).value}
        if join.right.plus:
            other = {"$add": {"$l": other, "$r": codes.of(join.right.plus)}}
        tests.append(_test(join.operator, slot(join.left).value, other))
    first = next(iter(one.kinds))
    if alias != first:
        tests.append({"o": {first: "o"}})
    return {alias: {"$and": tests}}


def _test(operator: Operator, left: str, right: int | Json) -> Json:
    test: Json = {left: right}
    return test if operator is Operator.EQ else {_SIGNS[operator]: test}


def _placed(one: Alternative, alias: str) -> Placed:
    own = tuple(
        test
        if isinstance(test, Compare)
        else Not(IsNull(test.field))
        if test.wanted
        else IsNull(test.field)
        for test in one.own[alias]
    )
    return Placed(
        alias=alias,
        kind=one.kinds[alias],
        own=And(own),
        equals=tuple(join.left.name for join in one.joins[alias] if join.operator is Operator.EQ),
    )
