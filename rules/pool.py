"""Worker processes for inference: a crash of the C engine costs one run, never the service.

Each worker is a fresh interpreter started by `subprocess` (45 ms), not a child of multiprocessing:
nothing of the parent is copied (threads, locks, open database connections), and the parent's
`__main__` is not imported again, so any entry point will do, pytest's and a console script's too.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from rules.compiled import CompiledRules
from rules.facts import Firing, InferenceFailed, UnitFacts, in_order
from rules.inference import infer
from rules.worker import Answer, Infer, Task

CHUNK = 100  # units a task
MAX_CHUNK = 500  # a process is replaced between tasks only, and each unit may leave some MB in it
TIME_LIMIT = 120.0  # seconds a task may take

_GRACE = 2.0  # seconds in which a process that hung up has ended
_NAMED = 5  # units that a failure names
_ROOT = str(Path(__file__).resolve().parent.parent)
_START = (
    "import signal, sys; signal.alarm(60); sys.path[:] = sys.argv[1:]; "
    "from rules.worker import serve; serve()"
)


class InferencePool:
    """Runs `infer` in worker processes, started when first needed and kept for the next run.

    Use as a context manager, or call `close`.  Runs of several threads take turns.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        time_limit: float = TIME_LIMIT,
        infer: Infer = infer,
    ) -> None:
        """`infer` is a module-level function that workers can import; `time_limit` is per task."""
        self._most = workers or _cpus()
        self._time_limit = time_limit
        self._infer = infer
        self._idle: list[_Worker] = []
        self._busy: dict[int, _Worker] = {}
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all workers; a later run starts new ones."""
        for worker in (*self._idle, *self._busy.values()):
            worker.end()
        self._idle.clear()
        self._busy.clear()

    def run(
        self, compiled: CompiledRules, units: Iterable[UnitFacts], *, chunk: int = CHUNK
    ) -> list[Firing]:
        """Return what fires over all units, as `infer` would; `chunk` is units a task.

        `units` is read in the calling thread, as workers fall idle.  Raises InferenceFailed for
        what `infer` refuses, a process that died and one that exceeded the time limit; the next run
        starts new processes.
        """
        if not 1 <= chunk <= MAX_CHUNK:
            raise ValueError(f"chunk is {chunk}; it goes from 1 to {MAX_CHUNK}")
        with self._turn:
            done = False
            try:
                firings = self._run(compiled, units, chunk)
                done = True
            finally:
                if not done:  # an answer still on its way would be taken for the next run's
                    self.close()
        return in_order(firings)

    def _run(self, compiled: CompiledRules, units: Iterable[UnitFacts], chunk: int) -> list[Firing]:
        firings: list[Firing] = []
        chunks = _chunks(units, chunk)
        with selectors.DefaultSelector() as selector:
            while True:
                while len(self._busy) < self._most and (task := next(chunks, None)):
                    worker = self._idle_worker()
                    self._busy[worker.fileno()] = worker
                    worker.ask(self._time_limit, self._infer, compiled, task)
                    selector.register(worker, selectors.EVENT_READ)
                if not self._busy:
                    return firings
                for ready, _ in selector.select():
                    worker = self._busy[ready.fd]
                    found, worn = worker.answer()
                    firings += found
                    selector.unregister(worker)
                    del self._busy[ready.fd]
                    if worn:
                        worker.end()
                    else:
                        self._idle.append(worker)

    def _idle_worker(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive():
                return worker
            worker.end()
        return _Worker()


class _Worker:
    """One worker process, which answers one task at a time."""

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        # -S and -I: the path is the parent's, given as arguments; nothing else is looked for.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-I", "-S", "-c", _START, _ROOT, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._holds: str | None = None  # digest of the compiled rules it was sent last
        self._units: Sequence[UnitFacts] = ()
        self._time_limit = 0.0

    def fileno(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(
        self, time_limit: float, infer: Infer, compiled: CompiledRules, units: Sequence[UnitFacts]
    ) -> None:
        """Send a task; if the process is gone, `answer` will say so."""
        self._units, self._time_limit = units, time_limit
        known = self._holds == compiled.digest
        self._holds = compiled.digest
        task: Task = (time_limit, infer, None if known else compiled, units)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            pickle.dump(task, self._process.stdin)
            self._process.stdin.flush()

    def answer(self) -> tuple[list[Firing], bool]:
        """Return the firings and whether the process should be replaced."""
        assert self._process.stdout is not None
        try:
            answer: Answer = pickle.load(self._process.stdout)  # noqa: S301 - our own process
        except (EOFError, pickle.UnpicklingError):
            raise self._death() from None
        outcome, worn = answer
        if isinstance(outcome, InferenceFailed):
            raise outcome
        return outcome, worn

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):  # what it did not read
            self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()

    def _death(self) -> InferenceFailed:
        units = [unit.unit for unit in self._units]
        rest = f" and {len(units) - _NAMED} more" if len(units) > _NAMED else ""
        where = f"the rule engine's process, judging {', '.join(units[:_NAMED])}{rest},"
        try:
            status = self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            return InferenceFailed(f"{where} gave an answer that cannot be read")
        if status == -signal.SIGALRM:
            return InferenceFailed(f"{where} took longer than {self._time_limit:g} s and was ended")
        if status < 0:
            return InferenceFailed(f"{where} was ended by {signal.Signals(-status).name}")
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        return InferenceFailed(f"{where} ended with status {status}: {''.join(said[-1:])}")


def _chunks(units: Iterable[UnitFacts], size: int) -> Iterator[tuple[UnitFacts, ...]]:
    remaining = iter(units)
    while chunk := tuple(islice(remaining, size)):
        yield chunk


def _cpus() -> int:
    return len(os.sched_getaffinity(0))
