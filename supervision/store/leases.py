"""Leases and served slots: who may do a plan's scheduled work, on the database's own clock."""

from __future__ import annotations

from sqlalchemy import Connection, text

_NOW = {
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "extract(epoch from clock_timestamp())::double precision",
}


def take(connection: Connection, *, name: str, holder: str, seconds: float) -> bool:
    """Take or renew a lease; False while another holder's has not run out.

    One statement: safe against any number of processes.
    """
    now = _NOW[connection.dialect.name]
    taken = connection.execute(
        text(
            f"INSERT INTO lease (name, holder, until) VALUES (:name, :holder, {now} + :seconds) "
            f"ON CONFLICT (name) DO UPDATE SET holder = :holder, until = {now} + :seconds "
            f"WHERE lease.holder = :holder OR lease.until < {now} RETURNING name"
        ),
        {"name": name, "holder": holder, "seconds": seconds},
    )
    return taken.first() is not None


def give_back(connection: Connection, *, name: str, holder: str) -> None:
    """End a lease early, if it is still ours."""
    connection.execute(
        text("DELETE FROM lease WHERE name = :name AND holder = :holder"),
        {"name": name, "holder": holder},
    )
