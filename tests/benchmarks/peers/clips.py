"""CLIPS 6.4 (clipspy): a template a kind, a rule for each alternative of the normal form.

Singles, and with `joins=True` also the groups of match rules (not on violations), which CLIPS joins
in its Rete network; how many combinations make a group is counted here.

A field that may be NULL has a second slot that says whether it is known; texts are strings.  Facts
go in by `load-facts` from a file, the fastest of clipspy's ways (20,000 facts: 0.75 s; its fact
builder 1.1 s, `assert_string` 15 s).  What fires is printed to a file by CLIPS itself: a call back
into Python for each would be charged to CLIPS unfairly.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import perf_counter

import clips

from rules.alternatives import Alternative, alias_of, alternatives
from rules.checked import CheckedRule
from rules.conditions import (
    Compare,
    FieldRef,
    Known,
    Literal,
    Operator,
    Shifted,
    Test,
    Value,
    fields,
)
from rules.facts import VIOLATION, Fact, UnitFacts, violation_key
from rules.normal_form import holds
from tests.benchmarks.peers import Findings, Spent, batches, single_rules

_SIGNS = {
    Operator.EQ: "eq",
    Operator.NE: "neq",
    Operator.LT: "<",
    Operator.LE: "<=",
    Operator.GT: ">",
    Operator.GE: ">=",
}


def findings(
    rules: Sequence[CheckedRule], units: Iterable[UnitFacts], *, joins: bool = False
) -> Findings:
    """Return what fires; of a match (rule id, `violation_key` of its unit and its `per` values)."""
    return measured(rules, units, joins=joins)[0]


def measured(
    rules: Sequence[CheckedRule], units: Iterable[UnitFacts], *, joins: bool = False
) -> tuple[Findings, Spent]:
    """Return the findings and where the time went.

    Loading is writing facts and reading them into CLIPS, whose Rete network matches as it reads:
    most of the judging is done then.  Judging is running the agenda and reading what fired.
    """
    spent = Spent()
    started = perf_counter()
    chosen = single_rules(rules)
    if joins:
        chosen += [
            rule
            for rule in rules
            if not rule.single and all(pattern.on != VIOLATION for pattern in rule.patterns)
        ]
    with tempfile.TemporaryDirectory() as folder:
        engine = _Engine(chosen, Path(folder))
        spent.compiling = perf_counter() - started
        found: Findings = set()
        for batch in batches(units):
            started = perf_counter()
            engine.load(batch)
            loaded = perf_counter()
            found |= engine.judge()
            spent.loading += loaded - started
            spent.judging += perf_counter() - loaded
        return found, spent


class _Engine:
    def __init__(self, rules: Sequence[CheckedRule], folder: Path) -> None:
        self.rules = rules
        self.every = [one for i, rule in enumerate(rules) for one in alternatives(i, rule)]
        self.slots = _slots(self.every)
        self.fired, self.facts_file = folder / "fired", folder / "facts"
        self.told: list[tuple[str, Fact]] = []
        self.environment = clips.Environment()
        self.environment.eval("(set-fact-duplication TRUE)")  # no search for an equal fact
        for kind, slots in self.slots.items():
            listed = " ".join(f"(slot {slot})" for slot in _slot_names(slots))
            self.environment.build(f"(deftemplate {_kind(kind)} {listed})")
        for number, one in enumerate(self.every):
            if any(map(_contradictory, one.own.values())):
                continue  # CLIPS refuses a rule that can never fire
            self.environment.build(self._rule(number, one))

    def load(self, units: Sequence[UnitFacts]) -> None:
        self.environment.reset()
        self.told = []
        lines = []
        for place, unit in enumerate(units):
            for fact in unit.facts:
                slots = self.slots.get(fact.kind)
                if slots is not None:
                    lines.append(_fact(fact, slots, len(self.told), place))
                    self.told.append((unit.unit, fact))
        if lines:  # CLIPS takes an empty file for a fault
            self.facts_file.write_text("\n".join(lines), encoding="utf-8")
            self.environment.load_facts(str(self.facts_file))

    def judge(self) -> Findings:
        self.environment.eval(f'(open "{self.fired}" out "w")')
        self.environment.run()
        self.environment.eval("(close out)")
        found: Findings = set()
        groups: dict[tuple[int, str], set[tuple[int, ...]]] = defaultdict(set)
        with self.fired.open(encoding="ascii") as lines:
            for line in lines:
                rule_index, *ids = map(int, line.split())
                rule = self.rules[rule_index]
                if rule.single:
                    found.add((rule.rule.id, self.told[ids[0]][1].key))
                else:
                    groups[rule_index, self._group(rule, ids)].add(tuple(ids))
        for (rule_index, key), combinations in groups.items():
            rule = self.rules[rule_index]
            if len(combinations) >= rule.rule.at_least:
                found.add((rule.rule.id, key))
        return found

    def _group(self, rule: CheckedRule, ids: Sequence[int]) -> str:
        unit = self.told[ids[0]][0]
        by_name = {
            pattern.name: self.told[number][1].fields
            for pattern, number in zip(rule.patterns, ids, strict=True)
        }
        key = tuple(
            unit if field.name == "unit" else by_name[field.pattern][field.name]
            for field in rule.per
        )
        return violation_key(rule.rule.id, (unit, *key))

    def _rule(self, number: int, one: Alternative) -> str:
        width = len(self.rules[one.rule].patterns)
        bound = _bound_fields(one)
        patterns = []
        for place, alias in enumerate(one.kinds):
            before = list(one.kinds)[:place]
            other = "".join(f"&~?{each}" for each in before)
            constraints = [f"(id ?{alias}{other})"]
            if width > 1:
                constraints.append("(unit ?unit)")
            constraints += _constraints(one.own[alias], one.joins[alias], alias, bound[alias])
            patterns.append(f"({_kind(one.kinds[alias])} {' '.join(constraints)})")
        ids = ' " " '.join(f"?p{i}" for i in range(width))
        return (
            f'(defrule r{number} {" ".join(patterns)} => (printout out {one.rule} " " {ids} crlf))'
        )


def _kind(kind: str) -> str:
    return f"kind-{kind}"


def _slots(every: Iterable[Alternative]) -> dict[str, dict[str, bool]]:
    """Return by kind the fields that are tested, and whether they may be NULL."""
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for one in every:
        for alias, kind in one.kinds.items():
            found[kind] |= {}
            for test in (*one.own[alias], *one.joins[alias]):
                for field in [test.field] if isinstance(test, Known) else fields(test):
                    of_kind = found[one.kinds[alias_of(field)]]
                    of_kind[field.name] = of_kind.get(field.name, False) or field.nullable
    return dict(found)


def _slot_names(slots: Mapping[str, bool]) -> list[str]:
    """Return the slots in the order in which CLIPS tests them: whether it is known, then what."""
    names = ["id", "unit"]
    for name, nullable in slots.items():
        names += [f"known-{name}", f"is-{name}"] if nullable else [f"is-{name}"]
    return names


def _fact(fact: Fact, slots: Mapping[str, bool], number: int, unit: int) -> str:
    parts = [f"({_kind(fact.kind)} (id {number}) (unit {unit})"]
    for name, nullable in slots.items():
        value = fact.fields[name]
        if nullable:
            parts.append(f"(known-{name} {int(value is not None)})")
        if value is not None:
            parts.append(f"(is-{name} {_constant(value)})")
        elif nullable:
            parts.append(f"(is-{name} 0)")
    return "".join((*parts, ")"))


def _constant(value: Value) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(int(value))


def _bound_fields(one: Alternative) -> dict[str, set[str]]:
    """Return the fields of each pattern that a later pattern is compared with."""
    found: dict[str, set[str]] = {alias: set() for alias in one.kinds}
    for joins in one.joins.values():
        for join in joins:
            assert isinstance(join.right, Shifted)
            found[alias_of(join.right.field)].add(join.right.field.name)
    return found


def _constraints(
    own: Iterable[Test], joins: Iterable[Compare], alias: str, bound: set[str]
) -> list[str]:
    """Return a pattern's tests, those on whether a field is known first.

    A slot that must equal a constant gets no other test of its own: `?v&1&:(< ?v 0)` fires for 1
    (CLIPS 6.4.1 forgets the predicate).  What must hold besides was looked at before.
    """
    known: list[str] = []
    equal: dict[str, str] = {}
    parts: dict[str, list[str]] = {name: [] for name in sorted(bound)}
    predicates: dict[str, list[str]] = defaultdict(list)
    for test in own:
        match test:
            case Known(field, wanted):
                known.append(f"(known-{field.name} {int(wanted)})")
            case Compare(field, Operator.EQ, Literal(value)):
                equal[field.name] = _constant(value)
                parts.setdefault(field.name, [])
    for test in own:
        match test:
            case Compare(field, operator, Literal(value)) if field.name not in equal:
                parts.setdefault(field.name, [])
                if operator is Operator.NE:
                    parts[field.name].append(f"~{_constant(value)}")
                else:
                    predicates[field.name].append(f"({_SIGNS[operator]} {{}} {_constant(value)})")
    for join in joins:
        assert isinstance(join.right, Shifted)
        name = join.left.name
        parts.setdefault(name, [])
        other = _variable(join.right.field)
        if join.right.plus:
            other = f"(+ {other} {join.right.plus})"
        if join.operator is Operator.EQ and name not in equal:
            parts[name].append(("=" if join.right.plus else "") + other)
        else:
            predicates[name].append(f"({_SIGNS[join.operator]} {{}} {other})")
    found = list(dict.fromkeys(known))
    for name, constraints in parts.items():
        variable = f"?{alias}-{name}"
        if name in equal and (name in bound or name in predicates):
            predicates[name].insert(0, f"(eq {{}} {equal[name]})")
        elif name in equal:
            constraints.append(equal[name])
        used = [variable] if name in bound or name in predicates else []
        tests = [f":{text.format(variable)}" for text in predicates[name]]
        found.append(f"(is-{name} {'&'.join((*used, *constraints, *tests))})")
    return found


def _contradictory(own: Sequence[Test]) -> bool:
    """Whether some field must be two things, or one that another of its tests excludes."""
    known: dict[str, set[bool]] = defaultdict(set)
    equal: dict[str, set[Value]] = defaultdict(set)
    for test in own:
        match test:
            case Known(field, wanted):
                known[field.name].add(wanted)
            case Compare(field, Operator.EQ, Literal(value)):
                equal[field.name].add(value)
    return any(len(each) > 1 for each in (*known.values(), *equal.values())) or not all(
        holds(value, test.operator, test.right.value)
        for test in own
        if isinstance(test, Compare) and isinstance(test.right, Literal)
        for value in equal[test.left.name]
    )


def _variable(field: FieldRef) -> str:
    return f"?{alias_of(field)}-{field.name}"
