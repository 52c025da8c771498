"""Rules over the facts of units, by durable_rules: the only importer of its C module.

`infer` is a pure function of its arguments and runs in the calling process; `rules.pool` runs it in
worker processes, whose start is why everything imported here is light (no pydantic, no sqlglot).

How the engine (2.0.28) is driven, and why:

- Facts, not events; ids from 1 again for each unit.  The engine knows facts, fields and sids by a
  32-bit hash of their names only, which has no collision among the numbers and slots used here.
- Each batch ends with a sentinel that must fire: what the engine cannot read of a batch, and all
  that follows it, it drops without an error.
- After each batch the agenda is drained; facts told later join those told before.
- Facts that only rules of one pattern saw, in one batch, are retracted at the end of the unit, and
  the next unit uses the same session (sid).
- **Facts that a join has fired for are never retracted.**  `handleDeleteMessage` then counts past
  the end of the fired combination's frame, reads what follows and may write there; it crashed in
  one of 2,000 random cases.  For joins a unit gets a session of its own, 0.1 to 1 MB that stays
  until the process ends; a ruleset takes 1,024 of them.
- After a failure the ruleset is abandoned: what it still holds is not known.  Nothing is ever
  freed: the module leaks or crashes on it.
- Two patterns never bind the same fact (`dist` is on by default).
"""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Any

import durable_rules_engine as engine

from rules.combinations import Combinations, at_most
from rules.compiled import (
    FIRST_TEXT_CODE,
    SENTINEL_KIND,
    SENTINEL_RULE,
    CompiledRules,
    Phase,
    Ruleset,
)
from rules.conditions import evaluate
from rules.facts import (
    MAX_COMBINATIONS,
    MAX_ROUNDS,
    Fact,
    Firing,
    InferenceFailed,
    UnitFacts,
    in_order,
)

# What one process may hold before it must be replaced; a ruleset of 60 rules takes 1.5 MB.
MAX_RULESETS = 400
MAX_SESSIONS = 10_000
SESSIONS_OF_A_RULESET = 1_000

# The engine takes 9 KB for each fact of a unit; its hashes of the ids differ far beyond this.
MAX_FACTS = 20_000

_COMPACT = (",", ":")
_TAKEN = (0, 1)  # 1: some fact matched nothing
_NAMED = 5  # facts that a failure names


@dataclass
class _Loaded:
    """A ruleset that the engine holds, and how many sessions were opened in it."""

    handle: int
    sessions: int = 0


class _Process:
    """What the engine holds in this process."""

    def __init__(self) -> None:
        # The engine is not for two threads at once: a unit is many calls on one session.
        self.turn = threading.Lock()
        self.rulesets = 0
        self.sessions = 0
        self._loaded: dict[tuple[Phase, str], _Loaded] = {}

    def session(self, ruleset: Ruleset) -> tuple[int, str]:
        """Return handle and sid of an empty session; engine.error for rules it does not take."""
        loaded = self._loaded.get((ruleset.phase, ruleset.text))
        if loaded is None or loaded.sessions >= SESSIONS_OF_A_RULESET:
            if self.rulesets >= MAX_RULESETS:
                raise InferenceFailed(_FULL)
            self.rulesets += 1
            loaded = _Loaded(engine.create_ruleset(f"rules-{self.rulesets}", ruleset.text))
            self._loaded[ruleset.phase, ruleset.text] = loaded
        if ruleset.phase is Phase.ALONE:
            return loaded.handle, "1"
        if self.sessions >= MAX_SESSIONS:
            raise InferenceFailed(_FULL)
        self.sessions += 1
        loaded.sessions += 1
        return loaded.handle, str(loaded.sessions)

    def abandon(self, ruleset: Ruleset) -> None:
        self._loaded.pop((ruleset.phase, ruleset.text), None)


_FULL = (
    "this process holds all that the rule engine may, which is never freed; judge many units with "
    "an InferencePool"
)
_process = _Process()


def worn() -> bool:
    """Return whether this process had better be replaced before it judges more units."""
    return _process.rulesets >= MAX_RULESETS // 2 or _process.sessions >= MAX_SESSIONS // 10


def infer(compiled: CompiledRules, units: Iterable[UnitFacts]) -> list[Firing]:
    """Return what fires, by unit, rule and key; the order of units and facts does not matter.

    Raises InferenceFailed; then nothing of the call counts.
    """
    with _process.turn:
        return in_order([firing for unit in units for firing in _Judging(compiled, unit).firings()])


@dataclass
class _Chained:
    """A ruleset about findings, and the facts it has not been told yet."""

    ruleset: Ruleset
    memory: _Memory | None = None
    untold: list[Fact] = field(default_factory=list)


class _Judging:
    """One unit on its way through the rounds."""

    def __init__(self, compiled: CompiledRules, unit: UnitFacts) -> None:
        self.compiled = compiled
        self.unit = unit
        self.combinations = Combinations(compiled, unit)
        self._texts = dict(compiled.texts)

    def firings(self) -> list[Firing]:
        """Run rules of one pattern, joins, then rounds over violations until nothing is new."""
        for ruleset in self._rulesets(Phase.ALONE):
            with _memory(ruleset, self) as memory:
                memory.tell(self.unit.facts)
        known = [*self.unit.facts, *self.combinations.new_violations()]
        for ruleset in self._rulesets(Phase.JOINED):
            if self._may_fire(ruleset, self.unit.facts):
                with _memory(ruleset, self) as memory:
                    memory.tell(self.unit.facts)
        known += self.combinations.new_violations()
        with ExitStack() as stack:
            chain = [_Chained(ruleset) for ruleset in self._rulesets(Phase.CHAINED)]
            news: Sequence[Fact] = known if chain else ()
            for _ in range(MAX_ROUNDS):
                for each in chain:
                    each.untold += news
                    if each.memory is None and self._may_fire(each.ruleset, known):
                        each.memory = stack.enter_context(_memory(each.ruleset, self))
                    if each.memory is not None:
                        each.memory.tell(each.untold)
                        each.untold = []
                news = self.combinations.new_violations()
                known = [*known, *news]
                if not news:
                    return self.combinations.firings()
        breeding = sorted({str(fact.fields["rule"]) for fact in news})
        raise self.failure(f"findings of {', '.join(breeding)} bring forth new ones without end")

    def code(self, text: str) -> int:
        """Return the integer that stands for a text while this unit is judged."""
        return self._texts.setdefault(text, FIRST_TEXT_CODE + len(self._texts))

    def failure(self, why: str) -> InferenceFailed:
        return InferenceFailed(f"unit {self.unit.unit}: {why}")

    def _may_fire(self, ruleset: Ruleset, facts: Sequence[Fact]) -> bool:
        """Return whether a match has facts enough for each of its patterns.

        A session for joins is never freed: it is opened for the few units that need one.
        """
        bound: Counter[int] = Counter()
        for durable in ruleset.durables:
            bound[durable.rule] += prod(
                sum(
                    fact.kind == placed.kind
                    and evaluate(placed.own, {}, {placed.alias: fact.fields}) is True
                    for fact in facts
                )
                for placed in durable.placed
            )
        return any(found >= self.compiled.rules[rule].at_least for rule, found in bound.items())

    def _rulesets(self, phase: Phase) -> list[Ruleset]:
        return [ruleset for ruleset in self.compiled.rulesets if ruleset.phase is phase]


@contextmanager
def _memory(ruleset: Ruleset, judging: _Judging) -> Iterator[_Memory]:
    """Give a session of the ruleset; it is left fit for the next unit, or abandoned on failure."""
    done = False
    try:
        memory = _Memory(ruleset, judging)
        yield memory
        if ruleset.phase is Phase.ALONE:
            memory.forget()
        done = True
    finally:
        if not done:
            _process.abandon(ruleset)


class _Memory:
    """What one session has been told of one unit."""

    def __init__(self, ruleset: Ruleset, judging: _Judging) -> None:
        self._ruleset = ruleset
        self._judging = judging
        self._keys: list[str] = [""]  # by id, which count from 1; a sentinel's is ''
        self._by_kind: dict[str, list[Fact]] = defaultdict(list)
        self._handle, self._sid, self._state = 0, "", 0

    def tell(self, facts: Iterable[Fact]) -> None:
        """Give the engine more facts, and note all that fires."""
        batch = [fact for fact in facts if fact.kind in self._ruleset.slots]
        if not batch:
            return
        for fact in batch:
            self._by_kind[fact.kind].append(fact)
        self._check_size()
        if not self._handle:
            self._open()
        encoded = []
        for fact in batch:
            encoded.append({"id": len(self._keys), "sid": self._sid, "o": 1, **self._values(fact)})
            self._keys.append(fact.key)
        encoded.append({"id": len(self._keys), "sid": self._sid, "k": SENTINEL_KIND})
        self._keys.append("")
        result, self._state = self._ask(
            engine.assert_facts, json.dumps(encoded, separators=_COMPACT)
        )
        if result not in _TAKEN:
            raise self._refused(f"result {result}")
        if not self._drain():
            raise self._refused("it stopped reading them before the end")

    def forget(self) -> None:
        """Take all facts back; nothing may be left to fire."""
        if not self._handle:
            return
        ids = [{"id": number, "sid": self._sid} for number in range(1, len(self._keys))]
        self._ask(engine.retract_facts, json.dumps(ids, separators=_COMPACT))
        if self._ask(engine.start_action_for_state, self._state) is not None:
            raise self._refused("it goes on firing after they were retracted")

    def _open(self) -> None:
        try:
            self._handle, self._sid = _process.session(self._ruleset)
        except (engine.error, MemoryError) as error:
            raise self._judging.failure(f"the rule engine refused the rules: {error}") from error

    def _drain(self) -> bool:
        """Note all that fires; return whether the sentinel did."""
        complete = False
        started = self._ask(engine.start_action_for_state, self._state)
        message = started[1] if started else None
        while message is not None:
            ((name, frame),) = json.loads(message).items()
            if name == SENTINEL_RULE:
                complete = True
            else:
                self._judging.combinations.add(
                    self._ruleset.durables[int(name[1:])],
                    {alias: self._keys[fact["id"]] for alias, fact in frame.items()},
                )
            message = self._ask(engine.complete_and_start_action, self._state)
        return complete

    def _values(self, fact: Fact) -> dict[str, int]:
        values = {"k": self._judging.compiled.kinds[fact.kind]}
        for slot in self._ruleset.slots[fact.kind]:
            value = fact.fields[slot.field]
            if slot.known is not None:
                values[slot.known] = int(value is not None)
            elif value is None:
                raise self._judging.failure(
                    f"fact {fact.key!r} ({fact.kind}): {slot.field} is unknown, which it never is "
                    "by the catalogue"
                )
            code = self._judging.code(value) if isinstance(value, str) else int(value or 0)
            values[slot.value] = code
        return values

    def _check_size(self) -> None:
        if sum(map(len, self._by_kind.values())) > MAX_FACTS:
            raise self._judging.failure(f"more than {MAX_FACTS} facts")
        left = MAX_COMBINATIONS
        for durable in self._ruleset.durables:
            if len(durable.placed) > 1:
                left -= at_most(durable, self._by_kind, MAX_COMBINATIONS)
                if left < 0:
                    rule = self._judging.compiled.rules[durable.rule].id
                    raise self._judging.failure(
                        f"rule {rule} could bind over {MAX_COMBINATIONS} combinations of facts; "
                        "tie its patterns together by a field that must be equal"
                    )

    def _ask(self, function: Callable[..., Any], argument: str | int) -> Any:
        try:
            return function(self._handle, argument)
        except (engine.error, MemoryError) as error:
            raise self._refused(str(error)) from error

    def _refused(self, why: str) -> InferenceFailed:
        keys = [key for key in self._keys if key]
        rest = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
        named = ", ".join(keys[:_NAMED]) + rest
        return self._judging.failure(f"the rule engine refused the facts {named}: {why}")
