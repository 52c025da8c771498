"""What changed in a plan's parameters and requirements, by meaning."""

from __future__ import annotations

from typing import Any

import pytest

from supervision.domain.plan import Plan
from supervision.domain.plan_differences import ParamKind, param_changes, requirement_changes

TARGET: dict[str, Any] = {
    "id": "A1-T1",
    "clause": "A1",
    "title": "修路",
    "kind": "target",
    "basis": "explicit",
    "owed_by": {"lead": True, "category": ("局", "乡")},
    "due": {"date": "2022-11-30"},
    "target": {"at_least": 100, "unit": "公里"},
    "measure": {"ledger": "roads", "sum": "length", "where": "done and length > 0"},
}


def a_plan(*params: tuple[str, Any], **requirement: Any) -> Plan:
    return Plan.model_validate(
        {
            "plan": "roads",
            "title": "道路",
            "issued_on": "2022-03-01",
            "year": 2022,
            "zone": "Asia/Shanghai",
            "calendar": "china",
            "source": "roads.txt",
            "params": {
                "least": tuple(
                    {"from": since, "value": value, "reference": "督查室"}
                    for since, value in params or (("2022-01-01", 1),)
                )
            },
            "clauses": ({"id": "A1", "path": "一", "title": "修路", "text": "修路。"},),
            "requirements": (TARGET | requirement,),
        }
    )


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ((("2022-01-01", 1),), (("2022-01-01", 1),), []),
        ((("2022-01-01", 1),), (("2022-01-01", 2),), [ParamKind.VALUE]),
        ((("2022-01-01", 1),), (("2022-02-01", 1),), [ParamKind.VALUE]),
        ((("2022-01-01", 1),), (("2022-01-01", True),), [ParamKind.VALUE]),
        ((("2022-01-01", 1),), (("2022-01-01", 1), ("2022-07-01", 2)), [ParamKind.VALUE]),
        # the same value confirmed by another document: no day has another value
        ((("2022-01-01", 1),), (("2022-01-01", 1), ("2022-07-01", 1)), [ParamKind.REFERENCE]),
    ],
)
def test_a_parameter_changes_when_some_day_has_another_value(
    before: tuple[tuple[str, Any], ...], after: tuple[tuple[str, Any], ...], kinds: list[ParamKind]
) -> None:
    found = param_changes(a_plan(*before), a_plan(*after))
    assert [each.kind for each in found] == kinds


@pytest.mark.parametrize(
    "same",
    [
        {"target": {"value": 100, "unit": "公里"}},  # a floor, as at_least is
        {"owed_by": {"category": ("乡", "局"), "lead": True}},
        {"every": "year"},
        {"measure": {"ledger": "roads", "sum": "length", "where": "done  and\n length > 0"}},
    ],
)
def test_what_says_the_same_otherwise_is_no_change(same: dict[str, Any]) -> None:
    assert list(requirement_changes(a_plan(), a_plan(**same))) == []


@pytest.mark.parametrize(
    ("changed", "key", "after"),
    [
        ({"target": {"about": 100, "unit": "公里"}}, "target", "100公里左右"),
        ({"target": {"at_least": 120, "unit": "公里"}}, "target", "不少于120公里"),
        ({"due": {"after_issue_workdays": 15}}, "due", "印发后15个工作日"),
        ({"owed_by": {"lead": True}}, "owed_by", "牵头单位"),
        ({"measure": {"ledger": "roads", "count": True}}, "measure", "台账roads计行数"),
    ],
)
def test_each_key_that_says_something_else_is_one_line(
    changed: dict[str, Any], key: str, after: str
) -> None:
    (found,) = requirement_changes(a_plan(), a_plan(**changed))
    assert (found.requirement, found.key, found.after) == ("A1-T1", key, after)


def test_a_requirement_that_is_new_is_told_by_its_title() -> None:
    old = a_plan()
    new = old.model_copy(
        update={
            "requirements": (
                *old.requirements,
                old.requirements[0].model_copy(update={"id": "A1-T2"}),
            )
        }
    )
    (found,) = requirement_changes(old, new)
    assert (found.requirement, found.key, found.before, found.after) == (
        "A1-T2",
        "requirement",
        None,
        "修路",
    )
