"""Who is to be told what, and why: ladders of reminders, decided from state alone.

What is due is the step whose condition holds now and that was not sent yet, never
`today == due - 3`; after days of downtime exactly the latest step goes out, and the steps that were
passed over are put on file as superseded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from rules.vocabulary import NoticeKind, Post


class NoticeState(StrEnum):
    """PLANNED and HELD may still change; the others are the end."""

    PLANNED = "planned"
    HELD = "held"
    SENT = "sent"
    DEAD = "dead"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"
    SILENCED = "silenced"


PENDING = frozenset({NoticeState.PLANNED, NoticeState.HELD})


class DigestState(StrEnum):
    """DUE covers waiting, being sent (the lease is in `due_at`) and waiting for another try."""

    DUE = "due"
    SENT = "sent"
    DEAD = "dead"
    EMPTY = "empty"


class Reason(StrEnum):
    """Why a notice exists."""

    FIRST = "first"
    NEXT_STEP = "next step"
    STILL_OPEN = "still open"
    RESOLVED = "resolved"
    ESCALATED = "escalated"
    MANUAL = "manual"


class Silence(StrEnum):
    """Why a notice was not sent."""

    NO_ADDRESS = "no contact address"
    PASSED_OVER = "a later step is due"
    NO_LONGER_DUE = "no longer due"
    SUBMITTED_MEANWHILE = "submitted meanwhile"
    DUE_DATE_MOVED = "due date moved"
    FINDING_SETTLED = "finding settled"
    CEILING = "held: the run would send more than its ceiling"
    WITHDRAWN = "withdrawn before release"


@dataclass(frozen=True)
class Step:
    """One step of a ladder, as a rule states it; `order` is its place in the ladder."""

    ladder: str
    step: str
    order: int
    kind: NoticeKind
    to: tuple[Post, ...]
    cc: tuple[Post, ...]
    rule: str
    urgent: bool = False


@dataclass(frozen=True)
class Due:
    """A step that is due for an item.

    `tag` is what restarts the ladder when it changes: the due date of an obligation, the cycle of
    a finding.
    """

    item: str
    tag: str
    unit: str
    step: Step


@dataclass(frozen=True)
class OnFile:
    """A notice that exists already."""

    key: str
    item: str
    tag: str
    ladder: str
    step: str
    post: str
    state: NoticeState


@dataclass(frozen=True)
class Planned:
    """A new row for the outbox; `recipient` None where there is nobody to send it to."""

    key: str
    due: Due
    step: Step
    post: str
    recipient: str | None
    is_copy: bool
    cc: tuple[str, ...]
    state: NoticeState
    reason: Reason
    silence: Silence | None = None


@dataclass(frozen=True)
class Plan:
    """What changes in the outbox: new rows, and pending ones that end unsent."""

    new: tuple[Planned, ...] = ()
    ended: Mapping[str, tuple[NoticeState, Silence]] = field(default_factory=dict)


Address = Mapping[tuple[str, Post], str]
"""(unit, post) → e-mail address; a post without one is missing."""


def notice_key(due: Due, step: str, recipient: str) -> str:
    """Return the unique key of a notice: item, its tag, ladder, step, recipient."""
    return "|".join((due.item, due.tag, due.step.ladder, step, recipient))


def plan_notices(
    due: Iterable[Due],
    *,
    ladders: Mapping[str, Sequence[Step]],
    on_file: Iterable[OnFile],
    addresses: Address,
) -> Plan:
    """Return what to write to the outbox so that it says exactly what is due now.

    `on_file` are the notices of all items this run looked at.  Planning again with the result on
    file changes nothing.
    """
    history: dict[tuple[str, str, str], list[OnFile]] = defaultdict(list)
    for notice in on_file:
        history[notice.item, notice.tag, notice.ladder].append(notice)
    new: list[Planned] = []
    ended: dict[str, tuple[NoticeState, Silence]] = {}
    current: dict[tuple[str, str, str], Due] = {}
    for each in due:
        where = (each.item, each.tag, each.step.ladder)
        held = current.get(where)
        if held is None or each.step.order > held.step.order:
            current[where] = each

    for where, each in sorted(current.items()):
        past = history[where]
        new.extend(_passed_over(each, ladders[each.step.ladder], past))
        new.extend(_to_send(each, past, addresses))
    for where, past in history.items():
        standing = current.get(where)
        for notice in past:
            if notice.state not in PENDING:
                continue
            if standing is None:
                ended[notice.key] = (NoticeState.SILENCED, Silence.NO_LONGER_DUE)
            elif notice.step != standing.step.step:
                ended[notice.key] = (NoticeState.SUPERSEDED, Silence.PASSED_OVER)
    return Plan(tuple(new), ended)


def _passed_over(due: Due, ladder: Sequence[Step], past: Sequence[OnFile]) -> list[Planned]:
    known = {notice.step for notice in past}
    return [
        Planned(
            key=notice_key(due, step.step, "-"),
            due=due,
            step=step,
            post="-",
            recipient=None,
            is_copy=False,
            cc=(),
            state=NoticeState.SUPERSEDED,
            reason=Reason.NEXT_STEP,
            silence=Silence.PASSED_OVER,
        )
        for step in ladder
        if step.order < due.step.order and step.step not in known
    ]


def _to_send(due: Due, past: Sequence[OnFile], addresses: Address) -> list[Planned]:
    step = due.step
    of_step = [notice for notice in past if notice.step == step.step]
    served = {notice.post for notice in of_step if notice.state is not NoticeState.SKIPPED}
    if served.issuperset(post.value for post in (*step.to, *step.cc)):
        return []
    written = {notice.key for notice in of_step}
    told_before = any(
        notice.state is NoticeState.SENT and notice.step != step.step for notice in past
    )
    reason = Reason.NEXT_STEP if told_before else Reason.FIRST
    copies = tuple(
        address for post in step.cc if (address := addresses.get((due.unit, post))) is not None
    )
    planned: list[Planned] = []
    for post in (*step.to, *step.cc):
        is_copy = post not in step.to
        address = addresses.get((due.unit, post))
        key = notice_key(due, step.step, address or f"({post.value})")
        if post.value in served or key in written:
            continue  # one person may hold two posts: told once
        written.add(key)
        planned.append(
            Planned(
                key=key,
                due=due,
                step=step,
                post=post.value,
                recipient=address,
                is_copy=is_copy,
                cc=() if is_copy else copies,
                state=NoticeState.PLANNED if address else NoticeState.SKIPPED,
                reason=reason,
                silence=None if address else Silence.NO_ADDRESS,
            )
        )
    return planned
