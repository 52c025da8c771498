"""The 2022 talent plan as data: its text verbatim, its numbers, and a year of sample filings."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import chinese_calendar
import pytest
import sqlglot
from sqlglot import exp

from supervision.domain.ledgers import FieldType
from supervision.domain.pack import Pack
from supervision.domain.periods import Every, period_containing
from supervision.domain.plan import ClauseKind
from supervision.domain.units import Role
from supervision.services.load_pack import load_pack

FOLDER = Path(__file__).parents[2] / "rules" / "packs" / "talent-2022"
SOURCE = (FOLDER / "source.txt").read_text(encoding="utf-8")
# Of the document as the office handed it over.
SOURCE_SHA256 = "e57ba8af9f217b638cba45cee4b381a8928e4c3d6cfb2e34ddb9d1153eaa73ad"
NUMBERED = re.compile(r"^\d+、(.+)$", re.MULTILINE)

REQUIREMENTS = [
    *("REQ2-O1", "REQ2-O2", "REQ2-O3", "REQ2-O4", "REQ2-O5"),
    *("GEN-R1", "GEN-R2", "GEN-R3", "GEN-R4", "GEN-R5"),
    *("T08-O1", "T08-O2", "T08-O3", "T09-O1", "T10-O1", "T11-O1", "T11-O2"),
    *("T12-O1", "T12-O2", "T12-O3", "T12-O4", "T13-O1", "T15-O1"),
]


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack(FOLDER)


def test_the_source_is_kept_byte_for_byte() -> None:
    assert hashlib.sha256((FOLDER / "source.txt").read_bytes()).hexdigest() == SOURCE_SHA256


def test_each_clause_stands_word_for_word_in_the_source(pack: Pack) -> None:
    for clause in pack.plan.clauses:
        assert clause.text in SOURCE, f"{clause.id} is not verbatim"


def test_the_clauses_cover_every_numbered_paragraph_in_its_order(pack: Pack) -> None:
    numbered = [clause for clause in pack.plan.clauses if clause.kind is not ClauseKind.GOAL]
    assert [clause.text for clause in numbered] == NUMBERED.findall(SOURCE)
    tasks = [f"T{number:02}" for number in range(1, 20)]
    assert [clause.id for clause in numbered] == [*tasks, "REQ1", "REQ2", "REQ3"]


def test_the_goal_is_the_paragraph_under_the_first_heading(pack: Pack) -> None:
    lines = SOURCE.splitlines()
    assert pack.clause("GOAL").text == lines[lines.index("一、总体要求") + 1]


def test_paths_tell_apart_what_the_source_numbers_twice(pack: Pack) -> None:
    paths = [clause.path for clause in pack.plan.clauses]
    assert len(set(paths)) == 23
    assert (pack.clause("T08").path, pack.clause("REQ2").path) == ("二.(三).8", "三.2")


def test_the_slip_in_clause_14_is_kept_and_its_reading_is_beside_it(pack: Pack) -> None:
    clause = pack.clause("T14")
    assert clause.text.startswith("一步完善政府宏观管理")
    assert clause.normalized_text == "进" + clause.text
    assert [each.id for each in pack.plan.clauses if each.normalized_text] == ["T14"]


def test_every_requirement_of_the_first_capability_is_there(pack: Pack) -> None:
    assert [each.id for each in pack.plan.requirements] == REQUIREMENTS
    assert pack.skipped == ()


def test_numbers_of_targets_are_those_of_the_text(pack: Pack) -> None:
    targets = {
        each.id: (int(each.target.amount), each.target.about is not None)
        for each in pack.plan.requirements
        if each.target
    }
    assert targets == {
        "T08-O1": (2, False),
        "T08-O2": (1, False),
        "T09-O1": (200, False),
        "T11-O1": (300, False),
        "T11-O2": (2, False),
        "T12-O2": (100, True),
        "T12-O4": (2, False),
    }


def test_nothing_that_the_text_does_not_say_claims_to_be_explicit(pack: Pack) -> None:
    explicit = {each.id for each in pack.plan.requirements if each.basis == "explicit"}
    assert not [name for name in explicit if name.startswith("GEN-")]
    assert "REQ2-O4" not in explicit  # the sign-off is implied
    assert {each.due_basis for each in pack.plan.requirements} == {"configured"}


def test_plans_are_due_on_18_april_fifteen_working_days_after_the_issue(pack: Pack) -> None:
    due = pack.requirement("REQ2-O1").due
    assert due is not None and due.after_issue_workdays is not None
    day, left = pack.plan.issued_on, due.after_issue_workdays
    while left:
        day += timedelta(days=1)
        left -= chinese_calendar.is_workday(day)
    assert day == date(2022, 4, 18)
    configured = pack.plan.param("plan_due_workdays", on=pack.plan.issued_on).value
    assert configured == due.after_issue_workdays


def test_no_report_is_owed_for_a_quarter_that_ends_before_plans_are_due(pack: Pack) -> None:
    due = pack.requirement("GEN-R1").due
    assert due is not None
    periods = [str(period_containing(day, Every.QUARTER)) for day in due.days]
    assert periods == ["2022Q2", "2022Q3"]


def test_every_parameter_has_a_value_on_each_day_of_the_year_and_a_reference(pack: Pack) -> None:
    for name in pack.plan.params:
        assert pack.plan.param(name, on=date(2022, 1, 1)).reference
    assert pack.plan.param("about_tolerance", on=date(2022, 7, 15)).value == Decimal("0.1")
    assert pack.plan.param("min_degree", on=date(2022, 7, 15)).value == "本科"


def test_every_task_and_the_coordination_duty_has_exactly_one_lead(pack: Pack) -> None:
    leads = Counter(each.clause for each in pack.assignments if each.role is Role.LEAD)
    assert leads == dict.fromkeys([f"T{number:02}" for number in range(1, 20)] + ["REQ3"], 1)
    roles = {each.unit: each.role for each in pack.assigned("T03")}
    assert (roles["AMC"], roles["PARK"]) == (Role.LEAD, Role.CO)


def test_the_townships_share_the_three_hundred_of_clause_11(pack: Pack) -> None:
    quotas = {each.unit: each.quota for each in pack.assigned("T11") if each.quota}
    assert sum(quotas.values()) == 300
    assert {pack.unit(code).category for code in quotas} == {"乡"}


def test_about_thirty_units_of_the_five_categories_are_obliged(pack: Pack) -> None:
    categories = Counter(unit.category for unit in pack.units)
    assert set(categories) == {"部门", "乡", "办事处", "集聚区", "工业园"}
    assert len(pack.units) == 30
    owed_by = pack.requirement("REQ2-O1").owed_by
    assert set(owed_by.category) == set(categories)


def test_one_unit_cannot_be_reached_and_one_has_no_task(pack: Pack) -> None:
    unreached = [u.code for u in pack.units if not (u.liaison and u.liaison.email)]
    assert unreached == ["SUB-GY"]
    assigned = {each.unit for each in pack.assignments}
    assert [unit.code for unit in pack.units if unit.code not in assigned] == ["SUB-XC"]
    assert all(u.principal and u.deputy and u.district_deputy for u in pack.units)


def test_addresses_are_at_example_org_and_no_number_looks_like_a_persons() -> None:
    for file in FOLDER.rglob("*"):
        if file.suffix in {".yaml", ".jsonl", ".py"}:
            text = file.read_text(encoding="utf-8")
            assert all(
                host.endswith("example.org") for host in re.findall(r"[\w.]+@([\w.-]+)", text)
            ), file.name
            assert not re.search(r"(?<![0-9a-f])\d{15,18}[0-9Xx]?(?![0-9a-f])", text), file.name


def test_each_measure_compares_fields_of_its_ledger_with_values_they_can_have(pack: Pack) -> None:
    for requirement in pack.plan.requirements:
        measure = requirement.measure
        if measure is None or measure.where is None:
            continue
        fields = pack.ledgers[measure.ledger].fields
        condition = sqlglot.parse_one(measure.where)
        assert {column.name for column in condition.find_all(exp.Column)} <= set(fields)
        for comparison in condition.find_all(exp.EQ, exp.NEQ, exp.In):
            field = fields[comparison.this.name]
            literals = {each.name for each in comparison.find_all(exp.Literal)}
            if field.type is FieldType.CHOICE:
                assert literals <= set(field.choices), requirement.id


def test_the_degrees_that_count_are_those_from_the_least_one_upwards(pack: Pack) -> None:
    least = str(pack.plan.param("min_degree", on=date(2022, 7, 15)).value)
    degrees = pack.ledgers["recruits"].fields["degree"].choices
    measure = pack.requirement("T12-O2").measure
    assert measure is not None and measure.where is not None
    condition = sqlglot.parse_one(measure.where)
    (among,) = condition.find_all(exp.In)
    assert [each.name for each in among.expressions] == list(degrees[degrees.index(least) :])
