"""Bring the findings on file to what a run has seen, a stretch of units at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifications.render import Renderer
from rules.facts import Firing
from supervision.domain.findings import OPEN, State
from supervision.domain.reconciliation import Change, Effect, Verdict, reconcile
from supervision.services.found import Found, Movement
from supervision.services.judge import Judged, RuleGroup
from supervision.services.sources import FactsAt
from supervision.services.verdicts import Sighting, Words, unproven
from supervision.store import findings
from supervision.store.findings import OnFile
from supervision.store.session import Session
from supervision.store.tables import RunRow


@dataclass(frozen=True)
class Settled:
    """What changed in a stretch, by fingerprint; `found` are those that were put in words."""

    changes: list[Change]
    firings: Mapping[str, Firing]
    found: Mapping[str, Found]
    broken: list[tuple[str, str]]


class Settler:
    """Reconciles, words and stores."""

    def __init__(
        self, session: Session, group: RuleGroup, facts: FactsAt, renderer: Renderer
    ) -> None:
        self._session, self._group, self._facts = session, group, facts
        self._words = Words(session, group, facts, renderer)

    def settle(
        self,
        sighting: Sighting,
        judged: Judged,
        on_file: Mapping[str, OnFile],
        *,
        run: RunRow | None,
    ) -> Settled:
        """Return what changes; it is written down unless `run` is None.

        A finding is put in words when it opens, and anew while nobody has confirmed it and what its
        words are made of has changed.  One whose words cannot be written is left as it stands.
        """
        standing = {fingerprint: each.standing for fingerprint, each in on_file.items()}
        doubtful = unproven(self._session, self._group, self._facts, on_file, sighting.seen)

        def changes_now() -> list[Change]:
            return reconcile(
                standing,
                sighting.seen,
                unproven=doubtful,
                today=self._facts.today,
                now=self._facts.as_of,
            )

        changes = changes_now()
        unsaid = [each.fingerprint for each in changes if _needs_words(each, on_file, sighting)]
        found = self._words.of(unsaid, sighting, judged)
        if sighting.broken:
            changes = changes_now()
        settled = Settled(changes, sighting.firings, found, sighting.broken)
        if run is not None:
            self._store(settled, on_file, run)
        return settled

    def _store(self, settled: Settled, on_file: Mapping[str, OnFile], run: RunRow) -> None:
        session, plan = self._session, self._facts.adopted
        opening = [each for each in settled.changes if each.effect is Effect.OPENED]
        others = [each for each in settled.changes if each.effect is not Effect.OPENED]
        findings.save_new(
            session,
            plan.code,
            plan.pack.plan.year,
            run,
            [
                (
                    settled.found[each.fingerprint].as_new(
                        plan.pack, ruleset=run.ruleset, workday=self._facts.workday
                    ),
                    each.transitions,
                )
                for each in opening
            ],
        )
        seen = [
            each
            for each in settled.changes
            if each.fingerprint in on_file and each.reported is Verdict.VIOLATED
        ]
        self._bring_up_to_date(seen, settled, on_file, run)
        findings.save_transitions(
            session,
            plan.code,
            [step for each in others for step in each.transitions],
            run.id,
        )
        findings.touch(session, run, [on_file[each.fingerprint].id for each in seen])
        session.expire_all()

    def _bring_up_to_date(
        self,
        seen: list[Change],
        settled: Settled,
        on_file: Mapping[str, OnFile],
        run: RunRow,
    ) -> None:
        """A finding nobody has confirmed follows the facts; a confirmed one keeps its own."""
        graver = {
            each.fingerprint
            for each in seen
            if each.severity is not None
            and each.severity.rank > on_file[each.fingerprint].standing.severity.rank
        }
        moving = graver | {each.fingerprint for each in seen if each.fingerprint in settled.found}
        rows = findings.by_fingerprint(self._session, self._facts.adopted.code, moving)
        for change in seen:
            row = rows.get(change.fingerprint)
            if row is None:
                continue
            found = settled.found.get(change.fingerprint)
            if change.effect is Effect.REOPENED:
                row.opened_workday = self._facts.workday
            if found is not None and (
                change.effect is Effect.REOPENED or State(row.state) is State.DETECTED
            ):
                row.severity = found.severity.value
                row.message, row.remedy = found.message, found.remedy
                row.facts, row.terms = {"facts": found.facts}, dict(found.terms)
                row.view = found.view
                row.rule_digest, row.ruleset = found.rule.digest, run.ruleset
                row.title = found.rule.rule.title
                row.rectify_within = found.rule.rule.rectify_within
            elif State(row.state) in OPEN and change.fingerprint in graver:
                assert change.severity is not None
                row.severity = change.severity.value
            self._session.add(row)
        self._session.flush()


def movements_of(settled: Settled, on_file: Mapping[str, OnFile]) -> list[Movement]:
    """Return what opens, closes, or changes its severity or state."""
    found = []
    for change in settled.changes:
        there = on_file.get(change.fingerprint)
        was = there.standing if there is not None else None
        state = change.transitions[-1].new if change.transitions else was.state if was else None
        said = settled.found.get(change.fingerprint)
        severity = said.severity if said is not None else was.severity if was else None
        if severity is None or state is None:
            continue
        if change.severity is not None and severity.rank < change.severity.rank:
            severity = change.severity
        if was is not None and (was.state, was.severity) == (state, severity):
            continue
        found.append(
            Movement(
                effect=change.effect,
                number=there.number if there is not None else None,
                fingerprint=change.fingerprint,
                was=was.state if was is not None else None,
                now=state,
                severity_was=was.severity if was is not None else None,
                severity=severity,
            )
        )
    return found


def _needs_words(change: Change, on_file: Mapping[str, OnFile], sighting: Sighting) -> bool:
    if change.reported is not Verdict.VIOLATED:
        return False
    if change.effect in (Effect.OPENED, Effect.REOPENED):
        return True
    there = on_file[change.fingerprint]
    unconfirmed = there.standing.state is State.DETECTED
    return unconfirmed and there.view != sighting.views[change.fingerprint]
