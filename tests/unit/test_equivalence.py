"""Whether two rules judge alike: what is claimed is checked by evaluating facts."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.catalogue import KINDS, Field, FieldType, table_of
from rules.checked import CheckedRule
from rules.conditions import ALWAYS, Condition, Value, conjunction, evaluate
from rules.equivalence import Comparison, Outcome, Relation, Verdict, compare
from rules.expression import parse_condition
from rules.oracle import judge
from rules.vocabulary import Level
from tests.random_rules import DOMAINS, Table, conditions, on_rules, tables, units, values
from tests.rule_factory import MAJOR, a_match, an_on_rule


def parsed(text: str, kind: str = "report") -> Condition:
    return parse_condition(text, kind=kind, fields=KINDS[kind])


def compared(old: str, new: str, kind: str = "report") -> Comparison:
    rules = [an_on_rule(on=kind, when=parsed(text, kind)) for text in (old, new)]
    return compare(*rules, names={})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("filed and extended", "extended and filed"),
        ("not (filed or extended)", "not filed and not extended"),
        ("period_no between 1 and 3", "period_no >= 1 and period_no <= 3"),
        ("state in ('draft', 'missing')", "state in ('missing', 'draft')"),
        ("days_overdue > 0", "days_overdue >= 1"),
        ("filed", "not not (filed = true)"),
        ("not (fell is null)", "fell is not null"),
        ("fell > 3 or fell > 5", "fell > 3"),
        (
            "filed and (fell > 3 or copied_share > 0.5)",
            "(fell >= 4 and filed) or (filed and copied_share > 0.5)",
        ),
        ("state <> 'missing'", "state in ('draft', 'submitted', 'returned', 'accepted')"),
        (
            "fell > 3 and fell is not null or fell > 3 and filed",
            "fell > 3 and (fell is not null or filed)",
        ),
    ],
)
def test_what_is_only_written_differently_is_the_same(old: str, new: str) -> None:
    assert compared(old, new).same


@pytest.mark.parametrize(
    ("old", "new", "relation"),
    [
        ("days_overdue > 3", "days_overdue > 0", Relation.WIDER),
        ("days_overdue > 0", "days_overdue > 3", Relation.NARROWER),
        ("days_overdue > 3 and not filed", "days_overdue > 3", Relation.WIDER),
        ("days_overdue > 3", "days_overdue > 3 or extended", Relation.WIDER),
        ("fell between 1 and 3", "fell between 2 and 5", Relation.DIFFERENT),
        ("copied_share > 0.95", "copied_share >= 0.95", Relation.WIDER),
        ("copied_share > 0.95", "copied_share > 0.950001", Relation.NARROWER),
        ("state in ('missing')", "state in ('missing', 'draft')", Relation.WIDER),
        ("unmentioned = 'T06'", "unmentioned <> 'T06'", Relation.DIFFERENT),
    ],
)
def test_which_is_wider_is_decided(old: str, new: str, relation: Relation) -> None:
    assert compared(old, new).relation is relation


def test_the_example_stands_at_the_boundary() -> None:
    gained = compared("not filed and days_overdue > 3", "not filed and days_overdue > 0").gained
    assert gained is not None
    assert {field.name: value for field, value in gained.fields.items()} == {
        "days_overdue": 1,
        "filed": 0,
    }
    assert (gained.before.verdict, gained.after) == (
        Verdict.SATISFIED,
        Outcome(Verdict.VIOLATED, Level.MAJOR),
    )


def test_a_test_for_unknown_changes_what_is_undecided_only() -> None:
    changed = compared("fell > 0", "fell is not null and fell > 0")
    assert changed.relation is Relation.SAME
    assert not changed.same
    (example,) = changed.others
    assert (example.before.verdict, example.after.verdict) == (
        Verdict.UNDECIDED,
        Verdict.SATISFIED,
    )


def test_what_moves_from_scope_to_when_changes_only_whom_the_rule_speaks_of() -> None:
    scoped = an_on_rule(scope=parsed("filed"), when=parsed("extended"))
    whole = an_on_rule(when=parsed("filed and extended"))
    changed = compare(scoped, whole, names={})
    assert changed.relation is Relation.SAME
    assert [each.before.verdict for each in changed.others] == [Verdict.OUTSIDE]


def test_a_level_that_changes_is_shown_on_a_fact_that_was_violated() -> None:
    def laddered(days: int) -> CheckedRule:
        step = parsed(f"days_overdue >= {days}")
        return an_on_rule(
            when=parsed("days_overdue > 0"), severity=((Level.CRITICAL, step), *MAJOR)
        )

    changed = compare(laddered(20), laddered(10), names={})
    assert changed.relation is Relation.SAME
    (example,) = changed.levels
    assert (example.before.level, example.after.level) == (Level.MAJOR, Level.CRITICAL)
    assert set(example.fields.values()) == {10}


def twice(join: str, first: str | None = None) -> CheckedRule:
    second = parse_condition(
        join,
        kind="report",
        fields=KINDS["report"],
        other_patterns={"first": table_of("report")},
        called="second",
    )
    own = ALWAYS if first is None else parsed(first)
    return a_match(patterns={"first": ("report", own), "second": ("report", second)})


@pytest.mark.parametrize(
    ("old", "new", "relation"),
    [
        (
            "period_no = first.period_no + 1",
            "period_no > first.period_no and period_no < first.period_no + 2",
            Relation.SAME,
        ),
        ("period_no > first.period_no", "period_no >= first.period_no", Relation.WIDER),
        ("requirement = first.requirement", "requirement <> first.requirement", Relation.DIFFERENT),
        (
            "period_no = first.period_no + 1",
            "period_no = first.period_no + 1 and fell = 0",
            Relation.NARROWER,
        ),
    ],
)
def test_joins_are_compared_by_the_gap_between_the_facts(
    old: str, new: str, relation: Relation
) -> None:
    changed = compare(twice(old), twice(new), names={})
    assert changed.relation is relation
    assert changed.same is (relation is Relation.SAME)


@pytest.mark.parametrize(
    ("first", "old", "new"),
    [
        (
            "period_no > 3",
            "period_no > first.period_no and period_no > 3",
            "period_no > first.period_no",
        ),
        (
            "requirement = 'A'",
            "requirement = first.requirement and requirement = 'A'",
            "requirement = first.requirement",
        ),
        ("state = 'draft'", "state <> first.state and state <> 'draft'", "state <> first.state"),
    ],
)
def test_what_follows_from_the_other_fact_changes_nothing(first: str, old: str, new: str) -> None:
    assert compare(twice(old, first), twice(new, first), names={}).same


# --- The law --------------------------------------------------------------------------------------


def fields_of(table: Table) -> Mapping[str, Mapping[str, Field]]:
    return {
        kind: {
            column.name: Field(
                column.name,
                FieldType(column.type) if column.type in DOMAINS else FieldType.TEXT,
                column.nullable,
                tuple(map(str, DOMAINS["choice"])) if column.type == "choice" else (),
            )
            for column in columns
        }
        for kind, columns in table.items()
    }


def outcome(rule: CheckedRule, fields: Mapping[str, Value | None]) -> Outcome:
    """The definition in DESIGN.md §5, by plain evaluation."""
    if evaluate(rule.scope, fields) is False:
        return Outcome(Verdict.OUTSIDE)
    holds = evaluate(conjunction(rule.scope, rule.patterns[0].condition), fields)
    if holds is not True:
        return Outcome(Verdict.SATISFIED if holds is False else Verdict.UNDECIDED)
    for level, step in rule.severity:
        if evaluate(step, fields) is True:
            return Outcome(Verdict.VIOLATED, level)
    return Outcome(Verdict.VIOLATED)


@st.composite
def two_rules_and_facts(draw: st.DrawFn):  # type: ignore[no-untyped-def]
    table = draw(tables())
    old = draw(on_rules(table, "r"))
    kind = old.patterns[0].on
    if draw(st.booleans()):
        # an edit of the same rule: far more often the same, wider or narrower than two of chance
        when = old.patterns[0].condition
        extra = draw(conditions(table[kind], depth=1))
        new = an_on_rule(
            on=kind,
            when=draw(st.sampled_from([conjunction(extra, when), conjunction(when, when), extra])),
            scope=old.scope,
            severity=old.severity,
        )
    else:
        new = draw(on_rules(table, "r").filter(lambda rule: rule.patterns[0].on == kind))
    facts = [
        {column.name: draw(values(column)) for column in table[kind]} | {"unit": "U"}
        for _ in range(12)
    ]
    return table, old, new, facts


@settings(max_examples=150)
@given(two_rules_and_facts())
def test_what_is_claimed_holds_for_every_fact(case) -> None:  # type: ignore[no-untyped-def]
    table, old, new, facts = case
    kind = old.patterns[0].on
    found = compare(old, new, names={}, tables=fields_of(table))
    assert found.complete
    pairs = {(example.before, example.after) for example in found.examples}
    for example in found.examples:
        fact = dict(facts[0]) | {field.name: value for field, value in example.fields.items()}
        assert (outcome(old, fact), outcome(new, fact)) == (example.before, example.after)
        for field, value in example.fields.items():
            column = next(each for each in table[kind] if each.name == field.name)
            assert value is not None or column.nullable
    for fact in facts:
        pair = outcome(old, fact), outcome(new, fact)
        assert pair[0] == pair[1] or pair in pairs


@st.composite
def two_matches(draw: st.DrawFn):  # type: ignore[no-untyped-def]
    table = draw(tables())
    first, second = (draw(st.sampled_from(["report", "target"])) for _ in range(2))
    rules = []
    for _ in range(2):
        patterns = {
            "first": (
                first,
                draw(conditions(table[first], None, {"second": table[second]}, depth=1)),
            ),
            "second": (
                second,
                draw(conditions(table[second], None, {"first": table[first]}, depth=1)),
            ),
        }
        rules.append(a_match(patterns=patterns))
    return table, *rules, draw(units(table, "U"))


@settings(max_examples=100)
@given(two_matches())
def test_matches_that_are_claimed_the_same_fire_alike(case) -> None:  # type: ignore[no-untyped-def]
    table, old, new, unit = case
    found = compare(old, new, names={}, tables=fields_of(table))
    firings = [judge([rule], unit).firings for rule in (old, new)]
    combinations = [{held for firing in fired for held in firing.facts} for fired in firings]
    if not found.complete:
        return
    if found.same:
        assert firings[0] == firings[1]
    assert found.gained or combinations[1] <= combinations[0]
    assert found.lost or combinations[0] <= combinations[1]
    for example in found.examples:
        verdicts = []
        for rule in (old, new):
            by_pattern: dict[str, dict[str, Value | None]] = {}
            for pattern, columns in (
                ("first", table[rule.patterns[0].on]),
                ("second", table[rule.patterns[1].on]),
            ):
                by_pattern[pattern] = {
                    column.name: DOMAINS.get(column.type, ("x",))[0] for column in columns
                }
            for field, value in example.fields.items():
                assert field.pattern is not None
                by_pattern[field.pattern][field.name] = value
            parts = [
                evaluate(pattern.condition, by_pattern[pattern.name or ""], by_pattern)
                for pattern in rule.patterns
            ]
            verdicts.append(
                Verdict.SATISFIED
                if False in parts
                else Verdict.UNDECIDED
                if None in parts
                else Verdict.VIOLATED
            )
        assert verdicts == [example.before.verdict, example.after.verdict]


def test_what_would_take_too_long_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.equivalence.MOST_CASES", 1)
    found = compared("filed or extended", "extended or signed")
    assert not found.complete
    assert found.relation in (Relation.UNPROVEN, Relation.DIFFERENT)
    assert not found.same
