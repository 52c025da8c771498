"""Rules whose findings breed findings without end.

A rule with `on: violation` finds once for each violation; if its own finding is one it would find
again, a run never comes to rest.  Matches do: they find once for each value of `per`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from rules.checked import CheckedRule
from rules.conditions import (
    And,
    Compare,
    Condition,
    Constant,
    IsNull,
    Literal,
    Not,
    Or,
    Value,
    conjunction,
    evaluate,
)

Known = Mapping[str, Value | None]


def endless_chains(rules: Sequence[CheckedRule]) -> dict[str, tuple[str, ...]]:
    """Return each rule that may find its own findings again: its id, and the ids by way of which.

    What a violation says beside rule, severity and clause may be anything; so a chain that other
    fields would end is returned too.
    """
    chained = [rule for rule in rules if rule.single and rule.patterns[0].on == "violation"]
    follow = {
        rule.rule.id: [other.rule.id for other in chained if _may_find(other, rule)]
        for rule in chained
        if rule.severity
    }
    found: dict[str, tuple[str, ...]] = {}
    for start in follow:
        path = _way_back(start, follow)
        if path is not None:
            found[start] = path
    return found


def _way_back(start: str, follow: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """Return the rules between `start` and itself on the shortest way; None if there is no way."""
    ways: dict[str, tuple[str, ...]] = dict.fromkeys(follow[start], ())
    queue = list(ways)
    for each in queue:
        if each == start:
            return ways[each]
        for following in follow.get(each, ()):
            if following not in ways:
                ways[following] = (*ways[each], each)
                queue.append(following)
    return None


def _may_find(finder: CheckedRule, found: CheckedRule) -> bool:
    condition = conjunction(finder.scope, finder.patterns[0].condition)
    return any(
        True
        in _outcomes(
            condition,
            {"rule": found.rule.id, "clause": found.rule.clause, "severity": level},
        )
        for level, _ in found.severity
    )


def _outcomes(condition: Condition, known: Known) -> set[bool | None]:
    """Return the truth values that the condition may have when only `known` is known."""
    match condition:
        case Constant(value):
            return {value}
        case IsNull(field):
            if field.name in known:
                return {known[field.name] is None}
            return {True, False} if field.nullable else {False}
        case Compare(left, _, Literal()) if left.name in known:
            return {evaluate(condition, known)}
        case Compare():
            return {True, False, None}
        case Not(part):
            return {None if each is None else not each for each in _outcomes(part, known)}
        case And(parts) | Or(parts):
            join = And if isinstance(condition, And) else Or
            outcomes = _outcomes(parts[0], known)
            for part in parts[1:]:
                pairs = product(outcomes, _outcomes(part, known))
                outcomes = {
                    evaluate(join((Constant(one), Constant(two))), {}) for one, two in pairs
                }
            return outcomes
