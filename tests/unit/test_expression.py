"""Condition text to trees: what is read, what is refused and where, and nothing else happens."""
# ruff: noqa: E501, SIM905  a refusal stands beside the text that earns it; words are read as words

from __future__ import annotations

import sqlite3
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sqlglot.tokens import Tokenizer

from rules.catalogue import Field, FieldType, Table, fields_of, table_of
from rules.compiled import NUMBER_LIMIT
from rules.conditions import (
    And,
    Compare,
    Constant,
    FieldRef,
    IsNull,
    Literal,
    Not,
    Operator,
    Or,
    Param,
    Shifted,
    evaluate,
)
from rules.expression import RESERVED, ConditionFault, ConditionFaults, parse_condition
from rules.printing import to_text

PARAMS = {
    "share": FieldType.DECIMAL,
    "days": FieldType.INT,
    "opening": FieldType.DATE,
    "strict": FieldType.BOOL,
    "park": FieldType.TEXT,
}
FIRST = {"first": table_of("report")}
SEE = "See `supervision rules fields report`."
ALLOWED = "allowed: = <> < <= > >= and or not in between is null"
OUTSIDE = f"is not part of the language; {ALLOWED}"
ARITHMETIC = (
    "arithmetic; only a constant may be added, to another pattern's field: first.period_no + 1"
)


def parsed(text: str, kind: str = "report", **others: object):
    return parse_condition(
        text,
        kind=kind,
        fields=fields_of(kind),
        other_patterns=FIRST,
        params=PARAMS,
        **others,  # type: ignore[arg-type]
    )


def faults(text: str, kind: str = "report") -> list[str]:
    with pytest.raises(ConditionFaults) as caught:
        parsed(text, kind)
    return [str(fault) for fault in caught.value.faults]


def own(name: str, kind: str = "report") -> FieldRef:
    return FieldRef(name, fields_of(kind)[name].nullable)


def of_first(name: str) -> FieldRef:
    return FieldRef(name, fields_of("report")[name].nullable, "first")


def test(name: str, operator: str, value: int | str) -> Compare:
    return Compare(own(name), Operator(operator), Literal(value))


test.__test__ = False  # type: ignore[attr-defined]

FILED = test("filed", "=", 1)
DAY = date(2022, 6, 30).toordinal()


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("filed", FILED),
        ("not filed", Not(FILED)),
        ("filed = true", FILED),
        ("filed = false", test("filed", "=", 0)),
        ("filed <> TRUE", test("filed", "<>", 1)),
        ("days_overdue > 0", test("days_overdue", ">", 0)),
        ("0 < days_overdue", test("days_overdue", ">", 0)),
        ("3 >= days_overdue", test("days_overdue", "<=", 3)),
        ("days_overdue = -3", test("days_overdue", "=", -3)),
        ("(days_overdue) = ((3))", test("days_overdue", "=", 3)),
        ("copied_share > 0.95", test("copied_share", ">", 950_000)),
        ("copied_share >= 1", test("copied_share", ">=", 1_000_000)),
        ("copied_share < -0.000001", test("copied_share", "<", -1)),
        ("due_on <= '2022-06-30'", test("due_on", "<=", DAY)),
        ("unit_category <> '工业园'", test("unit_category", "<>", "工业园")),
        ("unit = 'it''s'", test("unit", "=", "it's")),
        ("unit = 'a\\b -- c'", test("unit", "=", "a\\b -- c")),
        ("unit = ''", test("unit", "=", "")),
        ("state = 'submitted'", test("state", "=", "submitted")),
        ("unit in ('A')", test("unit", "=", "A")),
        ("unit in ('A', 'B')", Or((test("unit", "=", "A"), test("unit", "=", "B")))),
        ("unit in ('A', 'B', 'A')", Or((test("unit", "=", "A"), test("unit", "=", "B")))),
        ("unit not in ('A', 'B')", Not(Or((test("unit", "=", "A"), test("unit", "=", "B"))))),
        ("days_late is null", IsNull(own("days_late"))),
        ("days_late is not null", Not(IsNull(own("days_late")))),
        ("unit is null", IsNull(own("unit"))),
        (
            "days_to_due between 2 and 5",
            And((test("days_to_due", ">=", 2), test("days_to_due", "<=", 5))),
        ),
        (
            "days_to_due not between 2 and 5",
            Not(And((test("days_to_due", ">=", 2), test("days_to_due", "<=", 5)))),
        ),
        (
            "due_on between '2022-06-30' and params.opening",
            And(
                (
                    test("due_on", ">=", DAY),
                    Compare(own("due_on"), Operator.LE, Param("opening")),
                )
            ),
        ),
        (
            "params.share < copied_share",
            Compare(own("copied_share"), Operator.GT, Param("share")),
        ),
        ("filed = params.strict", Compare(own("filed"), Operator.EQ, Param("strict"))),
        ("true", Constant(True)),
        ("not false", Not(Constant(False))),
        ("not not filed", Not(Not(FILED))),
        (
            "requirement = first.requirement",
            Compare(own("requirement"), Operator.EQ, Shifted(of_first("requirement"))),
        ),
        (
            "period_no = first.period_no + 1",
            Compare(own("period_no"), Operator.EQ, Shifted(of_first("period_no"), 1)),
        ),
        (
            "first.period_no + 1 = period_no",
            Compare(own("period_no"), Operator.EQ, Shifted(of_first("period_no"), 1)),
        ),
        (
            "1 + first.period_no < period_no",
            Compare(own("period_no"), Operator.GT, Shifted(of_first("period_no"), 1)),
        ),
        (
            "due_on >= first.due_on - 7",
            Compare(own("due_on"), Operator.GE, Shifted(of_first("due_on"), -7)),
        ),
        (
            "copied_share > first.copied_share + 0.5",
            Compare(own("copied_share"), Operator.GT, Shifted(of_first("copied_share"), 500_000)),
        ),
        (
            "not filed and days_overdue > 0 or filed",
            Or((And((Not(FILED), test("days_overdue", ">", 0))), FILED)),
        ),
        (
            "filed and (filed and (filed and not filed))",
            And((FILED, FILED, FILED, Not(FILED))),
        ),
        ("not days_overdue = 1 and filed", And((Not(test("days_overdue", "=", 1)), FILED))),
    ],
)
def test_a_condition_is_read_as_sql_reads_it(text: str, tree: object) -> None:
    assert parsed(text) == tree


def test_words_of_the_language_are_read_in_any_case_and_fields_as_they_are() -> None:
    assert parsed("filed IS NULL") == IsNull(own("filed"))
    assert parsed("filed AND NOT filed Or filed") == Or((And((FILED, Not(FILED))), FILED))
    assert faults("Filed") == [
        f"1:1: unknown field 'Filed' on 'report'; did you mean 'filed'? {SEE}"
    ]


def test_a_patterns_own_name_means_its_own_fields() -> None:
    found = parsed("second.filed and period_no > first.period_no", called="second")
    tie = Compare(own("period_no"), Operator.GT, Shifted(of_first("period_no")))
    assert found == And((FILED, tie))


def test_without_own_fields_each_field_names_its_pattern() -> None:
    two = {"first": table_of("report"), "second": table_of("plan")}
    found = parse_condition(
        "first.days_overdue + 2 < second.days_overdue", kind="", fields={}, other_patterns=two
    )
    left = FieldRef("days_overdue", False, "second")
    right = Shifted(FieldRef("days_overdue", False, "first"), 2)
    assert found == Compare(left, Operator.GT, right)
    with pytest.raises(ConditionFaults, match="of which pattern is 'filed'"):
        parse_condition("filed", kind="", fields={}, other_patterns=two)
    only = parse_condition("filed", kind="", fields={}, other_patterns=FIRST)
    assert only == Compare(FieldRef("filed", False, "first"), Operator.EQ, Literal(1))


def test_the_where_of_a_ledger_is_read_with_the_ledgers_own_fields() -> None:
    fields = {
        "class_type": Field("class_type", FieldType.CHOICE, True, ("high_spec", "technical")),
        "held_on": Field("held_on", FieldType.DATE, True),
        "on": Field("on", FieldType.BOOL, True),
    }
    text = "class_type = 'high_spec' and held_on >= '2022-06-30' and on"
    assert parse_condition(text, kind="ledger class_session", fields=fields) == And(
        (
            Compare(FieldRef("class_type", True), Operator.EQ, Literal("high_spec")),
            Compare(FieldRef("held_on", True), Operator.GE, Literal(DAY)),
            Compare(FieldRef("on", True), Operator.EQ, Literal(1)),
        )
    )
    with pytest.raises(ConditionFaults) as caught:
        parse_condition("held = true", kind="ledger class_session", fields=fields)
    assert str(caught.value) == (
        "1:1: unknown field 'held' on 'ledger class_session'; did you mean 'held_on'? "
        "Allowed: class_type, held_on, on."
    )


EVERY_SQL_WORD = sorted(
    {word.lower() for word in Tokenizer.KEYWORDS if word.isidentifier()}
    | {
        "next",
        "at",
        "symmetric",
        "if",
        "date",
        "show",
        "execute",
        "fetch",
        "left",
        "first",
        "value",
    }
)


@pytest.mark.parametrize("word", [word for word in EVERY_SQL_WORD if word not in RESERVED])
def test_a_field_or_pattern_may_be_called_like_any_word_of_sql(word: str) -> None:
    fields = {
        word: Field(word, FieldType.INT),
        "flag": Field("flag", FieldType.BOOL),
    }
    condition = parse_condition(
        f"{word} = 1 and not {word} in (2, 3) and flag and {word} between 1 and params.{word}"
        f" and {word} = {word}.{word} + 1 or {word} is null",
        kind="k",
        fields=fields,
        other_patterns={word: Table("k", fields)},
        params={word: FieldType.INT},
    )
    assert isinstance(condition, Or)
    assert condition.parts[1] == IsNull(FieldRef(word, False))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # names
        ("days_lat > 3", [f"1:1: unknown field 'days_lat' on 'report'; did you mean 'days_late'? {SEE}"]),
        ("zzz", [f"1:1: unknown field 'zzz' on 'report'. {SEE}"]),
        ("first.zzz = unit", [f"1:1: unknown field 'zzz' on 'report'. {SEE}"]),
        ("frist.filed", ["1:1: unknown pattern 'frist'; did you mean 'first'? patterns: first"]),
        ("a.b.c = 1", ["1:1: a field is named NAME or PATTERN.NAME"]),
        ("first = 1", ["1:1: 'first' alone is no value; write first.NAME"]),
        ("days_late > params", ["1:13: 'params' alone is no value; write params.NAME"]),
        (
            "days_late > params.day",
            [
                "1:13: unknown parameter 'params.day'; did you mean 'days'? "
                "the plan has: days, opening, park, share, strict"
            ],
        ),
        (
            "role = lead",
            [
                f"1:8: unknown field 'lead' on 'report'; did you mean 'filed'? {SEE} "
                "If text is meant, put it in single quotes: 'lead'."
            ],
        ),
        # all at once
        (
            "filed and days_lat > 1\n  or state = 'submited'",
            [
                f"1:11: unknown field 'days_lat' on 'report'; did you mean 'days_late'? {SEE}",
                "2:14: 'state' has no value 'submited'; did you mean 'submitted'? "
                "allowed: 'missing', 'draft', 'submitted', 'returned', 'accepted'",
            ],
        ),
        # types
        ("filed = 1", ["1:9: 'filed' is true or false; found the number 1; write filed or not filed"]),
        ("filed = 'yes'", ["1:9: 'filed' is true or false; found the text 'yes'; write filed or not filed"]),
        ("days_late = true", ["1:1: 'days_late' is a whole number (working days), such as 3; found true"]),
        ("days_late > 'abc'", ["1:13: 'days_late' is a whole number (working days), such as 3; found the text 'abc'"]),
        ("days_late > 1.5", ["1:13: 'days_late' is a whole number (working days); found 1.5"]),
        ("unit = 3", ["1:8: 'unit' is text in single quotes; found the number 3"]),
        ("due_on > 738336", ["1:10: 'due_on' is a date, written '2022-06-30'; found the number 738336"]),
        ("due_on > '2022-6-30'", ["1:10: 'due_on' is a date, written '2022-06-30'; found '2022-6-30'"]),
        ("due_on > '20220630'", ["1:10: 'due_on' is a date, written '2022-06-30'; found '20220630'"]),
        ("due_on > '2022-06-31'", ["1:10: there is no day '2022-06-31'"]),
        ("due_on > 2022-06-30", ["1:10: arithmetic; a date stands in single quotes: '2022-06-30'"]),
        (
            "role = 'boss'",
            ["1:8: 'role' has no value 'boss'; allowed: 'lead', 'co', 'direct'"],
        ),
        ("role = 3", ["1:8: 'role' is one of 'lead', 'co', 'direct'; found the number 3"]),
        ("unit > 'a'", ["1:1: 'unit' is text and has no order; found >, allowed: = <> in"]),
        ("state <= 'draft'", ["1:1: 'state' is one of its choices and has no order; found <=, allowed: = <> in"]),
        ("filed > false", ["1:1: 'filed' is true or false and has no order; found >, allowed: = <> in"]),
        ("unit between 'a' and 'b'", ["1:1: 'unit' has no order; found between, allowed: = <> in"]),
        (
            "copied_share > params.days",
            [
                "1:16: 'copied_share' is a number (share of 1), but 'params.days' is of type int; "
                "write its values in plan.yaml with a decimal point"
            ],
        ),
        ("role = params.park", ["1:8: 'role' is one of its choices, but 'params.park' is of type text"]),
        (
            "days_late = first.copied_share",
            [
                "1:1: 'days_late' is a whole number (working days) and 'first.copied_share' is "
                "a number (share of 1); only like is compared with like"
            ],
        ),
        # numbers
        ("copied_share > 0.1234567", ["1:16: '0.1234567' has more than 6 decimal places"]),
        ("days_late = 1e3", ["1:13: '1e3' is not written as a plain number, such as 3 or 0.95"]),
        ("days_late = 5.", ["1:13: '5.' is not written as a plain number, such as 3 or 0.95"]),
        ("copied_share = .5", ["1:16: write 0.5"]),
        ("days_late = 0x1F", [f"1:14: 'x1F' does not belong here; {ALLOWED}"]),
        ("days_late = 1_000", [f"1:14: '_000' does not belong here; {ALLOWED}"]),
        (
            f"days_late = {NUMBER_LIMIT}",
            [f"1:13: '{NUMBER_LIMIT}' is too large; the largest number is {NUMBER_LIMIT - 1}"],
        ),
        (
            "copied_share < 1152921504607",
            ["1:16: '1152921504607' is too large; the largest number is 1152921504606"],
        ),
        # comparisons
        ("1 < days_late < 3", ["1:1: found a condition inside a comparison; compare two at a time, joined by and"]),
        ("days_late = 3 is null", ["1:13: found a condition inside a comparison; compare two at a time, joined by and"]),
        ("filed = (filed and filed)", ["1:10: found a condition inside a comparison; compare two at a time, joined by and"]),
        ("1 = 1", ["1:1: 1 = 1 compares no field; one side must be a field"]),
        ("params.days = 1", ["1:1: params.days = 1 compares no field; one side must be a field"]),
        (
            "days_late > days_overdue",
            [
                "1:1: days_late > days_overdue compares two fields of one fact; "
                "what needs two fields is a field of the catalogue"
            ],
        ),
        ("days_late", ["1:1: 'days_late' is a whole number (working days), not a condition; compare it"]),
        ("params.strict", ["1:1: 'params.strict' is a value, not a condition; compare it"]),
        ("'a'", ["1:1: found a constant alone, which is no condition"]),
        ("days_late = null", ["1:1: nothing equals null; write 'is null' or 'is not null'"]),
        ("filed and null <> days_late", ["1:19: nothing equals null; write 'is null' or 'is not null'"]),
        ("days_late in (1, null)", ["1:1: 'in' lists constants only"]),
        ("null", [f"1:1: found 'null'; {ALLOWED}"]),
        ("filed is true", ["1:1: only 'is null' and 'is not null'; write filed or not filed"]),
        ("params.days is null", ["1:1: only a field is null or not; found params.days"]),
        ("days_late between 5 and 2", ["1:19: between needs the smaller value first"]),
        ("unit in ()", ["1:1: 'in' needs a list of constants: in ('a', 'b')"]),
        ("unit in 'a'", ["1:1: 'in' needs a list of constants: in ('a', 'b')"]),
        ("unit in ('a',)", ["1:13: nothing follows this comma"]),
        ("days_late in (1, params.days)", ["1:18: 'in' lists constants only"]),
        ("(filed, filed)", ["1:2: found a list; it goes with 'in' only"]),
        # across patterns
        (
            "first.filed",
            [
                "1:1: 'first.filed' is not a field of this pattern; what is asked of 'first' alone "
                "stands in the 'when' of 'first'"
            ],
        ),
        (
            "3 = first.period_no",
            [
                "1:5: 'first.period_no' is not a field of this pattern; what is asked of 'first' "
                "alone stands in the 'when' of 'first'"
            ],
        ),
        (
            "first.days_late is null",
            [
                "1:1: 'first.days_late' is not a field of this pattern; what is asked of 'first' "
                "alone stands in the 'when' of 'first'"
            ],
        ),
        (
            "period_no + 1 = first.period_no",
            ["1:1: a constant is added to the other pattern's field only; found period_no + 1"],
        ),
        (
            "unit = first.unit + 1",
            ["1:1: a constant is added to numbers and dates only; 'first.unit' is neither"],
        ),
        (
            "period_no = first.period_no + 1000001",
            ["1:1: a constant of more than 1000000 is added to 'first.period_no'"],
        ),
        # arithmetic and functions
        ("days_late + 1 > 3", ["1:1: arithmetic on 'days_late'; compare the field itself with a constant"]),
        ("days_late + days_overdue > 3", [f"1:1: {ARITHMETIC}"]),
        ("period_no = first.period_no + params.days", [f"1:13: {ARITHMETIC}"]),
        ("period_no = first.period_no + 1 + 1", [f"1:13: {ARITHMETIC}"]),
        ("-days_late = 3", [f"1:2: found {ARITHMETIC}"]),
        ("days_late = - -3", [f"1:16: found {ARITHMETIC}"]),
        ("lower(unit) = 'a'", ["1:1: found the function 'lower(…)'; what needs computing is a field of the catalogue"]),
        ("due_on = now()", ["1:10: found the function 'now(…)'; what needs computing is a field of the catalogue"]),
        ("if(filed, 1, 0) = 1", ["1:1: found the function 'if(…)'; what needs computing is a field of the catalogue"]),
        # SQL that is not of the language
        ("unit like 'a%'", ["1:6: 'like' is not part of the language; texts are compared whole: = or in"]),
        ("case when filed then 1 end = 1", ["1:1: 'case' is not part of the language; write one rule, or one step of severity, for each case"]),
        ("days_late::int = 1", ["1:10: '::' is not part of the language; a field has its type; compare it as it is"]),
        ("unit in (select 1)", ["1:10: 'select' is not part of the language; a rule looks at its own fact; several facts are joined by 'match'"]),
        ("exists (select 1)", ["1:1: 'exists' is not part of the language; a rule looks at its own fact; several facts are joined by 'match'"]),
        ("filed; filed", ["1:6: ';' is not part of the language; a condition ends where its text ends"]),
        ("unit -> 'a' = 1", [f"1:6: '->' {OUTSIDE}"]),
        ("unit = ?", [f"1:8: '?' {OUTSIDE}"]),
        ("unit = :a", [f"1:8: ':' {OUTSIDE}"]),
        ("unit = $1", [f"1:8: '$1' {OUTSIDE}"]),
        ("unit = N'a'", [f"1:8: 'N'a'' {OUTSIDE}"]),
        ("first.* = 1", ["1:7: '*' is not part of the language; what needs computing is a field of the catalogue"]),
        ("days_late * 2 = 4", ["1:11: '*' is not part of the language; what needs computing is a field of the catalogue"]),
        ("unit = any('a')", [f"1:8: 'any' {OUTSIDE}"]),
        ("{{ filed }}", ["1:1: '{' is not part of the language; a condition has no braces; a parameter is params.NAME"]),
        ("filed -- why", ["1:7: a comment; write it above the rule, after a #"]),
        ("/* why */ filed", ["1:1: a comment; write it above the rule, after a #"]),
        ("days_late == 3 and unit != 'x'", ["1:11: found ==; write =", "1:25: found !=; write <>"]),
        ("!filed && filed || filed", ["1:1: found !; write not", "1:8: found &&; write and", "1:17: found ||; write or"]),
        ("days_late between symmetric 1 and 2", [f"1:19: unknown field 'symmetric' on 'report'. {SEE}", "1:35: found a constant alone, which is no condition"]),
        # quotes and full-width characters
        ('unit = "a"', ["1:8: found \"a\"; text stands in single quotes: 'a'"]),
        ('"filed"', ['1:1: found "filed"; a field is written without quotes: filed']),
        ("unit = `a`", ["1:8: found `a`; text stands in single quotes: 'a'"]),
        ("unit = 'abc", ["1:8: the text that begins here has no closing '"]),
        ("unit = '工业园’", ["1:8: the text that begins here is closed with ’; type '"]),
        ("unit = “abc", ["1:8: “ is not closed; text stands in single quotes"]),
        (
            "unit_category ＝ “工业园” ａｎｄ days_lat ＞＝ ３",
            [
                "1:15: '＝' is full-width; type =",
                "1:17: found “工业园”; text stands in single quotes: '工业园'",
                "1:23: 'ａｎｄ' is full-width; type and",
                f"1:27: unknown field 'days_lat' on 'report'; did you mean 'days_late'? {SEE}",
                "1:36: '＞＝' is full-width; type >=",
                "1:39: '３' is full-width; type 3",
            ],
        ),
        ("（filed）", ["1:1: '（' is full-width; type (", "1:7: '）' is full-width; type )"]),
        ("filed\u3000and filed", ["1:6: a full-width space; type an ordinary one"]),
        ("days_late ≥ 3", ["1:11: '≥' is full-width; type >="]),
        ("unit = 'a\x00b'", ["1:8: a text has no control characters and at most 200 characters"]),
        (f"unit = '{'x' * 201}'", ["1:8: a text has no control characters and at most 200 characters"]),
        # what does not parse
        ("", ["1:1: the condition is empty"]),
        (" \n ", ["1:1: the condition is empty"]),
        ("filed and", ["1:7: something is missing after 'and'"]),
        ("and filed", ["1:1: something is missing before 'and'"]),
        ("not", ["1:1: something is missing after 'not'"]),
        ("filed filed", ["1:7: 'filed' does not belong here; is 'and' or 'or' missing before it?"]),
        ("(filed", ["1:1: this ( is not closed"]),
        ("filed)", ["1:6: this ) closes nothing"]),
        # bounds
        ("(" * 21 + "filed" + ")" * 21, ["1:21: nested more than 20 levels deep"]),
        ("not " * 21 + "filed", ["1:81: nested more than 20 levels deep"]),
        (("not " * 9 + "(") * 3 + "filed" + ")" * 3, ["1:75: nested more than 20 levels deep"]),
        ("filed or " * 200 + "filed", ["1:1: 201 comparisons in one condition; at most 200"]),
        ("a" * 4001, ["1:1: 4001 characters; a condition has at most 4000"]),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_to_do(text: str, expected: list[str]) -> None:
    assert faults(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20 + "filed" + ")" * 20,
        "not " * 20 + "filed",
        ("not " * 9 + "(") * 2 + "filed" + ")" * 2,
        "not (not (not filed) and not filed) or " * 30 + "filed",
        "filed and " * 199 + "filed",
        "unit in (" + ", ".join(f"'{number}'" for number in range(200)) + ")",
        "days_late > 3 or (" * 20 + "filed" + ")" * 20,
    ],
)
def test_what_is_just_within_the_bounds_is_read(text: str) -> None:
    parsed(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 2000,
        "not " * 999,
        "-" * 4000,
        "days_late = 1" + " + 1" * 900,
        "days_late" + " = days_late" * 300,
        "days_late = " + "(" * 500 + "1" + ")" * 500,
        "unit = '" + "''" * 1900 + "'",
        "case " * 700,
        "first." * 600 + "filed",
        "lower(" * 600,
        "[" * 3999,
        "{" * 3999,
        "'" * 3999,
        '"' * 3999,
        "“" * 3999,
        "x in (" * 600,
        "x between 1 and " * 240 + "2",
        "x is not " * 400 + "null",
        "not (" * 500 + "filed" + ")" * 500,
        ("not " * 9 + "(") * 90 + "filed" + ")" * 90,
        "~" * 3999,
    ],
)
def test_a_hostile_text_is_refused_and_does_not_overflow(text: str) -> None:
    assert faults(text)


def test_no_number_goes_through_a_float() -> None:
    # 0.1 + 0.2 and 9007199254740993 are where floats show themselves.
    assert parsed("copied_share = 0.3") == test("copied_share", "=", 300_000)
    assert parsed("days_late = 9007199254740993") == test("days_late", "=", 9007199254740993)


@given(st.decimals(min_value=-(10**11), max_value=10**11, places=6, allow_nan=False))
def test_a_decimal_is_exact_to_its_sixth_place(number: Decimal) -> None:
    found = parsed(f"copied_share = {number:f}")
    assert found == test("copied_share", "=", int(number * 10**6))


# --- random conditions ----------------------------------------------------------------------------

OTHERS = {"first": table_of("report"), "on": table_of("violation")}
OWN = fields_of("report")
TEXTS = st.text(
    st.characters(blacklist_categories=["Cc", "Cs"]), min_size=0, max_size=12
) | st.sampled_from(["工业园", "it's", "''", "--", "\\", "/*", "“”", "＝", "params.days"])
DATES = st.dates().map(date.toordinal)
NUMBERS = st.integers(-(NUMBER_LIMIT - 1), NUMBER_LIMIT - 1)
EQUALITIES = st.sampled_from([Operator.EQ, Operator.NE])


def _values(field: Field) -> st.SearchStrategy[int | str]:
    return {
        FieldType.BOOL: st.integers(0, 1),
        FieldType.INT: NUMBERS,
        FieldType.DECIMAL: NUMBERS,
        FieldType.DATE: DATES,
        FieldType.CHOICE: st.sampled_from(field.choices or ("",)),
        FieldType.TEXT: TEXTS,
    }[field.type]


@st.composite
def comparisons(draw: st.DrawFn) -> Compare | IsNull:
    field = draw(st.sampled_from(list(OWN.values())))
    left = FieldRef(field.name, field.nullable)
    if draw(st.integers(0, 5)) == 0:
        return IsNull(left)
    operator = draw(st.sampled_from(list(Operator)) if field.type.ordered else EQUALITIES)
    like_params = [name for name, type_ in PARAMS.items() if type_ is field.type]
    like_fields = [
        (pattern, other)
        for pattern, table in OTHERS.items()
        for other in table.fields.values()
        if other.type is field.type
    ]
    match draw(st.integers(0, 3)):
        case 0 if like_params:
            return Compare(left, operator, Param(draw(st.sampled_from(like_params))))
        case 1 if like_fields:
            pattern, other = draw(st.sampled_from(like_fields))
            largest = 10**12 if field.type is FieldType.DECIMAL else 10**6
            plus = draw(st.integers(-largest, largest)) if field.type.ordered else 0
            ref = FieldRef(other.name, other.nullable, pattern)
            return Compare(left, operator, Shifted(ref, plus))
    return Compare(left, operator, Literal(draw(_values(field))))


def _joined(parts: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    several = st.lists(parts, min_size=2, max_size=4)
    return st.one_of(
        parts.map(Not),
        several.map(lambda found: _flat(And, found)),
        several.map(lambda found: _flat(Or, found)),
    )


def _flat(join: type, found: list) -> object:
    """A parser cannot tell `a and (b and c)` from `a and b and c`, and need not."""
    parts: list[object] = []
    for part in found:
        parts += part.parts if isinstance(part, join) else [part]
    return join(tuple(parts))


CONDITIONS = st.recursive(comparisons() | st.booleans().map(Constant), _joined, max_leaves=12)


@given(CONDITIONS)
@example(Not(Or((test("unit", "=", "A"), test("unit", "=", "B")))))
@example(Or((test("unit", "=", "A"), test("unit", "=", "A"))))
@example(Or((test("filed", "=", 1), test("filed", "=", 0))))
@example(Not(And((FILED, FILED))))
@example(Not(Constant(False)))
def test_a_condition_written_as_text_is_read_as_the_same_condition(condition) -> None:
    text = to_text(condition, fields=OWN, other_patterns=OTHERS)
    assume(len(text) <= 4000)
    again = parse_condition(
        text, kind="report", fields=OWN, other_patterns=OTHERS, params=PARAMS, called="second"
    )
    assert again == condition


FRAGMENTS = (
    "filed days_late unit due_on state first. first.filed params.days params. ' '' 'a' "
    "'2022-06-30' = <> < <= > >= == != ! + - * / ( ) , . 1 1.5 null true false and or not in "
    'between is like case when then end select from -- /* */ ; :: : ? @ # $ % ^ & | || && " ` [ ] '
    "{ } lower( exists( interval cast( as “ ” ＝ （ ） ， 工业园 𝒳 E'a' x'1F' 0x1 1e5 \\ ~ any( over"
).split(" ")


@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=25), st.booleans())
def test_whatever_is_written_gives_a_condition_or_faults_within_the_text(parts, spaced) -> None:
    text = (" " if spaced else "").join(parts)
    found: tuple[ConditionFault, ...] = ()
    try:
        parsed(text)
    except ConditionFaults as refused:
        found = refused.faults
        assert found
    for fault in found:
        assert 0 <= fault.offset <= len(text)
        assert fault.line == text[: fault.offset].count("\n") + 1
        assert fault.message


# SQLite reads the same text: a second opinion on precedence and on the three truth values.
SPOKEN = [
    "a > 1", "a = 2", "b <> 1", "f", "f = true", "t = 'x'", "t <> 'y'", "t in ('x', 'y')",
    "t not in ('x')", "a between 1 and 2", "b not between 0 and 1", "a is null", "b is not null",
    "2 >= a", "not f", "true", "f <> false",
]  # fmt: skip
SPOKEN_FIELDS = {
    "a": Field("a", FieldType.INT, True),
    "b": Field("b", FieldType.INT, True),
    "f": Field("f", FieldType.BOOL, True),
    "t": Field("t", FieldType.TEXT, True),
}


@pytest.fixture(scope="module")
def sqlite():
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


@given(
    words=st.lists(
        st.tuples(
            st.sampled_from(["", "not ", "not not ", "(", "not ("]),
            st.sampled_from(SPOKEN),
            st.sampled_from([" and ", " or "]),
        ),
        min_size=1,
        max_size=7,
    ),
    numbers=st.tuples(*[st.none() | st.integers(0, 3)] * 2),
    flag=st.none() | st.integers(0, 1),
    word=st.none() | st.sampled_from(["x", "y", "z"]),
)
def test_sqlite_reads_the_same_text_the_same_way(sqlite, words, numbers, flag, word) -> None:
    text = ""
    for index, (before, spoken, joint) in enumerate(words):
        text += before + spoken + (joint if index < len(words) - 1 else "")
    text += ")" * _open(text)
    fact = {"a": numbers[0], "b": numbers[1], "f": flag, "t": word}
    condition = parse_condition(text, kind="k", fields=SPOKEN_FIELDS)
    row = sqlite.execute(
        f"select {text} from (select ? as a, ? as b, ? as f, ? as t)", tuple(fact.values())
    ).fetchone()
    verdict = evaluate(condition, fact)
    assert row[0] == (None if verdict is None else int(verdict))


def _open(text: str) -> int:
    depth = 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
    return depth
