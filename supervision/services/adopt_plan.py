"""Adopt a plan from its folder: a new version of the plan, its units, tasks and obligations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from supervision.domain.obligations import owed
from supervision.domain.pack import Pack, Skipped
from supervision.services.load_rules import LoadedPack, load_whole_pack
from supervision.services.seed_calendar import days_of, source_of, years_covered
from supervision.store import journal, plans, runs, succession
from supervision.store.session import Database, Session


@dataclass(frozen=True)
class Adoption:
    """What came of adopting: `changes` counts rows added, changed and ended, by table."""

    plan: str
    title: str
    version: int
    unchanged: bool
    obligations: int
    rules: int
    changes: dict[str, dict[str, int]]
    skipped: tuple[Skipped, ...]


class _DryRun(Exception):
    """Leaves the transaction without a trace."""


def adopt_plan(
    database: Database,
    folder: Path,
    *,
    by: str,
    dry_run: bool = False,
    now: datetime,
) -> Adoption:
    """Adopt the pack in `folder`.

    Raises rules.loading.Faults with every fault of every file; nothing is written then.  The same
    pack twice changes nothing, but for due dates where the working days have changed.  The first
    version is known since the plan was issued, a later one since `now`.
    """
    loaded = load_whole_pack(folder)
    adoption: Adoption | None = None
    try:
        with database.transaction() as session:
            adoption = adopt_within(session, loaded, by=by, now=now)
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    assert adoption is not None
    return adoption


def adopt_within(session: Session, loaded: LoadedPack, *, by: str, now: datetime) -> Adoption:
    """Adopt a loaded pack inside a transaction of the caller's; return what came of it."""
    pack = loaded.pack
    plan = pack.plan
    before = plans.current(session, plan.plan)
    seeded = seed_missing_years(session, pack)
    calendar = plans.load_calendar(session, plan.year)
    result = owed(pack, calendar)
    if before is not None and (before.pack.revision, before.ruleset) == (
        pack.revision,
        loaded.ruleset,
    ):
        moved = succession.replace_obligations(session, plan, result.obligations, calendar, now)
        if any(moved.values()):  # another working-day table was imported
            journal.append(
                session,
                actor=by,
                action="due dates recomputed",
                subject=f"{plan.plan} v{before.version}",
                data={"changes": moved},
                at=now,
            )
        return Adoption(
            plan=plan.plan,
            title=plan.title,
            version=before.version,
            unchanged=not any(moved.values()),
            obligations=len(result.obligations),
            rules=len(loaded.rules),
            changes={"obligations": moved} if any(moved.values()) else {},
            skipped=result.skipped,
        )
    issued = datetime.combine(plan.issued_on, time(0), ZoneInfo(plan.zone))
    if before is None and runs.last_live(session, plan.plan) is None:
        recorded_at = effective_from = min(issued, now)
    else:
        recorded_at, effective_from = now, min(issued, now)
    plans.save_ruleset(session, loaded.ruleset, loaded.files, now)
    plans.save_version(
        session,
        pack,
        ruleset=loaded.ruleset,
        skipped=result.skipped,
        version=before.version + 1 if before else 1,
        adopted_by=by,
        effective_from=effective_from,
        recorded_at=recorded_at,
    )
    changes = {
        "units": succession.replace_units(session, pack, recorded_at),
        "assignments": succession.replace_assignments(session, pack, recorded_at),
        "obligations": succession.replace_obligations(
            session, plan, result.obligations, calendar, recorded_at
        ),
    }
    version = before.version + 1 if before else 1
    journal.append(
        session,
        actor=by,
        action="plan adopted",
        subject=f"{plan.plan} v{version}",
        data={
            "revision": pack.revision,
            "ruleset": loaded.ruleset,
            "changes": changes,
            "calendar_years_seeded": seeded,
        },
        at=now,
    )
    return Adoption(
        plan=plan.plan,
        title=plan.title,
        version=version,
        unchanged=False,
        obligations=len(result.obligations),
        rules=len(loaded.rules),
        changes=changes,
        skipped=result.skipped,
    )


def seed_missing_years(session: Session, pack: Pack) -> list[int]:
    """Write the working-day tables the plan asks for and the database has not; return the years.

    A table that is there stays as it is, an office's own days included.
    """
    wanted = pack.plan.calendar.years or range(pack.plan.year, years_covered().stop)
    there = {row.year for row in plans.calendar_years(session)}
    seeded = [year for year in wanted if year not in there]
    for year in seeded:
        plans.save_calendar_year(session, year, source_of(year), days_of(year))
    return seeded
