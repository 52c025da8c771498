"""Everything a database holds, to be compared as a whole."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from supervision.store.columns import metadata
from supervision.store.session import Database

Dump = dict[str, list[tuple[Any, ...]]]


def everything(database: Database, *, but: Collection[str] = ()) -> Dump:
    """Return all rows of all tables (except `but`), in a fixed order."""
    with database.reading() as session:
        connection = session.connection()
        return {
            table.name: sorted(map(tuple, connection.execute(table.select())), key=repr)
            for table in metadata.sorted_tables
            if table.name not in but
        }


def difference(before: Dump, after: Dump) -> dict[str, tuple[int, int]]:
    """Return the tables that differ, each with its rows only before and only after."""
    return {
        name: (
            len([row for row in before[name] if row not in after[name]]),
            len([row for row in after[name] if row not in before[name]]),
        )
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }
