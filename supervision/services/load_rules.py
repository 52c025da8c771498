"""A pack with its rules: checked against the plan, stored by content, bound to dated parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from notifications.render import Renderer
from rules.catalogue import Field, FieldType
from rules.checked import CheckedRule, bind_rule
from rules.checking import check_rules, revision_of, rule_files
from rules.conditions import ALWAYS, Condition, Value, bind
from rules.expression import ConditionFaults, parse_condition
from rules.loading import parse_yaml, read_yaml
from rules.nodes import Fault, Faults
from rules.vocabulary import Status
from supervision.domain.ledger_rows import encode_number
from supervision.domain.ledgers import FieldType as LedgerType
from supervision.domain.ledgers import Ledger
from supervision.domain.pack import Pack
from supervision.domain.plan import Measure, ParamValue, Plan
from supervision.services.load_pack import load_pack
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
    try:
        pack = load_pack(folder)
    except Faults as error:
        faults += error.faults
    if pack is None:
        raise Faults(faults)
    faults += measure_faults(pack, folder / "plan.yaml")
    rules: tuple[CheckedRule, ...] = ()
    paths: tuple[Path, ...] = ()
    try:
        paths = rule_files(folder / "rules")
        rules = check_pack_rules(pack, paths)
    except Faults as error:
        faults += error.faults
    if faults:
        raise Faults(faults)
    files = {path.name: path.read_text(encoding="utf-8-sig") for path in paths}
    return LoadedPack(pack, rules, revision_of(rules), files)


def check_pack_rules(pack: Pack, paths: Collection[Path]) -> tuple[CheckedRule, ...]:
    """Return the rules of these files, checked against the pack."""
    return check_rules(
        list(paths),
        clauses=[clause.id for clause in pack.plan.clauses],
        requirements=_requirements(pack),
        params=param_types(pack.plan),
        message_variables=Renderer(TEMPLATES).check_sentence,
    )


def _requirements(pack: Pack) -> dict[str, tuple[str, str]]:
    return {each.id: (each.clause, each.kind.value) for each in pack.plan.requirements}


def stored_rules(session: Session, adopted: Adopted, ruleset: str) -> tuple[CheckedRule, ...]:
    """Return the published rules of a stored ruleset, as they were when it was adopted."""
    pack = adopted.pack
    checked = check_rules(
        [parse_yaml(text, file=name) for name, text in ruleset_files(session, ruleset).items()],
        clauses=[clause.id for clause in pack.plan.clauses],
        requirements=_requirements(pack),
        params=param_types(pack.plan),
    )
    return tuple(rule for rule in checked if rule.rule.status is Status.PUBLISHED)


# --- Parameters ----------------------------------------------------------------------------------


def param_types(plan: Plan) -> dict[str, FieldType]:
    """Return the type under which a condition may use each parameter."""
    return {
        name: _type_of([dated.value for dated in values]) for name, values in plan.params.items()
    }


def _type_of(values: Collection[ParamValue]) -> FieldType:
    if all(isinstance(value, bool) for value in values):
        return FieldType.BOOL
    if any(isinstance(value, str) for value in values):
        return FieldType.TEXT
    if all(isinstance(value, int) for value in values):
        return FieldType.INT
    return FieldType.DECIMAL


def params_on(plan: Plan, day: date) -> dict[str, ParamValue]:
    """Return the parameters in force on a day; one that starts later is left out."""
    found = {}
    for name in plan.params:
        try:
            found[name] = plan.param(name, on=day).value
        except LookupError:
            continue
    return found


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

_RULE_TYPES = {
    LedgerType.TEXT: FieldType.TEXT,
    LedgerType.INTEGER: FieldType.INT,
    LedgerType.NUMBER: FieldType.DECIMAL,
    LedgerType.BOOLEAN: FieldType.BOOL,
    LedgerType.DATE: FieldType.DATE,
    LedgerType.CHOICE: FieldType.CHOICE,
    LedgerType.IDENTITY: FieldType.TEXT,
}


def _where(measure: Measure, ledger: Ledger, plan: Plan) -> Condition:
    if measure.where is None:
        return ALWAYS
    fields = {
        name: Field(name, _RULE_TYPES[field.type], nullable=True, choices=field.choices)
        for name, field in ledger.fields.items()
    }
    return parse_condition(
        measure.where, kind=measure.ledger, fields=fields, params=param_types(plan)
    )


def measure_faults(pack: Pack, file: Path) -> list[Fault]:
    """Return what is wrong with the `where` of the plan's measures."""
    node = read_yaml(file)
    faults = []
    for at, requirement in enumerate(pack.plan.requirements):
        measure = requirement.measure
        if measure is None:
            continue
        try:
            _where(measure, pack.ledgers[measure.ledger], pack.plan)
        except ConditionFaults as error:
            faults += [
                node.fault(each.message, "requirements", at, "measure", "where")
                for each in error.faults
            ]
    return faults


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
