"""All conditions of one rule, read from its YAML node: trees, or faults at their places.

The node is read rather than the model, so that a rule whose shape is wrong still hears of the
mistakes in its conditions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from rules.catalogue import KINDS, OBLIGATION_KINDS, FieldType, Table, table_of
from rules.complaints import ConditionFaults
from rules.conditions import (
    ALWAYS,
    And,
    Compare,
    Condition,
    FieldRef,
    Literal,
    Not,
    Operator,
    Shifted,
    TooManyConjuncts,
    atoms,
    conjunction,
    true_when,
)
from rules.expression import RESERVED, parse_condition
from rules.nodes import Fault, Node, did_you_mean
from rules.placing import fault_inside

# The rule engine is given one rule for each alternative.
MAX_ALTERNATIVES = 64
MESSAGE_NAMES = frozenset(
    {"unit", "clause", "requirement", "params", "as_of", "due_on", "original_due_on", "period"}
    | {"basis", "plan", "count", "facts"}
)
"""What a message may name beside the fact's fields."""

_NOT_COMPANION = Not(Compare(FieldRef("companion", False), Operator.EQ, Literal(1)))


@dataclass
class RuleConditions:
    """`patterns` has one entry, under None, for a rule with `on`."""

    scope: Condition = ALWAYS
    patterns: dict[str | None, Condition] = field(default_factory=dict)
    severity: list[Condition] = field(default_factory=list)


@dataclass(frozen=True)
class Constants:
    """What constants of some fields must be one of, by the field's name."""

    known: Mapping[str, Sequence[str]]
    params: Mapping[str, FieldType]


def implicit_scope(
    found: RuleConditions,
    tables: Mapping[str | None, Table],
    *,
    anchor: str | None,
    requirement: str | None,
) -> RuleConditions:
    """Return the conditions with what they leave unsaid about requirements.

    The rule's `requirement` narrows the anchor's scope.  A pattern on obligations for which no
    requirement is named speaks of filings: a companion (met inside another requirement's filing)
    is not among them.  A pattern tied to another by `requirement = other.requirement` names what
    that one names.
    """
    obligations = {name for name, table in tables.items() if table.kind in OBLIGATION_KINDS}
    naming = {
        name
        for name in obligations
        if _names_requirement(found.patterns[name])
        or (name == anchor and (requirement is not None or _names_requirement(found.scope)))
    }
    ties = [
        {name, other}
        for name, condition in found.patterns.items()
        for other in _same_requirement(condition)
    ]
    while spread := {name for tie in ties if tie & naming for name in tie} - naming:
        naming |= spread
    scope, patterns = found.scope, dict(found.patterns)
    if requirement is not None and anchor in obligations:
        field_ = FieldRef("requirement", False)
        scope = conjunction(Compare(field_, Operator.EQ, Literal(requirement)), scope)
    for name in obligations - naming:
        if name == anchor:
            scope = conjunction(_NOT_COMPANION, scope)
        else:
            patterns[name] = conjunction(_NOT_COMPANION, patterns[name])
    return RuleConditions(scope, patterns, found.severity)


def _names_requirement(condition: Condition) -> bool:
    return any(
        isinstance(atom, Compare)
        and atom.left.name == "requirement"
        and not isinstance(atom.right, Shifted)
        for atom in atoms(condition)
    )


def _same_requirement(condition: Condition) -> list[str | None]:
    """Return the patterns to which the condition ties its own by `requirement`, whatever else."""
    parts = condition.parts if isinstance(condition, And) else (condition,)
    return [
        part.right.field.pattern
        for part in parts
        if isinstance(part, Compare)
        and isinstance(part.right, Shifted)
        and part.operator is Operator.EQ
        and (part.left.name, part.right.field.name) == ("requirement", "requirement")
    ]


def tables_of(node: Node, faults: list[Fault]) -> dict[str | None, Table] | None:
    """Return the kinds of the rule's facts by pattern name; None after a fault was added."""
    before = len(faults)
    tables: dict[str | None, Table] = {}
    kind = node.text("on")
    match = node.find("match")
    if kind is not None:
        _add_table(node, None, tables, faults)
    elif match is not None:
        for name, pattern in match.children.items():
            if not isinstance(name, str):
                return None  # a list, as has been told
            if name in RESERVED | MESSAGE_NAMES | {"params"}:
                text = f"a pattern cannot be called '{name}': the word has a meaning of its own"
                faults.append(match.fault(text, name, key=True))
            if pattern.text("on") is not None:
                _add_table(pattern, name, tables, faults)
            else:
                return None
    return tables if tables and len(faults) == before else None


def _add_table(
    node: Node, name: str | None, tables: dict[str | None, Table], faults: list[Fault]
) -> None:
    kind = node.text("on") or ""
    if kind in KINDS:
        tables[name] = table_of(kind)
    else:
        hint = did_you_mean(kind, KINDS) or ";"
        faults.append(node.fault(f"unknown kind '{kind}'{hint} allowed: {', '.join(KINDS)}", "on"))


class ConditionReader:
    """Reads the conditions of one rule whose fact kinds are known."""

    def __init__(
        self,
        node: Node,
        tables: Mapping[str | None, Table],
        constants: Constants,
        faults: list[Fault],
    ) -> None:
        self.node = node
        self.tables = tables
        self.constants = constants
        self.faults = faults

    def read(self, anchor: str | None) -> RuleConditions | None:
        """Return every condition of the rule; None after a fault was added."""
        before = len(self.faults)
        found = RuleConditions()
        found.scope = self._parse(self.node.find("scope"), anchor, alone=True)
        for name in self.tables:
            where = self.node if name is None else self.node.child("match", name)
            found.patterns[name] = self._parse(where.find("when"), name)
        steps = self.node.find("severity")
        for step in steps.children.values() if steps is not None else ():
            found.severity.append(self._parse(step.find("when"), None, severity=True))
        if len(self.faults) > before:
            return None
        self._bounded(found, anchor)
        return found if len(self.faults) == before else None

    def _parse(
        self, node: Node | None, name: str | None, *, alone: bool = False, severity: bool = False
    ) -> Condition:
        if node is None or not isinstance(node.value, str):
            return ALWAYS
        named = {each: table for each, table in self.tables.items() if each is not None}
        own = Table("match", {}) if severity and named else self.tables[name]
        if not severity:
            named.pop(name or "", None)
        try:
            condition = parse_condition(
                node.value,
                kind=own.kind,
                fields=own.fields,
                other_patterns={} if alone else named,
                params=self.constants.params,
                called=name,
            )
        except ConditionFaults as found:
            self.faults += [fault_inside(node, each.offset, each.message) for each in found.faults]
            return ALWAYS
        self._known_constants(node, name, condition)
        return condition

    def _known_constants(self, node: Node, own: str | None, condition: Condition) -> None:
        """Refuse `requirement = 'REQ9'`: it could never hold, and nobody would notice."""
        for atom in atoms(condition):
            if not isinstance(atom, Compare) or not isinstance(atom.right, Literal):
                continue
            name, value = atom.left.name, atom.right.value
            known = self.constants.known.get(name)
            kind = self.tables[atom.left.pattern or own].kind
            # A stored finding may be of a rule that is no longer published.
            if known is None or value in known or (name == "rule" and kind == "finding"):
                continue
            hint = did_you_mean(str(value), known)
            offset = max(str(node.value).find(f"'{value}'"), 0)
            self.faults.append(fault_inside(node, offset, f"there is no {name} '{value}'{hint}"))

    def _bounded(self, found: RuleConditions, anchor: str | None) -> None:
        try:
            count = prod(
                len(
                    true_when(
                        conjunction(found.scope if name == anchor else ALWAYS, condition),
                        limit=MAX_ALTERNATIVES,
                    )
                )
                for name, condition in found.patterns.items()
            )
            if count > MAX_ALTERNATIVES:
                raise TooManyConjuncts(
                    f"the patterns' conditions unfold into {count} alternatives together; "
                    f"{MAX_ALTERNATIVES} are allowed: split the rule"
                )
        except TooManyConjuncts as error:
            path = ("when",) if self.node.find("when") is not None else ("match",)
            self.faults.append(self.node.fault(str(error), *path))
