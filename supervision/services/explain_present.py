"""What a finding's facts are at another instant, and whether its rule would hold of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.facts import VIOLATION, Fact, Key, UnitFacts
from rules.oracle import judge, verdict
from supervision.domain.workdays import CalendarMissing
from supervision.errors import NotFound
from supervision.services.desk import Desk
from supervision.services.sources import FactsAt
from supervision.services.wording import FactInWords
from supervision.store import plans
from supervision.store.ledger_sql import Dialect
from supervision.store.session import Session


@dataclass(frozen=True)
class Present:
    """Facts by key as they are now; `holds` None is undecided or cannot be told (see `note`).

    `now` are the facts on which the rule was tried.
    """

    facts: Mapping[str, FactInWords] = field(default_factory=dict)
    now: tuple[Fact, ...] = ()
    holds: bool | None = None
    changed: int = 0
    note: str | None = None

    @property
    def text(self) -> str:
        if self.note is not None:
            return self.note
        if self.holds is None:
            return "规则是否成立无从判断（有的事实不详）"
        return "规则仍然成立" if self.holds else "规则不再成立"


def look_now(
    session: Session,
    desk: Desk,
    facts: Sequence[Fact],
    rule: CheckedRule | None,
    *,
    unit: str,
    key: Key,
    gone: frozenset[str],
    dialect: Dialect,
    at: datetime,
) -> Present:
    """Return the same facts at `at`; `gone` are violations that no longer stand.

    The rule is the one of then, its parameters too: what has changed is only what is the case.
    """
    keys: dict[str, list[str]] = defaultdict(list)
    for fact in facts:
        if fact.kind in OBLIGATION_KINDS:
            keys[fact.kind].append(fact.key)
    found: dict[str, FactInWords] = {}
    try:
        adopted = plans.in_force(session, desk.code, as_of=at, known_at=at)
        source = FactsAt(adopted, desk.calendar, at, at, dialect)
        for kind, wanted in keys.items():
            found |= source.whole(session, kind, wanted)
    except CalendarMissing as error:
        return Present(note=f"缺{error.year}年的工作日表，事实无从计算")
    except NotFound:
        return Present(note="该时刻工作安排尚未生效，没有可比的事实")
    if any(key not in found for wanted in keys.values() for key in wanted):
        return Present(found, note="所涉事项已不在该时刻的工作安排中")
    now = [
        Fact(fact.kind, fact.key, found[fact.key].fields if fact.key in found else fact.fields)
        for fact in facts
        if fact.kind != VIOLATION or fact.key not in gone
    ]
    changed = sum(
        1
        for fact in facts
        if fact.key in gone
        or (fact.key in found and dict(found[fact.key].fields) != dict(fact.fields))
    )
    if rule is None:
        return Present(found, changed=changed, note="规则已不能读取，是否成立无从判断")
    return Present(found, tuple(now), _holds(rule, now, unit, key), changed)


def _holds(rule: CheckedRule, facts: Sequence[Fact], unit: str, key: Key) -> bool | None:
    if rule.single:
        if not facts:
            return False
        told = verdict(rule, facts[0])
        return None if told == "undecided" else told == "violated"
    judged = judge([rule], UnitFacts(unit, tuple(facts)))
    if any(firing.key == key for firing in judged.firings):
        return True
    return None if any(undecided == key for _, undecided in judged.undecided) else False
