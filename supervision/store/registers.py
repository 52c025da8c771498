"""Who is in an adopted plan and who has which task, read from the database when asked for.

A plan of many thousand units is evaluated a part at a time, and one unit's evaluation needs one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Generic, TypeVar, overload

from sqlmodel import Session, col, select

from supervision.domain.ledger_rows import SCALE
from supervision.domain.units import Assignment, Role, Unit, Units
from supervision.store.tables import AssignmentRow, UnitRow

PART = 500

Item = TypeVar("Item")


class StoredUnits(Units):
    """The units of a plan as known at an instant; usable as long as its session is open."""

    def __init__(self, session: Session, plan: str, known_at: datetime) -> None:
        super().__init__()
        self._session = session
        self._query = select(col(UnitRow.code), col(UnitRow.document)).where(
            UnitRow.plan == plan,
            UnitRow.recorded_at <= known_at,
            UnitRow.superseded_at > known_at,
        )
        self._read: dict[str, Unit] = {}

    @cached_property
    def _all(self) -> tuple[Unit, ...]:
        rows = self._session.exec(self._query.order_by(col(UnitRow.id)))
        return tuple(Unit.model_validate(document) for _, document in rows)

    def read(self, codes: Iterable[str]) -> None:
        """Read these units at once, and forget those that were read before."""
        if "_all" in self.__dict__:
            return
        wanted = sorted(set(codes))
        self._read = {}
        for start in range(0, len(wanted), PART):
            part = self._query.where(col(UnitRow.code).in_(wanted[start : start + PART]))
            for code, document in self._session.exec(part):
                self._read[code] = Unit.model_validate(document)

    def unit(self, code: str) -> Unit:
        if "_all" in self.__dict__:
            return super().unit(code)
        if code not in self._read:
            row = self._session.exec(self._query.where(UnitRow.code == code)).first()
            if row is None:
                raise KeyError(code)
            self._read[code] = Unit.model_validate(row[1])
        return self._read[code]


class Deferred(Sequence[Item], Generic[Item]):
    """A sequence that is read when first looked at."""

    def __init__(self, read: Callable[[], Iterable[Item]]) -> None:
        self._read = read

    @cached_property
    def _items(self) -> tuple[Item, ...]:
        return tuple(self._read())

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)


def stored_assignments(session: Session, plan: str, *, known_at: datetime) -> list[Assignment]:
    """Return the assignments of a plan as known at an instant."""
    query = select(AssignmentRow).where(
        AssignmentRow.plan == plan,
        AssignmentRow.recorded_at <= known_at,
        AssignmentRow.superseded_at > known_at,
    )
    return [
        Assignment(
            clause=row.clause,
            unit=row.unit,
            role=Role(row.role),
            quota=None if row.quota is None else Decimal(row.quota) / SCALE,
        )
        for row in session.exec(query.order_by(col(AssignmentRow.id)))
    ]
