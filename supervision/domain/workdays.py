"""Working days: the office's calendar as data, and the arithmetic of due dates.

The start day is not counted; a last day that is no working day moves to the next one; the day ends
at the cut-off (Civil Code of the PRC, articles 201–204, by analogy).  A year without a table is an
error that names the year, never a guess.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from supervision.errors import SupervisionError


class CalendarMissing(SupervisionError):
    """A due date or a day count needs a year that has no working-day table."""

    def __init__(self, year: int) -> None:
        super().__init__(
            f"no working-day table for {year}; load it with `supervision calendar seed {year}` "
            "or `supervision calendar import FILE`, then try again"
        )
        self.year = year


@dataclass(frozen=True)
class WorkCalendar:
    """The working days of whole years.

    `anchor` is the plan's year: `number` counts from its first day, so that numbers stored beside
    an obligation stay true when further years are added.
    """

    anchor: int
    years: Mapping[int, frozenset[date]]
    _ordinals: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _origin: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordinals = tuple(sorted(day.toordinal() for days in self.years.values() for day in days))
        object.__setattr__(self, "_ordinals", ordinals)
        origin = bisect_right(ordinals, date(self.anchor, 1, 1).toordinal() - 1)
        object.__setattr__(self, "_origin", origin)

    def is_workday(self, day: date) -> bool:
        """Return whether the office works on `day`, make-up Saturdays and Sundays included."""
        self._require(day.year, day.year)
        return day in self.years[day.year]

    def number(self, day: date) -> int:
        """Return how many working days lie from 1 January of the anchor year to `day`, inclusive.

        Zero or less for days before the anchor year.  Differences of numbers are counts of working
        days: of Friday and the Saturday after it the difference is 0.
        """
        self._require(min(day.year, self.anchor), max(day.year, self.anchor))
        return bisect_right(self._ordinals, day.toordinal()) - self._origin

    def day(self, number: int) -> date:
        """Return the working day with this number; the inverse of `number` on working days."""
        index = self._origin + number - 1
        if index < 0:
            raise CalendarMissing(min(self.years, default=self.anchor) - 1)
        if index >= len(self._ordinals):
            raise CalendarMissing(max(self.years, default=self.anchor - 1) + 1)
        found = date.fromordinal(self._ordinals[index])
        self._require(min(found.year, self.anchor), max(found.year, self.anchor))
        return found

    def roll_forward(self, day: date) -> date:
        """Return `day` if it is a working day, else the next one."""
        while not self.is_workday(day):
            day += timedelta(days=1)
        return day

    def add(self, day: date, workdays: int) -> date:
        """Return the day that is `workdays` working days after `day`, which itself is not counted.

        `workdays` may be negative: the day so many working days before.
        """
        number = self.number(day)
        if workdays < 0 and not self.is_workday(day):
            number += 1
        return self.day(number + workdays)

    def _require(self, first: int, last: int) -> None:
        for year in range(first, last + 1):
            if year not in self.years:
                raise CalendarMissing(year)


@dataclass(frozen=True)
class OfficeHours:
    """When mail may leave: on working days from `opens` to `closes`, both included."""

    calendar: WorkCalendar
    zone: ZoneInfo
    opens: time = time(9, 0)
    closes: time = time(17, 30)

    def is_open(self, instant: datetime) -> bool:
        local = instant.astimezone(self.zone)
        clock = local.time().replace(tzinfo=None)
        return self.opens <= clock <= self.closes and self.calendar.is_workday(local.date())

    def next_opening(self, instant: datetime) -> datetime:
        """Return `instant` when the office is open then, else the next opening, in UTC."""
        local = instant.astimezone(self.zone)
        if self.is_open(instant):
            return instant.astimezone(UTC)
        day = local.date()
        if local.time().replace(tzinfo=None) > self.closes:
            day += timedelta(days=1)
        day = self.calendar.roll_forward(day)
        return datetime.combine(day, self.opens, self.zone).astimezone(UTC)


def cutoff_of(day: date, *, cutoff: time, zone: ZoneInfo) -> datetime:
    """Return the last instant of `day` that is still in time, in UTC."""
    return datetime.combine(day, cutoff, zone).astimezone(UTC)


def days_past(
    due_on: date, instant: datetime, *, calendar: WorkCalendar, cutoff: time, zone: ZoneInfo
) -> int:
    """Return the working days by which `instant` is past the cut-off of `due_on`; 0 when it is not.

    The minute after the cut-off is already day one, and so is the whole next working day.
    """
    if instant <= cutoff_of(due_on, cutoff=cutoff, zone=zone):
        return 0
    local = instant.astimezone(zone).date()
    return max(1, calendar.number(local) - calendar.number(due_on))


def workdays_from(days: Iterable[tuple[date, bool]]) -> dict[int, frozenset[date]]:
    """Return working days by year from (day, is a working day) rows."""
    years: dict[int, set[date]] = {}
    for day, works in days:
        working = years.setdefault(day.year, set())
        if works:
            working.add(day)
    return {year: frozenset(working) for year, working in years.items()}
