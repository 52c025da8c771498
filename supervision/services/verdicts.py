"""From firings to verdicts: what was seen, in which words, and the counts of each rule."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from notifications.errors import RenderError
from notifications.render import Renderer
from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.facts import Firing, violation_key
from rules.vocabulary import Review
from supervision.domain.findings import STANDING
from supervision.domain.reconciliation import Seen, Verdict
from supervision.services.found import (
    Found,
    Whole,
    deeds,
    facts_to_fetch,
    put_in_words,
    terms_of,
    violations_of,
)
from supervision.services.judge import Judged, RuleGroup, Tally
from supervision.services.sources import FactsAt
from supervision.services.wording import FactInWords
from supervision.store import findings, plans
from supervision.store.findings import OnFile
from supervision.store.registers import StoredUnits
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
    """What a run saw in a part of the facts, by fingerprint.

    seen    violated, undecided or broken
    firings what the violated ones are
    views   what their words would be made of
    broken  (rule, what is wrong) of those whose message cannot be written
    """

    seen: dict[str, Seen] = field(default_factory=dict)
    firings: dict[str, Firing] = field(default_factory=dict)
    views: dict[str, str] = field(default_factory=dict)
    broken: list[tuple[str, str]] = field(default_factory=list)


def sight(group: RuleGroup, judged: Judged, facts: FactsAt, news: Mapping[str, object]) -> Sighting:
    """Return what was seen of each fingerprint; nothing is put in words yet.

    `news` tells of each unit the last that was filed and decided, as far as it bears on its facts.
    """
    sighting = Sighting()
    when = (facts.adopted.ruleset, facts.adopted.version, facts.today.isoformat())
    levels = {violation_key(each.rule, each.key): each.severity for each in judged.firings}
    for firing in judged.firings:
        rule = group.by_id[firing.rule]
        fingerprint = violation_key(firing.rule, firing.key)
        automatic = rule.rule.review is Review.AUTOMATIC
        sighting.seen[fingerprint] = Seen(Verdict.VIOLATED, firing.severity, automatic)
        sighting.firings[fingerprint] = firing
        said = _said(rule, firing, judged, group.named)
        hits = [levels.get(key) for combination in firing.facts for key in combination]
        seen = (*when, news.get(firing.unit), said, hits)
        sighting.views[fingerprint] = _view(rule, firing, seen)
    for rule_id, keys in judged.undecided.items():
        for key in keys:
            sighting.seen[violation_key(rule_id, key)] = Seen(Verdict.UNDECIDED)
    return sighting


def _view(rule: CheckedRule, firing: Firing, seen: tuple[object, ...]) -> str:
    """Return a digest of all that a finding's words are made of: it changes when they may."""
    whole = repr((rule.digest, firing.severity, firing.facts, seen))
    return hashlib.blake2b(whole.encode(), digest_size=12).hexdigest()


def _said(
    rule: CheckedRule, firing: Firing, judged: Judged, named: Mapping[str, tuple[str, ...]]
) -> list[object]:
    """Return what the facts of a firing say, as far as the rule asks."""
    kinds = [pattern.on for pattern in rule.patterns]
    found = [
        candidate.fact.fields
        for combination in firing.facts
        for place in zip(kinds, combination, strict=True)
        if (candidate := judged.found.get(place)) is not None
    ]
    if firing.rule not in named:
        return [tuple(fields.items()) for fields in found]
    return [
        [*(fields[name] for name in named[firing.rule]), fields.get("due_on")] for fields in found
    ]


class Words:
    """Puts firings in words, their facts fetched for many at once."""

    def __init__(
        self, session: Session, group: RuleGroup, facts: FactsAt, renderer: Renderer
    ) -> None:
        self._session, self._group, self._facts = session, group, facts
        self._renderer = renderer
        self._local: datetime = facts.as_of.astimezone(facts.adopted.zone)

    def of(
        self, fingerprints: Collection[str], sighting: Sighting, judged: Judged
    ) -> dict[str, Found]:
        """Return these findings in words; what cannot be written is noted as broken."""
        firings = {each: sighting.firings[each] for each in fingerprints}
        pack = self._facts.adopted.pack
        if isinstance(pack.units, StoredUnits):
            pack.units.read({firing.unit for firing in firings.values()})
        whole: dict[tuple[str, str], FactInWords] = {
            (kind, key): fact
            for kind, keys in facts_to_fetch(self._group.by_id, firings.values()).items()
            for key, fact in self._facts.whole(self._session, kind, keys).items()
        }
        owed = plans.original_due_dates(self._session, pack.plan.plan, (key for _, key in whole))
        hits = violations_of(self._group.by_id, judged, firings.values())
        found: dict[str, Found] = {}
        for fingerprint, firing in firings.items():
            try:
                found[fingerprint] = put_in_words(
                    self._group.by_id[firing.rule],
                    firing,
                    whole,
                    hits,
                    pack=pack,
                    as_of=self._local,
                    originals=owed,
                    renderer=self._renderer,
                    view=sighting.views[fingerprint],
                )
            except RenderError as error:
                sighting.seen[fingerprint] = Seen(Verdict.BROKEN)
                sighting.broken.append((firing.rule, f"{fingerprint}: {error}"))
        return found


def unproven(
    session: Session,
    group: RuleGroup,
    facts: FactsAt,
    on_file: Mapping[str, OnFile],
    seen: Mapping[str, Seen],
) -> set[str]:
    """Return findings no longer violated only because the rule, a parameter or band changed.

    A confirmed finding keeps what it was measured by: a tolerance that is widened afterwards is no
    rectification, nor is a rule that is withdrawn or a duty that the plan no longer asks for.
    """
    doubtful = [
        fingerprint
        for fingerprint, each in on_file.items()
        if each.standing.state in STANDING and fingerprint not in seen
    ]
    rows = findings.by_fingerprint(session, facts.adopted.code, doubtful)
    wanted: dict[str, set[str]] = defaultdict(set)
    for row in rows.values():
        for each in row.facts["facts"]:
            if each["kind"] in OBLIGATION_KINDS:
                wanted[each["kind"]].add(each["key"])
    now = {
        (kind, key): fact
        for kind, keys in wanted.items()
        for key, fact in facts.whole(session, kind, keys).items()
    }
    return {
        fingerprint
        for fingerprint, row in rows.items()
        if _only_terms_changed(row, group.by_id.get(row.rule), facts, now)
    }


def _only_terms_changed(
    row: FindingRow, rule: CheckedRule | None, facts: FactsAt, known: Whole
) -> bool:
    then = [each for each in row.facts["facts"] if each["kind"] in OBLIGATION_KINDS]
    there = [known[at] for each in then if (at := (each["kind"], each["key"])) in known]
    if rule is None or len(there) < len(then):
        return True
    terms = terms_of(rule, there[: len(rule.patterns)], facts.adopted.pack, facts.today)
    if terms == dict(row.terms):
        return False
    return all(
        deeds(fact.fields) == deeds(each["fields"]) for each, fact in zip(then, there, strict=True)
    )


def count_verdicts(
    rules: Sequence[CheckedRule],
    tally: Tally,
    applicable: Mapping[str, int],
    *,
    waived: Mapping[str, int] | None = None,
    broken: Sequence[tuple[str, str]] = (),
) -> list[RuleVerdicts]:
    """Return the five counts of each rule, in the rules' order."""
    unwritten = Counter(rule for rule, _ in broken)
    waived = waived or {}
    found = []
    for rule in rules:
        name = rule.rule.id
        violated, undecided = tally.violated[name], tally.undecided[name]
        found.append(
            RuleVerdicts(
                rule=name,
                title=rule.rule.title,
                outcome=_outcome(rule),
                applicable=applicable[name],
                satisfied=applicable[name] - violated - undecided,
                violated=violated - waived.get(name, 0) - unwritten[name],
                undecided=undecided,
                waived=waived.get(name, 0),
                broken=unwritten[name],
                missing=dict(tally.missing[name]),
            )
        )
    return found


def _outcome(rule: CheckedRule) -> str:
    if rule.rule.notice is not None:
        return "notice"
    return "finding" if rule.rule.escalate is None else "escalation"
