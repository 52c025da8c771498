"""Periods of a plan's year: their names, their days, the same place in another period."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervision.domain.periods import (
    Every,
    Period,
    parse_period,
    period_containing,
    periods_of,
    same_place,
)

everies = st.sampled_from(list(Every))
days = st.dates(date(2000, 1, 1), date(2100, 12, 31))


@st.composite
def periods(draw: st.DrawFn) -> Period:
    every = draw(everies)
    return Period(draw(st.integers(2000, 2100)), every, draw(st.integers(1, 12 // every.months)))


@pytest.mark.parametrize(
    ("text", "every", "number", "first", "last", "label"),
    [
        ("2022", Every.YEAR, 1, (2022, 1, 1), (2022, 12, 31), "2022年度"),
        ("2022H1", Every.HALF_YEAR, 1, (2022, 1, 1), (2022, 6, 30), "2022年上半年"),
        ("2022H2", Every.HALF_YEAR, 2, (2022, 7, 1), (2022, 12, 31), "2022年下半年"),
        ("2022Q2", Every.QUARTER, 2, (2022, 4, 1), (2022, 6, 30), "2022年第二季度"),
        ("2022-02", Every.MONTH, 2, (2022, 2, 1), (2022, 2, 28), "2022年2月"),
        ("2024-02", Every.MONTH, 2, (2024, 2, 1), (2024, 2, 29), "2024年2月"),
    ],
)
def test_a_period_is_known_by_its_name(
    text: str,
    every: Every,
    number: int,
    first: tuple[int, int, int],
    last: tuple[int, int, int],
    label: str,
) -> None:
    period = parse_period(text)
    assert (period.every, period.number, str(period)) == (every, number, text)
    assert (period.first_day, period.last_day) == (date(*first), date(*last))
    assert period.label == label


@pytest.mark.parametrize(
    "text",
    [
        "",
        "22",
        "2022Q5",
        "2022Q0",
        "2022H3",
        "2022-13",
        "2022-6",
        "2022q2",
        "2022 Q2",
        "Q2",
        "全年",
    ],
)
def test_what_is_no_period_is_refused_and_the_forms_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="2022H1, 2022Q2 or 2022-06"):
        parse_period(text)


@pytest.mark.parametrize("text", ["2022\n", "２０２２", "2022Q２"])
def test_only_plain_digits_and_nothing_after_them_name_a_period(text: str) -> None:
    with pytest.raises(ValueError):
        parse_period(text)


@given(periods())
def test_reading_what_was_written_gives_the_period_back(period: Period) -> None:
    assert parse_period(str(period)) == period


@given(periods(), st.data())
def test_every_day_of_a_period_lies_in_it(period: Period, data: st.DataObject) -> None:
    asked = data.draw(st.dates(period.first_day, period.last_day))
    assert period_containing(asked, period.every) == period


@given(days, everies)
def test_a_day_lies_between_the_first_and_last_day_of_its_period(asked: date, every: Every) -> None:
    period = period_containing(asked, every)
    assert period.first_day <= asked <= period.last_day


@given(st.integers(2000, 2100), everies)
def test_the_periods_of_a_year_follow_each_other_and_fill_it(year: int, every: Every) -> None:
    found = periods_of(year, every)
    assert found[0].first_day == date(year, 1, 1)
    assert found[-1].last_day == date(year, 12, 31)
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    for before, after in pairwise(found):
        assert after.first_day == before.last_day + timedelta(days=1)


def test_the_25th_of_a_quarters_last_month_is_that_in_every_quarter() -> None:
    quarters = periods_of(2022, Every.QUARTER)
    assert [same_place(date(2022, 6, 25), each) for each in quarters] == [
        date(2022, 3, 25),
        date(2022, 6, 25),
        date(2022, 9, 25),
        date(2022, 12, 25),
    ]


def test_a_31st_becomes_the_last_day_of_a_shorter_month() -> None:
    months = periods_of(2022, Every.MONTH)
    found = [same_place(date(2022, 1, 31), each) for each in months]
    assert found == [each.last_day for each in months]


@given(days, everies, st.data())
def test_the_same_place_lies_in_the_period_and_never_later_in_the_month(
    asked: date, every: Every, data: st.DataObject
) -> None:
    period = data.draw(st.sampled_from(periods_of(asked.year, every)))
    place = same_place(asked, period)
    assert period_containing(place, every) == period
    assert place.day <= asked.day
    assert same_place(asked, period_containing(asked, every)) == asked
