"""What a clause requires: who owes what by when, and how it is counted (plan.yaml)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from rules.vocabulary import Basis
from supervision.domain.documents import (
    Amount,
    Day,
    Document,
    Identifier,
    Name,
    Text,
    as_tuples,
)
from supervision.domain.periods import Every, period_containing


class RequirementKind(StrEnum):
    """What is owed. `qualitative` is for people to judge: it yields no obligation."""

    PLAN = "plan"
    REPORT = "report"
    TARGET = "target"
    MILESTONE = "milestone"
    EVIDENCE = "evidence"
    QUALITATIVE = "qualitative"


class DecidedBy(StrEnum):
    """Who says whether it is met: the machine, a person whom it prepares, or a person alone."""

    MACHINE = "machine"
    ASSISTED = "assisted"
    HUMAN = "human"


class OwedBy(Document):
    """Who owes a requirement: the union of what is named.

    `lead` and `co` are the clause's assigned units, `category` and `units` name units, `all` is
    everyone. In YAML also one word: `lead`, `co` or `all`; one category or unit needs no list.
    """

    lead: bool = False
    co: bool = False
    category: tuple[Text, ...] = ()
    units: tuple[Text, ...] = ()
    all: bool = False

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: object) -> object:
        if isinstance(value, dict):
            alone = {key: (name,) for key, name in value.items() if isinstance(name, str)}
            return as_tuples({**value, **alone})
        if not isinstance(value, str):
            return value
        if value not in {"lead", "co", "all"}:
            raise ValueError(
                f"owed_by: expected 'lead', 'co', 'all' or a mapping with lead, co, category, "
                f"units, all; found '{value}'"
            )
        return {value: True}

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not (self.lead or self.co or self.category or self.units or self.all):
            raise ValueError("owed_by names nobody")
        return self


class Due(Document):
    """When: a day, one day a period, or working days after the plan's issue (not counted itself).

    Each of `dates` is the due date of the period it lies in, and there are no other periods; one
    `date` with `every` stands for the same place in each period.
    """

    date: Day | None = None
    dates: tuple[Day, ...] = ()
    after_issue_workdays: Annotated[int, Field(ge=1, le=250)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.date is not None) + bool(self.dates) + (
            self.after_issue_workdays is not None
        ) != 1:
            raise ValueError("due: write exactly one of 'date', 'dates', 'after_issue_workdays'")
        return self

    @property
    def days(self) -> tuple[Day, ...]:
        """The days that are named, before any rolls to a working day."""
        return self.dates if self.date is None else (self.date,)


class Target(Document):
    """How much. `at_least` and `value` are floors, `about` (左右) is a band around the number."""

    at_least: Amount | None = None
    about: Amount | None = None
    value: Amount | None = None
    unit: Text

    @model_validator(mode="after")
    def _one_number(self) -> Self:
        if sum(each is not None for each in (self.at_least, self.about, self.value)) != 1:
            raise ValueError("target: write exactly one of 'at_least', 'about', 'value'")
        return self

    @property
    def amount(self) -> Decimal:
        """The number, whichever way it is meant."""
        number = next(each for each in (self.at_least, self.about, self.value) if each is not None)
        return number


class Measure(Document):
    """How the rows of a ledger become one number; `where` is SQL over the ledger's fields."""

    ledger: Text
    count: bool = False
    count_distinct: Text | None = None
    sum: Text | None = None
    where: Text | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.count + (self.count_distinct is not None) + (self.sum is not None) != 1:
            raise ValueError("measure: write exactly one of 'count', 'count_distinct', 'sum'")
        return self


class FormField(Document):
    """An element that a filing must or may have: once, or for each task."""

    name: Name
    title: Text
    required: bool = False
    per: Literal["submission", "task"] = "submission"


class Requirement(Document):
    """One checkable duty in a clause.

    With `filed_with` it is a companion: met inside the filing of another requirement, with that
    one's periods and due dates. `due_basis` says where the due date comes from, `basis` the duty.
    """

    id: Identifier
    clause: Text
    title: Text
    kind: RequirementKind
    basis: Basis
    due_basis: Basis = Basis.CONFIGURED
    decided_by: DecidedBy = DecidedBy.MACHINE
    owed_by: OwedBy
    due: Due | None = None
    every: Every | None = None
    target: Target | None = None
    measure: Measure | None = None
    tier: Text | None = None
    filed_with: tuple[Text, ...] = ()
    form: tuple[FormField, ...] = ()

    @field_validator("filed_with", mode="before")
    @classmethod
    def _one_host(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else as_tuples(value)

    @model_validator(mode="after")
    def _shape(self) -> Self:
        faults = [*self._faults_of_time(), *self._faults_of_measure()]
        if len({each.name for each in self.form}) != len(self.form):
            faults.append("'form' names the same field twice")
        if faults:
            raise ValueError("; ".join(f"{self.id}: {fault}" for fault in faults))
        return self

    def _faults_of_time(self) -> list[str]:
        if self.filed_with:
            given = [key for key in ("due", "every") if getattr(self, key) is not None]
            return [f"'{key}' comes from the requirement it is filed with" for key in given]
        if self.due is None:
            owed = self.kind is not RequirementKind.QUALITATIVE
            return ["missing key 'due' (or 'filed_with')"] if owed else []
        every = self.every or Every.YEAR
        periods = [period_containing(day, every) for day in self.due.days]
        if len(set(periods)) != len(periods):
            return [f"two due dates in one period ({', '.join(map(str, periods))})"]
        if every is not Every.YEAR and not self.due.days:
            return [f"every {every} needs 'date' or 'dates'"]
        return []

    def _faults_of_measure(self) -> list[str]:
        if self.kind is RequirementKind.TARGET:
            needed = [key for key in ("target", "measure") if getattr(self, key) is None]
            return [f"kind 'target' needs '{key}'" for key in needed]
        only = [key for key in ("target", "tier") if getattr(self, key) is not None]
        faults = [f"'{key}' goes with kind 'target' only" for key in only]
        counted = {RequirementKind.MILESTONE, RequirementKind.EVIDENCE}
        if self.measure is not None and self.kind not in counted:
            faults.append("'measure' goes with kinds target, milestone and evidence only")
        return faults
