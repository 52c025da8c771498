"""When to try a failed notice again."""

from datetime import datetime, timedelta
from typing import Final

# The last waits are long on purpose: a mail server that fails on a Friday evening is repaired
# by people who come back after the week-end; the eight attempts span just under two days.
WAITS: Final = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240, 720, 1440))
MAX_ATTEMPTS: Final = len(WAITS) + 1


def next_attempt(attempts: int, *, error_permanent: bool, now: datetime) -> datetime | None:
    """Return the moment of the next attempt, or None: the notice is dead and waits for a person.

    `attempts` counts the attempts made so far, the one that just failed included, so the first
    failure asks with 1. After attempts 1 to 7 the wait is 1, 5, 15, 60, 240, 720 and 1,440
    minutes; after the eighth, or after a permanent error, there is none. No jitter: the same
    arguments give the same answer. Raises ValueError for fewer than one attempt.
    """
    if attempts < 1:
        raise ValueError(f"attempts counts the failed attempt too: at least 1, not {attempts}")
    if error_permanent or attempts >= MAX_ATTEMPTS:
        return None
    return now + WAITS[attempts - 1]
