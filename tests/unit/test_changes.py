"""The smallest change: always sufficient, never more than is needed, and possible for somebody."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.catalogue import KINDS, OBLIGATION_KINDS, FieldType, fields_of, table_of
from rules.changes import Changes, Step, smallest_changes
from rules.checked import CheckedRule
from rules.conditions import (
    ALWAYS,
    And,
    Compare,
    Condition,
    Literal,
    Not,
    Operator,
    Or,
    Value,
    conjunction,
    evaluate,
)
from rules.constants import SCALE
from rules.expression import parse_condition
from rules.facts import VIOLATION, Fact, UnitFacts, violation_key
from rules.moves import Situation
from rules.oracle import judge
from rules.remedies import REMEDIES, UNCHANGEABLE
from tests.rule_factory import a_match, an_on_rule, over_violations, unsure

PEOPLE = Situation(verb="培训", unit="人", item="培训情况（2022年度）")

BASE: dict[str, Value | None] = {
    "requirement": "T09-O1",
    "clause": "T09",
    "unit": "A",
    "unit_category": "部门",
    "role": "lead",
    "period": "2022",
    "period_no": 1,
    "state": "submitted",
    "due_on": 738_000,
    "versions": 1,
}


def a_fact_of(kind: str, **fields: Value | None) -> Fact:
    """A filed fact in order; `fields` say what is wrong with it."""
    found: dict[str, Value | None] = {}
    for name, field in KINDS[kind].items():
        number = field.type in (FieldType.INT, FieldType.DECIMAL, FieldType.BOOL)
        found[name] = BASE.get(name, None if field.nullable else 0 if number else "x")
    found |= {"filed": 1} | fields
    if found["filed"] == 0 and "state" not in fields:
        found |= {"state": "missing", "versions": 0}
    return Fact(kind, f"{kind}/A/2022", found)


def a_target(value: int | None, target: int = 200, **fields: Value | None) -> Fact:
    """A target with its derived fields; numbers in ones."""
    derived: dict[str, Value | None] = {"target": target * SCALE}
    derived |= {"low": target * SCALE, "high": target * SCALE}
    derived |= {"value": None if value is None else value * SCALE}
    if value is not None:
        derived |= {
            "gap": max(0, target - value) * SCALE,
            "shortfall": max(0, target - value) * SCALE,
            "excess": max(0, value - target) * SCALE,
            "attainment": value * 1000 // target * 1000,
        }
    return a_fact_of("target", **(derived | fields))


def a_rule(kind: str, when: str, scope: str | None = None) -> CheckedRule:
    def parsed(text: str) -> Condition:
        return parse_condition(text, kind=kind, fields=fields_of(kind))

    scoped = {} if scope is None else {"scope": parsed(scope)}
    return an_on_rule(on=kind, when=parsed(when), **scoped)


def changes_of(rule: CheckedRule, fact: Fact, situation: Situation = PEOPLE) -> Changes:
    return smallest_changes(
        rule, [fact], unit="A", key=(fact.key,), situations={fact.key: situation}
    )


def texts(changes: Changes) -> list[str]:
    return [proposal.text for proposal in changes.proposals]


# --- What one reads ------------------------------------------------------------------------------


def test_a_shortfall_is_made_up_or_the_due_date_put_off() -> None:
    rule = a_rule("target", "gap > 0", scope="due_passed")
    found = changes_of(rule, a_target(188, due_passed=1))
    assert texts(found) == ["再培训12人（累计达到200人）并报送台账", "获批延期"]
    assert [step.actor.value for each in found.proposals for step in each.steps] == [
        "unit",
        "office",
    ]


def test_people_are_counted_in_ones_though_the_bound_is_not_whole() -> None:
    about = {"low": 94_500_000, "high": 115_500_000, "shortfall": 500_000}
    fact = a_target(94, 105, due_passed=1, **about)
    (first, _) = changes_of(a_rule("target", "shortfall > 0", "due_passed"), fact).proposals
    assert first.text.startswith("再培训1人（累计达到95人）")


def test_a_sum_is_not_counted_in_ones() -> None:
    half = {"value": 29_500_000, "gap": 500_000, "shortfall": 500_000}
    fact = a_fact_of("target", **(a_target(29, 30, due_passed=1).fields | half))
    kilometres = Situation(unit="公里", whole=False)
    found = changes_of(a_rule("target", "gap > 0", "due_passed"), fact, kilometres)
    assert texts(found)[0] == "再完成0.5公里（累计达到30公里）并报送台账"


@pytest.mark.parametrize(("share", "wanted"), [("0.8", "160"), ("0.9999", "200"), ("0.001", "1")])
def test_a_share_is_reached_by_the_number_that_makes_it(share: str, wanted: str) -> None:
    rule = a_rule("target", f"attainment < {share}")
    (found,) = changes_of(rule, a_target(0)).proposals
    assert f"累计达到{wanted}人" in found.text


def test_what_is_not_filed_is_filed_or_the_due_date_put_off() -> None:
    fact = a_fact_of("plan", filed=0, days_overdue=3, due_passed=1)
    found = changes_of(
        a_rule("plan", "not filed and days_overdue > 0"),
        fact,
        Situation(item="落实方案（2022年度）", next_day=738_263),
    )
    assert texts(found) == [
        "报送“落实方案（2022年度）”",
        "获批延期（新时限不早于2022年4月18日）",
    ]


def test_what_was_returned_is_filed_again() -> None:
    fact = a_fact_of("plan", filed=0, state="returned", days_overdue=3, due_passed=1)
    found = changes_of(a_rule("plan", "not filed and days_overdue > 0"), fact)
    assert texts(found)[0].startswith("按退回意见补正后重新报送")


def test_filing_nothing_of_what_is_counted_is_not_enough() -> None:
    rule = a_rule(
        "milestone", "count = 0 or (count is null and not filed and days_overdue > 0)", "due_passed"
    )
    fact = a_fact_of("milestone", filed=0, count=None, days_overdue=4, due_passed=1)
    found = changes_of(rule, fact)
    assert texts(found)[0] == ("报送“培训情况（2022年度）”，台账中符合核算口径的记录达到1条")
    assert "报送“培训情况（2022年度）”" not in texts(found)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (94, "再培训6人（累计达到100人）并报送台账"),
        (106, "核对台账，如有不应计入的记录，更正台账核减6人（核算为100人）"),
    ],
)
def test_nobody_is_told_to_do_worse(value: int, text: str) -> None:
    band = {"low": 90 * SCALE, "high": 110 * SCALE, "shortfall": 0, "excess": 0}
    rule = a_rule("target", "shortfall = 0 and excess = 0 and attainment <> 1.0", "due_passed")
    found = changes_of(rule, a_target(value, 100, due_passed=1, **band))
    assert texts(found) == [text, "获批延期"]


def test_a_claim_is_corrected_or_borne_out() -> None:
    fact = a_target(162, claimed=221 * SCALE, claim_gap=59 * SCALE)
    assert texts(changes_of(a_rule("target", "claim_gap <> 0"), fact)) == [
        "更正上报数为162人",
        "补报台账所缺的59人（核算达到221人）",
    ]


def test_a_claim_below_the_ledgers_is_only_corrected() -> None:
    fact = a_target(162, claimed=150 * SCALE, claim_gap=-12 * SCALE)
    assert texts(changes_of(a_rule("target", "claim_gap <> 0"), fact)) == ["更正上报数为162人"]


def test_a_late_filing_cannot_be_undone_and_it_says_so() -> None:
    fact = a_fact_of("plan", on_time=0, days_late=3, due_passed=1)
    found = changes_of(a_rule("plan", "filed and not on_time"), fact)
    assert found.proposals == ()
    assert found.reasons == ("迟报事实已发生，不能消除；可说明情况、申诉或豁免",)


def test_what_the_plan_gives_nobody_changes() -> None:
    found = changes_of(a_rule("plan", "role = 'lead' and period_no = 1"), a_fact_of("plan"))
    assert found.proposals == ()
    assert "工作安排" in found.reasons[0]


def test_two_faults_at_once_are_both_mended() -> None:
    rule = a_rule("plan", "elements_missing > 0 or tasks_uncovered > 0")
    fact = a_fact_of("plan", elements_missing=2, tasks_uncovered=1)
    found = changes_of(rule, fact)
    assert texts(found) == ["补齐落实方案所缺要素2项，并在落实方案中补充未覆盖的任务1项，重新报送"]


def test_of_two_ways_the_nearer_is_named() -> None:
    rule = a_rule("plan", "elements_missing >= 3")
    (found,) = changes_of(rule, a_fact_of("plan", elements_missing=5)).proposals
    assert found.steps[0].changed["elements_missing"] == 2


def test_a_rule_that_does_not_hold_needs_no_change() -> None:
    assert changes_of(a_rule("plan", "not filed"), a_fact_of("plan")) == Changes()


# --- Several facts -------------------------------------------------------------------------------


def _two_running() -> CheckedRule:
    second = parse_condition(
        "not filed and days_overdue > 0 and period_no = first.period_no + 1",
        kind="report",
        fields=fields_of("report"),
        other_patterns={"first": table_of("report")},
    )
    first = parse_condition(
        "not filed and days_overdue > 0", kind="report", fields=fields_of("report")
    )
    return a_match(patterns={"first": ("report", first), "second": ("report", second)})


def _missing_report(number: int) -> Fact:
    fields = a_fact_of("report", filed=0, days_overdue=5, due_passed=1, period_no=number).fields
    return Fact("report", f"R/A/2022Q{number}", fields)


def test_of_two_in_a_row_either_is_enough() -> None:
    facts = [_missing_report(2), _missing_report(3)]
    found = smallest_changes(_two_running(), facts, unit="A", key=("A",))
    assert [[step.fact for step in each.steps] for each in found.proposals] == [
        ["R/A/2022Q2"],
        ["R/A/2022Q3"],
        ["R/A/2022Q2"],
        ["R/A/2022Q3"],
    ]


def test_of_three_in_a_row_the_middle_one_or_two_others() -> None:
    facts = [_missing_report(number) for number in (1, 2, 3)]
    found = smallest_changes(_two_running(), facts, unit="A", key=("A",))
    sets = {frozenset(step.fact[-2:] for step in each.steps) for each in found.proposals}
    assert sets == {frozenset({"Q2"}), frozenset({"Q1", "Q3"})}


def _violations(count: int) -> list[Fact]:
    return [
        Fact(
            VIOLATION,
            violation_key(f"r{at}", ("A",)),
            {"rule": f"r{at}", "severity": "major", "requirement": "X", "clause": None}
            | {"unit": "A", "period": None, "period_no": None},
        )
        for at in range(count)
    ]


def test_a_finding_on_one_finding_goes_with_it() -> None:
    (hit,) = _violations(1)
    condition = parse_condition("severity = 'major'", kind=VIOLATION, fields=fields_of(VIOLATION))
    rule = an_on_rule(on=VIOLATION, when=condition)
    (found,) = smallest_changes(rule, [hit], unit="A", key=(hit.key,)).proposals
    assert found.text == "消除该问题（整改到位，或获豁免）"


@pytest.mark.parametrize(("there", "needed"), [(3, 1), (5, 3), (40, 38)])
def test_of_a_count_so_many_that_it_falls_below_its_bound(there: int, needed: int) -> None:
    found = smallest_changes(over_violations(at_least=3), _violations(there), unit="A", key=("A",))
    assert (found.needed, len(found.each)) == (needed, there)
    assert found.reasons == ()


def test_a_count_of_obligations_says_what_would_take_out_each() -> None:
    condition = parse_condition("not filed", kind="report", fields=fields_of("report"))
    rule = a_match(patterns={"one": ("report", condition)}, at_least=2)
    facts = [_missing_report(number) for number in (1, 2, 3)]
    found = smallest_changes(rule, facts, unit="A", key=("A",))
    assert found.needed == 2
    assert all("报送" in each.proposals[0].text for each in found.each)
    mended = {
        each.fact: Fact("report", each.fact, _done(fact, each.proposals[0].steps))
        for each, fact in zip(found.each, facts, strict=True)
    }
    for done, holds in ((1, True), (2, False)):
        now = [mended[fact.key] if at < done else fact for at, fact in enumerate(facts)]
        assert bool(judge([rule], UnitFacts("A", tuple(now))).firings) is holds


def test_a_match_of_very_many_facts_is_answered_all_the_same() -> None:
    facts = [_missing_report(number) for number in range(1, 21)]
    found = smallest_changes(_two_running(), facts, unit="A", key=("A",))
    (proposal,) = found.proposals
    changed = {step.fact: step for step in proposal.steps}
    now = [
        Fact(fact.kind, fact.key, _done(fact, [changed[fact.key]] if fact.key in changed else []))
        for fact in facts
    ]
    assert not judge([_two_running()], UnitFacts("A", tuple(now))).firings
    assert len(changed) < len(facts)


# --- The laws ------------------------------------------------------------------------------------

_LIKELY: dict[str, tuple[int, ...]] = {
    "bool": (0, 1),
    "int": (0, 1, 2, 3, 5, 20),
    "decimal": (0, SCALE // 2, SCALE, 10 * SCALE, 95 * SCALE, 200 * SCALE),
    "date": (738_000, 738_001, 738_100),
}


@st.composite
def _facts(draw: st.DrawFn, kind: str) -> Fact:
    """Facts that agree with themselves: unfiled ones know nothing of what was filed."""
    filed = draw(st.integers(0, 1))
    fields: dict[str, Value | None] = {}
    for name, field in KINDS[kind].items():
        if field.choices or field.type is FieldType.TEXT:
            continue
        value: int | None = draw(st.sampled_from(_LIKELY[field.type.value]))
        if field.nullable and draw(st.integers(0, 3)) == 0:
            value = None
        fields[name] = value
    fields["filed"] = filed
    fields["state"] = draw(
        st.sampled_from(("submitted", "accepted") if filed else ("missing", "returned"))
    )
    if filed:
        fields["days_overdue"] = 0
    if fields["state"] == "missing":
        fields["on_time"] = fields["days_late"] = None
    else:
        fields["on_time"] = draw(st.integers(0, 1))
        fields["days_late"] = 0 if fields["on_time"] else draw(st.integers(1, 5))
    if kind in ("milestone", "evidence"):
        count = fields["count"]
        if count is not None:  # reckoned from ledgers
            fields["done"] = int(bool(count))
        elif not filed:
            fields["done"] = None
    if kind == "target":
        number = draw(st.sampled_from((None, 0, 44, 90, 95, 100, 105, 110, 130)))
        whole = a_target(number, 100).fields
        fields |= {name: whole[name] for name in ("value", "target", "gap", "attainment")}
        fields |= {"low": 90 * SCALE, "high": 110 * SCALE, "expected": None, "behind": None}
        if number is not None:
            fields["shortfall"] = max(0, 90 - number) * SCALE
            fields["excess"] = max(0, number - 110) * SCALE
        else:
            fields |= {"shortfall": None, "excess": None}
        claimed = draw(st.sampled_from((None, 44, 95, 130))) if filed else None
        fields["claimed"] = None if claimed is None else claimed * SCALE
        known = claimed is not None and number is not None
        fields["claim_gap"] = (claimed - number) * SCALE if known else None  # type: ignore[operator]
    return a_fact_of(kind, **fields)


@st.composite
def _conditions(draw: st.DrawFn, kind: str, depth: int = 2) -> Condition:
    shape = draw(st.integers(0, 5)) if depth else 0
    if shape <= 2:
        names = [n for n, f in KINDS[kind].items() if f.type.value in _LIKELY]
        movable = [name for name in names if name in _MOVABLE]
        name = draw(st.sampled_from([*names, *movable * 3]))
        field = KINDS[kind][name]
        if field.nullable and draw(st.integers(0, 5)) == 0:
            return parse_condition(f"{name} is null", kind=kind, fields=fields_of(kind))
        operators = ["=", "<>", "<", "<=", ">", ">="] if field.type.ordered else ["=", "<>"]
        return Compare(
            unsure(name),
            Operator(draw(st.sampled_from(operators))),
            Literal(draw(st.sampled_from(_LIKELY[field.type.value]))),
        )
    part = _conditions(kind, depth - 1)
    if shape == 3:
        return Not(draw(part))
    joined = (draw(part), draw(part))
    return And(joined) if shape == 4 else Or(joined)


_MOVABLE = {*REMEDIES, "filed", "due_passed", "days_overdue", "gap", "shortfall", "claim_gap"}
"""Fields that somebody can do something about: drawn often, so that there is something to find."""


def _scopes(kind: str) -> st.SearchStrategy[Condition]:
    return st.one_of(st.just(ALWAYS), st.just(ALWAYS), _conditions(kind, 1))


@st.composite
def _cases(draw: st.DrawFn) -> tuple[CheckedRule, Fact, Situation]:
    kind = draw(st.sampled_from(OBLIGATION_KINDS))
    rule = an_on_rule(on=kind, when=draw(_conditions(kind)), scope=draw(_scopes(kind)))
    situation = Situation(
        unit="人", whole=draw(st.booleans()), measured=draw(st.booleans()), next_day=738_101
    )
    return rule, draw(_facts(kind)), situation


@st.composite
def _several_faults(draw: st.DrawFn) -> tuple[CheckedRule, Fact, Situation]:
    """A rule with many alternatives of which several hold at once."""
    kind = draw(st.sampled_from(OBLIGATION_KINDS))
    fact = draw(_facts(kind))
    names = [name for name in KINDS[kind] if name in _MOVABLE]
    parts = [
        draw(_test_of(kind, name))
        for name in draw(st.lists(st.sampled_from(names), min_size=2, max_size=5, unique=True))
    ]
    situation = Situation(unit="人", next_day=738_101)
    return an_on_rule(on=kind, when=Or(tuple(parts))), fact, situation


def _test_of(kind: str, name: str) -> st.SearchStrategy[Condition]:
    yes_or_no = KINDS[kind][name].type is FieldType.BOOL
    bounds = st.sampled_from((0, 1) if yes_or_no else _LIKELY[KINDS[kind][name].type.value])
    operators = st.sampled_from([Operator.EQ] if yes_or_no else [Operator.GT, Operator.NE])
    return st.builds(Compare, st.just(unsure(name)), operators, st.builds(Literal, bounds))


@given(st.one_of(_cases(), _several_faults()))
def test_after_a_proposed_change_the_rule_is_false_and_no_part_of_it_suffices(case) -> None:  # type: ignore[no-untyped-def]
    rule, fact, situation = case
    whole = conjunction(rule.scope, rule.patterns[0].condition)
    found = changes_of(rule, fact, situation)
    if evaluate(whole, fact.fields) is not True:
        assert found == Changes()
        return
    assert bool(found.proposals) != bool(found.reasons)
    for proposal in found.proposals:
        assert evaluate(whole, _done(fact, proposal.steps)) is False, proposal
        for size in range(1, len(proposal.steps)):
            for part in combinations(proposal.steps, size):
                assert evaluate(whole, _done(fact, part)) is not False, (proposal, part)


def _done(fact: Fact, steps: Sequence[Step]) -> dict[str, Value | None]:
    after = dict(fact.fields)
    for step in steps:
        assert step.text
        assert set(step.changed) <= set(fact.fields)
        after |= step.changed
    return after


@given(_cases())
def test_history_and_the_plan_are_never_changed(case) -> None:  # type: ignore[no-untyped-def]
    rule, fact, situation = case
    given_fields = ("requirement", "clause", "unit", "unit_category", "role", "period", "period_no")
    for proposal in changes_of(rule, fact, situation).proposals:
        for step in proposal.steps:
            assert not set(step.changed) & {*given_fields, "companion", "target", "low", "high"}
            if fact.fields["on_time"] is not None:
                assert not set(step.changed) & {"on_time", "returned_times", "days_since_return"}


def test_every_remedy_is_of_a_field_and_none_is_said_to_be_unchangeable() -> None:
    names = {name for kind in OBLIGATION_KINDS for name in KINDS[kind]}
    assert set(REMEDIES) - names == {"rows"}
    assert not set(REMEDIES) & set(UNCHANGEABLE)
    assert set(UNCHANGEABLE) <= names
