"""From a plan to what each unit owes: who, for which period, due when, skipped why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from supervision.domain.obligations import DIRECT, Obligation, owed
from supervision.domain.pack import Pack, requirements_without_lead
from supervision.domain.plan import Plan
from supervision.domain.units import Assignment, Unit, Units
from supervision.domain.workdays import CalendarMissing, WorkCalendar, workdays_from
from supervision.services.seed_calendar import days_of

CALENDAR = WorkCalendar(
    2022,
    workdays_from((day, works) for year in (2022, 2023) for day, works, _ in days_of(year)),
)
UNITS = (
    Unit(code="HRSS", name="区人社局", category="部门"),
    Unit(code="EDU", name="区教育局", category="部门"),
    Unit(code="TWN-E", name="东乡", category="乡"),
    Unit(code="TWN-W", name="西乡", category="乡"),
    Unit(code="PARK", name="工业园", category="工业园"),
)


def a_requirement(identifier: str = "A1-O1", **parts: Any) -> dict[str, Any]:
    """A report of the year that everybody owes on 30 June; `parts` replace or add keys."""
    whole: dict[str, Any] = {
        "id": identifier,
        "clause": "A1",
        "title": "事项",
        "kind": "report",
        "basis": "explicit",
        "owed_by": "all",
        "due": {"date": "2022-06-30"},
    }
    whole |= parts
    return {key: value for key, value in whole.items() if value is not None}


def a_target(identifier: str = "A1-T1", **parts: Any) -> dict[str, Any]:
    whole = {
        "kind": "target",
        "owed_by": "lead",
        "target": {"at_least": 300, "unit": "名"},
        "measure": {"ledger": "rows", "count": True},
    }
    return a_requirement(identifier, **(whole | parts))


def a_pack(
    *requirements: Mapping[str, Any],
    assigned: Sequence[tuple[str, str, str, str | None]] = (),
    issued_on: str = "2022-03-01",
    units: tuple[Unit, ...] = UNITS,
) -> Pack:
    """A pack with clauses A1 and A2; `assigned`: (clause, unit, role, quota)."""
    plan = Plan.model_validate(
        {
            "plan": "p",
            "title": "安排",
            "issued_on": issued_on,
            "year": 2022,
            "zone": "Asia/Shanghai",
            "calendar": "china",
            "source": "source.txt",
            "clauses": [
                {"id": name, "path": name, "title": name, "text": name} for name in ("A1", "A2")
            ],
            "requirements": list(requirements),
        }
    )
    assignments = tuple(
        Assignment.model_validate({"clause": clause, "unit": unit, "role": role, "quota": quota})
        for clause, unit, role, quota in assigned
    )
    return Pack(
        plan=plan,
        units=Units(units),
        assignments=assignments,
        ledgers={},
        revision="r",
        skipped=requirements_without_lead(plan.requirements, assignments),
    )


def obligations(pack: Pack) -> dict[str, Obligation]:
    return {each.key: each for each in owed(pack, CALENDAR).obligations}


def owers(pack: Pack, requirement: str = "A1-O1") -> dict[str, str]:
    """Unit → role of those who owe a requirement."""
    found = owed(pack, CALENDAR).obligations
    return {each.unit: each.role for each in found if each.requirement == requirement}


def dues(pack: Pack, requirement: str = "A1-O1", unit: str = "EDU") -> dict[str, date]:
    """Period → due day of what a unit owes under a requirement."""
    found = owed(pack, CALENDAR).obligations
    return {
        str(each.period): each.due_on
        for each in found
        if (each.requirement, each.unit) == (requirement, unit)
    }


# --- Who -----------------------------------------------------------------------------------------


def test_all_means_every_unit_even_one_without_a_task() -> None:
    pack = a_pack(a_requirement(), assigned=[("A1", "HRSS", "lead", None)])
    assert owers(pack) == {
        "HRSS": "lead",
        "EDU": DIRECT,
        "TWN-E": DIRECT,
        "TWN-W": DIRECT,
        "PARK": DIRECT,
    }


def test_a_category_means_its_units_and_no_others() -> None:
    pack = a_pack(a_requirement(owed_by={"category": ["乡", "工业园"]}))
    assert set(owers(pack)) == {"TWN-E", "TWN-W", "PARK"}


def test_categories_and_named_units_are_added_up_and_nobody_owes_twice() -> None:
    by = {"category": ["乡"], "units": ["EDU", "TWN-E"]}
    found = [each.unit for each in owed(a_pack(a_requirement(owed_by=by)), CALENDAR).obligations]
    assert found == ["EDU", "TWN-E", "TWN-W"]


def test_lead_means_the_clauses_lead_unit_alone() -> None:
    assigned = [
        ("A1", "HRSS", "lead", None),
        ("A1", "EDU", "co", None),
        ("A2", "PARK", "lead", None),
    ]
    assert owers(a_pack(a_requirement(owed_by="lead"), assigned=assigned)) == {"HRSS": "lead"}


def test_co_means_the_clauses_cooperating_units_alone() -> None:
    assigned = [("A1", "HRSS", "lead", None), ("A1", "EDU", "co", None), ("A2", "PARK", "co", None)]
    assert owers(a_pack(a_requirement(owed_by="co"), assigned=assigned)) == {"EDU": "co"}


def test_a_cooperating_unit_owes_a_target_only_with_a_share_of_it() -> None:
    assigned = [
        ("A1", "HRSS", "lead", None),
        ("A1", "TWN-E", "co", "200"),
        ("A1", "TWN-W", "co", "100"),
        ("A1", "EDU", "co", None),
    ]
    found = obligations(a_pack(a_target(owed_by={"lead": True, "co": True}), assigned=assigned))
    assert {each.unit: each.target for each in found.values()} == {
        "HRSS": Decimal(300),
        "TWN-E": Decimal(200),
        "TWN-W": Decimal(100),
    }


def test_a_cooperating_unit_without_a_share_owes_a_target_that_names_it() -> None:
    assigned = [("A1", "HRSS", "lead", None), ("A1", "EDU", "co", None)]
    by = {"co": True, "units": ["EDU"]}
    found = obligations(a_pack(a_target(owed_by=by), assigned=assigned))
    assert [(each.unit, each.target) for each in found.values()] == [("EDU", Decimal(300))]


def test_a_share_of_another_clause_is_no_share_of_this_one() -> None:
    assigned = [("A1", "EDU", "co", None), ("A2", "EDU", "co", "7"), ("A1", "HRSS", "lead", None)]
    found = obligations(a_pack(a_target(owed_by="co"), assigned=assigned))
    assert found == {}


def test_a_band_around_a_number_is_for_the_whole_and_a_share_is_a_floor() -> None:
    assigned = [("A1", "HRSS", "lead", None), ("A1", "TWN-E", "co", "100")]
    target = a_target(owed_by={"lead": True, "co": True}, target={"about": 100, "unit": "名"})
    found = obligations(a_pack(target, assigned=assigned))
    assert {each.unit: each.about for each in found.values()} == {"HRSS": True, "TWN-E": False}


def test_what_is_no_target_has_no_number_even_with_a_quota_on_the_clause() -> None:
    pack = a_pack(a_requirement(owed_by="co"), assigned=[("A1", "EDU", "co", "5")])
    assert [each.target for each in obligations(pack).values()] == [None]


# --- When ----------------------------------------------------------------------------------------


def test_a_due_date_that_is_no_working_day_rolls_forward() -> None:
    assert dues(a_pack(a_requirement(due={"date": "2022-06-25"}))) == {"2022": date(2022, 6, 27)}


def test_a_due_date_rolls_into_the_next_year_and_stays_of_its_period() -> None:
    found = dues(a_pack(a_requirement(due={"date": "2022-12-31"})))
    assert found == {"2022": date(2023, 1, 3)}


def test_without_the_next_years_table_that_is_an_error_that_names_the_year() -> None:
    only_2022 = WorkCalendar(2022, {2022: CALENDAR.years[2022]})
    with pytest.raises(CalendarMissing, match="2023"):
        owed(a_pack(a_requirement(due={"date": "2022-12-31"})), only_2022)


def test_working_days_after_the_issue_do_not_count_the_day_of_issue() -> None:
    pack = a_pack(a_requirement(due={"after_issue_workdays": 15}), issued_on="2022-04-01")
    assert dues(pack) == {"2022": date(2022, 4, 24)}


def test_one_date_with_every_stands_in_each_period_after_the_issue() -> None:
    every_quarter = a_requirement(every="quarter", due={"date": "2022-06-25"})
    assert dues(a_pack(every_quarter, issued_on="2022-03-26")) == {
        "2022Q2": date(2022, 6, 27),
        "2022Q3": date(2022, 9, 26),
        "2022Q4": date(2022, 12, 26),
    }


def test_what_falls_due_on_the_day_of_issue_is_owed_and_the_day_before_is_not() -> None:
    every_quarter = a_requirement(every="quarter", due={"date": "2022-06-25"})
    assert "2022Q1" in dues(a_pack(every_quarter, issued_on="2022-03-25"))
    assert "2022Q1" not in dues(a_pack(every_quarter, issued_on="2022-03-26"))


def test_listed_dates_each_lie_in_their_period_and_there_are_no_others() -> None:
    listed = a_requirement(every="quarter", due={"dates": ["2022-06-25", "2022-12-20"]})
    assert dues(a_pack(listed)) == {"2022Q2": date(2022, 6, 27), "2022Q4": date(2022, 12, 20)}


def test_a_monthly_duty_of_the_31st_is_due_on_each_months_last_working_day_or_after() -> None:
    monthly = a_requirement(every="month", due={"date": "2022-05-31"})
    found = dues(a_pack(monthly))
    assert list(found) == [f"2022-{month:02}" for month in range(3, 13)]
    assert found["2022-06"] == date(2022, 6, 30)
    assert found["2022-09"] == date(2022, 9, 30)
    assert found["2022-04"] == date(2022, 5, 5)  # 30 April to 4 May: Labour Day


def test_half_years_are_periods_of_their_own() -> None:
    halves = a_requirement(every="half-year", due={"date": "2022-06-30"})
    assert dues(a_pack(halves)) == {"2022H1": date(2022, 6, 30), "2022H2": date(2022, 12, 30)}


# --- Filed with another --------------------------------------------------------------------------


def test_a_companion_has_obligations_of_its_own_and_its_hosts_filing_and_due_date() -> None:
    host = a_requirement("A1-R1", every="quarter", due={"dates": ["2022-06-25", "2022-09-25"]})
    companion = a_requirement("A1-R2", due=None, filed_with="A1-R1")
    found = obligations(a_pack(companion, host))
    second = found["A1-R2/EDU/2022Q2"]
    assert second.companion
    assert second.filing_key == "A1-R1/EDU/2022Q2"
    assert second.due_on == date(2022, 6, 27)
    assert not found["A1-R1/EDU/2022Q2"].companion
    assert len(found) == 2 * 2 * len(UNITS)


def test_a_companion_of_two_hosts_is_owed_with_each_filing() -> None:
    quarterly = a_requirement("A1-R1", every="quarter", due={"dates": ["2022-06-25"]})
    yearly = a_requirement("A1-R2", due={"date": "2022-12-20"})
    companion = a_requirement("A1-R3", due=None, filed_with=["A1-R1", "A1-R2"])
    found = obligations(a_pack(quarterly, yearly, companion))
    assert found["A1-R3/EDU/2022Q2"].filing_key == "A1-R1/EDU/2022Q2"
    assert found["A1-R3/EDU/2022"].filing_key == "A1-R2/EDU/2022"


def test_a_companion_is_owed_only_by_those_who_owe_both() -> None:
    host = a_requirement("A1-R1", owed_by={"category": ["部门"]})
    companion = a_requirement(
        "A1-R2", due=None, filed_with="A1-R1", owed_by={"units": ["EDU", "TWN-E"]}
    )
    assert set(owers(a_pack(host, companion), "A1-R2")) == {"EDU"}


def test_a_companion_target_takes_the_number_of_its_own() -> None:
    host = a_target("A1-T1", due={"date": "2022-11-30"})
    companion = a_target(
        "A1-T2", due=None, filed_with="A1-T1", target={"at_least": 2, "unit": "层"}
    )
    found = obligations(a_pack(host, companion, assigned=[("A1", "HRSS", "lead", None)]))
    assert found["A1-T2/HRSS/2022"].target == Decimal(2)


# --- Nothing owed --------------------------------------------------------------------------------


def test_a_qualitative_requirement_is_owed_by_nobody_and_not_skipped() -> None:
    result = owed(a_pack(a_requirement(kind="qualitative", due=None)), CALENDAR)
    assert result.obligations == ()
    assert result.skipped == ()


def test_a_requirement_whose_clause_has_no_lead_is_skipped_and_says_so() -> None:
    result = owed(a_pack(a_requirement(owed_by="lead")), CALENDAR)
    assert result.obligations == ()
    assert [(each.requirement, each.reason) for each in result.skipped] == [
        ("A1-O1", "no lead unit assigned")
    ]


def test_a_companion_of_a_requirement_without_lead_is_skipped_too() -> None:
    host = a_requirement("A1-R1", owed_by="lead")
    companion = a_requirement("A1-R2", due=None, filed_with="A1-R1", owed_by="lead")
    result = owed(a_pack(host, companion), CALENDAR)
    assert {each.requirement for each in result.skipped} == {"A1-R1", "A1-R2"}


def test_a_requirement_that_nobody_owes_for_another_reason_is_skipped_too() -> None:
    assigned = [("A1", "HRSS", "lead", None)]
    result = owed(a_pack(a_requirement(owed_by="co"), assigned=assigned), CALENDAR)
    assert [(each.requirement, each.reason) for each in result.skipped] == [
        ("A1-O1", "no unit owes it")
    ]


def test_each_requirement_either_yields_obligations_or_is_skipped_or_is_qualitative() -> None:
    requirements = [
        a_requirement("A1-R1"),
        a_requirement("A1-R2", owed_by="lead"),
        a_requirement("A1-R3", owed_by="co"),
        a_requirement("A1-R4", due=None, kind="qualitative"),
        a_requirement("A1-R5", due=None, filed_with="A1-R2"),
        a_requirement("A1-R6", due=None, filed_with="A1-R1", owed_by={"units": ["PARK"]}),
    ]
    result = owed(a_pack(*requirements), CALENDAR)
    yielding = {each.requirement for each in result.obligations}
    skipped = {each.requirement for each in result.skipped}
    assert yielding == {"A1-R1", "A1-R6"}
    assert skipped == {"A1-R2", "A1-R3", "A1-R5"}


def test_keys_are_unique_and_every_due_date_is_a_working_day() -> None:
    pack = a_pack(
        a_requirement("A1-R1", every="month", due={"date": "2022-01-31"}),
        a_requirement("A1-R2", due=None, filed_with="A1-R1"),
        a_requirement("A1-R3", every="quarter", due={"date": "2022-03-31"}),
    )
    found = owed(pack, CALENDAR).obligations
    assert len({each.key for each in found}) == len(found)
    assert all(CALENDAR.is_workday(each.due_on) for each in found)
    assert {each.filing_key for each in found} <= {each.key for each in found}
