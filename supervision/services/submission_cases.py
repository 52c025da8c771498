"""Cases of submissions: what the product itself makes of what a unit filed.

The pack is adopted once into a database of its own; each case works on a copy of it: submissions
are recorded, reviewed and extended as through any other door, and one run evaluates the unit.  Its
findings and notices are what the case is compared with; the verdicts that leave no row (satisfied,
undecided, none) are those of the rules over the stored facts.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path

from notifications.render import Renderer
from rules.case_filings import Extended, Reviewed, Submission
from rules.case_notices import Told
from rules.cases import Bench, CannotRender, Case, CaseResult, Happening, compared
from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.compiled import CompiledRules
from rules.coverage import CoverageCounter
from rules.facts import Fact, Firing, Key, UnitFacts
from rules.inference import infer
from rules.nodes import Fault, Faults
from supervision.domain.runs import RunStatus
from supervision.domain.submissions import Decision
from supervision.errors import SupervisionError
from supervision.services.adopt_plan import adopt_plan
from supervision.services.case_notices import notices_written
from supervision.services.evaluate import evaluate
from supervision.services.evaluation import Request, Tools
from supervision.services.record_submission import record_submissions
from supervision.services.review import grant_extension, review_submission
from supervision.services.rulesets import Rulesets
from supervision.services.sources import FactsAt
from supervision.services.submission_files import Line
from supervision.store import findings, outbox, plans, schema
from supervision.store.session import Database, Session
from supervision.store.tables import FindingRow, NoticeRow

_BY = "rules test"
_KEY = b"cases"
_NO_CEILING = 1_000_000
_ADOPTED = "adopted.db"

Event = Submission | Reviewed | Extended


class _InProcess:
    """The rule engine without worker processes: a case is one unit."""

    def run(self, compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
        return infer(compiled, units)


@dataclass(frozen=True)
class _Outcome:
    """What the run left behind, and the facts it looked at."""

    facts: tuple[Fact, ...]
    findings: Mapping[tuple[str, Key], FindingRow]
    notices: tuple[NoticeRow, ...]
    broken: tuple[str, ...]


class CaseOffice:
    """An office of which only the plan is known, ready to be filed with."""

    def __init__(self, folder: Path, directory: Path, renderer: Renderer) -> None:
        self._pack, self._directory = folder, directory
        self._tools = Tools(
            inference=_InProcess(),
            renderer=renderer,
            rulesets=Rulesets(),
            opens=time(9, 0),
            closes=time(17, 30),
            mail_domain="cases.example.org",
            max_findings=_NO_CEILING,
            max_notices=_NO_CEILING,
        )

    def adopt(self, *, now: datetime) -> None:
        """Adopt the pack; `now` is no earlier than any case's day."""
        with _database(self._directory / _ADOPTED) as database:
            schema.require(database)
            adopt_plan(database, self._pack, by=_BY, now=now)

    def carry_out(self, case: Case) -> _Outcome:
        """File what the case says and evaluate.  Faults for what cannot be filed."""
        copy = self._directory / "case.db"
        shutil.copyfile(self._directory / _ADOPTED, copy)
        try:
            with _database(copy) as database:
                for event in _in_time(case):
                    _happens(database, event, now=case.as_of)
                return self._evaluate(database, case)
        finally:
            for leftover in self._directory.glob("case.db*"):
                leftover.unlink()

    def _evaluate(self, database: Database, case: Case) -> _Outcome:
        request = Request(as_of=case.as_of, known_at=case.as_of, units=(case.unit,))
        run = evaluate(database, request, self._tools, by=_BY, now=case.as_of)
        if run.status is RunStatus.FAILED:
            raise Faults([case.place.fault(f"the run failed: {run.cause}")])
        with database.reading() as session:
            rows = findings.listed(session, run.plan)
            told = outbox.listed(session, run.plan, unit=case.unit)
            facts = tuple(_facts(session, database, case, run.plan, rows))
            session.expunge_all()
        return _Outcome(
            facts,
            {(row.rule, tuple(row.per)): row for row in rows if row.unit == case.unit},
            tuple(told),
            tuple(f"{rule}: {text}" for rule, text in run.broken),
        )


@contextmanager
def case_office(folder: Path, renderer: Renderer) -> Iterator[CaseOffice]:
    """Yield an office in a folder of its own, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="supervision-cases-") as directory:
        yield CaseOffice(folder, Path(directory), renderer)


def run_submission_cases(
    cases: Iterable[Case],
    office: CaseOffice,
    bench: Bench,
    *,
    counter: CoverageCounter | None = None,
    progress: Callable[[], None] = lambda: None,
) -> list[CaseResult]:
    """Return what came of each case.  Faults with all that the cases cannot file."""
    listed = list(cases)
    if not listed:
        return []
    office.adopt(now=max(case.as_of for case in listed))
    faults: list[Fault] = []
    results = []
    for case in listed:
        try:
            outcome = office.carry_out(case)
        except Faults as error:
            faults += [_at_case(case, fault) for fault in error.faults]
            continue
        results.append(_compared(case, outcome, bench, counter))
        progress()
    if faults:
        raise Faults(faults)
    return results


def _compared(
    case: Case, outcome: _Outcome, bench: Bench, counter: CoverageCounter | None
) -> CaseResult:
    def render(rule: CheckedRule, happening: Happening) -> str:
        row = outcome.findings.get((rule.rule.id, happening.key))
        if row is None:
            raise CannotRender("; ".join(outcome.broken) or "the run opened no finding")
        return row.message

    def tell(*_: object) -> Sequence[Told]:
        return notices_written(outcome.notices)

    whole = replace(case, facts=outcome.facts)
    judged = bench.judge(whole)
    result = compared(whole, judged, render=render, tell=tell, counter=counter)
    violated = {
        (firing.rule, firing.key)
        for name, rule in judged.rules.items()
        if rule.severity
        for firing in judged.firings(name)
    }
    more = [
        case.place.fault(f"{case.name}: the run and the rules differ about {rule} of {key}")
        for rule, key in sorted(violated ^ set(outcome.findings), key=str)
        if not outcome.broken
    ]
    return CaseResult(case, (*result.failures, *more))


@contextmanager
def _database(path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{path}")
    try:
        yield database
    finally:
        database.close()


def _in_time(case: Case) -> list[Event]:
    """Return all that happened, in the order in which it did.  Faults for what is after as_of."""
    assert case.filed is not None
    timed: list[tuple[datetime, Event]] = [
        (datetime.fromisoformat(each.value["submitted_at"]), each)
        for each in case.filed.submissions
    ]
    timed += [(each.at, each) for each in case.filed.reviews]
    timed += [(each.at, each) for each in case.filed.extensions]
    later = [
        event.place.fault(f"{_shown(at)} is after the case's as_of, {_shown(case.as_of)}")
        for at, event in timed
        if at > case.as_of
    ]
    if later:
        raise Faults(later)
    return [event for _, event in sorted(timed, key=lambda pair: pair[0])]


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _happens(database: Database, event: Event, *, now: datetime) -> None:
    try:
        match event:
            case Submission(place, value):
                line = Line(place.file, place.line, dict(value))
                record_submissions(database, [line], identity_key=_KEY, actor=_BY, now=now)
            case Reviewed():
                decision = Decision.ACCEPTED if event.accepted else Decision.RETURNED
                review_submission(
                    database,
                    event.obligation,
                    decision,
                    by=_BY,
                    reason=event.reason,
                    correction_due=event.correction_due,
                    at=event.at,
                    now=now,
                )
            case Extended():
                grant_extension(
                    database,
                    event.obligation,
                    event.due_on,
                    by=_BY,
                    reason=event.reason,
                    late_request=event.late_request,
                    at=event.at,
                    now=now,
                )
    except SupervisionError as error:
        raise Faults([event.place.fault(str(error))]) from error


def _facts(
    session: Session, database: Database, case: Case, plan: str, rows: Sequence[FindingRow]
) -> Iterator[Fact]:
    adopted = plans.in_force(session, plan, as_of=case.as_of, known_at=case.as_of)
    calendar = plans.load_calendar(session, adopted.pack.plan.year)
    at = FactsAt(
        adopted, calendar, case.as_of, case.as_of, database.sql_dialect, units=(case.unit,)
    )
    owed = plans.current_obligations(session, plan)
    mine = {key for key, row in owed.items() if row.unit == case.unit}
    keys = dict.fromkeys(OBLIGATION_KINDS, mine)
    keys["finding"] = {row.number for row in rows if row.unit == case.unit}
    keys["unit"] = {case.unit}
    for kind, wanted in keys.items():
        for key, fact in sorted(at.whole(session, kind, wanted).items()):
            yield Fact(kind, key, fact.fields)


def _at_case(case: Case, fault: Fault) -> Fault:
    """Return a fault with the case it is of; one of a submission stands at its line."""
    return Fault(fault.file, fault.line, fault.column, f"{case.name}: {fault.text}")
