"""Evaluate a plan at an instant: verdicts, findings, notices, proposals, in one transaction.

A plan of many units is worked through in stretches of them, for no rule joins facts of two units:
what a run holds in memory does not grow with the district.
"""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime

from rules.catalogue import OBLIGATION_KINDS
from rules.facts import Key
from rules.vocabulary import Level
from supervision.clock import Stopwatch
from supervision.domain.findings import State
from supervision.domain.reconciliation import Effect, Standing, Verdict
from supervision.domain.runs import Mode, RunStatus
from supervision.domain.workdays import OfficeHours
from supervision.errors import NotFound, Refused, RunFailed
from supervision.services.evaluation import Evaluation, Request, Tools
from supervision.services.found import Problem
from supervision.services.judge import (
    Judged,
    RuleGroup,
    Tally,
    applicable_to_groups,
    judged_in_turn,
    require_sums,
)
from supervision.services.plan_notices import NoticePlanner
from supervision.services.propose_escalations import propose
from supervision.services.run_record import RunRecord, by_weight, problems_seen
from supervision.services.settle import Settled, Settler, movements_of
from supervision.services.sources import FactsAt
from supervision.services.stretches import Stretch, stretches
from supervision.services.verdicts import RuleVerdicts, count_verdicts, sight
from supervision.store import findings, news, plans, runs, statistics
from supervision.store.candidates import Candidate
from supervision.store.columns import FAR_FUTURE
from supervision.store.findings import OnFile
from supervision.store.session import Database, Session
from supervision.store.tables import FindingRow, RunRow


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
    if request.units is None:
        statistics.keep_up(database)
    run: _Run | None = None
    try:
        with database.transaction() as session, _collecting_seldom():
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
                run.record.store_failure(session)
    assert run is not None
    return run.result


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Let the collector of cyclic garbage look less often.

    A large run keeps millions of small values, and going through all of them again and again took
    a fifth of its time.
    """
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def evaluate_within(
    session: Session, database: Database, request: Request, tools: Tools, *, by: str, now: datetime
) -> Evaluation:
    """Return what a run finds inside a transaction of the caller's; RunFailed where it fails."""
    run = _Run(session, database, request, tools, by=by, now=now)
    run.carry_out()
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
        if request.pack_revision is not None:
            self.adopted = plans.with_revision(session, self.adopted, request.pack_revision)
        self.pack, self.plan = self.adopted.pack, self.adopted.pack.plan
        self.facts = FactsAt(
            self.adopted,
            plans.load_calendar(session, self.plan.year),
            as_of,
            known_at,
            database.sql_dialect,
            self._known_units(code, known_at),
        )
        last = runs.last_live(session, code)
        mode = Mode.DRY_RUN if request.dry_run else Mode.LIVE
        if request.pack_revision is not None or (
            last is not None and (as_of, known_at) < (last.as_of, last.known_at)
        ):
            mode = Mode.REPLAY
        ruleset, version = self.adopted.ruleset, self.adopted.version
        self.result = Evaluation(None, code, as_of, known_at, ruleset, mode, version)
        self.record = RunRecord(self.result, self.facts.units, self.adopted.version, by=by, now=now)
        self.watch = Stopwatch()
        self.row: RunRow | None = None
        self.rules = tools.rulesets.on(session, self.adopted, self.facts.today)
        self.facts = replace(self.facts, measures=self.rules.measures)
        self.tally, self.later = Tally(), Tally()
        self.waived: Counter[str] = Counter()
        self.effects: Counter[Effect] = Counter()
        self.opened_by: Counter[str] = Counter()
        self.leads: Mapping[str, object] | None = None
        self.counted: dict[str, dict[str, int]] = {}
        self.shown: list[Problem] = []

    def _known_units(self, plan: str, known_at: datetime) -> tuple[str, ...] | None:
        wanted = self.request.units
        if wanted is not None:
            known = plans.known_units(self.session, plan, wanted, known_at=known_at)
            unknown = sorted(set(wanted) - known)
            if unknown:
                raise NotFound(f"no unit {', '.join(unknown)} in plan '{self.plan.plan}'")
        return wanted

    # --- The way of a run ------------------------------------------------------------------------

    def carry_out(self) -> None:
        result = self.result
        if self.request.slot is not None and runs.slot_served(self.session, *self.request.slot):
            raise AlreadyServed
        owed_by_nobody = [(each.requirement, each.reason) for each in self.pack.skipped]
        result.skipped = owed_by_nobody + list(self.rules.unbound)
        result.obligations = plans.count_obligations(
            self.session, result.plan, known_at=result.known_at, units=self.facts.units
        )
        if result.mode is not Mode.REPLAY:
            self.row = self.record.begin(self.session)
        waived = self._waived()
        kept: list[tuple[Stretch, Sequence[Candidate]]] = []
        read = (
            (each, self._candidates(each, OBLIGATION_KINDS))
            for each in stretches(self.session, self.facts)
        )
        for stretch, seen, judged in self._judged(self.rules.first, read, waived):
            self.tally.add(judged)
            with self.watch.on("reconcile"):
                self._settle(stretch, judged)
            if result.mode is not Mode.REPLAY:
                concerned = [each for each in seen if self.rules.second.concerns(each)]
                kept.append((stretch, concerned))
        result.counts |= {
            effect.value: self.effects[effect]
            for effect in (Effect.OPENED, Effect.KEPT, Effect.CLEARED, Effect.REOPENED)
        }
        result.rules += self._count(self.rules.first, self.tally)
        if result.mode is not Mode.REPLAY:
            self._second_pass(kept)
            assert self.row is not None
            self.record.finish(self.session, self.row, self.request.slot)
        if result.mode is Mode.REPLAY:
            result.problems = sorted(self.shown, key=by_weight)
        else:
            result.problems = problems_seen(self.session, result, self.facts.units)
        result.spent = self.watch.stop("inference")

    def _candidates(self, stretch: Stretch, kinds: Sequence[str]) -> list[Candidate]:
        here = stretch.of(self.facts)
        with self.watch.on("facts"):
            return [
                candidate
                for kind in kinds
                if kind in self.rules.scans
                for candidate in self.rules.scans[kind].candidates(self.session, here.source(kind))
            ]

    def _judged(
        self,
        group: RuleGroup,
        read: Iterator[tuple[Stretch, Sequence[Candidate]]],
        waived: Mapping[str, frozenset[tuple[str, Key]]],
    ) -> Iterator[tuple[Stretch, Sequence[Candidate], Judged]]:
        return judged_in_turn(group, read, inference=self.tools.inference, waived=waived)

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

    # --- Findings --------------------------------------------------------------------------------

    def _settle(self, stretch: Stretch, judged: Judged) -> None:
        """Bring the findings of a stretch to what was seen of them."""
        here = stretch.of(self.facts)
        settler = Settler(self.session, self.rules.first, here, self.tools.renderer)
        on_file = self._on_file(stretch)
        settled = settler.settle(
            sight(self.rules.first, judged, here, self._news(here)), judged, on_file, run=self.row
        )
        self.result.broken += settled.broken
        self.effects.update(change.effect for change in settled.changes)
        rules = {each: firing.rule for each, firing in settled.firings.items()}
        self.waived.update(
            rules[change.fingerprint]
            for change in settled.changes
            if change.reported is Verdict.WAIVED
        )
        self.opened_by.update(
            rules[change.fingerprint]
            for change in settled.changes
            if change.effect in (Effect.OPENED, Effect.REOPENED)
        )
        self._show(settled, on_file)

    def _news(self, here: FactsAt) -> Mapping[str, object]:
        """What tells of each unit whether its facts may have changed since they were worded."""
        plan, as_of, known_at = self.result.plan, here.as_of, here.known_at
        if self.leads is None:
            self.leads = news.of_leads(
                self.session, plan, as_of=as_of, known_at=known_at, units=here.units
            )
        own = news.of_units(
            self.session,
            plan,
            as_of=as_of,
            known_at=known_at,
            units=here.units,
            between=here.between,
        )
        return {**own, **self.leads}

    def _on_file(self, stretch: Stretch) -> Mapping[str, OnFile]:
        """What stands on file; a look back knows nothing but the waivers in force then."""
        here = stretch.of(self.facts)
        if self.result.mode is not Mode.REPLAY:
            return findings.standing(
                self.session, self.result.plan, units=here.units, between=here.between
            )
        return {
            fingerprint: OnFile(
                row.id or 0,
                row.number,
                Standing(
                    fingerprint,
                    State.WAIVED,
                    Level(row.severity),
                    decided_severity=Level(row.decided_severity or row.severity),
                    waived_until=until,
                ),
                "",
            )
            for fingerprint, (row, until) in self._waivers().items()
            if here.units is None or row.unit in here.units
        }

    def _show(self, settled: Settled, on_file: Mapping[str, OnFile]) -> None:
        """Note what is to be told of a run that is not kept."""
        if self.result.mode is Mode.REPLAY:
            self.shown += [
                settled.found[each.fingerprint].as_problem(self.result.as_of)
                for each in settled.changes
                if each.effect in (Effect.OPENED, Effect.REOPENED)
            ]
        elif self.result.mode is Mode.DRY_RUN:
            self.result.movements += movements_of(settled, on_file)

    # --- Notices and escalations -----------------------------------------------------------------

    def _second_pass(self, kept: Sequence[tuple[Stretch, Sequence[Candidate]]]) -> None:
        """Notices and escalations, over the findings as they now stand."""
        result, row, group = self.result, self.row, self.rules.second
        assert row is not None
        planner = NoticePlanner(
            self.session,
            group,
            adopted=self.adopted,
            run=row,
            renderer=self.tools.renderer,
            hours=OfficeHours(
                self.facts.calendar, self.adopted.zone, self.tools.opens, self.tools.closes
            ),
            mail_domain=self.tools.mail_domain,
        )
        proposed = 0
        read = (
            (stretch, [*candidates, *self._candidates(stretch, ("finding", "unit"))])
            for stretch, candidates in kept
        )
        for stretch, _, judged in self._judged(group, read, {}):
            here = stretch.of(self.facts)
            self.later.add(judged)
            with self.watch.on("notices"):
                planner.plan(judged, here)
                proposed += propose(
                    self.session, judged, group.by_id, run=row, as_of=result.as_of, facts=here
                )
        with self.watch.on("notices"):
            written = planner.write(
                hold_above=self.tools.max_notices, hold=self._over_the_ceiling()
            )
        result.rules += self._count(group, self.later)
        if written.held:
            result.status = RunStatus.HELD
        result.counts |= {
            "notices": written.planned,
            "held": written.held,
            "superseded": written.superseded,
            "silenced": written.silenced,
            "unaddressed": written.unaddressed,
            "escalations": proposed,
        }

    def _over_the_ceiling(self) -> bool:
        """Whether this run opened more than a run, or a rule, may without a person's word."""
        if self.result.counts["opened"] > self.tools.max_findings:
            return True
        return any(
            rule.rule.max_findings is not None
            and self.opened_by[rule.rule.id] > rule.rule.max_findings
            for rule in self.rules.first.rules
        )

    # --- Counts ----------------------------------------------------------------------------------

    def _count(self, group: RuleGroup, tally: Tally) -> list[RuleVerdicts]:
        """Return the verdict counts of a group; RunFailed where they do not add up."""
        sources = {kind: self.facts.source(kind) for kind in group.kinds}
        applicable: dict[str, int] = {}
        with self.watch.on("facts"):
            for kind, source in sources.items():
                if kind not in self.counted:
                    _, self.counted[kind] = self.rules.scans[kind].count(self.session, source)
                applicable |= self.counted[kind]
        owing = plans.count_owing_units(
            self.session,
            self.result.plan,
            known_at=self.result.known_at,
            units=self.facts.units,
        )
        applicable |= applicable_to_groups(self.session, group, sources, tally, owing)
        require_sums(applicable, tally, group.by_id)
        return count_verdicts(
            group.rules,
            tally,
            applicable,
            waived=self.waived if group is self.rules.first else {},
            broken=self.result.broken if group is self.rules.first else (),
        )

    # --- Its end ---------------------------------------------------------------------------------

    def forget_numbers(self) -> None:
        """Take back the number of what was not stored."""
        self.result.run_id = None

    def fail(self, cause: str) -> None:
        """Forget everything but that the run failed, and why."""
        result = self.result
        result.status, result.cause, result.run_id = RunStatus.FAILED, cause, None
        result.rules, result.problems, result.counts = [], [], {}
        result.movements = []
