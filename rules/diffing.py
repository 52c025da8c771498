"""What changed in meaning between two sets of rules: not lines, but what they find and demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import PurePath

from rules.checked import CheckedRule
from rules.conditions import And, Compare, Condition, Literal, Not, Or
from rules.equivalence import Comparison, Relation, compare
from rules.facts import VIOLATION
from rules.rule_changes import Change, ChangeKind, Values, condition_values, differing, read_too
from rules.rule_text import (
    Texts,
    binding_text,
    condition_texts,
    grouping_text,
    handling_text,
    kinds_text,
    outcome_text,
    severity_text,
    wording_text,
)
from rules.vocabulary import Status

_ANY_DAY = date(2000, 1, 1)  # of rules that use no parameter

Bind = Callable[[CheckedRule, date], CheckedRule | None]


@dataclass(frozen=True)
class Side:
    """One of the two sets.

    bind  the rule with its parameters' values of a day; None where one has none that day
    days  the days on which some value of these parameters begins
    """

    rules: Sequence[CheckedRule]
    bind: Bind
    days: Callable[[frozenset[str]], Iterable[date]]


def diff(old: Side, new: Side) -> tuple[Change, ...]:
    """Return the changes by weight, then in the order of the rules; empty for the same meaning.

    MOVED and REWRITTEN are in it, and change nothing.
    """
    before = {each.rule.id: each for each in old.rules}
    after = {each.rule.id: each for each in new.rules}
    renamed = _renamed(before, after, old, new)
    former = {now: was for was, now in renamed.items()}
    found: list[Change] = []
    for name, rule in after.items():
        was = before.get(former.get(name, name))
        if was is None:
            found.append(_one_sided(ChangeKind.ADDED, rule))
        else:
            found += _Pair(was, rule, old, new, renamed).changes()
    found += [
        _one_sided(ChangeKind.REMOVED, rule)
        for name, rule in before.items()
        if name not in after and name not in renamed
    ]
    weight = list(ChangeKind)
    return tuple(
        sorted(
            found,
            key=lambda each: (
                not each.kind.in_meaning,
                not each.in_force,  # what is published neither before nor after changes nothing yet
                weight.index(each.kind),
            ),
        )
    )


def _one_sided(kind: ChangeKind, rule: CheckedRule) -> Change:
    now = kind is ChangeKind.ADDED
    every = [
        *condition_texts(rule),
        *severity_text(rule),
        *outcome_text(rule),
        ("status", rule.rule.status.value),
    ]
    values = tuple(Values(key, None if now else text, text if now else None) for key, text in every)
    values = read_too(values, None if now else rule, rule if now else None)
    return Change(kind, rule.rule.id, rule.rule.title, rule.source, _published(rule), values=values)


def _published(*rules: CheckedRule) -> bool:
    return any(rule.rule.status is Status.PUBLISHED for rule in rules)


def _renamed(
    before: Mapping[str, CheckedRule], after: Mapping[str, CheckedRule], old: Side, new: Side
) -> dict[str, str]:
    """Return the new id of each rule that went on under another, meaning what it meant."""
    found: dict[str, str] = {}

    def pair(was: CheckedRule, now: CheckedRule) -> _Pair:
        return _Pair(was, now, old, new, found)

    while True:
        gone = [rule for name, rule in before.items() if name not in after and name not in found]
        taken = set(found.values())
        fresh = [rule for name, rule in after.items() if name not in before and name not in taken]
        more = _alike(gone, fresh, pair)
        if not more:  # a rule that names a renamed one may be known only in the next round
            return found
        found |= more


def _alike(
    gone: Sequence[CheckedRule],
    fresh: Sequence[CheckedRule],
    pair: Callable[[CheckedRule, CheckedRule], _Pair],
) -> dict[str, str]:
    found: dict[str, str] = {}
    for rule in gone:
        left = [each for each in fresh if each.rule.id not in found.values()]
        alike = [each for each in left if pair(rule, each).means_the_same()]
        if alike:
            best = min(alike, key=lambda each: _told_apart(rule, each))
            found[rule.rule.id] = best.rule.id
    return found


def _told_apart(old: CheckedRule, new: CheckedRule) -> tuple[bool, int]:
    words = zip(wording_text(old), wording_text(new), strict=True)
    return old.rule.title != new.rule.title, sum(a != b for a, b in words)


class _Pair:
    """One rule before and after; `ids` are the new ids of renamed rules."""

    def __init__(
        self, was: CheckedRule, now: CheckedRule, old: Side, new: Side, ids: Mapping[str, str]
    ) -> None:
        self.was, self.now, self.old, self.new = _naming(was, ids), now, old, new
        self.written = was
        self.names = _names(was, now)

    def means_the_same(self) -> bool:
        """Whether all but the id, the status, the words and the place is the same."""
        quick = (self.names is not None and self.was.second_pass is self.now.second_pass) and all(
            left == right for left, right in (self._outcome(), self._grouping(), self._binding())
        )
        if not quick or self._handling()[0] != self._handling()[1]:
            return False
        judged, _ = self._judged()
        return judged is not None and judged.same and not self._levels_in_another_order()

    def changes(self) -> Iterator[Change]:
        was, now = self.was, self.now
        if was.rule.id != now.rule.id:
            yield self._change(ChangeKind.RENAMED, former=was.rule.id)
        if was.rule.status is not now.rule.status:
            status = Values("status", was.rule.status.value, now.rule.status.value)
            yield self._change(ChangeKind.STATUS, status)
        yield from self._judgement()
        for kind, (left, right) in (
            (ChangeKind.GROUPING, self._grouping()),
            (ChangeKind.OUTCOME, self._outcome()),
            (ChangeKind.HANDLING, self._handling()),
            (ChangeKind.BINDING, self._binding()),
            (ChangeKind.TEXT, (wording_text(was), wording_text(now))),
        ):
            if left != right:
                values = differing(left, right)
                if kind is ChangeKind.OUTCOME and bool(was.severity) is not bool(now.severity):
                    values += differing(severity_text(was), severity_text(now))
                yield self._change(kind, *values)
        files = PurePath(was.source.file).name, PurePath(now.source.file).name
        if files[0] != files[1]:
            yield self._change(ChangeKind.MOVED, Values("file", *files))

    def _judgement(self) -> Iterator[Change]:
        """Yield what changed in the conditions and levels, and how far that reaches."""
        texts = read_too(
            differing(condition_texts(self.written), condition_texts(self.now)),
            self.written,
            self.now,
        )
        steps = differing(severity_text(self.written), severity_text(self.now))
        judged, params = self._judged()
        if judged is None:
            kinds = Values("on", kinds_text(self.was), kinds_text(self.now))
            yield self._change(ChangeKind.KIND, kinds, *texts)
            if steps:
                yield self._change(ChangeKind.SEVERITY, *steps)
            return
        if judged.relation is not Relation.SAME or judged.others:
            shown = texts or condition_values(self.now)
            yield self._change(ChangeKind.CONDITION, *shown, comparison=judged, params=params)
        elif texts:
            yield self._change(ChangeKind.REWRITTEN, *texts)
        both = bool(self.was.severity) and bool(self.now.severity)
        if both and (judged.levels or self._levels_in_another_order()):
            shown = steps or tuple(Values(key, text, text) for key, text in severity_text(self.now))
            yield self._change(ChangeKind.SEVERITY, *shown, comparison=judged, params=params)
        elif steps and both:
            kind = ChangeKind.REWRITTEN if judged.complete else ChangeKind.SEVERITY
            yield self._change(kind, *steps)

    def _judged(self) -> tuple[Comparison | None, tuple[str, ...]]:
        """Return how the bound rules compare, and the parameters if they alone are the cause.

        None where the rules are on facts of other kinds.
        """
        if self.names is None:
            return None, ()
        judged = self._compared(self.old.bind, self.new.bind)
        params = self.was.params & self.now.params
        if judged.same or not params:
            return judged, ()
        alone = self._compared(self.new.bind, self.new.bind)
        return judged, tuple(sorted(params)) if alone.same else ()

    def _compared(self, bind_old: Bind, bind_new: Bind) -> Comparison:
        assert self.names is not None
        days = {*self.old.days(self.was.params), *self.new.days(self.now.params)}
        found = []
        for day in sorted(days) or [_ANY_DAY]:
            was, now = bind_old(self.was, day), bind_new(self.now, day)
            if was is not None and now is not None:
                found.append(compare(was, now, names=self.names))
        pairs = {
            (example.before, example.after): example
            for each in reversed(found)
            for example in each.examples
        }
        return Comparison(tuple(pairs.values()), all(each.complete for each in found))

    def _levels_in_another_order(self) -> bool:
        """Whether a match's finding over several combinations may get another level.

        The first step that holds for any combination counts.
        """
        if self.now.single:
            return False
        was, now = (
            list(dict.fromkeys(level for level, _ in rule.severity))
            for rule in (self.was, self.now)
        )
        return was != now

    def _outcome(self) -> tuple[Texts, Texts]:
        return outcome_text(self.was), outcome_text(self.now)

    def _grouping(self) -> tuple[Texts, Texts]:
        return grouping_text(self.was, self.names or {}), grouping_text(self.now, {})

    def _handling(self) -> tuple[Texts, Texts]:
        return handling_text(self.was), handling_text(self.now)

    def _binding(self) -> tuple[Texts, Texts]:
        return binding_text(self.was), binding_text(self.now)

    def _change(
        self,
        kind: ChangeKind,
        *values: Values,
        comparison: Comparison | None = None,
        former: str | None = None,
        params: tuple[str, ...] = (),
    ) -> Change:
        return Change(
            kind,
            self.now.rule.id,
            self.now.rule.title,
            self.now.source,
            _published(self.was, self.now),
            values=values,
            comparison=comparison,
            former=former,
            params=params,
        )


def _names(was: CheckedRule, now: CheckedRule) -> Mapping[str, str] | None:
    """Return the new name of each of a match's patterns; None where the facts are of other kinds.

    Patterns of the same names belong together, else those in the same place.
    """
    if was.single or now.single:
        alike = was.single and now.single and was.patterns[0].on == now.patterns[0].on
        return {} if alike else None
    kinds = [{pattern.name: pattern.on for pattern in rule.patterns} for rule in (was, now)]
    if kinds[0] == kinds[1]:
        return {name: name for name in kinds[0] if name is not None}
    if list(kinds[0].values()) != list(kinds[1].values()):
        return None
    pairs = zip(kinds[0], kinds[1], strict=True)
    return {left: right for left, right in pairs if left is not None and right is not None}


def _naming(rule: CheckedRule, ids: Mapping[str, str]) -> CheckedRule:
    """Return the rule with the new ids of the rules whose violations it names.

    A stored finding keeps the id it was found under, so rules on findings stay as they are.
    """
    if not ids or all(pattern.on != VIOLATION for pattern in rule.patterns):
        return rule
    kinds = {pattern.name: pattern.on for pattern in rule.patterns}

    def renamed(condition: Condition, own: str | None) -> Condition:
        match condition:
            case Compare(left, operator, Literal(value)):
                kind = kinds[own if left.pattern is None else left.pattern]
                if left.name != "rule" or kind != VIOLATION:
                    return condition
                return Compare(left, operator, Literal(ids.get(str(value), value)))
            case Not(part):
                return Not(renamed(part, own))
            case And(parts):
                return And(tuple(renamed(part, own) for part in parts))
            case Or(parts):
                return Or(tuple(renamed(part, own) for part in parts))
        return condition

    return replace(
        rule,
        scope=renamed(rule.scope, rule.patterns[rule.anchor].name),
        patterns=tuple(
            replace(each, condition=renamed(each.condition, each.name)) for each in rule.patterns
        ),
        severity=tuple((level, renamed(step, None)) for level, step in rule.severity),
    )
