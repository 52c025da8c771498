"""What an evaluation is asked, what it works with, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time

from notifications.render import Renderer
from supervision.domain.runs import Mode, RunStatus
from supervision.services.found import Movement, Problem
from supervision.services.judge import Inference
from supervision.services.rulesets import Rulesets
from supervision.services.verdicts import RuleVerdicts


@dataclass(frozen=True)
class Request:
    """What to evaluate.

    `units` None means all; `slot` is the scheduled moment it serves; `pack_revision` names an older
    version of the pack to judge by, which only looks: nothing moves.
    """

    plan: str | None = None
    as_of: datetime | None = None
    known_at: datetime | None = None
    units: tuple[str, ...] | None = None
    dry_run: bool = False
    slot: tuple[str, datetime] | None = None
    pack_revision: str | None = None


@dataclass(frozen=True)
class Tools:
    """What an evaluation works with besides the database."""

    inference: Inference
    renderer: Renderer
    rulesets: Rulesets
    opens: time
    closes: time
    mail_domain: str
    max_findings: int
    max_notices: int


@dataclass
class Evaluation:
    """What a run did, and the proof that it omitted nothing.

    `problems` are the open findings it saw, the gravest first; `movements` are told of a dry run;
    `version` is that of the plan whose documents and rules it judged by.
    """

    run_id: int | None
    plan: str
    as_of: datetime
    known_at: datetime
    ruleset: str
    mode: Mode
    version: int = 0
    status: RunStatus = RunStatus.COMPLETED
    cause: str = ""
    obligations: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    rules: list[RuleVerdicts] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    spent: dict[str, float] = field(default_factory=dict)
