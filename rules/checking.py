"""Rule files to checked rules: everything a rule says is looked up and every default spelled out.

All faults of all files are told at once, each at its place.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rules.catalogue import OBLIGATION_KINDS, FieldType, Table
from rules.chaining import endless_chains
from rules.checked import CheckedPattern, CheckedRule, Source, bind_rule
from rules.conditions import FieldRef, params
from rules.document import LONGEST_MESSAGE, Rule, RuleFile
from rules.grouping import grouping
from rules.loading import Fault, Faults, Node, did_you_mean, read_yaml, validate
from rules.placing import fault_inside
from rules.rule_conditions import (
    MESSAGE_NAMES,
    ConditionReader,
    Constants,
    RuleConditions,
    implicit_scope,
    tables_of,
)
from rules.shape import shape_faults

__all__ = [
    "CheckedPattern",
    "CheckedRule",
    "Source",
    "bind_rule",
    "check_rules",
    "revision_of",
    "rule_files",
]

MessageVariables = Callable[[str], Collection[str]]

_BRACES = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_STORED = ("finding", "unit")


def rule_files(folder: Path) -> tuple[Path, ...]:
    """Return the rule files of a pack's `rules/` folder, by name; raises Faults if it has none."""
    found = tuple(sorted(path for path in folder.glob("*.yaml") if path.is_file()))
    if not found:
        what = "has no rule files (*.yaml)" if folder.is_dir() else "there is no such folder"
        raise Faults([Fault(str(folder), 1, 1, what)])
    return found


def check_rules(
    files: Sequence[Path | Node],
    *,
    clauses: Collection[str],
    requirements: Mapping[str, tuple[str, str]],
    params: Mapping[str, FieldType],
    ladders: Collection[str] | None = None,
    message_variables: MessageVariables | None = None,
) -> tuple[CheckedRule, ...]:
    """Return the rules of the files in their order; raises Faults with all that is wrong.

    A file may also be given as the Node that was read from it.

    clauses            ids of the plan's clauses
    requirements       id -> (clause, kind)
    params             the plan's parameters and their types
    ladders            names that a notice's `ladder` may have; None: any
    message_variables  the top-level names a message template uses; a ValueError says why the text
                       is no template.  None: messages are not looked at
    """
    faults: list[Fault] = []
    rules: list[tuple[Node, Rule | None]] = []
    for path in files:
        try:
            rules += _rules_of(path if isinstance(path, Node) else read_yaml(path), faults)
        except Faults as unread:
            faults += unread.faults
    ids = _ids([node for node, _ in rules], faults)
    plan = _Plan(
        tuple(clauses),
        requirements,
        Constants(
            {"clause": tuple(clauses), "requirement": tuple(requirements), "rule": tuple(ids)},
            params,
        ),
        None if ladders is None else tuple(ladders),
        message_variables,
    )
    found = [(node, _RuleCheck(node, rule, plan, faults).check()) for node, rule in rules]
    checked = tuple(rule for _, rule in found if rule is not None)
    endless = endless_chains(checked)
    for node, rule in found:
        if rule is not None and rule.rule.id in endless:
            faults.append(_endless(node, rule.rule.id, endless[rule.rule.id]))
    if faults:
        raise Faults(faults)
    return checked


def _endless(node: Node, name: str, way: Sequence[str]) -> Fault:
    by = f" by way of {', '.join(way)}" if way else ""
    text = f"the rule would find its own findings again{by}, without end; "
    return node.fault(
        f"{text}leave some out: rule <> '{way[-1] if way else name}' in 'scope'", "on"
    )


def revision_of(rules: Iterable[CheckedRule]) -> str:
    """Return the sha256 of the rules' canonical JSON, sorted by id: the same rules, the same text.

    Files, their order and their comments do not count.
    """
    return _sha256([_plain(each.rule) for each in sorted(rules, key=lambda each: each.rule.id)])


def _plain(rule: Rule) -> object:
    # Without defaults, so that a new optional key leaves the digests of older rules alone.
    # Why a remark of the linter is accepted changes nothing of what the rule finds.
    return rule.model_dump(mode="json", exclude_defaults=True, exclude={"lint"})


def _sha256(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _place_of(name: str, template: str) -> int:
    """Return where a template names it: inside braces, not as an attribute or a text."""
    for braces in _BRACES.finditer(template):
        found = re.search(rf"(?<![\w.'\"]){re.escape(name)}(?!\w)", braces[0])
        if found is not None:
            return braces.start() + found.start()
    return 0


def _template_fault(template: str, error: str) -> tuple[int, str]:
    """Return where a text is no template, and why, as its author would say it."""
    unclosed = _unclosed(template)
    if unclosed is not None:
        return unclosed, f"this {template[unclosed : unclosed + 2]} is not closed"
    named = re.search(r"'(\w+)'", error)
    if named is None:
        return 0, error
    return _place_of(named[1], template) or max(template.find(named[1]), 0), error


def _unclosed(template: str) -> int | None:
    """Return where braces open that are not closed before the next ones open."""
    for opening in re.finditer(r"\{\{|\{%", template):
        close = "}}" if opening[0] == "{{" else "%}"
        end = template.find(close, opening.end())
        following = re.search(r"\{\{|\{%", template[opening.end() :])
        before = len(template) if following is None else opening.end() + following.start()
        if end < 0 or end > before:
            return opening.start()
    return None


def _rules_of(node: Node, faults: list[Fault]) -> list[tuple[Node, Rule | None]]:
    """Return each rule's node with its model, None where its shape is wrong."""
    if not isinstance(node.value, dict):
        what = "a list" if isinstance(node.value, list) else f"'{str(node.value)[:40]}'"
        text = f"a file of rules begins with 'rules:' and lists them below it; found {what}"
        faults.append(node.fault(text))
        return []
    validate(RuleFile, node, faults)
    listed = node.find("rules")
    if listed is None or not isinstance(listed.value, list):
        return []
    for each in listed:
        faults += shape_faults(each)
    told: list[Fault] = []  # the same faults again, rule by rule
    return [(each, validate(Rule, each, told)) for each in listed]


def _ids(nodes: Iterable[Node], faults: list[Fault]) -> dict[str, Node]:
    first: dict[str, Node] = {}
    for node in nodes:
        name = node.text("id")
        if name is None:
            continue
        before = first.setdefault(name, node)
        if before is not node:
            line, _ = before.position("id")
            faults.append(node.fault(f"rule '{name}' stands already at {before.file}:{line}", "id"))
    return first


@dataclass(frozen=True)
class _Plan:
    clauses: tuple[str, ...]
    requirements: Mapping[str, tuple[str, str]]
    constants: Constants
    ladders: tuple[str, ...] | None
    message_variables: MessageVariables | None


class _RuleCheck:
    def __init__(self, node: Node, rule: Rule | None, plan: _Plan, faults: list[Fault]) -> None:
        self.node = node
        self.rule = rule
        self.plan = plan
        self.faults = faults

    def check(self) -> CheckedRule | None:
        before = len(self.faults)
        self._clause()
        tables = tables_of(self.node, self.faults)
        if tables is None:
            return None
        per, anchor = grouping(self.node, tables, self.faults)
        self._requirement(tables[anchor].kind)
        self._outcome(tables)
        for key in ("message", "remedy"):
            self._message(key, tables)
        reader = ConditionReader(self.node, tables, self.plan.constants, self.faults)
        found = reader.read(anchor)
        if found is None or self.rule is None or len(self.faults) > before:
            return None
        return self._checked(self.rule, tables, found, per=per, anchor=anchor)

    def _fault(self, text: str, *path: str | int) -> None:
        self.faults.append(self.node.fault(text, *path))

    def _clause(self) -> None:
        clause = self.node.text("clause")
        if clause is not None and clause not in self.plan.clauses:
            hint = did_you_mean(clause, self.plan.clauses)
            self._fault(f"unknown clause '{clause}'{hint}", "clause")
        ladder = self.node.text("notice", "ladder")
        if ladder is not None and self.plan.ladders is not None and ladder not in self.plan.ladders:
            hint = did_you_mean(ladder, self.plan.ladders) or ";"
            allowed = ", ".join(self.plan.ladders)
            self._fault(f"unknown ladder '{ladder}'{hint} allowed: {allowed}", "notice", "ladder")

    def _requirement(self, kind: str) -> None:
        name, clause = self.node.text("requirement"), self.node.text("clause")
        if name is None:
            return
        if name not in self.plan.requirements:
            hint = did_you_mean(name, self.plan.requirements)
            self._fault(f"unknown requirement '{name}'{hint}", "requirement")
            return
        of_clause, of_kind = self.plan.requirements[name]
        if clause is not None and clause != of_clause:
            self._fault(
                f"requirement '{name}' is of clause '{of_clause}', not '{clause}'", "clause"
            )
        if kind not in OBLIGATION_KINDS:
            text = f"'requirement' narrows a rule on obligations; it cannot narrow one on '{kind}'"
            advice = f"; write requirement = '{name}' in 'scope'" if kind != "unit" else ""
            self._fault(text + advice, "requirement")
        elif kind != of_kind:
            text = f"requirement '{name}' is of kind '{of_kind}', but the rule is on '{kind}'"
            self._fault(text, "requirement")

    def _outcome(self, tables: Mapping[str | None, Table]) -> None:
        finding = self.node.find("severity") is not None
        second = any(self.node.find(key) is not None for key in ("notice", "escalate"))
        kinds = {table.kind for table in tables.values()}
        for name, table in tables.items():
            path = ("on",) if name is None else ("match", name, "on")
            if finding and table.kind in _STORED:
                mixed = ", and a match cannot mix the two" if not kinds.issubset(_STORED) else ""
                text = (
                    f"'{table.kind}' is known only after the run's findings{mixed}; "
                    "a rule on it has 'notice' or 'escalate'"
                )
                self._fault(text, *path)
            if second and table.kind == "violation":
                text = "'violation' is of a run on its way; 'notice' and 'escalate' use 'finding'"
                self._fault(text, *path)

    def _message(self, key: str, tables: Mapping[str | None, Table]) -> None:
        text = self.node.text(key)
        if text is None or self.plan.message_variables is None or len(text) > LONGEST_MESSAGE:
            return
        fields = tables[None].fields.keys() if None in tables else tables.keys() - {None}
        allowed = MESSAGE_NAMES | {name for name in fields if name is not None}
        try:
            used = self.plan.message_variables(text)
        except ValueError as error:
            at, told = _template_fault(text, str(error))
            self.faults.append(fault_inside(self.node.child(key), at, f"{key}: {told}"))
            return
        for name in sorted(set(used) - allowed):
            hint = did_you_mean(name, allowed) or ";"
            kind = f" and the fields of '{tables[None].kind}'" if None in tables else ""
            listed = ", ".join(sorted(allowed if not kind else MESSAGE_NAMES))
            told = f"unknown name '{name}' in {key}{hint} allowed: {listed}{kind}"
            self.faults.append(fault_inside(self.node.child(key), _place_of(name, text), told))

    def _checked(
        self,
        rule: Rule,
        tables: Mapping[str | None, Table],
        found: RuleConditions,
        *,
        per: tuple[FieldRef, ...],
        anchor: str | None,
    ) -> CheckedRule:
        if rule.requirement is not None and rule.clause is None:
            clause, _ = self.plan.requirements[rule.requirement]
            rule = rule.model_copy(update={"clause": clause})
        whole = implicit_scope(found, tables, anchor=anchor, requirement=rule.requirement)
        steps = rule.severity or ()
        every = (whole.scope, *whole.patterns.values(), *whole.severity)
        return CheckedRule(
            rule=rule,
            source=Source(self.node.file, self.node.line),
            digest=_sha256(_plain(rule)),
            scope=whole.scope,
            patterns=tuple(
                CheckedPattern(name, table.kind, whole.patterns[name])
                for name, table in tables.items()
            ),
            severity=tuple(
                (step.level, condition)
                for step, condition in zip(steps, whole.severity, strict=True)
            ),
            anchor=list(tables).index(anchor),
            per=per,
            params=frozenset().union(*(params(condition) for condition in every)),
            single=rule.on is not None,
            second_pass=rule.severity is None,
        )
