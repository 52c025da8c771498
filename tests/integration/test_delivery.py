"""From the outbox to the reader: when mail leaves, what silences it, what a bad server does."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope, Session

from notifications.errors import DeliveryError
from notifications.message import Message
from notifications.smtp import SmtpTransport
from notifications.transport import Transport
from supervision.domain.findings import Event
from supervision.services.deliver import Delivery, deliver, replay
from supervision.store.sending import LEASE
from supervision.store.tables import DigestRow
from tests.mail_reading import body_of, parsed, raw_of
from tests.office import LATE, SMALL, Office, a_submission, at, ladder_rules, small_pack
from tests.smtp_servers import Inbox, a_scripted_server, an_smtp_server, talk_until

RULES = [LATE, *ladder_rules()]
# Due on Monday 27 June (the 25th is a Saturday): R2 on the 24th, R3 on the 27th, R4 on the 28th.
R2_DAY, DUE_DAY, R4_DAY = "2022-06-24", "2022-06-27", "2022-06-28"
SENT_NOTHING = Delivery()


def a_unit(code: str, name: str, **changes: Any) -> dict[str, Any]:
    host = f"{code.lower()}.example.org"
    return {
        "code": code,
        "name": name,
        "category": "部门",
        "principal": {"post": "局长", "email": f"principal@{host}"},
        "deputy": {"post": "副局长", "email": f"deputy@{host}"},
        "liaison": {"name": "联络员", "email": f"liaison@{host}"},
        **changes,
    }


def one_unit(folder: Path, *, rules: Sequence[Mapping[str, Any]] = RULES, **changes: Any) -> Path:
    """The small plan with the education bureau alone: one liaison, one mail."""
    return small_pack(folder / "pack", rules, units=[a_unit("EDU", "区教育局")], **changes)


def two_reports() -> dict[str, Any]:
    """The parts of a plan that asks for two reports on one day."""
    first = SMALL["plan"]["requirements"][0]
    return {"requirements": [first, first | {"id": "A1-R2", "title": "季度台账"}]}


def recipients(mails: Sequence[Message]) -> Counter[str]:
    return Counter(mail.recipient for mail in mails)


def digests(office: Office) -> list[DigestRow]:
    from sqlmodel import col, select

    with office.app.database.reading() as session:
        rows = list(session.exec(select(DigestRow).order_by(col(DigestRow.id))))
        session.expunge_all()
        return rows


def the_digest(office: Office) -> DigestRow:
    rows = digests(office)
    assert len(rows) == 1, rows
    return rows[0]


def deliver_through(office: Office, transport: Transport, when: str | datetime) -> Delivery:
    postman = replace(office.app.postman, transport=transport)
    moment = at(when) if isinstance(when, str) else when
    return deliver(office.app.database, postman, at=moment, now=office.clock())


def states(office: Office, **which: str) -> set[tuple[str, str]]:
    return {(row.state, row.state_reason) for row in office.notices(**which)}


# --- One digest a day ----------------------------------------------------------------------------


def test_all_items_of_a_unit_travel_in_one_mail_to_each_recipient(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path, plan=two_reports()))
    office.evaluate(f"{R4_DAY} 08:00")
    assert office.deliver(f"{R4_DAY} 09:00").sent == 2
    assert recipients(office.mails) == {"liaison@edu.example.org": 1, "deputy@edu.example.org": 1}
    for mail in office.mails:
        assert "季度报告" in mail.text
        assert "季度台账" in mail.text


def test_what_comes_up_after_the_digest_of_the_day_has_gone_waits_for_the_next_working_day(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(one_unit(tmp_path))
    office.evaluate(f"{R2_DAY} 08:00")
    assert office.deliver(f"{R2_DAY} 09:00").sent == 1
    office.extend("A1-R1/EDU/2022Q2", "2022-06-30", on=f"{R2_DAY} 10:00")
    assert office.evaluate(f"{R2_DAY} 11:00").counts["notices"] == 1
    assert office.deliver(f"{R2_DAY} 11:30") == SENT_NOTHING
    assert office.deliver(f"{R2_DAY} 17:30") == SENT_NOTHING
    # Friday the 24th; the next working day is Monday
    assert office.deliver("2022-06-27 09:00").sent == 1
    assert [row.day.isoformat() for row in digests(office)] == [R2_DAY, "2022-06-27"]


def test_evaluating_again_before_the_digest_has_gone_adds_to_it(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path, plan=two_reports()))
    office.extend("A1-R2/EDU/2022Q2", "2022-06-28", on="2022-06-23 10:00")
    office.evaluate("2022-06-23 18:00")
    office.evaluate(f"{R2_DAY} 08:30")
    assert office.deliver(f"{R2_DAY} 09:00").sent == 1
    (mail,) = office.mails
    assert "季度报告" in mail.text
    assert "季度台账" in mail.text


def test_numbers_in_a_digest_are_those_of_the_day_it_names(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path, plan=two_reports()))
    office.extend("A1-R2/EDU/2022Q2", "2022-06-30", on="2022-06-23 10:00")
    # planned on Friday evening for Monday: the second report is due in four working days then
    office.evaluate(f"{R2_DAY} 18:00")
    # on Monday morning the first report joins the digest; the second is due in three days now
    office.evaluate(f"{DUE_DAY} 08:00")
    assert office.deliver(f"{DUE_DAY} 09:00").sent == 1
    (mail,) = office.mails
    assert "截至2022年6月27日" in mail.text
    assert "还有3个工作日到期" in mail.text
    assert "还有4个工作日到期" not in mail.text


def test_the_same_evaluation_again_plans_and_sends_nothing_more(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(one_unit(tmp_path))
    assert office.evaluate(f"{R4_DAY} 08:00").counts["notices"] == 2
    assert office.evaluate(f"{R4_DAY} 08:00").counts["notices"] == 0
    assert office.deliver(f"{R4_DAY} 09:00").sent == 2
    assert office.evaluate(f"{R4_DAY} 09:30").counts["notices"] == 0
    assert office.deliver(f"{R4_DAY} 10:00") == SENT_NOTHING
    assert office.deliver("2022-06-29 09:00") == SENT_NOTHING


def test_an_urgent_notice_goes_alone(sqlite_office: Office, tmp_path: Path) -> None:
    rules = ladder_rules()
    urgent = rules[2]["notice"] | {"urgent": True}
    pack = small_pack(
        tmp_path / "pack",
        [*rules[:2], rules[2] | {"notice": urgent}, *rules[3:]],
        units=[a_unit("EDU", "区教育局")],
        plan=two_reports(),
    )
    sqlite_office.adopt(pack)
    sqlite_office.evaluate(f"{DUE_DAY} 08:00")
    sqlite_office.deliver(f"{DUE_DAY} 09:00")
    assert recipients(sqlite_office.mails) == {"liaison@edu.example.org": 2}


# --- When mail leaves ----------------------------------------------------------------------------


def test_mail_waits_for_the_office_to_open(sqlite_office: Office, tmp_path: Path) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path))
    office.evaluate("2022-06-27 17:31")
    for closed in ("2022-06-27 17:31", "2022-06-28 00:10", "2022-06-28 08:59"):
        held = office.deliver(closed)
        assert held.sent == 0, closed
    assert office.deliver("2022-06-28 09:00").sent == 2


def test_a_digest_that_is_due_when_the_office_has_closed_is_held_until_it_opens(
    sqlite_office: Office, tmp_path: Path
) -> None:
    sqlite_office.adopt(one_unit(tmp_path))
    sqlite_office.evaluate(f"{R4_DAY} 17:00")
    held = sqlite_office.deliver(f"{R4_DAY} 17:31")
    assert (held.sent, held.waiting, held.next_opening) == (0, 2, at("2022-06-29 09:00"))
    assert sqlite_office.deliver(f"{R4_DAY} 17:30").sent == 2


@pytest.mark.parametrize(
    ("evaluated", "closed", "opening"),
    [
        ("2022-07-01 17:31", ["2022-07-02 10:00", "2022-07-03 10:00"], "2022-07-04 09:00"),
        # National Day: Saturday and Sunday, 8 and 9 October, make up for the holiday
        ("2022-09-30 17:31", [f"2022-10-0{day} 10:00" for day in range(1, 8)], "2022-10-08 09:00"),
        ("2022-10-08 17:31", ["2022-10-08 18:00"], "2022-10-09 09:00"),
    ],
    ids=["a week-end", "the National Day", "a make-up Sunday"],
)
def test_mail_leaves_on_working_days_only(
    sqlite_office: Office, tmp_path: Path, evaluated: str, closed: list[str], opening: str
) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path))
    office.submit(a_submission("A1-R1", "EDU", "2022Q2", "2022-06-20 10:00"))
    if evaluated < "2022-09":
        office.extend("A1-R1/EDU/2022Q3", "2022-12-01", on="2022-06-20 10:00")
        office.give_back("A1-R1/EDU/2022Q2", on="2022-06-20 11:00")
    assert office.evaluate(evaluated).counts["notices"] > 0
    for moment in closed:
        assert office.deliver(moment).sent == 0, moment
        assert office.mails == []
    assert office.deliver(opening).sent == len(office.mails) > 0


def test_a_due_date_beyond_the_calendar_holds_mail_and_names_the_year(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path))
    office.evaluate(f"{R4_DAY} 08:00")
    held = office.deliver("2024-01-05 10:00")
    assert (held.sent, held.waiting) == (0, 2)
    assert "no working-day table for 2024" in held.errors[0]


# --- Asked again at the moment of sending --------------------------------------------------------


def test_a_report_filed_between_evaluation_and_sending_silences_its_reminders(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", RULES))
    office.evaluate(f"{R4_DAY} 08:00")
    office.submit(a_submission("A1-R1", "EDU", "2022Q2", f"{R4_DAY} 08:30"))
    done = office.deliver(f"{R4_DAY} 09:00")
    assert (done.sent, done.silenced, done.empty) == (4, 2, 2)
    assert not any("edu" in mail.recipient for mail in office.mails)
    assert states(office, unit="EDU", step="R4") == {("silenced", "submitted meanwhile")}


def test_filing_one_of_two_items_leaves_the_other_in_the_mail(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path, plan=two_reports()))
    office.evaluate(f"{R4_DAY} 08:00")
    office.submit(a_submission("A1-R1", "EDU", "2022Q2", f"{R4_DAY} 08:30"))
    assert office.deliver(f"{R4_DAY} 09:00").sent == 2
    for mail in office.mails:
        assert "季度台账" in mail.text
        assert "季度报告" not in mail.text


def test_a_filing_that_was_given_back_is_not_chased_while_it_may_be_corrected(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path))
    office.evaluate(f"{R4_DAY} 08:00")
    office.submit(a_submission("A1-R1", "EDU", "2022Q2", f"{R4_DAY} 08:30"))
    office.give_back("A1-R1/EDU/2022Q2", on=f"{R4_DAY} 08:45")
    done = office.deliver(f"{R4_DAY} 09:00")
    assert (done.sent, done.silenced) == (0, 2)


def test_an_extension_silences_what_was_said_of_the_old_due_date(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", RULES))
    office.evaluate(f"{R2_DAY} 08:00")
    office.extend("A1-R1/EDU/2022Q2", "2022-07-08", on=f"{R2_DAY} 08:30")
    done = office.deliver(f"{R2_DAY} 09:00")
    assert (done.sent, done.silenced, done.empty) == (2, 1, 1)
    assert ("silenced", "due date moved") in states(office, unit="EDU", step="R2")
    # the clock uses the new date from then on
    office.evaluate("2022-07-01 08:00")
    office.deliver("2022-07-01 09:00")
    (mail,) = [each for each in office.mails if "edu" in each.recipient]
    assert "时限：2022年7月8日（原时限2022年6月27日）" in mail.text


@pytest.mark.parametrize("event", [Event.WAIVE, Event.APPEAL, Event.RESPOND])
def test_a_finding_that_is_settled_meanwhile_is_not_handed_over(
    office: Office, tmp_path: Path, event: Event
) -> None:
    office.adopt(one_unit(tmp_path))
    office.evaluate(R4_DAY)
    number = office.finding("late").number
    office.decide(Event.CONFIRM, number, on=f"{R4_DAY} 18:00")
    office.decide(Event.NOTIFY, number, on=f"{R4_DAY} 18:01")
    until = "2022-12-31" if event is Event.WAIVE else None
    office.decide(event, number, reason="已说明", until=until, on=f"{R4_DAY} 18:30")
    before = len(office.mails)
    done = office.deliver("2022-06-29 09:00")
    handed = [mail for mail in office.mails[before:] if number in mail.subject + mail.text]
    if event is Event.APPEAL:  # still open: the unit has a right to what it appeals against
        assert len(handed) == 1
    else:
        assert handed == []
        assert ("silenced", "finding settled") in states(office, step="F5")
        assert done.silenced == 1


RECTIFY: dict[str, Any] = {
    "id": "remind-X2",
    "title": "整改逾期催办",
    "on": "finding",
    "when": "state in ('notified', 'acknowledged') and days_past_rectify_due >= 1",
    "notice": {"ladder": "rectification", "step": "X2", "kind": "rectification", "to": ["liaison"]},
}


def an_unrectified_finding(office: Office, pack: Path) -> str:
    """A finding handed over on 28 June, to be rectified by 12 July, its reminder waiting."""
    office.adopt(pack)
    office.evaluate(R4_DAY)
    number = office.finding("late", "EDU").number
    office.decide(Event.CONFIRM, number, on=R4_DAY)
    office.decide(Event.NOTIFY, number, on=R4_DAY)
    office.deliver("2022-06-29 09:00")
    assert str(office.finding("late", "EDU").rectify_due) == "2022-07-12"
    office.evaluate("2022-07-13 08:00")
    office.transport.sent.clear()
    return number


def test_what_is_filed_after_a_reminder_to_rectify_was_written_silences_it(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    an_unrectified_finding(office, one_unit(tmp_path, rules=[*RULES, RECTIFY]))
    office.submit(a_submission("A1-R1", "EDU", "2022Q2", "2022-07-13 08:30"))
    office.deliver("2022-07-13 09:00")
    assert office.mails == []
    assert states(office, step="X2") == {("silenced", "submitted meanwhile")}


def test_a_unit_that_has_left_the_plan_is_still_told_of_its_findings(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office, rules = sqlite_office, [*RULES, RECTIFY]
    number = an_unrectified_finding(office, small_pack(tmp_path / "pack", rules))
    left = [a_unit("CIV", "区民政局")]
    office.adopt(small_pack(tmp_path / "smaller", rules, units=left))
    office.deliver("2022-07-13 09:00")
    (mail,) = [each for each in office.mails if "edu" in each.recipient]
    assert number in mail.text
    assert "区教育局" in mail.text


def test_what_is_no_longer_asked_for_by_the_plan_is_not_chased(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "pack", RULES))
    office.evaluate(f"{R4_DAY} 08:00")
    left = [a_unit("CIV", "区民政局"), a_unit("FIN", "区财政局")]
    office.adopt(small_pack(tmp_path / "smaller", RULES, units=left))
    done = office.deliver(f"{R4_DAY} 09:00")
    assert (done.sent, done.silenced) == (4, 2)
    assert not any("edu" in mail.recipient for mail in office.mails)


def test_a_report_filed_while_a_long_round_is_under_way_is_not_chased(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "pack", RULES))
    office.evaluate(f"{R4_DAY} 08:00")
    office.clock.now = at(f"{R4_DAY} 09:00")

    def slowly(message: Message) -> None:
        office.clock.now += timedelta(minutes=3)
        if "edu" in message.recipient:
            office.submit(a_submission("A1-R1", "FIN", "2022Q2", f"{R4_DAY} 09:01"))

    done = deliver_as_worker(office, Watched(office.transport, before=slowly))
    assert "liaison@edu.example.org" in recipients(office.mails)
    assert not any("fin" in mail.recipient for mail in office.mails)
    assert done.silenced == 2


# --- A round that takes long ---------------------------------------------------------------------


@dataclass
class Watched:
    """A transport with something happening before and after each message."""

    inner: Transport
    before: Callable[[Message], None] = lambda _message: None
    after: Callable[[Message], None] = lambda _message: None
    name: str = "watched"

    def send(self, message: Message, *, at: datetime) -> None:
        self.before(message)
        self.inner.send(message, at=at)
        self.after(message)


def deliver_as_worker(office: Office, transport: Transport) -> Delivery:
    """Deliver as `supervision work` does: the clock runs on while mail is sent."""
    postman = replace(office.app.postman, transport=transport)
    now = office.clock()
    return deliver(office.app.database, postman, clock=office.clock, at=now, now=now)


def test_a_slow_round_does_not_lend_its_later_mails_to_others(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "pack", RULES))
    office.evaluate(f"{R4_DAY} 08:00")
    office.clock.now = at(f"{R4_DAY} 09:00")

    def slow(_message: Message) -> None:
        office.clock.now += LEASE / 2
        # another worker looks at the outbox while this mail is on its way
        second = deliver_as_worker(office, office.transport)
        others.append(second.sent)

    others: list[int] = []
    deliver_as_worker(office, Watched(office.transport, before=slow))
    assert set(recipients(office.mails).values()) == {1}
    assert len(office.mails) == 6


def test_a_round_that_outlasts_the_office_hours_stops(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "pack", RULES))
    office.evaluate(f"{R4_DAY} 08:00")
    office.clock.now = at(f"{R4_DAY} 17:29")

    def slow(_message: Message) -> None:
        office.clock.now += timedelta(minutes=1)

    done = deliver_as_worker(office, Watched(office.transport, before=slow))
    assert (done.sent, done.waiting) == (2, 4)
    assert done.next_opening == at("2022-06-29 09:00")


def test_a_sender_that_lost_its_lease_does_not_overwrite_what_the_next_one_wrote(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(one_unit(tmp_path))
    office.evaluate(f"{R2_DAY} 08:00")
    office.clock.now = at(f"{R2_DAY} 09:00")

    def sleep_past_the_lease(_message: Message) -> None:
        office.clock.now += LEASE - timedelta(seconds=1)
        assert deliver_as_worker(office, office.transport) == SENT_NOTHING
        office.clock.now += timedelta(seconds=1)
        assert deliver_as_worker(office, office.transport).sent == 1
        raise DeliveryError("the connection was lost", permanent=False)

    done = deliver_as_worker(office, Watched(office.transport, before=sleep_past_the_lease))
    assert (done.sent, done.retried, done.dead) == (0, 0, 0)
    assert (the_digest(office).state, the_digest(office).attempts) == ("sent", 2)
    assert states(office, step="R2") == {("sent", "")}
    assert office.deliver("2022-06-27 09:00") == SENT_NOTHING
    assert len(office.mails) == 1


def test_one_mail_that_cannot_be_written_does_not_keep_back_the_others(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "pack", RULES))
    office.evaluate(R4_DAY)
    number = office.finding("late", "EDU").number
    office.decide(Event.CONFIRM, number, on=f"{R4_DAY} 18:00")
    office.decide(Event.NOTIFY, number, on=f"{R4_DAY} 18:01")
    with office.app.database.transaction() as session:
        broken = session.get_one(DigestRow, digests(office)[0].id)
        broken.template = "digest-that-nobody-wrote"
        session.add(broken)
    done = office.deliver("2022-06-29 09:00")
    assert (done.dead, done.sent) == (1, len(digests(office)) - 1)
    assert "digest-that-nobody-wrote" in digests(office)[0].last_error


# --- A real server in its moods ------------------------------------------------------------------


@dataclass
class Remembering(Inbox):
    """Keeps the Message-IDs of all attempts, taken or not."""

    attempted: list[str] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 aiosmtpd looks for this name
        self, server: object, session: Session, envelope: Envelope
    ) -> str:
        self.attempted.append(parsed(envelope.original_content or b"")["Message-ID"])
        return await super().handle_DATA(server, session, envelope)


def through(port: int, **options: Any) -> SmtpTransport:
    return SmtpTransport("127.0.0.1", port, **({"timeout": 5.0} | options))


def test_a_temporary_refusal_is_tried_again_later_under_the_same_message_id(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(one_unit(tmp_path))
    office.evaluate(f"{R2_DAY} 08:00")
    inbox = Remembering(answers={"DATA": "451 come back later"})
    with an_smtp_server(inbox) as port:
        first = deliver_through(office, through(port), f"{R2_DAY} 09:00")
        assert (first.sent, first.retried, first.dead) == (0, 1, 0)
        assert "451 come back later" in the_digest(office).last_error
        assert deliver_through(office, through(port), f"{R2_DAY} 09:00:59") == SENT_NOTHING
        inbox.answers.clear()
        assert deliver_through(office, through(port), f"{R2_DAY} 09:01").sent == 1
    assert inbox.attempted == [the_digest(office).message_id] * 2
    assert len(inbox.taken) == 1
    assert states(office, step="R2") == {("sent", "")}


def test_a_mailbox_that_does_not_exist_is_given_up_with_the_servers_words(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "pack", RULES))
    office.evaluate(f"{R2_DAY} 08:00")

    class NoSuchClerk(Inbox):
        async def handle_RCPT(  # noqa: N802 aiosmtpd looks for this name
            self, server: object, session: Session, envelope: Envelope, address: str, *rest: Any
        ) -> str:
            if address == "liaison@civ.example.org":
                return "550 5.1.1 no such mailbox"
            envelope.rcpt_tos.append(address)
            return "250 OK"

    inbox = NoSuchClerk()
    with an_smtp_server(inbox) as port:
        done = deliver_through(office, through(port), f"{R2_DAY} 09:00")
        assert (done.sent, done.retried, done.dead) == (2, 0, 1)
        assert deliver_through(office, through(port), "2022-06-27 09:00").sent == 0
    assert {box for _, to, _ in inbox.taken for box in to} == {
        "liaison@edu.example.org",
        "liaison@fin.example.org",
    }
    ((state, reason),) = {
        each for each in states(office, unit="CIV", step="R2") if each[0] != "superseded"
    }
    assert state == "dead"
    assert "550 5.1.1 no such mailbox" in reason


def test_a_server_that_says_nothing_is_tried_again(sqlite_office: Office, tmp_path: Path) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path))
    office.evaluate(f"{R2_DAY} 08:00")

    def silent(connection: socket.socket) -> None:
        connection.recv(1)

    with a_scripted_server(silent) as port:
        done = deliver_through(office, through(port, timeout=0.3), f"{R2_DAY} 09:00")
    assert (done.retried, done.dead) == (1, 0)
    assert "did not answer within 0.3 seconds" in the_digest(office).last_error


def test_a_connection_that_breaks_in_the_middle_of_the_message_is_tried_again(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path))
    office.evaluate(f"{R2_DAY} 08:00")

    def hangs_up(connection: socket.socket) -> None:
        talk_until(connection, b"DATA")
        connection.sendall(b"354 go on\r\n")
        connection.recv(100)
        linger = b"\x01\0\0\0\0\0\0\0"  # hang up with a reset, as a crash would
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    with a_scripted_server(hangs_up) as port:
        done = deliver_through(office, through(port), f"{R2_DAY} 09:00")
    assert (done.sent, done.retried, done.dead) == (0, 1, 0)
    inbox = Remembering()
    with an_smtp_server(inbox) as port:
        assert deliver_through(office, through(port), f"{R2_DAY} 09:01").sent == 1
    assert inbox.attempted == [the_digest(office).message_id]


def test_after_eight_failures_a_mail_is_dead_and_a_replay_sends_it_under_its_old_message_id(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(one_unit(tmp_path))
    office.evaluate(f"{R2_DAY} 08:00")
    lost = DeliveryError("nobody answers", permanent=False)
    office.transport.fail_next(8, lost)
    hours = [0.0]
    moment = at(f"{R2_DAY} 09:00")
    for attempt in range(1, 9):
        done = office.deliver(moment.isoformat())
        assert (done.retried, done.dead) == ((1, 0) if attempt < 8 else (0, 1)), attempt
        assert the_digest(office).attempts == attempt
        if attempt < 8:
            due_at = the_digest(office).due_at
            hours.append((due_at - moment) / timedelta(minutes=1))
            just_before = (due_at - timedelta(seconds=1)).isoformat()
            assert office.deliver(just_before).retried == 0
            moment = max(due_at, next_opening(office, due_at))
    assert hours == [0, 1, 5, 15, 60, 240, 720, 1440]
    assert states(office, step="R2") == {("dead", "nobody answers")}
    assert office.deliver("2022-07-08 09:00") == SENT_NOTHING

    old = the_digest(office)
    assert old.state == "dead"
    (notice,) = office.notices(step="R2")
    settings = office.app.settings
    again = replay(
        office.app.database,
        notice.id or 0,
        plan=None,
        by="督查员",
        opens_and_closes=(settings.mail_opens, settings.mail_closes),
        at=at("2022-07-09 12:00"),  # a Saturday
        now=office.clock(),
    )
    assert again.due_at == at("2022-07-11 09:00")
    office.deliver("2022-07-11 09:00")
    assert [mail.message_id for mail in office.mails] == [old.message_id]
    assert office.journal_break() is None


def next_opening(office: Office, moment: datetime) -> datetime:
    from supervision.services.desk import open_desk

    settings = office.app.settings
    with office.app.database.reading() as session:
        hours = open_desk(session, None).hours(settings.mail_opens, settings.mail_closes)
    return hours.next_opening(moment)


def test_a_replayed_reminder_about_what_has_been_filed_is_still_silenced(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path))
    office.evaluate(f"{R2_DAY} 08:00")
    office.transport.fail_next(1, DeliveryError("550 no", permanent=True))
    assert office.deliver(f"{R2_DAY} 09:00").dead == 1
    office.submit(a_submission("A1-R1", "EDU", "2022Q2", f"{R2_DAY} 10:00"))
    (notice,) = office.notices(step="R2")
    settings = office.app.settings
    replay(
        office.app.database,
        notice.id or 0,
        plan=None,
        by="督查员",
        opens_and_closes=(settings.mail_opens, settings.mail_closes),
        at=at(f"{R2_DAY} 11:00"),
        now=office.clock(),
    )
    assert office.deliver(f"{R2_DAY} 11:00").silenced == 1
    assert office.mails == []


# --- Who sees what -------------------------------------------------------------------------------


def test_every_message_travels_to_one_recipient_and_shows_who_gets_a_copy(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path))
    office.evaluate(f"{R4_DAY} 08:00")
    inbox = Inbox()
    with an_smtp_server(inbox) as port:
        assert deliver_through(office, through(port), f"{R4_DAY} 09:00").sent == 2
    assert all(len(to) == 1 for _, to, _ in inbox.taken)
    mails = {to[0]: parsed(raw) for _, to, raw in inbox.taken}
    liaison, deputy = mails["liaison@edu.example.org"], mails["deputy@edu.example.org"]
    assert (liaison["To"], liaison["Cc"]) == ("liaison@edu.example.org", "deputy@edu.example.org")
    assert all(mail["Bcc"] is None for mail in mails.values())
    assert "抄送件" not in body_of(liaison.as_bytes(), "plain")
    for subtype in ("plain", "html"):
        assert "本邮件为抄送件" in body_of(deputy.as_bytes(), subtype)


def test_mails_about_one_item_are_one_thread(office: Office, tmp_path: Path) -> None:
    office.adopt(one_unit(tmp_path))
    for day in (R2_DAY, DUE_DAY, R4_DAY, "2022-06-30"):
        office.evaluate(f"{day} 08:00")
        office.deliver(f"{day} 09:00")
    to_liaison = [mail for mail in office.mails if mail.recipient.startswith("liaison")]
    ids = [mail.message_id for mail in to_liaison]
    assert [mail.references for mail in to_liaison] == [tuple(ids[:n]) for n in range(4)]
    assert len(set(ids)) == 4
    last = parsed(raw_of(to_liaison[-1]))
    assert last["In-Reply-To"] == ids[2]
    # the third quarter is another item
    office.evaluate("2022-09-20 08:00")
    office.deliver("2022-09-20 09:00")
    assert "第三季度" in office.mails[-1].text
    assert not set(office.mails[-1].references) & set(ids)


def test_the_number_of_the_urge_counts_urges_not_recipients(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path))
    for day in (R4_DAY, "2022-06-30"):
        office.evaluate(f"{day} 08:00")
        office.deliver(f"{day} 09:00")
    assert "第1次催办" in office.mails[0].text
    assert "第2次催办" in office.mails[-1].text
    office.extend("A1-R1/EDU/2022Q2", "2022-07-04", on="2022-06-30 10:00", late_request=True)
    office.evaluate("2022-07-05 08:00")
    office.deliver("2022-07-05 09:00")
    last = [mail for mail in office.mails if mail.recipient.startswith("liaison")][-1]
    assert "第3次催办" in last.text


def test_a_unit_without_an_address_is_a_row_with_its_reason_and_no_mail(
    sqlite_office: Office, tmp_path: Path
) -> None:
    silent = {"principal": None, "deputy": None, "liaison": None}
    units = [a_unit("EDU", "区教育局", **silent), a_unit("CIV", "区民政局")]
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "pack", RULES, units=units))
    run = office.evaluate(f"{R4_DAY} 08:00")
    assert (run.counts["notices"], run.counts["unaddressed"]) == (2, 2)
    assert office.deliver(f"{R4_DAY} 09:00").sent == 2
    assert ("skipped", "no contact address") in states(office, unit="EDU")
