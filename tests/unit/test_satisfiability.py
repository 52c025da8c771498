"""The linter's solver never claims what is not so: against brute force over sampled facts."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.catalogue import Field, FieldType, fields_of
from rules.conditions import (
    And,
    Compare,
    Condition,
    FieldRef,
    IsNull,
    Literal,
    Not,
    Operator,
    Or,
    Param,
    Shifted,
    Value,
    bind,
    evaluate,
)
from rules.expression import parse_condition
from rules.invariants import invariants_of
from rules.satisfiability import Bounds, Space, does_not_hold, holds, opposite
from rules.vocabulary import Level

CHOICES = ("a", "b", "c")
FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("flag", FieldType.BOOL),
        Field("maybe", FieldType.BOOL, nullable=True),
        Field("days", FieldType.INT, minimum=0),
        Field("late", FieldType.INT, nullable=True, minimum=0),
        Field("share", FieldType.DECIMAL, nullable=True),
        Field("state", FieldType.CHOICE, choices=CHOICES),
        Field("step", FieldType.CHOICE, nullable=True, choices=CHOICES),
        Field("unit", FieldType.TEXT),
    )
}
VALUES: Mapping[str, tuple[Value | None, ...]] = {
    "flag": (0, 1),
    "maybe": (0, 1, None),
    "days": (0, 1, 2, 3, 4, 9),
    "late": (0, 1, 2, 3, None),
    "share": (-1, 0, 1, 2, 3, None),
    "state": CHOICES,
    "step": (*CHOICES, None),
    "unit": ("A", "B", "甲'"),
}
NUMBERS = st.integers(-1, 4)
PARAMS = {"low": 1, "high": 3}
SPACE = Space(
    {None: FIELDS}, {name: Bounds(FieldType.INT, (value,)) for name, value in PARAMS.items()}
)
PAIR = Space({"one": FIELDS, "two": FIELDS})


def ref(name: str, pattern: str | None = None) -> FieldRef:
    return FieldRef(name, FIELDS[name].nullable, pattern)


@st.composite
def atoms(draw: st.DrawFn, *, other: str | None = None) -> Condition:
    name = draw(st.sampled_from(list(FIELDS)))
    field = FIELDS[name]
    if draw(st.integers(0, 5)) == 0:
        return IsNull(ref(name))
    operators = list(Operator) if field.type.ordered else [Operator.EQ, Operator.NE]
    operator = draw(st.sampled_from(operators))
    if other is not None and draw(st.booleans()):
        alike = [each for each in FIELDS if FIELDS[each].type is field.type]
        plus = draw(st.integers(-2, 2)) if field.type.ordered else 0
        return Compare(ref(name), operator, Shifted(ref(draw(st.sampled_from(alike)), other), plus))
    if field.type is FieldType.INT and draw(st.integers(0, 4)) == 0 and other is None:
        return Compare(ref(name), operator, Param(draw(st.sampled_from(sorted(PARAMS)))))
    if field.type.ordered:
        return Compare(ref(name), operator, Literal(draw(NUMBERS)))
    return Compare(
        ref(name),
        operator,
        Literal(draw(st.sampled_from([each for each in VALUES[name] if each is not None]))),
    )


def conditions(other: str | None = None) -> st.SearchStrategy[Condition]:
    return st.recursive(
        atoms(other=other),
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts))),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
        ),
        max_leaves=8,
    )


facts = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()})
many_facts = st.lists(facts, min_size=20, max_size=20)


@settings(max_examples=150, deadline=None)
@given(conditions(), many_facts)
def test_what_cannot_hold_holds_of_no_fact(condition: Condition, sampled: list) -> None:
    bound = bind(condition, PARAMS)
    truths = {evaluate(bound, fact) for fact in sampled}
    if not SPACE.possible(holds(condition)):
        assert True not in truths
    if not SPACE.possible(does_not_hold(condition)):
        assert truths == {True}
    if not SPACE.possible(holds(Not(condition))):
        assert False not in truths


@settings(max_examples=150, deadline=None)
@given(conditions(), facts)
def test_a_formula_says_what_sql_says_of_the_very_fact(condition: Condition, fact: dict) -> None:
    """Pinned to one fact, the solver decides: so it is exact, not merely cautious."""
    pinned = [
        holds(
            IsNull(ref(name)) if value is None else Compare(ref(name), Operator.EQ, Literal(value))
        )
        for name, value in fact.items()
    ]
    space = SPACE.given(*pinned)
    truth = evaluate(bind(condition, PARAMS), fact)
    assert space.possible(holds(condition)) is (truth is True)
    assert space.possible(does_not_hold(condition)) is (truth is not True)
    assert space.possible(holds(Not(condition))) is (truth is False)


@settings(max_examples=150, deadline=None)
@given(conditions("two"), st.lists(st.tuples(facts, facts), min_size=20, max_size=20))
def test_what_cannot_join_joins_no_two_facts(condition: Condition, pairs: list) -> None:
    truths = {evaluate(condition, one, {"two": two}) for one, two in pairs}
    if not PAIR.possible(holds(condition, "one")):
        assert True not in truths
    if not PAIR.possible(does_not_hold(condition, "one")):
        assert truths == {True}


@given(conditions())
def test_a_formula_and_its_opposite_are_never_true_at_once(condition: Condition) -> None:
    formula = holds(condition)
    assert opposite(opposite(formula)) == formula
    assert not SPACE.possible(formula, opposite(formula)) or SPACE.possible(formula)


def report(text: str) -> Condition:
    return parse_condition(text, kind="report", fields=fields_of("report"))


REPORT = Space({None: fields_of("report")}, always=tuple(map(holds, invariants_of("report"))))


@pytest.mark.parametrize(
    "text",
    [
        "days_overdue > 5 and days_overdue < 3",
        "days_overdue > 2 and days_overdue < 3",
        "days_overdue < 0",
        "period_no = 0",
        "days_overdue in (1, 2) and days_overdue > 2",
        "days_overdue between 1 and 2 and days_overdue <> 1 and days_overdue <> 2",
        "state = 'draft' and state = 'missing'",
        "state not in ('missing', 'draft', 'submitted', 'returned', 'accepted')",
        "filed and not filed",
        "filed is null",
        "days_late is null and days_late > 3",
        "unit = 'A' and unit <> 'A'",
        "copied_share > 2 and copied_share < 2.000001",
        "days_overdue > 0 and filed",
        "days_to_due > 0 and due_passed",
        "claims_mismatched > 0 and mismatched is null",
        "(filed or days_overdue > 3) and not filed and days_overdue < 3",
    ],
)
def test_these_never_hold(text: str) -> None:
    assert not REPORT.possible(holds(report(text)))


@pytest.mark.parametrize(
    "text",
    [
        "days_overdue > 2 and days_overdue < 4",
        "days_overdue > 0 and not filed",
        "copied_share > 2 and copied_share < 2.000002",
        "due_passed and not filed and days_overdue = 0",  # returned, within the correction term
        "not (days_late > 3) and not (days_late <= 3) or days_late is null",
    ],
)
def test_these_may_hold(text: str) -> None:
    assert REPORT.possible(holds(report(text)))


@pytest.mark.parametrize(
    ("text", "always"),
    [
        ("days_overdue >= 0", True),
        ("days_overdue >= 1", False),
        ("days_late >= 0", False),  # may be unknown
        ("days_late is null or days_late >= 0", True),
        ("filed is not null", True),
        ("filed or not filed", True),
        ("signed or not signed", False),  # unknown is neither
        ("state in ('missing', 'draft', 'submitted', 'returned', 'accepted')", True),
    ],
)
def test_what_always_holds(text: str, *, always: bool) -> None:
    assert REPORT.possible(does_not_hold(report(text))) is not always


def test_joins_that_contradict_each_other() -> None:
    fields = fields_of("report")
    space = Space({"a": fields, "b": fields})

    def joined(text: str) -> bool:
        from rules.catalogue import table_of

        condition = parse_condition(
            text, kind="report", fields=fields, other_patterns={"b": table_of("report")}, called="a"
        )
        return space.possible(holds(condition, "a"))

    assert not joined("period_no > b.period_no and period_no < b.period_no + 1")
    assert joined("period_no > b.period_no and period_no < b.period_no + 2")
    assert not joined("period_no = b.period_no + 1 and due_on < b.due_on and due_on > b.due_on - 1")
    assert joined("unit = b.unit and state <> b.state")


def test_parameters_are_as_wide_as_their_values() -> None:
    fields = fields_of("violation")
    condition = parse_condition(
        "period_no > params.low and period_no < params.low",
        kind="violation",
        fields=fields,
        params={"low": FieldType.INT},
    )
    assert not Space({None: fields}).possible(holds(condition))
    wide = parse_condition(
        "period_no = params.low and period_no > 3",
        kind="violation",
        fields=fields,
        params={"low": FieldType.INT},
    )
    assert Space({None: fields}).possible(holds(wide))
    narrow = {"low": Bounds(FieldType.INT, (1, 2))}
    assert not Space({None: fields}, narrow).possible(holds(wide))


def test_severities_are_a_closed_list() -> None:
    every = ", ".join(f"'{level}'" for level in Level)
    fields = fields_of("violation")
    condition = parse_condition(f"severity not in ({every})", kind="violation", fields=fields)
    assert not Space({None: fields}).possible(holds(condition))
