"""Facts at the boundaries of a rule, derived from the rule itself.

For each comparison and null test the other conditions are held so that this one decides the
outcome (no verdict or one, violated or not, this severity or another); then its field takes the
values just before, at and after the bound, a value that is equal and one that is not, and unknown
where it may be.  For a match the other patterns' facts are held too, and the number of facts is one
too few, just enough and one more than `at_least`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from rules.catalogue import KINDS, Field
from rules.checked import CheckedRule
from rules.conditions import (
    Compare,
    Condition,
    IsNull,
    Literal,
    Value,
    conjunction,
)
from rules.deciding import OnOneFact, near_values
from rules.domains import domains_of, field_of, is_bound
from rules.facts import Fact, UnitFacts
from rules.oracle import judge
from rules.resolving import Said, patterns_of, refs_of, resolved
from rules.rule_parts import Atom, RulePart, conjuncts, parts_of
from rules.solving import TRUE, Demand, solve

MakeFact: TypeAlias = Callable[[int, Said, int], Fact]
"""Complete a fact of the pattern with this index; the last number tells copies apart."""

MOST_COPIES = 40


@dataclass(frozen=True)
class Tested:
    """What a draft tests: one atom at one value; None for a number of facts.

    `bound` is what the field is compared with, `beside` -1, 0 or 1: just before, at, after it.
    """

    where: str
    field: Field | None
    value: Value | None
    bound: Value | None = None
    beside: int = 0
    is_bound: bool = False
    facts: int = 0
    pattern: str | None = None


@dataclass(frozen=True)
class Draft:
    """What is tested, and the facts as (index of the pattern, fields that matter)."""

    tested: tuple[Tested, ...]
    facts: tuple[tuple[int, Said], ...]


@dataclass
class Drafts:
    """The drafts of a rule, and the conditions that no facts could make decide it."""

    drafts: list[Draft] = field(default_factory=list)
    undecisive: list[str] = field(default_factory=list)

    def add(self, tested: Tested, facts: Sequence[tuple[int, Said]]) -> None:
        """Add a draft; the same facts may test several things."""
        for at, each in enumerate(self.drafts):
            if list(each.facts) == list(facts):
                self.drafts[at] = Draft((*each.tested, tested), each.facts)
                return
        self.drafts.append(Draft((tested,), tuple(facts)))


def boundary_drafts(
    rule: CheckedRule,
    *,
    usual: Sequence[Mapping[str, Value | None]],
    others: Mapping[str, Sequence[Value]],
    make: MakeFact,
    text_of: Callable[[RulePart, Atom], str],
) -> Drafts:
    """Return drafts for a rule whose parameters are bound.

    usual   for each pattern, a fact of which nothing remarkable is said
    others  values that a text field may have beside those the rule names
    """
    return _Boundaries(rule, usual, others, make, text_of).drafts()


class _Boundaries:
    def __init__(
        self,
        rule: CheckedRule,
        usual: Sequence[Mapping[str, Value | None]],
        others: Mapping[str, Sequence[Value]],
        make: MakeFact,
        text_of: Callable[[RulePart, Atom], str],
    ) -> None:
        self.rule, self.usual, self.others, self.make = rule, usual, others, make
        self.text_of = text_of
        self.parts = parts_of(rule)
        self.found = Drafts()

    def drafts(self) -> Drafts:
        held = self._base()
        if held is None:
            self.found.undecisive.append("no facts satisfy all conditions of the rule")
            return self.found
        copies = self._copies(held)
        for at, part in enumerate(self.parts):
            for atom in part.atoms:
                self._test(at, part, atom, held, copies)
        if not self.rule.single:
            self._count(held, copies)
        if not self.found.drafts:
            self.found.add(Tested("when", None, None, facts=copies), self._facts(held, copies))
        return self.found

    # --- One atom --------------------------------------------------------------------------------

    def _test(self, at: int, part: RulePart, atom: Atom, held: list[Said], copies: int) -> None:
        ref = field_of(atom)
        target = part.pattern if ref.pattern is None else self._index(ref.pattern)
        assert target is not None
        single = self._seen_from(target, held)
        own = self._resolved(atom, part.pattern, target, held)
        if not isinstance(own, Compare | IsNull):
            self.found.undecisive.append(self.text_of(part, atom))
            return
        table = KINDS[self.rule.patterns[target].on]
        conditions = [single.scope, single.when, own, *single.ladder]
        domains = domains_of(conditions, table, self.usual[target], self.others)
        step = at - 1 - len(self.rule.patterns)
        decisive = single.decisive(own, domains, step=step if step >= 0 else None, scope=at == 0)
        if decisive is None:
            self.found.undecisive.append(self.text_of(part, atom))
        said, turned = decisive or (dict(held[target]), None)
        name = field_of(own).name
        values = list(dict.fromkeys([*near_values(own, domains[name]), turned]))
        for tested in _tests(own, part, table[name], values, self.rule.patterns[target].name):
            varied: Said = {**said, name: tested.value}
            facts = self._facts(held, copies, target, varied)
            self.found.add(tested, facts)

    # --- Matches ---------------------------------------------------------------------------------

    def _base(self) -> list[Said] | None:
        """Return for each pattern the fields with which all conditions hold."""
        held: list[Said] = []
        for target in range(len(self.rule.patterns)):
            table = KINDS[self.rule.patterns[target].on]
            demands: list[Demand] = []
            for part in self.parts[: 1 + len(self.rule.patterns)]:
                if part.pattern is None or part.pattern > target:
                    continue
                for each in conjuncts(part.condition):
                    needs = {part.pattern} | {
                        self._index(name) for name in patterns_of(each) if name is not None
                    }
                    if max(needs) == target:
                        resolved = self._resolved(each, part.pattern, target, held)
                        demands.append((resolved, TRUE))
            # what a later pattern's condition says of this fact is met by the later fact
            domains = domains_of((c for c, _ in demands), table, self.usual[target], self.others)
            found = solve(demands, domains)
            if found is None:
                return None
            whole = {**{name: self.usual[target].get(name) for name in table}, **found}
            held.append(whole)
        named = [self._named(index) for index in range(len(held))]
        return [
            {name: value for name, value in said.items() if name in named[index]}
            for index, said in enumerate(held)
        ]

    def _named(self, target: int) -> set[str]:
        """Return the fields of a pattern's fact that the conditions name."""
        return {
            ref.name
            for part in self.parts
            for atom in part.atoms
            for ref in refs_of(atom)
            if (part.pattern if ref.pattern is None else self._index(ref.pattern)) == target
        }

    def _seen_from(self, target: int, held: list[Said]) -> OnOneFact:
        """Return the rule as a condition on one pattern's fact, the others held."""
        number = len(self.rule.patterns)
        when = [
            self._resolved(part.condition, part.pattern, target, held)
            for part in self.parts[1 : 1 + number]
        ]
        ladder = [
            self._resolved(part.condition, part.pattern, target, held)
            for part in self.parts[1 + number :]
        ]
        scope = self._resolved(self.parts[0].condition, self.rule.anchor, target, held)
        return OnOneFact(scope, conjunction(*when), tuple(ladder))

    def _resolved(
        self, condition: Condition, owner: int | None, target: int, held: list[Said]
    ) -> Condition:
        return resolved(condition, owner, target, held, self._index)

    def _index(self, name: str) -> int:
        return next(at for at, each in enumerate(self.rule.patterns) if each.name == name)

    def _facts(
        self, held: list[Said], copies: int, target: int = -1, varied: Said | None = None
    ) -> list[tuple[int, Said]]:
        """Return one fact of each pattern, and of the last as many as are counted.

        `varied` takes the place of one fact of the pattern `target`, the last.
        """
        last = len(held) - 1
        facts = [(at, dict(said)) for at, said in enumerate(held[:-1])]
        facts += [(last, dict(held[last])) for _ in range(copies)]
        if varied is not None:
            at = len(facts) - 1 if target == last else target
            facts[at] = (target, varied)
        return facts

    def _copies(self, held: list[Said]) -> int:
        """Return the least number of facts of the last pattern with which the rule is violated."""
        for copies in range(1, MOST_COPIES if not self.rule.single else 2):
            if self._violated(self._facts(held, copies)):
                return copies
        return 1

    def _violated(self, facts: Sequence[tuple[int, Said]]) -> bool:
        made = tuple(self.make(at, said, copy) for copy, (at, said) in enumerate(facts))
        unit = str(made[0].fields.get("unit"))
        return bool(judge([self.rule], UnitFacts(unit, made)).firings)

    def _count(self, held: list[Said], copies: int) -> None:
        """One fact too few, just enough, one more; and one that belongs to another group."""
        for number in (copies - 1, copies, copies + 1):
            facts = self._facts(held, number)
            if facts:
                self.found.add(Tested("match", None, None, facts=len(facts)), facts)
        for ref in self.rule.per:
            at = len(held) - 1
            if ref.name == "unit" or ref.pattern != self.rule.patterns[at].name:
                continue
            table = KINDS[self.rule.patterns[at].on]
            value = held[at].get(ref.name, self.usual[at].get(ref.name))
            values = domains_of([IsNull(ref)], table, {ref.name: value}, self.others)[ref.name]
            other = next((each for each in values if each not in (value, None)), None)
            if other is not None and copies > 1:
                varied = {**held[at], ref.name: other}
                tested = Tested("match", table[ref.name], other, value, 1)
                self.found.add(tested, self._facts(held, copies, at, varied))


def _tests(
    atom: Atom, part: RulePart, of: Field, values: Sequence[Value | None], pattern: str | None
) -> Iterator[Tested]:
    bound: Value | None = None
    if isinstance(atom, Compare) and isinstance(atom.right, Literal):
        bound = atom.right.value
    for value in values:
        if value is None:
            continue
        place = 0
        if isinstance(value, int) and isinstance(bound, int):
            place = (value > bound) - (value < bound)
        elif value != bound:
            place = 1
        yield Tested(part.where, of, value, bound, place, is_bound(atom), pattern=pattern)
    if of.nullable:
        yield Tested(part.where, of, None, bound, pattern=pattern)
