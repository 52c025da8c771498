"""The parts of a checked rule as short texts, (key, text) each: for reading, and to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rules.catalogue import KINDS, table_of
from rules.checked import CheckedRule
from rules.conditions import ALWAYS, Condition
from rules.printing import to_text
from rules.reading import Words, read, words_of_match

Texts = Sequence[tuple[str, str]]


def condition_texts(rule: CheckedRule) -> Texts:
    """Return the scope and each pattern's condition as SQL text, what always holds left out."""
    return [(key, text_of(rule, condition, own)) for key, condition, own in _conditions(rule)]


def condition_readings(rule: CheckedRule) -> Texts:
    """Return the same conditions in plain Chinese; a match's facts are called 甲, 乙 …"""
    patterns = [(pattern.name, table_of(pattern.on)) for pattern in rule.patterns]
    names = [name for name, _ in patterns]
    words = Words(fields={})
    return [
        (key, read(condition, words_of_match(words, patterns, names.index(own))))
        for key, condition, own in _conditions(rule)
    ]


def _conditions(rule: CheckedRule) -> list[tuple[str, Condition, str | None]]:
    anchor = rule.patterns[rule.anchor].name
    found = [("scope", rule.scope, anchor)]
    for pattern in rule.patterns:
        key = "when" if pattern.name is None else f"match.{pattern.name}.when"
        found.append((key, pattern.condition, pattern.name))
    return [each for each in found if each[1] != ALWAYS]


def text_of(rule: CheckedRule, condition: Condition, own: str | None) -> str:
    """Return a condition of the rule whose unqualified fields are those of pattern `own`."""
    kinds = {pattern.name: pattern.on for pattern in rule.patterns}
    return to_text(
        condition,
        fields=KINDS[kinds[own]] if own in kinds else {},
        other_patterns={name: table_of(kind) for name, kind in kinds.items() if name is not None},
    )


def severity_text(rule: CheckedRule) -> Texts:
    """Return the ladder as one text: `critical: days_overdue >= 20; major`."""
    own = None if rule.single else ""
    steps = [
        level.value if step == ALWAYS else f"{level.value}: {text_of(rule, step, own)}"
        for level, step in rule.severity
    ]
    return [("severity", "; ".join(steps))] if steps else []


def kinds_text(rule: CheckedRule) -> str:
    """Return what the rule's facts are: `report`, or `first: report, second: target`."""
    return ", ".join(
        pattern.on if pattern.name is None else f"{pattern.name}: {pattern.on}"
        for pattern in rule.patterns
    )


def grouping_text(rule: CheckedRule, names: Mapping[str, str]) -> Texts:
    """Return what one finding of a match stands for and how many combinations make it."""
    if rule.single:
        return []
    per = [
        str(field)
        if field.name == "unit"
        else str(replace(field, pattern=names.get(field.pattern or "", field.pattern)))
        for field in rule.per
    ]
    listed = ["unit" if name.endswith(".unit") else name for name in per]
    return [("per", ", ".join(listed)), ("at_least", str(rule.rule.at_least))]


def outcome_text(rule: CheckedRule) -> Texts:
    """Return what follows when the rule holds; recipients in their order by name."""
    notice, escalate = rule.rule.notice, rule.rule.escalate
    if notice is not None:
        keys = {
            "outcome": "notice",
            "ladder": notice.ladder,
            "step": notice.step,
            "kind": notice.kind.value,
            "to": ", ".join(sorted({post.value for post in notice.to})),
            "cc": ", ".join(sorted({post.value for post in notice.cc})),
            "urgent": "true" if notice.urgent else "",
        }
    elif escalate is not None:
        keys = {
            "outcome": "escalate",
            "level": escalate.level,
            "letter": escalate.letter or "",
            "propose_card": escalate.propose_card or "",
            "decided_by": escalate.decided_by,
        }
    else:
        keys = {"outcome": "finding"}
    return [(key, text) for key, text in keys.items() if text]


def handling_text(rule: CheckedRule) -> Texts:
    """Return how its findings are handled and how many are believed."""
    document = rule.rule
    keys = {
        "review": document.review.value,
        "rectify_within": document.rectify_within,
        "max_findings": document.max_findings,
        "max_notices": document.max_notices,
    }
    return [(key, str(value)) for key, value in keys.items() if value is not None]


def binding_text(rule: CheckedRule) -> Texts:
    """Return what of the plan the rule stands on."""
    document = rule.rule
    keys = {
        "clause": document.clause,
        "requirement": document.requirement,
        "basis": document.basis.value,
    }
    return [(key, value) for key, value in keys.items() if value is not None]


def wording_text(rule: CheckedRule) -> Texts:
    """Return what people read: title, message, remedy ('' for none)."""
    document = rule.rule
    return [
        ("title", document.title),
        ("message", document.message or ""),
        ("remedy", document.remedy or ""),
    ]
