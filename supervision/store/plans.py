"""Adopted plans: their versions, units, obligations and working-day tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import delete, exists, func, insert
from sqlmodel import Session, col, select, update

from supervision.domain.ledgers import Ledger, LedgersFile
from supervision.domain.pack import Pack, Skipped
from supervision.domain.plan import Plan
from supervision.domain.units import Unit, Units
from supervision.domain.workdays import WorkCalendar, workdays_from
from supervision.errors import NotFound
from supervision.store.columns import FAR_FUTURE
from supervision.store.registers import Deferred, StoredUnits, stored_assignments
from supervision.store.tables import (
    CalendarDayRow,
    CalendarYearRow,
    ExtensionRow,
    ObligationRow,
    PlanRow,
    RulesetRow,
    UnitRow,
)

SHORTEST_REVISION = 7
"""Characters of a revision that are enough to name it."""


@dataclass(frozen=True)
class Adopted:
    """One adopted version of a plan; `ruleset` is the revision of its rules."""

    code: str
    version: int
    pack: Pack
    ruleset: str
    recorded_at: datetime

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.pack.plan.zone)


def plan_codes(session: Session) -> list[str]:
    """Return the codes of all adopted plans, in order."""
    return list(session.exec(select(PlanRow.plan).distinct().order_by(PlanRow.plan)))


def choose_plan(session: Session, wanted: str | None) -> str:
    """Return the plan meant: the one named, or the only one there is."""
    codes = plan_codes(session)
    if wanted is not None:
        if wanted in codes:
            return wanted
        raise NotFound(f"no plan '{wanted}' is adopted; adopted: {', '.join(codes) or 'none'}")
    if not codes:
        raise NotFound("no plan is adopted yet; run `supervision plan adopt FOLDER`")
    if len(codes) > 1:
        raise NotFound(f"several plans are adopted ({', '.join(codes)}); say which with --plan")
    return codes[0]


def current(session: Session, plan: str) -> Adopted | None:
    """Return the version that is current, whole; None before the first."""
    row = session.exec(
        select(PlanRow).where(PlanRow.plan == plan, PlanRow.superseded_at == FAR_FUTURE)
    ).first()
    if row is None:
        return None
    adopted = _adopted(session, row)
    return replace(adopted, pack=replace(adopted.pack, **_in_memory(adopted.pack)))


def in_force(session: Session, plan: str, *, as_of: datetime, known_at: datetime) -> Adopted:
    """Return the version in force at `as_of` as known at `known_at`.

    Its units and assignments are read when asked for, as long as the session is open.
    """
    row = session.exec(
        select(PlanRow)
        .where(
            PlanRow.plan == plan,
            PlanRow.recorded_at <= known_at,
            PlanRow.effective_from <= as_of,
            (PlanRow.superseded_at > known_at) | (PlanRow.replaced_at > as_of),
        )
        .order_by(col(PlanRow.version).desc())
    ).first()
    if row is None:
        first = session.exec(
            select(PlanRow).where(PlanRow.plan == plan).order_by(col(PlanRow.version))
        ).first()
        since = f"; it is known since {first.recorded_at:%Y-%m-%d %H:%M}Z" if first else ""
        raise NotFound(
            f"plan '{plan}' was not known at {known_at:%Y-%m-%d %H:%M}Z or not yet in force at "
            f"{as_of:%Y-%m-%d %H:%M}Z{since}"
        )
    return _adopted(session, row)


def with_revision(session: Session, adopted: Adopted, revision: str) -> Adopted:
    """Return the plan with the documents and rules of an older version, its units as they are.

    `revision` is the beginning (seven characters or more) of a pack's or a ruleset's revision, or
    the version's number; of several versions with the same rules the last is meant.
    """
    rows = versions_of(session, adopted.code)
    wanted = revision.strip().lower()
    found = [
        row
        for row in rows
        if wanted == str(row.version)
        or (
            len(wanted) >= SHORTEST_REVISION
            and (row.revision.startswith(wanted) or row.ruleset.startswith(wanted))
        )
    ]
    if len({row.ruleset for row in found}) > 1:
        raise NotFound(
            f"{revision!r} fits several revisions of plan '{adopted.code}'; give more of it"
        )
    if not found:
        there = ", ".join(f"{row.version} ({row.ruleset[:12]})" for row in rows)
        raise NotFound(
            f"no version of plan '{adopted.code}' has the revision {revision!r}; versions with "
            f"their rules' revision: {there}"
        )
    old = _adopted(session, found[-1])
    pack = replace(old.pack, units=adopted.pack.units, assignments=adopted.pack.assignments)
    return replace(old, pack=pack)


def versions_of(session: Session, plan: str) -> list[PlanRow]:
    """Return all versions of a plan, the first first."""
    return list(
        session.exec(select(PlanRow).where(PlanRow.plan == plan).order_by(col(PlanRow.version)))
    )


def _adopted(session: Session, row: PlanRow) -> Adopted:
    plan, ledgers, skipped = _read(row.plan, row.revision, row.document)
    pack = Pack(
        plan=plan,
        units=StoredUnits(session, row.plan, row.recorded_at),
        assignments=Deferred(
            lambda: stored_assignments(session, row.plan, known_at=row.recorded_at)
        ),
        ledgers=ledgers,
        revision=row.revision,
        skipped=skipped,
    )
    return Adopted(row.plan, row.version, pack, row.ruleset, row.recorded_at)


_Documents: TypeAlias = tuple[Plan, Mapping[str, Ledger], tuple[Skipped, ...]]
_read_before: dict[tuple[str, str], _Documents] = {}
"""Documents by plan and revision, which names their content; the oldest is forgotten."""
_KEPT = 16


def _read(plan: str, revision: str, document: Mapping[str, Any]) -> _Documents:
    found = _read_before.get((plan, revision))
    if found is None:
        found = (
            Plan.model_validate(document["plan"]),
            LedgersFile.model_validate(document["ledgers"]).ledgers,
            tuple(Skipped(**each) for each in document["skipped"]),
        )
        while len(_read_before) >= _KEPT:
            _read_before.pop(next(iter(_read_before)), None)
        _read_before[plan, revision] = found
    return found


def _in_memory(pack: Pack) -> dict[str, Any]:
    """Return what is read on demand, read."""
    return {"units": Units(tuple(pack.units)), "assignments": tuple(pack.assignments)}


def document_of(pack: Pack, skipped: Iterable[Skipped]) -> dict[str, Any]:
    """Return the pack as the JSON that is stored; units and assignments have tables."""
    return {
        "plan": pack.plan.model_dump(mode="json", by_alias=True),
        "ledgers": LedgersFile(ledgers=pack.ledgers).model_dump(mode="json", by_alias=True),
        "skipped": [vars(each) for each in skipped],
    }


def save_ruleset(session: Session, revision: str, files: Mapping[str, str], at: datetime) -> None:
    """Store rule files under their revision, once."""
    if session.get(RulesetRow, revision) is None:
        session.add(RulesetRow(revision=revision, files=dict(files), recorded_at=at))
        session.flush()


def ruleset_files(session: Session, revision: str) -> Mapping[str, str]:
    """Return the rule files of a revision by name."""
    row = session.get(RulesetRow, revision)
    if row is None:
        raise NotFound(f"no ruleset has the revision {revision}")
    return row.files


def save_version(
    session: Session,
    pack: Pack,
    *,
    ruleset: str,
    skipped: Iterable[Skipped],
    version: int,
    adopted_by: str,
    effective_from: datetime,
    recorded_at: datetime,
) -> None:
    """Write a new current version of the plan; the one before is superseded."""
    session.exec(
        update(PlanRow)
        .where(col(PlanRow.plan) == pack.plan.plan, col(PlanRow.superseded_at) == FAR_FUTURE)
        .values(superseded_at=recorded_at, replaced_at=effective_from)
    )
    session.add(
        PlanRow(
            plan=pack.plan.plan,
            version=version,
            title=pack.plan.title,
            year=pack.plan.year,
            revision=pack.revision,
            ruleset=ruleset,
            document=document_of(pack, skipped),
            adopted_by=adopted_by,
            effective_from=effective_from,
            recorded_at=recorded_at,
        )
    )
    session.flush()


# --- Units and obligations -----------------------------------------------------------------------


def last_known_unit(session: Session, plan: str, code: str) -> Unit:
    """Return a unit as it last stood in the plan, which it may have left; NotFound if it never did.

    What was found, sent or listed about it outlives its place in the plan.
    """
    row = session.exec(
        select(UnitRow)
        .where(UnitRow.plan == plan, UnitRow.code == code)
        .order_by(col(UnitRow.superseded_at).desc(), col(UnitRow.id).desc())
    ).first()
    if row is None:
        raise NotFound(f"no unit {code} in plan '{plan}'")
    return Unit.model_validate(row.document)


def find_obligation(session: Session, plan: str, key: str) -> ObligationRow | None:
    """Return the current version of an obligation."""
    return session.exec(
        select(ObligationRow).where(
            ObligationRow.plan == plan,
            ObligationRow.key == key,
            ObligationRow.superseded_at == FAR_FUTURE,
        )
    ).first()


def current_obligations(
    session: Session, plan: str, keys: Iterable[str] | None = None
) -> dict[str, ObligationRow]:
    """Return current obligations by key."""
    query = select(ObligationRow).where(
        ObligationRow.plan == plan, ObligationRow.superseded_at == FAR_FUTURE
    )
    if keys is None:
        return {row.key: row for row in session.exec(query)}
    found: dict[str, ObligationRow] = {}
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), 500):
        part = query.where(col(ObligationRow.key).in_(wanted[start : start + 500]))
        found.update((row.key, row) for row in session.exec(part))
    return found


def original_due_dates(session: Session, plan: str, keys: Iterable[str]) -> dict[str, date]:
    """Return the due dates of obligations before any extension."""
    found: dict[str, date] = {}
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), 500):
        rows = session.exec(
            select(col(ObligationRow.key), col(ObligationRow.due_on)).where(
                ObligationRow.plan == plan,
                ObligationRow.superseded_at == FAR_FUTURE,
                col(ObligationRow.key).in_(wanted[start : start + 500]),
            )
        )
        found.update((key, due_on) for key, due_on in rows)
    return found


def known_units(
    session: Session, plan: str, codes: Sequence[str], *, known_at: datetime
) -> set[str]:
    """Return which of these are codes of the plan's units."""
    return set(
        session.exec(
            select(UnitRow.code).where(
                UnitRow.plan == plan,
                col(UnitRow.code).in_(codes),
                UnitRow.recorded_at <= known_at,
                UnitRow.superseded_at > known_at,
            )
        )
    )


def count_obligations(
    session: Session, plan: str, *, known_at: datetime, units: Iterable[str] | None = None
) -> int:
    """Return how many obligations the plan says exist, of these units or all."""
    query = (
        select(func.count())
        .select_from(ObligationRow)
        .where(
            ObligationRow.plan == plan,
            ObligationRow.recorded_at <= known_at,
            ObligationRow.superseded_at > known_at,
        )
    )
    if units is not None:
        query = query.where(col(ObligationRow.unit).in_(list(units)))
    return session.exec(query).one()


def current_extension(session: Session, plan: str, obligation: str) -> ExtensionRow | None:
    """Return the extension that stands for an obligation now."""
    return session.exec(
        select(ExtensionRow).where(
            ExtensionRow.plan == plan,
            ExtensionRow.obligation == obligation,
            ExtensionRow.superseded_at == FAR_FUTURE,
        )
    ).first()


# --- Working-day tables --------------------------------------------------------------------------


def calendar_years(session: Session) -> list[CalendarYearRow]:
    """Return the years that have a table, in order."""
    return list(session.exec(select(CalendarYearRow).order_by(col(CalendarYearRow.year))))


def save_calendar_year(
    session: Session, year: int, source: str, days: Iterable[tuple[date, bool, str]]
) -> None:
    """Write the table of one year, in place of an older one."""
    session.merge(CalendarYearRow(year=year, source=source))
    session.flush()
    session.exec(delete(CalendarDayRow).where(col(CalendarDayRow.year) == year))
    rows = [
        {"day": day, "year": year, "works": int(works), "label": label}
        for day, works, label in days
    ]
    session.execute(insert(CalendarDayRow), rows)


def load_calendar(session: Session, anchor: int) -> WorkCalendar:
    """Return the working days of all years that have a table; numbers count from `anchor`."""
    days = session.exec(select(col(CalendarDayRow.day), CalendarDayRow.works)).all()
    return WorkCalendar(anchor, workdays_from((day, bool(works)) for day, works in days))


def count_owing_units(
    session: Session, plan: str, *, known_at: datetime, units: Iterable[str] | None
) -> int:
    """Return how many units owe anything."""
    owes = exists().where(
        col(ObligationRow.plan) == plan,
        col(ObligationRow.unit) == col(UnitRow.code),
        col(ObligationRow.recorded_at) <= known_at,
        col(ObligationRow.superseded_at) > known_at,
    )
    query = (
        select(func.count())
        .select_from(UnitRow)
        .where(
            UnitRow.plan == plan,
            UnitRow.recorded_at <= known_at,
            UnitRow.superseded_at > known_at,
            owes,
        )
    )
    if units is not None:
        query = query.where(col(UnitRow.code).in_(list(units)))
    return session.exec(query).one()
