"""Connections and transactions, on SQLite and PostgreSQL alike.

Every write goes through `Database.transaction`: writers stand in line, so that the journal is one
chain and a run sees the same data from its first query to its last.  SQLite does that with BEGIN
IMMEDIATE, PostgreSQL with a table lock taken before the transaction's snapshot.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlmodel import Session

from supervision.config import without_password
from supervision.errors import ConfigurationError, StoreError

__all__ = ["Database", "Session"]

BUSY_SECONDS = 60
_READING = "supervision_reading"


class Database:
    """One database; nothing is opened before the first use."""

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise ConfigurationError(
                f"SUPERVISION_DATABASE_URL is not a database URL: {without_password(url)!r}; "
                "write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
            ) from None
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ConfigurationError(
                f"SUPERVISION_DATABASE_URL names {parsed.get_backend_name()!r}; "
                "only sqlite and postgresql are supported"
            )
        self.shown_url = parsed.render_as_string(hide_password=True)
        self.dialect = parsed.get_backend_name()
        self.sql_dialect: Literal["sqlite", "postgres"] = (
            "postgres" if self.dialect == "postgresql" else "sqlite"
        )
        connect_args: dict[str, Any] = (
            {"timeout": BUSY_SECONDS} if self.dialect == "sqlite" else {"connect_timeout": 10}
        )
        try:
            self.engine: Engine = create_engine(parsed, connect_args=connect_args)
        except (NoSuchModuleError, ArgumentError, ModuleNotFoundError) as error:
            raise ConfigurationError(f"SUPERVISION_DATABASE_URL cannot be used: {error}") from None
        if self.dialect == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            event.listen(self.engine, "connect", _prepare_postgresql)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Yield a session that commits as a whole or not at all, alone among writers."""
        with self._errors(), self.engine.connect() as connection:
            if self.dialect == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                if self.dialect == "postgresql":
                    # LOCK TABLE takes no snapshot: the first query after it does
                    connection.execute(text("LOCK TABLE journal_head IN EXCLUSIVE MODE"))
                with Session(bind=connection, autoflush=False) as session:
                    yield session
                    session.flush()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session for reading; every query in it sees the same data."""
        with self._errors(), self.engine.connect() as connection:
            options: dict[str, Any] = {_READING: True}
            if self.dialect == "postgresql":
                options["isolation_level"] = "REPEATABLE READ"
            connection = connection.execution_options(**options)
            with connection.begin(), Session(bind=connection, autoflush=False) as session:
                yield session

    @contextmanager
    def short(self) -> Iterator[Connection]:
        """Yield a connection for one statement that stands alone (a claim, a lease)."""
        with self._errors(), self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            first = str(error.orig).strip().split("\n")[0]
            raise StoreError(
                f"the database {self.shown_url} cannot be used: {first}; "
                "check SUPERVISION_DATABASE_URL, then `supervision doctor`"
            ) from error
        except DBAPIError as error:
            first = str(error.orig).strip().split("\n")[0]
            if "does not exist" in first or "no such" in first:
                raise StoreError(
                    f"the database {self.shown_url} has another schema: {first}; "
                    "run `supervision db upgrade`"
                ) from error
            if "not a database" in first or "malformed" in first:
                raise StoreError(
                    f"{self.shown_url} is no database, or a damaged one: {first}; "
                    "check SUPERVISION_DATABASE_URL"
                ) from error
            raise


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours to send, see _begin_sqlite
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "foreign_keys=ON",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "cache_size=-65536",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_postgresql(connection: Any, _record: object) -> None:
    # The facts queries are long texts over few rows: to compile them, or to plan them anew each
    # time, takes longer than to run them.
    with connection.cursor() as cursor:
        cursor.execute("SET jit = off")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
