"""What the database knows of the sizes of its tables.

Without it, or with what was true before a year's filings came in, a facts query takes minutes where
it should take seconds: the order in which tables are read is chosen by it.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from supervision.store.session import Database

SMALL = 2_000
"""Rows below which any order will do."""
GROWN = 4
"""How many times its known size a table may have grown."""
WATCHED = ("obligation", "submission", "finding", "notice")
LOOKED_AT = 1_000
"""Rows of each index that SQLite looks at: some ms, however large the table."""


def keep_up(database: Database) -> bool:
    """Let the database take stock where it has none or its tables have grown; return whether."""
    with database.short() as connection:
        known = _known(connection)
        stale = any(
            size > SMALL and size > GROWN * known.get(table, 0)
            for table, size in _sizes(connection).items()
        )
        if stale:
            if connection.dialect.name == "sqlite":
                connection.execute(text(f"PRAGMA analysis_limit = {LOOKED_AT}"))
            connection.execute(text("ANALYZE"))
        return stale


def _sizes(connection: Connection) -> dict[str, int]:
    """Return about how many rows each table has: its last number."""
    return {
        table: int(connection.execute(text(f"SELECT MAX(id) FROM {table}")).scalar() or 0)
        for table in WATCHED
    }


def _known(connection: Connection) -> dict[str, int]:
    """Return how many rows the database thinks each table has."""
    if connection.dialect.name == "postgresql":
        rows = connection.execute(
            text("SELECT relname, reltuples FROM pg_class WHERE relname = ANY(:names)"),
            {"names": list(WATCHED)},
        )
        return {name: int(size) for name, size in rows}
    there = connection.execute(
        text("SELECT COUNT(*) FROM sqlite_master WHERE name = 'sqlite_stat1'")
    ).scalar()
    if not there:
        return {}
    rows = connection.execute(text("SELECT tbl, stat FROM sqlite_stat1 WHERE stat IS NOT NULL"))
    known: dict[str, int] = {}
    for name, stat in rows:  # one for each index, estimated from its first rows
        known[name] = max(known.get(name, 0), int(stat.split()[0]))
    return known
