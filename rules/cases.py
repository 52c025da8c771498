"""Cases beside the rules: facts of one unit at a fixed instant, and what each rule must say.

Every case goes through both engines, which must agree.  A case names every finding rule that is
violated: one that it does not name is a failure too, for nobody may be accused unseen; and if it
names notices, it names them all.  `rules.case_files` reads cases from YAML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias

from rules.agreement import differences
from rules.case_expectations import Expectation, Expected, ExpectedNotice, Place
from rules.case_filings import Filed
from rules.case_notices import Told, notice_failures
from rules.checked import CheckedRule
from rules.compiled import CompiledRules
from rules.conditions import Value, evaluate
from rules.coverage import CoverageCounter
from rules.facts import (
    VIOLATION,
    Fact,
    Firing,
    InferenceFailed,
    Key,
    UnitFacts,
    violation_key,
)
from rules.inference import infer
from rules.lowering import compile_rules
from rules.nodes import Fault
from rules.oracle import CannotJudge, Judgement, judge
from rules.vocabulary import Status

__all__ = [
    "Bench",
    "CannotRender",
    "Case",
    "CaseResult",
    "Expectation",
    "Expected",
    "Happening",
    "Judged",
    "Place",
    "check_case",
    "compared",
    "happening_of",
    "notice_firings",
    "run_cases",
    "verdict_of",
]


@dataclass(frozen=True)
class Case:
    """One unit's facts at an instant, or what it filed until then.

    waived     findings (rule, key) that a person waived
    notices    None: not looked at
    filed      what was filed, reviewed and extended; None for a case of facts
    confirmed  False for a draft: it is run, and counts for nothing until its author confirms it
    """

    name: str
    place: Place
    as_of: datetime
    unit: str
    facts: tuple[Fact, ...]
    expect: tuple[Expectation, ...]
    waived: frozenset[tuple[str, Key]] = frozenset()
    original_due_on: date | None = None
    notices: tuple[ExpectedNotice, ...] | None = None
    filed: Filed | None = None
    confirmed: bool = True


@dataclass(frozen=True)
class Happening:
    """What a message is to be written about: the first combination of facts of a finding."""

    case: Case
    facts: tuple[Fact, ...]
    combinations: int
    key: Key = ()


class CannotRender(Exception):
    """A message could not be written: the finding would be broken."""


Render: TypeAlias = Callable[[CheckedRule, Happening], str]
Bind: TypeAlias = Callable[[date], Sequence[CheckedRule]]
Tell: TypeAlias = Callable[[Case, Mapping[str, CheckedRule], Sequence[Firing]], Sequence[Told]]
"""The notices that firings of notice rules lead to; raises CannotRender."""


@dataclass(frozen=True)
class CaseResult:
    """`failures` are sentences at their places; none means that the case passed."""

    case: Case
    failures: tuple[Fault, ...]

    @property
    def passed(self) -> bool:
        return not self.failures


def run_cases(
    cases: Iterable[Case],
    *,
    bind: Bind,
    render: Render,
    tell: Tell | None = None,
    counter: CoverageCounter | None = None,
) -> Iterator[CaseResult]:
    """Yield what came of each case of facts, in their order.

    bind     the rules with their parameters bound to a day's values
    render   a finding's message; raises CannotRender
    tell     the notices planned; without it those that a case expects are not looked at
    counter  is told which conditions the cases show

    Published rules are run, and those drafts that a case names.
    """
    bench = Bench(bind)
    for case in cases:
        yield check_case(case, bench, render=render, tell=tell, counter=counter)


def check_case(
    case: Case,
    bench: Bench,
    *,
    render: Render,
    tell: Tell | None = None,
    counter: CoverageCounter | None = None,
) -> CaseResult:
    """Return what came of one case; see `run_cases`."""
    return compared(case, bench.judge(case), render=render, tell=tell, counter=counter)


def compared(
    case: Case,
    judged: Judged,
    *,
    render: Render,
    tell: Tell | None = None,
    counter: CoverageCounter | None = None,
) -> CaseResult:
    """Return what came of a case that was judged; see `run_cases`."""
    if counter is not None and case.confirmed:
        counter.look(judged.rules.values(), judged.facts)
    return CaseResult(case, tuple(_failures(case, judged, render, tell)))


@dataclass(frozen=True)
class Judged:
    """What both engines say of a case.

    rules       that were run, by id
    judgements  the oracle's, by rule
    facts       of the case, and the findings of the run
    faults      an engine that failed, or engines that disagree
    """

    rules: Mapping[str, CheckedRule] = field(default_factory=dict)
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()
    faults: tuple[Fault, ...] = ()

    def firings(self, rule: str, of: Key | None = None) -> list[Firing]:
        """Return the firings of a rule, or the one of a finding."""
        return [
            firing
            for firing in self.judgements[rule].firings
            if firing.rule == rule and of in (None, firing.key)
        ]


@dataclass(frozen=True)
class _Pass:
    rules: Sequence[CheckedRule]
    compiled: CompiledRules


class Bench:
    """The rules bound and compiled, once for each day and choice of drafts."""

    def __init__(self, bind: Bind) -> None:
        self._bind = bind
        self._bound: dict[date, Sequence[CheckedRule]] = {}
        self._passes: dict[tuple[date, frozenset[str]], tuple[_Pass, _Pass]] = {}

    def bound(self, day: date) -> Sequence[CheckedRule]:
        """Return all rules with the parameters of a day."""
        if day not in self._bound:
            self._bound[day] = self._bind(day)
        return self._bound[day]

    def judge(self, case: Case) -> Judged:
        """Return what durable_rules and the oracle say of a case."""
        unit = UnitFacts(case.unit, case.facts, case.waived)
        rules: dict[str, CheckedRule] = {}
        judgements: dict[str, Judgement] = {}
        faults: list[Fault] = []
        facts = case.facts
        for each_pass in self._passes_of(case):
            try:
                fired = infer(each_pass.compiled, [unit])
                judgement = judge(each_pass.rules, unit)
            except (InferenceFailed, CannotJudge) as error:
                return Judged(faults=(case.place.fault(f"{case.name}: {error}"),))
            for text in differences({"durable_rules": fired, "oracle": judgement.firings}):
                faults.append(case.place.fault(f"{case.name}: the engines disagree: {text}"))
            rules.update((rule.rule.id, rule) for rule in each_pass.rules)
            judgements.update((rule.rule.id, judgement) for rule in each_pass.rules)
            facts = (*facts, *_found(rules, judgement.firings, unit))
        return Judged(rules, judgements, facts, tuple(faults))

    def _passes_of(self, case: Case) -> tuple[_Pass, _Pass]:
        """Return the rules of findings, and those of reminders and escalations."""
        day, named = case.as_of.date(), {each.rule for each in case.expect}
        bound = self.bound(day)
        drafts = frozenset(
            rule.rule.id
            for rule in bound
            if rule.rule.status is Status.DRAFT and rule.rule.id in named
        )
        if (day, drafts) not in self._passes:
            chosen = [
                rule
                for rule in bound
                if rule.rule.status is Status.PUBLISHED or rule.rule.id in drafts
            ]
            first = [rule for rule in chosen if not rule.second_pass]
            second = [rule for rule in chosen if rule.second_pass]
            self._passes[day, drafts] = (
                _Pass(first, compile_rules(first)),
                _Pass(second, compile_rules(second)),
            )
        return self._passes[day, drafts]


def _found(
    rules: Mapping[str, CheckedRule], firings: Iterable[Firing], unit: UnitFacts
) -> Iterator[Fact]:
    """Yield the findings of a run as facts, for later rules of the same run."""
    by_key = {fact.key: fact for fact in unit.facts}
    for firing in firings:
        key = violation_key(firing.rule, firing.key)
        if firing.severity is None or key in by_key or (firing.rule, firing.key) in unit.waived:
            continue
        rule = rules[firing.rule]
        on = by_key.get(firing.facts[0][0]) if rule.single else None
        inherited: dict[str, Value | None] = {
            name: on.fields.get(name) if on is not None else None
            for name in ("requirement", "period", "period_no")
        }
        severity, clause = firing.severity.value, rule.rule.clause
        named = {"rule": firing.rule, "severity": severity, "clause": clause, "unit": unit.unit}
        yield Fact(VIOLATION, key, {**named, **inherited})


def _failures(case: Case, judged: Judged, render: Render, tell: Tell | None) -> Iterable[Fault]:
    yield from judged.faults
    if not judged.rules:
        return
    for each in case.expect:
        if each.rule not in judged.rules:
            text = f"{each.rule} is not run: deprecated, or a parameter of it has no value that day"
            yield each.place.fault(f"{case.name}: {text}")
            continue
        yield from _unmet(case, each, judged, render)
    named = {each.rule for each in case.expect}
    for name, rule in judged.rules.items():
        firings = judged.firings(name)
        if firings and name not in named and not rule.second_pass:
            keys = ", ".join(_written(firing.key) for firing in firings)
            text = f"{name} is violated too ({keys}), and 'expect' does not say so"
            yield case.place.fault(f"{case.name}: {text}")
    if case.notices is not None and tell is not None:
        yield from _unmet_notices(case, case.notices, judged, tell)


def notice_firings(judged: Judged) -> list[Firing]:
    """Return the firings of the rules whose outcome is a notice."""
    return [
        firing
        for name, rule in judged.rules.items()
        if rule.rule.notice is not None
        for firing in judged.firings(name)
    ]


def _unmet_notices(
    case: Case, notices: Sequence[ExpectedNotice], judged: Judged, tell: Tell
) -> Iterator[Fault]:
    try:
        told = tell(case, judged.rules, notice_firings(judged))
    except CannotRender as error:
        yield case.place.fault(f"{case.name}: a notice cannot be written: {error}")
        return
    for fault in notice_failures(notices, told, case.place):
        yield Fault(fault.file, fault.line, fault.column, f"{case.name}: {fault.text}")


def _unmet(case: Case, each: Expectation, judged: Judged, render: Render) -> Iterable[Fault]:
    def fault(text: str) -> Fault:
        return each.place.fault(f"{case.name}: {each.rule}: {text}")

    rule = judged.rules[each.rule]
    found = verdict_of(rule, judged, case, each.of)
    if found is not each.verdict:
        about = "" if each.of is None else f" of {_written(each.of)}"
        yield fault(f"expected {each.verdict}{about}, found {found}")
        return
    firings = judged.firings(each.rule, each.of)
    if not each.verdict.positive or rule.second_pass:
        return
    if len(firings) > 1 and (each.severity or each.message):
        keys = ", ".join(_written(firing.key) for firing in firings)
        yield fault(f"is violated {len(firings)} times; say with 'of' which is meant: {keys}")
        return
    for firing in firings:
        if each.severity is not None and firing.severity is not each.severity:
            yield fault(f"expected severity {each.severity}, found {firing.severity}")
        try:
            message = render(rule, happening_of(case, firing))
        except CannotRender as error:
            yield fault(f"the message cannot be written: {error}")
            continue
        if each.message is not None and message != each.message:
            yield fault(f"expected the message\n  {each.message}\nfound\n  {message}")


def verdict_of(rule: CheckedRule, judged: Judged, case: Case, of: Key | None = None) -> Expected:
    """Return what a rule says of a case: the worst of its verdicts, `none` outside its scope."""
    name, second = rule.rule.id, rule.second_pass
    if judged.firings(name, of):
        return Expected.FIRES if second else Expected.VIOLATED
    undecided = judged.judgements[name].undecided
    if any(each == name and of in (None, key) for each, key in undecided):
        return Expected.UNDECIDED
    if _applies(rule, case, of):
        return Expected.QUIET if second else Expected.SATISFIED
    return Expected.NONE


def _applies(rule: CheckedRule, case: Case, of: Key | None) -> bool:
    anchor = rule.patterns[rule.anchor].on
    if anchor == VIOLATION and not rule.single:
        return True  # what a run finds of a unit can be counted for every unit
    for fact in case.facts:
        if fact.kind != anchor or evaluate(rule.scope, fact.fields) is False:
            continue
        key: Key = (fact.key,)
        if not rule.single:
            key = tuple(
                case.unit if field.name == "unit" else fact.fields[field.name] for field in rule.per
            )
        if of in (None, key):
            return True
    return False


def happening_of(case: Case, firing: Firing) -> Happening:
    """Return what the message of a finding is written about."""
    by_key: Mapping[str, Fact] = {fact.key: fact for fact in case.facts}
    facts = tuple(by_key[key] for key in firing.facts[0] if key in by_key)
    return Happening(case, facts, len(firing.facts), firing.key)


def _written(key: Key) -> str:
    return "/".join("unknown" if part is None else str(part) for part in key)
