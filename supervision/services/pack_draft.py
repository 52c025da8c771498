"""A pack as far as it can be read: what is sound of it, and every name that is written in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from pydantic import BaseModel

from rules.loading import Node, validate
from supervision.domain.plan import Requirement
from supervision.domain.units import Assignment, Unit

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Located(Generic[Model]):
    """A part that is sound by itself, and where it stands."""

    item: Model
    node: Node


@dataclass(frozen=True)
class Draft:
    """The four files as far as they could be read; of a file that could not, nothing is said.

    Names are collected as written, sound or not: a part with a fault of its own is still known to
    those that refer to it.
    """

    plan: Node | None
    units: Node | None
    assignments: Node | None
    ledgers: Node | None

    @cached_property
    def requirements(self) -> Sequence[Located[Requirement]]:
        return sound(Requirement, items(self.plan, "requirements"))

    @cached_property
    def sound_units(self) -> Sequence[Located[Unit]]:
        return sound(Unit, items(self.units, "units"))

    @cached_property
    def sound_assignments(self) -> Sequence[Located[Assignment]]:
        return sound(Assignment, items(self.assignments, "assignments"))

    @cached_property
    def ledger_names(self) -> Collection[str]:
        named = self.ledgers.find("ledgers") if self.ledgers else None
        return list(named.keys) if named else []

    def fields_of(self, ledger: str) -> Mapping[str, str | None] | None:
        """Return each field's type as written; None where a ledger has no fields to speak of."""
        fields = self.ledgers.find("ledgers", ledger, "fields") if self.ledgers else None
        if fields is None or not fields.keys:
            return None
        return {name: fields.text(name, "type") for name in fields.keys}

    @cached_property
    def clause_ids(self) -> Collection[str]:
        return written(self.plan, "clauses", "id")

    @cached_property
    def requirement_ids(self) -> Collection[str]:
        return written(self.plan, "requirements", "id")

    @cached_property
    def unit_codes(self) -> Collection[str]:
        return written(self.units, "units", "code")

    @property
    def lists_clauses(self) -> bool:
        """Whether there is something to look a clause up in: else all of them seem unknown."""
        return bool(items(self.plan, "clauses"))

    @property
    def lists_units(self) -> bool:
        return bool(items(self.units, "units"))

    @property
    def lists_ledgers(self) -> bool:
        return self.ledgers is not None and self.ledgers.find("ledgers") is not None

    @property
    def assignments_are_sound(self) -> bool:
        """Whether what is counted over assignments counts all of them."""
        return len(self.sound_assignments) == len(items(self.assignments, "assignments"))

    @property
    def requirements_are_sound(self) -> bool:
        return len(self.requirements) == len(items(self.plan, "requirements"))


def items(node: Node | None, key: str) -> list[Node]:
    listed = node.find(key) if node else None
    return list(listed) if listed else []


def sound(model: type[Model], nodes: Iterable[Node]) -> list[Located[Model]]:
    found = [(validate(model, node, []), node) for node in nodes]
    return [Located(item, node) for item, node in found if item is not None]


def written(node: Node | None, key: str, name: str) -> list[str]:
    return [text for item in items(node, key) if (text := item.text(name)) is not None]
