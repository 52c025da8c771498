"""What a rule's message may speak of: the fact in words, the plan, the clause, the unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rules.catalogue import KINDS, FieldType
from rules.checked import CheckedRule
from rules.conditions import Value
from rules.vocabulary import Basis
from supervision.domain.ledger_rows import SCALE
from supervision.domain.pack import Pack
from supervision.domain.periods import parse_period
from supervision.domain.plan import Clause, Requirement
from supervision.services.load_rules import params_on

Fields = Mapping[str, Value | None]

_BASIS = {
    Basis.EXPLICIT: "原文明示",
    Basis.IMPLIED: "由原文推定",
    Basis.CONFIGURED: "督查部门设定",
}

REQUIREMENT_FIELDS = ("requirement", "mismatched", "fell_in")
CLAUSE_FIELDS = ("uncovered", "unmentioned")
"""Fields that hold ids, for a message to name what they stand for."""


@dataclass(frozen=True)
class FactInWords:
    """A whole fact with its kind and key."""

    kind: str
    key: str
    fields: Fields


def decoded(kind: str, fields: Fields) -> dict[str, Any]:
    """Return a fact's fields as a person reads them: dates, decimals and booleans themselves."""
    types = KINDS[kind]
    return {name: _decoded(types[name].type, value) for name, value in fields.items()}


def _decoded(type_: FieldType, value: Value | None) -> Any:
    if value is None or isinstance(value, str):
        return value
    match type_:
        case FieldType.BOOL:
            return bool(value)
        case FieldType.DATE:
            return date.fromordinal(value)
        case FieldType.DECIMAL:
            return Decimal(value) / SCALE
    return value


def period_label(period: object) -> str:
    """Return a period as letters write it; what is no period stays as it is."""
    try:
        return parse_period(str(period)).label
    except ValueError:
        return str(period)


def item_title(requirement: Requirement, period: str) -> str:
    """Return what an obligation is called in mails and lists: the duty, and its period."""
    return f"{requirement.title}（{period_label(period)}）"


def basis_of(pack: Pack, rule: CheckedRule) -> str:
    """Return on what a finding rests: the plan, the clause, and what the office itself set."""
    clause = _clause(pack, rule.rule.clause)
    if clause is None:
        return f"《{pack.plan.title}》（{_BASIS[rule.rule.basis]}）"
    stated = _BASIS[rule.rule.basis]
    requirement = _requirement(pack, rule.rule.requirement)
    if requirement is not None and requirement.due_basis is not rule.rule.basis:
        stated += f"，时限系{_BASIS[requirement.due_basis]}"
    return f"《{pack.plan.title}》{clause.path}（{stated}）"


def _clause(pack: Pack, identifier: str | None) -> Clause | None:
    return next((each for each in pack.plan.clauses if each.id == identifier), None)


def _requirement(pack: Pack, identifier: object) -> Requirement | None:
    return next((each for each in pack.plan.requirements if each.id == identifier), None)


def message_context(
    rule: CheckedRule,
    facts: Sequence[FactInWords],
    *,
    pack: Pack,
    unit: str,
    as_of: datetime,
    original_due_on: date | None,
    combinations: int,
) -> dict[str, Any]:
    """Return the names a message may use; `facts` of a match stand in pattern order, first match.

    `as_of` is shown as a date of the plan's zone (the caller converts).
    """
    context: dict[str, Any] = {}
    described = [_in_words(pack, fact) for fact in facts]
    if rule.single and described:
        context.update(described[0])
    else:
        names = [pattern.name for pattern in rule.patterns]
        context["count"] = combinations
        context |= {
            name: each for name, each in zip(names, described, strict=False) if name is not None
        }
    known = pack.unit(unit)
    context["unit"] = {"code": known.code, "name": known.name, "category": known.category}
    clause = _clause(pack, rule.rule.clause)
    if clause is not None:
        context["clause"] = clause.model_dump(include={"id", "path", "title", "text"})
    requirement = _requirement(
        pack, rule.rule.requirement or (facts[0].fields.get("requirement") if facts else None)
    )
    if requirement is not None:
        context["requirement"] = {"id": requirement.id, "title": requirement.title}
    context["params"] = params_on(pack.plan, as_of.date())
    context["as_of"] = as_of.date()
    context["original_due_on"] = original_due_on
    context["basis"] = basis_of(pack, rule)
    context["plan"] = {"title": pack.plan.title, "year": pack.plan.year}
    context["facts"] = described
    return context


def _in_words(pack: Pack, fact: FactInWords) -> dict[str, Any]:
    words = decoded(fact.kind, fact.fields)
    for name in REQUIREMENT_FIELDS:
        requirement = _requirement(pack, words.get(name))
        if requirement is not None:
            words[name] = {"id": requirement.id, "title": requirement.title}
    for name in CLAUSE_FIELDS:
        if words.get(name) is not None:
            named = [_clause(pack, each) for each in words[name].split(",")]
            words[name] = [
                each.model_dump(include={"id", "path", "title"}) for each in named if each
            ]
    if fact.fields.get("period") is not None:
        words["period"] = period_label(fact.fields["period"])
    return words
