"""Hypothesis strategies: a random table of fields, random rules over it, random facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from rules.checked import CheckedRule
from rules.conditions import (
    ALWAYS,
    And,
    Compare,
    Condition,
    Constant,
    FieldRef,
    IsNull,
    Literal,
    Not,
    Operator,
    Or,
    Shifted,
    Value,
)
from rules.facts import VIOLATION, Fact, UnitFacts
from rules.vocabulary import Level
from tests.rule_factory import Severity, a_match, an_on_rule

LARGEST = (1 << 60) - 1

TEXTS = (
    "",
    "甲",
    "甲 ",
    "O'Hara",
    'a"b',
    "a\\b",
    "a\\'b",
    "{x} %s :y",
    "a;--",
    "é",
    "e\u0301",
    "1",
)
DOMAINS: Mapping[str, tuple[Value, ...]] = {
    "int": (-2, -1, 0, 1, 2, 3),
    "bool": (0, 1),
    "decimal": (-1_500_000, 0, 500_000, 1_000_000, 950_000),
    "date": (738_155, 738_156, 738_157),
    "text": TEXTS,
    "choice": ("missing", "submitted", "returned"),
}
# Around what 32 and 53 bits hold, and the largest that the engines take; the first and last day.
_EDGES = (2**31 - 1, 2**31, 2**53, 2**53 + 1, LARGEST - 1, LARGEST)
EXTREMES: Mapping[str, tuple[Value, ...]] = {
    "int": (*_EDGES, *(-edge for edge in _EDGES), -(2**31) - 1, 10**18),
    "decimal": (*_EDGES, *(-edge for edge in _EDGES), 1, -1, 999_999, 1_000_001),
    "date": (1, 2, 738_886, 3_652_058, 3_652_059),
    "text": (
        "督查；“工业园”（新）",
        "第一行\n第二行",
        "tab\there",
        "%(x)s %% :name ? $1 ${x}",
        "{{ unit.name }} {% if %}",
        "{}",
        '{"a": [1, "b"]}',
        "\\",
        "\\n",
        "''",
        '"',
        "/* x */ -- ;",
        "null",
        "true",
        "0",
        "-1",
        " 甲",
        "𝒳👍",
        "𠮷野",
        "e\u0301\u200b",
        "长" * 200,
    ),
}
ORDERED = frozenset({"int", "decimal", "date"})


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    nullable: bool

    def ref(self, pattern: str | None = None) -> FieldRef:
        return FieldRef(self.name, self.nullable, pattern)


Table = Mapping[str, tuple[Column, ...]]

VIOLATIONS = (
    Column("rule", "rule", False),
    Column("severity", "level", False),
    Column("clause", "text", True),
    Column("requirement", "text", True),
    Column("period", "text", True),
    Column("period_no", "int", True),
)
_DOMAINS = {
    **DOMAINS,
    "rule": ("r0", "r1", "r2", "r3", "r4"),
    "level": tuple(level.value for level in Level),
}

# The ordinary is drawn most of the time, so that facts meet.
_LIKELY = {
    type_: list(domain) * (6 if type_ in ("int", "decimal", "text") else 3)
    + [*domain, *EXTREMES.get(type_, ())]
    for type_, domain in _DOMAINS.items()
}
_VALUES = {type_: st.sampled_from(likely) for type_, likely in _LIKELY.items()}
_VALUES_OR_UNKNOWN = {
    type_: st.sampled_from([*likely, *[None] * (len(likely) // 3)])
    for type_, likely in _LIKELY.items()
}


def values(column: Column) -> st.SearchStrategy[Value | None]:
    """Values of a column, among them unknown if it may be."""
    return _VALUES_OR_UNKNOWN[column.type] if column.nullable else _VALUES[column.type]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Two kinds of facts, each with the fields that violations inherit and some of its own."""
    found = {}
    for kind in ("report", "target"):
        own = draw(st.lists(st.sampled_from(list(DOMAINS)), min_size=1, max_size=4))
        columns = [
            Column("requirement", "text", False),
            Column("period", "text", False),
            Column("period_no", "int", False),
        ]
        columns += [
            Column(f"{type_}_{i}", type_, draw(st.booleans())) for i, type_ in enumerate(own)
        ]
        found[kind] = tuple(columns)
    return {**found, VIOLATION: VIOLATIONS}


def _comparisons(column: Column) -> st.SearchStrategy[Operator]:
    return st.sampled_from(list(Operator) if column.type in ORDERED else [Operator.EQ, Operator.NE])


@st.composite
def _atoms(
    draw: st.DrawFn,
    own: tuple[Column, ...],
    own_name: str | None,
    others: Mapping[str, tuple[Column, ...]],
) -> Condition:
    column = draw(st.sampled_from(own))
    left = column.ref(own_name)
    choice = draw(st.integers(0, 9))
    if choice == 0:
        return Constant(draw(st.sampled_from([True, False, None])))
    if choice == 1:
        return IsNull(left)
    if choice >= 6 and others:
        name = draw(st.sampled_from(sorted(others)))
        alike = [other for other in others[name] if other.type == column.type]
        if alike:
            right = draw(st.sampled_from(alike)).ref(name)
            plus = draw(st.sampled_from([0, 0, 1, -1])) if column.type in ORDERED else 0
            plus *= 500_000 if column.type == "decimal" else 1
            return Compare(left, draw(_comparisons(column)), Shifted(right, plus))
    return Compare(left, draw(_comparisons(column)), Literal(draw(_VALUES[column.type])))


@st.composite
def conditions(
    draw: st.DrawFn,
    own: tuple[Column, ...],
    own_name: str | None = None,
    others: Mapping[str, tuple[Column, ...]] | None = None,
    *,
    depth: int = 2,
) -> Condition:
    """Conditions with own fields and those of other patterns, negated and nested."""
    # By hand: `st.recursive` spends ten times as long.
    shape = draw(st.integers(0, 9)) if depth else 0
    if shape <= 4:
        return draw(_atoms(own, own_name, others or {}))
    part = conditions(own, own_name, others, depth=depth - 1)
    match shape:
        case 5:
            return Not(draw(part))
        case 6:
            return And((draw(part), draw(part)))
        case 7 | 8:
            return Or((draw(part), draw(part)))
    return Or((draw(part), draw(part), draw(part)))


_LEVELS = st.sampled_from(list(Level))


@st.composite
def _ladders(draw: st.DrawFn, steps: st.SearchStrategy[Condition]) -> Severity:
    chosen = draw(st.lists(st.tuples(_LEVELS, steps), max_size=2))
    return (*chosen, (draw(_LEVELS), ALWAYS))


def _scopes(own: tuple[Column, ...]) -> st.SearchStrategy[Condition]:
    everywhere = st.just(ALWAYS)
    return st.one_of(everywhere, everywhere, conditions(own, depth=1))


@st.composite
def on_rules(draw: st.DrawFn, table: Table, rule: str) -> CheckedRule:
    """A rule over one base fact."""
    kind = draw(st.sampled_from(["report", "target"]))
    own = table[kind]
    return an_on_rule(
        rule,
        on=kind,
        when=draw(conditions(own)),
        scope=draw(_scopes(own)),
        severity=draw(st.one_of(_ladders(conditions(own, depth=1)), st.just(()))),
        clause=draw(st.sampled_from([None, "T02"])),
    )


@st.composite
def matches(draw: st.DrawFn, table: Table, rule: str, *, chaining: bool) -> CheckedRule:
    """A rule over one to three facts, on violations too if `chaining`."""
    names = ["first", "second", "third"][: draw(st.integers(1, 3))]
    allowed = ["report", "target", *([VIOLATION] * 3 if chaining else [])]
    kinds = {name: draw(st.sampled_from(allowed)) for name in names}
    if chaining and VIOLATION not in kinds.values():
        kinds[names[0]] = VIOLATION
    depth = 2 if len(names) < 3 else 1
    patterns = {}
    for name, kind in kinds.items():
        others = {other: table[kinds[other]] for other in names if other != name}
        when = draw(st.one_of(st.just(ALWAYS), conditions(table[kind], None, others, depth=depth)))
        patterns[name] = (kind, when)
    anchor = draw(st.integers(0, len(names) - 1))
    anchored = table[kinds[names[anchor]]]
    per = draw(
        st.lists(st.sampled_from(["unit", *(c.name for c in anchored)]), max_size=2, unique=True)
    )
    name = draw(st.sampled_from(names))
    steps = conditions(table[kinds[name]], name, depth=1)
    return a_match(
        rule,
        patterns=patterns,
        scope=draw(_scopes(anchored)),
        severity=draw(_ladders(steps)),
        at_least=draw(st.sampled_from([1, 1, 1, 2, 2, 3, 4])),
        anchor=anchor,
        per=tuple(per) or ("unit",),
        clause=draw(st.sampled_from([None, "T02"])),
    )


@st.composite
def rule_sets(draw: st.DrawFn, table: Table) -> list[CheckedRule]:
    """Some of each: single facts, matches, matches over what those found."""
    makers = [0, *draw(st.lists(st.integers(0, 2), min_size=1, max_size=4))]
    return [
        draw(
            on_rules(table, f"r{i}") if maker == 0 else matches(table, f"r{i}", chaining=maker == 2)
        )
        for i, maker in enumerate(makers)
    ]


@st.composite
def units(draw: st.DrawFn, table: Table, name: str, *, most: int = 7) -> UnitFacts:
    """Facts of one unit; a unit without facts too."""
    facts = []
    for i in range(draw(st.sampled_from([most, *range(most)]))):
        kind = draw(st.sampled_from(["report", "report", "target"]))
        fields = {column.name: draw(values(column)) for column in table[kind]}
        facts.append(Fact(kind, f"{kind}/{i}", {**fields, "unit": name}))
    return UnitFacts(name, tuple(facts))
