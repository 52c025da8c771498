"""Real processes beside the test's own, to be killed, raced and stopped.

They are forked from a server that has imported the product once; what each does is a module-level
function here.  A process says where it stands by touching a file.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, ClassVar

from notifications.maildir import MaildirTransport
from notifications.message import Message
from rules.pool import InferencePool
from supervision.services.deliver import Postman, deliver
from tests.office import Office, at

CONTEXT: ForkServerContext = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.other_process"])

LONG = 60.0
"""Seconds after which a process that should have come to its end has failed the test."""


def start(target: Callable[..., None], *args: Any) -> ForkServerProcess:
    """Start a process that runs `target(*args)`."""
    process = CONTEXT.Process(target=target, args=args)
    process.start()
    return process


def finish(process: ForkServerProcess) -> int:
    """Wait for a process and return its exit status: minus the signal, if one ended it."""
    process.join(LONG)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError("the process did not come to its end")
    status = process.exitcode
    process.close()
    return status


def kill(process: ForkServerProcess) -> None:
    """End a process as a power cut would, and wait until it is gone."""
    process.kill()
    process.join()
    process.close()


def wait_for(path: Path, *, seconds: float = LONG) -> None:
    """Wait until a process has touched the file."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} was not reached"
        time.sleep(0.001)


# --- What the processes do -----------------------------------------------------------------------


def evaluate(url: str, as_of: str, ready: Path, point: tuple[str, str] | None) -> None:
    """Evaluate with real workers; `point` (module, function): die as soon as it has returned."""
    office = Office(url, inference=InferencePool(workers=1))
    office.app.database  # noqa: B018 opened before the clock starts
    if point is not None:
        _die_after(*point)
    ready.touch()
    office.evaluate(as_of)
    office.close()


def _die_after(module_name: str, function_name: str) -> None:
    owner: Any = importlib.import_module(module_name)
    *path, name = function_name.split(".")
    for part in path:
        owner = getattr(owner, part)
    step = getattr(owner, name)

    def step_and_die(session: Any, *args: Any, **options: Any) -> None:
        step(session, *args, **options)
        session.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, step_and_die)


def open_database(url: str, ready: Path, go: Path) -> None:
    """Open a database, which makes the schema in an empty one, from the moment `go` is there."""
    ready.touch()
    wait_for(go)
    office = Office(url)
    office.app.database  # noqa: B018
    office.close()


@dataclass(frozen=True)
class StuckTransport:
    """Hands over nothing, or hands it over, and then never returns."""

    inner: MaildirTransport
    stuck: Path
    taken_first: bool
    name: ClassVar[str] = "stuck"

    def send(self, message: Message, *, at: datetime) -> None:
        if self.taken_first:
            self.inner.send(message, at=at)
        self.stuck.touch()
        time.sleep(LONG * 2)


def deliver_into(url: str, maildir: Path, when: str, ready: Path, go: Path) -> None:
    """Deliver all that is due into a Maildir, from the moment `go` is there."""
    office = Office(url)
    office.clock.now = at(when)
    postman = _postman(office, MaildirTransport(maildir))
    ready.touch()
    wait_for(go)
    deliver(office.app.database, postman, actor=ready.name, at=at(when), now=office.clock())
    office.close()


def deliver_and_get_stuck(
    url: str, maildir: Path, when: str, stuck: Path, taken_first: bool
) -> None:
    """Deliver until the first message, and hang there."""
    office = Office(url)
    office.clock.now = at(when)
    transport = StuckTransport(MaildirTransport(maildir), stuck, taken_first)
    deliver(office.app.database, _postman(office, transport), at=at(when), now=office.clock())


def _postman(office: Office, transport: Any) -> Postman:
    return replace(office.app.postman, transport=transport)


def work(url: str, mail_url: str, clock: str) -> None:
    """`supervision work` on a clock that starts at an instant, delivering every second."""
    from supervision.bootstrap import App
    from supervision.config import Settings
    from supervision.scheduling import work as work_until_stopped

    settings = Settings(
        database_url=url, mail_url=mail_url, clock=at(clock), deliver_every=1, workers=1
    )
    with App(settings) as app:
        work_until_stopped(app)
