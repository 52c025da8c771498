"""What services of one plan share: the plan as it stands now, its calendar and office hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from supervision.domain.workdays import OfficeHours, WorkCalendar, cutoff_of
from supervision.services.load_rules import params_on
from supervision.store import plans
from supervision.store.plans import Adopted
from supervision.store.session import Session


@dataclass(frozen=True)
class Desk:
    """One plan at hand."""

    adopted: Adopted
    calendar: WorkCalendar

    @property
    def code(self) -> str:
        return self.adopted.code

    def day(self, instant: datetime) -> date:
        """Return the date of an instant in the plan's zone."""
        return instant.astimezone(self.adopted.zone).date()

    def workday(self, instant: datetime) -> int:
        """Return the working-day number of an instant's date."""
        return self.calendar.number(self.day(instant))

    def cutoff(self, day: date) -> datetime:
        """Return the last instant of a day that is in time."""
        return cutoff_of(day, cutoff=self.adopted.pack.plan.cutoff, zone=self.adopted.zone)

    def after(self, instant: datetime, workdays: int) -> date:
        """Return the day that many working days after an instant's date."""
        return self.calendar.add(self.day(instant), workdays)

    def whole_param(self, name: str, default: int, *, on: date) -> int:
        """Return a parameter that counts working days, or the default where the plan has none."""
        value = params_on(self.adopted.pack.plan, on).get(name, default)
        return int(value) if isinstance(value, int) else default

    def hours(self, opens: time, closes: time) -> OfficeHours:
        return OfficeHours(self.calendar, self.adopted.zone, opens, closes)


def open_desk(session: Session, plan: str | None) -> Desk:
    """Return the plan meant, as it stands now; NotFound when it is not adopted."""
    adopted = plans.current(session, plans.choose_plan(session, plan))
    assert adopted is not None
    return Desk(adopted, plans.load_calendar(session, adopted.pack.plan.year))
