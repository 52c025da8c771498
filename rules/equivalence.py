"""Do two rules judge every fact alike?  Proof by cases, or a fact that they judge differently.

The tests of both rules cut each field's values into finitely many regions; all facts of the same
regions are judged alike.  Every combination of regions on which the two might differ is looked at,
so "the same" and "wider" are proofs.  Beyond MOST_CASES nothing is claimed but what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from rules.catalogue import KINDS, Field
from rules.checked import CheckedRule
from rules.conditions import Constant, FieldRef, Value
from rules.normal_form import (
    FALSE,
    NULL,
    TRUE,
    Gap,
    Normal,
    Rename,
    Test,
    Variable,
    every,
    normal,
    substituted,
    tests,
    variables,
)
from rules.regions import FieldOf, Region, fact_of, regions_of
from rules.vocabulary import Level

MOST_CASES = 4_000
"""Some three seconds; rules of the 2022 pack need under a hundred."""

Tables = Mapping[str, Mapping[str, Field]]


class Verdict(StrEnum):
    """What a rule says of a fact, or of one combination of facts."""

    OUTSIDE = "outside"
    SATISFIED = "satisfied"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`level` goes with a violated finding."""

    verdict: Verdict
    level: Level | None = None


@dataclass(frozen=True)
class Example:
    """Values that the two rules judge differently, by pattern (None for an `on` rule).

    Fields that are not named may have any value.
    """

    before: Outcome
    after: Outcome
    fields: Mapping[FieldRef, Value | None]


class Relation(StrEnum):
    """How what is violated now lies to what was."""

    SAME = "same"
    WIDER = "wider"
    NARROWER = "narrower"
    DIFFERENT = "different"
    UNPROVEN = "unproven"


@dataclass(frozen=True)
class Comparison:
    """One example for each pair of outcomes that occurs; `complete` if every case was looked at."""

    examples: tuple[Example, ...]
    complete: bool

    @property
    def same(self) -> bool:
        """Whether every fact is proved to be judged alike."""
        return self.complete and not self.examples

    @property
    def gained(self) -> Example | None:
        """What is violated now and was not."""
        return self._first(Verdict.VIOLATED, now=True)

    @property
    def lost(self) -> Example | None:
        """What was violated and is no longer."""
        return self._first(Verdict.VIOLATED, now=False)

    @property
    def relation(self) -> Relation:
        """Of what is violated alone, whatever its level; a proof unless different or unproven."""
        if self.gained and self.lost:
            return Relation.DIFFERENT
        if not self.complete:
            return Relation.DIFFERENT if self.gained or self.lost else Relation.UNPROVEN
        if self.gained:
            return Relation.WIDER
        return Relation.NARROWER if self.lost else Relation.SAME

    @property
    def levels(self) -> tuple[Example, ...]:
        """What is violated before and after at another level."""
        return tuple(
            each
            for each in self.examples
            if each.before.verdict is each.after.verdict is Verdict.VIOLATED
        )

    @property
    def others(self) -> tuple[Example, ...]:
        """What is violated neither before nor after, but judged differently."""
        return tuple(
            each
            for each in self.examples
            if Verdict.VIOLATED not in (each.before.verdict, each.after.verdict)
        )

    def _first(self, verdict: Verdict, *, now: bool) -> Example | None:
        for each in self.examples:
            was, is_ = each.before.verdict is verdict, each.after.verdict is verdict
            if was is not is_ and is_ is now:
                return each
        return None


def compare(
    old: CheckedRule, new: CheckedRule, *, names: Mapping[str, str], tables: Tables = KINDS
) -> Comparison:
    """Compare what two bound rules say of each fact, or each combination of a match's facts.

    `names` maps the old rule's patterns to the new one's (empty for `on` rules); examples use the
    new names.  The patterns that belong together must be on one kind.
    """
    kinds = {pattern.name: pattern.on for pattern in new.patterns}

    def field_of(field: FieldRef) -> Field:
        return tables[kinds[field.pattern]][field.name]

    before, after = _judge(old, names), _judge(new, {})
    anchors = [rule.patterns[rule.anchor].name for rule in (old, new)]
    if names.get(anchors[0] or "", anchors[0]) != anchors[1]:
        # The scopes speak of different facts of the match: only what is violated can be compared.
        before, after = (replace(each, scope=TRUE).reduced() for each in (before, after))
    return _Search(before, after, field_of).comparison()


# --- One rule on its way to an outcome ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Judge:
    """What is left to know of a rule; as long as `outcome` has none."""

    scope: Normal
    whole: Normal
    steps: tuple[tuple[Level, Normal], ...]

    def outcome(self) -> Outcome | None:
        if self.scope == FALSE:
            return Outcome(Verdict.OUTSIDE)
        if self.whole == TRUE:
            if not self.steps:
                return Outcome(Verdict.VIOLATED)
            level, step = self.steps[0]
            return Outcome(Verdict.VIOLATED, level) if step == TRUE else None
        if isinstance(self.whole, Constant) and isinstance(self.scope, Constant):
            verdict = Verdict.SATISFIED if self.whole == FALSE else Verdict.UNDECIDED
            return Outcome(verdict)
        return None

    def reduced(self) -> _Judge:
        """Return it without what no longer matters, so that equal rests are equal."""
        if self.scope == FALSE:
            return _OUTSIDE
        if isinstance(self.whole, Constant) and self.whole != TRUE:
            return _Judge(self.scope, self.whole, ())
        kept = [(level, step) for level, step in self.steps if step not in (FALSE, NULL)]
        for place, (_, step) in enumerate(kept):
            if step == TRUE:
                del kept[place + 1 :]
                break
        while len(kept) > 1 and kept[-2][0] is kept[-1][0] and kept[-1][1] == TRUE:
            del kept[-2]
        return _Judge(self.scope, self.whole, tuple(kept))

    def knowing(self, variable: Variable, value: Value | None) -> _Judge:
        return _Judge(
            substituted(self.scope, variable, value),
            substituted(self.whole, variable, value),
            tuple((level, substituted(step, variable, value)) for level, step in self.steps),
        ).reduced()

    def parts(self) -> tuple[Normal, ...]:
        return (self.scope, self.whole, *(step for _, step in self.steps))


_OUTSIDE = _Judge(FALSE, FALSE, ())


def _judge(rule: CheckedRule, names: Mapping[str, str]) -> _Judge:
    def of(own: str | None) -> Rename:
        def renamed(field: FieldRef) -> FieldRef:
            name = field.pattern or own
            return replace(field, pattern=None if name is None else names.get(name, name))

        return renamed

    scope = normal(rule.scope, of(rule.patterns[rule.anchor].name))
    own = [normal(pattern.condition, of(pattern.name)) for pattern in rule.patterns]
    steps = tuple((level, normal(step, of(None))) for level, step in rule.severity)
    return _Judge(scope, every([scope, *own]), steps).reduced()


# --- The search -----------------------------------------------------------------------------------


class _TooMany(Exception):
    pass


class _Search:
    def __init__(self, before: _Judge, after: _Judge, field_of: FieldOf) -> None:
        self.before, self.after, self.field_of = before, after, field_of
        parts = (*before.parts(), *after.parts())
        self.order = sorted(
            {variable for part in parts for variable in _with_bounds(variables(part))}, key=_rank
        )
        found: list[Test] = [test for part in parts for test in tests(part)]
        self.regions = {each: regions_of(each, found, field_of) for each in self.order}
        gaps = [each for each in self.order if isinstance(each, Gap)]
        self.tied = {field for gap in gaps for field in gap.fields} | set(gaps)
        self.seen: set[object] = set()
        self.cases = 0
        self.examples: dict[tuple[Outcome, Outcome], Example] = {}

    def comparison(self) -> Comparison:
        complete = True
        try:
            self._look(self.before, self.after, [])
        except _TooMany:
            complete = False
        return Comparison(tuple(self.examples.values()), complete)

    def _look(self, before: _Judge, after: _Judge, path: list[tuple[Variable, Region]]) -> None:
        if before == after:
            return
        outcomes = before.outcome(), after.outcome()
        if outcomes[0] is not None and outcomes[1] is not None:
            self._differ(outcomes[0], outcomes[1], path)
            return
        # What is tied to other fields may exclude what comes later: such paths are not one case.
        tied = frozenset(step for step in path if step[0] in self.tied)
        if (before, after, tied) in self.seen:
            return
        self.seen.add((before, after, tied))
        self.cases += 1
        if self.cases > MOST_CASES:
            raise _TooMany
        variable = self._next(before, after, path)
        for region in self.regions[variable]:
            longer = [*path, (variable, region)]
            if isinstance(variable, Gap) and fact_of(longer, self.field_of) is None:
                continue
            value = region.value
            self._look(before.knowing(variable, value), after.knowing(variable, value), longer)

    def _next(
        self, before: _Judge, after: _Judge, path: Sequence[tuple[Variable, Region]]
    ) -> Variable:
        """Return the first variable on which something depends; a gap's own fields before it."""
        known = {variable for variable, _ in path}
        open_ = {each for part in (*before.parts(), *after.parts()) for each in variables(part)}
        needed = _with_bounds(open_) - known
        return next(each for each in self.order if each in needed)

    def _differ(
        self, before: Outcome, after: Outcome, path: Sequence[tuple[Variable, Region]]
    ) -> None:
        if before == after or (before, after) in self.examples:
            return
        fields = fact_of(path, self.field_of)
        if fields is not None:
            self.examples[before, after] = Example(before, after, fields)


def _with_bounds(found: frozenset[Variable] | set[Variable]) -> set[Variable]:
    bounds = {field for each in found if isinstance(each, Gap) for field in each.fields}
    return {*found, *bounds}


def _rank(variable: Variable) -> tuple[int, str, str, str]:
    """Return the order in which variables are looked at: what a reader expects first, gaps last."""
    if isinstance(variable, Gap):
        return 1, str(variable.left), str(variable.right), ""
    return 0, "", variable.pattern or "", variable.name
