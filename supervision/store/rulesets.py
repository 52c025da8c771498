"""Stored rulesets by their revision, and the version of the plan that they came with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session, col, select

from supervision.domain.plan import Plan
from supervision.errors import NotFound
from supervision.store.plans import choose_plan
from supervision.store.tables import PlanRow, RulesetRow

ACTIVE = "active"
SHORTEST = 7

_REVISION = re.compile(r"[0-9a-f]{7,64}\Z")


@dataclass(frozen=True)
class StoredRuleset:
    """The rule files of a revision, and the plan of the latest version that used them."""

    revision: str
    files: Mapping[str, str]
    plan: Plan
    version: int


def is_revision(text: str) -> bool:
    """Return whether a text can name a stored ruleset: `active`, or at least 7 hex digits."""
    return text == ACTIVE or _REVISION.match(text.lower()) is not None


def stored_ruleset(session: Session, name: str, plan: str | None) -> StoredRuleset:
    """Return the ruleset with this revision, which may be abbreviated, or the `active` one.

    `plan` says whose, where several plans are adopted.  NotFound where there is none or the
    abbreviation fits several.
    """
    if name == ACTIVE:
        code = choose_plan(session, plan)
        current = select(PlanRow).where(PlanRow.plan == code)
        row = session.exec(current.order_by(col(PlanRow.version).desc())).first()
        assert row is not None  # `choose_plan` knows adopted plans only
        return _stored(session, row)
    known = select(PlanRow).order_by(col(PlanRow.recorded_at).desc(), col(PlanRow.id).desc())
    if plan is not None:
        known = known.where(PlanRow.plan == choose_plan(session, plan))
    fitting = session.exec(known.where(col(PlanRow.ruleset).startswith(name.lower()))).all()
    revisions = sorted({row.ruleset for row in fitting})
    if not revisions:
        of_plan = f" of plan '{plan}'" if plan is not None else ""
        raise NotFound(f"no stored ruleset{of_plan} has a revision that begins with '{name}'")
    if len(revisions) > 1:
        listed = ", ".join(each[: len(name) + 4] for each in revisions)
        raise NotFound(f"'{name}' fits several rulesets ({listed}); write more of the revision")
    return _stored(session, fitting[0])


def _stored(session: Session, row: PlanRow) -> StoredRuleset:
    ruleset = session.get(RulesetRow, row.ruleset)
    assert ruleset is not None  # a foreign key
    plan = Plan.model_validate(row.document["plan"])
    return StoredRuleset(row.ruleset, ruleset.files, plan, row.version)
