"""Values worth trying for a field of a rule: beside each constant it is compared with, and others.

Just before, at and after a bound in the field's own step; a value that is equal and one that is
not; unknown where the field may be unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from rules.catalogue import Field, FieldType
from rules.conditions import Compare, Condition, FieldRef, IsNull, Literal, Operator, Value, atoms
from rules.constants import LARGEST, PLACES, SCALE
from rules.solving import Domains

LARGEST_WRITTEN = 10**18 - 1  # in a YAML file
# Differences may be below zero; what else is counted or measured cannot be.
BELOW_ZERO = frozenset({"gap", "claim_gap"})
SHARE = "share of 1"
NUMBERED = frozenset({"number within the year", "number"})  # from 1
_SOME_DAY = date(2022, 7, 1).toordinal()
_NO_SUCH_TEXT = "另一个"


def domains_of(
    conditions: Iterable[Condition],
    fields: Mapping[str, Field],
    usual: Mapping[str, Value | None],
    others: Mapping[str, Sequence[Value]],
) -> Domains:
    """Return the values to be tried for each field the conditions name, the usual one first.

    usual   what the field is when nothing is said
    others  values that a text may have, for a field of which not any text will do
    """
    found: dict[str, list[Value | None]] = {}
    for condition in conditions:
        for atom in atoms(condition):
            name = field_of(atom).name
            field = fields[name]
            values = found.setdefault(name, first_values(field, usual.get(name)))
            values += [v for v in beside(atom, field) if v not in values]
            values += [v for v in others.get(name, ()) if v not in values]
    for name, values in found.items():
        field = fields[name]
        if field.type is FieldType.TEXT and name not in others:
            values.append(_NO_SUCH_TEXT)
        if field.type is FieldType.CHOICE:
            values += [v for v in field.choices if v not in values]
        if field.nullable and None not in values:
            values.append(None)
    return found


def first_values(field: Field, usual: Value | None) -> list[Value | None]:
    """Return the usual value, then those that any field of its type can have."""
    found: list[Value | None] = [] if usual is None else [usual]
    simple: Sequence[Value] = ()
    if field.type is FieldType.BOOL:
        simple = (0, 1)
    elif field.type is FieldType.INT:
        simple = (1, 0, 2)
    elif field.type is FieldType.DECIMAL:
        simple = (SCALE, 0)
    elif field.type is FieldType.DATE:
        simple = (_SOME_DAY, _SOME_DAY + 1)
    return found + [value for value in simple if value not in found]


def beside(atom: Compare | IsNull, field: Field) -> list[Value]:
    """Return the values just before, at and after the constant of a comparison."""
    if isinstance(atom, IsNull) or not isinstance(atom.right, Literal):
        return []
    constant = atom.right.value
    if not field.type.ordered:
        if field.type is FieldType.BOOL:
            return [0, 1]
        return [constant]
    assert isinstance(constant, int)
    step = step_of(constant, field)
    return [
        value for value in (constant - step, constant, constant + step) if possible(value, field)
    ]


def step_of(constant: int, field: Field) -> int:
    """Return by how much a value is just before or after a constant, encoded.

    1 for whole numbers, a day for dates; for a decimal 1 in its last written place, and a hundredth
    for a share.
    """
    if field.type is not FieldType.DECIMAL:
        return 1
    places = 2 if field.unit == SHARE else 0
    while places < PLACES and constant % 10 ** (PLACES - places):
        places += 1
    return int(10 ** (PLACES - places))


def possible(value: int, field: Field) -> bool:
    """Whether a field can have a value: counts are not negative, a share is not above one."""
    if abs(value) > min(LARGEST, LARGEST_WRITTEN):
        return False
    if field.type is FieldType.DATE:
        return 1 <= value <= 3_652_059  # date.max
    if field.unit in NUMBERED:
        return value >= 1
    return value >= 0 or field.name in BELOW_ZERO


def field_of(atom: Compare | IsNull) -> FieldRef:
    """Return the field that an atom tests, the left one of a join."""
    return atom.left if isinstance(atom, Compare) else atom.field


def is_bound(atom: Compare | IsNull) -> bool:
    """Whether an atom is an order comparison."""
    return isinstance(atom, Compare) and atom.operator not in (Operator.EQ, Operator.NE)
