"""The whole way once: adopt a plan, load its sample filings, evaluate, issue the list, deliver."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from rules.loading import read_yaml, validate
from rules.nodes import Fault, Faults
from supervision.errors import Refused
from supervision.services.adopt_plan import Adoption, adopt_plan
from supervision.services.deliver import Delivery, Postman, deliver
from supervision.services.desk import Desk, open_desk
from supervision.services.evaluate import evaluate
from supervision.services.evaluation import Evaluation, Request, Tools
from supervision.services.issue_list import issue_list
from supervision.services.record_submission import Recorded, record_submissions
from supervision.services.submission_files import read_lines
from supervision.store import escalations, runs
from supervision.store.session import Database

ACTOR = "演示"


class _Scene(BaseModel):
    """sample/demo.yaml: which file of filings, and the instant to evaluate at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    submissions: str
    as_of: AwareDatetime


@dataclass(frozen=True)
class Demonstration:
    """What came of it; `again` says that all of it was there before."""

    adoption: Adoption
    recorded: Recorded
    evaluation: Evaluation
    document: dict[str, Any] | None
    delivery: Delivery
    desk: Desk
    again: bool


def demonstrate(
    database: Database,
    pack: Path,
    tools: Tools,
    postman: Postman,
    *,
    identity_key: bytes,
    now: datetime,
) -> Demonstration:
    """Carry the pack's sample through; a second time changes nothing."""
    scene = _read_scene(pack / "sample" / "demo.yaml")
    adoption = adopt_plan(database, pack, by=ACTOR, now=now)
    recorded = record_submissions(
        database,
        read_lines(pack / "sample" / scene.submissions),
        plan=adoption.plan,
        identity_key=identity_key,
        actor=ACTOR,
        now=now,
    )
    with database.reading() as session:
        last = runs.last_live(session, adoption.plan)
    again = (
        last is not None
        and adoption.unchanged
        and not recorded.versions
        and last.as_of >= scene.as_of
    )
    request = Request(plan=adoption.plan, as_of=scene.as_of, known_at=scene.as_of, dry_run=again)
    evaluation = evaluate(database, request, tools, by=ACTOR, now=now)
    delivery = Delivery()
    if not again:

        def send() -> Delivery:
            return deliver(
                database, postman, plan=adoption.plan, actor=ACTOR, at=scene.as_of, now=now
            )

        # the units are told first, so that the list says what was already done
        delivery = send()
        with suppress(Refused):  # nobody is to be listed: the demonstration says so
            issue_list(database, tools, plan=adoption.plan, by=ACTOR, at=scene.as_of, now=now)
            delivery = delivery.plus(send())
    with database.reading() as session:
        issued = escalations.last_list(session, adoption.plan)
        document = dict(issued.document) if issued else None
        desk = open_desk(session, adoption.plan)
    return Demonstration(adoption, recorded, evaluation, document, delivery, desk, again)


def _read_scene(path: Path) -> _Scene:
    faults: list[Fault] = []
    scene = validate(_Scene, read_yaml(path), faults)
    if scene is None:
        raise Faults(faults)
    return scene
