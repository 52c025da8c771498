"""A rule in plain Chinese, with its clause and the parameters it is measured by."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from rules.catalogue import KINDS, FieldType, Table
from rules.checked import CheckedRule
from rules.conditions import ALWAYS, Condition, Value
from rules.field_names import CHOICES, KIND_NAMES
from rules.labels import WORDS
from rules.nodes import did_you_mean
from rules.printing import to_text
from rules.reading import PATTERN_NAMES, Words, read, words_of_match
from supervision.domain.ledger_rows import encode_number
from supervision.domain.pack import Pack
from supervision.domain.plan import ParamValue, Plan
from supervision.errors import NotFound
from supervision.services.explain_models import (
    ClausePart,
    ConditionPart,
    ParameterPart,
    PatternPart,
    RuleExplanation,
    RulePart,
    StepPart,
)
from supervision.services.load_rules import (
    load_whole_pack,
    param_types,
    params_on,
    stored_rules,
)
from supervision.store.plans import Adopted
from supervision.store.session import Session


def explain_rules_of_pack(folder: Path, rule: str | None) -> list[RuleExplanation]:
    """Return the rules of the pack in `folder`, drafts too, or the one named.  Faults; NotFound."""
    loaded = load_whole_pack(folder)
    day = date(loaded.pack.plan.year, 12, 31)
    return _explained(loaded.pack, loaded.rules, rule, ruleset=loaded.ruleset, on=day)


def explain_rules_in_force(
    session: Session, adopted: Adopted, rule: str | None, *, on: date
) -> list[RuleExplanation]:
    """Return the published rules of the adopted plan, or the one named.  NotFound."""
    rules = stored_rules(session, adopted, adopted.ruleset)
    return _explained(adopted.pack, rules, rule, ruleset=adopted.ruleset, on=on)


def _explained(
    pack: Pack, rules: Sequence[CheckedRule], rule: str | None, *, ruleset: str, on: date
) -> list[RuleExplanation]:
    chosen = list(rules) if rule is None else [_named(pack, rules, rule)]
    params = encoded_params(pack.plan, on)
    requirements = {each.id: each.title for each in pack.plan.requirements}
    return [
        RuleExplanation(
            rule=rule_part(each, pack, params, ruleset=ruleset),
            clause=clause_part(pack, each, None),
            requirement=each.rule.requirement,
            requirement_title=requirements.get(each.rule.requirement or ""),
            parameters=parameters_of(pack.plan, dict.fromkeys(each.params, "规则的条件"), on),
        )
        for each in chosen
    ]


def _named(pack: Pack, rules: Sequence[CheckedRule], rule: str) -> CheckedRule:
    by_id = {each.rule.id: each for each in rules}
    folded = {name.casefold(): name for name in by_id}
    found = by_id.get(folded.get(unicodedata.normalize("NFKC", rule).strip().casefold(), ""))
    if found is None:
        hint = did_you_mean(rule, by_id) or (
            f"; `supervision rules explain` without RULE lists its {len(by_id)} rules"
        )
        raise NotFound(f"no rule {rule!r} in plan '{pack.plan.plan}'{hint}")
    return found


def encoded_params(plan: Plan, day: date) -> dict[str, Value]:
    """Return the parameters in force on a day as conditions compare them."""
    types = param_types(plan)
    found: dict[str, Value] = {}
    for name, value in params_on(plan, day).items():
        if isinstance(value, str):
            found[name] = value
        elif types[name] is FieldType.DECIMAL:
            found[name] = encode_number(value)
        else:
            found[name] = int(value)
    return found


# --- Words ---------------------------------------------------------------------------------------


def names_in(pack: Pack, rules: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
    """Return by field what its values stand for in this plan."""
    requirements = {each.id: f"“{each.title}”（{each.id}）" for each in pack.plan.requirements}
    clauses = {each.id: f"{each.path}（{each.title}）" for each in pack.plan.clauses}
    by_field = {
        "requirement": requirements,
        "mismatched": requirements,
        "fell_in": requirements,
        "clause": clauses,
        "unit": {unit.code: unit.name for unit in pack.units},
        "unit_category": {unit.category: unit.category for unit in pack.units},
    }
    if rules:
        by_field["rule"] = {name: f"“{title}”（{name}）" for name, title in rules.items()}
    return by_field


def words_for(
    rule: CheckedRule, pack: Pack, params: Mapping[str, Value], own: int | None = None
) -> Words:
    """Return the words for one of a rule's patterns; None: all stand qualified (severity)."""
    patterns = [(pattern.name, Table(pattern.on, KINDS[pattern.on])) for pattern in rule.patterns]
    unit = next(
        (
            each.target.unit
            for each in pack.plan.requirements
            if each.id == rule.rule.requirement and each.target is not None
        ),
        "",
    )
    words = Words({}, params=params, names=names_in(pack), target_unit=unit)
    return words_of_match(words, patterns, rule.anchor if own is None else own)


def condition_part(condition: Condition, words: Words) -> ConditionPart | None:
    """Return a condition as written and read; None for one that always holds."""
    if condition == ALWAYS:
        return None
    return ConditionPart(
        text=to_text(condition, fields=words.fields, other_patterns=words.others),
        reading=read(condition, words),
    )


# --- Parts ---------------------------------------------------------------------------------------


def rule_part(
    rule: CheckedRule, pack: Pack, params: Mapping[str, Value], *, ruleset: str | None
) -> RulePart:
    """Return a rule with every condition as written and in Chinese."""
    document = rule.rule
    patterns = []
    for at, pattern in enumerate(rule.patterns):
        words = words_for(rule, pack, params, at)
        patterns.append(
            PatternPart(
                name=pattern.name,
                called=None if rule.single else PATTERN_NAMES[at],
                kind=pattern.on,
                kind_name=KIND_NAMES[pattern.on],
                condition=condition_part(pattern.condition, words),
            )
        )
    words = words_for(rule, pack, params)
    scope = condition_part(rule.scope, words)
    severity = [
        StepPart(
            level=level.value,
            level_name=CHOICES[level.value],
            when=condition_part(condition, words),
        )
        for level, condition in rule.severity
    ]
    per = [_per(rule, field.name) for field in rule.per]
    outcome = "finding" if rule.severity else "notice" if document.notice else "escalation"
    return RulePart(
        id=document.id,
        title=document.title,
        basis=document.basis.value,
        basis_name=WORDS["basis"][document.basis.value],
        status=document.status.value,
        file=rule.source.file,
        line=rule.source.line,
        sentence=_sentence(rule, scope, patterns, severity),
        scope=scope,
        patterns=patterns,
        at_least=document.at_least,
        per=per,
        severity=severity,
        outcome=outcome,
        review=document.review.value,
        rectify_within=document.rectify_within,
        message=document.message,
        remedy=document.remedy,
        digest=rule.digest,
        ruleset=ruleset,
    )


def _per(rule: CheckedRule, name: str) -> str:
    field = KINDS[rule.patterns[rule.anchor].on][name]
    return {"unit": "单位", "period": "期间", "requirement": "要求事项", "clause": "条款"}.get(
        name, field.meaning
    )


def _sentence(
    rule: CheckedRule,
    scope: ConditionPart | None,
    patterns: Sequence[PatternPart],
    severity: Sequence[StepPart],
) -> str:
    where = f"适用于{scope.reading}的事项：" if scope is not None else ""
    if rule.single:
        condition = patterns[0].condition
        text = f"{where}{condition.reading if condition else '一律'}"
    else:
        told = [
            f"{each.called}是{each.kind_name}，{each.condition.reading}"
            if each.condition
            else f"{each.called}是{each.kind_name}"
            for each in patterns
        ]
        if len(patterns) == 1:
            text = f"同一单位有{rule.rule.at_least}个以上（含）这样的事实：{told[0]}"
        else:
            text = f"同一单位同时有{len(patterns)}个不同的事实：{'；'.join(told)}"
            if rule.rule.at_least > 1:
                text += f"；这样的组合达到{rule.rule.at_least}组"
        if scope is not None:
            text += f"（{PATTERN_NAMES[rule.anchor]}另须：{scope.reading}）"
    return f"{text}。{_consequence(rule, severity)}"


def _consequence(rule: CheckedRule, severity: Sequence[StepPart]) -> str:
    document = rule.rule
    if document.notice is not None:
        posts = "、".join(WORDS["post"][post.value] for post in document.notice.to)
        kind = WORDS["notice kind"][document.notice.kind.value]
        return f"符合的，向{posts}发{kind}。"
    if document.escalate is not None:
        return f"符合的，建议升级为{document.escalate.level}，由有权的人决定。"
    steps = [
        f"{each.when.reading}的为{each.level_name}" if each.when else each.level_name
        for each in severity
    ]
    ladder = f"{'；'.join(steps[:-1])}；其余为{steps[-1]}" if steps[1:] else steps[-1]
    return f"符合的，即为问题，程度：{ladder}。"


def clause_part(pack: Pack, rule: CheckedRule, stored_text: str | None) -> ClausePart | None:
    """Return the clause a rule cites; `stored_text` is the text as a finding kept it."""
    clause = next((each for each in pack.plan.clauses if each.id == rule.rule.clause), None)
    if clause is None:
        return None
    return ClausePart(
        id=clause.id,
        path=clause.path,
        title=clause.title,
        text=stored_text or clause.text,
        plan_title=pack.plan.title,
        basis=WORDS["basis"][rule.rule.basis.value],
    )


def _param_shown(value: ParamValue) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value)


def parameters_of(plan: Plan, uses: Mapping[str, str], day: date) -> list[ParameterPart]:
    """Return parameters by name with what each was on a day, since when, and who says so."""
    found = []
    for name in sorted(uses):
        try:
            dated = plan.param(name, on=day)
        except LookupError:
            continue
        shown = _param_shown(dated.value)
        found.append(
            ParameterPart(
                name=name,
                value=shown,
                since=dated.since,
                reference=dated.reference,
                use=uses[name],
            )
        )
    return found
