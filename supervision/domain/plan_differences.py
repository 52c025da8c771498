"""What changed between two versions of a plan that its rules depend on: parameters, requirements.

The rest of a plan (texts, units, assignments) is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from supervision.domain.periods import Every
from supervision.domain.plan import DatedValue, ParamValue, Plan
from supervision.domain.requirements import Due, Measure, OwedBy, Requirement, Target


class ParamKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    VALUE = "value"
    REFERENCE = "reference"


@dataclass(frozen=True)
class ParamChange:
    """VALUE: some day has another value than before.  REFERENCE: only the documents named differ.

    Values stand in the order of their days; before or after is empty where there is none.
    """

    name: str
    kind: ParamKind
    before: tuple[DatedValue, ...]
    after: tuple[DatedValue, ...]


@dataclass(frozen=True)
class RequirementChange:
    """One key of a requirement, or of the plan (`requirement` None), as texts in Chinese.

    Of an added or removed requirement the key is `requirement` and one text is None.
    """

    requirement: str | None
    title: str
    key: str
    before: str | None
    after: str | None


def param_changes(old: Plan, new: Plan) -> Iterator[ParamChange]:
    """Yield what changed in the parameters, in the new plan's order; removed ones last."""
    for name in dict.fromkeys((*new.params, *old.params)):
        before, after = (
            tuple(sorted(plan.params.get(name, ()), key=lambda each: each.since))
            for plan in (old, new)
        )
        if not before or not after:
            kind = ParamKind.REMOVED if before else ParamKind.ADDED
            yield ParamChange(name, kind, before, after)
        elif _values(before) != _values(after):
            yield ParamChange(name, ParamKind.VALUE, before, after)
        elif _references(before) != _references(after):
            yield ParamChange(name, ParamKind.REFERENCE, before, after)


def _values(dated: Sequence[DatedValue]) -> list[tuple[object, ...]]:
    """Return the days on which the value becomes another; True and 1 are two values."""
    steps: list[tuple[object, ...]] = []
    for each in dated:
        value = (isinstance(each.value, bool), each.value)
        if not steps or steps[-1][1:] != value:
            steps.append((each.since, *value))
    return steps


def _references(dated: Sequence[DatedValue]) -> list[tuple[object, str]]:
    return [(each.since, each.reference) for each in dated]


def value_text(value: ParamValue) -> str:
    """Return a parameter's value as plan.yaml has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:f}" if value % 1 else str(int(value))


def requirement_changes(old: Plan, new: Plan) -> Iterator[RequirementChange]:
    """Yield the keys of requirements, and of the plan's time, that say something else."""
    for key, text in _times(new).items():
        if _times(old)[key] != text:
            yield RequirementChange(None, new.title, key, _times(old)[key], text)
    was = {each.id: each for each in old.requirements}
    now = {each.id: each for each in new.requirements}
    for name in dict.fromkeys((*now, *was)):
        if name not in was or name not in now:
            each = was.get(name) or now[name]
            before, after = (each.title if name in side else None for side in (was, now))
            yield RequirementChange(name, each.title, "requirement", before, after)
            continue
        keys = [_keys(each) for each in (was[name], now[name])]
        for key in keys[0]:
            before, after = (side[key] for side in keys)
            if before != after:
                yield RequirementChange(name, now[name].title, key, before, after)


def _times(plan: Plan) -> Mapping[str, str]:
    return {
        "issued_on": plan.issued_on.isoformat(),
        "cutoff": f"{plan.cutoff:%H:%M}",
        "zone": plan.zone,
        "year": str(plan.year),
    }


def _keys(requirement: Requirement) -> dict[str, str | None]:
    every = requirement.every or Every.YEAR
    return {
        "kind": requirement.kind.value,
        "clause": requirement.clause,
        "target": _target(requirement.target),
        "due": _due(requirement.due),
        "every": None if requirement.due is None else every.value,
        "owed_by": _owed_by(requirement.owed_by),
        "measure": _measure(requirement.measure),
        "tier": requirement.tier,
        "filed_with": "、".join(sorted(requirement.filed_with)) or None,
        "decided_by": requirement.decided_by.value,
    }


def _target(target: Target | None) -> str | None:
    if target is None:
        return None
    amount = f"{value_text(target.amount)}{target.unit}"
    return f"{amount}左右" if target.about is not None else f"不少于{amount}"


def _due(due: Due | None) -> str | None:
    if due is None:
        return None
    if due.after_issue_workdays is not None:
        return f"印发后{due.after_issue_workdays}个工作日"
    return "、".join(day.isoformat() for day in sorted(due.days))


def _owed_by(owed: OwedBy) -> str:
    words = [
        word
        for said, word in (
            (owed.all, "所有单位"),
            (owed.lead, "牵头单位"),
            (owed.co, "配合单位"),
        )
        if said
    ]
    return "、".join((*words, *sorted(owed.category), *sorted(owed.units)))


def _measure(measure: Measure | None) -> str | None:
    if measure is None:
        return None
    if measure.count:
        how = "计行数"
    elif measure.count_distinct is not None:
        how = f"按{measure.count_distinct}去重计数"
    else:
        how = f"{measure.sum}合计"
    where = f"，条件 {' '.join(measure.where.split())}" if measure.where is not None else ""
    return f"台账{measure.ledger}{how}{where}"
