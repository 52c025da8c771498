"""What a database knows of a plan's last evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from supervision.errors import StoreError
from supervision.store import plans, presence, runs, schema
from supervision.store.session import Database, Session
from supervision.store.tables import RunRow, RunRuleRow


@dataclass(frozen=True)
class Evaluated:
    """`there` is as in PlanCoverage.database; `verdicts` are the last run's counts, by rule."""

    there: str
    run: RunRow | None = None
    verdicts: Mapping[str, RunRuleRow] | None = None


NO_DATABASE = Evaluated("none")
UNUSABLE = Evaluated("unusable")


def evaluated_in(session: Session, plan: str) -> Evaluated:
    """Return what a database knows of a plan."""
    if plan not in plans.plan_codes(session):
        return Evaluated("no such plan")
    run = runs.last_live(session, plan)
    if run is None or run.id is None:
        return Evaluated("never evaluated")
    found = Evaluated("evaluated", run, {row.rule: row for row in runs.rules_of(session, run.id)})
    session.expunge_all()
    return found


def evaluated_at(url: str, plan: str) -> Evaluated:
    """Return what the database at a URL knows of a plan; none is made, and none is needed.

    A pack can be looked at where the database is away, is somebody else's or of another version.
    """
    if not presence.may_be_there(url):
        return NO_DATABASE
    try:
        database = Database(url)
        try:
            if schema.current(database) != schema.newest():
                return UNUSABLE
            with database.reading() as session:
                return evaluated_in(session, plan)
        finally:
            database.close()
    except StoreError:
        return UNUSABLE
