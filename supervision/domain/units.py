"""Who is obliged: units, the people one writes to, and which task is whose (units.yaml,
assignments.yaml)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Annotated, overload

from pydantic import Field, model_validator

from supervision.domain.documents import Amount, Document, Email, Identifier, Text


class Role(StrEnum):
    """What a unit is in a task: the one that leads, or one that cooperates."""

    LEAD = "lead"
    CO = "co"


class Officer(Document):
    """A post that is held (主任, 分管副主任), with its address; never a person's name."""

    post: Text
    email: Email | None = None

    @model_validator(mode="before")
    @classmethod
    def _post_alone(cls, value: object) -> object:
        return {"post": value} if isinstance(value, str) else value


class Liaison(Document):
    """Who files for the unit and hears of what is due. Without an address nobody does."""

    name: Text
    email: Email | None = None
    phone: Text | None = None


class Unit(Document):
    """One obliged unit. `category` is a word of the plan (部门, 乡 …), the same for all alike."""

    code: Identifier
    name: Text
    aliases: tuple[Text, ...] = ()
    category: Text
    principal: Officer | None = None
    deputy: Officer | None = None
    liaison: Liaison | None = None
    district_deputy: Officer | None = None


class Assignment(Document):
    """A clause is a unit's task, as lead or co, with its share of the target where it has one."""

    clause: Text
    unit: Text
    role: Role
    quota: Annotated[Amount, Field(gt=0)] | None = None


class UnitsFile(Document):
    """units.yaml."""

    units: tuple[Unit, ...]


class AssignmentsFile(Document):
    """assignments.yaml."""

    assignments: tuple[Assignment, ...]


class Units(Sequence[Unit]):
    """The units of a plan in their order, found by code."""

    def __init__(self, units: Iterable[Unit] = ()) -> None:
        self._given = units

    @cached_property
    def _all(self) -> tuple[Unit, ...]:
        return tuple(self._given)

    @cached_property
    def _by_code(self) -> dict[str, Unit]:
        return {unit.code: unit for unit in self._all}

    def unit(self, code: str) -> Unit:
        """Return a unit by code; KeyError where there is none."""
        return self._by_code[code]

    @overload
    def __getitem__(self, index: int) -> Unit: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Unit]: ...

    def __getitem__(self, index: int | slice) -> Unit | Sequence[Unit]:
        return self._all[index]

    def __len__(self) -> int:
        return len(self._all)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Units) and self._all == other._all

    def __hash__(self) -> int:
        return hash(self._all)


def folded(text: str) -> str:
    """Return a name as it is compared: no spaces, no full-width forms, one case."""
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold()


def names_of(unit: Unit) -> tuple[str, ...]:
    """Return everything the unit is called: code, name, aliases."""
    return (unit.code, unit.name, *unit.aliases)


def find_unit(units: Iterable[Unit], text: str) -> Unit | None:
    """Return the unit called `text` by code, name or alias; None where no unit is.

    A pack has no name that two units share: `load_pack` refuses it.
    """
    wanted = folded(text)
    for unit in units:
        if any(folded(name) == wanted for name in names_of(unit)):
            return unit
    return None
