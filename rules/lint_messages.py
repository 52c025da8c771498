"""Checks of messages: values that may be unknown, names that are not given, braces that print."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.catalogue import KINDS, OBLIGATION_KINDS
from rules.conditions import FieldRef, Known
from rules.linting import Linted, Remark, Ruleset, Use
from rules.rule_conditions import MESSAGE_NAMES
from rules.vocabulary import LintCheck

_SINGLE = re.compile(r"(?<!\{)\{\s*([a-z_][a-z0-9_]*)(?:\.[a-z0-9_.]*)?\s*\}(?!\})")
# Given to every message, and never unknown.
_ALWAYS = frozenset({"unit", "params", "as_of", "basis", "plan", "facts"})


def message_unknown_field(ruleset: Ruleset) -> Iterator[Remark]:
    """Messages that print what may be unknown while the rule holds, or what is not given at all."""
    if ruleset.uses is None:
        return
    for each in ruleset.rules:
        for key in ("message", "remedy"):
            text = each.node.text(key)
            if text is None:
                continue
            told: set[str] = set()
            for use in ruleset.uses(text):
                why = _missing(each, use)
                name = ".".join(use[0])
                if why is not None and name not in told:
                    told.add(name)
                    yield each.remark(
                        LintCheck.MESSAGE_UNKNOWN_FIELD, f"{key} 用到 {name}，{why}", key
                    )


def message_single_braces(ruleset: Ruleset) -> Iterator[Remark]:
    """Messages with { days_overdue }: it is printed as it stands."""
    for each in ruleset.rules:
        names = set(MESSAGE_NAMES) | {pattern.name for pattern in each.rule.patterns}
        names |= {field for pattern in each.rule.patterns for field in KINDS[pattern.on]}
        for key in ("message", "remedy"):
            for found in _SINGLE.finditer(each.node.text(key) or ""):
                if found[1] in names:
                    inner = found[0].strip("{ }")
                    text = f"{key} 中的 {found[0]} 会原样印出；要印出它的值，写 {{{{ {inner} }}}}"
                    yield each.remark(LintCheck.MESSAGE_SINGLE_BRACES, text, key)


def _missing(each: Linted, use: Use) -> str | None:
    """Return why a value may be missing when the rule holds; None where it cannot be."""
    path, known = use
    rule = each.rule
    name = path[0]
    if name in _ALWAYS:
        return None
    patterns = {pattern.name: pattern.on for pattern in rule.patterns}
    if name in patterns:
        return _of_a_pattern(each, path, known, patterns[name])
    if name == "clause" and rule.rule.clause is not None:
        return None
    if name == "requirement" and rule.rule.requirement is not None:
        return None
    kind = rule.patterns[0].on
    if not rule.single:
        return _of_a_match(name, kind)
    if name == "clause":
        return None if len(path) == 1 and name in KINDS[kind] else "而规则没有写 clause"
    if name == "original_due_on":
        return None if kind in OBLIGATION_KINDS else f"而 {kind} 没有原定时限"
    if name not in KINDS[kind]:
        return f"而 {kind} 没有这个值" if name in MESSAGE_NAMES else None
    return _may_be_unknown(each, name, None, known)


def _of_a_match(name: str, kind: str) -> str | None:
    if name == "count":
        return None
    if name == "requirement":
        given = kind in OBLIGATION_KINDS
        return None if given else "而规则没有写 requirement"
    return (
        "而规则没有写 clause" if name == "clause" else "而 match 规则没有这个值；写明是哪个模式的"
    )


def _of_a_pattern(
    each: Linted, path: tuple[str, ...], known: frozenset[tuple[str, ...]], kind: str
) -> str | None:
    if kind not in OBLIGATION_KINDS and not each.rule.second_pass:
        return "而消息里只有督查事项，没有本次发现的问题"
    if len(path) == 1 or path[1] not in KINDS[kind]:
        return None
    return _may_be_unknown(each, path[1], path[0], known)


def _may_be_unknown(
    each: Linted, name: str, pattern: str | None, known: frozenset[tuple[str, ...]]
) -> str | None:
    own = {one.name: one.on for one in each.rule.patterns}
    if not KINDS[own[pattern]][name].nullable:
        return None
    guards = [ref for ref in (_field(each, guard) for guard in known) if ref is not None]
    asked = Known(FieldRef(name, True, pattern), False)
    if not each.space.possible(each.whole(), asked, *(Known(ref, True) for ref in guards)):
        return None
    return "规则成立时它可能未知；先判断 is not none，或在条件中写明 is not null"


def _field(each: Linted, path: tuple[str, ...]) -> FieldRef | None:
    own = {one.name: one.on for one in each.rule.patterns}
    pattern, name = (path[0], path[1]) if len(path) > 1 and path[0] in own else (None, path[0])
    if pattern not in own or name not in KINDS[own[pattern]]:
        return None
    return FieldRef(name, KINDS[own[pattern]][name].nullable, pattern)
