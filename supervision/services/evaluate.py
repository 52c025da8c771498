"""Evaluate a plan at an instant: verdicts, findings, notices, proposals, in one transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from rules.checked import CheckedRule
from rules.facts import Key
from rules.vocabulary import Level
from supervision.domain.findings import OPEN, State
from supervision.domain.reconciliation import Change, Effect, Standing, Verdict, reconcile
from supervision.domain.runs import Mode, RunStatus
from supervision.domain.workdays import OfficeHours
from supervision.errors import NotFound, Refused, RunFailed
from supervision.services.evaluation import Evaluation, Request, Tools
from supervision.services.found import Found, Problem, problem_of
from supervision.services.judge import Judged, judge, kinds_needed
from supervision.services.load_rules import bind_all, stored_rules
from supervision.services.plan_notices import write_notices
from supervision.services.propose_escalations import propose
from supervision.services.sources import FactsAt
from supervision.services.verdicts import count_verdicts, sight, unproven
from supervision.store import findings, journal, plans, runs
from supervision.store.columns import FAR_FUTURE
from supervision.store.session import Database, Session
from supervision.store.tables import FindingRow, JobSlotRow, RunRow, RunRuleRow


class AlreadyServed(Exception):
    """Another worker has evaluated for this scheduled moment."""


class _RollBack(Exception):
    """Leaves the transaction without a trace."""


def evaluate(
    database: Database, request: Request, tools: Tools, *, by: str, now: datetime
) -> Evaluation:
    """Return what the run found.

    A run that fails (engines disagree, a worker dies, a fact is refused) is stored as failed, with
    its cause and nothing else, and returned so.  The same inputs again change nothing.  A run older
    than the last one looks back: it is shown, and moves nothing.
    """
    if request.as_of is not None and request.as_of > now and not request.dry_run:
        raise Refused(
            f"as-of {request.as_of:%Y-%m-%d %H:%M}Z lies in the future; nobody can be late yet "
            "(--dry-run shows what would be found then)"
        )
    run: _Run | None = None
    try:
        with database.transaction() as session:
            run = _Run(session, database, request, tools, by=by, now=now)
            run.carry_out()
            if run.result.mode is not Mode.LIVE:
                raise _RollBack
    except _RollBack:
        assert run is not None
        run.forget_numbers()
    except RunFailed as error:
        if run is None:
            raise
        run.fail(str(error))
        if run.result.mode is Mode.LIVE:
            with database.transaction() as session:
                run.store_failure(session)
    assert run is not None
    return run.result


class _Run:
    """One evaluation under way, inside its transaction."""

    def __init__(
        self,
        session: Session,
        database: Database,
        request: Request,
        tools: Tools,
        *,
        by: str,
        now: datetime,
    ) -> None:
        self.session, self.tools = session, tools
        self.by, self.now, self.request = by, now, request
        code = plans.choose_plan(session, request.plan)
        as_of, known_at = request.as_of or now, min(request.known_at or now, now)
        self.adopted = plans.in_force(session, code, as_of=as_of, known_at=known_at)
        self.pack, self.plan = self.adopted.pack, self.adopted.pack.plan
        self.facts = FactsAt(
            self.adopted,
            plans.load_calendar(session, self.plan.year),
            as_of,
            known_at,
            database.sql_dialect,
            self._known_units(),
        )
        last = runs.last_live(session, code)
        mode = Mode.DRY_RUN if request.dry_run else Mode.LIVE
        if last is not None and (as_of, known_at) < (last.as_of, last.known_at):
            mode = Mode.REPLAY
        self.result = Evaluation(None, code, as_of, known_at, self.adopted.ruleset, mode)
        self.row: RunRow | None = None
        self.opened: set[str] = set()

    def _known_units(self) -> tuple[str, ...] | None:
        if self.request.units is None:
            return None
        codes = {unit.code for unit in self.pack.units}
        unknown = sorted(set(self.request.units) - codes)
        if unknown:
            raise NotFound(f"no unit {', '.join(unknown)} in plan '{self.plan.plan}'")
        return self.request.units

    # --- The way of a run ------------------------------------------------------------------------

    def carry_out(self) -> None:
        result = self.result
        if self.request.slot is not None and runs.slot_served(self.session, *self.request.slot):
            raise AlreadyServed
        rules, unbound = bind_all(
            stored_rules(self.session, self.adopted, self.adopted.ruleset),
            self.plan,
            self.facts.today,
        )
        owed_by_nobody = [(each.requirement, each.reason) for each in self.pack.skipped]
        result.skipped = owed_by_nobody + unbound
        result.obligations = plans.count_obligations(
            self.session, result.plan, known_at=result.known_at
        )
        first = [rule for rule in rules if not rule.second_pass]
        second = [rule for rule in rules if rule.second_pass]
        judged = self._judge(first)
        sighting = sight(self.session, first, judged, self.facts, self.tools.renderer)
        result.broken = sighting.broken
        on_file = self._on_file()
        changes = reconcile(
            on_file,
            sighting.seen,
            unproven=unproven(self.session, first, self.facts, on_file, sighting.seen),
            today=self.facts.today,
            now=result.as_of,
        )
        result.rules += count_verdicts(first, judged, changes=changes, broken=sighting.broken)
        self._count_effects(changes)
        if result.mode is Mode.REPLAY:
            shown = [
                sighting.found[each.fingerprint].as_problem(result.as_of)
                for each in changes
                if each.effect in (Effect.OPENED, Effect.REOPENED)
            ]
            result.problems = sorted(shown, key=_by_weight)
            return
        self._store(changes, sighting.found)
        self._second_pass(second)
        self._finish()

    def _judge(self, rules: Sequence[CheckedRule]) -> Judged:
        return judge(
            self.session,
            {kind: self.facts.source(kind) for kind in kinds_needed(rules)},
            rules,
            inference=self.tools.inference,
            owing_units=plans.count_owing_units(
                self.session,
                self.result.plan,
                known_at=self.result.known_at,
                units=self.facts.units,
            ),
            waived=self._waived(),
        )

    def _waived(self) -> dict[str, frozenset[tuple[str, Key]]]:
        waived: dict[str, set[tuple[str, Key]]] = defaultdict(set)
        for row, _ in self._waivers().values():
            waived[row.unit].add((row.rule, tuple(row.per)))
        return {unit: frozenset(keys) for unit, keys in waived.items()}

    def _waivers(self) -> dict[str, tuple[FindingRow, date]]:
        # for a live run all that was decided counts, even after its as-of; what was decided at the
        # very instant of a past run was decided on its result
        replay = self.result.mode is Mode.REPLAY
        return findings.waived_in_force(
            self.session,
            self.result.plan,
            before=self.result.as_of if replay else FAR_FUTURE,
            today=self.facts.today,
        )

    def _on_file(self) -> Mapping[str, Standing]:
        """What stands on file; a look back knows nothing but the waivers in force then."""
        if self.result.mode is not Mode.REPLAY:
            return findings.standing(self.session, self.result.plan, units=self.facts.units)
        return {
            fingerprint: Standing(
                fingerprint,
                State.WAIVED,
                Level(row.severity),
                decided_severity=Level(row.decided_severity or row.severity),
                waived_until=until,
            )
            for fingerprint, (row, until) in self._waivers().items()
            if self.facts.units is None or row.unit in self.facts.units
        }

    # --- Verdicts --------------------------------------------------------------------------------

    def _count_effects(self, changes: Sequence[Change]) -> None:
        effects = Counter(change.effect for change in changes)
        named = (Effect.OPENED, Effect.KEPT, Effect.CLEARED, Effect.REOPENED)
        self.result.counts |= {effect.value: effects[effect] for effect in named}

    # --- Writing ---------------------------------------------------------------------------------

    def _store(self, changes: Sequence[Change], found: Mapping[str, Found]) -> None:
        session, result = self.session, self.result
        self.row = self._run_row(RunStatus.COMPLETED)
        session.add(self.row)
        session.flush()
        result.run_id = self.row.id
        opened = [
            found[change.fingerprint].as_new(
                self.pack, ruleset=result.ruleset, workday=self.facts.workday
            )
            for change in changes
            if change.effect is Effect.OPENED
        ]
        findings.save_new(session, result.plan, self.plan.year, self.row, opened)
        rows = findings.by_fingerprint(session, result.plan, found)
        for change in changes:
            row = rows.get(change.fingerprint)
            if row is not None and change.reported is Verdict.VIOLATED:
                self._bring_up_to_date(row, change, found[change.fingerprint])
        session.flush()
        findings.save_transitions(
            session,
            result.plan,
            [step for change in changes for step in change.transitions],
            result.run_id,
        )
        findings.touch(session, self.row, [row.id for row in rows.values() if row.id is not None])
        session.expire_all()
        rows = findings.by_fingerprint(session, result.plan, found)
        self.opened = {row.number for row in rows.values() if row.first_run == result.run_id}
        shown = (problem_of(row) for row in rows.values() if State(row.state) in OPEN)
        result.problems = sorted(shown, key=_by_weight)

    def _bring_up_to_date(self, row: FindingRow, change: Change, found: Found) -> None:
        """A finding nobody has confirmed follows the facts; a confirmed one keeps its own."""
        if change.effect is Effect.REOPENED:
            row.opened_workday = self.facts.workday
        if change.effect is Effect.REOPENED or State(row.state) is State.DETECTED:
            row.severity = found.severity.value
            row.message, row.remedy = found.message, found.remedy
            row.facts, row.terms = {"facts": found.facts}, dict(found.terms)
            row.rule_digest, row.ruleset = found.rule.digest, self.result.ruleset
            row.title, row.rectify_within = found.rule.rule.title, found.rule.rule.rectify_within
        elif State(row.state) in OPEN and found.severity.rank > Level(row.severity).rank:
            row.severity = found.severity.value
        self.session.add(row)

    def _second_pass(self, rules: Sequence[CheckedRule]) -> None:
        """Notices and escalations, over the findings as they now stand."""
        result, row = self.result, self.row
        assert row is not None
        judged = self._judge(rules)
        result.rules += count_verdicts(rules, judged)
        by_id = {rule.rule.id: rule for rule in rules}
        written = write_notices(
            self.session,
            judged,
            by_id,
            adopted=self.adopted,
            run=row,
            units=self.facts.units,
            renderer=self.tools.renderer,
            hours=OfficeHours(
                self.facts.calendar, self.adopted.zone, self.tools.opens, self.tools.closes
            ),
            mail_domain=self.tools.mail_domain,
            hold_above=self.tools.max_notices,
            hold=self._over_the_ceiling(),
        )
        if written.held:
            result.status = RunStatus.HELD
        result.counts |= {
            "notices": written.planned,
            "held": written.held,
            "superseded": written.superseded,
            "silenced": written.silenced,
            "unaddressed": written.unaddressed,
            "escalations": propose(
                self.session, judged, by_id, run=row, as_of=result.as_of, units=self.facts.units
            ),
        }

    def _over_the_ceiling(self) -> bool:
        """Whether this run opened more than a run, or a rule, may without a person's word."""
        if self.result.counts["opened"] > self.tools.max_findings:
            return True
        opened = Counter(
            each.rule for each in self.result.problems if each.first_seen == self.result.as_of
        )
        rules = stored_rules(self.session, self.adopted, self.adopted.ruleset)
        return any(
            rule.rule.max_findings is not None and opened[rule.rule.id] > rule.rule.max_findings
            for rule in rules
        )

    def _finish(self) -> None:
        result, row, session = self.result, self.row, self.session
        assert row is not None
        assert row.id is not None
        row.status, row.counts = result.status.value, dict(result.counts)
        session.add(row)
        session.add_all(
            RunRuleRow(
                run_id=row.id,
                rule=each.rule,
                applicable=each.applicable,
                satisfied=each.satisfied,
                violated=each.violated,
                undecided=each.undecided,
                waived=each.waived,
                broken=each.broken,
                missing=dict(each.missing),
            )
            for each in result.rules
        )
        if self.request.slot is not None:
            job, slot = self.request.slot
            session.add(JobSlotRow(job=job, slot=slot, run_id=row.id))
        journal.append(
            session,
            actor=self.by,
            action="run " + result.status.value,
            subject=f"{result.plan} run {row.id}",
            data={"as_of": result.as_of, "known_at": result.known_at, **result.counts},
            at=self.now,
        )

    def _run_row(self, status: RunStatus) -> RunRow:
        result = self.result
        return RunRow(
            plan=result.plan,
            plan_version=self.adopted.version,
            ruleset=result.ruleset,
            mode=result.mode.value,
            status=status.value,
            as_of=result.as_of,
            known_at=result.known_at,
            units=list(self.facts.units) if self.facts.units is not None else None,
            counts=dict(result.counts),
            skipped=[list(each) for each in result.skipped],
            cause=result.cause,
            started_by=self.by,
            started_at=self.now,
            finished_at=self.now,
        )

    def forget_numbers(self) -> None:
        """Take back the numbers of what was not stored: the run, and the findings it opened."""
        result = self.result
        result.problems = [
            replace(each, number=None) if each.number in self.opened else each
            for each in result.problems
        ]
        result.run_id = None

    def fail(self, cause: str) -> None:
        """Forget everything but that the run failed, and why."""
        result = self.result
        result.status, result.cause, result.run_id = RunStatus.FAILED, cause, None
        result.rules, result.problems, result.counts = [], [], {}

    def store_failure(self, session: Session) -> None:
        """Write the failed run, in a transaction of its own."""
        row = self._run_row(RunStatus.FAILED)
        session.add(row)
        session.flush()
        self.result.run_id = row.id
        journal.append(
            session,
            actor=self.by,
            action="run failed",
            subject=f"{self.result.plan} run {row.id}",
            data={"as_of": self.result.as_of, "cause": self.result.cause},
            at=self.now,
        )


def _by_weight(problem: Problem) -> tuple[int, str, str, str]:
    return (
        -Level(problem.severity).rank,
        problem.rule,
        problem.unit,
        problem.number or problem.period or "",
    )
