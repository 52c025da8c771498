"""An office with the works plan that many tests share: each finds it as if just adopted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from supervision.store.columns import metadata
from supervision.store.session import Database
from tests.office import END_OF_2023, Office, at
from tests.postgres import new_database
from tests.works_pack import write_pack

OF_THE_PLAN = frozenset(
    {"plan", "ruleset", "calendar_year", "calendar_day", "unit", "assignment", "obligation"}
)
KINDS = ("sqlite", "postgresql")


@contextmanager
def works_office(kind: str, folder: Path) -> Iterator[Office]:
    """Yield an office that has adopted the works plan, on a new database of this kind."""
    sqlite = f"sqlite:///{folder / 'supervision.db'}"
    office = Office(sqlite if kind == "sqlite" else new_database())
    try:
        office.adopt(write_pack(folder / "pack"))
        forget(office)
        yield office
    finally:
        office.close()


def forget(office: Office) -> None:
    """Take away all that happened since the plan was adopted, the journal too."""
    delete_all(office.app.database)
    office.clock.now = at(END_OF_2023)
    office.transport.sent.clear()


def delete_all(database: Database) -> None:
    with database.short() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name not in OF_THE_PLAN:
                connection.execute(table.delete())
