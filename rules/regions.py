"""The values of a variable that a set of conditions cannot tell apart, and facts made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from rules.catalogue import Field, FieldType
from rules.compiled import NUMBER_LIMIT
from rules.conditions import FieldRef, Value
from rules.constants import SCALE
from rules.normal_form import Gap, Test, Variable

OTHER = "其他"
"""Stands for any text that no condition names."""

_BOUNDS = {
    FieldType.BOOL: (0, 1),
    FieldType.DATE: (date.min.toordinal(), date.max.toordinal()),
}
_NUMBERS = (1 - NUMBER_LIMIT, NUMBER_LIMIT - 1)
_LIKELY = {
    FieldType.INT: 1,
    FieldType.DECIMAL: SCALE,
    FieldType.DATE: date(2022, 6, 30).toordinal(),
}
"""Where an example begins to look when nothing else says where.  A gap's may be 0 as well."""

FieldOf: TypeAlias = Callable[[FieldRef], Field]


@dataclass(frozen=True, slots=True)
class Region:
    """One part of a variable's values; `value` is of it, and None is the part that is unknown.

    low, high  of numbers and dates: first and last value of the part
    named      of texts: whether the part is that one text, or any text that is not `others`
    """

    value: Value | None
    low: int = 0
    high: int = 0
    named: bool = True
    others: frozenset[Value] = frozenset()


Path: TypeAlias = Sequence[tuple[Variable, Region]]


def regions_of(variable: Variable, tests: Iterable[Test], field_of: FieldOf) -> tuple[Region, ...]:
    """Return the parts into which the tests cut the variable's values, the likeliest first.

    Every value a fact can hold lies in one of them, and all of a part pass the same tests.  The
    unknown is last, and only for a field that may be unknown.
    """
    constants = {test.value for test in tests if test.variable == variable}
    if isinstance(variable, Gap):
        return _gap_regions(variable, constants, field_of(variable.left).type)
    field = field_of(variable)
    if field.type in (FieldType.TEXT, FieldType.CHOICE):
        found = _text_regions(field, constants)
    else:
        bounds = _BOUNDS.get(field.type, _NUMBERS)
        whole = [constant for constant in constants if isinstance(constant, int)]
        found = _number_regions(whole, bounds, field.type)
    return (*found, Region(None)) if variable.nullable else tuple(found)


def _gap_regions(gap: Gap, constants: Iterable[Value], type_: FieldType) -> tuple[Region, ...]:
    whole = [constant for constant in constants if isinstance(constant, int)]
    if gap.left == gap.right:
        return (Region(0),)
    if type_ in (FieldType.TEXT, FieldType.CHOICE):
        return Region(0), Region(1, 1, 1)
    low, high = _BOUNDS.get(type_, _NUMBERS)
    return tuple(_number_regions(whole, (low - high, high - low), type_))


def _text_regions(field: Field, constants: set[Value]) -> list[Region]:
    listed = [choice for choice in field.choices if choice in constants]
    found = [Region(text) for text in (*listed, *sorted(constants - set(listed), key=str))]
    rest = [choice for choice in field.choices if choice not in constants]
    if rest or not field.choices:
        other = rest[0] if rest else fresh(constants)
        found.append(Region(other, named=False, others=frozenset(constants)))
    return found


def fresh(taken: Iterable[Value]) -> str:
    """Return a text that is none of these."""
    known, text, number = set(taken), OTHER, 1
    while text in known:
        number += 1
        text = f"{OTHER}{number}"
    return text


def _number_regions(
    constants: Iterable[int], bounds: tuple[int, int], type_: FieldType
) -> list[Region]:
    low, high = bounds
    found, start = [], low
    for cut in sorted({constant for constant in constants if low <= constant <= high}):
        if start < cut:
            found.append(_stretch(start, cut - 1, bounds, type_))
        found.append(Region(cut, cut, cut))
        start = cut + 1
    if start <= high:
        found.append(_stretch(start, high, bounds, type_))
    # Nothing that is counted is negative, so an example had better not be.
    found.sort(key=lambda each: (each.value is not None and int(each.value) < 0, each.low))
    if type_ is FieldType.BOOL:
        found.reverse()
    return found


def _stretch(low: int, high: int, bounds: tuple[int, int], type_: FieldType) -> Region:
    """Return a region with a value near its bound that is written with few digits."""
    if (low, high) == bounds:
        return Region(_LIKELY.get(type_, 0), low, high)
    if low == bounds[0]:
        whole = high // SCALE * SCALE if type_ is FieldType.DECIMAL else high
        return Region(max(whole, low), low, high)
    step = SCALE if type_ is FieldType.DECIMAL else 1
    while -(-low // step) * step > high:
        step //= 10
    return Region(-(-low // step) * step, low, high)


def fact_of(path: Path, field_of: FieldOf) -> dict[FieldRef, Value | None] | None:
    """Return values for the path's fields that lie in their regions, gaps included.

    None if there are none: each region is possible by itself, but not all of them together.
    """
    found = {each: region.value for each, region in path if isinstance(each, FieldRef)}
    gaps = [(each, region) for each, region in path if isinstance(each, Gap)]
    if not gaps:
        return found
    fields = {each: region for each, region in path if isinstance(each, FieldRef)}
    texts = (FieldType.TEXT, FieldType.CHOICE)
    of_text = [(gap, region) for gap, region in gaps if field_of(gap.left).type in texts]
    of_number = [(gap, region) for gap, region in gaps if field_of(gap.left).type not in texts]
    for solved in (
        _numbers(of_number, fields, field_of),
        _texts([(gap, region.value == 0) for gap, region in of_text], fields, field_of),
    ):
        if solved is None:
            return None
        found |= solved
    return found


def _numbers(
    gaps: Sequence[tuple[Gap, Region]], fields: Mapping[FieldRef, Region], field_of: FieldOf
) -> dict[FieldRef, Value | None] | None:
    """Return values whose gaps lie in their regions: from 1 up if that can be, else any."""
    named = list(dict.fromkeys(field for gap, _ in gaps for field in gap.fields))
    whole, likely = {}, {}
    for field in named:
        region, type_ = fields.get(field), field_of(field).type
        low, high = _BOUNDS.get(type_, _NUMBERS)
        if region is not None and region.value is not None:
            low, high = region.low, region.high
        whole[field] = low, high
        likely[field] = (max(low, _LIKELY.get(type_, low)), high)
    return _between(gaps, likely) or _between(gaps, whole)


def _between(
    gaps: Sequence[tuple[Gap, Region]], bounds: Mapping[FieldRef, tuple[int, int]]
) -> dict[FieldRef, Value | None] | None:
    """Solve `low <= left - right <= high` by shortest paths (Bellman-Ford)."""
    edges: list[tuple[FieldRef | None, FieldRef | None, int]] = []  # to - from <= weight
    for field, (low, high) in bounds.items():
        edges += [(None, field, high), (field, None, -low)]
    for gap, region in gaps:
        edges += [(gap.right, gap.left, region.high), (gap.left, gap.right, -region.low)]
    # Any start will do; from the lowest values an example comes out that a reader can believe.
    distance: dict[FieldRef | None, int] = {None: 0} | {
        field: low for field, (low, _) in bounds.items()
    }
    for _ in range(len(distance) + 1):
        changed = False
        for start, end, weight in edges:
            if distance[start] + weight < distance[end]:
                distance[end] = distance[start] + weight
                changed = True
        if not changed:
            return {field: distance[field] - distance[None] for field in bounds}
    return None


def _texts(
    gaps: Sequence[tuple[Gap, bool]], fields: Mapping[FieldRef, Region], field_of: FieldOf
) -> dict[FieldRef, Value | None] | None:
    """Give equal fields one text and different ones different texts, by trial."""
    named = list(dict.fromkeys(field for gap, _ in gaps for field in gap.fields))
    texts: set[Value] = {each for region in fields.values() for each in region.others}
    texts |= {region.value for region in fields.values() if isinstance(region.value, str)}
    spare: list[Value] = []
    for _ in named:
        spare.append(fresh([*texts, *spare]))

    def possible(field: FieldRef) -> list[Value]:
        region = fields.get(field)
        if region is not None and region.named and region.value is not None:
            return [region.value]
        choices = field_of(field).choices
        rest: list[Value] = [*choices] or [*spare, *sorted(texts, key=str)]
        return [text for text in rest if region is None or text not in region.others]

    chosen: dict[FieldRef, Value | None] = {}

    def fits() -> bool:
        return all(
            (chosen[gap.left] == chosen[gap.right]) is equal
            for gap, equal in gaps
            if gap.left in chosen and gap.right in chosen
        )

    def filled(place: int) -> bool:
        if place == len(named):
            return True
        for text in possible(named[place]):
            chosen[named[place]] = text
            if fits() and filled(place + 1):
                return True
        chosen.pop(named[place], None)
        return False

    return chosen if filled(0) else None
