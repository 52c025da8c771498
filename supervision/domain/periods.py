"""Periods of a plan's year: 2022, 2022H1, 2022Q2, 2022-06."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Every(StrEnum):
    """How often a requirement falls due within the year."""

    YEAR = "year"
    HALF_YEAR = "half-year"
    QUARTER = "quarter"
    MONTH = "month"

    @property
    def months(self) -> int:
        return {"year": 12, "half-year": 6, "quarter": 3, "month": 1}[self.value]


@dataclass(frozen=True, order=True)
class Period:
    """`number` counts from 1 within the year."""

    year: int
    every: Every
    number: int

    def __str__(self) -> str:
        match self.every:
            case Every.YEAR:
                return f"{self.year}"
            case Every.HALF_YEAR:
                return f"{self.year}H{self.number}"
            case Every.QUARTER:
                return f"{self.year}Q{self.number}"
            case Every.MONTH:
                return f"{self.year}-{self.number:02}"

    @property
    def first_day(self) -> date:
        return date(self.year, (self.number - 1) * self.every.months + 1, 1)

    @property
    def last_day(self) -> date:
        month = self.number * self.every.months
        return date(self.year, month, monthrange(self.year, month)[1])

    @property
    def label(self) -> str:
        """The period in Chinese, as letters write it."""
        match self.every:
            case Every.YEAR:
                return f"{self.year}年度"
            case Every.HALF_YEAR:
                return f"{self.year}年{'上下'[self.number - 1]}半年"
            case Every.QUARTER:
                return f"{self.year}年第{'一二三四'[self.number - 1]}季度"
            case Every.MONTH:
                return f"{self.year}年{self.number}月"


_FORMS = (
    (re.compile(r"([0-9]{4})"), Every.YEAR),
    (re.compile(r"([0-9]{4})H([12])"), Every.HALF_YEAR),
    (re.compile(r"([0-9]{4})Q([1-4])"), Every.QUARTER),
    (re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])"), Every.MONTH),
)


def parse_period(text: str) -> Period:
    """Return the period that `text` names; ValueError says which forms there are."""
    for form, every in _FORMS:
        if found := form.fullmatch(text):
            return Period(int(found[1]), every, int(found[2]) if found.lastindex == 2 else 1)
    raise ValueError(
        f"unknown period {text!r}; a period is written 2022, 2022H1, 2022Q2 or 2022-06"
    )


def periods_of(year: int, every: Every) -> tuple[Period, ...]:
    """Return all periods of the year, in order."""
    return tuple(Period(year, every, number + 1) for number in range(12 // every.months))


def period_containing(day: date, every: Every) -> Period:
    """Return the period in which `day` lies."""
    return Period(day.year, every, (day.month - 1) // every.months + 1)


def same_place(day: date, period: Period) -> date:
    """Return the day of `period` that stands where `day` stands in its own period.

    The 25th of a quarter's last month stays that; a 31st becomes the month's last day.
    """
    month = (period.number - 1) * period.every.months + (day.month - 1) % period.every.months + 1
    return date(period.year, month, min(day.day, monthrange(period.year, month)[1]))
