"""Believable values for what a draft case does not test but its message needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from rules.catalogue import KINDS, FieldType
from rules.checked import CheckedRule
from rules.conditions import Value
from rules.resolving import Said
from supervision.domain.ledger_rows import SCALE
from supervision.domain.pack import Pack
from supervision.services.wording import CLAUSE_FIELDS, REQUIREMENT_FIELDS

_LARGER = frozenset({"mismatched_claim", "fell_from", "late_node_on"})
"""Fields that a message sets against another, which is less."""

Fields = Mapping[str, Value | None]

_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?")


def wanted_by_message(rule: CheckedRule, at: int) -> list[str]:
    """Return the fields of a pattern that may be unknown and that message or remedy name."""
    pattern = rule.patterns[at]
    named = set(_NAME.findall(f"{rule.rule.message or ''} {rule.rule.remedy or ''}"))
    prefix = "" if pattern.name is None else f"{pattern.name}."
    return [
        name
        for name, field in KINDS[pattern.on].items()
        if field.nullable
        and any(each == f"{prefix}{name}" or each.startswith(f"{prefix}{name}.") for each in named)
    ]


def sample(name: str, kind: str, fields: Fields, pack: Pack) -> Value:
    """Return a value for a field of which nothing is known."""
    field = KINDS[kind][name]
    if name in REQUIREMENT_FIELDS:
        target = [each.id for each in pack.plan.requirements if each.target is not None]
        return (target or [each.id for each in pack.plan.requirements])[0]
    if name in CLAUSE_FIELDS:
        return pack.plan.clauses[-1].id
    more = int(name in _LARGER)
    match field.type:
        case FieldType.DATE:
            due = fields.get("due_on")
            day = due if isinstance(due, int) else date(pack.plan.year, 12, 31).toordinal()
            return day + more
        case FieldType.DECIMAL:
            return SCALE * (1 + more)
        case FieldType.INT | FieldType.BOOL:
            return 1
        case FieldType.CHOICE:
            return field.choices[0]
    return "示例"


def derived(kind: str, fields: Fields, said: Said) -> Said:
    """Return what follows from a target's differences: the number reached, and that claimed."""
    if kind != "target":
        return {}
    found: dict[str, Value | None] = {}

    def number(name: str) -> int | None:
        value = said.get(name)
        return value if isinstance(value, int) else None

    whole = {name: fields.get(name) for name in ("target", "low", "high")}
    target, low, high = (value if isinstance(value, int) else 0 for value in whole.values())
    value = number("value")
    gap, short, over, share = (
        number(name) for name in ("gap", "shortfall", "excess", "attainment")
    )
    if "value" not in said:
        if gap is not None:
            value = target - gap
        elif short:
            value = low - short
        elif over:
            value = high + over
        elif share is not None:
            value = target * share // SCALE
        if value is not None and value >= 0:
            found["value"] = value
    difference = number("claim_gap")
    if "claimed" not in said and difference is not None:
        value = value if value is not None else target
        if value + difference >= 0:
            found |= {"value": value, "claimed": value + difference}
    return {name: each for name, each in found.items() if name not in said}
