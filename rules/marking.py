"""A condition with its true, false and unknown parts marked, as it stands on given facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rules.conditions import (
    And,
    Compare,
    Condition,
    FactFields,
    FieldRef,
    IsNull,
    Not,
    Or,
    Shifted,
    Value,
    bind,
    evaluate,
    fields,
    params,
)
from rules.field_names import label_of
from rules.printing import to_text
from rules.reading import Words, is_choice, read, read_value


@dataclass(frozen=True, slots=True)
class Branch:
    """One part of a condition.

    `text` as its author could have written it, `reading` in Chinese, `value` by SQL's three values,
    `actual` what the fields of a leaf held.
    """

    text: str
    reading: str
    value: bool | None
    actual: str | None = None
    children: tuple[Branch, ...] = ()


def mark(
    condition: Condition,
    words: Words,
    own: FactFields,
    others: Mapping[str, FactFields] | None = None,
) -> Branch:
    """Return the condition marked part by part; `words.params` are the parameters' values."""
    values: dict[str, Value] = {name: words.params[name] for name in params(condition)}
    children: tuple[Branch, ...] = ()
    actual: str | None = None
    match condition:
        case Or() if is_choice(condition):
            shown = dict.fromkeys(_held(ref, words, own, others) for ref in fields(condition))
            actual = "；".join(shown)
        case And(parts) | Or(parts):
            children = tuple(mark(part, words, own, others) for part in parts)
        case Not(And() | Or() as part):
            children = (mark(part, words, own, others),)
        case _:
            shown = dict.fromkeys(_held(ref, words, own, others) for ref in _named(condition))
            actual = "；".join(shown) or None
    return Branch(
        text=to_text(condition, fields=words.fields, other_patterns=words.others),
        reading=read(condition, words),
        value=evaluate(bind(condition, values), own, others),
        actual=actual,
        children=children,
    )


def _named(condition: Condition) -> Iterator[FieldRef]:
    match condition:
        case Not(part):
            yield from _named(part)
        case IsNull(field):
            yield field
        case Compare(left, _, right):
            yield left
            if isinstance(right, Shifted):
                yield right.field


def _held(
    ref: FieldRef, words: Words, own: FactFields, others: Mapping[str, FactFields] | None
) -> str:
    held = own if ref.pattern is None else (others or {})[ref.pattern]
    field = words.of(ref)
    value = held[ref.name]
    shown = read_value(field, value, words)
    label = label_of(field)
    if label.yes and value is not None:
        return f"{words.whose(ref)}{shown}"
    return f"{words.whose(ref)}{label.name}：{shown}"
