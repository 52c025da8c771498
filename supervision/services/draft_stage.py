"""The plan on which draft cases play: who owes what, and when."""

from __future__ import annotations

from datetime import date, timedelta

from rules.case_facts import World
from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.resolving import Said
from supervision.domain.obligations import Obligation, owed
from supervision.domain.pack import Pack
from supervision.domain.workdays import CalendarMissing, WorkCalendar
from supervision.services.run_cases import CaseDesk
from supervision.services.seed_calendar import days_of, years_covered
from supervision.services.wording import Fields


class Stage:
    """The plan on which drafts play: who owes what, and when."""

    def __init__(self, pack: Pack, world: World, desk: CaseDesk) -> None:
        self.pack, self.world, self.desk = pack, world, desk
        years = pack.plan.calendar.years or range(pack.plan.year, years_covered().stop)
        self.calendar = WorkCalendar(
            pack.plan.year, {year: workdays_in(year) for year in (*years, pack.plan.year)}
        )
        self.owed: dict[str, list[Obligation]] = {}
        for each in owed(pack, self.calendar).obligations:
            self.owed.setdefault(each.requirement, []).append(each)

    def requirement_for(self, kind: str, rule: CheckedRule) -> str | None:
        """Return the requirement a draft is about: the rule's own, or the first of its kind."""
        if kind not in OBLIGATION_KINDS:
            return None
        own = rule.rule.requirement
        if own is not None and self.world.requirements[own].kind == kind:
            return own
        of_kind = [name for name, known in self.world.requirements.items() if known.kind == kind]
        filed = [name for name in of_kind if not self.world.requirements[name].fields["companion"]]
        return next((name for name in filed if name in self.owed), next(iter(of_kind), None))

    def unit_for(self, requirement: str | None, said: Said) -> str:
        """Return a unit that owes the requirement, of the category that is said."""
        owing = [each.unit for each in self.owed.get(requirement or "", ())]
        reachable = [
            unit.code
            for unit in self.pack.units
            if unit.liaison is not None and unit.liaison.email is not None
        ]
        codes = [code for code in owing if code in reachable] or owing or reachable
        codes += [unit.code for unit in self.pack.units if unit.code not in codes]
        wanted, category = said.get("unit"), said.get("unit_category")
        for code in codes:
            if wanted in (None, code) and category in (None, self.world.units[code]):
                return code
        return codes[0]

    def due_on(self, requirement: str | None, period: object) -> date:
        """Return when the requirement is due; the last due date of all where there is none."""
        listed = self.owed.get(requirement or "", [])
        of_period = [each for each in listed if str(each.period) == period]
        found = next(iter(of_period or listed), None)
        if found is not None:
            return found.due_on
        latest = max((each.due_on for of in self.owed.values() for each in of), default=None)
        return latest or self.calendar.roll_forward(self.pack.plan.issued_on)

    def day(self, due_on: date, said: Fields) -> date:
        """Return the day on which so many working days are left, or have passed."""
        overdue, left = said.get("days_overdue") or 0, said.get("days_to_due") or 0
        assert isinstance(overdue, int)
        assert isinstance(left, int)
        passed = overdue or (3 if said.get("due_passed") else -left)
        try:
            return self.calendar.add(due_on, passed)
        except CalendarMissing:
            far = min(max(due_on.toordinal() + min(passed, 3650), 1), date.max.toordinal())
            return date.fromordinal(far)


def workdays_in(year: int) -> frozenset[date]:
    """Return the working days of a year; without an official table Monday to Friday, as a draft."""
    if year in years_covered():
        return frozenset(day for day, works, _ in days_of(year) if works)
    first = date(year, 1, 1)
    days = (first + timedelta(days=number) for number in range(366))
    return frozenset(day for day in days if day.year == year and day.weekday() < 5)
