"""Runs: what was evaluated when, and what came of it."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from supervision.domain.runs import Mode, RunStatus
from supervision.store.tables import JobSlotRow, RunRow, RunRuleRow

FINISHED = (RunStatus.COMPLETED.value, RunStatus.HELD.value)


def last_live(session: Session, plan: str) -> RunRow | None:
    """Return the live run that looked furthest; a failed run looked at nothing."""
    return session.exec(
        select(RunRow)
        .where(
            RunRow.plan == plan,
            RunRow.mode == Mode.LIVE.value,
            col(RunRow.status).in_(FINISHED),
        )
        .order_by(col(RunRow.as_of).desc(), col(RunRow.known_at).desc(), col(RunRow.id).desc())
    ).first()


def looked_until(session: Session, plan: str) -> datetime | None:
    """Return the latest instant whose events a live run has seen."""
    runs = session.exec(
        select(RunRow).where(
            RunRow.plan == plan,
            RunRow.mode == Mode.LIVE.value,
            col(RunRow.status).in_(FINISHED),
        )
    )
    return max((min(run.as_of, run.known_at) for run in runs), default=None)


def rules_of(session: Session, run_id: int) -> list[RunRuleRow]:
    """Return the verdict counts of a run, by rule."""
    return list(
        session.exec(
            select(RunRuleRow).where(RunRuleRow.run_id == run_id).order_by(col(RunRuleRow.rule))
        )
    )


def find(session: Session, run_id: int) -> RunRow | None:
    return session.get(RunRow, run_id)


def recent(session: Session, plan: str, limit: int) -> list[RunRow]:
    """Return the newest runs, newest first."""
    return list(
        session.exec(
            select(RunRow).where(RunRow.plan == plan).order_by(col(RunRow.id).desc()).limit(limit)
        )
    )


def slot_served(session: Session, job: str, slot: datetime) -> bool:
    """Return whether a scheduled moment has been served."""
    return session.get(JobSlotRow, (job, slot)) is not None
