"""Working-day tables from the vetted package; the office may overwrite single days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import chinese_calendar
from chinese_calendar.constants import holidays, workdays

from supervision.errors import NotFound

SOURCE = "chinesecalendar {version}: 国务院办公厅关于{year}年部分节假日安排的通知"


def years_covered() -> range:
    """Return the years for which the package has official tables."""
    known = {day.year for day in (*holidays, *workdays)}
    return range(min(known), max(known) + 1)


def days_of(year: int) -> Iterator[tuple[date, bool, str]]:
    """Yield every day of the year: the day, whether it is a working day, and what it is called.

    NotFound for a year whose holidays have not been published to the package; it is never guessed.
    """
    covered = years_covered()
    if year not in covered:
        raise NotFound(
            f"there is no official working-day table for {year} "
            f"(known: {covered.start}–{covered.stop - 1}); once the State Council has published "
            "it, update the package or import the table with `supervision calendar import`"
        )
    day = date(year, 1, 1)
    while day.year == year:
        _, label = chinese_calendar.get_holiday_detail(day)
        yield day, chinese_calendar.is_workday(day), label or ""
        day += timedelta(days=1)


def source_of(year: int) -> str:
    """Return what stands as the table's source."""
    return SOURCE.format(version=chinese_calendar.__version__, year=year)
