"""What a worker process of `rules.pool` runs: read a task, answer it, until the pool hangs up.

A task is (seconds allowed, function, compiled rules or None, units): compiled rules are sent once.
An answer is (firings or InferenceFailed, whether this process should be replaced).  Any other
exception is a mistake in our code: the process dies of it, and the pool shows its last line.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from rules.compiled import CompiledRules
from rules.facts import Firing, InferenceFailed, UnitFacts
from rules.inference import worn

Infer: TypeAlias = Callable[[CompiledRules, Sequence[UnitFacts]], list[Firing]]
Task: TypeAlias = tuple[float, Infer, CompiledRules | None, Sequence[UnitFacts]]
Answer: TypeAlias = tuple[list[Firing] | InferenceFailed, bool]

# Limits after which a process asks to be replaced: the engine frees little of what it takes.
MAX_UNITS = 5_000
MAX_BYTES = 400 << 20


def serve() -> None:
    """Answer tasks from standard input on standard output.

    The time limit is the process's own alarm, whose default is death: it holds inside C code, and
    when nobody is left to end a process that loops.
    """
    # Ctrl-C is the parent's to handle: it ends its workers, or lets a run finish.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)  # the pool allowed some seconds for the start
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints must not get between the answers
    compiled: CompiledRules | None = None
    judged = 0
    while True:
        try:
            task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent process
        except EOFError:
            return
        seconds, infer, sent, units = task
        signal.setitimer(signal.ITIMER_REAL, seconds)
        compiled = sent or compiled
        assert compiled is not None
        outcome: list[Firing] | InferenceFailed
        try:
            outcome = infer(compiled, units)
        except InferenceFailed as failure:
            outcome = failure
        judged += len(units)
        answer: Answer = outcome, judged >= MAX_UNITS or worn() or _resident() >= MAX_BYTES
        pickle.dump(answer, answers)
        answers.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)


def _resident() -> int:
    """Return the bytes of memory that this process takes now.

    Not `ru_maxrss`: a child starts with its parent's.
    """
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()
