"""What the linter takes for granted of every fact holds of the facts the database computes."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from rules.catalogue import KINDS, OBLIGATION_KINDS
from rules.conditions import evaluate
from rules.invariants import invariants_of, texts_of
from tests.integration.test_facts_against_plain_python import (
    END,
    Both,
    Entry,
    Moment,
    Telling,
    both,
    facts_of_the_database,
    forget,
    histories,
    moments,
)

__all__ = ["both"]


def broken(kind: str, fields: dict[str, object]) -> list[str]:
    """The invariants and the bounds that a fact does not keep."""
    invariants = zip(texts_of(kind), invariants_of(kind), strict=True)
    found = [text for text, condition in invariants if evaluate(condition, fields) is not True]  # type: ignore[arg-type]
    for field in KINDS[kind].values():
        value = fields[field.name]
        if isinstance(value, int) and field.minimum is not None and value < field.minimum:
            found.append(f"{field.name} >= {field.minimum}")
    return found


@settings(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
@given(history=histories(), asked=moments)
def test_every_fact_keeps_what_is_said_of_all(
    both: Both, history: list[Entry], asked: Moment
) -> None:
    forget(both.office)
    telling = Telling(both)
    for entry in history:
        telling.enter(entry)
    for moment in (asked, Moment(END, END)):
        for kind in OBLIGATION_KINDS:
            for key, fields in facts_of_the_database(both, moment, kind).items():
                assert broken(kind, dict(fields)) == [], (key, fields)


@pytest.mark.parametrize("kind", KINDS)
def test_an_invariant_names_fields_of_its_kind_and_is_no_tautology(kind: str) -> None:
    from rules.satisfiability import Space, does_not_hold

    space = Space({None: KINDS[kind]})
    for text, condition in zip(texts_of(kind), invariants_of(kind), strict=True):
        assert space.possible(does_not_hold(condition)), text
