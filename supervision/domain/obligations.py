"""From a plan to what each unit owes: requirement × unit × period, each with its due date."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from supervision.domain.pack import Pack, Skipped
from supervision.domain.periods import Every, Period, period_containing, periods_of, same_place
from supervision.domain.plan import Requirement, RequirementKind
from supervision.domain.units import Role, Unit
from supervision.domain.workdays import WorkCalendar

DIRECT = "direct"
"""`role` of a duty that the clause puts on the unit itself, without any assignment."""


@dataclass(frozen=True)
class Obligation:
    """What one unit owes under one requirement for one period.

    `due_on` is a working day.  `filing_key` is the obligation whose filing serves this one: its own
    key, or for a companion the key of the requirement it is filed with.
    """

    requirement: str
    clause: str
    unit: str
    period: Period
    kind: RequirementKind
    role: str
    due_on: date
    filing_key: str
    target: Decimal | None = None
    about: bool = False

    @property
    def key(self) -> str:
        return obligation_key(self.requirement, self.unit, str(self.period))

    @property
    def companion(self) -> bool:
        return self.filing_key != self.key


@dataclass(frozen=True)
class Owed:
    """All obligations of a plan, and the requirements that nobody owes as things stand."""

    obligations: tuple[Obligation, ...]
    skipped: tuple[Skipped, ...]


def obligation_key(requirement: str, unit: str, period: str) -> str:
    """Return the key by which an obligation is known everywhere."""
    return f"{requirement}/{unit}/{period}"


def owed(pack: Pack, calendar: WorkCalendar) -> Owed:
    """Return what the plan says exists.  Raises CalendarMissing for a year without a table.

    A due date that is no working day rolls forward.  A qualitative requirement yields nothing (a
    person judges it); one that nobody is assigned to is skipped, with the reason.
    """
    obligations: dict[str, Obligation] = {}
    skipped = {each.requirement: each for each in pack.skipped}
    by_requirement: dict[str, list[Obligation]] = {}
    companions = [each for each in pack.plan.requirements if each.filed_with]
    for requirement in pack.plan.requirements:
        if requirement.filed_with or requirement.kind is RequirementKind.QUALITATIVE:
            continue
        made = list(_own(pack, requirement, calendar))
        by_requirement[requirement.id] = made
        obligations.update((each.key, each) for each in made)
        if not made:
            skipped.setdefault(requirement.id, _nobody(requirement))
    for requirement in companions:
        made = list(_companions(pack, requirement, by_requirement))
        obligations.update((each.key, each) for each in made)
        if not made:
            skipped.setdefault(requirement.id, _nobody(requirement))
    return Owed(tuple(obligations.values()), tuple(skipped.values()))


def units_owing(pack: Pack) -> dict[str, tuple[Unit, ...]]:
    """Return who owes each requirement, in the order of units.yaml; whatever its due dates are.

    A qualitative requirement is owed by nobody; one filed with others by who owes one of those too.
    """
    requirements = pack.plan.requirements
    found = {
        each.id: tuple(unit for unit, _, _ in _owers(pack, each))
        for each in requirements
        if each.kind is not RequirementKind.QUALITATIVE
    }
    for each in requirements:
        if each.filed_with and each.id in found:
            hosts = {unit.code for host in each.filed_with for unit in found.get(host, ())}
            found[each.id] = tuple(unit for unit in found[each.id] if unit.code in hosts)
    return found


def _nobody(requirement: Requirement) -> Skipped:
    return Skipped(requirement.id, requirement.clause, "no unit owes it")


def _own(pack: Pack, requirement: Requirement, calendar: WorkCalendar) -> Iterator[Obligation]:
    due = [
        (period, calendar.roll_forward(day))
        for period, day in _due_days(pack, requirement, calendar)
    ]
    for unit, role, quota in _owers(pack, requirement):
        for period, due_on in due:
            target = quota if quota is not None else _amount(requirement)
            yield Obligation(
                requirement=requirement.id,
                clause=requirement.clause,
                unit=unit.code,
                period=period,
                kind=requirement.kind,
                role=role,
                due_on=due_on,
                filing_key=obligation_key(requirement.id, unit.code, str(period)),
                target=target,
                about=quota is None and _is_about(requirement),
            )


def _companions(
    pack: Pack, requirement: Requirement, hosts: dict[str, list[Obligation]]
) -> Iterator[Obligation]:
    owers = {unit.code: (role, quota) for unit, role, quota in _owers(pack, requirement)}
    for host in requirement.filed_with:
        for filing in hosts.get(host, ()):
            if filing.unit not in owers:
                continue
            role, quota = owers[filing.unit]
            yield Obligation(
                requirement=requirement.id,
                clause=requirement.clause,
                unit=filing.unit,
                period=filing.period,
                kind=requirement.kind,
                role=role,
                due_on=filing.due_on,
                filing_key=filing.key,
                target=quota if quota is not None else _amount(requirement),
                about=quota is None and _is_about(requirement),
            )


def _owers(pack: Pack, requirement: Requirement) -> Iterator[tuple[Unit, str, Decimal | None]]:
    """Yield who owes it, in the order of units.yaml, each with role and quota.

    A cooperating unit owes a target only where the assignment gives it a share.
    """
    who = requirement.owed_by
    assigned = {each.unit: each for each in pack.assigned(requirement.clause)}
    has_target = requirement.target is not None
    for unit in pack.units:
        task = assigned.get(unit.code)
        role = task.role.value if task else DIRECT
        quota = task.quota if task and has_target else None
        named = who.all or unit.code in who.units or unit.category in who.category
        leads = who.lead and task is not None and task.role is Role.LEAD
        helps = who.co and task is not None and task.role is Role.CO
        if helps and not named and has_target and quota is None:
            helps = False
        if named or leads or helps:
            yield unit, role, quota


def _amount(requirement: Requirement) -> Decimal | None:
    return requirement.target.amount if requirement.target else None


def _is_about(requirement: Requirement) -> bool:
    return requirement.target is not None and requirement.target.about is not None


def _due_days(
    pack: Pack, requirement: Requirement, calendar: WorkCalendar
) -> Iterator[tuple[Period, date]]:
    plan, due = pack.plan, requirement.due
    assert due is not None  # the loader lets only companions be without
    every = requirement.every or Every.YEAR
    if due.after_issue_workdays is not None:
        day = calendar.add(plan.issued_on, due.after_issue_workdays)
        yield Period(plan.year, Every.YEAR, 1), day
    elif due.date is not None and requirement.every is not None:
        for period in periods_of(plan.year, every):
            day = same_place(due.date, period)
            if day >= plan.issued_on:  # nothing fell due before the plan was there
                yield period, day
    else:
        for day in due.days:
            yield period_containing(day, every), day
