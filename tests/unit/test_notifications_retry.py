"""When a failed notice is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from notifications.retry import MAX_ATTEMPTS, next_attempt

NOW = datetime(2022, 7, 15, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 60), (5, 240), (6, 720), (7, 1440)]
)
def test_the_waits_grow(attempts: int, minutes: int) -> None:
    assert next_attempt(attempts, error_permanent=False, now=NOW) == NOW + timedelta(
        minutes=minutes
    )


def test_after_eight_attempts_a_notice_is_dead() -> None:
    assert MAX_ATTEMPTS == 8
    assert next_attempt(8, error_permanent=False, now=NOW) is None
    assert next_attempt(9, error_permanent=False, now=NOW) is None


def test_a_permanent_error_is_never_tried_again() -> None:
    assert next_attempt(1, error_permanent=True, now=NOW) is None


def test_fewer_than_one_attempt_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        next_attempt(0, error_permanent=False, now=NOW)
