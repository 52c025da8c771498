"""Cases beside the rules: facts of one unit at a fixed instant, and what each rule must say.

Every case goes through both engines, which must agree.  A case names every finding rule that is
violated: one that it does not name is a failure too, for nobody may be accused unseen.
`rules.case_files` reads cases from YAML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TypeAlias

from rules.agreement import differences
from rules.checked import CheckedRule
from rules.compiled import CompiledRules
from rules.conditions import evaluate
from rules.facts import VIOLATION, Fact, Firing, InferenceFailed, Key, UnitFacts
from rules.inference import infer
from rules.lowering import compile_rules
from rules.nodes import Fault
from rules.oracle import CannotJudge, Judgement, judge
from rules.vocabulary import Level, Status


class Expected(StrEnum):
    """What a rule is to say; `fires` and `quiet` are for reminders and escalations."""

    VIOLATED = "violated"
    SATISFIED = "satisfied"
    FIRES = "fires"
    QUIET = "quiet"
    UNDECIDED = "undecided"
    NONE = "none"

    @property
    def positive(self) -> bool:
        return self in (Expected.VIOLATED, Expected.FIRES)

    @property
    def negative(self) -> bool:
        return self in (Expected.SATISFIED, Expected.QUIET)


@dataclass(frozen=True)
class Place:
    """Where in a file something is expected."""

    file: str
    line: int
    column: int

    def fault(self, text: str) -> Fault:
        return Fault(self.file, self.line, self.column, text)


@dataclass(frozen=True)
class Expectation:
    """What one rule must say of the case, or of the finding that `of` names (None: of all)."""

    rule: str
    verdict: Expected
    place: Place
    severity: Level | None = None
    message: str | None = None
    of: Key | None = None


@dataclass(frozen=True)
class Case:
    """One unit's facts at an instant; `waived` are findings (rule, key) that a person waived."""

    name: str
    place: Place
    as_of: datetime
    unit: str
    facts: tuple[Fact, ...]
    expect: tuple[Expectation, ...]
    waived: frozenset[tuple[str, Key]] = frozenset()
    original_due_on: date | None = None


@dataclass(frozen=True)
class Happening:
    """What a message is to be written about: the first combination of facts of a finding."""

    case: Case
    facts: tuple[Fact, ...]
    combinations: int


class CannotRender(Exception):
    """A message could not be written: the finding would be broken."""


Render: TypeAlias = Callable[[CheckedRule, Happening], str]
Bind: TypeAlias = Callable[[date], Sequence[CheckedRule]]


@dataclass(frozen=True)
class CaseResult:
    """`failures` are sentences at their places; none means that the case passed."""

    case: Case
    failures: tuple[Fault, ...]

    @property
    def passed(self) -> bool:
        return not self.failures


@dataclass(frozen=True)
class Untested:
    """A published rule that no case violates, or that none satisfies."""

    rule: str
    positive: bool
    negative: bool

    def __str__(self) -> str:
        lacking = [
            word
            for word, there in (("positive", self.positive), ("negative", self.negative))
            if not there
        ]
        return f"rule {self.rule} has no {' and no '.join(lacking)} case"


def untested(rules: Iterable[CheckedRule], cases: Iterable[Case]) -> tuple[Untested, ...]:
    """Return the published rules that lack a positive or a negative case, in their order."""
    expected = [each for case in cases for each in case.expect]
    positive = {each.rule for each in expected if each.verdict.positive}
    negative = {each.rule for each in expected if each.verdict.negative}
    return tuple(
        Untested(name, positive=name in positive, negative=name in negative)
        for rule in rules
        if rule.rule.status is Status.PUBLISHED
        for name in [rule.rule.id]
        if name not in positive or name not in negative
    )


def run_cases(cases: Iterable[Case], *, bind: Bind, render: Render) -> Iterator[CaseResult]:
    """Yield what came of each case, in their order.

    bind    the rules with their parameters bound to a day's values
    render  a finding's message; raises CannotRender

    Published rules are run, and those drafts that a case names.
    """
    bench = _Bench(bind)
    for case in cases:
        yield CaseResult(case, tuple(_failures(case, bench, render)))


@dataclass(frozen=True)
class _Pass:
    rules: Sequence[CheckedRule]
    compiled: CompiledRules


class _Bench:
    """The rules bound and compiled, once for each day and choice of drafts."""

    def __init__(self, bind: Bind) -> None:
        self._bind = bind
        self._bound: dict[date, Sequence[CheckedRule]] = {}
        self._passes: dict[tuple[date, frozenset[str]], tuple[_Pass, _Pass]] = {}

    def passes(self, case: Case) -> tuple[_Pass, _Pass]:
        """Return the rules of findings, and those of reminders and escalations."""
        day, named = case.as_of.date(), {each.rule for each in case.expect}
        if day not in self._bound:
            self._bound[day] = self._bind(day)
        drafts = frozenset(
            rule.rule.id
            for rule in self._bound[day]
            if rule.rule.status is Status.DRAFT and rule.rule.id in named
        )
        if (day, drafts) not in self._passes:
            chosen = [
                rule
                for rule in self._bound[day]
                if rule.rule.status is Status.PUBLISHED or rule.rule.id in drafts
            ]
            first = [rule for rule in chosen if not rule.second_pass]
            second = [rule for rule in chosen if rule.second_pass]
            self._passes[day, drafts] = (
                _Pass(first, compile_rules(first)),
                _Pass(second, compile_rules(second)),
            )
        return self._passes[day, drafts]


def _failures(case: Case, bench: _Bench, render: Render) -> Iterable[Fault]:
    unit = UnitFacts(case.unit, case.facts, case.waived)
    by_id: dict[str, CheckedRule] = {}
    judged: dict[str, Judgement] = {}
    for each_pass in bench.passes(case):
        try:
            fired = infer(each_pass.compiled, [unit])
            judgement = judge(each_pass.rules, unit)
        except (InferenceFailed, CannotJudge) as error:
            yield case.place.fault(f"{case.name}: {error}")
            return
        for text in differences({"durable_rules": fired, "oracle": judgement.firings}):
            yield case.place.fault(f"{case.name}: the engines disagree: {text}")
        by_id.update((rule.rule.id, rule) for rule in each_pass.rules)
        judged.update((rule.rule.id, judgement) for rule in each_pass.rules)
    for each in case.expect:
        if each.rule not in by_id:
            text = f"{each.rule} is not run: deprecated, or a parameter of it has no value that day"
            yield each.place.fault(f"{case.name}: {text}")
            continue
        yield from _unmet(case, each, by_id[each.rule], judged[each.rule], render)
    named = {each.rule for each in case.expect}
    for name, rule in by_id.items():
        firings = _of_rule(judged[name], rule, None)
        if firings and name not in named and not rule.second_pass:
            keys = ", ".join(_written(firing.key) for firing in firings)
            text = f"{name} is violated too ({keys}), and 'expect' does not say so"
            yield case.place.fault(f"{case.name}: {text}")


def _unmet(
    case: Case, each: Expectation, rule: CheckedRule, judgement: Judgement, render: Render
) -> Iterable[Fault]:
    def fault(text: str) -> Fault:
        return each.place.fault(f"{case.name}: {each.rule}: {text}")

    found = verdict_of(rule, judgement, case, each.of)
    if found is not each.verdict:
        about = "" if each.of is None else f" of {_written(each.of)}"
        yield fault(f"expected {each.verdict}{about}, found {found}")
        return
    firings = _of_rule(judgement, rule, each.of)
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
            message = render(rule, _happening(case, firing))
        except CannotRender as error:
            yield fault(f"the message cannot be written: {error}")
            continue
        if each.message is not None and message != each.message:
            yield fault(f"expected the message\n  {each.message}\nfound\n  {message}")


def verdict_of(rule: CheckedRule, judgement: Judgement, case: Case, of: Key | None) -> Expected:
    """Return what a rule says of a case: the worst of its verdicts, `none` outside its scope."""
    name, second = rule.rule.id, rule.second_pass
    if _of_rule(judgement, rule, of):
        return Expected.FIRES if second else Expected.VIOLATED
    if any(each == name and of in (None, key) for each, key in judgement.undecided):
        return Expected.UNDECIDED
    if _applies(rule, case, of):
        return Expected.QUIET if second else Expected.SATISFIED
    return Expected.NONE


def _of_rule(judgement: Judgement, rule: CheckedRule, of: Key | None) -> list[Firing]:
    return [
        firing
        for firing in judgement.firings
        if firing.rule == rule.rule.id and of in (None, firing.key)
    ]


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


def _happening(case: Case, firing: Firing) -> Happening:
    by_key: Mapping[str, Fact] = {fact.key: fact for fact in case.facts}
    facts = tuple(by_key[key] for key in firing.facts[0] if key in by_key)
    return Happening(case, facts, len(firing.facts))


def _written(key: Key) -> str:
    return "/".join("unknown" if part is None else str(part) for part in key)
