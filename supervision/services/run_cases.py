"""Run the cases beside a pack's rules, with messages and notices as the product writes them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from notifications.errors import RenderError
from notifications.render import Renderer
from rules.case_facts import KnownRequirement, World
from rules.case_files import case_files, read_cases
from rules.case_notices import Told
from rules.cases import (
    Bench,
    CannotRender,
    Case,
    CaseResult,
    Happening,
    Judged,
    check_case,
    notice_firings,
)
from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.conditions import Value
from rules.coverage import Coverage, CoverageCounter
from rules.facts import Firing
from rules.nodes import Fault, did_you_mean
from rules.untested import Untested, untested
from supervision.domain.ledger_rows import SCALE, encode_number
from supervision.domain.obligations import DIRECT
from supervision.domain.pack import Pack
from supervision.domain.plan import Requirement
from supervision.domain.units import Role
from supervision.errors import NotFound
from supervision.services.case_notices import notices_of_facts
from supervision.services.load_rules import (
    TEMPLATES,
    LoadedPack,
    bind_all,
    load_whole_pack,
    params_on,
)
from supervision.services.submission_cases import case_office, run_submission_cases
from supervision.services.wording import FactInWords, message_context

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Chosen:
    """Which cases to run: those that name one of the rules, and whose name holds the text."""

    rules: tuple[str, ...] = ()
    case: str = ""

    def takes(self, case: Case) -> bool:
        named = {each.rule for each in case.expect}
        return self.case in case.name and (not self.rules or not named.isdisjoint(self.rules))


@dataclass(frozen=True)
class CasesRun:
    """What came of every case, the published rules that lack one, and condition coverage.

    With some rules chosen, `untested` and `coverage` are of these; with cases chosen by name there
    is nothing to say of what is untested, and `untested` is empty.
    """

    results: tuple[CaseResult, ...]
    untested: tuple[Untested, ...]
    coverage: Coverage
    rules: Mapping[str, CheckedRule]

    @property
    def failures(self) -> tuple[Fault, ...]:
        return tuple(fault for result in self.results for fault in result.failures)

    @property
    def unconfirmed(self) -> tuple[Case, ...]:
        """Return the drafts, which were run and count for nothing."""
        return tuple(result.case for result in self.results if not result.case.confirmed)

    @property
    def passed(self) -> bool:
        """Whether no case fails; untested rules are told, and are not a failure."""
        return not self.failures


def run_pack_cases(
    folder: Path, *, chosen: Chosen | None = None, progress: Progress | None = None
) -> CasesRun:
    """Run the cases of the pack in `folder`.  Faults with every fault of its files.

    `progress` is told (done, of how many) after each case.
    """
    loaded = load_whole_pack(folder)
    rules = {rule.rule.id: rule for rule in loaded.rules}
    chosen = chosen or Chosen()
    require_rules(chosen.rules, rules)
    every = read_cases(case_files(folder / "cases"), world_of(loaded.pack, loaded.rules))
    cases = [case for case in every if chosen.takes(case)]
    desk = CaseDesk(loaded)
    counter = CoverageCounter(loaded.rules)
    done = 0

    def one_more() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, len(cases))

    results: dict[str, CaseResult] = {}
    for case in cases:
        if case.filed is None:
            results[case.name] = desk.check(case, counter)
            one_more()
    filed = [case for case in cases if case.filed is not None]
    with case_office(folder, desk.renderer) as office:
        for result in run_submission_cases(
            filed, office, desk.bench, counter=counter, progress=one_more
        ):
            results[result.case.name] = result
    coverage = counter.coverage()
    return CasesRun(
        tuple(results[case.name] for case in cases),
        _untested(loaded.rules, cases, chosen),
        coverage.of(chosen.rules) if chosen.rules else coverage,
        rules,
    )


def _untested(
    rules: Sequence[CheckedRule], cases: Sequence[Case], chosen: Chosen
) -> tuple[Untested, ...]:
    if chosen.case:
        return ()
    lacking = untested(rules, cases)
    return tuple(each for each in lacking if not chosen.rules or each.rule in chosen.rules)


def require_rules(wanted: Collection[str], known: Mapping[str, CheckedRule]) -> None:
    """Raise NotFound for a rule that the pack has not."""
    for rule in wanted:
        if rule not in known:
            hint = did_you_mean(rule, known) or (
                "; `supervision rules explain --pack PATH` lists its rules"
            )
            raise NotFound(f"no rule {rule!r} in the pack{hint}")


class CaseDesk:
    """What cases of facts are judged with: the rules bound by day, and the product's words."""

    def __init__(self, loaded: LoadedPack) -> None:
        self.loaded = loaded
        self.renderer = Renderer(TEMPLATES)
        self.titles = {rule.rule.id: rule.rule.title for rule in loaded.rules}
        self.bench = Bench(self._bind)

    def check(self, case: Case, counter: CoverageCounter | None = None) -> CaseResult:
        """Return what came of a case of facts."""
        return check_case(case, self.bench, render=self.render, tell=self._tell, counter=counter)

    def notices(self, case: Case, judged: Judged) -> Sequence[Told]:
        """Return the notices that a first run over the case would plan."""
        return self._tell(case, judged.rules, notice_firings(judged))

    def _bind(self, day: date) -> Sequence[CheckedRule]:
        bound, _ = bind_all(self.loaded.rules, self.loaded.pack.plan, day)
        return bound

    def _tell(
        self, case: Case, rules: Mapping[str, CheckedRule], firings: Sequence[Firing]
    ) -> Sequence[Told]:
        return notices_of_facts(
            self.loaded.pack, self.renderer, case, rules, firings, titles=self.titles
        )

    def render(self, rule: CheckedRule, happening: Happening) -> str:
        """Return the message a finding would have, its remedy written too; or CannotRender."""
        case = happening.case
        context = message_context(
            rule,
            # as in a run, where a message speaks of obligations only
            [
                FactInWords(fact.kind, fact.key, fact.fields)
                for fact in happening.facts
                if fact.kind in OBLIGATION_KINDS
            ],
            pack=self.loaded.pack,
            unit=case.unit,
            as_of=case.as_of,
            original_due_on=case.original_due_on,
            combinations=happening.combinations,
        )
        assert rule.rule.message is not None
        try:
            if rule.rule.remedy is not None:
                self.renderer.sentence(rule.rule.remedy, context)
            return self.renderer.sentence(rule.rule.message, context)
        except RenderError as error:
            raise CannotRender(str(error)) from error


def world_of(pack: Pack, rules: Sequence[CheckedRule]) -> World:
    """Return what the cases of a pack may name, and what follows from its plan."""
    return World(
        rules={rule.rule.id: rule for rule in rules},
        requirements={
            each.id: KnownRequirement(each.kind.value, _fields_of(pack, each))
            for each in pack.plan.requirements
        },
        units={unit.code: unit.category for unit in pack.units},
        zone=ZoneInfo(pack.plan.zone),
        cutoff=pack.plan.cutoff,
    )


def _fields_of(pack: Pack, requirement: Requirement) -> dict[str, Value]:
    fields: dict[str, Value] = {
        "requirement": requirement.id,
        "clause": requirement.clause,
        "companion": int(bool(requirement.filed_with)),
        "role": Role.LEAD.value if requirement.owed_by.lead else DIRECT,
        "period": str(pack.plan.year),
    }
    target = requirement.target
    if target is not None:
        number = encode_number(target.amount)
        tolerance = params_on(pack.plan, pack.plan.issued_on).get("about_tolerance", 0)
        share = encode_number(tolerance) if target.about is not None else 0
        band = number * share // SCALE
        fields |= {"target": number, "low": number - band, "high": number + band}
    return fields
