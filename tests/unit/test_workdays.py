"""Working days: the worked dates of domain.md §6.6 and §5.7, the cut-off, the office's hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervision.domain.workdays import (
    CalendarMissing,
    OfficeHours,
    WorkCalendar,
    cutoff_of,
    days_past,
    workdays_from,
)
from supervision.errors import NotFound
from supervision.services.seed_calendar import days_of, source_of, years_covered

ZONE = ZoneInfo("Asia/Shanghai")
CUTOFF = time(17, 30)


def tables(*years: int) -> dict[int, frozenset[date]]:
    """The official tables of these years."""
    return workdays_from((day, works) for year in years for day, works, _ in days_of(year))


BOTH = WorkCalendar(2022, tables(2022, 2023))
ONLY_2022 = WorkCalendar(2022, tables(2022))
THREE = WorkCalendar(2022, tables(2021, 2022, 2023))
OFFICE = OfficeHours(BOTH, ZONE)

days = st.dates(date(2022, 1, 1), date(2023, 12, 31))
days_of_three_years = st.dates(date(2021, 1, 1), date(2023, 12, 31))
workdays = st.sampled_from(sorted(BOTH.years[2022] | BOTH.years[2023]))


def day(text: str) -> date:
    """`6-27` of 2022, or a whole date."""
    parts = [int(part) for part in text.split("-")]
    return date(*parts) if len(parts) == 3 else date(2022, *parts)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


# --- The table of 2022 ---------------------------------------------------------------------------


def test_2022_has_249_working_days() -> None:
    assert len(ONLY_2022.years[2022]) == 249
    assert ONLY_2022.number(date(2022, 12, 31)) == 249


def test_the_months_of_2022_have_the_working_days_of_the_domain_study() -> None:
    counted = [sum(each.month == month for each in BOTH.years[2022]) for month in range(1, 13)]
    assert counted == [21, 16, 23, 21, 20, 21, 21, 23, 21, 18, 22, 22]


@pytest.mark.parametrize("make_up", ["1-29", "1-30", "4-2", "4-24", "5-7", "10-8", "10-9"])
def test_a_make_up_saturday_or_sunday_is_a_working_day(make_up: str) -> None:
    assert day(make_up).weekday() >= 5
    assert BOTH.is_workday(day(make_up))


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("1-1", "1-3"),
        ("1-31", "2-6"),
        ("4-3", "4-5"),
        ("4-30", "5-4"),
        ("6-3", "6-5"),
        ("9-10", "9-12"),
        ("10-1", "10-7"),
    ],
)
def test_no_day_of_a_public_holiday_is_a_working_day(first: str, last: str) -> None:
    for ordinal in range(day(first).toordinal(), day(last).toordinal() + 1):
        assert not BOTH.is_workday(date.fromordinal(ordinal))


def test_a_seeded_year_holds_every_day_once_and_names_its_source() -> None:
    listed = [each for each, _, _ in days_of(2022)]
    assert listed == [date(2022, 1, 1) + timedelta(days=n) for n in range(365)]
    assert "国务院办公厅关于2022年" in source_of(2022)


def test_a_year_that_was_never_published_cannot_be_seeded() -> None:
    unpublished = years_covered().stop
    with pytest.raises(NotFound, match=str(unpublished)):
        list(days_of(unpublished))


# --- The worked dates of §6.6 --------------------------------------------------------------------


def test_a_report_due_on_saturday_25_june_is_due_on_monday_27_june() -> None:
    assert BOTH.roll_forward(day("6-25")) == day("6-27")


@pytest.mark.parametrize(
    ("step", "workdays_after", "expected"),
    [
        ("R1", -5, "6-20"),
        ("R2", -1, "6-24"),
        ("R4", 1, "6-28"),
        ("R5", 3, "6-30"),
        ("R6", 5, "7-4"),
    ],
)
def test_the_ladder_of_the_second_quarter(step: str, workdays_after: int, expected: str) -> None:
    assert BOTH.add(day("6-27"), workdays_after) == day(expected), step


def test_a_report_due_on_sunday_25_september_is_due_on_monday() -> None:
    assert BOTH.roll_forward(day("9-25")) == day("9-26")


def test_r6_of_the_third_quarter_is_the_make_up_saturday_8_october() -> None:
    assert BOTH.add(day("9-26"), 5) == day("10-8")
    assert day("10-8").strftime("%a") == "Sat"


def test_a_due_date_in_the_national_holiday_rolls_to_the_make_up_saturday() -> None:
    assert BOTH.roll_forward(day("10-1")) == day("10-8")


def test_an_annual_report_of_25_december_is_due_on_the_26th_and_r6_is_3_january_2023() -> None:
    assert BOTH.roll_forward(day("12-25")) == day("12-26")
    assert BOTH.add(day("12-26"), 5) == date(2023, 1, 3)


def test_without_the_table_of_2023_r6_of_26_december_is_an_error_that_names_2023() -> None:
    assert ONLY_2022.add(day("12-26"), 4) == day("12-30")
    with pytest.raises(CalendarMissing, match="2023") as caught:
        ONLY_2022.add(day("12-26"), 5)
    assert caught.value.year == 2023


def test_fifteen_working_days_after_1_april_is_the_make_up_sunday_24_april() -> None:
    due = BOTH.add(day("4-1"), 15)
    assert due == day("4-24")
    assert due.strftime("%a") == "Sun"
    assert BOTH.roll_forward(due) == due


# --- Years without a table -----------------------------------------------------------------------


@pytest.mark.parametrize("asked", [date(2021, 12, 31), date(2023, 1, 1), date(2024, 6, 30)])
def test_every_question_about_a_year_without_a_table_names_the_year(asked: date) -> None:
    for ask in (ONLY_2022.is_workday, ONLY_2022.number, ONLY_2022.roll_forward):
        with pytest.raises(CalendarMissing) as caught:
            ask(asked)
        assert caught.value.year in (asked.year, 2023)
        assert f"no working-day table for {caught.value.year}" in str(caught.value)


def test_rolling_past_the_last_day_of_the_tables_names_the_next_year() -> None:
    with pytest.raises(CalendarMissing) as caught:
        ONLY_2022.roll_forward(date(2022, 12, 31))
    assert caught.value.year == 2023


def test_a_gap_between_the_tables_is_not_counted_over() -> None:
    gap = WorkCalendar(2021, tables(2021, 2023))
    with pytest.raises(CalendarMissing, match="2022"):
        gap.number(date(2023, 1, 3))
    with pytest.raises(CalendarMissing, match="2022"):
        gap.add(date(2021, 12, 31), 1)


def test_before_the_first_table_the_year_before_is_named() -> None:
    with pytest.raises(CalendarMissing) as caught:
        ONLY_2022.add(date(2022, 1, 4), -1)
    assert caught.value.year == 2021


# --- Laws ----------------------------------------------------------------------------------------


@given(workdays)
def test_day_is_the_inverse_of_number_on_working_days(workday: date) -> None:
    assert BOTH.day(BOTH.number(workday)) == workday


@given(st.integers(1, sum(map(len, BOTH.years.values()))))
def test_number_is_the_inverse_of_day(number: int) -> None:
    assert BOTH.number(BOTH.day(number)) == number


@given(days, days)
def test_a_difference_of_numbers_counts_the_working_days_between(one: date, other: date) -> None:
    first, last = sorted((one, other))
    between = [each for table in BOTH.years.values() for each in table if first < each <= last]
    assert BOTH.number(last) - BOTH.number(first) == len(between)


@given(days_of_three_years)
def test_numbers_stay_true_when_the_tables_of_other_years_are_added(asked: date) -> None:
    if asked.year == 2022:
        assert THREE.number(asked) == ONLY_2022.number(asked)
    if asked.year == 2021:
        assert THREE.number(asked) <= 0


@given(st.sampled_from(sorted(BOTH.years[2022])), st.integers(-200, 200))
def test_subtracting_what_was_added_leads_back_to_the_working_day(start: date, by: int) -> None:
    if BOTH.number(start) + by >= 1:
        assert BOTH.add(BOTH.add(start, by), -by) == start


@given(st.dates(date(2022, 1, 10), date(2022, 12, 31)), st.integers(1, 100))
def test_adding_a_day_at_a_time_is_adding_them_at_once(start: date, by: int) -> None:
    step = start
    for _ in range(by):
        step = BOTH.add(step, 1)
    assert step == BOTH.add(start, by)


@given(st.dates(date(2022, 1, 10), date(2023, 6, 30)), st.integers(1, 60))
def test_the_start_day_is_not_counted(start: date, by: int) -> None:
    reached = BOTH.add(start, by)
    passed = [each for table in BOTH.years.values() for each in table if start < each <= reached]
    assert BOTH.is_workday(reached)
    assert len(passed) == by


@given(st.dates(date(2022, 2, 1), date(2023, 12, 29)), st.integers(1, 15))
def test_the_days_before_are_counted_backwards_without_the_start(start: date, by: int) -> None:
    reached = BOTH.add(start, -by)
    passed = [each for table in BOTH.years.values() for each in table if reached <= each < start]
    assert BOTH.is_workday(reached)
    assert len(passed) == by


@given(st.dates(date(2022, 1, 1), date(2023, 12, 29)))
def test_rolling_forward_twice_is_rolling_once(asked: date) -> None:
    rolled = BOTH.roll_forward(asked)
    assert BOTH.roll_forward(rolled) == rolled
    assert rolled >= asked
    assert not any(
        BOTH.is_workday(date.fromordinal(ordinal))
        for ordinal in range(asked.toordinal(), rolled.toordinal())
    )


# --- The cut-off ---------------------------------------------------------------------------------


def past(due: str, instant: str) -> int:
    return days_past(day(due), at(instant), calendar=BOTH, cutoff=CUTOFF, zone=ZONE)


def test_the_cut_off_is_half_past_five_in_the_plans_zone() -> None:
    assert cutoff_of(day("6-27"), cutoff=CUTOFF, zone=ZONE) == datetime(
        2022, 6, 27, 9, 30, tzinfo=UTC
    )


def test_at_1730_it_is_in_time_and_at_1731_it_is_day_one() -> None:
    assert past("6-27", "2022-06-27 17:30") == 0
    assert past("6-27", "2022-06-27 17:31") == 1


def test_the_whole_next_working_day_is_day_one_still() -> None:
    assert past("6-27", "2022-06-28 00:00") == 1
    assert past("6-27", "2022-06-28 23:59") == 1
    assert past("6-27", "2022-06-29 00:00") == 2


def test_a_weekend_adds_no_working_day() -> None:
    assert past("6-24", "2022-06-26 12:00") == 1
    assert past("6-24", "2022-06-27 09:00") == 1


def test_a_make_up_saturday_adds_one() -> None:
    assert past("9-30", "2022-10-07 12:00") == 1
    assert past("9-30", "2022-10-08 12:00") == 1
    assert past("9-30", "2022-10-09 12:00") == 2


@given(workdays, st.datetimes(datetime(2022, 1, 1), datetime(2023, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_one_is_never_past_due_before_the_cut_off_and_always_after(
    due: date, instant: datetime
) -> None:
    found = days_past(due, instant, calendar=BOTH, cutoff=CUTOFF, zone=ZONE)
    cutoff = cutoff_of(due, cutoff=CUTOFF, zone=ZONE)
    assert (found > 0) is (instant > cutoff)


# --- Office hours --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "opening"),
    [
        ("2022-06-27 08:59:59", "2022-06-27 09:00"),  # before the office opens
        ("2022-06-27 09:00", "2022-06-27 09:00"),
        ("2022-06-27 12:34", "2022-06-27 12:34"),  # open: at once
        ("2022-06-27 17:30", "2022-06-27 17:30"),
        ("2022-06-27 17:30:01", "2022-06-28 09:00"),  # closed for the day
        ("2022-06-24 18:00", "2022-06-27 09:00"),  # Friday evening
        ("2022-06-25 10:00", "2022-06-27 09:00"),  # Saturday
        ("2022-10-08 10:00", "2022-10-08 10:00"),  # a make-up Saturday is open
        ("2022-10-07 20:00", "2022-10-08 09:00"),
        ("2022-10-08 18:00", "2022-10-09 09:00"),  # so is the Sunday after it
        ("2022-01-30 18:00", "2022-02-07 09:00"),  # Spring Festival
        ("2022-02-03 10:00", "2022-02-07 09:00"),
        ("2022-12-31 10:00", "2023-01-03 09:00"),  # New Year, known from the table of 2023
    ],
)
def test_mail_leaves_at_the_next_opening(instant: str, opening: str) -> None:
    assert OFFICE.next_opening(at(instant)) == at(opening)
    assert OFFICE.is_open(at(instant)) is (instant == opening)


def test_the_next_opening_after_the_last_table_names_the_missing_year() -> None:
    office = OfficeHours(ONLY_2022, ZONE)
    with pytest.raises(CalendarMissing, match="2023"):
        office.next_opening(at("2022-12-30 18:00"))


@given(st.datetimes(datetime(2022, 1, 1), datetime(2023, 12, 28), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_office_is_open_at_its_next_opening_and_at_no_time_before(instant: datetime) -> None:
    opening = OFFICE.next_opening(instant)
    assert opening >= instant
    assert OFFICE.is_open(opening)
    assert OFFICE.next_opening(opening) == opening
    if opening > instant:
        assert not OFFICE.is_open(opening - timedelta(seconds=1))
        middle = instant + (opening - instant) / 2
        assert not OFFICE.is_open(middle)
