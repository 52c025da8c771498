"""The findings on which another finding stands: counts and joins over what a run has found.

A run writes them beside the finding's other facts, as entries of kind `violation` (key and fields
of the violation fact).  Findings of older runs have none: theirs are told from what the unit had
on file when the run looked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules.catalogue import KINDS
from rules.conditions import Value
from rules.facts import VIOLATION, Fact, violation_key
from supervision.domain.findings import State
from supervision.domain.periods import parse_period
from supervision.store import findings, provenance, runs
from supervision.store.session import Session
from supervision.store.tables import FindingRow, RunRow


@dataclass(frozen=True)
class Fellow:
    """A violation fact and the finding that it became.

    `stored` says that the run wrote it down; `stands` that the last run still saw it.
    """

    fact: Fact
    row: FindingRow | None
    stored: bool
    stands: bool

    @property
    def number(self) -> str | None:
        return self.row.number if self.row else None

    @property
    def note(self) -> str | None:
        return None if self.row else "对应的督查问题未入库"


def fellows_of(session: Session, finding: FindingRow, run: RunRow | None) -> list[Fellow]:
    """Return the violations that the run of a finding's facts could count for its unit."""
    last = runs.last_live(session, finding.plan)
    stored = [each for each in finding.facts["facts"] if each["kind"] == VIOLATION]
    if stored:
        facts = [_as_stored(each, finding.unit) for each in stored]
        rows = findings.by_fingerprint(session, finding.plan, (fact.key for fact in facts))
        return [
            Fellow(fact, rows.get(fact.key), True, _stands(rows.get(fact.key), last))
            for fact in facts
        ]
    run_id = run.id if run is not None and run.id is not None else finding.last_run
    return [
        Fellow(_as_fact(row), row, False, _stands(row, last))
        for row in provenance.seen_by(session, finding.plan, finding.unit, run_id)
        if row.fingerprint != finding.fingerprint
    ]


def _stands(row: FindingRow | None, last: RunRow | None) -> bool:
    if row is None:
        return True
    gone = (State.CLEARED.value, State.WAIVED.value, State.CLOSED.value)
    return row.state not in gone and (last is None or row.last_run == last.id)


def _as_stored(entry: Mapping[str, Any], unit: str) -> Fact:
    fields = dict(entry.get("fields") or entry)
    whole: dict[str, Value | None] = {name: fields.get(name) for name in KINDS[VIOLATION]}
    whole["unit"] = whole["unit"] or unit
    if whole["period_no"] is None:
        whole["period_no"] = _period_no(whole["period"])
    key = entry.get("key") or violation_key(str(whole["rule"]), (whole["requirement"],))
    return Fact(VIOLATION, str(key), whole)


def _as_fact(row: FindingRow) -> Fact:
    return Fact(
        VIOLATION,
        row.fingerprint,
        {
            "rule": row.rule,
            "severity": row.severity,
            "requirement": row.requirement,
            "clause": row.clause,
            "unit": row.unit,
            # as a run tells it: a match's own finding has no period
            "period": row.period if row.obligation else None,
            "period_no": _period_no(row.period) if row.obligation else None,
        },
    )


def _period_no(period: object) -> int | None:
    try:
        return parse_period(str(period)).number if period else None
    except ValueError:
        return None
