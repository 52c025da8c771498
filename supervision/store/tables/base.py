"""What all tables share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, insert
from sqlmodel import Field, Session, SQLModel

from supervision.store.columns import Instant, metadata


class Table(SQLModel):
    """Base of all tables."""

    metadata = metadata


def insert_all(session: Session, table: type[Table], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write many new rows by one statement; values that are left out get the table's defaults.

    Not by the mapped class: its insert would make a statement of its own of rows with other NULLs.
    """
    if rows:
        session.execute(insert(metadata.tables[str(table.__tablename__)]), rows)


def instant(**options: Any) -> Any:
    """A column for an instant, in UTC."""
    return Field(sa_type=Instant, **options)


def number(**options: Any) -> Any:
    """A column for an encoded decimal or another 64-bit integer."""
    return Field(sa_type=BigInteger, **options)
