"""The outbox: notices, and the digests they travel in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select as sql_select
from sqlalchemy import update as sql_update
from sqlmodel import Session, col, select

from notifications.message import message_id_for
from supervision.domain.notices import (
    PENDING,
    DigestState,
    NoticeState,
    OnFile,
    Silence,
)
from supervision.domain.workdays import OfficeHours
from supervision.errors import NotFound
from supervision.store.tables import DigestRow, NoticeRow
from supervision.store.tables.base import insert_all

PART = 500


@dataclass(frozen=True)
class Envelope:
    """Where a notice is to go: one digest per recipient, unit and day; `channel` sets it apart."""

    recipient: str
    name: str
    unit: str
    template: str = "digest"
    channel: str = "digest"
    content: Mapping[str, Any] | None = None


class Brief(NamedTuple):
    """A notice without its words."""

    id: int
    key: str
    item: str
    ladder: str
    step: str
    rule: str | None
    post: str
    state: str
    kind: str
    is_copy: int

    @property
    def pending(self) -> bool:
        """Whether a run asked for it and it has not left the house."""
        return self.rule is not None and NoticeState(self.state) in PENDING


def in_brief(
    session: Session,
    plan: str,
    items: Iterable[str],
    *,
    units: Collection[str] | None,
    between: tuple[str, str] | None,
) -> list[Brief]:
    """Return the notices of these items, and what waits for some units, a stretch of them, or all.

    In the order in which they were written, each once.
    """
    columns = sql_select(*(getattr(NoticeRow, name) for name in Brief._fields)).where(
        col(NoticeRow.plan) == plan
    )
    found: dict[int, Brief] = {}
    wanted = sorted(set(items))
    for start in range(0, len(wanted), PART):
        rows = session.execute(columns.where(col(NoticeRow.item).in_(wanted[start : start + PART])))
        found.update((row[0], Brief(*row)) for row in rows)
    waiting = columns.where(
        col(NoticeRow.state).in_([state.value for state in PENDING]),
        col(NoticeRow.run_id).is_not(None),
    )
    if units is not None:
        waiting = waiting.where(col(NoticeRow.unit).in_(units))
    if between is not None:
        waiting = waiting.where(col(NoticeRow.unit).between(*between))
    found.update((row[0], Brief(*row)) for row in session.execute(waiting))
    return [brief for _, brief in sorted(found.items())]


def as_on_file(rows: Iterable[Brief]) -> list[OnFile]:
    """Return the notices that rules asked for, as planning needs them."""
    return [
        OnFile(
            key=row.key,
            item=row.item,
            tag=row.key.split("|")[1],
            ladder=row.ladder,
            step=row.step,
            post=row.post,
            state=NoticeState(row.state),
        )
        for row in rows
        if row.rule is not None
    ]


def by_id(session: Session, ids: Iterable[int]) -> list[NoticeRow]:
    """Return whole notices."""
    found: list[NoticeRow] = []
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), PART):
        found += session.exec(
            select(NoticeRow).where(col(NoticeRow.id).in_(wanted[start : start + PART]))
        )
    return found


def end(session: Session, plan: str, ended: Mapping[str, tuple[NoticeState, Silence]]) -> None:
    """End pending notices unsent, with their reason."""
    for key, (state, why) in ended.items():
        session.exec(
            sql_update(NoticeRow)
            .where(
                col(NoticeRow.plan) == plan,
                col(NoticeRow.key) == key,
                col(NoticeRow.state).in_([each.value for each in PENDING]),
            )
            .values(state=state.value, state_reason=why.value)
        )


def enclose(
    session: Session,
    plan: str,
    envelope: Envelope,
    *,
    hours: OfficeHours,
    domain: str,
    now: datetime,
) -> DigestRow:
    """Return the digest that a notice for this envelope travels in, made if need be.

    It leaves at the next opening; when that day's digest has already gone, on the next working
    day: one digest per recipient and day.
    """
    due_at = hours.next_opening(now)
    while True:
        day = due_at.astimezone(hours.zone).date()
        row = session.exec(
            select(DigestRow).where(
                DigestRow.plan == plan,
                DigestRow.recipient == envelope.recipient,
                DigestRow.unit == envelope.unit,
                DigestRow.day == day,
                DigestRow.channel == envelope.channel,
            )
        ).first()
        if row is None:
            return _new_digest(session, plan, envelope, day=day, due_at=due_at, domain=domain)
        if row.state == DigestState.DUE.value and row.attempts == 0:
            return row
        due_at = hours.next_opening(_start_of(day + timedelta(days=1), hours))


def _start_of(day: date, hours: OfficeHours) -> datetime:
    return datetime.combine(day, hours.opens, hours.zone)


def _new_digest(
    session: Session, plan: str, envelope: Envelope, *, day: date, due_at: datetime, domain: str
) -> DigestRow:
    row = DigestRow(**_digest_values(plan, envelope, day=day, due_at=due_at, domain=domain))
    session.add(row)
    session.flush()
    return row


def _digest_values(
    plan: str, envelope: Envelope, *, day: date, due_at: datetime, domain: str
) -> dict[str, Any]:
    identity = (plan, envelope.recipient, envelope.unit, day.isoformat(), envelope.channel)
    return {
        "plan": plan,
        "recipient": envelope.recipient,
        "name": envelope.name,
        "unit": envelope.unit,
        "day": day,
        "channel": envelope.channel,
        "template": envelope.template,
        "content": dict(envelope.content or {}),
        "state": DigestState.DUE.value,
        "due_at": due_at,
        "message_id": message_id_for("|".join(identity), domain),
    }


def enclose_all(
    session: Session,
    plan: str,
    envelopes: Collection[Envelope],
    *,
    hours: OfficeHours,
    domain: str,
    now: datetime,
) -> dict[Envelope, tuple[int, datetime]]:
    """Return for each envelope the id of the digest it travels in, as `enclose` says, and when."""
    due_at = hours.next_opening(now)
    day = due_at.astimezone(hours.zone).date()
    there = _digests_of(session, plan, day, {each.recipient for each in envelopes})
    found: dict[Envelope, tuple[int, datetime]] = {}
    fresh = []
    for each in dict.fromkeys(envelopes):
        place = (each.recipient, each.unit, each.channel)
        if place not in there:
            fresh.append(_digest_values(plan, each, day=day, due_at=due_at, domain=domain))
            continue
        state, attempts, identity, due = there[place]
        if state == DigestState.DUE.value and attempts == 0:
            found[each] = (identity, due)
        else:
            row = enclose(session, plan, each, hours=hours, domain=domain, now=now)
            found[each] = (row.id or 0, row.due_at)
    if fresh:
        insert_all(session, DigestRow, fresh)
        there = _digests_of(session, plan, day, {each["recipient"] for each in fresh})
    for each in envelopes:
        if each not in found:
            _, _, identity, due = there[each.recipient, each.unit, each.channel]
            found[each] = (identity, due)
    return found


def _digests_of(
    session: Session, plan: str, day: date, recipients: Iterable[str]
) -> dict[tuple[str, str, str], tuple[str, int, int, datetime]]:
    """Return (state, attempts, id, due_at) of a day's digests by recipient, unit and channel."""
    found: dict[tuple[str, str, str], tuple[str, int, int, datetime]] = {}
    wanted = sorted(set(recipients))
    for start in range(0, len(wanted), PART):
        rows = session.execute(
            sql_select(
                *(
                    getattr(DigestRow, name)
                    for name in (
                        "recipient",
                        "unit",
                        "channel",
                        "state",
                        "attempts",
                        "id",
                        "due_at",
                    )
                )
            ).where(
                col(DigestRow.plan) == plan,
                col(DigestRow.day) == day,
                col(DigestRow.recipient).in_(wanted[start : start + PART]),
            )
        )
        found.update(((row[0], row[1], row[2]), tuple(row[3:])) for row in rows)
    return found


def add_all(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write new notices."""
    if rows:
        insert_all(session, NoticeRow, rows)


def add(session: Session, rows: Iterable[NoticeRow]) -> None:
    session.add_all(rows)
    session.flush()


# --- Looking up ----------------------------------------------------------------------------------


def listed(
    session: Session,
    plan: str,
    *,
    states: Collection[str] | None = None,
    unit: str | None = None,
    step: str | None = None,
    limit: int | None = None,
) -> list[NoticeRow]:
    """Return notices, oldest first."""
    query = select(NoticeRow).where(NoticeRow.plan == plan)
    if states is not None:
        query = query.where(col(NoticeRow.state).in_(states))
    if unit is not None:
        query = query.where(NoticeRow.unit == unit)
    if step is not None:
        query = query.where(NoticeRow.step == step)
    query = query.order_by(col(NoticeRow.id))
    return list(session.exec(query.limit(limit) if limit is not None else query))


def find(session: Session, plan: str, notice_id: int) -> NoticeRow:
    row = session.get(NoticeRow, notice_id)
    if row is None or row.plan != plan:
        raise NotFound(f"no notice {notice_id}; `supervision notices list` shows all")
    return row


def find_digest(session: Session, digest_id: int) -> DigestRow | None:
    return session.get(DigestRow, digest_id)


def attempted(session: Session, digest_ids: Iterable[int]) -> set[int]:
    """Return which of these digests have been tried to be sent."""
    found: set[int] = set()
    wanted = sorted(set(digest_ids))
    for start in range(0, len(wanted), PART):
        tried = select(DigestRow.id).where(
            col(DigestRow.id).in_(wanted[start : start + PART]), DigestRow.attempts > 0
        )
        found.update(identity for identity in session.exec(tried) if identity is not None)
    return found


def of_items(session: Session, plan: str, items: Collection[str]) -> list[NoticeRow]:
    """Return all notices about these items."""
    found: list[NoticeRow] = []
    wanted = sorted(set(items))
    for start in range(0, len(wanted), PART):
        found += session.exec(
            select(NoticeRow).where(
                NoticeRow.plan == plan, col(NoticeRow.item).in_(wanted[start : start + PART])
            )
        )
    return found


def held_by(session: Session, run_id: int) -> list[NoticeRow]:
    """Return the notices of a run that wait for its release."""
    return list(
        session.exec(
            select(NoticeRow)
            .where(NoticeRow.run_id == run_id, NoticeRow.state == NoticeState.HELD.value)
            .order_by(col(NoticeRow.id))
        )
    )


def all_enclosed(session: Session, digest_id: int, *, states: Collection[str]) -> list[NoticeRow]:
    """Return the notices of a digest in these states."""
    return list(
        session.exec(
            select(NoticeRow)
            .where(NoticeRow.digest_id == digest_id, col(NoticeRow.state).in_(states))
            .order_by(col(NoticeRow.id))
        )
    )
