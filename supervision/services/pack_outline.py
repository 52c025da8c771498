"""What a pack's rules may name, read from its files as they are, sound or not.

A pack with a fault in one file still has its other files checked: every fault at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from rules.catalogue import Field, FieldType
from rules.conditions import ALWAYS, Condition
from rules.expression import ConditionFaults, parse_condition
from rules.loading import read_yaml
from rules.nodes import Fault, Faults, Node
from rules.placing import fault_inside
from supervision.domain.ledgers import FieldType as LedgerType

RULE_TYPES = {
    LedgerType.TEXT: FieldType.TEXT,
    LedgerType.INTEGER: FieldType.INT,
    LedgerType.NUMBER: FieldType.DECIMAL,
    LedgerType.BOOLEAN: FieldType.BOOL,
    LedgerType.DATE: FieldType.DATE,
    LedgerType.CHOICE: FieldType.CHOICE,
    LedgerType.IDENTITY: FieldType.TEXT,
}


@dataclass(frozen=True)
class Outline:
    """Clause ids, requirement id → (clause, kind), and the types of parameters."""

    clauses: tuple[str, ...]
    requirements: Mapping[str, tuple[str, str]]
    params: Mapping[str, FieldType]


def type_of_values(values: Collection[object]) -> FieldType:
    """Return the type of a parameter with these dated values."""
    if all(isinstance(value, bool) for value in values):
        return FieldType.BOOL
    if any(isinstance(value, str) for value in values):
        return FieldType.TEXT
    whole = all(isinstance(value, int) for value in values)
    return FieldType.INT if whole else FieldType.DECIMAL


def ledger_fields(types: Mapping[str, tuple[LedgerType, tuple[str, ...]]]) -> dict[str, Field]:
    """Return a ledger's fields (type and choices by name) as a condition may name them."""
    return {
        name: Field(name, RULE_TYPES[type_], nullable=True, choices=choices)
        for name, (type_, choices) in types.items()
    }


def where_condition(
    where: str | None, ledger: str, fields: Mapping[str, Field], params: Mapping[str, FieldType]
) -> Condition:
    """Return a measure's condition over a ledger's rows; ConditionFaults say what is wrong."""
    if where is None:
        return ALWAYS
    return parse_condition(where, kind=ledger, fields=fields, params=params)


def read_as_it_is(path: Path) -> Node | None:
    """Return a file that YAML can read; None for one it cannot (its fault is told elsewhere)."""
    try:
        return read_yaml(path)
    except Faults:
        return None


def outline_of(plan: Node) -> Outline:
    """Return what the rules may name, from plan.yaml as it stands."""
    requirements = {}
    for each in _items(plan, "requirements"):
        name, clause, kind = (each.text(key) for key in ("id", "clause", "kind"))
        if name is not None:
            requirements[name] = (clause or "", kind or "")
    params = {}
    listed = plan.find("params")
    for name in listed.keys if listed is not None else ():
        dated = plan.find("params", name)
        values = [
            found.value
            for each in (dated or ())
            if (found := each.find("value")) is not None
            and isinstance(found.value, bool | int | float | str | Decimal)
        ]
        params[name] = type_of_values(values)
    clauses = tuple(name for each in _items(plan, "clauses") if (name := each.text("id")))
    return Outline(clauses, requirements, params)


def measure_faults(plan: Node, ledgers: Node, outline: Outline) -> list[Fault]:
    """Return what is wrong with the `where` of the plan's measures, each at its place."""
    faults: list[Fault] = []
    for requirement in _items(plan, "requirements"):
        where, ledger = requirement.text("measure", "where"), requirement.text("measure", "ledger")
        if where is None or ledger is None or ledgers.find("ledgers", ledger, "fields") is None:
            continue
        fields = ledger_fields(dict(_field_types(ledgers, ledger)))
        try:
            where_condition(where, ledger, fields, outline.params)
        except ConditionFaults as error:
            node = requirement.child("measure", "where")
            faults += [fault_inside(node, each.offset, each.message) for each in error.faults]
    return faults


def _field_types(
    ledgers: Node, ledger: str
) -> Iterator[tuple[str, tuple[LedgerType, tuple[str, ...]]]]:
    fields = ledgers.child("ledgers", ledger, "fields")
    for name in fields.keys:
        type_ = fields.text(name, "type")
        if type_ in set(LedgerType):
            choices = fields.find(name, "choices")
            listed = [each.value for each in choices] if choices is not None else []
            yield name, (LedgerType(type_), tuple(str(each) for each in listed))


def _items(node: Node, key: str) -> list[Node]:
    listed = node.find(key)
    if listed is None or not isinstance(listed.value, list):
        return []
    return [each for each in listed if isinstance(each.value, dict)]
