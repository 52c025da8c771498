"""Conditions in plain Chinese, for people who know the plan and not the notation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise

from rules.catalogue import Field, FieldType, Table
from rules.conditions import (
    And,
    Compare,
    Condition,
    Constant,
    FieldRef,
    IsNull,
    Literal,
    Not,
    Operator,
    Or,
    Param,
    Shifted,
    Value,
)
from rules.constants import written
from rules.field_names import CHOICES, Label, label_of

OF_TARGET = "unit of the target"
SHARE = "share of 1"

_NUMBERS = {
    Operator.EQ: "等于",
    Operator.NE: "不等于",
    Operator.LT: "小于",
    Operator.LE: "不大于",
    Operator.GT: "大于",
    Operator.GE: "不小于",
}
_DATES = {
    Operator.EQ: "为",
    Operator.NE: "不为",
    Operator.LT: "早于",
    Operator.LE: "不晚于",
    Operator.GT: "晚于",
    Operator.GE: "不早于",
}
_WORDS = {Operator.EQ: "为", Operator.NE: "不为"}

PATTERN_NAMES = "甲乙丙丁"


@dataclass(frozen=True)
class Words:
    """What a reading speaks with.

    fields       those that stand unqualified
    others       the tables of a match's patterns, by name
    called       what each pattern is called (甲 …)
    params       values of parameters, encoded; one without a value is named alone
    names        what a value of a field stands for: requirement -> REQ2-O1 -> 落实方案（REQ2-O1）
    target_unit  what a target counts (人, 期), '' where that is not known
    """

    fields: Mapping[str, Field]
    others: Mapping[str, Table] = field(default_factory=dict)
    called: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Value] = field(default_factory=dict)
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    target_unit: str = ""

    def of(self, ref: FieldRef) -> Field:
        fields = self.fields if ref.pattern is None else self.others[ref.pattern].fields
        return fields[ref.name]

    def whose(self, ref: FieldRef) -> str:
        """Return `甲的` for another pattern's field, nothing for an own one."""
        return "" if ref.pattern is None else f"{self.called.get(ref.pattern, ref.pattern)}的"


def words_of_match(words: Words, patterns: Sequence[tuple[str | None, Table]], own: int) -> Words:
    """Return the words for one pattern's condition: its own fields, the others' by 甲, 乙 …"""
    named = {name: table for name, table in patterns if name is not None}
    called = {name: PATTERN_NAMES[at] for at, (name, _) in enumerate(patterns) if name is not None}
    return replace(words, fields=patterns[own][1].fields, others=named, called=called)


# --- Values --------------------------------------------------------------------------------------


def day_in_chinese(ordinal: int) -> str:
    """Return 2022年4月18日."""
    day = date.fromordinal(ordinal)
    return f"{day.year}年{day.month}月{day.day}日"


def read_value(field: Field, value: Value | None, words: Words) -> str:
    """Return a value of a field as a person reads it, with what its number counts."""
    return _value(field, value, words, label_of(field), measured=True)


def _value(field: Field, value: Value | None, words: Words, label: Label, *, measured: bool) -> str:
    if value is None:
        return "不详"
    named = words.names.get(field.name, {}).get(str(value))
    if named is not None:
        return named
    if isinstance(value, str):
        return CHOICES.get(value, value) if field.type is FieldType.CHOICE else f"“{value}”"
    match field.type:
        case FieldType.BOOL:
            return label.yes if value else label.no
        case FieldType.DATE:
            return day_in_chinese(value)
        case FieldType.DECIMAL:
            if field.unit == SHARE:
                return f"{written(value * 100, FieldType.DECIMAL)}%"
            return written(value, FieldType.DECIMAL) + (
                words.target_unit if field.unit == OF_TARGET else ""
            )
    return f"{value}{label.measure}" if measured else str(value)


# --- Conditions ----------------------------------------------------------------------------------


def read(condition: Condition, words: Words) -> str:
    """Return the condition in Chinese: 未报送 且 逾期工作日数大于0."""
    match condition:
        case Constant(value):
            return {True: "总是成立", False: "总不成立", None: "无从判断"}[value]
        case IsNull(field):
            return f"{_subject(field, words)}不详"
        case Compare():
            return _comparison(condition, words)
        case Not(part):
            return _negation(part, words)
        case And(parts):
            return _joined(" 且 ", _flat(parts, And), words)
        case Or(parts):
            listed = _listed(parts)
            if listed is not None:
                return f"{_subject(listed[0].left, words)}为{_choices(listed, words, '或')}"
            return _joined(" 或 ", _flat(parts, Or), words)


def _flat(parts: tuple[Condition, ...], kind: type[And] | type[Or]) -> list[Condition]:
    found: list[Condition] = []
    for part in parts:
        if isinstance(part, And | Or) and isinstance(part, kind) and _listed(part.parts) is None:
            found += _flat(part.parts, kind)
        else:
            found.append(part)
    return found


def _joined(word: str, parts: Sequence[Condition], words: Words) -> str:
    texts = []
    at = 0
    while at < len(parts):
        bounds = _between(parts[at : at + 2]) if word == " 且 " else None
        if bounds is not None:
            low, high = bounds
            texts.append(
                f"{_subject(low.left, words)}在{_operand(low, words)}至{_operand(high, words)}之间"
            )
            at += 2
            continue
        texts.append(_inside(parts[at], words))
        at += 1
    return word.join(texts)


def _inside(condition: Condition, words: Words) -> str:
    """Return a part of a larger condition, in parentheses where it joins several itself."""
    if isinstance(condition, And) or (
        isinstance(condition, Or) and _listed(condition.parts) is None
    ):
        return f"（{read(condition, words)}）"
    return read(condition, words)


def _negation(part: Condition, words: Words) -> str:
    match part:
        case Not(inner):
            return read(inner, words)
        case IsNull(field):
            return f"{_subject(field, words)}已知"
        case Compare(left, operator, right):
            return read(Compare(left, operator.negated, right), words)
        case Or(parts):
            listed = _listed(parts)
            if listed is not None:
                return f"{_subject(listed[0].left, words)}不为{_choices(listed, words, '、')}"
    return f"并非（{read(part, words)}）"


def _between(parts: Sequence[Condition]) -> tuple[Compare, Compare] | None:
    """Return the two bounds that `between` was read as."""
    match parts:
        case [
            Compare(a, Operator.GE, Literal()) as low,
            Compare(b, Operator.LE, Literal()) as high,
        ]:
            return (low, high) if a == b else None
    return None


def _listed(parts: tuple[Condition, ...]) -> list[Compare] | None:
    """Return the comparisons that `field in (…)` was read as, where the alternatives are such."""
    found = [
        part
        for part in parts
        if isinstance(part, Compare)
        and part.operator is Operator.EQ
        and isinstance(part.right, Literal)
    ]
    if len(found) < 2 or len(found) < len(parts):
        return None
    return found if all(a.left == b.left for a, b in pairwise(found)) else None


def is_choice(condition: Condition) -> bool:
    """Whether this is `field in (…)`, which is read as one."""
    return isinstance(condition, Or) and _listed(condition.parts) is not None


def _choices(listed: list[Compare], words: Words, last: str) -> str:
    texts = [_operand(each, words) for each in listed]
    return last.join(("、".join(texts[:-1]), texts[-1])) if texts[1:] else texts[0]


def _subject(ref: FieldRef, words: Words) -> str:
    return f"{words.whose(ref)}{label_of(words.of(ref)).name}"


def _comparison(condition: Compare, words: Words) -> str:
    field = words.of(condition.left)
    if field.type is FieldType.BOOL and isinstance(condition.right, Literal):
        label = label_of(field)
        said = (condition.right.value == 1) is (condition.operator is Operator.EQ)
        return f"{words.whose(condition.left)}{label.yes if said else label.no}"
    operators = (
        _DATES if field.type is FieldType.DATE else _NUMBERS if field.type.ordered else _WORDS
    )
    operator = operators[condition.operator]
    if isinstance(condition.right, Shifted):  # 与乙的要求事项相同, 等于甲的期间序号加1
        return f"{_subject(condition.left, words)}{_against(condition, operator, words)}"
    return f"{_subject(condition.left, words)}{operator}{_operand(condition, words)}"


def _against(condition: Compare, operator: str, words: Words) -> str:
    assert isinstance(condition.right, Shifted)
    other, plus = condition.right.field, condition.right.plus
    subject = _subject(other, words)
    if not plus and condition.operator in (Operator.EQ, Operator.NE):
        return f"与{subject}{'相同' if condition.operator is Operator.EQ else '不同'}"
    if not plus:
        return f"{operator}{subject}"
    field = words.of(other)
    if field.type is FieldType.DATE:
        return f"{operator}{subject}{'后' if plus > 0 else '前'}{abs(plus)}日"
    amount = replace(field, nullable=False)
    shown = _value(amount, abs(plus), words, label_of(field), measured=False)
    return f"{operator}{subject}{'加' if plus > 0 else '减'}{shown}"


def _operand(condition: Compare, words: Words) -> str:
    field = words.of(condition.left)
    label = label_of(field)
    # 工作日数大于0; but 按台账计数大于0项
    measured = not label.name.endswith(("数", "序号"))
    match condition.right:
        case Literal(value):
            return _value(field, value, words, label, measured=measured)
        case Param(name):
            if name not in words.params:
                return f"参数{name}"
            shown = _value(field, words.params[name], words, label, measured=measured)
            return f"参数{name}（{shown}）"
        case Shifted(other, _):
            return _subject(other, words)
