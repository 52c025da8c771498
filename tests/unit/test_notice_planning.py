"""Who is to be told what, and why: decided from state alone, told once, never in vain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.vocabulary import NoticeKind, Post
from supervision.domain.notices import (
    PENDING,
    Due,
    NoticeState,
    OnFile,
    Plan,
    Planned,
    Reason,
    Silence,
    Step,
    plan_notices,
)

N = NoticeState
LIAISON, DEPUTY, PRINCIPAL = Post.LIAISON, Post.DEPUTY, Post.PRINCIPAL
DUE_ON, LATER = "2022-06-27", "2022-07-15"


def a_step(name: str, order: int, *to: Post, cc: tuple[Post, ...] = ()) -> Step:
    return Step(
        ladder="report",
        step=name,
        order=order,
        kind=NoticeKind.OVERDUE,
        to=to or (LIAISON,),
        cc=cc,
        rule=f"remind-{name}",
    )


# The ladder of domain.md §6.6, with the working days to the due date on which each step holds.
LADDER = [
    a_step("R1", 0),
    a_step("R2", 1),
    a_step("R3", 2),
    a_step("R4", 3, cc=(DEPUTY,)),
    a_step("R5", 4, LIAISON, DEPUTY, cc=(PRINCIPAL,)),
]
HOLDS = {"R1": range(-5, -1), "R2": range(-1, 0), "R3": range(1), "R4": range(1, 3)}
STEPS = {step.step: step for step in LADDER}
ALL = {
    ("EDU", LIAISON): "liaison@edu.example.org",
    ("EDU", DEPUTY): "deputy@edu.example.org",
    ("EDU", PRINCIPAL): "principal@edu.example.org",
    ("CIV", LIAISON): "liaison@civ.example.org",
}


def due(step: str, *, item: str = "A1-R1/EDU/2022Q2", tag: str = DUE_ON, unit: str = "EDU") -> Due:
    return Due(item, tag, unit, STEPS[step])


def step_on(day: int) -> str | None:
    """The step that holds so many working days after the due date (before it: negative)."""
    if day >= 3:
        return "R5"
    return next((name for name, days in HOLDS.items() if day in days), None)


@dataclass
class Outbox:
    """The notices on file, kept as the store keeps them: keys are unique."""

    rows: dict[str, OnFile] = field(default_factory=dict)
    written: dict[str, Planned] = field(default_factory=dict)
    mails: list[str] = field(default_factory=list)

    def run(self, *dues: Due, addresses: Mapping[tuple[str, Post], str] = ALL) -> Plan:
        plan = plan_notices(
            dues,
            ladders={"report": LADDER},
            on_file=list(self.rows.values()),
            addresses=addresses,
        )
        for key, (state, _) in plan.ended.items():
            assert self.rows[key].state in PENDING
            self.rows[key] = replace(self.rows[key], state=state)
        for each in plan.new:
            assert each.key not in self.rows, f"{each.key} is on file already"
            self.written[each.key] = each
            self.rows[each.key] = OnFile(
                each.key,
                each.due.item,
                each.due.tag,
                each.step.ladder,
                each.step.step,
                each.post,
                each.state,
            )
        return plan

    def deliver(self) -> None:
        for key, row in self.rows.items():
            if row.state is N.PLANNED:
                self.rows[key] = replace(row, state=N.SENT)
                self.mails.append(key)

    def told(self, state: NoticeState = N.SENT) -> list[tuple[str, str | None]]:
        """(step, recipient) of the rows in a state, in the order they were written."""
        return [
            (each.step.step, each.recipient)
            for key, each in self.written.items()
            if self.rows[key].state is state
        ]


def planned(plan: Plan) -> list[tuple[str, str | None]]:
    return [(each.step.step, each.recipient) for each in plan.new if each.state is N.PLANNED]


# --- One step after the other --------------------------------------------------------------------


def test_the_first_step_is_planned_with_the_reason_first() -> None:
    plan = Outbox().run(due("R1"))
    assert planned(plan) == [("R1", "liaison@edu.example.org")]
    assert [each.reason for each in plan.new] == [Reason.FIRST]
    assert plan.ended == {}


def test_a_step_after_one_that_was_sent_is_the_next_step() -> None:
    outbox = Outbox()
    outbox.run(due("R1"))
    outbox.deliver()
    plan = outbox.run(due("R2"))
    assert [(each.step.step, each.reason) for each in plan.new] == [("R2", Reason.NEXT_STEP)]


def test_a_step_after_one_that_was_never_sent_is_still_the_first_they_hear() -> None:
    outbox = Outbox()
    outbox.run(due("R1"))
    plan = outbox.run(due("R2"))
    assert [each.reason for each in plan.new] == [Reason.FIRST]


def test_a_step_that_was_not_sent_in_time_is_superseded_by_the_next() -> None:
    outbox = Outbox()
    outbox.run(due("R1"))
    plan = outbox.run(due("R2"))
    assert list(plan.ended.values()) == [(N.SUPERSEDED, Silence.PASSED_OVER)]
    assert planned(plan) == [("R2", "liaison@edu.example.org")]


def test_after_downtime_exactly_the_latest_step_goes_out_and_the_others_are_on_file() -> None:
    outbox = Outbox()
    outbox.run(due("R1"))
    outbox.deliver()
    plan = outbox.run(due("R4"))
    assert planned(plan) == [
        ("R4", "liaison@edu.example.org"),
        ("R4", "deputy@edu.example.org"),
    ]
    passed = [each for each in plan.new if each.state is N.SUPERSEDED]
    assert [(each.step.step, each.recipient, each.silence) for each in passed] == [
        ("R2", None, Silence.PASSED_OVER),
        ("R3", None, Silence.PASSED_OVER),
    ]


def test_when_two_steps_hold_at_once_the_later_one_counts() -> None:
    for dues in ((due("R3"), due("R4")), (due("R4"), due("R3"))):
        plan = Outbox().run(*dues)
        assert {step for step, _ in planned(plan)} == {"R4"}


def test_a_step_holds_for_many_days_and_is_sent_once() -> None:
    outbox = Outbox()
    for _ in range(5):
        outbox.run(due("R5"))
        outbox.deliver()
    assert len(outbox.mails) == 3  # liaison, deputy, and the principal's copy


# --- To whom -------------------------------------------------------------------------------------


def test_a_copy_is_a_notice_of_its_own_and_the_recipient_sees_who_got_one() -> None:
    plan = Outbox().run(due("R5"))
    rows = {each.recipient: each for each in plan.new if each.state is N.PLANNED}
    assert {name: each.is_copy for name, each in rows.items()} == {
        "liaison@edu.example.org": False,
        "deputy@edu.example.org": False,
        "principal@edu.example.org": True,
    }
    assert rows["liaison@edu.example.org"].cc == ("principal@edu.example.org",)
    assert rows["principal@edu.example.org"].cc == ()


def test_without_an_address_there_is_a_row_that_says_so() -> None:
    outbox = Outbox()
    plan = outbox.run(due("R1"), addresses={})
    assert [(each.post, each.recipient, each.state, each.silence) for each in plan.new] == [
        ("liaison", None, N.SKIPPED, Silence.NO_ADDRESS)
    ]
    assert outbox.run(due("R1"), addresses={}).new == ()


def test_once_an_address_appears_the_skipped_step_is_sent_and_only_once() -> None:
    outbox = Outbox()
    outbox.run(due("R1"), addresses={})
    assert planned(outbox.run(due("R1"))) == [("R1", "liaison@edu.example.org")]
    assert outbox.run(due("R1")).new == ()
    outbox.deliver()
    assert outbox.run(due("R1")).new == ()
    assert outbox.mails == [f"A1-R1/EDU/2022Q2|{DUE_ON}|report|R1|liaison@edu.example.org"]


def test_an_address_that_changes_after_the_mail_gets_no_second_one() -> None:
    outbox = Outbox()
    outbox.run(due("R1"))
    outbox.deliver()
    moved = ALL | {("EDU", LIAISON): "new@edu.example.org"}
    assert outbox.run(due("R1"), addresses=moved).new == ()


def test_nor_does_one_that_appeared_late_and_then_changed() -> None:
    outbox = Outbox()
    outbox.run(due("R1"), addresses={})
    outbox.run(due("R1"))
    outbox.deliver()
    moved = ALL | {("EDU", LIAISON): "new@edu.example.org"}
    assert outbox.run(due("R1"), addresses=moved).new == ()


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_one_person_in_two_posts_is_told_once_however_often_it_runs(runs: int) -> None:
    same = ALL | {("EDU", DEPUTY): "liaison@edu.example.org"}
    outbox = Outbox()
    for _ in range(runs):
        outbox.run(due("R5"), addresses=same)
    outbox.deliver()
    assert outbox.told() == [
        ("R5", "liaison@edu.example.org"),
        ("R5", "principal@edu.example.org"),
    ]


def test_each_unit_is_told_at_its_own_address() -> None:
    outbox = Outbox()
    outbox.run(due("R1"), due("R1", item="A1-R1/CIV/2022Q2", unit="CIV"))
    assert {(row.item, key.rsplit("|", 1)[1]) for key, row in outbox.rows.items()} == {
        ("A1-R1/EDU/2022Q2", "liaison@edu.example.org"),
        ("A1-R1/CIV/2022Q2", "liaison@civ.example.org"),
    }


# --- No longer due -------------------------------------------------------------------------------


@pytest.mark.parametrize("state", sorted(PENDING))
def test_what_is_no_longer_due_is_silenced(state: NoticeState) -> None:
    outbox = Outbox()
    outbox.run(due("R4"))
    outbox.rows = {
        key: replace(row, state=state) if row.state is N.PLANNED else row
        for key, row in outbox.rows.items()
    }
    plan = outbox.run()
    assert set(plan.ended.values()) == {(N.SILENCED, Silence.NO_LONGER_DUE)}
    assert len(plan.ended) == 2
    assert plan.new == ()


@pytest.mark.parametrize("state", sorted(set(N) - PENDING))
def test_what_has_ended_stays_as_it_ended(state: NoticeState) -> None:
    row = OnFile("k", "i", DUE_ON, "report", "R1", "liaison", state)
    plan = plan_notices([], ladders={"report": LADDER}, on_file=[row], addresses=ALL)
    assert plan == Plan()


def test_a_new_due_date_starts_the_ladder_anew_and_ends_the_old_one() -> None:
    outbox = Outbox()
    outbox.run(due("R4"))
    plan = outbox.run(due("R1", tag=LATER))
    assert planned(plan) == [("R1", "liaison@edu.example.org")]
    assert set(plan.ended.values()) == {(N.SILENCED, Silence.NO_LONGER_DUE)}
    assert all(f"|{DUE_ON}|" in key for key in plan.ended)


def test_other_ladders_of_the_same_item_go_their_own_way() -> None:
    other = replace(STEPS["R1"], ladder="urgent", rule="urgent-R1")
    plan = plan_notices(
        [due("R4"), Due("A1-R1/EDU/2022Q2", DUE_ON, "EDU", other)],
        ladders={"report": LADDER, "urgent": [other]},
        on_file=[],
        addresses=ALL,
    )
    assert {(each.step.ladder, each.step.step) for each in plan.new if each.recipient} == {
        ("report", "R4"),
        ("urgent", "R1"),
    }


# --- Laws over random days of a ladder -----------------------------------------------------------

posts = [("EDU", LIAISON), ("EDU", DEPUTY), ("EDU", PRINCIPAL)]
some_addresses = st.fixed_dictionaries(
    {},
    optional={post: st.sampled_from(["a@example.org", "b@example.org"]) for post in posts},
)


@dataclass(frozen=True)
class Day:
    """A day on which the program ran: how far from the due date, and what it found."""

    number: int
    owed: bool
    delivers: bool
    addresses: Mapping[tuple[str, Post], str]


@st.composite
def ladders_of_days(draw: st.DrawFn) -> Sequence[Day]:
    numbers = sorted(draw(st.sets(st.integers(-7, 8), min_size=1, max_size=10)))
    steady = draw(some_addresses)
    return [
        Day(
            number,
            owed=draw(st.sampled_from([True, True, True, False])),
            delivers=draw(st.booleans()),
            addresses=steady if draw(st.booleans()) else draw(some_addresses),
        )
        for number in numbers
    ]


def dues_of(day: Day) -> list[Due]:
    step = step_on(day.number)
    return [due(step)] if step is not None and day.owed else []


@settings(max_examples=300, deadline=None)
@given(ladders_of_days())
def test_planning_again_changes_nothing_on_any_day(days: Sequence[Day]) -> None:
    outbox = Outbox()
    for day in days:
        outbox.run(*dues_of(day), addresses=day.addresses)
        assert outbox.run(*dues_of(day), addresses=day.addresses) == Plan()
        if day.delivers:
            outbox.deliver()
            assert outbox.run(*dues_of(day), addresses=day.addresses) == Plan()


@settings(max_examples=300, deadline=None)
@given(ladders_of_days())
def test_only_the_step_that_holds_today_is_pending(days: Sequence[Day]) -> None:
    outbox = Outbox()
    for day in days:
        outbox.run(*dues_of(day), addresses=day.addresses)
        pending = {row.step for row in outbox.rows.values() if row.state in PENDING}
        assert pending <= {each.step.step for each in dues_of(day)}
        if day.delivers:
            outbox.deliver()


@settings(max_examples=300, deadline=None)
@given(ladders_of_days())
def test_no_post_is_told_the_same_step_twice(days: Sequence[Day]) -> None:
    outbox = Outbox()
    for day in days:
        outbox.run(*dues_of(day), addresses=day.addresses)
        if day.delivers:
            outbox.deliver()
    sent = [(outbox.rows[key].step, outbox.rows[key].post) for key in outbox.mails]
    assert len(sent) == len(set(sent))


@settings(max_examples=300, deadline=None)
@given(ladders_of_days())
def test_every_day_of_an_owed_step_ends_with_each_of_its_posts_told_planned_or_excused(
    days: Sequence[Day],
) -> None:
    outbox = Outbox()
    for day in days:
        dues = dues_of(day)
        outbox.run(*dues, addresses=day.addresses)
        for each in dues:
            of_step = [row for row in outbox.rows.values() if row.step == each.step.step]
            reached = {
                key.rsplit("|", 1)[1]
                for key, row in outbox.rows.items()
                if row.step == each.step.step
            }
            for post in (*each.step.to, *each.step.cc):
                address = day.addresses.get(("EDU", post))
                on_file = any(row.post == post.value for row in of_step)
                assert on_file or address in reached
        if day.delivers:
            outbox.deliver()


@settings(max_examples=200, deadline=None)
@given(st.integers(-7, 8), st.sets(st.integers(-7, 8)))
def test_after_any_downtime_one_run_tells_exactly_the_step_of_that_day(
    today: int, before: set[int]
) -> None:
    outbox = Outbox()
    for number in sorted(each for each in before if each < today):
        outbox.run(*dues_of(Day(number, owed=True, delivers=True, addresses=ALL)))
        outbox.deliver()
    already = {outbox.rows[key].step for key in outbox.mails}
    outbox.mails.clear()
    outbox.run(*dues_of(Day(today, owed=True, delivers=True, addresses=ALL)))
    outbox.deliver()
    told = {outbox.rows[key].step for key in outbox.mails}
    step = step_on(today)
    assert told == ({step} if step is not None and step not in already else set())
    if step is not None:
        earlier = [each.step for each in LADDER if each.order < STEPS[step].order]
        assert {row.step for row in outbox.rows.values()} >= set(earlier)
