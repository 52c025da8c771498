"""The life of a finding: every step of DESIGN.md §6's diagram is there, and no other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervision.domain.findings import (
    BY_PERSON,
    MOVES,
    NEEDS_REASON,
    OPEN,
    STANDING,
    Event,
    State,
    decide,
    next_state,
)
from supervision.errors import Refused

NOW = datetime(2022, 7, 15, 9, 30, tzinfo=UTC)
S, E = State, Event

# DESIGN.md §6, arrow by arrow.
DIAGRAM = {
    (S.DETECTED, E.CONFIRM): S.CONFIRMED,
    (S.DETECTED, E.DISMISS): S.DISMISSED,
    (S.DETECTED, E.CLEAR): S.CLEARED,
    (S.CONFIRMED, E.NOTIFY): S.NOTIFIED,
    (S.NOTIFIED, E.ACKNOWLEDGE): S.ACKNOWLEDGED,
    (S.NOTIFIED, E.APPEAL): S.APPEALED,
    (S.APPEALED, E.UPHOLD): S.NOTIFIED,
    (S.APPEALED, E.REJECT): S.DISMISSED,
    (S.ACKNOWLEDGED, E.RESPOND): S.RESPONDED,
    (S.RESPONDED, E.RETURN): S.NOTIFIED,
    (S.RESPONDED, E.ACCEPT): S.CLOSED,
    (S.CLOSED, E.RELAPSE): S.DETECTED,
    (S.WAIVED, E.EXPIRE): S.DETECTED,
    **{(state, E.WAIVE): S.WAIVED for state in OPEN},
}
# What the text below the diagram adds to it.
BY_THE_TEXT = {
    # "A condition that becomes satisfied after confirmation … moves to `responded`"
    (S.CONFIRMED, E.RECHECK_SATISFIED): S.RESPONDED,
    (S.NOTIFIED, E.RECHECK_SATISFIED): S.RESPONDED,
    (S.ACKNOWLEDGED, E.RECHECK_SATISFIED): S.RESPONDED,
    # "unless the facts worsen beyond what was decided on"
    (S.DISMISSED, E.WORSEN): S.DETECTED,
    (S.WAIVED, E.WORSEN): S.DETECTED,
    # each run reconciles: what it clears it may reopen
    (S.CLEARED, E.REOPEN): S.DETECTED,
    # nobody loses a right by being quick: one may answer or appeal before and after the receipt
    (S.NOTIFIED, E.RESPOND): S.RESPONDED,
    (S.ACKNOWLEDGED, E.APPEAL): S.APPEALED,
    # a severity that rises is a step on file, in whatever open state
    **{(state, E.RAISE): state for state in OPEN},
}
ALLOWED = DIAGRAM | BY_THE_TEXT
EVERY = [(state, event) for state in State for event in Event]

states = st.sampled_from(list(State))


@pytest.mark.parametrize(("state", "event"), EVERY)
def test_a_step_is_in_the_diagram_or_it_is_refused(state: State, event: Event) -> None:
    if (state, event) in ALLOWED:
        assert next_state(state, event) is ALLOWED[state, event]
        return
    with pytest.raises(Refused) as caught:
        next_state(state, event)
    assert f"a finding that is {state.value} cannot take the step '{event.value}'" in str(
        caught.value
    )


def test_there_is_no_step_that_the_design_does_not_know() -> None:
    assert MOVES.keys() == ALLOWED.keys()


@pytest.mark.parametrize("state", list(State))
def test_a_refusal_names_what_a_person_may_do_instead(state: State) -> None:
    possible = sorted(
        event.value for source, event in ALLOWED if source is state and event in BY_PERSON
    )
    with pytest.raises(Refused) as caught:
        next_state(state, E.OPEN)
    named = str(caught.value).rsplit("possible now: ", 1)[1]
    assert named == (", ".join(possible) or "nothing, it is settled")


@pytest.mark.parametrize("event", sorted(BY_PERSON))
def test_nobody_decides_without_saying_who(event: Event) -> None:
    state = next(source for source, step in ALLOWED if step is event)
    for nobody in ("", "  "):
        with pytest.raises(Refused, match="--by"):
            decide("f", state, event, by=nobody, reason="因为", now=NOW)


@pytest.mark.parametrize("event", sorted(BY_PERSON))
def test_a_decision_against_somebody_needs_a_reason(event: Event) -> None:
    state = next(source for source, step in ALLOWED if step is event)
    needs = event in {E.DISMISS, E.WAIVE, E.APPEAL, E.REJECT, E.RETURN, E.RESPOND}
    assert (event in NEEDS_REASON) is needs
    if needs:
        with pytest.raises(Refused, match="--reason"):
            decide("f", state, event, by="督查员", reason=" ", now=NOW)
    else:
        assert (
            decide("f", state, event, by="督查员", reason="", now=NOW).new is ALLOWED[state, event]
        )


@pytest.mark.parametrize("event", sorted(set(Event) - BY_PERSON))
def test_no_person_takes_the_systems_own_steps(event: Event) -> None:
    for state in State:
        with pytest.raises(Refused, match="system's own"):
            decide("f", state, event, by="督查员", reason="因为", now=NOW)


def test_a_decision_keeps_who_when_why_and_from_where() -> None:
    step = decide("rule|A", S.DETECTED, E.DISMISS, by=" 督查员 ", reason=" 已报 ", now=NOW)
    assert (step.fingerprint, step.event, step.old, step.new) == (
        "rule|A",
        E.DISMISS,
        S.DETECTED,
        S.DISMISSED,
    )
    assert (step.by, step.reason, step.at) == ("督查员", "已报", NOW)


def test_from_dismissed_and_waived_automation_leads_nowhere_but_when_worse_or_expired() -> None:
    automatic = set(Event) - BY_PERSON
    ways = {
        (state, event)
        for state, event in MOVES
        if state in (S.DISMISSED, S.WAIVED, S.CLOSED) and event in automatic
    }
    assert ways == {
        (S.DISMISSED, E.WORSEN),
        (S.WAIVED, E.WORSEN),
        (S.WAIVED, E.EXPIRE),
        (S.CLOSED, E.RELAPSE),
    }


def test_automation_never_settles_what_a_person_confirmed() -> None:
    for (state, event), new in MOVES.items():
        if state in STANDING and event not in BY_PERSON:
            assert new in STANDING, (state, event)


def test_automation_never_leads_to_a_state_in_which_the_unit_was_told() -> None:
    told = {S.NOTIFIED, S.ACKNOWLEDGED, S.APPEALED, S.CLOSED, S.DISMISSED, S.WAIVED}
    for (state, event), new in MOVES.items():
        if event not in BY_PERSON and new is not state:
            assert new not in told, (state, event)


def test_nothing_outward_leaves_from_detected() -> None:
    assert S.DETECTED not in STANDING
    unconfirmed = OPEN - STANDING
    assert unconfirmed == {S.DETECTED}
    after = {new for (state, _), new in MOVES.items() if state is S.DETECTED}
    assert after == {S.DETECTED, S.CONFIRMED, S.DISMISSED, S.CLEARED, S.WAIVED}


def test_every_state_can_be_reached_and_every_open_one_can_be_left_by_a_person() -> None:
    reached = {S.DETECTED}
    while True:
        further = reached | {new for (state, _), new in MOVES.items() if state in reached}
        if further == reached:
            break
        reached = further
    assert reached == set(State)
    for state in OPEN:
        assert any(source is state and event in BY_PERSON for source, event in MOVES)


@given(states, st.lists(st.sampled_from(sorted(BY_PERSON)), max_size=12))
def test_only_a_persons_word_ends_an_open_finding_whatever_is_tried(
    state: State, events: list[Event]
) -> None:
    for event in events:
        try:
            new = next_state(state, event)
        except Refused:
            assert (state, event) not in ALLOWED
            continue
        if state in OPEN and new not in OPEN:
            assert event in {E.DISMISS, E.REJECT, E.ACCEPT, E.WAIVE}
        state = new
