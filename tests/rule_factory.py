"""Checked rules and facts for tests, built from condition trees without the parser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.checked import CheckedPattern, CheckedRule, Source
from rules.conditions import (
    ALWAYS,
    Compare,
    Condition,
    FieldRef,
    Literal,
    Operator,
    Shifted,
    Value,
)
from rules.document import Rule
from rules.facts import VIOLATION, Fact, UnitFacts
from rules.vocabulary import Level

SOURCE = Source("rules/test.yaml", 1)
MAJOR = ((Level.MAJOR, ALWAYS),)

Severity = tuple[tuple[Level, Condition], ...]


def field(name: str, pattern: str | None = None, *, nullable: bool = False) -> FieldRef:
    return FieldRef(name, nullable, pattern)


def unsure(name: str, pattern: str | None = None) -> FieldRef:
    """A field that may be unknown."""
    return FieldRef(name, True, pattern)


def compare(left: FieldRef | str, operator: str, right: Value | FieldRef, plus: int = 0) -> Compare:
    ref = field(left) if isinstance(left, str) else left
    operand = Shifted(right, plus) if isinstance(right, FieldRef) else Literal(right)
    return Compare(ref, Operator(operator), operand)


def _document(rule: str, **keys: Any) -> Rule:
    return Rule.model_validate({"id": rule, "title": "试行规则", **keys})


def an_on_rule(
    rule: str = "late",
    *,
    on: str = "report",
    when: Condition = ALWAYS,
    scope: Condition = ALWAYS,
    severity: Severity = MAJOR,
    clause: str | None = "T02",
) -> CheckedRule:
    """A rule over one fact; without severity it is a notice."""
    outcome: dict[str, Any] = {
        "notice": {"ladder": "report", "step": "R1", "kind": "pre_due", "to": ("liaison",)}
    }
    if severity:
        outcome = {"severity": ({"level": "major"},), "message": "逾期"}
    return CheckedRule(
        rule=_document(rule, on=on, when="TRUE", clause=clause, **outcome),
        source=SOURCE,
        digest=rule,
        scope=scope,
        patterns=(CheckedPattern(None, on, when),),
        severity=severity,
        anchor=0,
        per=(),
        params=frozenset(),
        single=True,
        second_pass=not severity,
    )


def a_match(
    rule: str = "twice",
    *,
    patterns: Mapping[str, tuple[str, Condition]],
    scope: Condition = ALWAYS,
    severity: Severity = MAJOR,
    at_least: int = 1,
    anchor: int = 0,
    per: tuple[str, ...] = ("unit",),
    clause: str | None = "T02",
) -> CheckedRule:
    """A rule over several facts of one unit: patterns are name -> (kind, condition)."""
    names = list(patterns)
    return CheckedRule(
        rule=_document(
            rule,
            match={name: {"on": kind} for name, (kind, _) in patterns.items()},
            at_least=at_least,
            clause=clause,
            severity=({"level": "major"},),
            message="多次",
        ),
        source=SOURCE,
        digest=rule,
        scope=scope,
        patterns=tuple(CheckedPattern(name, *pattern) for name, pattern in patterns.items()),
        severity=severity,
        anchor=anchor,
        per=tuple(FieldRef(name, name != "unit", names[anchor]) for name in per),
        params=frozenset(),
        single=False,
        second_pass=False,
    )


def over_violations(rule: str = "systemic", *, at_least: int = 3, **keys: Any) -> CheckedRule:
    """The rule that counts the run's own findings."""
    hit = (VIOLATION, compare("severity", "=", "major"))
    keys.setdefault("severity", ((Level.CRITICAL, ALWAYS),))
    return a_match(rule, patterns={"hit": hit}, at_least=at_least, **keys)


def a_fact(key: str, kind: str = "report", **fields: Value | None) -> Fact:
    return Fact(kind, key, fields)


def a_unit(*facts: Fact, unit: str = "A", **keys: Any) -> UnitFacts:
    return UnitFacts(unit, facts, **keys)
