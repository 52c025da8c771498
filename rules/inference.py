"""Rules over the facts of units, by durable_rules: the only importer of its C module.

`infer` is a pure function of its arguments and runs in the calling process; `rules.pool` runs it in
worker processes, whose start is why everything imported here is light (no pydantic, no sqlglot).

How the engine (2.0.28) is driven, and why:

- Facts, not events; one sid; ids from 1 again for each unit.  The engine knows facts and fields by
  a 32-bit hash of their names only, which has no collision among the numbers and slots used here.
- Each batch ends with a sentinel that must fire: what the engine cannot read of a batch, and all
  that follows it, it drops without an error.
- After each batch the agenda is drained; facts told later join those told before.
- All facts are retracted at the end of a unit.  After a failure the ruleset is abandoned: what it
  still holds is not known.  No ruleset is ever freed: the module leaks or crashes on it.
- Two patterns never bind the same fact (`dist` is on by default).
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
from rules.facts import (
    MAX_COMBINATIONS,
    MAX_ROUNDS,
    Fact,
    Firing,
    InferenceFailed,
    UnitFacts,
    in_order,
)

# A ruleset of 60 rules takes 1.5 MB and stays.  Worker processes are replaced long before.
MAX_RULESETS = 400

# The engine takes 9 KB for each fact of a unit; its hashes of the ids differ far beyond this.
MAX_FACTS = 20_000

_SID = "1"
_COMPACT = (",", ":")
_TAKEN = (0, 1)  # 1: some fact matched nothing
_NAMED = 5  # facts that a failure names

# The engine is not for two threads at once: a unit is many calls on one ruleset.
_TURN = threading.Lock()
_handles: dict[str, int] = {}
_created = 0


def infer(compiled: CompiledRules, units: Iterable[UnitFacts]) -> list[Firing]:
    """Return what fires, by unit, rule and key; the order of units and facts does not matter.

    Raises InferenceFailed; then nothing of the call counts.
    """
    with _TURN:
        return in_order([firing for unit in units for firing in _Judging(compiled, unit).firings()])


def rulesets_held() -> int:
    """Return how many rulesets this process holds, abandoned ones included."""
    return _created


class _Judging:
    """One unit on its way through the rounds."""

    def __init__(self, compiled: CompiledRules, unit: UnitFacts) -> None:
        self.compiled = compiled
        self.unit = unit
        self.combinations = Combinations(compiled, unit)
        self._texts = dict(compiled.texts)

    def firings(self) -> list[Firing]:
        """Run single facts, then matches, then rounds over violations until nothing is new."""
        violations: list[Fact] = []
        for phase in (Phase.SINGLE, Phase.MATCH):
            for ruleset in self._rulesets(phase):
                with _memory(ruleset, self) as memory:
                    memory.tell(self.unit.facts)
            violations += self.combinations.new_violations()
        with ExitStack() as stack:
            chain = [
                stack.enter_context(_memory(ruleset, self))
                for ruleset in self._rulesets(Phase.CHAIN)
            ]
            news: Sequence[Fact] = (*self.unit.facts, *violations) if chain else ()
            for _ in range(MAX_ROUNDS):
                for memory in chain:
                    memory.tell(news)
                news = self.combinations.new_violations()
                if not news:
                    return self.combinations.firings()
        breeding = sorted({str(fact.fields["rule"]) for fact in news})
        raise self.failure(f"findings of {', '.join(breeding)} bring forth new ones without end")

    def code(self, text: str) -> int:
        """Return the integer that stands for a text while this unit is judged."""
        return self._texts.setdefault(text, FIRST_TEXT_CODE + len(self._texts))

    def failure(self, why: str) -> InferenceFailed:
        return InferenceFailed(f"unit {self.unit.unit}: {why}")

    def _rulesets(self, phase: Phase) -> list[Ruleset]:
        return [ruleset for ruleset in self.compiled.rulesets if ruleset.phase is phase]


@contextmanager
def _memory(ruleset: Ruleset, judging: _Judging) -> Iterator[_Memory]:
    """Give the ruleset's working memory; it is emptied in the end, or abandoned on any failure."""
    memory = _Memory(ruleset, judging)
    emptied = False
    try:
        yield memory
        memory.forget()
        emptied = True
    finally:
        if not emptied:
            _handles.pop(ruleset.text, None)


class _Memory:
    """What one ruleset has been told of one unit."""

    def __init__(self, ruleset: Ruleset, judging: _Judging) -> None:
        self._ruleset = ruleset
        self._judging = judging
        self._keys: list[str] = [""]  # by id, which count from 1; a sentinel's is ''
        self._by_kind: dict[str, list[Fact]] = defaultdict(list)
        self._state = 0
        self._handle = self._ruleset_handle()

    def tell(self, facts: Iterable[Fact]) -> None:
        """Give the engine more facts, and note all that fires."""
        batch = [fact for fact in facts if fact.kind in self._ruleset.slots]
        if not batch:
            return
        for fact in batch:
            self._by_kind[fact.kind].append(fact)
        self._check_size()
        encoded = []
        for fact in batch:
            encoded.append({"id": len(self._keys), "sid": _SID, "o": 1, **self._values(fact)})
            self._keys.append(fact.key)
        encoded.append({"id": len(self._keys), "sid": _SID, "k": SENTINEL_KIND})
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
        if len(self._keys) == 1:
            return
        ids = [{"id": number, "sid": _SID} for number in range(1, len(self._keys))]
        self._ask(engine.retract_facts, json.dumps(ids, separators=_COMPACT))
        if self._ask(engine.start_action_for_state, self._state) is not None:
            raise self._refused("it goes on firing after they were retracted")

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
            values[slot.value] = (
                self._judging.code(value) if isinstance(value, str) else int(value or 0)
            )
        return values

    def _check_size(self) -> None:
        if len(self._keys) + sum(map(len, self._by_kind.values())) > MAX_FACTS:
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
        named = ", ".join(keys[:_NAMED]) + (
            f" and {len(keys) - _NAMED} more" * (len(keys) > _NAMED)
        )
        return self._judging.failure(f"the rule engine refused the facts {named}: {why}")

    def _ruleset_handle(self) -> int:
        global _created  # noqa: PLW0603 - rulesets are the process's and are never freed
        text = self._ruleset.text
        if text not in _handles:
            if _created >= MAX_RULESETS:
                raise self._judging.failure(
                    f"this process holds {_created} rulesets, which are never freed; use a new one"
                )
            _created += 1
            try:
                _handles[text] = engine.create_ruleset(f"rules-{_created}", text)
            except (engine.error, MemoryError) as error:
                raise self._judging.failure(
                    f"the rule engine refused the rules: {error}"
                ) from error
        return _handles[text]
