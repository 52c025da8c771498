"""Any number of senders: each mail leaves once, whoever dies on the way."""

from __future__ import annotations

import mailbox
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from notifications.maildir import MaildirTransport
from supervision.store import journal, schema, sending
from supervision.store.sending import LEASE
from supervision.store.tables import DigestRow
from tests.office import LATE, Office, at, ladder_rules, small_pack
from tests.other_process import (
    deliver_and_get_stuck,
    deliver_into,
    finish,
    kill,
    open_database,
    start,
    wait_for,
)

RULES = [LATE, *ladder_rules()]
MORNING = "2022-06-30 09:00"


def many_units(count: int) -> list[dict[str, Any]]:
    def holder(post: str, n: int) -> dict[str, str]:
        return {"post": post, "email": f"{post}{n}@example.org"}

    return [
        {
            "code": f"U{n:02}",
            "name": f"第{n:02}号单位",
            "category": "部门",
            "principal": holder("principal", n),
            "deputy": holder("deputy", n),
            "liaison": {"name": "联络员", "email": f"liaison{n}@example.org"},
        }
        for n in range(count)
    ]


def an_office_with_mail(office: Office, folder: Path, units: int) -> set[str]:
    """Evaluate so that mail waits to be sent; return the Message-IDs that one sender would send."""
    office.adopt(small_pack(folder / "pack", RULES, units=many_units(units)))
    office.evaluate("2022-06-30 08:00")
    waiting = {row.message_id for row in digests(office)}
    # liaison, deputy and principal of each
    assert len(waiting) == 3 * units
    return waiting


def digests(office: Office) -> list[DigestRow]:
    with office.app.database.reading() as session:
        rows = list(session.exec(select(DigestRow).order_by(col(DigestRow.id))))
        session.expunge_all()
        return rows


def delivered(maildir: Path) -> Counter[str]:
    """Return how often each Message-ID lies in the Maildir."""
    box = mailbox.Maildir(maildir, create=False)
    return Counter(str(message["Message-ID"]) for message in box)


def once(message_ids: set[str]) -> Counter[str]:
    return Counter(message_ids)


def test_processes_started_at_once_on_an_empty_database_make_its_schema_once(
    database_url: str, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    ready = [tmp_path / str(n) for n in range(4)]
    processes = [start(open_database, database_url, each, go) for each in ready]
    for each in ready:
        wait_for(each)
    go.touch()
    assert [finish(process) for process in processes] == [0, 0, 0, 0]
    office = Office(database_url)
    assert schema.current(office.app.database) == schema.newest()
    assert schema.differences(office.app.database) == []
    office.close()


def test_two_processes_send_exactly_what_one_would(office: Office, tmp_path: Path) -> None:
    waiting = an_office_with_mail(office, tmp_path, 20)
    url, maildir, go = office.app.settings.database_url, tmp_path / "mails", tmp_path / "go"
    ready = [tmp_path / "first", tmp_path / "second"]
    processes = [start(deliver_into, url, maildir, MORNING, each, go) for each in ready]
    for each in ready:
        wait_for(each)
    go.touch()
    assert [finish(process) for process in processes] == [0, 0]
    assert delivered(maildir) == once(waiting)
    assert {(row.state, row.attempts) for row in digests(office)} == {("sent", 1)}
    assert {row.state for row in office.notices() if row.recipient} == {"sent"}
    assert office.journal_break() is None
    with office.app.database.reading() as session:
        senders = Counter(row.actor for row in journal.recent(session, len(waiting)))
    # both were at work, or nothing was shown
    assert senders.keys() == {"first", "second"}
    assert senders.total() == len(waiting)


def test_one_process_alone_sends_the_same_messages(sqlite_office: Office, tmp_path: Path) -> None:
    waiting = an_office_with_mail(sqlite_office, tmp_path, 2)
    url, maildir, go = sqlite_office.app.settings.database_url, tmp_path / "mails", tmp_path / "go"
    go.touch()
    assert finish(start(deliver_into, url, maildir, MORNING, tmp_path / "ready", go)) == 0
    assert delivered(maildir) == once(waiting)


def test_of_eight_threads_one_gets_the_digest(office: Office, tmp_path: Path) -> None:
    an_office_with_mail(office, tmp_path, 1)
    database = office.app.database
    for digest in digests(office):
        start_line = threading.Barrier(8)
        owners: list[int] = []

        def claim(
            number: int,
            digest: DigestRow = digest,
            line: threading.Barrier = start_line,
            owners: list[int] = owners,
        ) -> None:
            line.wait()
            with database.short() as connection:
                if sending.claim(connection, digest, now=at(MORNING)):
                    owners.append(number)

        threads = [threading.Thread(target=claim, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(owners) == 1
    assert {row.attempts for row in digests(office)} == {1}


@pytest.mark.parametrize("taken_first", [False, True], ids=["before", "after"])
def test_a_sender_killed_while_sending_loses_nothing(
    office: Office, tmp_path: Path, taken_first: bool
) -> None:
    """Killed before or after the server took the message: the one doubt nobody can remove."""
    waiting = an_office_with_mail(office, tmp_path, 2)
    url, maildir = office.app.settings.database_url, tmp_path / "mails"
    stuck = tmp_path / "stuck"
    sender = start(deliver_and_get_stuck, url, maildir, MORNING, stuck, taken_first)
    wait_for(stuck)
    (claimed,) = [row for row in digests(office) if row.attempts]
    kill(sender)

    def send(minutes: float) -> int:
        office.clock.now = at(MORNING) + timedelta(minutes=minutes)
        office.app._transport = MaildirTransport(maildir)
        return office.deliver(office.clock.now.isoformat()).sent

    # the others' mail leaves at once; the dead sender's is out of reach until its lease is over
    assert send(1) == len(waiting) - 1
    lease = LEASE / timedelta(minutes=1)
    assert send(lease - 0.1) == 0
    taken = delivered(maildir)
    assert taken == once(waiting if taken_first else waiting - {claimed.message_id})
    assert send(lease) == 1
    # its second copy, if there is one, is recognised by its Message-ID
    assert delivered(maildir) == taken + once({claimed.message_id})
    assert send(lease + 1) == 0
    assert {row.state for row in digests(office)} == {"sent"}
    assert Counter(row.attempts for row in digests(office)) == {1: len(waiting) - 1, 2: 1}


def test_of_three_senders_one_is_killed_and_every_message_still_leaves(
    office: Office, tmp_path: Path
) -> None:
    waiting = an_office_with_mail(office, tmp_path, 10)
    url, maildir, stuck = office.app.settings.database_url, tmp_path / "mails", tmp_path / "stuck"
    victim = start(deliver_and_get_stuck, url, maildir, MORNING, stuck, False)
    wait_for(stuck)
    go = tmp_path / "go"
    go.touch()
    others = [
        start(deliver_into, url, maildir, MORNING, tmp_path / f"ready {n}", go) for n in (1, 2)
    ]
    kill(victim)
    assert [finish(process) for process in others] == [0, 0]
    assert len(delivered(maildir)) == len(waiting) - 1
    later = (at(MORNING) + LEASE).isoformat()
    assert finish(start(deliver_into, url, maildir, later, tmp_path / "ready 3", go)) == 0
    assert delivered(maildir) == once(waiting)
