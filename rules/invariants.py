"""What holds of every fact, whatever was filed: for the linter's reasoning.

Each line follows from how the facts query computes the fields (`supervision.store.facts`); a test
asks the query's own facts.  A line is a condition that is TRUE of every fact of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from rules.catalogue import OBLIGATION_KINDS, fields_of
from rules.conditions import Condition
from rules.expression import parse_condition

# Of a returned filing the correction term runs on after the due date: due_passed, not yet overdue.
_OBLIGATION = (
    "days_overdue = 0 or due_passed",
    "days_overdue = 0 or not filed",
    "days_to_due = 0 or not due_passed",
    "filed or not due_passed or days_overdue > 0 or state = 'returned'",
    "filed or state not in ('submitted', 'accepted')",
    "not filed or state in ('submitted', 'accepted')",
    "not filed or on_time is not null",
    "on_time is null or days_late is not null",
    "days_late is null or on_time is not null",
    "on_time is null or not on_time or days_late = 0",
    "on_time is null or on_time or days_late > 0",
    "signed is null or filed",
)


def _known_together(first: str, second: str) -> tuple[str, str]:
    return f"{first} is null or {second} is not null", f"{second} is null or {first} is not null"


def _names(count: str, *named: str) -> tuple[str, ...]:
    """What is counted is also named: the first of them, or all."""
    return tuple(f"{count} is null or {count} = 0 or {each} is not null" for each in named)


_WHEN_FILED = {
    "plan": ("tasks_uncovered", "nodes_missing", "nodes_after_due", "targets_understated"),
    "report": ("tasks_unmentioned", "fell"),
}
_OWN: Mapping[str, tuple[str, ...]] = {
    "plan": (
        *_names("tasks_uncovered", "uncovered"),
        *_names("nodes_after_due", "late_node_on", "late_node_limit"),
        "elements_missing is null or filed",
    ),
    "report": (
        *_names("tasks_unmentioned", "unmentioned"),
        *_names("claims_mismatched", "mismatched", "mismatched_claim", "mismatched_value"),
        *_names("fell", "fell_in", "fell_from", "fell_to"),
        "copied_share is null or filed",
        "claims_mismatched is null or filed",
    ),
    "target": (
        *_known_together("value", "gap"),
        *_known_together("value", "shortfall"),
        *_known_together("value", "excess"),
        *_known_together("value", "attendances"),
        *_known_together("value", "dated_outside_year"),
        *_known_together("value", "spans_year_end"),
        *_known_together("value", "duplicates"),
        "attainment is null or value is not null",
        "claimed is null or filed",
        "claim_gap is null or (filed and claimed is not null)",
        "claim_gap is null or claim_gap = 0 or value is not null",
        "shortfall is null or shortfall = 0 or excess = 0",
    ),
    "finding": (
        *_known_together("days_to_rectify_due", "days_past_rectify_due"),
        "days_to_rectify_due is null or days_to_rectify_due = 0 or days_past_rectify_due = 0",
    ),
}


def texts_of(kind: str) -> tuple[str, ...]:
    """Return what holds of every fact of a kind, as conditions."""
    common = _OBLIGATION if kind in OBLIGATION_KINDS else ()
    counted = _WHEN_FILED.get(kind, ())
    filed = tuple(f"not filed or {name} is not null" for name in counted)
    unfiled = tuple(f"{name} is null or filed" for name in counted)
    return (*common, *filed, *unfiled, *_OWN.get(kind, ()))


@cache
def invariants_of(kind: str) -> tuple[Condition, ...]:
    """Return what holds of every fact of a kind."""
    return tuple(
        parse_condition(text, kind=kind, fields=fields_of(kind)) for text in texts_of(kind)
    )
