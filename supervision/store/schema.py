"""The schema's version: made from nothing, upgraded, compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, inspect, text

from supervision.errors import StoreError
from supervision.store import tables  # noqa: F401 - defines the tables
from supervision.store.columns import metadata
from supervision.store.session import Database

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 7_233_001
"""The advisory lock under which PostgreSQL's schema is changed."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """Return the revision that this program expects."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current(database: Database) -> str | None:
    """Return the database's revision; None for an empty database."""
    with database.short() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`, in one transaction.

    StoreError if the database stands at a revision that this program does not know, or holds tables
    of another program.
    """
    try:
        with database.short() as connection:
            if database.dialect == "postgresql":
                # several processes may start at once; on SQLite the transaction itself keeps order
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK})
            _require_ours(database, connection)
            command.upgrade(_config(connection), revision)
    except CommandError as error:
        raise StoreError(
            f"the schema of {database.shown_url} cannot be upgraded: {error}; "
            "it was made by another version of this program, use that one"
        ) from error


def downgrade(database: Database, revision: str) -> None:
    """Take the schema back to `revision` (`base`: no tables), in one transaction."""
    with database.short() as connection:
        command.downgrade(_config(connection), revision)


def write_migration(database: Database, message: str) -> None:
    """Write the migration that leads from the database to the tables, for a developer to read."""
    with database.short() as connection:
        command.revision(_config(connection), message=message, autogenerate=True)


def require_ours(database: Database) -> None:
    """Raise StoreError if the database holds tables, and none of them is ours."""
    with database.short() as connection:
        _require_ours(database, connection)


def _require_ours(database: Database, connection: Connection) -> None:
    names = inspect(connection).get_table_names()
    if names and "alembic_version" not in names:
        raise StoreError(
            f"the database {database.shown_url} holds tables of something else "
            f"({', '.join(sorted(names)[:3])} …); name an empty one in SUPERVISION_DATABASE_URL"
        )


def require(database: Database) -> None:
    """Make the schema in an empty database; StoreError if another version stands there."""
    found = current(database)
    if found is None:
        upgrade(database)
    elif found != newest():
        raise StoreError(
            f"the database {database.shown_url} is at schema {found}, this program needs "
            f"{newest()}; run `supervision db upgrade`"
        )


def differences(database: Database) -> list[Any]:
    """Return what differs between the database and the tables; empty when they agree."""
    with database.short() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))
