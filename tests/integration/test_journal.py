"""The journal: one chain after a busy day, and whoever touches it leaves a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlmodel import select
from typer.testing import CliRunner

from supervision.domain.findings import Event
from supervision.store import journal
from supervision.store.tables import JournalHeadRow, JournalRow
from tests.office import Office, a_submission, at
from tests.shared_office import KINDS, forget, works_office

Tamper = Callable[[Connection], None]


@pytest.fixture(scope="module", params=KINDS)
def busy_office(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """An office after a busy day, on each database."""
    folder = tmp_path_factory.mktemp("journal")
    with works_office(request.param, folder) as office:
        forget(office)
        office.submit(a_submission("A-R1", "EDU", "2022Q2", "2022-06-20 10:00"))
        office.give_back("A-R1/EDU/2022Q2", on="2022-06-21 10:00", reason="缺“下步措施”；\n请补")
        office.extend("A-R1/TWN-W/2022Q2", "2022-07-08", on="2022-06-24 10:00")
        office.evaluate("2022-06-30")
        office.deliver("2022-06-30 10:00")
        numbers = [row.number for row in office.findings()]
        office.decide(Event.CONFIRM, *numbers, on="2022-06-30")
        office.decide(Event.NOTIFY, numbers[0], on="2022-06-30")
        office.evaluate("2022-07-15")
        yield office


@pytest.fixture
def office(busy_office: Office) -> Iterator[Office]:
    """The same; what a test does to the journal is undone."""
    tables = JournalRow.__table__, JournalHeadRow.__table__  # type: ignore[attr-defined]
    with busy_office.app.database.short() as connection:
        kept = [[row._asdict() for row in connection.execute(each.select())] for each in tables]
    yield busy_office
    with busy_office.app.database.short() as connection:
        for table, rows in zip(tables, kept, strict=True):
            connection.execute(table.delete())
            connection.execute(table.insert(), rows)


def rows_of(office: Office) -> list[JournalRow]:
    with office.app.database.reading() as session:
        rows = list(session.exec(select(JournalRow).order_by(JournalRow.seq)).all())  # type: ignore[arg-type]
        session.expunge_all()
    return rows


# --- Intact --------------------------------------------------------------------------------------


def test_after_a_busy_day_the_chain_is_whole(office: Office) -> None:
    assert office.journal_break() is None
    rows = rows_of(office)
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert rows[0].previous == journal.GENESIS
    assert len({row.hash for row in rows}) == len(rows)


def test_every_change_of_the_day_is_in_it_with_who_did_it(office: Office) -> None:
    assert [(row.action, row.actor) for row in rows_of(office)] == [
        ("submissions recorded", "office"),
        ("submission returned", "督查员"),
        ("extension granted", "主任"),
        ("run completed", "office"),
        ("finding confirm", "督查员"),
        ("finding notify", "督查员"),
        ("run completed", "office"),
    ]


def test_what_changed_nothing_is_not_in_it(office: Office) -> None:
    before = len(rows_of(office))
    office.submit(a_submission("A-R1", "EDU", "2022Q2", "2022-06-20 10:00"))
    office.evaluate("2022-07-15", dry_run=True)
    assert len(rows_of(office)) == before


def test_a_new_entry_follows_the_last(office: Office) -> None:
    last = rows_of(office)[-1]
    with office.app.database.transaction() as session:
        journal.append(session, actor="a", action="b", subject="c", at=at("2022-07-16"))
    new = rows_of(office)[-1]
    assert (new.seq, new.previous, new.hash) == (last.seq + 1, last.hash, journal.seal(new))
    assert office.journal_break() is None


def test_what_is_rolled_back_leaves_no_entry(office: Office) -> None:
    before = rows_of(office)

    def fail_halfway() -> None:
        with office.app.database.transaction() as session:
            journal.append(session, actor="a", action="b", subject="c", at=at("2022-07-16"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert [row.hash for row in rows_of(office)] == [row.hash for row in before]
    assert office.journal_break() is None


# --- Touched -------------------------------------------------------------------------------------


def edited(column: str, value: str) -> Tamper:
    def act(connection: Connection) -> None:
        connection.execute(
            text(f"UPDATE journal SET {column} = :value WHERE seq = 3"), {"value": value}
        )

    return act


def run_sql(*statements: str) -> Tamper:
    def act(connection: Connection) -> None:
        for statement in statements:
            connection.execute(text(statement))

    return act


_COPY = (
    "INSERT INTO journal (seq, at, actor, action, subject, data, previous, hash)"
    " SELECT {seq}, at, actor, action, subject, data, previous, hash FROM journal WHERE seq = {of}"
)
_LAST = "(SELECT MAX(seq) FROM journal)"


def resealed(connection: Connection) -> None:
    """Somebody who knows the seal edits a row and seals it anew, but not those after it."""
    table = JournalRow.__table__  # type: ignore[attr-defined]
    found = connection.execute(table.select().where(table.c.seq == 3)).one()
    row = JournalRow(**{**found._asdict(), "actor": "别人"})
    connection.execute(
        table.update().where(table.c.seq == 3).values(actor=row.actor, hash=journal.seal(row))
    )


def backdated(connection: Connection) -> None:
    table = JournalRow.__table__  # type: ignore[attr-defined]
    connection.execute(table.update().where(table.c.seq == 4).values(at=at("2022-01-04")))


# What was done, and the first entry that can no longer be trusted.
TAMPERINGS: dict[str, tuple[Tamper, int | None]] = {
    "another actor": (edited("actor", "别人"), 3),
    "another action": (edited("action", "nothing"), 3),
    "another subject": (edited("subject", "A-R1/TWN-E/2022Q2"), 3),
    "other data": (edited("data", "{}"), 3),
    "another link": (edited("previous", "0" * 64), 3),
    "another seal": (edited("hash", "0" * 64), 3),
    "another instant": (backdated, 4),
    "sealed anew": (resealed, 4),
    "the first removed": (run_sql("DELETE FROM journal WHERE seq = 1"), 1),
    "one removed": (run_sql("DELETE FROM journal WHERE seq = 3"), 3),
    "one removed and the rest moved up": (
        run_sql(
            "DELETE FROM journal WHERE seq = 3",
            "UPDATE journal SET seq = -seq WHERE seq > 3",
            "UPDATE journal SET seq = -seq - 1 WHERE seq < 0",
        ),
        3,
    ),
    "one put in": (
        run_sql(
            "UPDATE journal SET seq = -seq WHERE seq > 3",
            "UPDATE journal SET seq = -seq + 1 WHERE seq < 0",
            _COPY.format(seq=4, of=3),
        ),
        4,
    ),
    "one put at the end": (run_sql(_COPY.format(seq=f"{_LAST} + 1", of=_LAST)), None),
    "two swapped": (
        run_sql(
            "UPDATE journal SET seq = -3 WHERE seq = 3",
            "UPDATE journal SET seq = 3 WHERE seq = 4",
            "UPDATE journal SET seq = 4 WHERE seq = -3",
        ),
        3,
    ),
    "the last cut off": (run_sql(f"DELETE FROM journal WHERE seq = {_LAST}"), None),
    "the tail cut off": (run_sql("DELETE FROM journal WHERE seq > 3"), 4),
    "all cut off": (run_sql("DELETE FROM journal"), 1),
    "the head taken away": (run_sql("DELETE FROM journal_head"), None),
    "another head": (run_sql("UPDATE journal_head SET seq = seq + 1"), None),
    "the whole journal taken away": (
        run_sql("DELETE FROM journal", "DELETE FROM journal_head"),
        1,
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_whoever_touches_the_journal_is_found_out(office: Office, what: str) -> None:
    tamper, place = TAMPERINGS[what]
    with office.app.database.short() as connection:
        tamper(connection)
    found = office.journal_break()
    assert found is not None
    if place is not None:
        assert found.seq == place
    assert str(found.seq) in found.why or "entry" in found.why


@pytest.mark.parametrize(
    "what",
    ["other data", "one removed", "one put at the end", "two swapped", "the tail cut off",
     "the whole journal taken away"],
)  # fmt: skip
def test_doctor_finds_it_too_and_says_where(
    office: Office, what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from supervision.cli.main import app

    url = office.app.settings.database_url
    monkeypatch.setenv("SUPERVISION_DATABASE_URL", url)
    monkeypatch.setenv("SUPERVISION_CLOCK", "2022-07-16T12:00:00+08:00")
    monkeypatch.setenv("SUPERVISION_MAIL_URL", f"maildir:{tmp_path / 'mails'}")
    healthy = CliRunner().invoke(app, ["doctor"])
    assert healthy.exit_code == 0, healthy.output
    tamper, _ = TAMPERINGS[what]
    with office.app.database.short() as connection:
        tamper(connection)
    found = office.journal_break()
    assert found is not None
    ill = CliRunner().invoke(app, ["doctor"])
    assert ill.exit_code == 1
    assert f"链条断于第{found.seq}条" in ill.output
