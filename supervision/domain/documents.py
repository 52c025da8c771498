"""What the documents of a pack have in common: frozen models and the values in them."""

from __future__ import annotations

import re
from datetime import date, time
from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_DAY_WITHOUT_YEAR = re.compile(r"(?:\d{1,2}[-/.]\d{1,2}|\d{1,2}月\d{1,2}日)\Z")
_CLOCK = re.compile(r"\d{2}:\d{2}(?::00)?\Z")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+\Z")


class Document(BaseModel):
    """A part of a YAML document: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def as_tuples(value: object) -> object:
    """Return lists as tuples, inside a mapping too.

    Behind a `before` validator pydantic's strict mode is Python's, which takes no list for a tuple.
    """
    if isinstance(value, dict):
        return {key: as_tuples(inside) for key, inside in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _a_whole_day(value: object) -> object:
    # pydantic would read '1656547200' as seconds since 1970 and '06-30' as too short.
    if isinstance(value, str) and not _DAY.match(value):
        if _DAY_WITHOUT_YEAR.match(value):
            raise ValueError(f"the date '{value}' has no calendar year; write it as YYYY-MM-DD")
        raise ValueError(f"expected a date such as 2022-06-30, found '{value}'")
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"there is no day '{value}'") from None


def _hours_and_minutes(value: object) -> object:
    if isinstance(value, str) and not _CLOCK.match(value):
        raise ValueError(f"expected a time such as 17:30, found '{value}'")
    if not isinstance(value, str):
        return value
    try:
        return time.fromisoformat(value)
    except ValueError:
        raise ValueError(f"there is no time '{value}'") from None


def _an_address(value: str) -> str:
    if not _EMAIL.match(value) or len(value) > 254:
        raise ValueError(f"'{value}' is not an e-mail address")
    return value


Identifier: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,79}$")]
"""Clauses, requirements and units: what stands in keys such as `REQ2-O1/HRSS/2022`."""

Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
"""Ledgers, their fields, parameters: what an SQL expression may name."""

Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=8000)]
Day: TypeAlias = Annotated[date, BeforeValidator(_a_whole_day)]
Clock: TypeAlias = Annotated[time, BeforeValidator(_hours_and_minutes)]
Email: TypeAlias = Annotated[str, AfterValidator(_an_address)]
Amount: TypeAlias = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=6)]
"""A number of people, classes or yuan; six places, as everywhere."""
