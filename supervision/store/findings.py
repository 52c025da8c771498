"""Findings and their transitions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import exists, func
from sqlalchemy import select as sql_select
from sqlalchemy import update as sql_update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from rules.vocabulary import Level
from supervision.domain.findings import OPEN, Event, State, Transition
from supervision.domain.reconciliation import Standing
from supervision.errors import NotFound
from supervision.store.tables import FindingRow, RunRow, TransitionRow, UnitRow
from supervision.store.tables.base import insert_all

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
    view: str
    opened_workday: int
    rectify_within: int | None


class SeenFinding(NamedTuple):
    """What people are shown of a finding, without all that is kept of it."""

    number: str
    rule: str
    title: str
    clause: str | None
    unit: str
    requirement: str | None
    period: str | None
    severity: str
    state: str
    message: str
    first_seen: datetime
    last_seen: datetime
    first_run: int


@dataclass(frozen=True, slots=True)
class OnFile:
    """A finding on file as a run needs it; `view` is what its words were made of."""

    id: int
    number: str
    standing: Standing
    view: str


def standing(
    session: Session,
    plan: str,
    *,
    units: Collection[str] | None = None,
    between: tuple[str, str] | None = None,
) -> dict[str, OnFile]:
    """Return the findings on file by fingerprint: of some units, of a stretch of them, or all."""
    query = sql_select(
        *(
            getattr(FindingRow, name)
            for name in (
                "id",
                "number",
                "fingerprint",
                "state",
                "severity",
                "decided_severity",
                "waived_until",
                "stood_in",
                "view",
            )
        )
    ).where(col(FindingRow.plan) == plan)
    if units is not None:
        query = query.where(col(FindingRow.unit).in_(units))
    if between is not None:
        query = query.where(col(FindingRow.unit).between(*between))
    return {
        fingerprint: OnFile(
            identity,
            number,
            Standing(
                fingerprint=fingerprint,
                state=State(state),
                severity=Level(severity),
                decided_severity=Level(decided) if decided else None,
                waived_until=until,
                stood_in=State(stood_in) if stood_in else None,
            ),
            view,
        )
        for identity, number, fingerprint, state, severity, decided, until, stood_in, view in (
            session.execute(query)
        )
    }


def units_concerned(session: Session, plan: str, *, known_at: datetime) -> list[str]:
    """Return the plan's units and those with a finding on file, in the database's order."""
    of_plan = sql_select(col(UnitRow.code)).where(
        col(UnitRow.plan) == plan,
        col(UnitRow.recorded_at) <= known_at,
        col(UnitRow.superseded_at) > known_at,
    )
    of_findings = sql_select(col(FindingRow.unit)).where(col(FindingRow.plan) == plan)
    return list(session.execute(of_plan.union(of_findings).order_by("code")).scalars())


def seen_by(
    session: Session, plan: str, run_id: int, *, units: Collection[str] | None
) -> Iterator[SeenFinding]:
    """Yield the open findings that a run of these units (None: all) saw."""
    query = sql_select(*(getattr(FindingRow, name) for name in SeenFinding._fields)).where(
        col(FindingRow.plan) == plan,
        col(FindingRow.last_run) == run_id,
        col(FindingRow.state).in_([state.value for state in OPEN]),
    )
    if units is not None:
        query = query.where(col(FindingRow.unit).in_(units))
    for row in session.execute(query):
        yield SeenFinding(*row)


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
    later = aliased(TransitionRow)
    ended = exists().where(
        col(later.finding_id) == col(TransitionRow.finding_id),
        col(later.id) > col(TransitionRow.id),
        col(later.at) < before,
    )
    rows = session.exec(
        select(FindingRow, TransitionRow)
        .join(TransitionRow, col(TransitionRow.finding_id) == FindingRow.id)
        .where(
            FindingRow.plan == plan,
            TransitionRow.event == Event.WAIVE.value,
            TransitionRow.at < before,
            col(TransitionRow.until) >= today,
            ~ended,
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
    session: Session,
    plan: str,
    year: int,
    run: RunRow,
    new: Collection[tuple[NewFinding, Sequence[Transition]]],
) -> None:
    """Open findings with what happened to them at once, numbered on from the last of the plan."""
    if not new:
        return
    count = session.exec(
        select(func.count()).select_from(FindingRow).where(FindingRow.plan == plan)
    ).one()
    rows = []
    by_weight = sorted(new, key=lambda each: _by_weight(each[0]))
    for at, (each, transitions) in enumerate(by_weight, start=count + 1):
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
                "state": transitions[-1].new.value,
                "severity": each.severity.value,
                "cycle": 1,
                "message": each.message,
                "remedy": each.remedy,
                "facts": dict(each.facts),
                "terms": dict(each.terms),
                "view": each.view,
                "first_seen": run.as_of,
                "last_seen": run.as_of,
                "first_run": run.id,
                "last_run": run.id,
                "opened_workday": each.opened_workday,
                "rectify_within": each.rectify_within,
            }
        )
    insert_all(session, FindingRow, rows)
    ids = _ids(session, plan, [each.fingerprint for each, _ in by_weight])
    insert_all(
        session,
        TransitionRow,
        [
            _row_of(step, ids[each.fingerprint], run.id)
            for each, transitions in by_weight
            for step in transitions
        ],
    )


def by_number(session: Session, plan: str, numbers: Iterable[str]) -> dict[str, FindingRow]:
    """Return findings by number; what is no finding's number is passed over."""
    found: dict[str, FindingRow] = {}
    wanted = sorted(set(numbers))
    for start in range(0, len(wanted), PART):
        rows = session.exec(
            select(FindingRow).where(
                FindingRow.plan == plan,
                col(FindingRow.number).in_(wanted[start : start + PART]),
            )
        )
        found.update((row.number, row) for row in rows)
    return found


def _ids(session: Session, plan: str, fingerprints: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(fingerprints), PART):
        rows = session.execute(
            sql_select(col(FindingRow.fingerprint), col(FindingRow.id)).where(
                col(FindingRow.plan) == plan,
                col(FindingRow.fingerprint).in_(fingerprints[start : start + PART]),
            )
        )
        found.update((fingerprint, identity) for fingerprint, identity in rows)
    return found


def _row_of(step: Transition, finding_id: int, run_id: int | None) -> dict[str, Any]:
    return {
        "finding_id": finding_id,
        "event": step.event.value,
        "old": step.old.value if step.old else None,
        "new": step.new.value,
        "at": step.at,
        "by": step.by,
        "reason": step.reason,
        "until": step.until,
        "run_id": run_id,
    }


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
        assert row.id is not None
        written.append(_row_of(each, row.id, run_id))
    session.flush()
    insert_all(session, TransitionRow, written)


def last_transition_at(session: Session, finding_id: int, event: Event) -> datetime | None:
    """Return when an event last happened to a finding."""
    row = session.exec(
        select(TransitionRow)
        .where(TransitionRow.finding_id == finding_id, TransitionRow.event == event.value)
        .order_by(col(TransitionRow.id).desc())
    ).first()
    return row.at if row else None
