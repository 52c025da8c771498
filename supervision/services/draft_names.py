"""What a draft case is called: the rule, the field at its value, and which bound is tested."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rules.boundaries import Tested
from rules.catalogue import Field, FieldType
from rules.conditions import Value
from rules.constants import written

MOST = 3
"""Things that a name says are tested."""

_END = re.compile(r"[，；、：（]")
_UNITS = {"working days": "个工作日", "count": "", "share of 1": ""}
_BESIDE = {-1: "之前", 0: "", 1: "之后"}
_WHERE = {"scope": "适用范围", "severity": "程度"}


def name_of(rule: str, tested: Sequence[Tested]) -> str:
    """Return a name such as `GEN-R1-late：逾期时长4个工作日（程度界值5之前）`."""
    said = list(dict.fromkeys(map(_one, tested)))
    more = f"等{len(said)}项" if len(said) > MOST else ""
    return f"{rule}：{'；'.join(said[:MOST])}{more}"


def _one(tested: Tested) -> str:
    if tested.field is None:
        return f"{'事实' if tested.where == 'match' else '符合条件的事实'}{tested.facts}项"
    said = _said(tested.field, tested.value)
    if tested.pattern is not None:
        said = f"{tested.pattern}的{said}"
    place = _place(tested)
    return f"{said}（{place}）" if place else said


def _place(tested: Tested) -> str:
    assert tested.field is not None
    word = _WHERE.get(tested.where.split(" ")[0], "")
    if tested.value is None or tested.bound is None or tested.field.type is FieldType.BOOL:
        return word
    bound = _shown(tested.field, tested.bound)
    if tested.is_bound or tested.field.type.ordered:
        return f"{word}界值{bound}{_BESIDE[tested.beside]}"
    return f"{word}{'等于' if tested.beside == 0 else '不等于'}{bound}"


def _said(field: Field, value: Value | None) -> str:
    label = _END.split(field.meaning)[0] or field.name
    if value is None:
        return f"{label}未知"
    if field.type is FieldType.BOOL:
        return f"{label}：{'是' if value else '否'}"
    return f"{label}{_shown(field, value)}{_UNITS.get(field.unit, '')}"


def _shown(field: Field, value: Value) -> str:
    return written(value, field.type).strip("'")
