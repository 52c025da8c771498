"""The database knows how large its tables are before a run asks it for facts."""

from __future__ import annotations

from pathlib import Path

from supervision.store import statistics
from tests.benchmarks.district import AS_OF, make_district
from tests.office import Office


def test_a_run_lets_the_database_take_stock_when_its_tables_have_grown(
    office: Office, tmp_path: Path
) -> None:
    make_district(office, tmp_path / "pack", obligations=3_000, taking_stock=False)
    database = office.app.database
    office.evaluate(AS_OF)
    assert not statistics.keep_up(database), "the run has seen to it"


def test_one_units_run_and_a_small_district_leave_it_at_that(
    sqlite_office: Office, tmp_path: Path
) -> None:
    make_district(sqlite_office, tmp_path / "pack", obligations=1, taking_stock=False)
    sqlite_office.evaluate(AS_OF)
    with sqlite_office.app.database.short() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars().all()
    assert "sqlite_stat1" not in tables
