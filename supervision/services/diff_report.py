"""The JSON of `supervision rules diff --format json`: what changed in meaning between two packs.

A key is never left out; what there is none of is null or an empty list.
"""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

Plain = bool | int | float | str | None


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True)


class SideOut(_Report):
    """`kind` is folder or revision; `revision` that of the rules, drafts included."""

    name: str
    kind: str
    plan: str
    revision: str
    rules: int


class ValueOut(_Report):
    """One key as it was and is; `*_reading` is a condition in plain Chinese."""

    key: str
    before: str | None
    after: str | None
    before_reading: str | None = None
    after_reading: str | None = None


class OutcomeOut(_Report):
    """`verdict` is violated, satisfied, undecided or outside (the rule's scope)."""

    verdict: str
    level: str | None


class ExampleOut(_Report):
    """A fact that is judged otherwise: `pattern.field` (of an `on` rule `field`) -> value.

    Fields that are not named may have any value; null is not known.
    """

    fields: dict[str, Plain]
    before: OutcomeOut
    after: OutcomeOut


class ChangeOut(_Report):
    """One thing that changed in one rule.

    kind      added removed status kind condition grouping severity outcome renamed handling binding
              text; moved and rewritten change nothing in meaning
    in_force  whether the rule is published before or after
    relation  of a condition: wider narrower same (only facts that are no problem either way are
              judged otherwise) different unproven; of severity: heavier lighter different
    proven    whether every kind of fact was looked at; false: there were too many
    params    the parameters whose values alone are the cause
    former    the id before, of a rule that goes on under another
    """

    kind: str
    in_meaning: bool
    in_force: bool
    rule: str
    former: str | None
    title: str
    file: str
    line: int
    relation: str | None
    proven: bool | None
    values: list[ValueOut]
    examples: list[ExampleOut]
    params: list[str]


class DatedOut(_Report):
    since: date = Field(serialization_alias="from")
    value: Plain
    reference: str


class ParamOut(_Report):
    """`kind` is added, removed, value or reference; `rules` use it in a condition or message."""

    name: str
    kind: str
    before: list[DatedOut]
    after: list[DatedOut]
    rules: list[str]
    requirements: list[str]


class RequirementOut(_Report):
    """One key of a requirement; of the plan's own time `requirement` is null."""

    requirement: str | None
    title: str
    key: str
    before: str | None
    after: str | None
    rules: list[str]


class DiffOut(_Report):
    """`same` if nothing is judged, done or said otherwise: at most moved or written differently."""

    old: SideOut
    new: SideOut
    same: bool
    changes: list[ChangeOut]
    params: list[ParamOut]
    requirements: list[RequirementOut]
