"""Run the cases beside a pack's rules, with messages as the product writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from notifications.errors import RenderError
from notifications.render import Renderer
from rules.case_facts import KnownRequirement, World
from rules.case_files import case_files, read_cases
from rules.cases import CannotRender, CaseResult, Happening, Untested, run_cases, untested
from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.conditions import Value
from rules.nodes import Fault
from supervision.domain.ledger_rows import SCALE, encode_number
from supervision.domain.obligations import DIRECT
from supervision.domain.pack import Pack
from supervision.domain.plan import Requirement
from supervision.domain.units import Role
from supervision.services.load_rules import TEMPLATES, bind_all, load_whole_pack, params_on
from supervision.services.wording import FactInWords, message_context


@dataclass(frozen=True)
class CasesRun:
    """What came of every case, and the published rules that lack one."""

    results: tuple[CaseResult, ...]
    untested: tuple[Untested, ...]

    @property
    def failures(self) -> tuple[Fault, ...]:
        return tuple(fault for result in self.results for fault in result.failures)

    @property
    def passed(self) -> bool:
        """Whether no case fails; untested rules are told, and are not a failure."""
        return not self.failures


def run_pack_cases(folder: Path, *, progress: Callable[[int, int], None] | None = None) -> CasesRun:
    """Run the cases of the pack in `folder`.  Faults with every fault of its files.

    `progress` is told (done, of how many) after each case.
    """
    loaded = load_whole_pack(folder)
    pack = loaded.pack
    cases = read_cases(case_files(folder / "cases"), world_of(pack, loaded.rules))
    renderer = Renderer(TEMPLATES)

    def bind(day: date) -> Sequence[CheckedRule]:
        bound, _ = bind_all(loaded.rules, pack.plan, day)
        return bound

    def render(rule: CheckedRule, happening: Happening) -> str:
        return _message(pack, renderer, rule, happening)

    results: list[CaseResult] = []
    for result in run_cases(cases, bind=bind, render=render):
        results.append(result)
        if progress is not None:
            progress(len(results), len(cases))
    return CasesRun(tuple(results), untested(loaded.rules, cases))


def _message(pack: Pack, renderer: Renderer, rule: CheckedRule, happening: Happening) -> str:
    """Return the message a finding would have, its remedy written too; raises CannotRender."""
    case = happening.case
    context = message_context(
        rule,
        # as in a run, where a message speaks of obligations only
        [
            FactInWords(fact.kind, fact.key, fact.fields)
            for fact in happening.facts
            if fact.kind in OBLIGATION_KINDS
        ],
        pack=pack,
        unit=case.unit,
        as_of=case.as_of,
        original_due_on=case.original_due_on,
        combinations=happening.combinations,
    )
    assert rule.rule.message is not None
    try:
        if rule.rule.remedy is not None:
            renderer.sentence(rule.rule.remedy, context)
        return renderer.sentence(rule.rule.message, context)
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
