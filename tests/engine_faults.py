"""Functions in place of `infer` for `InferencePool(infer=…)`: what may go wrong in a worker."""

from __future__ import annotations

import os
import signal
import stat
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rules.compiled import CompiledRules
from rules.facts import Fact, Firing, UnitFacts
from rules.inference import infer


def killed(compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
    """The process is killed from outside, as by the kernel when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
    return infer(compiled, units)


def killed_at_unit_b(compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
    """Only the process that judges unit B is killed."""
    if any(unit.unit == "B" for unit in units):
        os.kill(os.getpid(), signal.SIGKILL)
    return infer(compiled, units)


def crashes(compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
    """The C module reads where it must not."""
    import durable_rules_engine

    rule = '{"r":{"all":[{"p":{"$and":[{"k":1}]}}]}}'
    handle = durable_rules_engine.create_ruleset("crashes", rule)
    durable_rules_engine.start_action_for_state(handle, 1 << 30)
    return infer(compiled, units)


def hangs(compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
    """The engine loops and never comes back."""
    while True:
        time.sleep(1)


def loops(compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
    """Pure computation, no system call in which a signal could be noticed early."""
    while True:
        pass


def _spoiled(fact: Fact) -> Fact:
    fraction: Any = 1.5
    return replace(fact, fields=dict.fromkeys(fact.fields, fraction))


def refuses(compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
    """A fact that the engine cannot take: a value that is no encoded number."""
    spoiled = [replace(unit, facts=tuple(map(_spoiled, unit.facts))) for unit in units]
    return infer(compiled, spoiled)


def lies(compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
    """The engine misses a match, as durable_rules does outside its safe subset."""
    return infer(compiled, units)[1:]


def fails(compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
    """A mistake in our own code."""
    raise ZeroDivisionError("by mistake")


def talks(compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
    """Something prints where answers travel."""
    print("hello")
    os.write(1, b"hello\n")
    return infer(compiled, units)


def garbles(compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
    """Something gets hold of the channel and writes what is no answer."""
    for descriptor in range(3, 20):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.write(descriptor, b"no pickle\n")
        except OSError:
            continue
    time.sleep(1)
    return infer(compiled, units)
