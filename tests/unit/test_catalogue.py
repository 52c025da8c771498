"""The catalogue is a contract: names, types and nullability that rule authors rely on."""

from __future__ import annotations

import pytest

from rules.catalogue import (
    FINDING_STATES,
    KINDS,
    OBLIGATION_KINDS,
    FieldType,
    fields_of,
    table_of,
)
from rules.expression import RESERVED, parse_condition
from rules.vocabulary import Level
from supervision.domain.findings import State

# The table of DESIGN.md §5 with what CONTRACT added; `?` may be unknown.
EVERY_OBLIGATION = """
    requirement clause unit unit_category role period period_no filed state days_to_due days_overdue
    on_time? days_late? extended versions returned_times days_since_return? evidence_count
    reused_evidence signed? due_passed companion due_on
"""
STARTING = {
    "plan": EVERY_OBLIGATION
    + """elements_missing? tasks_uncovered? nodes_missing? nodes_after_due? targets_understated?
         uncovered? late_node? late_node_on? late_node_limit?""",
    "report": EVERY_OBLIGATION
    + """copied_share? tasks_unmentioned? claims_mismatched? fell? unmentioned? mismatched?
         mismatched_claim? mismatched_value? fell_in? fell_from? fell_to?""",
    "target": EVERY_OBLIGATION
    + """value? claimed? target attainment? expected? behind? gap? low high attendances? tiers?
         untiered? dated_outside_year? spans_year_end? duplicates? shortfall? excess? claim_gap?""",
    "milestone": EVERY_OBLIGATION + "count? done? dated_outside_year?",
    "evidence": EVERY_OBLIGATION + "count? done? dated_outside_year?",
    "violation": "rule severity requirement? clause? unit period? period_no?",
    "finding": """rule severity state requirement? clause? unit period? cycle level days_open
                  days_to_rectify_due? days_past_rectify_due? reminders_sent last_step?
                  has_response days_overdue?""",
    "unit": """unit unit_category has_contact open_findings open_major overdue_items yellow_cards
               unanswered_letters""",
}
EVERY_FIELD = [(kind, field) for kind, fields in KINDS.items() for field in fields.values()]


@pytest.mark.parametrize("kind", STARTING)
def test_a_kind_has_the_fields_that_were_promised(kind: str) -> None:
    promised = {name.rstrip("?"): name.endswith("?") for name in STARTING[kind].split()}
    assert {name: field.nullable for name, field in fields_of(kind).items()} == promised


def test_there_are_the_promised_kinds_and_no_others() -> None:
    assert set(KINDS) == set(STARTING)
    assert set(OBLIGATION_KINDS) == {"plan", "report", "target", "milestone", "evidence"}


def test_amounts_are_decimals_and_counts_are_whole_numbers() -> None:
    decimals = {field.name for _, field in EVERY_FIELD if field.type is FieldType.DECIMAL}
    assert decimals == {
        *("value", "claimed", "target", "expected", "behind", "gap", "low", "high"),
        *("attendances", "attainment", "copied_share", "shortfall", "excess", "claim_gap"),
        *("mismatched_claim", "mismatched_value", "fell_from", "fell_to"),
    }


@pytest.mark.parametrize(("kind", "field"), EVERY_FIELD)
def test_a_field_says_what_it_means_and_shows_how_it_is_used(kind, field) -> None:
    assert field.meaning
    assert any("\u4e00" <= character <= "\u9fff" for character in field.meaning)
    assert field.name in field.example
    parse_condition(field.example, kind=kind, fields=fields_of(kind))


@pytest.mark.parametrize(("kind", "field"), EVERY_FIELD)
def test_choices_go_with_choice_and_units_with_what_is_counted(kind, field) -> None:
    assert bool(field.choices) == (field.type is FieldType.CHOICE)
    assert bool(field.unit) == field.type.ordered
    assert len(set(field.choices)) == len(field.choices)


def test_no_field_is_called_like_a_word_of_the_language() -> None:
    assert not {field.name for _, field in EVERY_FIELD} & RESERVED


def test_severities_and_finding_states_are_those_of_the_product() -> None:
    assert fields_of("violation")["severity"].choices == tuple(level.value for level in Level)
    assert set(FINDING_STATES) == {state.value for state in State}


def test_the_same_name_has_the_same_type_on_every_kind() -> None:
    types: dict[str, set[FieldType]] = {}
    for _, field in EVERY_FIELD:
        types.setdefault(field.name, set()).add(field.type)
    assert {name for name, found in types.items() if len(found) > 1} == set()


def test_another_plan_has_other_unit_categories() -> None:
    for kind in (*OBLIGATION_KINDS, "unit"):
        assert fields_of(kind)["unit_category"].type is FieldType.TEXT


def test_a_kind_that_does_not_exist_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        fields_of("qualitative")
    with pytest.raises(KeyError):
        table_of("reprot")


def test_the_catalogue_cannot_be_changed_by_a_user_of_it() -> None:
    with pytest.raises(TypeError):
        KINDS["plan"]["extra"] = fields_of("plan")["filed"]  # type: ignore[index]
