"""The versions of a plan that were adopted, to choose a revision from."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from rules.loading import parse_yaml
from rules.vocabulary import Status
from supervision.services.contract import VersionOut
from supervision.store import plans
from supervision.store.columns import FAR_FUTURE
from supervision.store.session import Session


def list_versions(session: Session, plan: str, zone: ZoneInfo) -> list[VersionOut]:
    """Return all versions of a plan, the first first; instants in its zone."""
    rows = plans.versions_of(session, plan)
    counted = {
        ruleset: _published(plans.ruleset_files(session, ruleset))
        for ruleset in dict.fromkeys(row.ruleset for row in rows)
    }
    return [
        VersionOut(
            version=row.version,
            revision=row.revision,
            pack_revision=row.ruleset,
            effective_from=row.effective_from.astimezone(zone),
            recorded_at=row.recorded_at.astimezone(zone),
            superseded_at=(
                None if row.superseded_at == FAR_FUTURE else row.superseded_at.astimezone(zone)
            ),
            adopted_by=row.adopted_by,
            rules=counted[row.ruleset],
        )
        for row in rows
    ]


def _published(files: Mapping[str, str]) -> int:
    """Return how many rules of stored files are in force; they were checked when adopted."""
    nodes = (parse_yaml(text, file=name).find("rules") for name, text in files.items())
    return sum(
        1
        for rules in nodes
        for rule in rules or ()
        if (rule.text("status") or Status.PUBLISHED) == Status.PUBLISHED
    )
