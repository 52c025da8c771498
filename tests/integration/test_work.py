"""`supervision work` as a process: once for each slot, on the clock it is given, until SIGTERM."""

from __future__ import annotations

import asyncio
import mailbox
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope, Session
from sqlmodel import col, select

from rules.compiled import CompiledRules
from rules.facts import Firing, UnitFacts
from rules.inference import infer
from supervision.scheduling import Worker
from supervision.store import leases, runs
from supervision.store.tables import DigestRow, JobSlotRow, NoticeRow, RulesetRow, RunRow
from tests.mail_reading import parsed
from tests.office import LATE, Office, a_submission, at, ladder_rules, small_pack
from tests.other_process import LONG, start, work
from tests.smtp_servers import Inbox, an_smtp_server

RULES = [LATE, *ladder_rules()]
SOON = 8.0
"""Seconds within which an idle worker has stopped; it needs about one."""


def rows(office: Office, table: Any) -> list[Any]:
    with office.app.database.reading() as session:
        found = list(session.exec(select(table)))
        session.expunge_all()
        return found


def delivered(maildir: Path) -> Counter[str]:
    if not maildir.exists():
        return Counter()
    box = mailbox.Maildir(maildir, create=False)
    return Counter(str(message["Message-ID"]) for message in box)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def nothing_waits(office: Office) -> bool:
    """Whether a run has been and all its mail has gone."""
    return bool(rows(office, RunRow)) and all(
        row.state in ("sent", "empty") for row in rows(office, DigestRow)
    )


@contextmanager
def working(office: Office, mails: Path | str, clock: str) -> Iterator[Any]:
    """A worker on the office's database, stopped at the end and asked for its exit status."""
    mail_url = f"maildir:{mails}" if isinstance(mails, Path) else mails
    process = start(work, office.app.settings.database_url, mail_url, clock)
    try:
        yield process
        os.kill(process.pid or 0, signal.SIGTERM)
        process.join(SOON)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()


def looked(office: Office) -> list[str]:
    """The days of all runs."""
    zone = at("2022-01-01").tzinfo
    return [row.as_of.astimezone(zone).date().isoformat() for row in rows(office, RunRow)]


# --- The command ---------------------------------------------------------------------------------


def test_the_command_evaluates_for_its_slot_sends_after_opening_and_stops_on_sigterm(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office, mails = sqlite_office, tmp_path / "mails"
    office.adopt(small_pack(tmp_path / "pack", RULES))
    log = (tmp_path / "log").open("wb")
    command = [sys.executable, "-m", "supervision", "work"]
    settings = {
        "SUPERVISION_DATABASE_URL": office.app.settings.database_url,
        "SUPERVISION_MAIL_URL": f"maildir:{mails}",
        "SUPERVISION_CLOCK": "2022-06-28T08:59:55+08:00",
        "SUPERVISION_DELIVER_EVERY": "1",
        "SUPERVISION_WORKERS": "1",
    }
    process = subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | settings, stdout=log, stderr=subprocess.STDOUT
    )
    with log:
        try:
            until(lambda: process.poll() is not None or nothing_waits(office))
            began = time.monotonic()
            process.terminate()
            assert process.wait(LONG) == 0, (tmp_path / "log").read_text(encoding="utf-8")
            assert time.monotonic() - began < SOON
        finally:
            process.kill()
            process.wait()
    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert "Traceback" not in said
    for word in ("working", "evaluated", "delivered", "stopping", "stopped"):
        assert word in said

    (run,) = rows(office, RunRow)
    (slot,) = rows(office, JobSlotRow)
    assert (run.started_by, run.status, run.mode) == ("worker", "completed", "live")
    assert (slot.job, slot.slot, slot.run_id) == ("evaluate small-2022", at("2022-06-28 08:00"), 1)
    digests = rows(office, DigestRow)
    assert delivered(mails) == Counter(row.message_id for row in digests)
    assert len(digests) == 6
    assert all(row.sent_at >= at("2022-06-28 09:00") for row in digests)
    assert office.journal_break() is None


def test_a_wrong_setting_is_said_at_the_start(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "supervision", "work"],
        cwd=tmp_path,
        env=os.environ
        | {
            "SUPERVISION_DATABASE_URL": f"sqlite:///{tmp_path / 'new.db'}",
            "SUPERVISION_MAIL_URL": "maildir:mails",
            "SUPERVISION_MAIL_FROM": "督查室 <nobody>",
            "SUPERVISION_MAIL_DOMAIN": "not a domain",
        },
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert process.returncode == 2
    assert "SUPERVISION_MAIL_FROM" in process.stderr
    assert "SUPERVISION_MAIL_DOMAIN" in process.stderr
    assert "Traceback" not in process.stderr


# --- Once ----------------------------------------------------------------------------------------


def test_a_worker_started_again_on_the_same_day_repeats_nothing(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", RULES))
    mails = tmp_path / "mails"
    with working(office, mails, "2022-06-28 09:30"):
        until(lambda: nothing_waits(office))
    before = delivered(mails)
    with working(office, mails, "2022-06-28 10:30"):
        time.sleep(2.5)
    assert looked(office) == ["2022-06-28"]
    assert delivered(mails) == before
    assert set(before.values()) == {1}


def test_two_workers_at_once_make_one_run_and_send_what_one_would(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", RULES))
    mails = tmp_path / "mails"
    with (
        working(office, mails, "2022-06-30 09:30"),
        working(office, mails, "2022-06-30 09:30"),
    ):
        until(lambda: nothing_waits(office))
        time.sleep(1.5)
    digests = rows(office, DigestRow)
    # liaison, deputy and principal of each of three units
    assert len(digests) == 9
    assert delivered(mails) == Counter(row.message_id for row in digests)
    assert {row.attempts for row in digests} == {1}
    assert looked(office) == ["2022-06-30"]
    assert len(rows(office, JobSlotRow)) == 1
    assert rows(office, RunRow)[0].status == "completed"
    assert office.journal_break() is None


# --- After a time of silence ---------------------------------------------------------------------


def steps(office: Office, state: str) -> Counter[str]:
    return Counter(row.step for row in rows(office, NoticeRow) if row.state == state)


@pytest.mark.parametrize(
    ("due", "last", "last_step", "again", "latest", "passed"),
    [
        # Thursday to Monday, due that day
        (None, "2022-06-23", "R1", "2022-06-27", "R3", {"R2": 3}),
        # over the National Day to the make-up Saturday: due on 30 September
        ("2022-09-30", "2022-09-28", "R1", "2022-10-08", "R4", {"R2": 3, "R3": 3}),
        # and one day longer, to the make-up Sunday; the last step before was sent
        ("2022-09-30", "2022-09-30", "R3", "2022-10-09", "R4", {}),
    ],
    ids=["a week-end", "the National Day", "to the make-up Sunday"],
)
def test_after_days_down_exactly_the_latest_step_goes_out_once(
    sqlite_office: Office,
    tmp_path: Path,
    due: str | None,
    last: str,
    last_step: str,
    again: str,
    latest: str,
    passed: dict[str, int],
) -> None:
    office, mails = sqlite_office, tmp_path / "mails"
    office.adopt(small_pack(tmp_path / "pack", RULES))
    if due is not None:
        for unit in ("EDU", "CIV", "FIN"):
            office.submit(a_submission("A1-R1", unit, "2022Q2", "2022-06-20 10:00"))
            office.extend(f"A1-R1/{unit}/2022Q3", due, on="2022-06-20 11:00")
    office.evaluate(f"{last} 08:00")
    office.deliver(f"{last} 09:00")
    assert steps(office, "sent") == {last_step: 3}
    superseded_before = steps(office, "superseded")
    runs_before = len(looked(office))

    with working(office, mails, f"{again} 08:59:59"):
        until(lambda: len(looked(office)) > runs_before)
        until(lambda: nothing_waits(office))
    sent = steps(office, "sent") - Counter({last_step: 3})
    # R4 goes to the liaison, with a copy to the deputy
    assert sent == {latest: 6 if latest == "R4" else 3}
    assert steps(office, "superseded") - superseded_before == passed
    assert set(delivered(mails).values()) == {1}
    assert delivered(mails).total() == sent.total()
    assert len(looked(office)) == runs_before + 1


def test_a_worker_started_on_a_saturday_does_once_what_was_due_and_holds_the_mail(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", RULES))
    mails = tmp_path / "mails"
    for clock in ("2022-07-02 10:00", "2022-07-02 15:00"):
        with working(office, mails, clock):
            until(lambda: looked(office))
            time.sleep(1.5)
    assert looked(office) == ["2022-07-02"]
    (slot,) = rows(office, JobSlotRow)
    assert slot.slot == at("2022-07-01 08:00")
    assert delivered(mails) == Counter()
    assert {row.due_at for row in rows(office, DigestRow)} == {at("2022-07-04 09:00")}

    with working(office, mails, "2022-07-04 08:59:59"):
        until(lambda: nothing_waits(office))
    assert looked(office) == ["2022-07-02", "2022-07-04"]
    assert steps(office, "sent") == {"R5": 9}
    assert set(delivered(mails).values()) == {1}


# --- Stopped -------------------------------------------------------------------------------------


@dataclass
class Slow(Inbox):
    """Takes its time over each message, and tells when it has one in hand."""

    in_hand: list[str] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 aiosmtpd looks for this name
        self, server: object, session: Session, envelope: Envelope
    ) -> str:
        self.in_hand.append(parsed(envelope.original_content or b"")["Message-ID"])
        await asyncio.sleep(0.7)
        return await super().handle_DATA(server, session, envelope)


def test_a_worker_stopped_while_sending_finishes_the_mail_in_hand_and_leaves_the_rest(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", RULES))
    inbox = Slow()
    with an_smtp_server(inbox) as port:
        url = f"smtp://127.0.0.1:{port}"
        with working(office, url, "2022-06-28 09:30"):
            until(lambda: len(inbox.in_hand) == 2)
        taken = [parsed(raw)["Message-ID"] for _, _, raw in inbox.taken]
        digests = {row.message_id: row for row in rows(office, DigestRow)}
        assert set(taken) == {name for name, row in digests.items() if row.state == "sent"}
        assert 2 <= len(taken) <= 3 < len(digests)
        assert {(row.state, row.attempts) for row in digests.values()} == {("sent", 1), ("due", 0)}

        with working(office, url, "2022-06-28 09:31"):
            until(lambda: nothing_waits(office))
    assert Counter(inbox.in_hand) == Counter(list(digests))
    assert len(looked(office)) == 1


def test_a_worker_asked_to_stop_many_times_at_once_stops(
    sqlite_office: Office, tmp_path: Path
) -> None:
    sqlite_office.adopt(small_pack(tmp_path / "pack", RULES))
    with working(sqlite_office, tmp_path / "mails", "2022-06-28 09:30") as process:
        until(lambda: nothing_waits(sqlite_office))
        for _ in range(200):
            os.kill(process.pid, signal.SIGTERM)
            os.kill(process.pid, signal.SIGINT)


# --- What a look does, without a process ---------------------------------------------------------


class LiesOnce:
    """Misses a match in its first run."""

    def __init__(self) -> None:
        self.lies = 1

    def run(self, compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
        firings = infer(compiled, units)
        missing, self.lies = self.lies, 0
        return firings[missing:]


def test_a_failed_run_is_tried_again_after_a_pause_and_the_slot_is_served_then(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    office = open_office(f"sqlite:///{tmp_path / 'supervision.db'}", inference=LiesOnce())
    office.adopt(small_pack(tmp_path / "pack", RULES))
    worker = Worker(office.app)
    for clock in ("09:00:00", "09:00:20", "09:00:59"):
        office.clock.now = at(f"2022-06-28 {clock}")
        worker.evaluate_what_is_due()
    assert [row.status for row in rows(office, RunRow)] == ["failed"]
    assert rows(office, JobSlotRow) == []
    office.clock.now = at("2022-06-28 09:01:00")
    worker.evaluate_what_is_due()
    assert [row.status for row in rows(office, RunRow)] == ["failed", "completed"]
    assert [row.run_id for row in rows(office, JobSlotRow)] == [2]


def test_a_plan_that_cannot_be_evaluated_keeps_back_no_other(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "b", RULES))
    office.adopt(small_pack(tmp_path / "a", [LATE], plan={"plan": "a-2022"}))
    with office.app.database.transaction() as session:
        broken = session.exec(select(RulesetRow).order_by(col(RulesetRow.recorded_at).desc())).all()
        for row in broken:
            files = dict(row.files)
            if "remind" not in str(files):
                row.files = dict.fromkeys(files, "rules: [1]")
                session.add(row)
    office.clock.now = at("2022-06-28 09:00")
    Worker(office.app).evaluate_what_is_due()
    assert [row.plan for row in rows(office, RunRow)] == ["small-2022"]


def test_a_plan_is_left_to_the_worker_that_holds_its_lease(office: Office, tmp_path: Path) -> None:
    office.adopt(small_pack(tmp_path / "pack", RULES))
    office.clock.now = at("2022-06-28 09:00")
    name = "plan small-2022"

    def take(holder: str, seconds: float) -> bool:
        with office.app.database.short() as connection:
            return leases.take(connection, name=name, holder=holder, seconds=seconds)

    assert take("another", 60)
    assert not take("a third", 60)
    worker = Worker(office.app)
    worker.evaluate_what_is_due()
    assert rows(office, RunRow) == []
    # the other has died; its lease runs out on the database's own clock
    assert take("another", 0.2)
    time.sleep(0.3)
    worker.evaluate_what_is_due()
    assert len(rows(office, RunRow)) == 1
    assert take("another", 60), "a lease is given back after the work"


def test_a_slot_that_another_worker_has_just_served_is_not_served_again(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.adopt(small_pack(tmp_path / "pack", RULES))
    office.clock.now = at("2022-06-28 09:00")
    Worker(office.app).evaluate_what_is_due()
    # this one looked at the slots before the other had finished
    late = Worker(office.app)
    monkeypatch.setattr(late, "_served", lambda *_: False)
    late.evaluate_what_is_due()
    assert len(rows(office, RunRow)) == 1
    with office.app.database.reading() as session:
        assert runs.slot_served(session, "evaluate small-2022", at("2022-06-28 08:00"))
