"""Record what units filed: the one service behind every door (file, form, API).

All faults at once, and a file with faults changes nothing; what is on file already changes nothing
either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rules.nodes import Fault, Faults, did_you_mean
from supervision.domain.obligations import obligation_key
from supervision.domain.pack import Pack
from supervision.domain.periods import parse_period
from supervision.domain.plan import RequirementKind
from supervision.domain.submissions import (
    Form,
    Reading,
    copied_share,
    digest_of,
    known_since,
    read_submission,
    text_of,
    unkeepable,
)
from supervision.domain.units import Unit, find_unit
from supervision.domain.workdays import CalendarMissing, WorkCalendar
from supervision.errors import NotFound
from supervision.services.submission_files import Line
from supervision.store import journal, plans, runs, submissions
from supervision.store.session import Database, Session
from supervision.store.tables import ObligationRow

KEYS = (
    "unit",
    "requirement",
    "period",
    "submitted_at",
    "by",
    "content",
    "records",
    "evidence",
)
REQUIRED = ("unit", "requirement", "period", "submitted_at", "by")


@dataclass(frozen=True)
class Recorded:
    """What came of a file: new versions by obligation key, and how many lines were on file."""

    versions: tuple[tuple[str, int], ...]
    unchanged: int
    records: int
    dry_run: bool


@dataclass(frozen=True)
class _Ready:
    line: Line
    obligation: ObligationRow
    submitted_at: datetime
    filed_by: str
    content: Mapping[str, Any]
    reading: Reading
    digest: str


@dataclass
class _Desk:
    """What the checks of one file need at hand."""

    pack: Pack
    obligations: Mapping[str, ObligationRow]
    identity_key: bytes
    zone: ZoneInfo
    now: datetime
    faults: list[Fault] = field(default_factory=list)

    def fault(self, line: Line, where: str, text: str) -> None:
        place = f"{where}: " if where else ""
        self.faults.append(Fault(line.file, line.number, 1, f"{place}{text}"))


def record_submissions(
    database: Database,
    lines: Sequence[Line],
    *,
    plan: str | None = None,
    identity_key: bytes,
    actor: str,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
    now: datetime,
) -> Recorded:
    """Record all lines or none.  Raises Faults with every fault of every line.

    A first-submitted instant never changes; a line that is on file already (same obligation, same
    instant, same content) is left out.
    """
    if dry_run:
        with database.reading() as session:
            ready, desk = _check(session, lines, plan, identity_key, now)
            if desk.faults:
                raise Faults(desk.faults)
            wanted = {_identity(each): each for each in ready}
            fresh = [each for each in wanted.values() if not _on_file(session, each)]
            return Recorded(
                versions=tuple((each.obligation.key, 0) for each in fresh),
                unchanged=len(ready) - len(fresh),
                records=sum(len(each.reading.rows) for each in fresh),
                dry_run=True,
            )
    with database.transaction() as session:
        ready, desk = _check(session, lines, plan, identity_key, now)
        if desk.faults:
            raise Faults(desk.faults)
        calendar = plans.load_calendar(session, desk.pack.plan.year)
        looked = runs.looked_until(session, desk.pack.plan.plan)
        written: list[tuple[str, int]] = []
        unchanged = records = 0
        for done, each in enumerate(ready, start=1):
            if progress is not None:
                progress(done)
            if _on_file(session, each):
                unchanged += 1
                continue
            row = _save(session, each, desk, calendar, looked)
            written.append((each.obligation.key, row))
            records += len(each.reading.rows)
        if written:
            journal.append(
                session,
                actor=actor,
                action="submissions recorded",
                subject=desk.pack.plan.plan,
                data={"versions": written, "records": records},
                at=now,
            )
        return Recorded(tuple(written), unchanged, records, dry_run=False)


def _save(
    session: Session,
    each: _Ready,
    desk: _Desk,
    calendar: WorkCalendar,
    looked: datetime | None,
) -> int:
    day = each.submitted_at.astimezone(desk.zone).date()
    last = submissions.latest(session, each.obligation.plan, each.obligation.key)
    earlier = submissions.texts_before(session, each.obligation)
    copied = max((copied_share(each.reading.text, text_of(one)) for one in earlier), default=0)
    row = submissions.save(
        session,
        submissions.NewVersion(
            obligation=each.obligation,
            submitted_at=each.submitted_at,
            day=day,
            workday=calendar.number(day),
            filed_by=each.filed_by,
            content=each.content,
            digest=each.digest,
            reading=each.reading,
            copied=copied,
            recorded_at=known_since(
                each.submitted_at,
                looked_until=looked,
                follows=last.recorded_at if last else None,
                now=desk.now,
            ),
        ),
    )
    return row.version


def _identity(each: _Ready) -> tuple[str, datetime, str]:
    """The same obligation, instant and content are the same filing."""
    return each.obligation.key, each.submitted_at, each.digest


def _on_file(session: Session, each: _Ready) -> bool:
    return any(
        row.submitted_at == each.submitted_at and row.digest == each.digest
        for row in submissions.versions(session, each.obligation.plan, each.obligation.key)
    )


# --- Checking ------------------------------------------------------------------------------------


def _check(
    session: Session,
    lines: Sequence[Line],
    plan: str | None,
    identity_key: bytes,
    now: datetime,
) -> tuple[list[_Ready], _Desk]:
    code = plans.choose_plan(session, plan)
    adopted = plans.current(session, code)
    assert adopted is not None
    desk = _Desk(
        pack=adopted.pack,
        obligations=plans.current_obligations(session, code),
        identity_key=identity_key,
        zone=adopted.zone,
        now=now,
    )
    calendar = plans.load_calendar(session, adopted.pack.plan.year)
    ready = [found for line in lines if (found := _check_line(line, desk, calendar)) is not None]
    ready.sort(key=lambda each: (each.submitted_at, each.line.number))
    _check_order(session, ready, desk)
    return ready, desk


def _check_line(line: Line, desk: _Desk, calendar: WorkCalendar) -> _Ready | None:
    before = len(desk.faults)
    value = line.value
    if not isinstance(value, dict):
        desk.fault(line, "", "a submission is a JSON object in { }")
        return None
    for key in value.keys() - set(KEYS):
        desk.fault(line, key, f"unknown key{did_you_mean(key, KEYS)}; allowed: {', '.join(KEYS)}")
    for key in REQUIRED:
        if not isinstance(value.get(key), str) or not value[key].strip():
            desk.fault(line, key, "is required, as text")
    for key in KEYS:
        for wrong in unkeepable(value.get(key), key):
            desk.fault(line, wrong.where, wrong.text)
    content = _of_type(line, value, "content", dict, desk)
    records = _of_type(line, value, "records", list, desk)
    evidence = _of_type(line, value, "evidence", list, desk)
    if len(desk.faults) > before:
        return None
    unit = _unit(line, value["unit"], desk)
    submitted_at = _instant(line, value["submitted_at"], desk, calendar)
    obligation = _obligation(line, value, unit, desk) if unit else None
    if unit is None or obligation is None or submitted_at is None:
        return None
    reading, faults = read_submission(
        content,
        records,
        evidence,
        form=_form(desk.pack, obligation.requirement, unit),
        unit=unit,
        identity_key=desk.identity_key,
    )
    for each in faults:
        desk.fault(line, each.where, each.text)
    if len(desk.faults) > before:
        return None
    return _Ready(
        line=line,
        obligation=obligation,
        submitted_at=submitted_at,
        filed_by=value["by"].strip(),
        content=content,
        reading=reading,
        digest=digest_of(content, reading.rows, reading.evidence),
    )


def _of_type(line: Line, value: Mapping[str, Any], key: str, kind: type, desk: _Desk) -> Any:
    found = value.get(key)
    if found is None:
        return kind()
    if not isinstance(found, kind):
        desk.fault(line, key, f"expected {'an object' if kind is dict else 'a list'}")
        return kind()
    return found


def _unit(line: Line, text: str, desk: _Desk) -> Unit | None:
    unit = find_unit(desk.pack.units, text)
    if unit is None:
        names = [name for each in desk.pack.units for name in (each.code, each.name)]
        desk.fault(line, "unit", f"unknown unit {text!r}{did_you_mean(text, names)}")
    return unit


def _instant(line: Line, text: str, desk: _Desk, calendar: WorkCalendar) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=desk.zone)
        day = instant.astimezone(desk.zone).date()
    except (ValueError, OverflowError):
        desk.fault(
            line,
            "submitted_at",
            f"expected an instant such as 2022-06-27T17:30:00+08:00, found {text!r}",
        )
        return None
    if instant > desk.now:
        desk.fault(line, "submitted_at", f"{text} lies in the future")
        return None
    try:
        calendar.number(day)
    except CalendarMissing as error:
        desk.fault(line, "submitted_at", str(error))
        return None
    return instant


def _obligation(
    line: Line, value: Mapping[str, Any], unit: Unit, desk: _Desk
) -> ObligationRow | None:
    name, period = value["requirement"].strip(), value["period"].strip()
    known = [each.id for each in desk.pack.plan.requirements]
    if name not in known:
        desk.fault(line, "requirement", f"unknown requirement {name!r}{did_you_mean(name, known)}")
        return None
    requirement = desk.pack.requirement(name)
    if requirement.filed_with:
        hosts = ", ".join(requirement.filed_with)
        desk.fault(line, "requirement", f"{name} is filed with {hosts}; file it there")
        return None
    try:
        parse_period(period)
    except ValueError as error:
        desk.fault(line, "period", str(error))
        return None
    obligation = desk.obligations.get(obligation_key(name, unit.code, period))
    if obligation is None:
        owed = sorted(
            each.period
            for each in desk.obligations.values()
            if each.requirement == name and each.unit == unit.code
        )
        if owed:
            text = f"{unit.name} owes {name} for {', '.join(owed)}, not for {period}"
            desk.fault(line, "period", text)
        else:
            desk.fault(line, "requirement", f"{unit.name} ({unit.code}) does not owe {name}")
    return obligation


def _form(pack: Pack, requirement_id: str, unit: Unit) -> Form:
    requirement = pack.requirement(requirement_id)
    companions = [each for each in pack.plan.requirements if requirement_id in each.filed_with]
    return Form(
        kind=requirement.kind,
        fields=tuple(part for each in (requirement, *companions) for part in each.form),
        clauses=frozenset(clause.id for clause in pack.plan.clauses),
        targets=frozenset(
            each.id for each in pack.plan.requirements if each.kind is RequirementKind.TARGET
        ),
        ledgers=pack.ledgers,
        has_tasks=any(each.unit == unit.code for each in pack.assignments),
    )


def _check_order(session: Session, ready: Iterable[_Ready], desk: _Desk) -> None:
    """A version cannot be filed before one that is on file, nor two at one instant."""
    at_once: dict[tuple[str, datetime], str] = {}
    for each in ready:
        twin = at_once.setdefault((each.obligation.key, each.submitted_at), each.digest)
        if twin != each.digest:
            text = f"{each.obligation.key} is filed twice at one instant, with different content"
            desk.fault(each.line, "submitted_at", text)
            continue
        last = submissions.latest(session, each.obligation.plan, each.obligation.key)
        if last is None or each.submitted_at > last.submitted_at or _on_file(session, each):
            continue
        if each.submitted_at == last.submitted_at:
            text = (
                f"version {last.version} of {each.obligation.key} was filed at that very instant "
                "with another content; a correction has a later instant"
            )
        else:
            text = (
                f"{each.obligation.key} has a version {last.version} filed later, at "
                f"{last.submitted_at.astimezone(desk.zone).isoformat()}; versions are recorded in "
                "the order they were filed"
            )
        desk.fault(each.line, "submitted_at", text)


def require_obligation(session: Session, plan: str, key: str) -> ObligationRow:
    """Return the obligation with this key; NotFound says which keys look like it."""
    found = plans.find_obligation(session, plan, key)
    if found is None:
        advice = did_you_mean(key, plans.current_obligations(session, plan))
        raise NotFound(f"no obligation {key!r}{advice}; keys are written REQUIREMENT/UNIT/PERIOD")
    return found
