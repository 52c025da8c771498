"""Offices that have adopted the talent plan: made once, copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url

from supervision.services.load_pack import load_pack
from tests.exemplary_year import Year, exemplary_year, lines
from tests.office import TALENT, Office

Copy = Callable[[str, Path], str]


WITHHELD = frozenset(
    f"{requirement}/{unit}/{period}"
    for requirement, period in (("REQ2-O1", "2022"), ("GEN-R1", "2022Q2"), ("GEN-R1", "2022Q3"))
    for unit in ("TU", "YL", "MIB", "SUB-XC")
)
"""What the journeys' four units have not filed yet: each test says how they do."""


@pytest.fixture(scope="session")
def _exemplary() -> Year:
    return exemplary_year(load_pack(TALENT))


@pytest.fixture
def year(_exemplary: Year) -> Year:
    """The filings of a faultless year, by obligation; a test changes what its trap is about."""
    return deepcopy(_exemplary)


@pytest.fixture
def rest(year: Year) -> Year:
    """What is still to be filed where an office holds a faultless year but for four units."""
    return {key: line for key, line in year.items() if key in WITHHELD}


@pytest.fixture(scope="session")
def copy_of_template(tmp_path_factory: pytest.TempPathFactory, _exemplary: Year) -> Copy:
    """Gives the URL of a new database, of the kind asked for, with the plan and its filings."""
    folder = tmp_path_factory.mktemp("template")
    made: dict[str, str] = {}

    def copy(kind: str, to: Path) -> str:
        if kind not in made:
            made[kind] = _new(kind, folder)
            office = Office(made[kind])
            office.adopt()
            filed = {key: line for key, line in _exemplary.items() if key not in WITHHELD}
            office.submit(*lines(filed))
            office.close()
        if kind == "sqlite":
            shutil.copy(folder / "template.db", to / "supervision.db")
            return f"sqlite:///{to / 'supervision.db'}"
        return _copied_on_the_server(made[kind])

    return copy


def _new(kind: str, folder: Path) -> str:
    if kind == "sqlite":
        return f"sqlite:///{folder / 'template.db'}"
    from tests.postgres import new_database

    return new_database()


def _copied_on_the_server(template: str) -> str:
    from tests.postgres import new_database, plain_url

    copy = new_database()
    old, new = make_url(template).database, make_url(copy).database
    postgres = make_url(plain_url(copy)).set(database="postgres")
    with psycopg.connect(postgres.render_as_string(), autocommit=True) as server:
        server.execute(SQL("DROP DATABASE {}").format(Identifier(new)))
        names = Identifier(new), Identifier(old)
        server.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
    return copy


@pytest.fixture(params=["sqlite", "postgresql"])
def talent_office(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    copy_of_template: Copy,
    open_office: Callable[..., Office],
) -> Office:
    """An office with the talent plan, all filed but by four units; on each database."""
    return open_office(copy_of_template(request.param, tmp_path))


@pytest.fixture
def talent(tmp_path: Path, copy_of_template: Copy, open_office: Callable[..., Office]) -> Office:
    """An office with the talent plan, all filed but by four units; on SQLite."""
    return open_office(copy_of_template("sqlite", tmp_path))
