"""The schema: migrations make the tables, CHECKs hold the enumerations, nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Date, Float, Integer, MetaData, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.schema import Column, Table
from typer.testing import CliRunner

from rules.vocabulary import Level
from supervision.domain.findings import Event, State
from supervision.domain.notices import DigestState, NoticeState
from supervision.domain.runs import Mode, RunStatus
from supervision.domain.submissions import Decision
from supervision.domain.units import Role
from supervision.errors import StoreError, SupervisionError
from supervision.store import schema
from supervision.store.columns import Instant, metadata
from supervision.store.session import Database
from tests.postgres import new_database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database of each kind."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def migrated(database: Database) -> Database:
    schema.upgrade(database)
    return database


def table_names(database: Database) -> set[str]:
    with database.short() as connection:
        return set(inspect(connection).get_table_names())


# --- Migrations ----------------------------------------------------------------------------------


def test_migrations_up_to_head_make_exactly_the_tables(migrated: Database) -> None:
    assert schema.differences(migrated) == []
    assert table_names(migrated) == set(metadata.tables) | {"alembic_version"}
    assert schema.current(migrated) == schema.newest()


def test_each_change_by_hand_is_one_more_difference(migrated: Database) -> None:
    found = []
    for change in (
        "ALTER TABLE finding ADD COLUMN mood VARCHAR",
        "DROP INDEX ix_notice_item",
        "ALTER TABLE unit DROP COLUMN name",
        "CREATE TABLE stray (id INTEGER PRIMARY KEY)",
    ):
        with migrated.short() as connection:
            connection.execute(text(change))
        found.append(len(schema.differences(migrated)))
    assert found == [1, 2, 3, 4]


def test_down_to_base_leaves_nothing_and_up_again_makes_all(migrated: Database) -> None:
    schema.downgrade(migrated, "base")
    assert table_names(migrated) <= {"alembic_version"}
    if migrated.dialect == "postgresql":
        with migrated.short() as connection:
            left = connection.execute(
                text(
                    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                    " AND relname NOT LIKE 'alembic_version%'"
                    " UNION ALL SELECT typname FROM pg_type"
                    " WHERE typnamespace = 'public'::regnamespace"
                    " AND typname NOT LIKE '%alembic_version'"
                )
            ).all()
        assert left == []
    schema.upgrade(migrated)
    assert schema.differences(migrated) == []


def test_upgrading_twice_changes_nothing(migrated: Database) -> None:
    with migrated.short() as connection:
        connection.execute(text("INSERT INTO calendar_year (year, source) VALUES (2022, 's')"))
    schema.upgrade(migrated)
    schema.require(migrated)
    with migrated.short() as connection:
        kept = connection.execute(text("SELECT year FROM calendar_year")).all()
    assert [row[0] for row in kept] == [2022]


def test_an_empty_database_gets_the_schema_by_itself(database: Database) -> None:
    schema.require(database)
    assert schema.current(database) == schema.newest()


# --- Databases of something or somebody else -----------------------------------------------------


def is_one_sentence(error: SupervisionError) -> bool:
    return "\n" not in str(error) and "Traceback" not in str(error)


def test_a_database_with_tables_of_something_else_is_refused_and_left_alone(
    database: Database,
) -> None:
    with database.short() as connection:
        for name in ("kunden", "artikel", "lager", "rechnung"):
            connection.execute(text(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY)"))
    with pytest.raises(StoreError, match=r"artikel, kunden, lager .*SUPERVISION_DATABASE_URL") as (
        caught
    ):
        schema.require(database)
    assert is_one_sentence(caught.value)
    assert table_names(database) == {"kunden", "artikel", "lager", "rechnung"}


def of_another_revision(database: Database) -> None:
    with database.short() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))


def test_a_database_of_another_revision_is_refused(migrated: Database) -> None:
    of_another_revision(migrated)
    with pytest.raises(StoreError, match=r"at schema 9999, .* needs .*") as caught:
        schema.require(migrated)
    assert is_one_sentence(caught.value)


def test_a_revision_that_this_program_does_not_know_cannot_be_upgraded(migrated: Database) -> None:
    of_another_revision(migrated)
    with pytest.raises(StoreError, match="9999") as caught:
        schema.upgrade(migrated)
    assert is_one_sentence(caught.value)


def test_the_password_of_the_database_is_never_shown(tmp_path: Any) -> None:
    unreachable = Database(f"postgresql://office:secret@/nothing?host={tmp_path}")
    with pytest.raises(StoreError) as caught:
        schema.require(unreachable)
    assert "secret" not in str(caught.value)
    assert is_one_sentence(caught.value)


def test_doctor_tells_of_another_revision_without_a_traceback(
    migrated: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from supervision.cli.main import app

    of_another_revision(migrated)
    monkeypatch.setenv("SUPERVISION_DATABASE_URL", database_url)
    answer = CliRunner().invoke(app, ["doctor"])
    assert answer.exit_code == 1
    assert "版本 9999" in answer.output
    assert isinstance(answer.exception, SystemExit)


# --- CHECKs and foreign keys ---------------------------------------------------------------------

ENUMERATED: dict[tuple[str, str], Iterable[str]] = {
    ("assignment", "role"): Role,
    ("review", "decision"): Decision,
    ("run", "mode"): Mode,
    ("run", "status"): RunStatus,
    ("finding", "state"): State,
    ("finding", "severity"): Level,
    ("transition", "event"): Event,
    ("transition", "new"): State,
    ("digest", "state"): DigestState,
    ("notice", "state"): NoticeState,
    ("escalation", "state"): ("proposed", "approved", "rejected", "lapsed"),
}


def some_value(column: Column[Any]) -> object:
    """Anything of the column's type."""
    if isinstance(column.type, Instant):
        return datetime(2022, 7, 15, tzinfo=UTC)
    if isinstance(column.type, Date):
        return date(2022, 7, 15)
    if isinstance(column.type, Integer):
        return 1
    if isinstance(column.type, Float):
        return 1.0
    return {} if "JSON" in str(column.type) else "x"


def a_row(table: Table, **values: object) -> dict[str, object]:
    """A row with something in every column that must have it."""
    needed = {column.name: some_value(column) for column in table.columns if not column.nullable}
    for (name, column), choices in ENUMERATED.items():
        if name == table.name:
            needed[column] = str(next(iter(choices)))
    if table.name == "run_rule":
        needed |= dict.fromkeys(("satisfied", "undecided", "waived", "broken"), 0)
    return needed | values


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A database with the schema for tests that leave nothing in it."""
    folder = tmp_path_factory.mktemp("schema")
    sqlite = request.param == "sqlite"
    opened = Database(f"sqlite:///{folder / 'supervision.db'}" if sqlite else new_database())
    schema.upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def unbound(shared: Database) -> Iterator[Connection]:
    """A connection on which foreign keys wait for a commit that never comes."""
    with shared.engine.connect() as connection:
        connection.execute(
            text("PRAGMA defer_foreign_keys=ON")
            if shared.dialect == "sqlite"
            else text("SET LOCAL session_replication_role = replica")
        )
        yield connection
        connection.rollback()


def accepts(connection: Connection, table: Table, **values: object) -> bool:
    """Whether the database takes such a row, which is then taken back."""
    attempt = connection.begin_nested()
    try:
        connection.execute(table.insert().values(**a_row(table, **values)))
    except IntegrityError as error:
        if "check" not in str(error.orig).lower():
            raise
        return False
    finally:
        attempt.rollback()
    return True


@pytest.mark.parametrize(("table", "column"), sorted(ENUMERATED))
def test_a_column_takes_each_value_of_its_enumeration_and_no_other(
    unbound: Connection, table: str, column: str
) -> None:
    rows = metadata.tables[table]
    choices = [str(each) for each in ENUMERATED[table, column]]
    assert len(choices) > 1
    for value in choices:
        assert accepts(unbound, rows, **{column: value}), value
    for value in ("", "nonsense", choices[0].upper(), f" {choices[0]}"):
        assert not accepts(unbound, rows, **{column: value}), value


def test_every_check_of_the_database_is_one_that_this_test_knows(shared: Database) -> None:
    with shared.short() as connection:
        seen = inspect(connection)
        checks = {
            (table, str(check["name"]).removeprefix(f"ck_{table}_"))
            for table in metadata.tables
            for check in seen.get_check_constraints(table)
        }
    assert checks == set(ENUMERATED) | {("run_rule", "adds_up")}


def test_verdict_counts_that_do_not_add_up_are_refused(unbound: Connection) -> None:
    table = metadata.tables["run_rule"]
    adding_up = {"applicable": 15, "satisfied": 5, "violated": 4, "undecided": 3, "waived": 2}
    assert accepts(unbound, table, **adding_up, broken=1)
    for name in ("applicable", "satisfied", "violated", "undecided", "waived"):
        one_off = adding_up | {name: adding_up[name] + 1}
        assert not accepts(unbound, table, **one_off, broken=1), name
    assert not accepts(unbound, table, **adding_up, broken=2)


FOREIGN_KEYS = sorted(
    (table.name, constraint.column_keys[0])
    for table in metadata.tables.values()
    for constraint in table.foreign_key_constraints
)


def test_foreign_keys_are_on_for_every_connection(shared: Database) -> None:
    if shared.dialect == "sqlite":
        for _ in range(2):
            with shared.short() as connection:
                assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
            with shared.reading() as session:
                assert session.connection().execute(text("PRAGMA foreign_keys")).scalar_one() == 1
            shared.engine.dispose()


def test_a_row_that_points_nowhere_is_refused(shared: Database) -> None:
    for name, column in FOREIGN_KEYS:
        table = metadata.tables[name]
        target = next(iter(table.c[column].foreign_keys)).column
        row = a_row(table, **{column: "nowhere" if some_value(target) == "x" else 999_999})
        with pytest.raises(IntegrityError, match=r"(?i)foreign key"), shared.short() as each:
            each.execute(table.insert().values(**row))


def test_the_database_knows_the_foreign_keys_and_unique_constraints_of_the_tables(
    shared: Database,
) -> None:
    reflected = MetaData()
    with shared.short() as connection:
        reflected.reflect(connection)
    found = sorted(
        (table.name, constraint.column_keys[0])
        for table in reflected.tables.values()
        for constraint in table.foreign_key_constraints
    )
    assert found == FOREIGN_KEYS
