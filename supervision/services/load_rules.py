"""A pack with its rules: checked against the plan, stored by content, bound to dated parameters."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from notifications.errors import RenderError
from notifications.render import Renderer
from rules.catalogue import FieldType
from rules.checked import CheckedRule, bind_rule
from rules.checking import check_rules, revision_of, rule_files
from rules.conditions import Condition, Value, bind
from rules.loading import parse_yaml
from rules.nodes import Fault, Faults, did_you_mean
from rules.vocabulary import Status
from supervision.domain.ledger_rows import encode_number
from supervision.domain.ledgers import Ledger
from supervision.domain.pack import Pack
from supervision.domain.plan import Measure, ParamValue, Plan
from supervision.services.load_pack import load_pack
from supervision.services.pack_outline import (
    Outline,
    ledger_fields,
    measure_faults,
    outline_of,
    read_as_it_is,
    type_of_values,
    where_condition,
)
from supervision.store.facts import Measured
from supervision.store.plans import Adopted, ruleset_files
from supervision.store.session import Session

TEMPLATES = Path(__file__).parent.parent.parent / "templates"


@dataclass(frozen=True)
class LoadedPack:
    """`rules` are all of the pack, drafts too; `ruleset` is their revision, `files` their text."""

    pack: Pack
    rules: tuple[CheckedRule, ...]
    ruleset: str
    files: Mapping[str, str]


def load_whole_pack(folder: Path) -> LoadedPack:
    """Return the pack in `folder`; Faults with every fault of every file, rules included."""
    faults: list[Fault] = []
    pack: Pack | None = None
    rules: tuple[CheckedRule, ...] = ()
    paths: tuple[Path, ...] = ()
    try:
        pack = load_pack(folder)
    except Faults as error:
        faults += error.faults
    plan = read_as_it_is(folder / "plan.yaml")
    ledgers = read_as_it_is(folder / "ledgers.yaml")
    if plan is not None:
        outline = outline_of(plan)
        if ledgers is not None:
            faults += measure_faults(plan, ledgers, outline)
        try:
            paths = rule_files(folder / "rules")
            rules = check_pack_rules(outline, paths)
        except Faults as error:
            faults += error.faults
    if faults or pack is None:
        raise Faults(faults)
    files = {path.name: path.read_text(encoding="utf-8-sig") for path in paths}
    return LoadedPack(pack, rules, revision_of(rules), files)


def check_pack_rules(outline: Outline, paths: Collection[Path]) -> tuple[CheckedRule, ...]:
    """Return the rules of these files, checked against the plan they belong to."""
    return check_rules(
        list(paths),
        clauses=outline.clauses,
        requirements=outline.requirements,
        params=outline.params,
        message_variables=message_variables,
    )


def message_variables(template: str) -> set[str]:
    """Return the names a message takes; a ValueError says why the text is no template."""
    renderer = _renderer()
    try:
        return renderer.check_sentence(template)
    except RenderError as error:
        raise ValueError(_humane(error.text, renderer)) from error


@cache
def _renderer() -> Renderer:
    return Renderer(TEMPLATES)


_FILTER = re.compile(r"No filter named '(\w+)'")
_BLOCK = re.compile(r"innermost block that needs to be closed is '(\w+)'")


def _humane(text: str, renderer: Renderer) -> str:
    """Return what the template engine says in the words of an author."""
    if found := _FILTER.search(text):
        hint = did_you_mean(found[1], renderer.filters) or ";"
        return f"there is no filter '{found[1]}'{hint} allowed: {', '.join(renderer.filters)}"
    if found := _BLOCK.search(text):
        return f"{{% {found[1]} … %}} is not closed; write {{% end{found[1]} %}} after it"
    return text


def stored_rules(session: Session, adopted: Adopted, ruleset: str) -> tuple[CheckedRule, ...]:
    """Return the published rules of a stored ruleset, as they were when it was adopted."""
    pack = adopted.pack
    checked = check_rules(
        [parse_yaml(text, file=name) for name, text in ruleset_files(session, ruleset).items()],
        clauses=[clause.id for clause in pack.plan.clauses],
        requirements={each.id: (each.clause, each.kind.value) for each in pack.plan.requirements},
        params=param_types(pack.plan),
    )
    return tuple(rule for rule in checked if rule.rule.status is Status.PUBLISHED)


# --- Parameters ----------------------------------------------------------------------------------


def param_types(plan: Plan) -> dict[str, FieldType]:
    """Return the type under which a condition may use each parameter."""
    return {
        name: type_of_values([dated.value for dated in values])
        for name, values in plan.params.items()
    }


def params_on(plan: Plan, day: date) -> dict[str, ParamValue]:
    """Return the parameters in force on a day; one that starts later is left out."""
    found = {}
    for name in plan.params:
        try:
            found[name] = plan.param(name, on=day).value
        except LookupError:
            continue
    return found


def encoded_values(plan: Plan) -> dict[str, tuple[FieldType, tuple[Value, ...]]]:
    """Return each parameter's type and every value it has at some time, encoded."""
    types = param_types(plan)
    return {
        name: (types[name], tuple(_encoded(dated.value, types[name]) for dated in values))
        for name, values in plan.params.items()
    }


def bind_all(
    rules: Collection[CheckedRule], plan: Plan, day: date
) -> tuple[list[CheckedRule], list[tuple[str, str]]]:
    """Return the rules with their parameters bound, and (rule, why) of those that cannot be."""
    types, values = param_types(plan), params_on(plan, day)
    encoded = {name: _encoded(values[name], types[name]) for name in values}
    bound, skipped = [], []
    for rule in rules:
        missing = sorted(rule.params - encoded.keys())
        if missing:
            why = f"parameter {', '.join(missing)} has no value on {day}"
            skipped.append((rule.rule.id, why))
        else:
            bound.append(bind_rule(rule, encoded))
    return bound, skipped


def _encoded(value: ParamValue, type_: FieldType) -> Value:
    if type_ is FieldType.DECIMAL:
        assert isinstance(value, int | Decimal)
        return encode_number(value)
    if isinstance(value, Decimal):
        return int(value)
    return value if isinstance(value, str) else int(value)


# --- Measures ------------------------------------------------------------------------------------


def _where(measure: Measure, ledger: Ledger, plan: Plan) -> Condition:
    types = {name: (field.type, field.choices) for name, field in ledger.fields.items()}
    return where_condition(measure.where, measure.ledger, ledger_fields(types), param_types(plan))


def measures_of(pack: Pack, day: date) -> list[Measured]:
    """Return how each measured requirement is measured on a day."""
    types, values = param_types(pack.plan), params_on(pack.plan, day)
    encoded = {name: _encoded(values[name], types[name]) for name in values}
    found = []
    for requirement in pack.plan.requirements:
        measure = requirement.measure
        if measure is None:
            continue
        ledger = pack.ledgers[measure.ledger]
        found.append(
            Measured(
                requirement=requirement.id,
                clause=requirement.clause,
                ledger=measure.ledger,
                count=measure.count,
                count_distinct=measure.count_distinct,
                sum=measure.sum,
                where=bind(_where(measure, ledger, pack.plan), encoded),
                dated=ledger.dated_by is not None,
                tier=requirement.tier,
                ledger_fields={name: field.type.value for name, field in ledger.fields.items()},
            )
        )
    return found
