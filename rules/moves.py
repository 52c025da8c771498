"""Single steps that change a fact: read off a condition's bounds, worded by `rules.remedies`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rules.catalogue import KINDS, OBLIGATION_KINDS, Field
from rules.conditions import (
    Compare,
    Condition,
    IsNull,
    Literal,
    Operator,
    Value,
    atoms,
)
from rules.constants import SCALE
from rules.facts import VIOLATION, Fact
from rules.field_names import KIND_NAMES
from rules.reading import Words, day_in_chinese, read_value
from rules.remedies import (
    ACCEPT,
    DRIVEN_BY_VALUE,
    EXTEND,
    EXTEND_SOME,
    FILE,
    FILE_AGAIN,
    REFILE,
    REMEDIES,
    RESOLVE,
    Actor,
    Fields,
    extended_fields,
    filed_fields,
    value_reaching,
    with_claim,
    with_value,
)

FILING = "file"

_UNSAID = frozenset({"signed", "done", "claimed"})
"""What a unit can say by itself where nothing is known; all else is reckoned from what it files."""


_SHORT_OF = frozenset({"gap", "shortfall", "behind", "excess"})
"""Differences that are better smaller."""


@dataclass(frozen=True)
class Situation:
    """What is known of a fact beyond its fields.

    item      what is filed: 落实方案（2022年度）
    verb      what is done to reach a target: 培训
    unit      what it counts: 人
    whole     it is counted in ones
    measured  ledgers bear it out
    today     the day the fact is of, as an ordinal
    next_day  the next working day after it, to which a due date may be put off
    which     by field: the items that a number counts, in brackets
    """

    item: str = ""
    verb: str = "完成"
    unit: str = ""
    whole: bool = True
    measured: bool = True
    today: int | None = None
    next_day: int | None = None
    which: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Move:
    """One step: `apply` gives the fields afterwards, None where the fact is there no more.

    `drivers` is what it moves: filing, and what is filed with it.  Two moves of one driver, filing
    apart, are never made together.  `distance` is how far it goes; moves are made by `order`.
    """

    drivers: tuple[str, ...]
    actor: Actor
    text: str
    distance: int
    order: int
    apply: Callable[[Fields], Fields | None]


def moves_on(fact: Fact, condition: Condition, situation: Situation) -> Iterator[Move]:
    """Yield the steps that could turn some part of the condition, as the fact stands."""
    if fact.kind == VIOLATION:
        yield Move(("violation",), Actor.UNIT, RESOLVE, 1, 9, lambda _: None)
        return
    if fact.kind not in OBLIGATION_KINDS:
        return
    seen: set[tuple[tuple[str, ...], str]] = set()
    for move in _Mover(fact, situation).moves(condition):
        if (move.drivers, move.text) not in seen:
            seen.add((move.drivers, move.text))
            yield move


class _Mover:
    def __init__(self, fact: Fact, situation: Situation) -> None:
        self.kind, self.now, self.situation = fact.kind, fact.fields, situation
        self.table = KINDS[fact.kind]
        self.base = self._filed(fact.fields)
        self.words = Words(self.table, target_unit=situation.unit)

    def _filed(self, fields: Fields) -> Fields:
        return filed_fields(self.kind, fields, measured=self.situation.measured)

    def moves(self, condition: Condition) -> Iterator[Move]:
        if not self.now.get("filed"):
            yield Move((FILING,), Actor.UNIT, self._filing(), 1, 2, self._filed)
        yield from self._extension(1)
        if self.now.get("state") == "submitted":
            yield Move(
                ("accept",), Actor.OFFICE, ACCEPT, 1, 3, lambda f: dict(f) | {"state": "accepted"}
            )
        for atom in atoms(condition):
            if isinstance(atom, IsNull):
                continue
            left, right = atom.left, atom.right
            if left.pattern is not None or not isinstance(right, Literal):
                continue
            if left.name not in self.base or left.name not in self.table:
                continue
            yield from self._of_atom(atom, right.value)

    def _of_atom(self, atom: Compare, bound: Value) -> Iterator[Move]:
        name, now = atom.left.name, self.base[atom.left.name]
        if not isinstance(bound, int):
            return
        start = now if isinstance(now, int) else 0
        for operator in (atom.operator, atom.operator.negated):
            for wanted in nearest(start, operator, bound, self._step(name)):
                if wanted == now:
                    continue
                if name in ("days_to_due", "due_on"):
                    yield from self._later(name, wanted)
                elif wanted >= 0 or name == "claim_gap":
                    yield from self._to(name, wanted, bound)

    def _step(self, name: str) -> int:
        # a count is one more or less; a decimal goes just past its bound
        amount = name in ("value", "claimed", "attendances", "claim_gap")
        return SCALE if amount and self.situation.whole else 1

    # --- What the office does --------------------------------------------------------------------

    def _extension(self, days: int) -> Iterator[Move]:
        after = self.situation.next_day
        text = EXTEND_SOME if after is None else EXTEND.format(day=day_in_chinese(after))
        if self.now.get("due_passed") or self.now.get("days_overdue"):
            yield Move(
                ("extend",),
                Actor.OFFICE,
                text,
                days,
                1,
                lambda f: extended_fields(f, due_on=after, days_to_due=days),
            )

    def _later(self, name: str, wanted: int) -> Iterator[Move]:
        now = self.now.get(name)
        if not isinstance(now, int) or wanted <= now:
            return
        today = self.situation.today
        if name == "days_to_due":
            text = f"{EXTEND_SOME}（新时限距今不少于{wanted}个工作日）"
            due_on = self.situation.next_day
            days = wanted
        else:
            if today is not None and wanted <= today:
                return
            text = f"{EXTEND_SOME}（新时限不早于{day_in_chinese(wanted)}）"
            due_on, days = wanted, 1
        yield Move(
            ("extend",),
            Actor.OFFICE,
            text,
            wanted - now,
            1,
            lambda f: extended_fields(f, due_on=due_on, days_to_due=days),
        )

    # --- What the unit does ----------------------------------------------------------------------

    def _filing(self) -> str:
        item = self.situation.item
        item = f"“{item}”" if item else KIND_NAMES[self.kind]
        return (FILE_AGAIN if self.now.get("state") == "returned" else FILE).format(item=item)

    def _refiling(self) -> str:
        if not self.now.get("filed"):
            return self._filing()
        item = self.situation.item
        return REFILE.format(item=f"“{item}”" if item else KIND_NAMES[self.kind])

    def _to(self, name: str, wanted: int, bound: int) -> Iterator[Move]:
        if name == "claim_gap":
            yield from self._claim(wanted)
        elif self.kind == "target" and name in DRIVEN_BY_VALUE:
            value = value_reaching(name, wanted, self.base, whole=self.situation.whole)
            if value is not None and not self._worse(name, wanted, value):
                yield from self._content("value", value, lambda f: with_value(f, value))
        elif name == "claimed":
            yield from self._content("claimed", wanted, lambda f: with_claim(f, wanted))
        elif name in ("count", "done"):
            count = int(bool(wanted)) if name == "done" else wanted
            yield from self._content(name, wanted, lambda f: _with_count(f, name, count))
        elif name in REMEDIES:
            yield from self._content(name, wanted, lambda f: dict(f) | {name: wanted}, bound)

    def _worse(self, name: str, wanted: int, value: int) -> bool:
        """Whether a rule would be left by doing worse: who is within the band need not leave it."""
        now, reached, target = (self.base.get(each) for each in (name, "value", "target"))
        if name in _SHORT_OF and isinstance(now, int):
            return wanted > now
        less = isinstance(reached, int) and value < reached
        return less and isinstance(target, int) and value < target

    def _claim(self, wanted: int) -> Iterator[Move]:
        value, claimed = self.base.get("value"), self.base.get("claimed")
        if not isinstance(value, int):
            return
        claim = value + wanted
        if claim >= 0:
            yield from self._content("claimed", claim, lambda f: with_claim(f, claim))
        if isinstance(claimed, int) and claimed - wanted > value:
            raised = claimed - wanted
            yield from self._content(
                "value", raised, lambda f: with_value(f, raised), phrased="rows"
            )

    def _content(
        self,
        name: str,
        wanted: int,
        change: Callable[[Fields], Fields],
        bound: int | None = None,
        phrased: str | None = None,
    ) -> Iterator[Move]:
        """A step in what is filed; where nothing is filed it is filed with that."""
        found = self.base.get(name)
        if found is None and name not in _UNSAID:
            return
        now = found if isinstance(found, int) else 0
        remedy, field_ = REMEDIES[phrased or name], self.table[name]
        phrase = remedy.higher if wanted > now else remedy.lower
        if not phrase:
            return
        shown = self._shown(field_, wanted)
        if name == "copied_share":
            shown = self._share(wanted, bound)
        text = phrase.format(
            by=self._shown(field_, abs(wanted - now)),
            now=self._shown(field_, now),
            to=shown,
            which=self.situation.which.get(name, "") if wanted == 0 else "",
            verb=self.situation.verb,
            file=self._refiling(),
        )
        if not self.now.get("filed") and name == "count" and wanted > now:
            text = f"{self._filing()}，台账中符合核算口径的记录达到{shown}"
        elif not self.now.get("filed"):
            text = text.replace("并报送台账", f"并{self._filing()}")
            if self._filing() not in text:
                text = f"{self._filing()}，其中{text}"

        def apply(fields: Fields) -> Fields:
            return change(self._filed(fields) if not fields.get("filed") else _refiled(fields))

        drivers = (name,) if self.now.get("filed") else (FILING, name)
        yield Move(drivers, Actor.UNIT, text, abs(wanted - now), 4, apply)

    def _share(self, wanted: int, bound: int | None) -> str:
        field_ = self.table["copied_share"]
        if bound is not None and wanted < bound:
            return f"低于{self._shown(field_, bound)}"
        return f"不超过{self._shown(field_, wanted)}"

    def _shown(self, field_: Field, value: int) -> str:
        return read_value(field_, value, self.words)


def _refiled(fields: Fields) -> dict[str, Value | None]:
    after = dict(fields)
    versions = after.get("versions")
    if isinstance(versions, int):
        after["versions"] = versions + 1
    if "state" in after:
        after["state"] = "submitted"
    return after


def _with_count(fields: Fields, name: str, count: int) -> dict[str, Value | None]:
    after = dict(fields)
    if name == "count" or after.get("count") is not None:
        after["count"] = count
    after["done"] = int(count > 0)
    return {each: value for each, value in after.items() if each in fields}


def nearest(start: int, operator: Operator, bound: int, step: int) -> list[int]:
    """Return the values nearest to `start` that stand to `bound` as the operator says."""
    match operator:
        case Operator.EQ:
            return [bound]
        case Operator.NE:
            return [start] if start != bound else [bound + step, bound - step]
        case Operator.LT:
            return [min(start, bound - step)]
        case Operator.LE:
            return [min(start, bound)]
        case Operator.GT:
            return [max(start, bound + step)]
    return [max(start, bound)]
