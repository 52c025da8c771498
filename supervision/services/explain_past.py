"""What has become of a finding: the runs that saw it, who decided what, who was told."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from rules.field_names import CHOICES
from supervision.services.explain_models import HistoryPart, NoticePart, RunPart
from supervision.store import provenance
from supervision.store.session import Session
from supervision.store.tables import RunRow, TransitionRow


def run_part(run: RunRow | None, zone: ZoneInfo) -> RunPart | None:
    """Return a run, None where it is not on file."""
    if run is None or run.id is None:
        return None
    return RunPart(
        id=run.id,
        as_of=run.as_of.astimezone(zone),
        known_at=run.known_at.astimezone(zone),
        ruleset=run.ruleset,
    )


def step_part(step: TransitionRow, zone: ZoneInfo) -> HistoryPart:
    """Return one transition."""
    return HistoryPart(
        event=step.event,
        old=step.old,
        new=step.new,
        new_name=CHOICES[step.new],
        at=step.at.astimezone(zone),
        by=step.by,
        reason=step.reason,
        until=step.until,
        run=step.run_id,
    )


def notice_parts(
    session: Session, plan: str, items: Sequence[str], zone: ZoneInfo
) -> list[NoticePart]:
    """Return the notices about a finding and its obligations, oldest first."""
    found = []
    for row in provenance.notices_about(session, plan, list(items)):
        assert row.id is not None
        found.append(
            NoticePart(
                id=row.id,
                kind=row.kind,
                step=row.step,
                subject=row.subject,
                to=row.recipient,
                post=row.post,
                state=row.state,
                state_reason=row.state_reason,
                due_at=row.due_at.astimezone(zone),
                sent_at=row.sent_at.astimezone(zone) if row.sent_at else None,
            )
        )
    return found
