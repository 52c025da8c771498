"""Deliver what is due: claim, render, send with no transaction open, write down how it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from notifications.errors import DeliveryError, NotificationError
from notifications.message import Attachment, Message
from notifications.render import Renderer
from notifications.retry import next_attempt
from notifications.transport import Transport
from supervision.clock import Clock
from supervision.domain.notices import DigestState, NoticeState, Silence
from supervision.domain.workdays import CalendarMissing
from supervision.services.desk import Desk, open_desk
from supervision.services.list_files import attachment_of
from supervision.services.mails import digest_context
from supervision.store import chasing, escalations, journal, plans, sending
from supervision.store.session import Database, Session
from supervision.store.tables import DigestRow, NoticeRow


@dataclass(frozen=True)
class Postman:
    """What delivery works with besides the database."""

    transport: Transport
    renderer: Renderer
    sender: str
    language: str
    opens: time
    closes: time


@dataclass(frozen=True)
class Delivery:
    """How a round ended; `waiting` digests are held until `next_opening`."""

    sent: int = 0
    empty: int = 0
    retried: int = 0
    dead: int = 0
    silenced: int = 0
    waiting: int = 0
    next_opening: datetime | None = None
    errors: tuple[str, ...] = ()

    def plus(self, other: Delivery) -> Delivery:
        openings = [each for each in (self.next_opening, other.next_opening) if each is not None]
        return Delivery(
            sent=self.sent + other.sent,
            empty=self.empty + other.empty,
            retried=self.retried + other.retried,
            dead=self.dead + other.dead,
            silenced=self.silenced + other.silenced,
            waiting=self.waiting + other.waiting,
            next_opening=min(openings, default=None),
            errors=self.errors + other.errors,
        )


def deliver(
    database: Database,
    postman: Postman,
    *,
    plan: str | None = None,
    ignore_hours: bool = False,
    stop: Callable[[], bool] = lambda: False,
    actor: str = "delivery",
    clock: Clock | None = None,
    at: datetime,
    now: datetime,
) -> Delivery:
    """Send every digest that is due at `at`, one message a recipient; return how it went.

    `at` is the plan's instant (quiet hours, what is due), `now` the knowledge: what has been filed
    up to `at` and is known now silences its reminders.  Sending takes time: with `clock` both run
    on by it during the round.  Any number of processes may do this at once; each digest is sent by
    one.  `stop` is asked between digests.
    """
    with database.reading() as session:
        codes = [plans.choose_plan(session, plan)] if plan else plans.plan_codes(session)
    total = Delivery()
    for code in codes:
        round_ = _Round(database, postman, code, actor=actor, clock=clock, at=at, now=now)
        total = total.plus(round_.carry_out(ignore_hours=ignore_hours, stop=stop))
    return total


class _Round:
    """One plan's delivery."""

    def __init__(
        self,
        database: Database,
        postman: Postman,
        plan: str,
        *,
        actor: str,
        clock: Clock | None,
        at: datetime,
        now: datetime,
    ) -> None:
        self.database, self.postman, self.plan = database, postman, plan
        self.actor, self._at, self._now = actor, at, now
        self._clock = clock or (lambda: now)
        self._started = self._clock()
        with database.reading() as session:
            self.desk: Desk = open_desk(session, plan)
            self.due: list[DigestRow] = sending.due_digests(session, plan, now=at)
            for row in self.due:
                session.expunge(row)

    @property
    def at(self) -> datetime:
        return self._at + self._passed()

    @property
    def now(self) -> datetime:
        return self._now + self._passed()

    def _passed(self) -> timedelta:
        return self._clock() - self._started

    def carry_out(self, *, ignore_hours: bool, stop: Callable[[], bool]) -> Delivery:
        total = Delivery()
        hours = self.desk.hours(self.postman.opens, self.postman.closes)
        for done, digest in enumerate(self.due):
            if stop():
                break
            if not ignore_hours:
                at, left = self.at, len(self.due) - done
                try:
                    opening = hours.next_opening(at)
                except CalendarMissing as error:
                    return total.plus(Delivery(waiting=left, errors=(str(error),)))
                if opening > at:
                    return total.plus(Delivery(waiting=left, next_opening=opening))
            with self.database.short() as connection:
                # the lease runs from the later of both clocks: nobody else may think it is over
                claimed = sending.claim(connection, digest, now=max(self.at, self.now))
            if claimed:
                total = total.plus(self._send(digest))
        return total

    def _send(self, digest: DigestRow) -> Delivery:
        notices, silenced = self._still_due(digest)
        if not notices:
            with self.database.transaction() as session:
                sending.settle(session, digest, DigestState.EMPTY)
            return Delivery(empty=1, silenced=silenced)
        try:
            message = self._message(digest, notices)
        except NotificationError as error:
            # our own fault, the same at every try: shown as dead, replayable once it is mended
            failure = DeliveryError(f"the mail cannot be written: {error}", permanent=True)
            return replace(self._failed(digest, notices, failure), silenced=silenced)
        at = self.at
        try:
            self.postman.transport.send(message, at=at)
        except DeliveryError as error:
            return replace(self._failed(digest, notices, error), silenced=silenced)
        with self.database.transaction() as session:
            sending.settle(session, digest, DigestState.SENT, sent_at=at)
            sending.settle_notices(
                session, [each.id or 0 for each in notices], NoticeState.SENT, sent_at=at
            )
            self._journal(session, "mail sent", digest, {"notices": [each.key for each in notices]})
        return Delivery(sent=1, silenced=silenced)

    def _still_due(self, digest: DigestRow) -> tuple[list[NoticeRow], int]:
        """Return the notices to send; those whose reason has gone meanwhile are silenced."""
        with self.database.transaction() as session:
            rows = sending.enclosed(session, digest.id or 0)
            gone = chasing.no_longer_due(
                session, self.plan, rows, as_of=self.at, known_at=max(self.now, self.at)
            )
            for why in Silence:
                ids = [row.id or 0 for row in rows if gone.get(row.id or 0) is why]
                if ids:
                    sending.settle_notices(session, ids, NoticeState.SILENCED, reason=why.value)
            kept = [row for row in rows if (row.id or 0) not in gone]
            for row in kept:
                session.refresh(row)
                session.expunge(row)
            return kept, len(gone)

    def _message(self, digest: DigestRow, notices: Sequence[NoticeRow]) -> Message:
        with self.database.reading() as session:
            return compose(session, self.desk, self.postman, digest, notices)

    def _failed(
        self, digest: DigestRow, notices: Sequence[NoticeRow], error: DeliveryError
    ) -> Delivery:
        attempts = digest.attempts + 1
        again = next_attempt(attempts, error_permanent=error.permanent, now=self.at)
        with self.database.transaction() as session:
            state = DigestState.DUE if again is not None else DigestState.DEAD
            if not sending.settle(session, digest, state, due_at=again, error=str(error)):
                return Delivery(errors=(str(error),))  # it took so long that another took it over
            if again is not None:
                self._journal(session, "mail to be tried again", digest, {"error": str(error)})
                return Delivery(retried=1, errors=(str(error),))
            sending.settle_notices(
                session,
                [notice.id or 0 for notice in notices],
                NoticeState.DEAD,
                reason=str(error)[:200],
            )
            self._journal(session, "mail given up", digest, {"error": str(error)})
        return Delivery(dead=1, errors=(str(error),))

    def _journal(
        self, session: Session, action: str, digest: DigestRow, data: dict[str, object]
    ) -> None:
        journal.append(
            session,
            actor=self.actor,
            action=action,
            subject=digest.message_id,
            data={"recipient": digest.recipient, **data},
            at=self.now,
        )


def compose(
    session: Session,
    desk: Desk,
    postman: Postman,
    digest: DigestRow,
    notices: Sequence[NoticeRow],
) -> Message:
    """Return the one message of a digest; mails about the same items are one thread."""
    context = dict(digest.content)
    attachments: tuple[Attachment, ...] = ()
    if digest.template == "digest":
        context = digest_context(
            desk.adopted.pack,
            plans.last_known_unit(session, desk.code, digest.unit),
            [notice.content for notice in notices],
            post=notices[0].post,
            is_copy=all(notice.is_copy for notice in notices),
            as_of=max(desk.day(notice.planned_at) for notice in notices),
            reference=f"{digest.day.isoformat()}/{digest.unit}/{digest.id}",
        )
    elif digest.template == "leaders-list":
        issued = escalations.find_list(session, desk.code, int(digest.content["list"]))
        attachments = (attachment_of(issued.document),)
    mail = postman.renderer.mail(digest.template, context, language=postman.language)
    return Message(
        sender=postman.sender,
        recipient=digest.recipient,
        shown_cc=tuple(sorted({address for notice in notices for address in notice.cc})),
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        message_id=digest.message_id,
        references=chasing.earlier_message_ids(
            session, desk.code, digest, [notice.item for notice in notices]
        ),
        attachments=attachments,
    )


def replay(
    database: Database,
    notice_id: int,
    *,
    plan: str | None,
    by: str,
    opens_and_closes: tuple[time, time],
    at: datetime,
    now: datetime,
) -> DigestRow:
    """Put a dead notice's mail back into the outbox, to be sent with its old Message-ID."""
    with database.transaction() as session:
        desk = open_desk(session, plan)
        digest = sending.revive(
            session,
            desk.code,
            notice_id,
            due_at=desk.hours(*opens_and_closes).next_opening(at),
        )
        journal.append(
            session,
            actor=by,
            action="mail replayed",
            subject=digest.message_id,
            data={"notice": notice_id},
            at=now,
        )
        session.flush()
        session.refresh(digest)
        session.expunge(digest)
        return digest
