"""The conditions of a rule marked true, false and unknown on the facts that it holds of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rules.checked import CheckedRule
from rules.conditions import ALWAYS, Condition, FactFields, Value
from rules.facts import Fact
from rules.field_names import CHOICES
from rules.marking import Branch, mark
from rules.reading import PATTERN_NAMES, Words
from supervision.domain.pack import Pack
from supervision.services.explain_models import BranchPart, CombinationPart, MarkedPart
from supervision.services.explain_rule import names_in, words_for


def combination_part(
    rule: CheckedRule,
    facts: Sequence[Fact],
    pack: Pack,
    params: Mapping[str, Value],
    rule_titles: Mapping[str, str],
) -> CombinationPart:
    """Return the rule's conditions marked; `facts` stand in the order of its patterns."""
    others: dict[str, FactFields] = {
        pattern.name: fact.fields
        for pattern, fact in zip(rule.patterns, facts, strict=True)
        if pattern.name is not None
    }

    def words(own: int | None) -> Words:
        return replace(words_for(rule, pack, params, own), names=names_in(pack, rule_titles))

    def marked(of: str, condition: Condition, own: int) -> MarkedPart:
        branch = mark(condition, words(own), facts[own].fields, others)
        return MarkedPart(of=of, branch=branch_part(branch), chosen=None)

    conditions = []
    if rule.scope != ALWAYS:
        of = "适用范围" if rule.single else f"适用范围（{PATTERN_NAMES[rule.anchor]}）"
        conditions.append(marked(of, rule.scope, rule.anchor))
    for at, pattern in enumerate(rule.patterns):
        if pattern.condition != ALWAYS:
            of = "条件" if rule.single else f"{PATTERN_NAMES[at]}的条件"
            conditions.append(marked(of, pattern.condition, at))
    chosen = False
    for level, condition in rule.severity:
        step = marked(f"程度：{CHOICES[level.value]}", condition, rule.anchor)
        holds = not chosen and step.branch.value is True
        chosen = chosen or holds
        if condition == ALWAYS:
            of, reading = step.of, "其余情形" if len(rule.severity) > 1 else "一律"
            step = MarkedPart(
                of=of, branch=step.branch.model_copy(update={"reading": reading}), chosen=None
            )
        conditions.append(step.model_copy(update={"chosen": holds}))
    return CombinationPart(facts=[fact.key for fact in facts], conditions=conditions)


def branch_part(branch: Branch) -> BranchPart:
    """Return a marked condition as the contract states it."""
    return BranchPart(
        text=branch.text,
        reading=branch.reading,
        value=branch.value,
        actual=branch.actual,
        children=[branch_part(child) for child in branch.children],
    )
