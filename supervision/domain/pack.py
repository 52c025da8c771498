"""A whole pack as loaded: plan, units, assignments, ledgers; consistent with each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from supervision.domain.ledgers import Ledger
from supervision.domain.plan import Clause, Plan, Requirement
from supervision.domain.units import Assignment, Role, Unit, Units


@dataclass(frozen=True)
class Skipped:
    """A requirement that nobody owes as things stand, and why."""

    requirement: str
    clause: str
    reason: str


@dataclass(frozen=True)
class Pack:
    """`revision` is the SHA-256 of all YAML of the pack: rules and cases too."""

    plan: Plan
    units: Units
    assignments: Sequence[Assignment]
    ledgers: Mapping[str, Ledger]
    revision: str
    skipped: tuple[Skipped, ...] = ()

    def clause(self, identifier: str) -> Clause:
        """Return a clause by id; KeyError where there is none."""
        return {clause.id: clause for clause in self.plan.clauses}[identifier]

    def requirement(self, identifier: str) -> Requirement:
        """Return a requirement by id; KeyError where there is none."""
        return {each.id: each for each in self.plan.requirements}[identifier]

    def unit(self, code: str) -> Unit:
        """Return a unit by code; KeyError where there is none."""
        return self.units.unit(code)

    def assigned(self, clause: str) -> tuple[Assignment, ...]:
        """Return who is assigned to a clause, in the file's order."""
        return tuple(each for each in self.assignments if each.clause == clause)


def requirements_without_lead(
    requirements: Iterable[Requirement], assignments: Iterable[Assignment]
) -> tuple[Skipped, ...]:
    """Return the requirements that a lead unit owes where the clause has none."""
    led = {each.clause for each in assignments if each.role is Role.LEAD}
    return tuple(
        Skipped(each.id, each.clause, "no lead unit assigned")
        for each in requirements
        if each.owed_by.lead and not each.owed_by.all and each.clause not in led
    )
