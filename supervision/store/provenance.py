"""Where a fact comes from: who filed what when, who decided, which ledger rows were counted.

Everything is asked for at an instant, as known at another, like the facts themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from supervision.domain.findings import State
from supervision.domain.runs import Mode
from supervision.store.runs import FINISHED
from supervision.store.tables import (
    EvidenceRow,
    ExtensionRow,
    FindingRow,
    NoticeRow,
    ObligationRow,
    RecordRow,
    ReviewRow,
    RunRow,
    SubmissionRow,
    TransitionRow,
)


@dataclass(frozen=True)
class Filing:
    """A version in force, with its latest review by then and the names of its evidence."""

    submission: SubmissionRow
    review: ReviewRow | None
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class LedgerRow:
    """A ledger row in force; `first_submitted_at` says which filing of a thing came first."""

    submission_id: int
    row_no: int
    identity: str
    day: int | None
    first_submitted_at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """An instant and what was known at another."""

    plan: str
    as_of: datetime
    known_at: datetime

    def obligation(self, session: Session, key: str) -> ObligationRow | None:
        """Return the obligation as it stood, with its original due date."""
        return session.exec(
            select(ObligationRow).where(
                ObligationRow.plan == self.plan,
                ObligationRow.key == key,
                ObligationRow.recorded_at <= self.known_at,
                ObligationRow.superseded_at > self.known_at,
            )
        ).first()

    def extension(self, session: Session, obligation: str) -> ExtensionRow | None:
        """Return the extension in force for a filing."""
        return session.exec(
            select(ExtensionRow)
            .where(
                ExtensionRow.plan == self.plan,
                ExtensionRow.obligation == obligation,
                ExtensionRow.recorded_at <= self.known_at,
                ExtensionRow.decided_at <= self.as_of,
                (col(ExtensionRow.superseded_at) > self.known_at)
                | (col(ExtensionRow.replaced_at) > self.as_of),
            )
            .order_by(col(ExtensionRow.id).desc())
        ).first()

    def filing(self, session: Session, obligation: str) -> Filing | None:
        """Return what was filed, as it stood."""
        row = session.exec(self._in_force().where(SubmissionRow.obligation == obligation)).first()
        return None if row is None else self._with_review(session, row)

    def filings_of_clause(self, session: Session, clause: str) -> list[Filing]:
        """Return all filings in force for a clause that count: those not returned."""
        rows = session.exec(self._in_force().where(SubmissionRow.clause == clause)).all()
        return self._counting(session, rows)

    def filings_of_unit(self, session: Session, unit: str) -> list[Filing]:
        """Return all filings in force of a unit that count: those not returned."""
        rows = session.exec(self._in_force().where(SubmissionRow.unit == unit)).all()
        return self._counting(session, rows)

    def _in_force(self) -> Any:
        return (
            select(SubmissionRow)
            .where(
                SubmissionRow.plan == self.plan,
                SubmissionRow.recorded_at <= self.known_at,
                SubmissionRow.submitted_at <= self.as_of,
                (col(SubmissionRow.superseded_at) > self.known_at)
                | (col(SubmissionRow.replaced_at) > self.as_of),
            )
            .order_by(col(SubmissionRow.id).desc())
        )

    def _counting(self, session: Session, rows: Any) -> list[Filing]:
        filings = [self._with_review(session, row) for row in rows]
        return [
            each for each in filings if each.review is None or each.review.decision != "returned"
        ]

    def _with_review(self, session: Session, row: SubmissionRow) -> Filing:
        review = session.exec(
            select(ReviewRow)
            .where(
                ReviewRow.submission_id == row.id,
                ReviewRow.recorded_at <= self.known_at,
                ReviewRow.decided_at <= self.as_of,
            )
            .order_by(col(ReviewRow.id).desc())
        ).first()
        names = session.exec(
            select(EvidenceRow.name)
            .where(EvidenceRow.submission_id == row.id)
            .order_by(col(EvidenceRow.id))
        )
        return Filing(row, review, tuple(names))


def ledger_rows(session: Session, filing: SubmissionRow, ledger: str) -> list[LedgerRow]:
    """Return one filing's rows of a ledger."""
    rows = session.exec(
        select(RecordRow)
        .where(RecordRow.submission_id == filing.id, RecordRow.ledger == ledger)
        .order_by(col(RecordRow.row_no))
    )
    return [
        LedgerRow(
            row.submission_id,
            row.row_no,
            row.identity,
            row.day,
            filing.first_submitted_at,
            row.data,
        )
        for row in rows
    ]


# --- A finding's runs, notices and fellows -------------------------------------------------------


def run_of_facts(
    session: Session, finding: FindingRow, history: list[TransitionRow]
) -> RunRow | None:
    """Return the run that last wrote the finding's facts; they follow each run while `detected`.

    What a run wrote in so many words (`run` beside the facts) is believed; else the history tells.
    """
    written = finding.facts.get("run")
    if isinstance(written, int):
        return session.get(RunRow, written)
    last = session.get(RunRow, finding.last_run)
    if finding.state == State.DETECTED.value:
        return last
    left = [each for each in history if each.old == State.DETECTED.value and each.new != each.old]
    if not left:
        return last
    leaving = left[-1]
    if leaving.run_id is not None and leaving.event == "confirm":
        return session.get(RunRow, leaving.run_id)
    query = select(RunRow).where(
        RunRow.plan == finding.plan,
        RunRow.mode == Mode.LIVE.value,
        col(RunRow.status).in_(FINISHED),
        col(RunRow.id) >= finding.first_run,
    )
    if leaving.run_id is not None:
        query = query.where(col(RunRow.id) < leaving.run_id)
    else:
        query = query.where(RunRow.as_of <= leaving.at)
    for run in session.exec(query.order_by(col(RunRow.id).desc())):
        if run.units is None or finding.unit in run.units:
            return run
    return session.get(RunRow, finding.first_run)


def notices_about(session: Session, plan: str, items: list[str]) -> list[NoticeRow]:
    """Return the notices about a finding or its obligations, oldest first."""
    return list(
        session.exec(
            select(NoticeRow)
            .where(NoticeRow.plan == plan, col(NoticeRow.item).in_(items))
            .order_by(col(NoticeRow.id))
        )
    )


def seen_by(session: Session, plan: str, unit: str, run_id: int) -> list[FindingRow]:
    """Return a unit's findings that a run saw violated or saw before and has not seen the last of.

    A finding seen first in a later run is none of them, nor one that was last seen earlier.
    """
    return list(
        session.exec(
            select(FindingRow)
            .where(
                FindingRow.plan == plan,
                FindingRow.unit == unit,
                FindingRow.first_run <= run_id,
                FindingRow.last_run >= run_id,
            )
            .order_by(col(FindingRow.number))
        )
    )


def numbers_of(session: Session, plan: str) -> list[str]:
    """Return the numbers of all findings of a plan, in order."""
    return list(
        session.exec(
            select(FindingRow.number)
            .where(FindingRow.plan == plan)
            .order_by(col(FindingRow.number))
        )
    )


def by_number(session: Session, plan: str, number: str) -> FindingRow | None:
    """Return the finding of exactly this number."""
    return session.exec(
        select(FindingRow).where(FindingRow.plan == plan, FindingRow.number == number)
    ).first()
