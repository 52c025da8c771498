"""Findings and their transitions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, insert
from sqlalchemy import update as sql_update
from sqlmodel import Session, col, select

from rules.vocabulary import Level
from supervision.domain.findings import OPEN, Event, State, Transition
from supervision.domain.reconciliation import Standing
from supervision.errors import NotFound
from supervision.store.tables import FindingRow, RunRow, TransitionRow

PART = 500


@dataclass(frozen=True)
class NewFinding:
    """What is written when a finding is opened; `terms` are the rule, parameters and band."""

    fingerprint: str
    rule: str
    rule_digest: str
    ruleset: str
    title: str
    clause: str | None
    clause_text: str
    requirement: str | None
    unit: str
    period: str | None
    obligation: str | None
    per: tuple[Any, ...]
    severity: Level
    message: str
    remedy: str
    facts: Mapping[str, Any]
    terms: Mapping[str, Any]
    opened_workday: int
    rectify_within: int | None


def standing(session: Session, plan: str, *, units: Collection[str] | None) -> dict[str, Standing]:
    """Return what a run needs to know of each finding on file, by fingerprint."""
    query = select(FindingRow).where(FindingRow.plan == plan)
    if units is not None:
        query = query.where(col(FindingRow.unit).in_(units))
    return {
        row.fingerprint: Standing(
            fingerprint=row.fingerprint,
            state=State(row.state),
            severity=Level(row.severity),
            decided_severity=Level(row.decided_severity) if row.decided_severity else None,
            waived_until=row.waived_until,
            stood_in=State(row.stood_in) if row.stood_in else None,
        )
        for row in session.exec(query)
    }


def by_fingerprint(
    session: Session, plan: str, fingerprints: Iterable[str]
) -> dict[str, FindingRow]:
    found: dict[str, FindingRow] = {}
    wanted = sorted(set(fingerprints))
    for start in range(0, len(wanted), PART):
        rows = session.exec(
            select(FindingRow).where(
                FindingRow.plan == plan,
                col(FindingRow.fingerprint).in_(wanted[start : start + PART]),
            )
        )
        found.update((row.fingerprint, row) for row in rows)
    return found


def waived_in_force(
    session: Session, plan: str, *, before: datetime, today: date
) -> dict[str, tuple[FindingRow, date]]:
    """Return by fingerprint the findings whose last change before an instant is a waiver in force.

    The waiver's last day is included.
    """
    last = (
        select(func.max(TransitionRow.id))
        .where(TransitionRow.at < before)
        .group_by(col(TransitionRow.finding_id))
    )
    rows = session.exec(
        select(FindingRow, TransitionRow)
        .join(TransitionRow, col(TransitionRow.finding_id) == FindingRow.id)
        .where(
            FindingRow.plan == plan,
            TransitionRow.event == Event.WAIVE.value,
            col(TransitionRow.until) >= today,
            col(TransitionRow.id).in_(last),
        )
    ).all()
    return {
        row.fingerprint: (row, waiver.until) for row, waiver in rows if waiver.until is not None
    }


def find(session: Session, plan: str, number: str) -> FindingRow:
    """Return a finding by its number, however it is capitalised."""
    row = session.exec(
        select(FindingRow).where(
            FindingRow.plan == plan, FindingRow.number == number.strip().upper()
        )
    ).first()
    if row is None:
        raise NotFound(
            f"no finding {number!r} in plan '{plan}'; `supervision findings list --all` shows all"
        )
    return row


def listed(
    session: Session,
    plan: str,
    *,
    states: Collection[str] | None = None,
    unit: str | None = None,
    severity: str | None = None,
    rule: str | None = None,
) -> list[FindingRow]:
    """Return findings by number; `states` None means the open ones."""
    wanted = [state.value for state in OPEN] if states is None else list(states)
    query = select(FindingRow).where(FindingRow.plan == plan, col(FindingRow.state).in_(wanted))
    if unit is not None:
        query = query.where(FindingRow.unit == unit)
    if severity is not None:
        query = query.where(FindingRow.severity == severity)
    if rule is not None:
        query = query.where(FindingRow.rule == rule)
    return list(session.exec(query.order_by(col(FindingRow.number))))


def history(session: Session, finding_id: int) -> list[TransitionRow]:
    """Return all that happened to a finding, oldest first."""
    return list(
        session.exec(
            select(TransitionRow)
            .where(TransitionRow.finding_id == finding_id)
            .order_by(col(TransitionRow.id))
        )
    )


def save_new(
    session: Session, plan: str, year: int, run: RunRow, new: Collection[NewFinding]
) -> None:
    """Open findings, numbered on from the last one of the plan."""
    if not new:
        return
    count = session.exec(
        select(func.count()).select_from(FindingRow).where(FindingRow.plan == plan)
    ).one()
    rows = []
    for at, each in enumerate(sorted(new, key=_by_weight), start=count + 1):
        rows.append(
            {
                "plan": plan,
                "number": f"W-{year}-{at:04}",
                "fingerprint": each.fingerprint,
                "rule": each.rule,
                "rule_digest": each.rule_digest,
                "ruleset": each.ruleset,
                "title": each.title,
                "clause": each.clause,
                "clause_text": each.clause_text,
                "requirement": each.requirement,
                "unit": each.unit,
                "period": each.period,
                "obligation": each.obligation,
                "per": list(each.per),
                "state": State.DETECTED.value,
                "severity": each.severity.value,
                "cycle": 1,
                "message": each.message,
                "remedy": each.remedy,
                "facts": dict(each.facts),
                "terms": dict(each.terms),
                "first_seen": run.as_of,
                "last_seen": run.as_of,
                "first_run": run.id,
                "last_run": run.id,
                "opened_workday": each.opened_workday,
                "rectify_within": each.rectify_within,
            }
        )
    session.execute(insert(FindingRow), rows)


def _by_weight(new: NewFinding) -> tuple[int, str, str, str]:
    return (-new.severity.rank, new.rule, new.unit, new.fingerprint)


def touch(session: Session, run: RunRow, ids: Collection[int]) -> None:
    """Note that the run saw these findings violated."""
    wanted = sorted(ids)
    for start in range(0, len(wanted), PART):
        session.exec(
            sql_update(FindingRow)
            .where(col(FindingRow.id).in_(wanted[start : start + PART]))
            .values(last_seen=run.as_of, last_run=run.id)
        )


def save_transitions(
    session: Session, plan: str, transitions: Collection[Transition], run_id: int | None
) -> None:
    """Write transitions and bring their findings to the new states."""
    if not transitions:
        return
    rows = by_fingerprint(session, plan, (each.fingerprint for each in transitions))
    written = []
    for each in transitions:
        row = rows[each.fingerprint]
        if each.event is Event.RELAPSE:
            row.cycle += 1
        if each.event is Event.RECHECK_SATISFIED:
            row.stood_in = each.old.value if each.old else None
        elif each.new is not State.RESPONDED:
            row.stood_in = None
        if each.new in (State.DISMISSED, State.WAIVED):
            row.decided_severity = row.severity
        elif each.new is State.DETECTED:
            row.decided_severity = None
            row.waived_until = None
            row.rectify_due = None
            row.rectify_due_workday = None
        row.state = each.new.value
        session.add(row)
        written.append(
            {
                "finding_id": row.id,
                "event": each.event.value,
                "old": each.old.value if each.old else None,
                "new": each.new.value,
                "at": each.at,
                "by": each.by,
                "reason": each.reason,
                "until": each.until,
                "run_id": run_id,
            }
        )
    session.flush()
    session.execute(insert(TransitionRow), written)


def last_transition_at(session: Session, finding_id: int, event: Event) -> datetime | None:
    """Return when an event last happened to a finding."""
    row = session.exec(
        select(TransitionRow)
        .where(TransitionRow.finding_id == finding_id, TransitionRow.event == event.value)
        .order_by(col(TransitionRow.id).desc())
    ).first()
    return row.at if row else None
