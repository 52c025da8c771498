"""Adopting a plan: once, again, changed; with the past as it was known then."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from rules.nodes import Faults
from supervision.domain.findings import Event, State
from supervision.domain.workdays import CalendarMissing
from supervision.errors import NotFound
from supervision.services.seed_calendar import days_of
from supervision.store import journal, plans
from supervision.store.columns import FAR_FUTURE
from supervision.store.tables import (
    AssignmentRow,
    CalendarYearRow,
    ObligationRow,
    PlanRow,
    UnitRow,
)
from tests.office import Office, a_submission, at
from tests.table_dump import difference, everything
from tests.works_pack import WORKS, changed, write_pack

ISSUED = at("2022-03-01 00:00")
MIDSUMMER = at("2022-07-01 12:00")
TABLES = ("unit", "assignment", "obligation")


@pytest.fixture
def adopted(office: Office, tmp_path: Path) -> Office:
    """An office that adopted the works plan, on each database; it is midsummer."""
    office.clock.now = MIDSUMMER
    office.adopt(write_pack(tmp_path / "first"))
    return office


@pytest.fixture
def adopt(adopted: Office, tmp_path: Path) -> Callable[..., Any]:
    """Adopts the plan with changes: adopt(units=…), adopt(plan={…})."""

    def act(**parts: Any) -> Any:
        return adopted.adopt(write_pack(tmp_path / "again", changed(**parts)))

    return act


def requirements(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """The plan's requirements; `A_R1={"title": …}` replaces keys of A-R1."""
    found = deepcopy(WORKS["plan"]["requirements"])
    for each in found:
        each.update(changes.get(each["id"].replace("-", "_"), {}))
    return list(found)


def units(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    return [each | changes.get(each["code"], {}) for each in WORKS["units"]]


def rows(office: Office, table: Any, *conditions: Any) -> list[Any]:
    with office.app.database.reading() as session:
        found = session.exec(select(table).where(*conditions).order_by(table.id)).all()
        session.expunge_all()
    return list(found)


def known(office: Office, table: Any, when: str, *conditions: Any) -> list[Any]:
    """The versions that were known at an instant."""
    return rows(
        office, table, table.recorded_at <= at(when), table.superseded_at > at(when), *conditions
    )


# --- The first time ------------------------------------------------------------------------------


def test_the_first_version_is_known_since_the_plan_was_issued(adopted: Office) -> None:
    for table in (PlanRow, UnitRow, AssignmentRow, ObligationRow):
        found = rows(adopted, table)
        assert {row.recorded_at for row in found} == {ISSUED}
        assert {row.superseded_at for row in found} == {FAR_FUTURE}
    with adopted.app.database.reading() as session:
        assert plans.current(session, "works-2022") is not None
        with pytest.raises(NotFound, match="not known at"):
            plans.in_force(session, "works-2022", as_of=MIDSUMMER, known_at=at("2022-02-28 12:00"))


def test_a_rehearsal_adopts_nothing_and_counts_everything(office: Office, tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack")
    before = everything(office.app.database)
    rehearsed = office.adopt(pack, dry_run=True)
    assert difference(before, everything(office.app.database)) == {}
    in_earnest = office.adopt(pack)
    assert (rehearsed.obligations, rehearsed.changes) == (
        in_earnest.obligations,
        in_earnest.changes,
    )
    assert rehearsed.changes["obligations"] == {
        "added": in_earnest.obligations,
        "changed": 0,
        "ended": 0,
    }


def test_adopting_the_same_pack_again_changes_nothing(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    before = everything(adopted.app.database)
    again = adopt()
    assert again.unchanged
    assert again.version == 1
    assert difference(before, everything(adopted.app.database)) == {}


def test_a_pack_with_faults_changes_nothing_and_names_them_all(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    before = everything(adopted.app.database)
    with pytest.raises(Faults) as caught:
        adopt(
            plan={"requirements": requirements(A_R1={"owed_by": {"category": ["部"]}})},
            units=units(EDU={"alias": ["教育局"]}),
            assignments=[{"clause": "Z", "unit": "ROAD", "role": "lead"}],
        )
    text = str(caught.value)
    for part in ("no unit is of category '部'", "unknown key 'alias'", "unknown clause 'Z'"):
        assert part in text
    assert difference(before, everything(adopted.app.database)) == {}


def test_a_pack_whose_days_have_no_table_changes_nothing(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    before = everything(adopted.app.database)
    far = requirements(D_E1={"due": {"date": "2025-12-31"}})
    # 31 December 2022 rolls into 2023
    for parts in (
        {"calendar": {"name": "china", "years": [2022, 2030]}},
        {"requirements": far, "calendar": {"name": "china", "years": [2022, 2023, 2025]}},
    ):
        with pytest.raises((CalendarMissing, NotFound, Faults), match=r"20(24|26|30)"):
            adopt(plan=parts)
        assert difference(before, everything(adopted.app.database)) == {}


# --- Versions ------------------------------------------------------------------------------------


def test_a_new_version_of_one_row_leaves_the_others_alone(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    adoption = adopt(units=units(EDU={"name": "区教育体育局"}))
    assert (adoption.version, adoption.unchanged) == (2, False)
    assert adoption.changes["units"] == {"added": 0, "changed": 1, "ended": 0}
    for table in ("assignments", "obligations"):
        assert adoption.changes[table] == {"added": 0, "changed": 0, "ended": 0}
    old, new = rows(adopted, UnitRow, UnitRow.code == "EDU")
    assert (old.superseded_at, new.recorded_at) == (MIDSUMMER, MIDSUMMER)
    assert (old.name, new.name) == ("区教育局", "区教育体育局")


def test_the_past_still_sees_the_old_quota_and_the_present_the_new(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    assignments = deepcopy(WORKS["assignments"])
    for each in assignments:
        if "quota" in each:
            each["quota"] = 15
    adopt(assignments=assignments)
    of_town = AssignmentRow.unit == "TWN-E", AssignmentRow.clause == "B"
    owed = ObligationRow.key == "B-T1/TWN-E/2022"
    for when, quota in (("2022-06-30", 20), ("2022-07-01 11:59", 20), ("2022-07-01 12:00", 15)):
        assert [row.quota for row in known(adopted, AssignmentRow, when, *of_town)] == [
            quota * 1_000_000
        ]
        assert [row.target for row in known(adopted, ObligationRow, when, owed)] == [
            quota * 1_000_000
        ]


def test_a_changed_due_date_makes_a_version_and_the_old_one_is_known_then(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    later = {"dates": ["2022-06-25", "2022-09-29", "2022-12-20"]}
    adoption = adopt(plan={"requirements": requirements(A_R1={"due": later})})
    # the report and its companion: 4 units and 2
    assert adoption.changes["obligations"] == {"added": 0, "changed": 6, "ended": 0}
    key = ObligationRow.key == "A-R1/EDU/2022Q3"
    assert known(adopted, ObligationRow, "2022-06-30", key)[0].due_on == date(2022, 9, 26)
    assert known(adopted, ObligationRow, "2022-07-02", key)[0].due_on == date(2022, 9, 29)
    with adopted.app.database.reading() as session:
        for when in ("2022-06-30", "2022-07-02"):
            assert plans.count_obligations(session, "works-2022", known_at=at(when)) == 42


def test_a_unit_that_is_gone_ends_and_so_does_what_it_owed(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    without = [each for each in WORKS["units"] if each["code"] != "PARK"]
    fewer = requirements(
        D_M2={"owed_by": {"category": ["局"]}}, D_E1={"owed_by": {"units": ["EDU"]}}
    )
    adoption = adopt(units=without, plan={"requirements": fewer})
    assert adoption.changes["units"] == {"added": 0, "changed": 0, "ended": 1}
    assert adoption.changes["obligations"] == {"added": 0, "changed": 0, "ended": 4}
    park = ObligationRow.unit == "PARK"
    assert len(known(adopted, ObligationRow, "2022-06-30", park)) == 4
    assert known(adopted, ObligationRow, "2022-07-02", park) == []


def test_each_version_of_the_plan_is_in_force_in_its_time(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    adopt(plan={"title": "某区2022年工作安排（修订）"})
    with adopted.app.database.reading() as session:
        titles = [
            plans.in_force(
                session, "works-2022", as_of=at("2022-06-30"), known_at=at(known_at)
            ).pack.plan.title
            for known_at in ("2022-06-30", "2022-07-01 11:59", "2022-07-01 12:00", "2022-12-31")
        ]
    assert titles == ["某区2022年工作安排"] * 2 + ["某区2022年工作安排（修订）"] * 2


def test_changing_and_changing_back_are_two_new_versions(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    adopt(units=units(EDU={"name": "区教育体育局"}))
    adopted.clock.now = at("2022-08-01 12:00")
    assert adopt().version == 3
    assert [row.name for row in rows(adopted, UnitRow, UnitRow.code == "EDU")] == [
        "区教育局",
        "区教育体育局",
        "区教育局",
    ]
    current = rows(adopted, PlanRow, col(PlanRow.superseded_at) == FAR_FUTURE)
    assert [row.version for row in current] == [3]


def test_only_changed_rules_make_a_version_of_the_plan_and_of_no_row(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    milder = deepcopy(WORKS["rules"])
    milder[0]["severity"] = [{"level": "minor"}]
    adoption = adopt(rules=milder)
    assert adoption.version == 2
    assert all(set(counts.values()) == {0} for counts in adoption.changes.values())
    first, second = rows(adopted, PlanRow)
    assert first.ruleset != second.ruleset


def test_a_run_of_the_past_uses_the_plan_that_was_known_then(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    later = {"dates": ["2022-06-30", "2022-09-25", "2022-12-20"]}
    adopt(plan={"requirements": requirements(A_R1={"due": later})})
    adopted.clock.now = at("2022-08-01 12:00")
    then = adopted.evaluate("2022-06-29", known_at="2022-06-29", dry_run=True)
    now = adopted.evaluate("2022-06-29", dry_run=True)
    assert (then.counts["opened"], now.counts["opened"]) == (4, 0)


def test_every_adoption_is_in_the_journal_with_who_and_what_changed(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    adopt(units=units(EDU={"name": "区教育体育局"}))
    adopt(units=units(EDU={"name": "区教育体育局"}))
    with adopted.app.database.reading() as session:
        entries = [
            (row.actor, row.subject)
            for row in journal.recent(session, 9)
            if row.action == "plan adopted"
        ]
    assert entries == [("office", "works-2022 v1"), ("office", "works-2022 v2")]
    assert adopted.journal_break() is None


# --- Units and their filings ---------------------------------------------------------------------


def test_a_renamed_unit_keeps_its_history_and_its_findings(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    adopted.submit(a_submission("A-P1", "EDU", "2022", "2022-03-20"))
    adopted.evaluate("2022-06-30", known_at="2022-06-30")
    finding = adopted.finding("late", "EDU")
    adopt(units=units(EDU={"name": "区教育体育局", "aliases": ["区教育局"]}))
    adopted.clock.now = at("2022-08-01 12:00")
    run = adopted.evaluate("2022-07-15")
    assert (run.counts["opened"], run.counts["kept"]) == (0, 4)
    assert adopted.finding("late", "EDU").number == finding.number
    adopted.submit(a_submission("A-R1", "区教育局", "2022Q2", "2022-07-18 10:00"))
    adopted.evaluate("2022-07-19")
    assert State(adopted.finding("late", "EDU").state) is State.CLEARED


def test_a_finding_of_what_is_no_longer_owed_is_not_called_rectified(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    adopted.evaluate("2022-06-30", known_at="2022-06-30")
    number = adopted.finding("late", "EDU").number
    adopted.decide(Event.CONFIRM, number, on="2022-06-30")
    fewer = requirements(
        A_R1={"owed_by": {"category": ["乡"]}}, A_R2={"owed_by": {"category": ["乡"]}}
    )
    adopt(plan={"requirements": fewer})
    adopted.clock.now = at("2022-08-01 12:00")
    adopted.evaluate("2022-07-15")
    assert State(adopted.finding("late", "EDU").state) is State.CONFIRMED


def test_a_finding_of_a_rule_that_is_withdrawn_is_not_called_rectified(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    adopted.evaluate("2022-06-30", known_at="2022-06-30")
    number = adopted.finding("late", "EDU").number
    adopted.decide(Event.CONFIRM, number, on="2022-06-30")
    adopt(rules=WORKS["rules"][1:])
    adopted.clock.now = at("2022-08-01 12:00")
    adopted.submit(a_submission("A-R1", "EDU", "2022Q2", "2022-07-10 10:00"))
    adopted.evaluate("2022-07-15")
    assert State(adopted.finding("late", "EDU").state) is State.CONFIRMED


# --- Working days --------------------------------------------------------------------------------


def close_on_30_june(office: Office) -> None:
    """The office closes on a Thursday, for a flood."""
    with office.app.database.transaction() as session:
        table = [
            (day, works and day != date(2022, 6, 30), label) for day, works, label in days_of(2022)
        ]
        plans.save_calendar_year(session, 2022, "防汛", table)


def test_the_calendar_is_seeded_once_and_an_offices_own_day_survives(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    close_on_30_june(adopted)
    adopt(units=units(EDU={"name": "区教育体育局"}))
    with adopted.app.database.reading() as session:
        year = session.get(CalendarYearRow, 2022)
        assert year is not None
        assert year.source == "防汛"
        calendar = plans.load_calendar(session, 2022)
    assert len(calendar.years[2022]) == 248
    assert not calendar.is_workday(date(2022, 6, 30))


def test_adopting_again_moves_due_dates_to_the_offices_own_working_days(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    close_on_30_june(adopted)
    adoption = adopt()
    assert (adoption.version, adoption.unchanged) == (1, False)
    assert adoption.changes["obligations"]["changed"] > 0
    key = ObligationRow.key == "D-M1/EDU/2022"
    assert known(adopted, ObligationRow, "2022-06-30", key)[0].due_on == date(2022, 6, 30)
    assert known(adopted, ObligationRow, "2022-07-02", key)[0].due_on == date(2022, 7, 1)
    before = everything(adopted.app.database)
    assert adopt().unchanged
    assert difference(before, everything(adopted.app.database)) == {}


def test_days_overdue_are_counted_in_the_offices_own_working_days(
    adopted: Office, adopt: Callable[..., Any]
) -> None:
    close_on_30_june(adopted)
    adopt()
    adopted.clock.now = at("2022-12-31 12:00")
    # due on Monday, 26 September, long after the day that fell out
    run = adopted.evaluate("2022-09-28 12:00")
    third_quarter = [each for each in run.problems if each.period == "2022Q3"]
    assert len(third_quarter) == 4
    assert all("逾期2个工作日" in each.message for each in third_quarter)


def test_the_years_a_plan_needs_are_seeded_from_the_first_adoption(adopted: Office) -> None:
    with adopted.app.database.reading() as session:
        years = [(row.year, row.source) for row in plans.calendar_years(session)]
    assert [year for year, _ in years] == [2021, 2022, 2023]
    assert all("国务院办公厅" in source for _, source in years)
