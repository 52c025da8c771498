"""Can conditions hold together?  A small solver over intervals, closed choices and unknowns.

Sound in one direction: `possible` answers False only where no fact whatever makes all formulas
true.  Where it cannot tell (products of fields, too many branches) it answers True.

A formula is two-valued: a comparison asks that its fields are known, and unknown is a test of its
own.  So TRUE, FALSE and NULL of a condition are three formulas that exclude each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from rules.catalogue import Field, FieldType
from rules.conditions import (
    And,
    Compare,
    Condition,
    Constant,
    FieldRef,
    IsNull,
    Known,
    Literal,
    Not,
    Operator,
    Or,
    Param,
    Shifted,
    Value,
)

MAX_STEPS = 20_000

Variable: TypeAlias = tuple[str | None, str]
"""A field by its pattern (None: the only fact) and name; a parameter under `params`."""


@dataclass(frozen=True, slots=True)
class All:
    """True where every part is."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """True where one part is."""

    parts: tuple[Formula, ...]


Formula: TypeAlias = "Compare | Known | All | Either"

TRUE = All(())
FALSE = Either(())


def holds(condition: Condition, own: str | None = None) -> Formula:
    """Return when the condition is TRUE; `own` names the pattern of its unqualified fields."""
    return _when(condition, own, wanted=True)


def does_not_hold(condition: Condition, own: str | None = None) -> Formula:
    """Return when the condition is not TRUE: FALSE or unknown."""
    return opposite(holds(condition, own))


def opposite(formula: Formula) -> Formula:
    """Return the formula that is true where this one is not."""
    match formula:
        case All(parts):
            return Either(tuple(opposite(part) for part in parts))
        case Either(parts):
            return All(tuple(opposite(part) for part in parts))
        case Known(ref, wanted):
            return Known(ref, not wanted)
        case Compare(left, operator, right):
            return Compare(left, operator.negated, right)
    assert_never(formula)


def simplified(formula: Formula) -> Formula:
    """Return the same formula without parts that are decided or stand twice."""
    match formula:
        case All(parts) | Either(parts):
            neutral, deciding = (TRUE, FALSE) if isinstance(formula, All) else (FALSE, TRUE)
            kept: dict[Formula, None] = {}
            for part in map(simplified, parts):
                if part == deciding:
                    return deciding
                if isinstance(part, type(formula)):
                    kept.update(dict.fromkeys(part.parts))
                elif part != neutral:
                    kept[part] = None
            return next(iter(kept)) if len(kept) == 1 else type(formula)(tuple(kept))
    return formula


def _when(condition: Condition, own: str | None, *, wanted: bool) -> Formula:
    match condition:
        case Constant(value):
            return TRUE if value is wanted else FALSE
        case IsNull(ref):
            if not ref.nullable:
                return FALSE if wanted else TRUE
            return Known(_of(ref, own), not wanted)
        case Compare(left, operator, right):
            named = [left]
            if isinstance(right, Shifted):
                named.append(right.field)
                right = Shifted(_of(right.field, own), right.plus)
            known = [Known(_of(ref, own), True) for ref in named if ref.nullable]
            test = Compare(_of(left, own), operator if wanted else operator.negated, right)
            return All((*known, test)) if known else test
        case Not(part):
            return _when(part, own, wanted=not wanted)
        case And(parts) | Or(parts):
            together = isinstance(condition, And) is wanted
            inner = tuple(_when(part, own, wanted=wanted) for part in parts)
            return All(inner) if together else Either(inner)
    assert_never(condition)


def _of(ref: FieldRef, own: str | None) -> FieldRef:
    return ref if ref.pattern is not None or own is None else replace(ref, pattern=own)


@dataclass(frozen=True)
class Bounds:
    """What a parameter may be: its type, and the values it ever has (none: any)."""

    type: FieldType
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Space:
    """The facts that may be: fields by pattern and name, parameters, what holds of each fact."""

    fields: Mapping[str | None, Mapping[str, Field]]
    params: Mapping[str, Bounds] = field(default_factory=dict)
    always: tuple[Formula, ...] = ()

    def possible(self, *formulas: Formula) -> bool:
        """Return False only where no fact makes all the formulas true at once."""
        return _Search(self).run([*formulas, *self.always])

    def given(self, *formulas: Formula) -> Space:
        """Return the part of the space where the formulas are true."""
        return replace(self, always=(*self.always, *formulas))


@dataclass(frozen=True, slots=True)
class _Domain:
    """What one variable may still be.  `known` None: not decided."""

    known: bool | None = None
    low: int | None = None
    high: int | None = None
    among: frozenset[str] | None = None
    other_than: frozenset[Value] = frozenset()

    def empty(self) -> bool:
        if self.known is False:
            return False
        if self.among is not None:
            return not self.among - self.other_than
        if self.low is None or self.high is None:
            return False
        width = self.high - self.low + 1
        if width > len(self.other_than):
            return width <= 0
        return all(value in self.other_than for value in range(self.low, self.high + 1))


@dataclass(frozen=True, slots=True)
class _Edge:
    """`left - right <= most`; `right` None is zero."""

    left: Variable | None
    right: Variable | None
    most: int


@dataclass(frozen=True, slots=True)
class _State:
    domains: Mapping[Variable, _Domain]
    edges: tuple[_Edge, ...] = ()
    same: tuple[tuple[Variable, Variable], ...] = ()


class _TooMany(Exception):
    pass


class _Search:
    def __init__(self, space: Space) -> None:
        self.space = space
        self.steps = 0

    def run(self, formulas: list[Formula]) -> bool:
        try:
            return self._search(formulas, _State({}))
        except _TooMany:
            return True

    def _search(self, pending: list[Formula], state: _State | None) -> bool:
        """Take what must be true, leave out of each choice what no longer can be, then try."""
        choices: list[Either] = []
        stack = list(pending)
        while stack:
            while stack:
                self.steps += 1
                if self.steps > MAX_STEPS:
                    raise _TooMany
                formula = stack.pop()
                match formula:
                    case All(parts):
                        stack.extend(parts)
                    case Either():
                        choices.append(formula)
                    case _:
                        state = self._with(state, formula)
                        if state is None:
                            return False
            assert state is not None
            open_choices = []
            for choice in choices:
                left = self._left_of(choice, state)
                if left is None:
                    continue
                if not left.parts:
                    return False
                if len(left.parts) > 1:
                    open_choices.append(left)
                else:
                    stack += left.parts
            choices = open_choices
        assert state is not None
        if not _consistent(state):
            return False
        if not choices:
            return True
        first = min(choices, key=lambda each: len(each.parts))
        rest = [each for each in choices if each is not first]
        return any(self._search([part, *rest], state) for part in first.parts)

    def _left_of(self, choice: Either, state: _State) -> Either | None:
        """Return the parts that may still be true; None where one of them is already."""
        parts = []
        for part in choice.parts:
            if isinstance(part, Compare | Known):
                if self._with(state, part) is None:
                    continue
                if isinstance(part, Known) and self._decided(state, part):
                    return None
            elif part == TRUE:
                return None
            parts.append(part)
        return Either(tuple(parts))

    def _decided(self, state: _State, test: Known) -> bool:
        variable = _variable(test.field)
        domain = state.domains.get(variable) or self._start(variable)
        return domain.known is test.wanted

    def _with(self, state: _State | None, test: Compare | Known) -> _State | None:
        """Return what is left when the test is true; None for nothing."""
        assert state is not None
        match test:
            case Known(ref, wanted):
                return self._narrowed(state, _variable(ref), known=wanted)
            case Compare(left, operator, Literal(value)):
                return self._compared(state, _variable(left), operator, value)
            case Compare(left, operator, Param(name)):
                bounds = self.space.params.get(name)
                if bounds is not None and len(set(bounds.values)) == 1:
                    return self._compared(state, _variable(left), operator, bounds.values[0])
                return self._joined(state, _variable(left), operator, ("params", name), 0)
            case Compare(left, operator, Shifted(right, plus)):
                return self._joined(state, _variable(left), operator, _variable(right), plus)
        raise AssertionError(test)

    def _start(self, variable: Variable) -> _Domain:
        pattern, name = variable
        if pattern == "params":
            bounds = self.space.params.get(name)
            if bounds is None:
                return _Domain(known=True)
            numbers = [value for value in bounds.values if isinstance(value, int)]
            texts = frozenset(value for value in bounds.values if isinstance(value, str))
            low, high = (min(numbers), max(numbers)) if numbers else (None, None)
            return _Domain(known=True, low=low, high=high, among=texts or None)
        of = self.space.fields[pattern][name]
        known = None if of.nullable else True
        match of.type:
            case FieldType.BOOL:
                return _Domain(known, 0, 1)
            case FieldType.CHOICE:
                return _Domain(known, among=frozenset(of.choices))
            case FieldType.TEXT:
                return _Domain(known)
        return _Domain(known, low=of.minimum)

    def _narrowed(
        self,
        state: _State,
        variable: Variable,
        *,
        known: bool = True,
        low: int | None = None,
        high: int | None = None,
        among: frozenset[str] | None = None,
        other_than: Value | None = None,
    ) -> _State | None:
        domain = state.domains.get(variable) or self._start(variable)
        if domain.known is not None and domain.known is not known:
            return None
        narrower = _Domain(
            known,
            domain.low if low is None else low if domain.low is None else max(low, domain.low),
            domain.high
            if high is None
            else high
            if domain.high is None
            else min(high, domain.high),
            domain.among
            if among is None
            else among
            if domain.among is None
            else domain.among & among,
            domain.other_than if other_than is None else domain.other_than | {other_than},
        )
        if narrower == state.domains.get(variable):
            return state
        if narrower.empty():
            return None
        return _State({**state.domains, variable: narrower}, state.edges, state.same)

    def _compared(
        self, state: _State, variable: Variable, operator: Operator, value: Value
    ) -> _State | None:
        if operator is Operator.NE:
            return self._narrowed(state, variable, other_than=value)
        if isinstance(value, str):
            return self._narrowed(state, variable, among=frozenset({value}))
        low, high = _interval(operator, value)
        return self._narrowed(state, variable, low=low, high=high)

    def _joined(
        self, state: _State, left: Variable, operator: Operator, right: Variable, plus: int
    ) -> _State | None:
        """Two variables: both are known, and their difference is bounded."""
        both = self._narrowed(state, left)
        both = self._narrowed(both, right) if both is not None else None
        if both is None or operator is Operator.NE:
            return both
        if self._is_text(left):
            return replace(both, same=(*both.same, (left, right)))
        edges = list(both.edges)
        if operator in (Operator.EQ, Operator.LE, Operator.LT):
            edges.append(_Edge(left, right, plus - (operator is Operator.LT)))
        if operator in (Operator.EQ, Operator.GE, Operator.GT):
            edges.append(_Edge(right, left, -plus - (operator is Operator.GT)))
        return replace(both, edges=tuple(edges))

    def _is_text(self, variable: Variable) -> bool:
        pattern, name = variable
        of = self.space.fields[pattern][name]
        return of.type in (FieldType.TEXT, FieldType.CHOICE)


def _variable(ref: FieldRef) -> Variable:
    return ref.pattern, ref.name


def _interval(operator: Operator, value: int) -> tuple[int | None, int | None]:
    match operator:
        case Operator.EQ:
            return value, value
        case Operator.LT:
            return None, value - 1
        case Operator.LE:
            return None, value
        case Operator.GT:
            return value + 1, None
        case Operator.GE:
            return value, None
    raise AssertionError(operator)


def _consistent(state: _State) -> bool:
    return _texts_agree(state) and _differences_agree(state)


def _texts_agree(state: _State) -> bool:
    """Whether the texts that must be equal have a value in common."""
    groups: list[set[Variable]] = []
    for pair in state.same:
        touched = [group for group in groups if not group.isdisjoint(pair)]
        groups = [group for group in groups if group not in touched]
        groups.append(set(pair).union(*touched))
    for group in groups:
        limited = [d.among for d in map(state.domains.__getitem__, group) if d.among is not None]
        excluded = frozenset[Value]().union(*(state.domains[each].other_than for each in group))
        if limited and not frozenset.intersection(*limited) - excluded:
            return False
    return True


def _differences_agree(state: _State) -> bool:
    """Bellman and Ford: bounds on differences hold together unless they close a negative circle."""
    if not state.edges:
        return True
    edges = [*state.edges, *_own_bounds(state)]
    nodes = {node for edge in edges for node in (edge.left, edge.right)}
    distance: dict[Variable | None, int] = dict.fromkeys(nodes, 0)
    for _ in range(len(nodes)):
        changed = False
        for edge in edges:
            if distance[edge.right] + edge.most < distance[edge.left]:
                distance[edge.left] = distance[edge.right] + edge.most
                changed = True
        if not changed:
            return True
    return False


def _own_bounds(state: _State) -> Iterator[_Edge]:
    for variable in {each for edge in state.edges for each in (edge.left, edge.right)}:
        if variable is None:
            continue
        domain = state.domains[variable]
        if domain.high is not None:
            yield _Edge(variable, None, domain.high)
        if domain.low is not None:
            yield _Edge(None, variable, -domain.low)
