"""The only reader of the time of day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import perf_counter

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


class Stopwatch:
    """How long the parts of one piece of work took, in seconds, by name."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._begun = perf_counter()

    @contextmanager
    def on(self, part: str) -> Iterator[None]:
        """Measure what is done within, together with what was measured under this name before."""
        begun = perf_counter()
        try:
            yield
        finally:
            self.spent[part] += perf_counter() - begun

    def stop(self, rest: str) -> dict[str, float]:
        """Return what each part took, and as `rest` what was under no name."""
        total = perf_counter() - self._begun
        return {**self.spent, rest: total - sum(self.spent.values())}
