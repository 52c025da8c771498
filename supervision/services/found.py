"""A violated verdict in words: what is written down when a finding is opened or seen again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from notifications.render import Renderer
from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.facts import VIOLATION, Firing, violation_key
from rules.vocabulary import Level
from supervision.domain.findings import State
from supervision.domain.pack import Pack
from supervision.domain.reconciliation import Effect
from supervision.services.judge import Judged
from supervision.services.load_rules import params_on
from supervision.services.wording import FactInWords, Fields, message_context
from supervision.store.findings import NewFinding
from supervision.store.tables import FindingRow

Whole = Mapping[tuple[str, str], FactInWords]

TIME_AND_TERMS = frozenset(
    {
        "days_to_due",
        "days_overdue",
        "days_since_return",
        "due_passed",
        "due_on",
        "extended",
        "low",
        "high",
        "target",
        "gap",
        "shortfall",
        "excess",
        "attainment",
        "expected",
        "behind",
        "role",
        "unit_category",
        "late_node_limit",
    }
)
"""Fields that change with time, rule or plan alone; all others say what the unit has done."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding as people are shown it; `number` None while it is not stored."""

    number: str | None
    rule: str
    title: str
    clause: str | None
    unit: str
    requirement: str | None
    period: str | None
    severity: str
    state: str
    message: str
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True)
class Movement:
    """What a run did, or would do, to one finding; `number` None for one it opens."""

    effect: Effect
    number: str | None
    fingerprint: str
    was: State | None
    now: State
    severity_was: Level | None
    severity: Level


@dataclass(frozen=True)
class Found:
    """One violated verdict with its message, its facts and what it was measured by."""

    rule: CheckedRule
    firing: Firing
    obligation: str | None
    requirement: str | None
    period: str | None
    message: str
    remedy: str
    facts: list[dict[str, Any]]
    terms: Mapping[str, Any]
    view: str

    @property
    def fingerprint(self) -> str:
        return violation_key(self.firing.rule, self.firing.key)

    @property
    def severity(self) -> Level:
        assert self.firing.severity is not None  # the outcome of the rule is a finding
        return self.firing.severity

    def as_new(self, pack: Pack, *, ruleset: str, workday: int) -> NewFinding:
        """Return the finding to be opened on the working day with this number."""
        clause = next(
            (each for each in pack.plan.clauses if each.id == self.rule.rule.clause), None
        )
        return NewFinding(
            fingerprint=self.fingerprint,
            rule=self.firing.rule,
            rule_digest=self.rule.digest,
            ruleset=ruleset,
            title=self.rule.rule.title,
            clause=self.rule.rule.clause,
            clause_text=clause.text if clause else "",
            requirement=self.requirement,
            unit=self.firing.unit,
            period=self.period,
            obligation=self.obligation,
            per=self.firing.key,
            severity=self.severity,
            message=self.message,
            remedy=self.remedy,
            facts={"facts": self.facts},
            terms=self.terms,
            view=self.view,
            opened_workday=workday,
            rectify_within=self.rule.rule.rectify_within,
        )

    def as_problem(self, as_of: datetime) -> Problem:
        """Return what would be found, before anything is stored."""
        return Problem(
            number=None,
            rule=self.firing.rule,
            title=self.rule.rule.title,
            clause=self.rule.rule.clause,
            unit=self.firing.unit,
            requirement=self.requirement,
            period=self.period,
            severity=self.severity.value,
            state="detected",
            message=self.message,
            first_seen=as_of,
            last_seen=as_of,
        )


def facts_to_fetch(
    rules: Mapping[str, CheckedRule], firings: Iterable[Firing]
) -> dict[str, set[str]]:
    """Return the keys of the obligation facts that the firings stand on, by kind."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for firing in firings:
        kinds = [pattern.on for pattern in rules[firing.rule].patterns]
        for combination in firing.facts:
            for kind, key in zip(kinds, combination, strict=True):
                if kind in OBLIGATION_KINDS:
                    wanted[kind].add(key)
    return wanted


def violations_of(
    rules: Mapping[str, CheckedRule], judged: Judged, firings: Iterable[Firing]
) -> dict[tuple[str, str], FactInWords]:
    """Return the findings of this run that these firings stand on, as facts by (kind, key)."""
    chained = [
        firing
        for firing in firings
        if any(pattern.on == VIOLATION for pattern in rules[firing.rule].patterns)
    ]
    if not chained:
        return {}
    named = {key for firing in chained for held in firing.facts for key in held}
    found = {}
    for hit in judged.firings:
        key = violation_key(hit.rule, hit.key)
        if key in named and hit.severity is not None:
            rule = rules[hit.rule]
            kind = rule.patterns[0].on
            source = judged.found.get((kind, hit.facts[0][0])) if rule.single else None
            inherited = source.fact.fields if source is not None else {}
            found[VIOLATION, key] = FactInWords(
                VIOLATION,
                key,
                {
                    "rule": hit.rule,
                    "severity": hit.severity.value,
                    "requirement": inherited.get("requirement"),
                    "clause": rule.rule.clause,
                    "unit": hit.unit,
                    "period": inherited.get("period"),
                    "period_no": inherited.get("period_no"),
                },
            )
    return found


def put_in_words(
    rule: CheckedRule,
    firing: Firing,
    whole: Whole,
    hits: Whole,
    *,
    pack: Pack,
    as_of: datetime,
    originals: Mapping[str, date],
    renderer: Renderer,
    view: str,
) -> Found:
    """Return the firing as a finding.  RenderError where the message cannot be written.

    `whole` holds the facts with all fields, `hits` the findings that a finding on findings stands
    on, `originals` the due dates before any extension; `as_of` is in the plan's zone.
    """
    kinds = [pattern.on for pattern in rule.patterns]
    every = {
        place: fact
        for combination in firing.facts
        for place in zip(kinds, combination, strict=True)
        if (fact := whole.get(place) or hits.get(place)) is not None
    }
    # a message speaks of obligations only
    facts = [whole[at] for at in zip(kinds, firing.facts[0], strict=True) if at in whole]
    obligation = facts[0].key if rule.single and facts else None
    context = message_context(
        rule,
        facts,
        pack=pack,
        unit=firing.unit,
        as_of=as_of,
        original_due_on=originals.get(obligation or ""),
        combinations=len(firing.facts),
    )
    assert rule.rule.message is not None
    return Found(
        rule=rule,
        firing=firing,
        obligation=obligation,
        requirement=_text(facts[0].fields.get("requirement")) if obligation else None,
        period=_period(rule, firing, facts),
        message=renderer.sentence(rule.rule.message, context),
        remedy=renderer.sentence(rule.rule.remedy, context) if rule.rule.remedy else "",
        facts=[
            {"kind": fact.kind, "key": fact.key, "fields": dict(fact.fields)}
            for fact in every.values()
        ],
        terms=terms_of(rule, facts, pack, as_of.date()),
        view=view,
    )


def terms_of(
    rule: CheckedRule, facts: Sequence[FactInWords], pack: Pack, day: date
) -> dict[str, Any]:
    """Return what a verdict is measured by: the rule, its parameters, the band of the target."""
    values = params_on(pack.plan, day)
    terms: dict[str, Any] = {
        "rule": rule.digest,
        "params": {name: str(values[name]) for name in sorted(rule.params) if name in values},
    }
    for fact in facts:
        if fact.kind == "target":
            terms[fact.key] = [fact.fields[name] for name in ("low", "target", "high")]
    return terms


def deeds(fields: Fields) -> dict[str, Any]:
    """Return the fields that say what the unit has done."""
    return {name: value for name, value in fields.items() if name not in TIME_AND_TERMS}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _period(rule: CheckedRule, firing: Firing, facts: Sequence[FactInWords]) -> str | None:
    if rule.single:
        return _text(facts[0].fields.get("period")) if facts else None
    names = [each.name for each in rule.per]
    return _text(firing.key[names.index("period")]) if "period" in names else None


def problem_of(row: FindingRow) -> Problem:
    """Return a stored finding as people are shown it."""
    return Problem(
        number=row.number,
        rule=row.rule,
        title=row.title,
        clause=row.clause,
        unit=row.unit,
        requirement=row.requirement,
        period=row.period,
        severity=row.severity,
        state=row.state,
        message=row.message,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
    )
