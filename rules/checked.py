"""Rules after checking: conditions are typed trees and every default is spelled out.

`rules.checking` builds them; lowering, inference, the oracle and explanations read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rules.conditions import Condition, FieldRef, Value, bind
from rules.vocabulary import Level

if TYPE_CHECKING:  # worker processes read checked rules' parts without loading pydantic
    from rules.document import Rule


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule stands: file and 1-based line of its first key."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class CheckedPattern:
    """One fact of a rule.

    Own fields are unqualified in `condition`; those of the match's other patterns carry
    `FieldRef.pattern`.  `name` is None for the only pattern of an `on` rule.
    """

    name: str | None
    on: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """A rule whose every condition has been parsed and type-checked.

    scope     evaluated on the anchor pattern's fact (own fields, unqualified); ALWAYS if none;
              it carries the implicit scope of `requirement` and `not companion`
    severity  the first step whose condition is TRUE counts, the last is ALWAYS; empty for a
              notice or an escalation; for a match the fields carry the pattern's name
    anchor    index of the pattern that `per` names, else 0
    per       what one finding of a match stands for; () for an `on` rule (one per fact)
    digest    sha256 of the rule's canonical JSON
    """

    rule: Rule
    source: Source
    digest: str
    scope: Condition
    patterns: tuple[CheckedPattern, ...]
    severity: tuple[tuple[Level, Condition], ...]
    anchor: int
    per: tuple[FieldRef, ...]
    params: frozenset[str]
    single: bool
    second_pass: bool


def bind_rule(checked: CheckedRule, params: Mapping[str, Value]) -> CheckedRule:
    """Return the rule with its parameters replaced by encoded values.

    A parameter without a value is a KeyError.
    """
    return replace(
        checked,
        scope=bind(checked.scope, params),
        patterns=tuple(
            replace(pattern, condition=bind(pattern.condition, params))
            for pattern in checked.patterns
        ),
        severity=tuple((level, bind(condition, params)) for level, condition in checked.severity),
    )
