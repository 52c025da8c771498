"""What a run's verdicts mean for the findings that exist: opened, kept, cleared, reopened.

Undecided and broken verdicts neither open nor close anything, and a person's decision stands until
it ends or the facts become worse than what was decided on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from rules.document import Level
from supervision.domain.findings import OPEN, Event, State, Transition, next_state

SYSTEM = "system"


class Verdict(StrEnum):
    """Rule × obligation; outside a rule's scope there is none."""

    SATISFIED = "satisfied"
    VIOLATED = "violated"
    UNDECIDED = "undecided"
    WAIVED = "waived"
    BROKEN = "broken"


class Effect(StrEnum):
    """What the run did to one finding; counted in the run's record."""

    OPENED = "opened"
    KEPT = "kept"
    CLEARED = "cleared"
    REOPENED = "reopened"
    UNTOUCHED = "untouched"


@dataclass(frozen=True)
class Standing:
    """What is on file of one finding before the run.

    `decided_severity` is the severity a person dismissed or waived; `stood_in` the state before the
    system's own re-check moved it to responded.
    """

    fingerprint: str
    state: State
    severity: Level
    decided_severity: Level | None = None
    waived_until: date | None = None
    stood_in: State | None = None


@dataclass(frozen=True)
class Seen:
    """What the run saw of one fingerprint: VIOLATED or UNDECIDED (or BROKEN) with its severity."""

    verdict: Verdict
    severity: Level | None = None
    automatic: bool = False


@dataclass(frozen=True)
class Change:
    """`transitions` in order; `reported` is the verdict as the run counts it (waived included)."""

    fingerprint: str
    effect: Effect
    transitions: tuple[Transition, ...]
    reported: Verdict
    severity: Level | None = None


def reconcile(
    standing: Mapping[str, Standing],
    seen: Mapping[str, Seen],
    *,
    unproven: Iterable[str] = (),
    today: date,
    now: datetime,
) -> list[Change]:
    """Return what changes, one Change a fingerprint, sorted by fingerprint.

    A fingerprint on file that the run did not see is no longer violated.  `unproven` are those
    whose condition is gone only because the rule or a parameter changed: they stay as they are.
    `today` decides whether a waiver is still in force (its last day included).
    """
    untouchable = frozenset(unproven)
    changes = []
    for fingerprint in sorted(standing.keys() | seen.keys()):
        on_file, view = standing.get(fingerprint), seen.get(fingerprint)
        if view is not None and view.verdict is Verdict.VIOLATED:
            assert view.severity is not None
            changes.append(_violated(fingerprint, on_file, view, view.severity, today, now))
        elif view is not None:
            changes.append(Change(fingerprint, Effect.UNTOUCHED, (), view.verdict))
        elif on_file is not None:
            changes.append(_gone(on_file, fingerprint in untouchable, now))
    return changes


def _violated(
    fingerprint: str,
    on_file: Standing | None,
    view: Seen,
    severity: Level,
    today: date,
    now: datetime,
) -> Change:
    def change(effect: Effect, *steps: tuple[Event, State | None, State, str]) -> Change:
        transitions = tuple(
            Transition(fingerprint, event, old, new, now, SYSTEM, reason)
            for event, old, new, reason in steps
        )
        return Change(fingerprint, effect, transitions, Verdict.VIOLATED, severity)

    def into_detected(
        event: Event, old: State | None, reason: str
    ) -> list[tuple[Event, State | None, State, str]]:
        steps: list[tuple[Event, State | None, State, str]] = [(event, old, State.DETECTED, reason)]
        if view.automatic:
            because = "the rule confirms itself: a pure date fact"
            steps.append((Event.CONFIRM, State.DETECTED, State.CONFIRMED, because))
        return steps

    if on_file is None:
        return change(Effect.OPENED, *into_detected(Event.OPEN, None, "the condition holds"))
    state = on_file.state
    decided = on_file.decided_severity or on_file.severity
    worse = severity.rank > decided.rank
    match state:
        case State.CLEARED:
            return change(
                Effect.REOPENED,
                *into_detected(Event.REOPEN, state, "the condition holds again"),
            )
        case State.CLOSED:
            return change(
                Effect.REOPENED,
                *into_detected(Event.RELAPSE, state, "the condition holds again after closing"),
            )
        case State.WAIVED:
            if on_file.waived_until is not None and today > on_file.waived_until:
                reason = f"the waiver ended on {on_file.waived_until}"
                return change(Effect.REOPENED, *into_detected(Event.EXPIRE, state, reason))
            if worse:
                reason = f"{severity.value} now; it was waived as {decided.value}"
                return change(Effect.REOPENED, *into_detected(Event.WORSEN, state, reason))
            return Change(fingerprint, Effect.UNTOUCHED, (), Verdict.WAIVED, severity)
        case State.DISMISSED:
            if worse:
                reason = f"{severity.value} now; it was dismissed as {decided.value}"
                return change(Effect.REOPENED, *into_detected(Event.WORSEN, state, reason))
            return Change(fingerprint, Effect.UNTOUCHED, (), Verdict.VIOLATED, severity)
    steps: list[tuple[Event, State | None, State, str]] = []
    if state is State.RESPONDED and on_file.stood_in is not None:
        reason = "re-checked: violated again before anybody accepted"
        steps.append((Event.RECHECK_FAILED, state, on_file.stood_in, reason))
        state = on_file.stood_in
    if severity.rank > on_file.severity.rank:
        reason = f"from {on_file.severity.value} to {severity.value}"
        steps.append((Event.RAISE, state, state, reason))
    return change(Effect.KEPT, *steps)


def _gone(on_file: Standing, unproven: bool, now: datetime) -> Change:
    def change(effect: Effect, event: Event, reason: str) -> Change:
        new = next_state(on_file.state, event)
        step = Transition(on_file.fingerprint, event, on_file.state, new, now, SYSTEM, reason)
        return Change(on_file.fingerprint, effect, (step,), Verdict.SATISFIED)

    if on_file.state is State.DETECTED:
        return change(Effect.CLEARED, Event.CLEAR, "the condition no longer holds")
    rechecked = {State.CONFIRMED, State.NOTIFIED, State.ACKNOWLEDGED}
    if on_file.state in rechecked and not unproven:
        return change(Effect.KEPT, Event.RECHECK_SATISFIED, "re-checked: satisfied")
    effect = Effect.KEPT if on_file.state in OPEN else Effect.UNTOUCHED
    return Change(on_file.fingerprint, effect, (), Verdict.SATISFIED)
