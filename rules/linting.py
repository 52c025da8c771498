"""What a linter of rules knows: the rules with their places, the facts that may be, and remarks.

A remark is no fault: the rule runs as it stands, but it may not say what its author means.  A rule
silences a check with a reason: `lint: {overlap: 与 REQ2-O1-late 各自计分}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from rules.catalogue import KINDS, Field, FieldType, table_of
from rules.checked import CheckedRule
from rules.conditions import Condition
from rules.invariants import invariants_of
from rules.loading import Node, read_yaml
from rules.printing import to_text
from rules.satisfiability import All, Bounds, Formula, Space, holds
from rules.vocabulary import LintCheck, Status

Use: TypeAlias = tuple[tuple[str, ...], frozenset[tuple[str, ...]]]
"""A value a message cannot do without, and those that are known on its way."""


@dataclass(frozen=True, order=True)
class Remark:
    """One thing a rule's author should look at."""

    file: str
    line: int
    check: LintCheck
    rule: str
    text: str
    about: tuple[str, ...] = ()
    """Whom else it is about (rules, units); a reason silences it only if it names them all."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: [{self.check}] {self.rule}: {self.text}"


@dataclass(frozen=True)
class Linted:
    """A rule, where it stands, and the facts it may meet.

    `space` knows what holds of every fact (`rules.invariants`), `bare` only the fields' bounds.
    """

    rule: CheckedRule
    node: Node
    space: Space
    bare: Space

    @property
    def name(self) -> str:
        return self.rule.rule.id

    @property
    def published(self) -> bool:
        return self.rule.rule.status is Status.PUBLISHED

    @property
    def anchor(self) -> str | None:
        """The name of the pattern that the scope speaks of."""
        return self.rule.patterns[self.rule.anchor].name

    def whole(self) -> Formula:
        """Return when scope and every condition are TRUE."""
        return All(
            (
                holds(self.rule.scope, self.anchor),
                *(holds(pattern.condition, pattern.name) for pattern in self.rule.patterns),
            )
        )

    def remark(
        self, check: LintCheck, text: str, *path: str | int, about: Sequence[str] = ()
    ) -> Remark:
        line, _ = self.node.position(*path)
        return Remark(self.node.file, line, check, self.name, text, tuple(about))

    def accepts(self, check: LintCheck, about: Sequence[str]) -> bool:
        """Whether the rule gives a reason for what a check says, naming whom it is about."""
        reason = (self.rule.rule.lint or {}).get(check)
        return reason is not None and all(name in reason for name in about)

    def text(self, condition: Condition, pattern: str | None) -> str:
        """Return a condition as its author could have written it."""
        named = {each.name: each.on for each in self.rule.patterns}
        own = KINDS[named[pattern]] if pattern in named else {}
        others = {name: table_of(kind) for name, kind in named.items() if name is not None}
        return to_text(condition, fields=own, other_patterns=others)


@dataclass(frozen=True)
class Ruleset:
    """All rules that are looked at together; `uses` reads a message (None: they are not read)."""

    rules: tuple[Linted, ...]
    params: Mapping[str, Bounds]
    uses: Callable[[str], Iterable[Use]] | None = None

    @property
    def published(self) -> tuple[Linted, ...]:
        return tuple(each for each in self.rules if each.published)


Check: TypeAlias = Callable[[Ruleset], Iterator[Remark]]


def ruleset_of(
    rules: Sequence[CheckedRule],
    params: Mapping[str, Bounds],
    *,
    uses: Callable[[str], Iterable[Use]] | None = None,
    closed: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Ruleset:
    """Return the rules with their places in the files; deprecated ones are left out.

    `closed`: the values that text fields of this plan's facts have, by the field's name.
    """
    nodes = {
        (file, node.text("id")): node
        for file in dict.fromkeys(rule.source.file for rule in rules)
        for node in read_yaml(Path(file)).child("rules")
    }
    return Ruleset(
        tuple(
            _linted(rule, nodes[rule.source.file, rule.rule.id], params, closed)
            for rule in rules
            if rule.rule.status is not Status.DEPRECATED
        ),
        params,
        uses,
    )


def _linted(
    rule: CheckedRule,
    node: Node,
    params: Mapping[str, Bounds],
    closed: Mapping[str, tuple[str, ...]],
) -> Linted:
    bare = Space({each.name: _fields(each.on, closed) for each in rule.patterns}, params)
    always = [
        holds(condition, pattern.name)
        for pattern in rule.patterns
        for condition in invariants_of(pattern.on)
    ]
    return Linted(rule, node, bare.given(*always), bare)


def _fields(kind: str, closed: Mapping[str, tuple[str, ...]]) -> Mapping[str, Field]:
    """Return a kind's fields as this plan has them; a stored finding may be of a unit that left."""
    if kind == "finding":
        return KINDS[kind]
    return {
        name: replace(field, type=FieldType.CHOICE, choices=closed[name])
        if name in closed
        else field
        for name, field in KINDS[kind].items()
    }


def silenced(ruleset: Ruleset, remarks: Iterable[Remark]) -> tuple[Remark, ...]:
    """Return the remarks that no rule silences, and one for each silence that is not needed."""
    by_name = {each.name: each for each in ruleset.rules}
    kept, used = [], set()
    for remark in remarks:
        if by_name[remark.rule].accepts(remark.check, remark.about):
            used.add((remark.rule, remark.check))
        else:
            kept.append(remark)
    for each in ruleset.rules:
        for check in each.rule.rule.lint or {}:
            if (each.name, check) not in used:
                text = f"不再需要 lint: {{{check}: …}}：该项检查没有可说的，请删去"
                kept.append(each.remark(LintCheck.UNUSED_SILENCE, text, "lint", check.value))
    return tuple(sorted(kept))
