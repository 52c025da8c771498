"""The alarm clock: APScheduler ticks, and what a tick does.  The memory is the database's.

Each tick asks the tables what is due, so that ticks that were missed, doubled or late change
nothing: a scheduled evaluation is served once (its slot is written with the run), a digest is
claimed by one sender.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import FrameType
from typing import Any

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from rules.nodes import Faults
from supervision.bootstrap import App
from supervision.domain.runs import RunStatus
from supervision.errors import SupervisionError
from supervision.services.deliver import deliver
from supervision.services.desk import Desk, open_desk
from supervision.services.evaluate import AlreadyServed, evaluate
from supervision.services.evaluation import Request
from supervision.store import leases, plans, runs

# The library's default grace is one second: a tick that starts late would be silently lost.
EVERY_TICK: dict[str, Any] = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
LOOK_EVERY = 20
"""Seconds between looks whether a scheduled evaluation is due."""
LEASE = 900.0
"""Seconds; longer than any run, and a dead worker's share is free after it."""
JOB = "evaluate"

log = structlog.get_logger()


class Worker:
    """What ticks do, for all adopted plans; `holder` names this process in leases."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.holder = f"{socket.gethostname()}:{os.getpid()}"
        self.stopping = threading.Event()
        self._wait_until: dict[str, tuple[int, datetime]] = {}

    def evaluate_what_is_due(self) -> None:
        """Evaluate each plan whose latest scheduled moment has not been served."""
        for desk in self._desks():
            if self.stopping.is_set():
                return
            try:
                self._look_at(desk)
            except (SupervisionError, Faults) as error:
                # what is wrong with one plan keeps back no other
                log.error("plan not evaluated", plan=desk.code, error=str(error))  # noqa: TRY400

    def _look_at(self, desk: Desk) -> None:
        slot = latest_slot(desk, self.app.settings.evaluate_at, self.app.now)
        job = f"{JOB} {desk.code}"
        failures, wait_until = self._wait_until.get(desk.code, (0, self.app.now))
        if slot is None or self._served(job, slot) or self.app.now < wait_until:
            return
        with self._lease(desk.code) as ours:
            if ours:
                self._evaluate(desk, job, slot, failures)

    def _evaluate(self, desk: Desk, job: str, slot: datetime, failures: int) -> None:
        now = self.app.now
        request = Request(plan=desk.code, as_of=now, known_at=now, slot=(job, slot))
        try:
            result = evaluate(self.app.database, request, self.app.tools, by="worker", now=now)
        except AlreadyServed:
            return
        if result.status is RunStatus.FAILED:
            # tried again, ever more slowly; each failure stands in the runs with its cause
            pause = timedelta(minutes=min(60, 2**failures))
            self._wait_until[desk.code] = (failures + 1, now + pause)
            log.error("run failed", plan=desk.code, cause=result.cause, again_at=str(now + pause))
            return
        self._wait_until.pop(desk.code, None)
        log.info("evaluated", plan=desk.code, run=result.run_id, **result.counts)

    def deliver_what_is_due(self) -> None:
        """Send what is due in all plans."""
        now = self.app.now
        done = deliver(
            self.app.database,
            self.app.postman,
            stop=self.stopping.is_set,
            actor="worker",
            clock=self.app.clock,
            at=now,
            now=now,
        )
        if done.sent or done.retried or done.dead or done.empty:
            log.info(
                "delivered",
                sent=done.sent,
                retried=done.retried,
                dead=done.dead,
                silenced=done.silenced,
                errors=list(done.errors),
            )

    def _desks(self) -> list[Desk]:
        with self.app.database.reading() as session:
            return [open_desk(session, code) for code in plans.plan_codes(session)]

    def _served(self, job: str, slot: datetime) -> bool:
        with self.app.database.reading() as session:
            return runs.slot_served(session, job, slot)

    @contextmanager
    def _lease(self, plan: str) -> Iterator[bool]:
        name = f"plan {plan}"
        with self.app.database.short() as connection:
            ours = leases.take(connection, name=name, holder=self.holder, seconds=LEASE)
        try:
            yield ours
        finally:
            if ours:
                with self.app.database.short() as connection:
                    leases.give_back(connection, name=name, holder=self.holder)


def latest_slot(desk: Desk, at: Any, now: datetime) -> datetime | None:
    """Return the last scheduled moment up to `now`: `at` on a working day; None before the first.

    The first slot of a plan is the first after it was issued.
    """
    zone = desk.adopted.zone
    day = now.astimezone(zone).date()
    if datetime.combine(day, at, zone) > now:
        day -= timedelta(days=1)
    while day >= desk.adopted.pack.plan.issued_on:
        if desk.calendar.is_workday(day):
            return datetime.combine(day, at, zone)
        day -= timedelta(days=1)
    return None


def work(app: App) -> None:
    """Tick until SIGTERM or SIGINT; what is under way is finished first."""
    worker = Worker(app)
    asked: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        # no more than this: the handler may interrupt whoever holds the lock of the log or an event
        asked.append(number)

    previous = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults=EVERY_TICK)
    start = {"next_run_time": datetime.now(scheduler.timezone)}
    for tick, seconds in (
        (worker.evaluate_what_is_due, LOOK_EVERY),
        (worker.deliver_what_is_due, app.settings.deliver_every),
    ):
        trigger = IntervalTrigger(seconds=seconds)
        scheduler.add_job(_guarded(tick), trigger, name=tick.__name__, **start)
    # that a tick is passed over while the last one is still at work is no news
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    log.info(
        "working",
        holder=worker.holder,
        database=app.database.shown_url,
        transport=app.transport.name,
        evaluate_at=app.settings.evaluate_at.isoformat("minutes"),
        deliver_every=app.settings.deliver_every,
    )
    scheduler.start()
    try:
        while not asked:
            time.sleep(0.1)
        log.info("stopping", signal=signal.Signals(asked[0]).name)
    finally:
        worker.stopping.set()
        scheduler.shutdown(wait=True)
        for each, handler in previous.items():
            signal.signal(each, handler)
        log.info("stopped")


def _guarded(tick: Any) -> Any:
    """A tick that cannot do its work says so and ticks again; it never ends the worker."""

    def guarded() -> None:
        try:
            tick()
        except SupervisionError as error:
            # a sentence for the office; the traceback would say nothing more
            log.error("tick failed", tick=tick.__name__, error=str(error))  # noqa: TRY400

    return guarded
