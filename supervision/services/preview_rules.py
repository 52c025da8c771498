"""A changed pack against the live data: what adopting it would do, with nothing of it kept.

Both packs are evaluated at the same moment in one transaction that is rolled back, the active one
first: what comes out alike by both is what time has brought, not the pack.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from rules.vocabulary import Status
from supervision.domain.notices import NoticeState
from supervision.domain.runs import Mode, RunStatus
from supervision.errors import NotFound, Refused, RunFailed
from supervision.services.adopt_plan import Adoption, adopt_within
from supervision.services.desk import Desk, open_desk
from supervision.services.diff_report import DiffOut
from supervision.services.diff_rules import diff_with_stored
from supervision.services.evaluate import evaluate_within
from supervision.services.evaluation import Evaluation, Request, Tools
from supervision.services.load_rules import LoadedPack
from supervision.services.preview_moves import (
    Outcome,
    Said,
    Stand,
    finding_moves,
    notice_moves,
    only_after,
    rule_moves,
    unrelated,
)
from supervision.services.preview_report import PreviewOut, RowsOut, TriedOut, UnrelatedOut
from supervision.store import outcomes, plans
from supervision.store.outcomes import FindingAsItStands
from supervision.store.rulesets import ACTIVE, stored_ruleset
from supervision.store.session import Database, Session
from supervision.store.tables import NoticeRow

STEPS = 4
Progress = Callable[[int, int], None]


class _RollBack(Exception):
    """Leaves the transaction without a trace."""


@dataclass(frozen=True)
class Changed:
    """A pack that is loaded from a folder, to be tried."""

    folder: str
    loaded: LoadedPack

    @property
    def plan(self) -> str:
        return self.loaded.pack.plan.plan


@dataclass(frozen=True)
class Moment:
    """What is looked at, as in an evaluation: None means now, and all units."""

    as_of: datetime | None = None
    known_at: datetime | None = None
    units: tuple[str, ...] | None = None


@dataclass(frozen=True)
class _Seen:
    evaluation: Evaluation
    outcome: Outcome


def desk_for(session: Session, changed: Changed, plan: str | None) -> Desk:
    """Return the adopted plan that the pack would change; NotFound where there is none."""
    codes = plans.plan_codes(session)
    if not codes:
        plans.choose_plan(session, plan)  # says how to begin
    if plan is not None and plan != changed.plan:
        raise NotFound(f"{changed.folder} holds plan '{changed.plan}', not '{plan}' (--plan)")
    if changed.plan not in codes:
        raise NotFound(
            f"{changed.folder}: plan '{changed.plan}' is not adopted (adopted: "
            f"{', '.join(codes)}), so everything would be new; `supervision plan adopt "
            f"{_quoted(changed.folder)} --dry-run` tells what it holds"
        )
    return open_desk(session, changed.plan)


def _quoted(folder: str) -> str:
    return f"'{folder}'" if " " in folder else folder


def preview_rules(
    database: Database,
    changed: Changed,
    moment: Moment,
    tools: Tools,
    *,
    progress: Progress = lambda _done, _total: None,
    now: datetime,
) -> PreviewOut:
    """Return what adopting the pack would do to the findings and notices of its plan.

    The plan must be adopted.  Writers wait until it is done; nothing is written, and nothing sent.
    """
    gone = [each for each in moment.units or () if each not in _codes(changed)]
    if gone:
        raise NotFound(
            f"{changed.folder}: the changed plan has no unit {', '.join(gone)}; "
            "leave --unit out to see what becomes of what was found of it"
        )
    found: PreviewOut | None = None
    try:
        with database.transaction() as session:
            found = _Preview(session, database, changed, moment, tools, progress, now).carry_out()
            raise _RollBack
    except _RollBack:
        pass
    assert found is not None
    return found


def _codes(changed: Changed) -> set[str]:
    return {unit.code for unit in changed.loaded.pack.units}


class _Preview:
    """One preview under way, inside its transaction."""

    def __init__(
        self,
        session: Session,
        database: Database,
        changed: Changed,
        moment: Moment,
        tools: Tools,
        progress: Progress,
        now: datetime,
    ) -> None:
        self.session, self.database, self.tools = session, database, tools
        self.changed, self.moment = changed, moment
        self.progress, self.now = progress, now
        self.desk = open_desk(session, changed.plan)
        self.adopted = self.desk.adopted
        # what was known of the data on an earlier day is what the units and duties of that day owe
        self.looks_back = moment.known_at is not None and moment.known_at < now

    def carry_out(self) -> PreviewOut:
        loaded = self.changed.loaded
        unchanged = (self.adopted.pack.revision, self.adopted.ruleset) == (
            loaded.pack.revision,
            loaded.ruleset,
        )
        self.progress(0, STEPS)
        changes = None if unchanged else self._changes()
        waiting = frozenset(outcomes.pending_ids(self.session, self.changed.plan))
        start = self._outcome(None, waiting)
        self.progress(1, STEPS)
        with self._tried():
            before = self._evaluated(self.adopted.version, waiting)
        self.progress(2, STEPS)
        with self._tried():
            adoption = adopt_within(self.session, loaded, by="preview", now=self.now)
            self.progress(3, STEPS)
            try:
                after = self._evaluated(adoption.version, waiting)
            except RunFailed as error:
                raise RunFailed(
                    f"{self.changed.folder}: a run by the changed pack would fail: {error}"
                ) from error
        self.progress(STEPS, STEPS)
        if after.evaluation.version != adoption.version:
            raise Refused(
                f"{self.changed.folder}: the changed plan is issued on "
                f"{loaded.pack.plan.issued_on}, after the moment that --as-of names"
            )
        return self._told(start, before, after, adoption, changes, unchanged=unchanged)

    def _changes(self) -> DiffOut:
        stored = stored_ruleset(self.session, ACTIVE, self.changed.plan)
        return diff_with_stored(stored, self.changed.loaded, self.changed.folder)

    @contextmanager
    def _tried(self) -> Iterator[None]:
        """Take back all that is written inside."""
        savepoint = self.session.begin_nested()
        try:
            yield
        finally:
            savepoint.rollback()

    def _evaluated(self, version: int, waiting: Set[int]) -> _Seen:
        request = Request(
            plan=self.changed.plan,
            as_of=self.moment.as_of,
            known_at=self.moment.known_at,
            units=self.moment.units,
            dry_run=True,
            pack_revision=str(version) if self.looks_back else None,
        )
        result = evaluate_within(
            self.session, self.database, request, self.tools, by="preview", now=self.now
        )
        self.session.flush()
        if result.mode is Mode.REPLAY:
            return _Seen(result, Outcome(_looked_back_on(result)))
        return _Seen(result, self._outcome(result.run_id, waiting))

    def _outcome(self, run_id: int | None, waiting: Set[int]) -> Outcome:
        """Return findings and notices as they stand now, in the transaction."""
        stored = outcomes.findings_of(self.session, self.changed.plan, units=self.moment.units)
        opened = {
            each.number: fingerprint
            for fingerprint, each in stored.items()
            if run_id is not None and each.first_run == run_id
        }
        rows = outcomes.notices_of(self.session, self.changed.plan, run_id=run_id, ids=waiting)
        return Outcome(
            {fingerprint: _stand(each, run_id) for fingerprint, each in stored.items()},
            dict(_said(row, opened, waiting) for row in rows),
        )

    def _told(
        self,
        start: Outcome,
        before: _Seen,
        after: _Seen,
        adoption: Adoption,
        changes: DiffOut | None,
        *,
        unchanged: bool,
    ) -> PreviewOut:
        old, new = before.evaluation, after.evaluation
        loaded, zone = self.changed.loaded, self.adopted.zone
        names = {unit.code: unit.name for unit in (*self.adopted.pack.units, *loaded.pack.units)}
        replayed = new.mode is Mode.REPLAY
        active = self.tools.rulesets.on(self.session, self.adopted, self.desk.day(old.as_of))
        told = PreviewOut(
            plan=self.changed.plan,
            folder=self.changed.folder,
            as_of=new.as_of.astimezone(zone),
            known_at=new.known_at.astimezone(zone),
            mode=new.mode.value,
            rules_only=self.looks_back,
            active=TriedOut(
                version=self.adopted.version,
                pack_revision=self.adopted.ruleset,
                rules=len(active.rules) + len(active.unbound),
            ),
            changed=TriedOut(
                version=None,
                pack_revision=loaded.ruleset,
                rules=sum(1 for each in loaded.rules if each.rule.status is Status.PUBLISHED),
            ),
            unchanged=unchanged,
            differs=False,
            changes=changes,
            tables={
                table: RowsOut(**counts)
                for table, counts in adoption.changes.items()
                if any(counts.values())
            },
            findings=finding_moves(before.outcome, after.outcome, names),
            notices=notice_moves(before.outcome, after.outcome, names),
            rules=list(rule_moves(old.rules, new.rules)),
            escalations_before=old.counts.get("escalations", 0),
            escalations_after=new.counts.get("escalations", 0),
            held_before=old.status is RunStatus.HELD,
            held=new.status is RunStatus.HELD,
            skipped=only_after(old.skipped, new.skipped),
            broken=only_after(old.broken, new.broken),
            unrelated=UnrelatedOut(findings=0, notices=0)
            if replayed
            else unrelated(start, before.outcome, after.outcome),
        )
        differs = (
            told.findings,
            told.notices,
            told.rules,
            told.skipped,
            told.broken,
            told.escalations_before != told.escalations_after,
            told.held_before != told.held,
        )
        return told.model_copy(update={"differs": any(map(bool, differs))})


def _stand(found: FindingAsItStands, run_id: int | None) -> Stand:
    return Stand(
        number=None if found.first_run == run_id else found.number,
        rule=found.rule,
        title=found.title,
        unit=found.unit,
        requirement=found.requirement,
        period=found.period,
        state=found.state,
        severity=found.severity,
        message=found.message,
        remedy=found.remedy,
        seen=found.last_run == run_id,
    )


def _looked_back_on(result: Evaluation) -> dict[str, Stand]:
    """Return what a look back found; it has no findings on file to compare with."""
    found: dict[str, Stand] = {}
    alike: Counter[str] = Counter()
    for each in sorted(result.problems, key=lambda each: each.message):
        place = f"{each.rule}|{each.unit}|{each.requirement}|{each.period}"
        alike[place] += 1
        found[f"{place}#{alike[place]}"] = Stand(
            number=None,
            rule=each.rule,
            title=each.title,
            unit=each.unit,
            requirement=each.requirement,
            period=each.period,
            state=each.state,
            severity=each.severity,
            message=each.message,
            remedy="",
            seen=True,
        )
    return found


def _said(row: NoticeRow, opened: dict[str, str], waiting: Set[int]) -> tuple[str, Said]:
    """Return a notice under a key that is the same whichever number its finding was given."""
    content = json.dumps(row.content, ensure_ascii=False, sort_keys=True, default=str)
    key, subject, item = row.key, row.subject, row.item
    fingerprint = opened.get(row.item)
    if fingerprint is not None:
        key = f"{fingerprint}{row.key.removeprefix(row.item)}"
        subject = subject.replace(f"（{row.item}）", "").replace(row.item, "")
        content = content.replace(row.item, fingerprint)
    return key, Said(
        kind=row.kind,
        step=row.step,
        rule=row.rule,
        unit=row.unit,
        item=item if fingerprint is None else None,
        to=row.recipient,
        cc=tuple(row.cc),
        subject=subject,
        content=content,
        state=NoticeState(row.state),
        reason=row.state_reason,
        stored=row.id in waiting,
    )
