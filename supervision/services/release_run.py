"""A run that would have sent more than its ceiling is released, or its notices withdrawn."""

from __future__ import annotations

from datetime import datetime

from supervision.domain.notices import NoticeState, Silence
from supervision.domain.runs import RunStatus
from supervision.errors import NotFound, Refused
from supervision.services.desk import open_desk
from supervision.services.evaluation import Tools
from supervision.services.plan_notices import enclose
from supervision.store import journal, outbox
from supervision.store import runs as run_store
from supervision.store.session import Database


def release_run(
    database: Database,
    run_id: int,
    tools: Tools,
    *,
    plan: str | None,
    by: str,
    reason: str,
    withdraw: bool,
    now: datetime,
) -> int:
    """Send what a held run wrote, or withdraw it; return how many notices that were."""
    with database.transaction() as session:
        desk = open_desk(session, plan)
        run = run_store.find(session, run_id)
        if run is None or run.plan != desk.code:
            raise NotFound(f"no run {run_id} of plan '{desk.code}'")
        if run.status != RunStatus.HELD.value:
            raise Refused(f"run {run_id} is {run.status}, not held")
        held = outbox.held_by(session, run_id)
        hours = desk.hours(tools.opens, tools.closes)
        for row in held:
            if withdraw:
                row.state, row.state_reason = (
                    NoticeState.SILENCED.value,
                    Silence.WITHDRAWN.value,
                )
            else:
                row.state, row.state_reason = NoticeState.PLANNED.value, ""
                enclose(session, row, desk.adopted, hours=hours, mail_domain=tools.mail_domain)
            session.add(row)
        run.status = RunStatus.COMPLETED.value
        session.add(run)
        journal.append(
            session,
            actor=by,
            action="run withdrawn" if withdraw else "run released",
            subject=f"{desk.code} run {run_id}",
            data={"notices": len(held), "reason": reason},
            at=now,
        )
        return len(held)
