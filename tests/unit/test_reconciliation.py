"""Verdicts against the findings on file: every cell of state × verdict, and the laws."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.vocabulary import Level
from supervision.domain.findings import OPEN, Event, State
from supervision.domain.reconciliation import (
    SYSTEM,
    Change,
    Effect,
    Seen,
    Standing,
    Verdict,
    reconcile,
)

NOW = datetime(2022, 7, 15, 9, 30, tzinfo=UTC)
TODAY = date(2022, 7, 15)
S, E, X, V, L = State, Event, Effect, Verdict, Level
VIOLATED = Seen(V.VIOLATED, L.MAJOR)


def a_standing(state: State, **parts: object) -> Standing:
    """A major finding on file; what was decided on, it was decided as major."""
    settled = state in (S.DISMISSED, S.WAIVED)
    standing = Standing(
        "f",
        state,
        L.MAJOR,
        decided_severity=L.MAJOR if settled else None,
        waived_until=date(2022, 12, 31) if state is S.WAIVED else None,
    )
    return replace(standing, **parts)  # type: ignore[arg-type]


def change_of(
    standing: Standing | None, seen: Seen | None, *, unproven: bool = False, today: date = TODAY
) -> Change:
    """What one run does to one fingerprint."""
    changes = reconcile(
        {"f": standing} if standing else {},
        {"f": seen} if seen else {},
        unproven=["f"] if unproven else [],
        today=today,
        now=NOW,
    )
    assert len(changes) == 1
    return changes[0]


def steps(change: Change) -> list[tuple[Event, State | None, State]]:
    return [(each.event, each.old, each.new) for each in change.transitions]


# --- Cell by cell --------------------------------------------------------------------------------

# What a run that finds the condition violated, with the same severity, does in each state.
WHEN_VIOLATED: dict[State, tuple[Effect, list[tuple[Event, State]], Verdict]] = {
    S.DETECTED: (X.KEPT, [], V.VIOLATED),
    S.CONFIRMED: (X.KEPT, [], V.VIOLATED),
    S.NOTIFIED: (X.KEPT, [], V.VIOLATED),
    S.ACKNOWLEDGED: (X.KEPT, [], V.VIOLATED),
    S.APPEALED: (X.KEPT, [], V.VIOLATED),
    S.RESPONDED: (X.KEPT, [], V.VIOLATED),
    S.CLOSED: (X.REOPENED, [(E.RELAPSE, S.DETECTED)], V.VIOLATED),
    S.CLEARED: (X.REOPENED, [(E.REOPEN, S.DETECTED)], V.VIOLATED),
    S.DISMISSED: (X.UNTOUCHED, [], V.VIOLATED),
    S.WAIVED: (X.UNTOUCHED, [], V.WAIVED),
}
# … that finds it no longer violated:
WHEN_GONE: dict[State, tuple[Effect, list[tuple[Event, State]]]] = {
    S.DETECTED: (X.CLEARED, [(E.CLEAR, S.CLEARED)]),
    S.CONFIRMED: (X.KEPT, [(E.RECHECK_SATISFIED, S.RESPONDED)]),
    S.NOTIFIED: (X.KEPT, [(E.RECHECK_SATISFIED, S.RESPONDED)]),
    S.ACKNOWLEDGED: (X.KEPT, [(E.RECHECK_SATISFIED, S.RESPONDED)]),
    S.APPEALED: (X.KEPT, []),
    S.RESPONDED: (X.KEPT, []),
    S.CLOSED: (X.UNTOUCHED, []),
    S.CLEARED: (X.UNTOUCHED, []),
    S.DISMISSED: (X.UNTOUCHED, []),
    S.WAIVED: (X.UNTOUCHED, []),
}


def test_the_tables_of_this_test_name_every_state() -> None:
    assert WHEN_VIOLATED.keys() == WHEN_GONE.keys() == set(State)


@pytest.mark.parametrize("state", list(State))
def test_violated(state: State) -> None:
    change = change_of(a_standing(state), VIOLATED)
    effect, moves, reported = WHEN_VIOLATED[state]
    assert change.effect is effect
    assert steps(change) == [(event, state, new) for event, new in moves]
    assert change.reported is reported
    assert change.severity is L.MAJOR


@pytest.mark.parametrize("state", list(State))
def test_no_longer_violated(state: State) -> None:
    change = change_of(a_standing(state), None)
    effect, moves = WHEN_GONE[state]
    assert change.effect is effect
    assert steps(change) == [(event, state, new) for event, new in moves]
    assert change.reported is V.SATISFIED


@pytest.mark.parametrize("verdict", [V.UNDECIDED, V.BROKEN])
@pytest.mark.parametrize("state", list(State))
def test_undecided_and_broken_neither_open_nor_close_anything(
    state: State, verdict: Verdict
) -> None:
    change = change_of(a_standing(state), Seen(verdict))
    assert change == Change("f", X.UNTOUCHED, (), verdict)


@pytest.mark.parametrize("verdict", [V.UNDECIDED, V.BROKEN])
def test_undecided_and_broken_open_nothing_new(verdict: Verdict) -> None:
    assert change_of(None, Seen(verdict)) == Change("f", X.UNTOUCHED, (), verdict)


def test_a_new_violation_is_opened_and_waits_for_a_person() -> None:
    change = change_of(None, VIOLATED)
    assert change.effect is X.OPENED
    assert steps(change) == [(E.OPEN, None, S.DETECTED)]


def test_every_transition_is_the_systems_with_a_reason_at_the_runs_instant() -> None:
    for state in State:
        for seen in (VIOLATED, None, Seen(V.VIOLATED, L.CRITICAL)):
            for step in change_of(a_standing(state), seen).transitions:
                assert (step.by, step.at) == (SYSTEM, NOW)
                assert step.reason


# --- Automatic review ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("standing", "event"),
    [
        (None, E.OPEN),
        (a_standing(S.CLEARED), E.REOPEN),
        (a_standing(S.CLOSED), E.RELAPSE),
        (a_standing(S.WAIVED, waived_until=date(2022, 7, 14)), E.EXPIRE),
    ],
)
def test_a_rule_with_automatic_review_confirms_itself(
    standing: Standing | None, event: Event
) -> None:
    change = change_of(standing, Seen(V.VIOLATED, L.MAJOR, automatic=True))
    old = standing.state if standing else None
    assert steps(change) == [
        (event, old, S.DETECTED),
        (E.CONFIRM, S.DETECTED, S.CONFIRMED),
    ]


def test_automatic_review_confirms_nothing_that_waits_for_a_person_already() -> None:
    change = change_of(a_standing(S.DETECTED), Seen(V.VIOLATED, L.MAJOR, automatic=True))
    assert change.transitions == ()


# --- Waivers -------------------------------------------------------------------------------------


def test_a_waiver_stands_on_its_last_day() -> None:
    change = change_of(a_standing(S.WAIVED, waived_until=TODAY), VIOLATED)
    assert (change.effect, change.reported, change.transitions) == (X.UNTOUCHED, V.WAIVED, ())


def test_a_waiver_ends_the_day_after_its_last() -> None:
    waived = a_standing(S.WAIVED, waived_until=TODAY)
    change = change_of(waived, VIOLATED, today=TODAY + timedelta(days=1))
    assert steps(change) == [(E.EXPIRE, S.WAIVED, S.DETECTED)]
    assert (change.effect, change.reported) == (X.REOPENED, V.VIOLATED)
    assert "2022-07-15" in change.transitions[0].reason


def test_a_waiver_that_ended_while_the_condition_was_gone_opens_nothing() -> None:
    change = change_of(a_standing(S.WAIVED, waived_until=date(2022, 1, 1)), None)
    assert (change.effect, change.transitions) == (X.UNTOUCHED, ())


# --- Worse than decided --------------------------------------------------------------------------


@pytest.mark.parametrize("state", [S.DISMISSED, S.WAIVED])
def test_a_persons_decision_ends_when_the_facts_are_worse_than_what_was_decided_on(
    state: State,
) -> None:
    change = change_of(a_standing(state), Seen(V.VIOLATED, L.CRITICAL))
    assert steps(change) == [(E.WORSEN, state, S.DETECTED)]
    assert change.effect is X.REOPENED
    assert "critical now" in change.transitions[0].reason
    assert "as major" in change.transitions[0].reason


@pytest.mark.parametrize("level", [L.INFO, L.MINOR, L.MAJOR])
@pytest.mark.parametrize("state", [S.DISMISSED, S.WAIVED])
def test_what_is_no_worse_than_decided_stays_decided(state: State, level: Level) -> None:
    change = change_of(a_standing(state), Seen(V.VIOLATED, level))
    assert (change.effect, change.transitions) == (X.UNTOUCHED, ())


def test_what_was_decided_counts_and_not_what_the_finding_was_before() -> None:
    dismissed = a_standing(S.DISMISSED, severity=L.CRITICAL, decided_severity=L.MINOR)
    assert steps(change_of(dismissed, VIOLATED)) == [(E.WORSEN, S.DISMISSED, S.DETECTED)]


@pytest.mark.parametrize("state", sorted(OPEN))
def test_an_open_finding_that_grows_worse_has_that_on_file(state: State) -> None:
    change = change_of(a_standing(state), Seen(V.VIOLATED, L.CRITICAL))
    assert steps(change) == [(E.RAISE, state, state)]
    assert change.effect is X.KEPT
    assert change.transitions[0].reason == "from major to critical"


@pytest.mark.parametrize("state", sorted(OPEN))
def test_an_open_finding_that_grows_lighter_is_kept(state: State) -> None:
    change = change_of(a_standing(state), Seen(V.VIOLATED, L.MINOR))
    assert (change.effect, change.transitions) == (X.KEPT, ())


# --- Re-checked ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stood_in", [S.CONFIRMED, S.NOTIFIED, S.ACKNOWLEDGED])
def test_violated_again_before_anybody_accepted_it_goes_back_to_where_it_stood(
    stood_in: State,
) -> None:
    responded = a_standing(S.RESPONDED, stood_in=stood_in)
    change = change_of(responded, VIOLATED)
    assert steps(change) == [(E.RECHECK_FAILED, S.RESPONDED, stood_in)]
    assert change.effect is X.KEPT


def test_going_back_and_growing_worse_are_both_on_file() -> None:
    responded = a_standing(S.RESPONDED, stood_in=S.NOTIFIED)
    change = change_of(responded, Seen(V.VIOLATED, L.CRITICAL))
    assert steps(change) == [
        (E.RECHECK_FAILED, S.RESPONDED, S.NOTIFIED),
        (E.RAISE, S.NOTIFIED, S.NOTIFIED),
    ]


def test_what_the_unit_itself_answered_stays_answered_while_it_is_still_violated() -> None:
    change = change_of(a_standing(S.RESPONDED), VIOLATED)
    assert (change.effect, change.transitions) == (X.KEPT, ())


# --- Unproven ------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", sorted(OPEN - {S.DETECTED}))
def test_what_is_gone_only_because_the_rule_changed_stays_as_it_is(state: State) -> None:
    change = change_of(a_standing(state), None, unproven=True)
    assert (change.effect, change.transitions) == (X.KEPT, ())


def test_what_nobody_confirmed_is_cleared_even_when_only_the_rule_changed() -> None:
    change = change_of(a_standing(S.DETECTED), None, unproven=True)
    assert change.effect is X.CLEARED


# --- Laws ----------------------------------------------------------------------------------------

levels = st.sampled_from(list(Level))
fingerprints = [f"rule|{letter}" for letter in "abcdef"]


@st.composite
def standings(draw: st.DrawFn) -> dict[str, Standing]:
    found = {}
    for fingerprint in draw(st.lists(st.sampled_from(fingerprints), unique=True)):
        state = draw(st.sampled_from(list(State)))
        severity = draw(levels)
        found[fingerprint] = Standing(
            fingerprint,
            state,
            severity,
            decided_severity=draw(levels) if state in (S.DISMISSED, S.WAIVED) else None,
            waived_until=draw(st.dates(date(2022, 7, 1), date(2022, 7, 31)))
            if state is S.WAIVED
            else None,
            stood_in=draw(st.sampled_from([None, S.CONFIRMED, S.NOTIFIED, S.ACKNOWLEDGED]))
            if state is S.RESPONDED
            else None,
        )
    return found


@st.composite
def views(draw: st.DrawFn) -> dict[str, Seen]:
    found = {}
    for fingerprint in draw(st.lists(st.sampled_from(fingerprints), unique=True)):
        verdict = draw(st.sampled_from([V.VIOLATED, V.UNDECIDED, V.BROKEN]))
        level = draw(levels) if verdict is V.VIOLATED else None
        found[fingerprint] = Seen(verdict, level, draw(st.booleans()))
    return found


def after(standing: dict[str, Standing], changes: list[Change]) -> dict[str, Standing]:
    """What is on file after the run, written down as `store.findings` and `evaluate` do."""
    found = dict(standing)
    for change in changes:
        row = found.get(change.fingerprint)
        if row is None and change.effect is X.OPENED:
            assert change.severity is not None
            row = Standing(change.fingerprint, S.DETECTED, change.severity)
        if row is None:
            continue
        if change.reported is V.VIOLATED and change.severity is not None:
            follows = change.effect is X.REOPENED or row.state is S.DETECTED
            if follows or (row.state in OPEN and change.severity.rank > row.severity.rank):
                row = replace(row, severity=change.severity)
        for step in change.transitions:
            row = replace(row, state=step.new)
            if step.event is E.RECHECK_SATISFIED:
                row = replace(row, stood_in=step.old)
            elif step.new is not S.RESPONDED:
                row = replace(row, stood_in=None)
            if step.new is S.DETECTED:
                row = replace(row, decided_severity=None, waived_until=None)
        found[change.fingerprint] = row
    return found


@given(standings(), views(), st.sets(st.sampled_from(fingerprints)), st.randoms())
def test_the_order_of_what_is_on_file_and_seen_never_matters(
    standing: dict[str, Standing],
    seen: dict[str, Seen],
    unproven: set[str],
    chance: random.Random,
) -> None:
    def shuffled(mapping: dict[str, Standing] | dict[str, Seen]) -> dict[str, object]:
        items = list(mapping.items())
        chance.shuffle(items)
        return dict(items)

    changes = reconcile(standing, seen, unproven=sorted(unproven), today=TODAY, now=NOW)
    again = reconcile(
        shuffled(standing),  # type: ignore[arg-type]
        shuffled(seen),  # type: ignore[arg-type]
        unproven=sorted(unproven, reverse=True),
        today=TODAY,
        now=NOW,
    )
    assert changes == again
    assert [each.fingerprint for each in changes] == sorted(standing.keys() | seen.keys())


@given(standings(), views(), st.sets(st.sampled_from(fingerprints)))
def test_a_second_run_that_sees_the_same_changes_nothing(
    standing: dict[str, Standing], seen: dict[str, Seen], unproven: set[str]
) -> None:
    first = reconcile(standing, seen, unproven=unproven, today=TODAY, now=NOW)
    on_file = after(standing, first)
    later = NOW + timedelta(hours=1)
    second = reconcile(on_file, seen, unproven=unproven, today=TODAY, now=later)
    assert [each for each in second if each.transitions] == []
    assert {each.effect for each in second} <= {X.KEPT, X.UNTOUCHED}
    assert after(on_file, second) == on_file


@given(standings(), views())
def test_each_fingerprint_is_judged_alone(
    standing: dict[str, Standing], seen: dict[str, Seen]
) -> None:
    together = reconcile(standing, seen, today=TODAY, now=NOW)
    alone = [
        change
        for fingerprint in sorted(standing.keys() | seen.keys())
        for change in reconcile(
            {key: one for key, one in standing.items() if key == fingerprint},
            {key: one for key, one in seen.items() if key == fingerprint},
            today=TODAY,
            now=NOW,
        )
    ]
    assert together == alone


@given(standings(), views())
def test_transitions_hang_together_and_a_persons_decision_stands(
    standing: dict[str, Standing], seen: dict[str, Seen]
) -> None:
    for change in reconcile(standing, seen, today=TODAY, now=NOW):
        on_file = standing.get(change.fingerprint)
        state = on_file.state if on_file else None
        for step in change.transitions:
            assert step.old is state
            state = step.new
        if on_file and on_file.state in (S.DISMISSED, S.WAIVED) and change.transitions:
            assert change.transitions[0].event in (E.WORSEN, E.EXPIRE)
        if on_file and change.reported is not V.VIOLATED:
            assert state in {on_file.state, S.CLEARED, S.RESPONDED}
