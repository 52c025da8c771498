"""One adopted yearly plan: its clauses, what they require, its dated parameters (plan.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, PlainSerializer, model_validator

from rules.vocabulary import Basis
from rules.vocabulary import Level as Severity
from supervision.domain.documents import (
    Clock,
    Day,
    Document,
    Email,
    Identifier,
    Name,
    Text,
    as_tuples,
)
from supervision.domain.periods import Every
from supervision.domain.requirements import (
    DecidedBy,
    Due,
    FormField,
    Measure,
    OwedBy,
    Requirement,
    RequirementKind,
    Target,
)
from supervision.domain.units import Officer

__all__ = [
    "Basis",
    "Calendar",
    "Clause",
    "ClauseKind",
    "DatedValue",
    "DecidedBy",
    "Due",
    "Every",
    "FormField",
    "Measure",
    "Office",
    "OwedBy",
    "ParamValue",
    "Plan",
    "Requirement",
    "RequirementKind",
    "Severity",
    "Target",
]


class ClauseKind(StrEnum):
    TASK = "task"
    REQUIREMENT = "requirement"
    GOAL = "goal"


# As a number in JSON too: as text it would be read back as text.
_Number: TypeAlias = Annotated[Decimal, PlainSerializer(float, when_used="json")]
ParamValue: TypeAlias = bool | int | str | _Number


class DatedValue(Document):
    """A parameter's value from a day on, and the document that says so."""

    since: Day = Field(alias="from")
    value: ParamValue
    reference: Text


class Calendar(Document):
    """Whose working days count. Without `years`: the plan's year and those after it that are known.

    In YAML also the name alone, `china` or the country's code `CN`.
    """

    name: Literal["china"]
    years: tuple[int, ...] = ()
    source: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        if isinstance(value, str):
            value = {"name": value}
        if isinstance(value, dict) and str(value.get("name")).casefold() in ("cn", "china"):
            value = {**value, "name": "china"}
        return as_tuples(value)


class Clause(Document):
    """A numbered sentence of the plan: `text` verbatim, `normalized_text` a corrected reading."""

    id: Identifier
    path: Text
    title: Text
    text: Text
    normalized_text: Text | None = None
    kind: ClauseKind = ClauseKind.TASK


class Office(Document):
    """Who supervises, as it stands under each mail, and who receives the list."""

    name: Text
    contact: Text
    phone: Text | None = None
    email: Email
    how_to_file: Text
    leaders: tuple[Officer, ...] = ()


def _a_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"'{value}' is not a time zone such as Asia/Shanghai") from None
    return value


class Plan(Document):
    """plan.yaml. `source` is the name of the source document's file, or says what it is."""

    plan: Identifier
    title: Text
    issued_on: Day
    year: Annotated[int, Field(ge=2000, le=2100)]
    zone: Annotated[str, AfterValidator(_a_zone)]
    calendar: Calendar
    source: Text
    cutoff: Clock = time(17, 30)
    profile: Text | None = None
    params: Mapping[Name, Annotated[tuple[DatedValue, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    clauses: Annotated[tuple[Clause, ...], Field(min_length=1)]
    requirements: tuple[Requirement, ...] = ()
    office: Office | None = None

    def param(self, name: str, *, on: date) -> DatedValue:
        """Return the parameter's value in force on a day. Raises KeyError, or LookupError before
        its first day."""
        for dated in reversed(self.params[name]):
            if dated.since <= on:
                return dated
        raise LookupError(f"parameter '{name}' has no value on {on}; its first is later")
