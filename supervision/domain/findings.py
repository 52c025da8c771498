"""The life of a finding: states, events, and which event leads where.

Automation opens, keeps, clears and re-checks; everything outward is a person's decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from supervision.errors import Refused


class State(StrEnum):
    DETECTED = "detected"
    CONFIRMED = "confirmed"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    APPEALED = "appealed"
    RESPONDED = "responded"
    CLOSED = "closed"
    DISMISSED = "dismissed"
    CLEARED = "cleared"
    WAIVED = "waived"


OPEN = frozenset(
    {
        State.DETECTED,
        State.CONFIRMED,
        State.NOTIFIED,
        State.ACKNOWLEDGED,
        State.APPEALED,
        State.RESPONDED,
    }
)
"""A finding in one of these still asks something of somebody."""

STANDING = OPEN - {State.DETECTED}
"""A person (or a rule allowed to) has confirmed it: it may lead to a letter or a list."""


class Event(StrEnum):
    """What happens to a finding; the last block is for the system alone."""

    CONFIRM = "confirm"
    DISMISS = "dismiss"
    NOTIFY = "notify"
    ACKNOWLEDGE = "acknowledge"
    APPEAL = "appeal"
    UPHOLD = "uphold"
    REJECT = "reject"
    RESPOND = "respond"
    RETURN = "return"
    ACCEPT = "accept"
    WAIVE = "waive"

    OPEN = "open"
    CLEAR = "clear"
    REOPEN = "reopen"
    RECHECK_SATISFIED = "recheck satisfied"
    RECHECK_FAILED = "recheck failed"
    EXPIRE = "expire"
    WORSEN = "worsen"
    RELAPSE = "relapse"
    RAISE = "raise severity"


BY_PERSON = frozenset(list(Event)[: list(Event).index(Event.WAIVE) + 1])
NEEDS_REASON = frozenset(
    {Event.DISMISS, Event.WAIVE, Event.APPEAL, Event.REJECT, Event.RETURN, Event.RESPOND}
)

MOVES: Mapping[tuple[State, Event], State] = {
    (State.DETECTED, Event.CONFIRM): State.CONFIRMED,
    (State.DETECTED, Event.DISMISS): State.DISMISSED,
    (State.DETECTED, Event.CLEAR): State.CLEARED,
    (State.CONFIRMED, Event.NOTIFY): State.NOTIFIED,
    (State.NOTIFIED, Event.ACKNOWLEDGE): State.ACKNOWLEDGED,
    (State.NOTIFIED, Event.APPEAL): State.APPEALED,
    (State.ACKNOWLEDGED, Event.APPEAL): State.APPEALED,
    (State.APPEALED, Event.UPHOLD): State.NOTIFIED,
    (State.APPEALED, Event.REJECT): State.DISMISSED,
    (State.NOTIFIED, Event.RESPOND): State.RESPONDED,
    (State.ACKNOWLEDGED, Event.RESPOND): State.RESPONDED,
    (State.CONFIRMED, Event.RECHECK_SATISFIED): State.RESPONDED,
    (State.NOTIFIED, Event.RECHECK_SATISFIED): State.RESPONDED,
    (State.ACKNOWLEDGED, Event.RECHECK_SATISFIED): State.RESPONDED,
    (State.RESPONDED, Event.RETURN): State.NOTIFIED,
    (State.RESPONDED, Event.ACCEPT): State.CLOSED,
    (State.CLOSED, Event.RELAPSE): State.DETECTED,
    (State.CLEARED, Event.REOPEN): State.DETECTED,
    (State.WAIVED, Event.EXPIRE): State.DETECTED,
    (State.WAIVED, Event.WORSEN): State.DETECTED,
    (State.DISMISSED, Event.WORSEN): State.DETECTED,
    **{(state, Event.WAIVE): State.WAIVED for state in OPEN},
    **{(state, Event.RAISE): state for state in OPEN},
    # The system itself saw it satisfied, nobody has accepted, and it no longer is: it goes back
    # to where it stood (see `before`), so it has no single target here.
}


def next_state(state: State, event: Event) -> State:
    """Return the state that `event` leads to; Refused says what would be possible instead."""
    try:
        return MOVES[state, event]
    except KeyError:
        possible = sorted(
            event.value for (source, event) in MOVES if source is state and event in BY_PERSON
        )
        raise Refused(
            f"a finding that is {state.value} cannot take the step '{event.value}'; "
            f"possible now: {', '.join(possible) or 'nothing, it is settled'}"
        ) from None


@dataclass(frozen=True)
class Transition:
    """One change of one finding: the unit of history, notices and escalation.

    `until` is the last day of a waiver.
    """

    fingerprint: str
    event: Event
    old: State | None
    new: State
    at: datetime
    by: str
    reason: str = ""
    until: date | None = None


def decide(
    fingerprint: str,
    state: State,
    event: Event,
    *,
    by: str,
    reason: str,
    until: date | None = None,
    now: datetime,
) -> Transition:
    """Return a person's decision as a transition; Refused where it may not be taken.

    Dismissing, waiving, appealing, rejecting, returning and responding need a reason.
    """
    if event not in BY_PERSON:
        raise Refused(f"'{event.value}' is the system's own step")
    if not by.strip():
        raise Refused("a decision needs the post of the person who takes it (--by)")
    if event in NEEDS_REASON and not reason.strip():
        raise Refused(f"'{event.value}' needs a reason (--reason)")
    new = next_state(state, event)
    return Transition(fingerprint, event, state, new, now, by.strip(), reason.strip(), until)
