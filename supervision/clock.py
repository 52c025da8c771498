"""The only reader of the time of day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the present instant, in UTC."""
    return datetime.now(UTC)


def rehearsal_clock(start: datetime) -> Clock:
    """Return a clock that shows `start` now and runs on from there.

    For rehearsing a past or coming day (`SUPERVISION_CLOCK`); it moves every tick, quiet hour and
    due date, but not the leases, which are kept on the database's own clock.
    """
    offset = start.astimezone(UTC) - system_clock()
    return lambda: system_clock() + offset
