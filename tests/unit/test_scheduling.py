"""The latest scheduled moment: on working days, in the plan's zone, never before the plan."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from supervision.domain.workdays import CalendarMissing, WorkCalendar, workdays_from
from supervision.scheduling import latest_slot
from supervision.services.desk import Desk
from supervision.services.load_pack import load_pack
from supervision.services.seed_calendar import days_of
from supervision.store.plans import Adopted
from tests.office import at, small_pack

EIGHT = time(8, 0)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The small plan, issued on 1 March 2022, with the calendars of 2022 and 2023."""
    pack = load_pack(small_pack(tmp_path_factory.mktemp("plan") / "pack", []))
    days = ((day, works) for year in (2022, 2023) for day, works, _ in days_of(year))
    calendar = WorkCalendar(2022, workdays_from(days))
    return Desk(Adopted("small-2022", 1, pack, "", datetime(2022, 3, 1, tzinfo=UTC)), calendar)


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        ("2022-07-18 08:00", "2022-07-18 08:00"),
        ("2022-07-18 08:01", "2022-07-18 08:00"),
        ("2022-07-18 23:59", "2022-07-18 08:00"),
        ("2022-07-18 07:59:59", "2022-07-15 08:00"),  # Monday before eight: Friday's
        ("2022-07-16 12:00", "2022-07-15 08:00"),  # Saturday
        ("2022-10-07 23:00", "2022-09-30 08:00"),  # the last day of the holiday
        ("2022-10-08 07:59", "2022-09-30 08:00"),
        ("2022-10-08 08:00", "2022-10-08 08:00"),  # a Saturday that makes up for it
        ("2022-10-09 09:00", "2022-10-09 08:00"),  # and the Sunday after
        ("2023-01-02 12:00", "2022-12-30 08:00"),  # New Year, over the end of the year
    ],
)
def test_the_latest_slot_is_eight_o_clock_of_the_last_working_day(
    desk: Desk, now: str, slot: str
) -> None:
    assert latest_slot(desk, EIGHT, at(now)) == at(slot)


def test_the_hour_is_the_plans_not_the_machines(desk: Desk) -> None:
    # 23:30 on Sunday in London is half past seven on Monday in the plan's zone
    assert latest_slot(desk, EIGHT, datetime(2022, 7, 17, 23, 30, tzinfo=UTC)) == at(
        "2022-07-15 08:00"
    )
    assert latest_slot(desk, EIGHT, datetime(2022, 7, 18, 0, 0, tzinfo=UTC)) == at(
        "2022-07-18 08:00"
    )


def test_a_plan_has_no_slot_before_the_day_it_was_issued(desk: Desk) -> None:
    assert latest_slot(desk, EIGHT, at("2022-03-01 07:59")) is None
    assert latest_slot(desk, EIGHT, at("2022-02-28 12:00")) is None
    assert latest_slot(desk, EIGHT, at("2022-03-01 08:00")) == at("2022-03-01 08:00")


def test_a_year_without_a_calendar_is_named_not_guessed(desk: Desk) -> None:
    with pytest.raises(CalendarMissing, match="no working-day table for 2024"):
        latest_slot(desk, EIGHT, at("2024-01-05 12:00"))
