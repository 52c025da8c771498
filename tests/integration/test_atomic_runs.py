"""A run happens whole or not at all, whatever kills it; a run that fails says why and nothing more.

SUPERVISION_THOROUGH=1 makes the 200 random kills that DESIGN.md §11 asks for, on each database.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from rules.compiled import CompiledRules
from rules.facts import Firing, UnitFacts
from rules.inference import infer
from rules.pool import InferencePool
from supervision.domain.findings import Event
from supervision.services.evaluation import Evaluation
from supervision.store import runs
from tests import engine_faults
from tests.office import LATE, Office, a_submission, ladder_rules, small_pack
from tests.other_process import evaluate, finish, kill, start, wait_for
from tests.postgres import new_database, plain_url
from tests.table_dump import Dump, difference, everything

THOROUGH = bool(os.environ.get("SUPERVISION_THOROUGH"))
KILLS = {"sqlite": 200, "postgresql": 200} if THOROUGH else {"sqlite": 10, "postgresql": 5}
A_RUN_WRITES = {"run", "journal", "journal_head"}

PROPOSE: dict[str, Any] = {
    "id": "propose-L2",
    "title": "建议发提醒函",
    "on": "finding",
    "scope": "state in ('confirmed', 'notified')",
    "when": "days_overdue >= 4",
    "escalate": {"level": "L2", "letter": "reminder_letter"},
}
RULES = [LATE | {"review": "automatic"}, *ladder_rules(), PROPOSE]
FIRST, SECOND = "2022-06-28", "2022-07-04"


def an_office_before_its_second_run(office: Office, folder: Path) -> None:
    """Leave whatever a run may touch: findings open and cleared, notices sent and waiting."""
    office.adopt(small_pack(folder / "pack", RULES))
    office.evaluate(f"{FIRST} 08:00")
    office.deliver(f"{FIRST} 09:00")
    office.submit(a_submission("A1-R1", "CIV", "2022Q2", "2022-06-29 10:00"))
    office.evaluate("2022-06-29 18:00")


# --- A database that can be put back -------------------------------------------------------------


@dataclass(frozen=True)
class Copies:
    """A place where a database is put back as it stood before each attempt."""

    kind: str
    url: str
    restore: Callable[[], None]
    settle: Callable[[], None]


def copies_of(url: str, folder: Path) -> Copies:
    if url.startswith("sqlite"):
        return _on_disk(url, folder)
    return _on_the_server(url)


def _on_disk(url: str, folder: Path) -> Copies:
    original, copy = Path(str(make_url(url).database)), folder / "copy.db"

    def restore() -> None:
        for each in folder.glob("copy.db*"):
            each.unlink()
        shutil.copy(original, copy)

    assert not list(original.parent.glob(f"{original.name}-*")), "not closed"
    return Copies("sqlite", f"sqlite:///{copy}", restore, lambda: None)


def _on_the_server(url: str) -> Copies:
    original = make_url(plain_url(url))
    name = f"{original.database}_copy"
    server = original.set(database="postgres").render_as_string()

    def restore() -> None:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {original.database}")

    def settle() -> None:
        """Wait until the server has noticed that its client is gone."""
        with psycopg.connect(server, autocommit=True) as connection:
            count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
            for _ in range(10_000):
                row = connection.execute(count, [name]).fetchone()
                if row == (0,):
                    return
                time.sleep(0.002)
        raise AssertionError("a dead client's session stays open")

    copy = make_url(url).set(database=name).render_as_string(hide_password=False)
    return Copies("postgresql", copy, restore, settle)


@dataclass(frozen=True)
class BeforeAndAfter:
    """What the database holds before the run, and what it would hold after."""

    copies: Copies
    before: Dump
    after: Dump
    seconds: float

    def attempt(self, end: Callable[[Any, Path], None], folder: Path) -> str:
        """Run on a fresh copy, end it as told, and say which of both the database equals."""
        self.copies.restore()
        ready = folder / "ready"
        ready.unlink(missing_ok=True)
        end(ready, folder)
        self.copies.settle()
        office = Office(self.copies.url)
        try:
            found = everything(office.app.database)
            assert office.journal_break() is None
            if found == self.before:
                return "before"
            if found == self.after:
                return "after"
            raise AssertionError(f"between: {difference(self.before, found)}")
        finally:
            office.close()

    def run_again(self) -> Evaluation:
        """Evaluate on what is left."""
        office = Office(self.copies.url)
        try:
            return office.evaluate(SECOND)
        finally:
            office.close()


# One process makes it once for all tests of a database.
DATABASES = [
    pytest.param(kind, marks=pytest.mark.xdist_group(f"killed on {kind}"))
    for kind in ("sqlite", "postgresql")
]


@pytest.fixture(scope="module", params=DATABASES)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> BeforeAndAfter:
    folder = tmp_path_factory.mktemp("killed")
    url = new_database() if request.param != "sqlite" else f"sqlite:///{folder / 'original.db'}"
    office = Office(url)
    an_office_before_its_second_run(office, folder)
    before = everything(office.app.database)
    office.close()
    copies = copies_of(url, folder)
    copies.restore()
    ready = folder / "ready"
    process = start(evaluate, copies.url, SECOND, ready, None)
    wait_for(ready)
    began = time.monotonic()
    assert finish(process) == 0
    seconds = time.monotonic() - began
    copies.settle()
    twin = Office(copies.url)
    after = everything(twin.app.database)
    twin.close()
    changed = difference(before, after)
    assert changed.keys() >= {"run", "run_rule", "finding", "notice", "digest", "escalation"}
    return BeforeAndAfter(copies, before, after, seconds)


# --- Killed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "point",
    [
        ("supervision.store.findings", "save_new"),
        ("supervision.store.findings", "save_transitions"),
        ("supervision.services.plan_notices", "outbox.add_all"),
        ("supervision.services.evaluate", "propose"),
        ("supervision.store.journal", "append"),
    ],
    ids=lambda point: str(point[1]),
)
def test_a_run_killed_after_a_step_leaves_the_database_as_it_was(
    both: BeforeAndAfter, tmp_path: Path, point: tuple[str, str]
) -> None:
    def die_at_the_point(ready: Path, _folder: Path) -> None:
        assert finish(start(evaluate, both.copies.url, SECOND, ready, point)) == -9

    assert both.attempt(die_at_the_point, tmp_path) == "before"
    again = both.run_again()
    assert (again.counts["notices"], again.counts["escalations"]) == (6, 2)


def test_a_run_killed_at_any_moment_leaves_the_database_before_or_after_it(
    both: BeforeAndAfter, tmp_path: Path
) -> None:
    chance = random.Random(20220715)
    ends: list[str] = []
    for _ in range(KILLS[both.copies.kind]):

        def power_cut(ready: Path, _folder: Path) -> None:
            process = start(evaluate, both.copies.url, SECOND, ready, None)
            wait_for(ready)
            time.sleep(chance.uniform(0, both.seconds * 1.1))
            kill(process)

        ends.append(both.attempt(power_cut, tmp_path))
        if ends[-1] == "before" and ends.count("before") <= 2:
            again = both.run_again()
            assert (again.counts["notices"], again.counts["escalations"]) == (6, 2)
    assert "before" in ends, "no kill came before the commit"
    if THOROUGH:
        assert "after" in ends, "no kill came after the commit"


def test_a_run_on_what_a_killed_one_left_equals_an_undisturbed_run(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    """Row for row, ids included: SQLite gives the same ones again."""
    url = f"sqlite:///{tmp_path / 'supervision.db'}"
    office = open_office(url)
    an_office_before_its_second_run(office, tmp_path)
    office.close()
    shutil.copy(tmp_path / "supervision.db", tmp_path / "twin.db")
    point = ("supervision.store.journal", "append")
    assert finish(start(evaluate, url, SECOND, tmp_path / "ready", point)) == -9
    assert sqlite3.connect(tmp_path / "supervision.db").execute(
        "PRAGMA integrity_check"
    ).fetchone() == ("ok",)
    dumps = []
    for database in (url, f"sqlite:///{tmp_path / 'twin.db'}"):
        again = open_office(database)
        again.evaluate(SECOND)
        dumps.append(everything(again.app.database))
    assert dumps[0] == dumps[1]


# --- Failed --------------------------------------------------------------------------------------


class LiesInTheSecondPass:
    """Right about findings; of the notices it misses one."""

    def __init__(self) -> None:
        self.calls = 0

    def run(self, compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
        self.calls += 1
        return infer(compiled, units)[1 if self.calls == 2 else 0 :]


def pool(fault: Any) -> Callable[[], InferencePool]:
    return lambda: InferencePool(workers=1, infer=fault)


@pytest.mark.parametrize(
    ("engine", "cause"),
    [
        (pool(engine_faults.lies), "the engines disagree"),
        (LiesInTheSecondPass, "the engines disagree"),
        (pool(engine_faults.killed), "was ended by SIGKILL"),
        (pool(engine_faults.crashes), "was ended by SIGSEGV"),
        (pool(engine_faults.refuses), "days_overdue is 1.5, a float"),
        (pool(engine_faults.fails), "ZeroDivisionError"),
    ],
    ids=["lies", "lies later", "is killed", "crashes", "refuses a fact", "has a mistake"],
)
def test_a_run_whose_engine_fails_is_stored_with_the_cause_and_nothing_else(
    database_url: str,
    tmp_path: Path,
    open_office: Callable[..., Office],
    engine: Callable[[], Any],
    cause: str,
) -> None:
    honest = open_office(database_url)
    an_office_before_its_second_run(honest, tmp_path)
    before = everything(honest.app.database)

    faulty = engine()
    office = open_office(database_url, inference=faulty)
    failed = office.evaluate(SECOND)
    assert failed.status == "failed"
    assert cause in failed.cause
    assert (failed.problems, failed.rules, failed.counts) == ([], [], {})
    if isinstance(faulty, InferencePool):
        faulty.close()

    after = everything(honest.app.database)
    assert difference(before, after) == {"run": (0, 1), "journal": (0, 1), "journal_head": (1, 1)}
    with office.app.database.reading() as session:
        (row,) = [each for each in runs.recent(session, "small-2022", 99) if each.cause]
        assert (row.status, row.cause, row.id) == ("failed", failed.cause, failed.run_id)
    assert honest.journal_break() is None

    # what could not be judged is judged by the next run, as if nothing had been
    again = honest.evaluate(SECOND)
    assert again.status == "completed"
    assert (again.counts["notices"], again.counts["escalations"]) == (6, 2)


def test_a_failed_run_does_not_stand_in_the_way_of_a_look_at_an_earlier_day(
    sqlite_office: Office, open_office: Callable[..., Office], tmp_path: Path
) -> None:
    """A failed run has looked at nothing: the day it was for can still be served."""
    an_office_before_its_second_run(sqlite_office, tmp_path)
    url = sqlite_office.app.settings.database_url
    liar = open_office(url, inference=LiesInTheSecondPass())
    assert liar.evaluate("2022-08-01").status == "failed"
    assert sqlite_office.evaluate(SECOND).mode == "live"


def test_a_dry_run_that_fails_writes_nothing_at_all(
    sqlite_office: Office, open_office: Callable[..., Office], tmp_path: Path
) -> None:
    an_office_before_its_second_run(sqlite_office, tmp_path)
    before = everything(sqlite_office.app.database)
    liar = open_office(sqlite_office.app.settings.database_url, inference=LiesInTheSecondPass())
    failed = liar.evaluate(SECOND, dry_run=True)
    assert (failed.status, failed.run_id) == ("failed", None)
    assert everything(sqlite_office.app.database) == before


def test_a_dry_run_and_a_look_back_leave_every_table_as_it_was(
    office: Office, tmp_path: Path
) -> None:
    an_office_before_its_second_run(office, tmp_path)
    number = office.finding("late", "EDU").number
    office.decide(Event.WAIVE, number, reason="防汛", until="2022-12-31", on="2022-06-30")
    before = everything(office.app.database)
    assert office.evaluate(SECOND, dry_run=True).mode == "dry-run"
    assert office.evaluate(FIRST, known_at=FIRST).mode == "replay"
    assert everything(office.app.database) == before
