"""What is kept of a run: what it looked at, its counts, the problems it saw, or why it failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from rules.vocabulary import Level
from supervision.domain.runs import Mode, RunStatus
from supervision.services.evaluation import Evaluation
from supervision.services.found import Problem
from supervision.store import findings, journal, runs
from supervision.store.session import Session
from supervision.store.tables import JobSlotRow, RunRow


@dataclass(frozen=True)
class RunRecord:
    """The record of one run of some units (None: all); `version` is the plan's."""

    result: Evaluation
    units: Sequence[str] | None
    version: int
    by: str
    now: datetime

    def begin(self, session: Session) -> RunRow:
        """Write the run, so that what comes of it can name it."""
        row = self._row(RunStatus.COMPLETED)
        session.add(row)
        session.flush()
        self.result.run_id = row.id
        return row

    def finish(self, session: Session, row: RunRow, slot: tuple[str, datetime] | None) -> None:
        """Write what came of it, and the scheduled moment it served."""
        result = self.result
        assert row.id is not None
        row.status, row.counts = result.status.value, dict(result.counts)
        session.add(row)
        runs.save_counts(session, row.id, [asdict(each) for each in result.rules])
        if slot is not None:
            job, moment = slot
            session.add(JobSlotRow(job=job, slot=moment, run_id=row.id))
        data = {"as_of": result.as_of, "known_at": result.known_at, **result.counts}
        self._note(session, row, result.status, data)

    def store_failure(self, session: Session) -> None:
        """Write the failed run, in a transaction of its own."""
        row = self._row(RunStatus.FAILED)
        session.add(row)
        session.flush()
        self.result.run_id = row.id
        data = {"as_of": self.result.as_of, "cause": self.result.cause}
        self._note(session, row, RunStatus.FAILED, data)

    def _note(
        self, session: Session, row: RunRow, status: RunStatus, data: dict[str, object]
    ) -> None:
        journal.append(
            session,
            actor=self.by,
            action=f"run {status.value}",
            subject=f"{self.result.plan} run {row.id}",
            data=data,
            at=self.now,
        )

    def _row(self, status: RunStatus) -> RunRow:
        result = self.result
        return RunRow(
            plan=result.plan,
            plan_version=self.version,
            ruleset=result.ruleset,
            mode=result.mode.value,
            status=status.value,
            as_of=result.as_of,
            known_at=result.known_at,
            units=list(self.units) if self.units is not None else None,
            counts=dict(result.counts),
            skipped=[list(each) for each in result.skipped],
            cause=result.cause,
            started_by=self.by,
            started_at=self.now,
            finished_at=self.now,
        )


def problems_seen(
    session: Session, result: Evaluation, units: Sequence[str] | None
) -> list[Problem]:
    """Return the open findings that a run saw, the gravest first; those it opened if not kept."""
    assert result.run_id is not None
    kept = result.mode is Mode.LIVE
    found = [
        Problem(*row[:-1]) if kept or row.first_run != result.run_id else Problem(None, *row[1:-1])
        for row in findings.seen_by(session, result.plan, result.run_id, units=units)
    ]
    return sorted(found, key=by_weight)


def by_weight(problem: Problem) -> tuple[int, str, str, str]:
    """Return what sorts problems: the gravest first, then by rule and unit."""
    return (
        -Level(problem.severity).rank,
        problem.rule,
        problem.unit,
        problem.number or problem.period or "",
    )
