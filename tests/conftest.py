"""Fixtures shared by all tests: an office on SQLite, and the same on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.office import Office


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'supervision.db'}"
    from tests.postgres import new_database

    return new_database()


@pytest.fixture
def open_office() -> Iterator[Callable[..., Office]]:
    """Opens offices and closes them after the test."""
    offices: list[Office] = []

    def open_one(url: str, **options: Any) -> Office:
        offices.append(Office(url, **options))
        return offices[-1]

    yield open_one
    for each in offices:
        each.close()


@pytest.fixture
def office(database_url: str, open_office: Callable[..., Office]) -> Office:
    """An office without a plan, on each database."""
    return open_office(database_url)


@pytest.fixture
def sqlite_office(tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    """An office on SQLite, where the database does not matter."""
    return open_office(f"sqlite:///{tmp_path / 'supervision.db'}")
