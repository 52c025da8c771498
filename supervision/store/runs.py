"""Runs: what was evaluated when, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from supervision.domain.runs import Mode, RunStatus
from supervision.store.tables import JobSlotRow, RunRow, RunRuleRow
from supervision.store.tables.base import insert_all

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


def save_counts(session: Session, run_id: int, counts: Iterable[Mapping[str, Any]]) -> None:
    """Write the verdict counts of a run, by rule."""
    columns = RunRuleRow.model_fields.keys() - {"run_id"}
    rows = [{"run_id": run_id, **{name: each[name] for name in columns}} for each in counts]
    if rows:
        insert_all(session, RunRuleRow, rows)


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
