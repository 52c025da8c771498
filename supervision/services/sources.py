"""Where facts come from: one plan at one instant, as known at another."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from supervision.domain.ledger_rows import encode_number
from supervision.domain.workdays import WorkCalendar
from supervision.services.load_rules import measures_of, params_on
from supervision.services.wording import FactInWords
from supervision.store.candidates import FactSource, whole_facts
from supervision.store.facts import Measured, Moment
from supervision.store.ledger_sql import Dialect
from supervision.store.plans import Adopted
from supervision.store.session import Session

TOLERANCE = "about_tolerance"
"""The plan's parameter that says how far 左右 reaches, as a share."""


@dataclass(frozen=True)
class FactsAt:
    """The facts of a plan at `as_of` as known at `known_at`.

    `units` None means all; `between` is the first and last code of a stretch of units; `measures`
    are those of the day where they are at hand.
    """

    adopted: Adopted
    calendar: WorkCalendar
    as_of: datetime
    known_at: datetime
    dialect: Dialect
    units: tuple[str, ...] | None = None
    between: tuple[str, str] | None = None
    measures: tuple[Measured, ...] | None = None

    @cached_property
    def today(self) -> date:
        """The date of `as_of` in the plan's zone."""
        return self.as_of.astimezone(self.adopted.zone).date()

    @cached_property
    def workday(self) -> int:
        return self.calendar.number(self.today)

    @cached_property
    def moment(self) -> Moment:
        plan = self.adopted.pack.plan
        tolerance = params_on(plan, self.today).get(TOLERANCE, 0)
        return Moment(
            plan=plan.plan,
            as_of=self.as_of,
            known_at=self.known_at,
            day=self.today.toordinal(),
            workday=self.workday,
            year_first_day=date(plan.year, 1, 1).toordinal(),
            year_last_day=date(plan.year, 12, 31).toordinal(),
            tolerance=encode_number(tolerance) if isinstance(tolerance, int | Decimal) else 0,
            units=self.units,
            between=self.between,
        )

    @cached_property
    def _measures(self) -> tuple[Measured, ...]:
        if self.measures is not None:
            return self.measures
        return tuple(measures_of(self.adopted.pack, self.today))

    def source(self, kind: str) -> FactSource:
        """Return the source of one fact kind."""
        # a report is compared with the ledgers of all targets
        wanted = "target" if kind == "report" else kind
        kinds = {each.id: each.kind.value for each in self.adopted.pack.plan.requirements}
        measures = [each for each in self._measures if kinds[each.requirement] == wanted]
        return FactSource(kind, self.moment, measures, self.dialect)

    def whole(self, session: Session, kind: str, keys: Collection[str]) -> dict[str, FactInWords]:
        """Return the facts with these keys, all their fields."""
        unlimited = replace(self, units=None, between=None)
        found = whole_facts(session, unlimited.source(kind), keys)
        return {key: FactInWords(kind, key, fields) for key, fields in found.items()}
