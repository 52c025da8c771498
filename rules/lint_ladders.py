"""Checks of ladders of reminders: days on which nobody hears anything, steps that hold at once.

A ladder is walked along its days, from before the due date until after it; whatever else is known
of the item (filed or not, whose it is) stays as it is on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from rules.catalogue import OBLIGATION_KINDS
from rules.conditions import (
    And,
    Compare,
    Condition,
    Constant,
    IsNull,
    Literal,
    Not,
    Or,
    Param,
    Value,
    atoms,
    conjunction,
    evaluate,
)
from rules.conditions import fields as fields_of
from rules.invariants import invariants_of
from rules.linting import Linted, Remark, Ruleset
from rules.satisfiability import (
    All,
    Either,
    Formula,
    Space,
    does_not_hold,
    holds,
    simplified,
)
from rules.vocabulary import LintCheck

LONGEST = 400
"""Days beyond which a ladder is not walked."""

Day = Mapping[str, Value]


@dataclass(frozen=True)
class _Axis:
    """The day fields of a kind: until the due date, and since."""

    until: str
    since: str
    passed: str | None
    name: str

    def at(self, day: int) -> Day:
        found: dict[str, Value] = {self.until: max(-day, 0), self.since: max(day, 0)}
        return found if self.passed is None else {**found, self.passed: int(day > 0)}

    def words(self, day: int) -> str:
        if day == 0:
            return f"{self.name}当日"
        return f"{self.name}前{-day}个工作日" if day < 0 else f"逾期{day}个工作日"


_OBLIGATION = _Axis("days_to_due", "days_overdue", "due_passed", "到期")
_FINDING = _Axis("days_to_rectify_due", "days_past_rectify_due", None, "整改期限")


def ladder_gap(ruleset: Ruleset) -> Iterator[Remark]:
    """Days between two steps of a ladder, or after the last, on which no step holds."""
    for (name, kind), steps in _ladders(ruleset).items():
        axis = _OBLIGATION if kind in OBLIGATION_KINDS else _FINDING
        named = {day for each in steps for day in _days_named(each, axis, ruleset)}
        days = {day for day in named if day is not None}
        if kind == "unit" or not days or len(days) < len(named) or max(days) > LONGEST:
            continue
        reach = max(days) + 2
        walk = _Walk(steps, kind, axis, reach, steps[0].space, ruleset)
        for first, last in _stretches(walk.gaps()):
            between = axis.words(first)
            between += f"至{axis.words(last)}" if last > first else ""
            text = f"阶梯 {name} 有空档：{between}，没有任何一步"
            yield walk.before(first).remark(LintCheck.LADDER_GAP, text, "when")
        end = walk.end()
        if end is not None:
            text = f"阶梯 {name} 到{axis.words(end)}为止，此后仍未办结的不再有任何提醒"
            yield walk.before(end + 1).remark(LintCheck.LADDER_GAP, text, "when")


def ladder_overlap(ruleset: Ruleset) -> Iterator[Remark]:
    """Steps of a ladder that hold at once: only the later of them is sent."""
    for (name, _), steps in _ladders(ruleset).items():
        for one, two in combinations(steps, 2):
            assert one.rule.rule.notice is not None
            assert two.rule.rule.notice is not None
            if one.rule.rule.notice.step == two.rule.rule.notice.step:
                continue
            if one.space.possible(one.whole(), two.whole()):
                text = f"阶梯 {name} 的这一步可与 {one.name} 同时成立，只有靠后的一步会发出"
                yield two.remark(LintCheck.LADDER_OVERLAP, text, "when")


def _ladders(ruleset: Ruleset) -> dict[tuple[str, str], list[Linted]]:
    """Return the published steps of each ladder, by ladder and kind, in the order of the files."""
    found: dict[tuple[str, str], list[Linted]] = {}
    for each in ruleset.published:
        outcome = each.rule.rule.notice
        if outcome is not None:
            found.setdefault((outcome.ladder, each.rule.patterns[0].on), []).append(each)
    return found


def _conditions(step: Linted) -> Condition:
    return conjunction(step.rule.scope, step.rule.patterns[0].condition)


def _days_named(step: Linted, axis: _Axis, ruleset: Ruleset) -> Iterator[int | None]:
    """Yield every day a step names; None for a parameter that has had several values."""
    for atom in atoms(_conditions(step)):
        if not isinstance(atom, Compare) or atom.left.name not in (axis.until, axis.since):
            continue
        match atom.right:
            case Literal(int() as value):
                yield abs(value)
            case Param(name):
                yield _only_value(name, ruleset)


def _only_value(name: str, ruleset: Ruleset) -> int | None:
    bounds = ruleset.params.get(name)
    values = set(bounds.values) if bounds is not None else set()
    value = values.pop() if len(values) == 1 else None
    return value if isinstance(value, int) else None


@dataclass(frozen=True)
class _Walk:
    steps: Sequence[Linted]
    kind: str
    axis: _Axis
    reach: int
    space: Space
    ruleset: Ruleset

    def days(self) -> range:
        return range(-self.reach, self.reach + 1)

    def gaps(self) -> list[int]:
        """Return the days on which no step holds, though one did before and one will after."""
        held = {day: self._held(day) for day in self.days()}
        return [
            day
            for day in self.days()
            if self.space.possible(
                self._silent(day),
                _either(held[each] for each in self.days() if each < day),
                _either(held[each] for each in self.days() if each > day),
            )
        ]

    def end(self) -> int | None:
        """Return the last day on which a step may hold; None where the last step has no end."""
        last = self.reach
        held = [self._held(day) for day in self.days() if day < last]
        if not self.space.possible(self._silent(last), _either(held)):
            return None
        silent = self._silent(last)
        return next(
            (day for day in reversed(self.days()) if self.space.possible(silent, self._held(day))),
            None,
        )

    def before(self, day: int) -> Linted:
        """Return the step that holds last before a day."""
        for earlier in range(day - 1, -self.reach - 1, -1):
            for each in reversed(self.steps):
                if self.space.possible(holds(self._on(_conditions(each), earlier))):
                    return each
        return self.steps[0]

    def _held(self, day: int) -> Formula:
        steps = _either(holds(self._on(_conditions(each), day)) for each in self.steps)
        return simplified(All((steps, *self._always(day))))

    def _silent(self, day: int) -> Formula:
        none = (does_not_hold(self._on(_conditions(each), day)) for each in self.steps)
        return simplified(All((*none, *self._always(day))))

    def _always(self, day: int) -> tuple[Formula, ...]:
        """Return what holds of every fact on that day, beside what the space knows."""
        fields = {self.axis.until, self.axis.since, self.axis.passed}
        return tuple(
            holds(self._on(each, day))
            for each in invariants_of(self.kind)
            if any(field.name in fields for field in fields_of(each))
        )

    def _on(self, condition: Condition, day: int) -> Condition:
        """Return the condition on a day: what it asks of the day is decided."""
        fact = self.axis.at(day)
        match condition:
            case IsNull(ref) if ref.name in fact:
                return Constant(False)
            case Compare(ref, operator, right) if ref.name in fact:
                if isinstance(right, Param):
                    value = _only_value(right.name, self.ruleset)
                    assert value is not None  # else the ladder is not walked
                    right = Literal(value)
                return Constant(evaluate(Compare(ref, operator, right), fact))
            case Not(part):
                return Not(self._on(part, day))
            case And(parts):
                return And(tuple(self._on(part, day) for part in parts))
            case Or(parts):
                return Or(tuple(self._on(part, day) for part in parts))
        return condition


def _either(formulas: Iterator[Formula] | Sequence[Formula]) -> Formula:
    return simplified(Either(tuple(formulas)))


def _stretches(days: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of each run of days."""
    first: int | None = None
    for index, day in enumerate(days):
        if first is None:
            first = day
        if index + 1 == len(days) or days[index + 1] != day + 1:
            yield first, day
            first = None
