"""Pydantic models over YAML: each mistake is one sentence at its place, all of them at once."""

from __future__ import annotations

import json
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, model_validator

from rules.loading import Fault, Node, did_you_mean, parse_yaml, validate


class Kind(StrEnum):
    PLAN = "plan"
    REPORT = "report"


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Owner(_Document):
    lead: bool = False
    units: tuple[str, ...] = ()


class Step(_Document):
    level: Kind
    days: int = 0


class Entry(_Document):
    title: str
    kind: Kind = Kind.PLAN
    mode: Literal["fast"] = "fast"
    due: date | None = None
    cutoff: time | None = None
    amount: Decimal | None = None
    days: int = 0
    open: bool = False
    owner: Owner | Literal["lead", "all"] | None = None
    steps: Annotated[tuple[Step, ...], Field(min_length=1)] | None = None
    named: dict[Annotated[str, Field(pattern=r"^[a-z]+$")], Step] = Field(default_factory=dict)
    since: date | None = Field(None, alias="from")

    @model_validator(mode="after")
    def _not_forbidden(self) -> Entry:
        if self.title == "forbidden":
            raise ValueError("this title is taken")
        return self


def parsed(content: str) -> Node:
    return parse_yaml(content, file="f.yaml")


def faults_of(content: str) -> list[str]:
    faults: list[Fault] = []
    assert validate(Entry, parsed(content), faults) is None
    return [str(fault) for fault in faults]


# What can be written in YAML must come back; the writer is JSON, which YAML 1.2 contains, but for
# escaped surrogates, unassigned characters, and two separators that the parser takes for line ends.
_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Zl", "Zp")), max_size=20)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 6))
    | _TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_TEXT.filter(bool), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(value=_VALUES.filter(lambda value: value is not None))
def test_any_document_is_an_entry_or_has_faults_within_the_file(value: object) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    faults: list[Fault] = []
    entry = validate(Entry, parsed(text), faults)
    assert (entry is None) == bool(faults)
    lines = text.split("\n")
    for fault in faults:
        assert 1 <= fault.line <= len(lines)
        assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1


@given(names=st.lists(st.from_regex(r"[a-z]{3,8}", fullmatch=True), unique=True, min_size=1))
def test_each_unknown_key_is_found_at_its_own_place(names: list[str]) -> None:
    unknown = [name for name in names if name not in Entry.model_fields and name != "from"]
    content = "title: x\n" + "".join(f"{name}: 1\n" for name in unknown)
    faults: list[Fault] = []
    validate(Entry, parsed(content), faults)
    assert [(fault.line, fault.column) for fault in faults] == [
        (line + 2, 1) for line in range(len(unknown))
    ]


def test_a_document_becomes_its_model() -> None:
    faults: list[Fault] = []
    entry = validate(
        Entry,
        parsed(
            "title: 季报\nkind: report\ndue: 2022-06-30\ncutoff: 17:30\namount: 0.10\ndays: 5\n"
            "open: true\nowner: {units: [a, b]}\nsteps: [{level: plan}]\nfrom: 2022-01-01\n"
        ),
        faults,
    )
    assert faults == []
    assert entry == Entry(
        title="季报",
        kind=Kind.REPORT,
        due=date(2022, 6, 30),
        cutoff=time(17, 30),
        amount=Decimal("0.10"),
        days=5,
        open=True,
        owner=Owner(units=("a", "b")),
        steps=(Step(level=Kind.PLAN),),
        **{"from": date(2022, 1, 1)},
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("[a]", "1:1: expected a mapping, found a list"),
        ("a", "1:1: expected a mapping, found 'a'"),
        ("days: 1", "1:1: missing key 'title'"),
        ("title: 5", "1:8: title: expected text, found the number 5; put it in quotes"),
        ("title:", "1:7: title: expected text, found nothing"),
        ("title: yes\ndays: '5'", "2:7: days: expected a whole number, found '5'"),
        ("title: x\ndays: 1.5", "2:7: days: expected a whole number, found the number 1.5"),
        ("title: x\namount: many", "2:9: amount: expected a number, found 'many'"),
        ("title: x\nopen: on", "2:7: open: expected true or false, found 'on'"),
        ("title: x\nopen: 1", "2:7: open: expected true or false, found the number 1"),
        ("title: x\ndue: 06-30", "2:6: due: expected a date such as 2022-06-30, found '06-30'"),
        (
            "title: x\ndue: 20220630",
            "2:6: due: expected a date such as 2022-06-30, found the number 20220630",
        ),
        ("title: x\ncutoff: 17", "2:9: cutoff: expected a time such as 17:30, found the number 17"),
        (
            "title: x\nkind: raport",
            "2:7: kind: expected one of 'plan' or 'report', found 'raport'; did you mean 'report'?",
        ),
        ("title: x\nmode: slow", "2:7: mode: expected 'fast', found 'slow'"),
        (
            "title: x\nowner: leed",
            "2:8: owner: expected a mapping or one of 'lead' or 'all', found 'leed'; "
            "did you mean 'lead'?",
        ),
        (
            "title: x\nowner: 3",
            "2:8: owner: expected a mapping or one of 'lead' or 'all', found the number 3",
        ),
        (
            "title: x\nowner: {leed: true}",
            "2:9: unknown key 'leed'; did you mean 'lead'? allowed: lead, units",
        ),
        ("title: x\nowner: {lead: yes}", "2:15: lead: expected true or false, found 'yes'"),
        (
            "title: x\nowner:\n  units: [a, 1]",
            "3:14: units[1]: expected text, found the number 1; put it in quotes",
        ),
        ("title: x\nsteps: []", "2:8: steps: expected at least 1 item, found an empty list"),
        ("title: x\nsteps: {}", "2:8: steps: expected a list, found an empty mapping"),
        (
            "title: x\nsteps:\n  - {level: plan}\n  - {lvl: plan, level: plan}",
            "4:6: unknown key 'lvl'; did you mean 'level'? allowed: days, level",
        ),
        ("title: x\nsteps:\n  - {days: 1}", "3:5: missing key 'level'"),
        (
            "title: x\nsteps: [{level: paln}]",
            "2:17: level: expected one of 'plan' or 'report', found 'paln'; did you mean 'plan'?",
        ),
        ("title: x\nnamed: {A: {level: plan}}", "2:9: key 'A': expected text of the form ^[a-z]+$"),
        ("title: x\nnamed: {a: {days: 1}}", "2:12: missing key 'level'"),
        ("title: forbidden", "1:1: this title is taken"),
        (
            "title: x\n标题: y",
            "2:1: unknown key '标题'; allowed: amount, cutoff, days, due, from, "
            "kind, mode, named, open, owner, steps, title",
        ),
        (
            "title: x\nsince: 2022-01-01",
            "2:1: unknown key 'since'; allowed: amount, cutoff, days, "
            "due, from, kind, mode, named, open, owner, steps, title",
        ),
    ],
)
def test_a_mistake_is_one_sentence_at_its_place(content: str, fault: str) -> None:
    assert faults_of(content) == [f"f.yaml:{fault}"]


def test_every_mistake_is_reported_at_once() -> None:
    assert faults_of("titel: x\ndays: many\nsteps:\n  - {level: x}\n  - 3\n") == [
        "f.yaml:2:7: days: expected a whole number, found 'many'",
        "f.yaml:4:13: level: expected one of 'plan' or 'report', found 'x'",
        "f.yaml:5:5: steps[1]: expected a mapping, found the number 3",
        "f.yaml:1:1: unknown key 'titel'; did you mean 'title'? allowed: amount, cutoff, days, "
        "due, from, kind, mode, named, open, owner, steps, title",
    ]


def test_a_word_near_an_allowed_one_is_suggested_and_another_is_not() -> None:
    assert did_you_mean("days_lat", ["days_late", "unit"]) == "; did you mean 'days_late'?"
    assert did_you_mean("区人社", ["区人社局", "区财政局"]) == "; did you mean '区人社局'?"
    assert did_you_mean("zzz", ["days_late", "unit"]) == ""
