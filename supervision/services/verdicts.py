"""From firings to verdicts: what was seen, in which words, and the counts of each rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from notifications.errors import RenderError
from notifications.render import Renderer
from rules.checked import CheckedRule
from rules.facts import violation_key
from rules.vocabulary import Review
from supervision.domain.findings import STANDING
from supervision.domain.reconciliation import Change, Seen, Standing, Verdict
from supervision.services.found import (
    Found,
    Whole,
    deeds,
    facts_to_fetch,
    put_in_words,
    terms_of,
)
from supervision.services.judge import Judged
from supervision.services.sources import FactsAt
from supervision.store import findings, plans
from supervision.store.session import Session
from supervision.store.tables import FindingRow


@dataclass(frozen=True)
class RuleVerdicts:
    """The five verdict counts of one rule; `missing`: unknown fields that left it undecided."""

    rule: str
    title: str
    outcome: str
    applicable: int
    satisfied: int
    violated: int
    undecided: int
    waived: int
    broken: int
    missing: Mapping[str, int]


@dataclass
class Sighting:
    """What a run saw.

    found   by fingerprint: the violated verdicts in words
    seen    by fingerprint: violated, undecided or broken
    broken  (rule, what is wrong) of those whose message cannot be written
    """

    found: dict[str, Found] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    broken: list[tuple[str, str]] = field(default_factory=list)


def sight(
    session: Session,
    rules: Sequence[CheckedRule],
    judged: Judged,
    facts: FactsAt,
    renderer: Renderer,
) -> Sighting:
    """Return what was seen of each fingerprint, violated ones in words."""
    by_id = {rule.rule.id: rule for rule in rules}
    pack = facts.adopted.pack
    whole: Whole = {
        (kind, key): fact
        for kind, keys in facts_to_fetch(by_id, judged).items()
        for key, fact in facts.whole(session, kind, keys).items()
    }
    owed = plans.current_obligations(session, pack.plan.plan, (key for _, key in whole))
    originals = {key: row.due_on for key, row in owed.items()}
    local: datetime = facts.as_of.astimezone(facts.adopted.zone)
    sighting = Sighting()
    for firing in judged.firings:
        rule = by_id[firing.rule]
        fingerprint = violation_key(firing.rule, firing.key)
        try:
            sighting.found[fingerprint] = put_in_words(
                rule,
                firing,
                whole,
                pack=pack,
                as_of=local,
                originals=originals,
                renderer=renderer,
            )
        except RenderError as error:
            sighting.seen[fingerprint] = Seen(Verdict.BROKEN)
            sighting.broken.append((firing.rule, f"{fingerprint}: {error}"))
            continue
        automatic = rule.rule.review is Review.AUTOMATIC
        sighting.seen[fingerprint] = Seen(Verdict.VIOLATED, firing.severity, automatic)
    for rule_id, keys in judged.undecided.items():
        for key in keys:
            sighting.seen[violation_key(rule_id, key)] = Seen(Verdict.UNDECIDED)
    return sighting


def unproven(
    session: Session,
    rules: Sequence[CheckedRule],
    facts: FactsAt,
    on_file: Mapping[str, Standing],
    seen: Mapping[str, Seen],
) -> set[str]:
    """Return findings no longer violated only because the rule, a parameter or band changed.

    A confirmed finding keeps what it was measured by: a tolerance that is widened afterwards is no
    rectification, nor is a rule that is withdrawn or a duty that the plan no longer asks for.
    """
    doubtful = [
        fingerprint
        for fingerprint, each in on_file.items()
        if each.state in STANDING and fingerprint not in seen
    ]
    by_id = {rule.rule.id: rule for rule in rules}
    rows = findings.by_fingerprint(session, facts.adopted.code, doubtful)
    return {
        fingerprint
        for fingerprint, row in rows.items()
        if _only_terms_changed(session, row, by_id.get(row.rule), facts)
    }


def _only_terms_changed(
    session: Session, row: FindingRow, rule: CheckedRule | None, facts: FactsAt
) -> bool:
    then = row.facts["facts"]
    now = [facts.whole(session, each["kind"], [each["key"]]).get(each["key"]) for each in then]
    there = [fact for fact in now if fact is not None]
    if rule is None or len(there) < len(now):
        return True
    terms = terms_of(rule, there[: len(rule.patterns)], facts.adopted.pack, facts.today)
    if terms == dict(row.terms):
        return False
    return all(
        deeds(fact.fields) == deeds(each["fields"]) for each, fact in zip(then, there, strict=True)
    )


def count_verdicts(
    rules: Sequence[CheckedRule],
    judged: Judged,
    *,
    changes: Sequence[Change] = (),
    broken: Sequence[tuple[str, str]] = (),
) -> list[RuleVerdicts]:
    """Return the five counts of each rule, in the rules' order."""
    waived_now = {each.fingerprint for each in changes if each.reported is Verdict.WAIVED}
    waived = Counter(
        firing.rule
        for firing in judged.firings
        if violation_key(firing.rule, firing.key) in waived_now
    )
    unwritten = Counter(rule for rule, _ in broken)
    violated = Counter(firing.rule for firing in judged.firings)
    return [
        RuleVerdicts(
            rule=name,
            title=rule.rule.title,
            outcome=_outcome(rule),
            applicable=judged.counts[name].applicable,
            satisfied=judged.counts[name].satisfied,
            violated=violated[name] - waived[name] - unwritten[name],
            undecided=len(judged.undecided.get(name, {})),
            waived=waived[name],
            broken=unwritten[name],
            missing=judged.missing(name),
        )
        for rule in rules
        for name in [rule.rule.id]
    ]


def _outcome(rule: CheckedRule) -> str:
    if rule.rule.notice is not None:
        return "notice"
    return "finding" if rule.rule.escalate is None else "escalation"
