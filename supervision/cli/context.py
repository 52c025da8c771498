"""What every verb shares: the application, options, the plan at hand, moments in its zone."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from supervision.bootstrap import App
from supervision.config import load_settings
from supervision.domain.units import find_unit
from supervision.errors import NotFound, SupervisionError
from supervision.services.desk import Desk, open_desk


class Format(StrEnum):
    """How output is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class ListFormat(StrEnum):
    """How the leaders' list is written."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"
    XLSX = "xlsx"


PlanOption = Annotated[
    str | None, typer.Option("--plan", help="工作安排代码；只有一个时可省略", metavar="CODE")
]
FormatOption = Annotated[Format, typer.Option("--format", help="输出格式")]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="截至：日期（当日截止时刻）或时刻（2022-07-15T17:30:00+08:00）；默认现在",
    ),
]
KnownAtOption = Annotated[
    str | None,
    typer.Option(
        "--known-at", metavar="TIME", help="按此时已知的材料：日期（当日终）或时刻；默认现在"
    ),
]
AtOption = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="作出决定的时间：日期或时刻；默认现在")
]
ByOption = Annotated[
    str, typer.Option("--by", help="经办人的职务，记入审计日志", metavar="POST", show_default=False)
]
ReasonOption = Annotated[str, typer.Option("--reason", help="理由", metavar="TEXT")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="只看结果，不写入")]


def this_user() -> str:
    """Return who is taken to act when nobody is named: the user of the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "cli"


@dataclass
class Output:
    """Where output goes; tables only widen as far as the terminal."""

    out: Console
    err: Console


PIPED_WIDTH = 140
"""Characters a line when the output goes to a file or another program."""


def consoles() -> Output:
    """Return where output goes; wide enough for tables when nobody's terminal sets the width."""
    # what looks like an emoji's name (`file:100:5`) is a place in a file
    out = Console(emoji=False)
    if not out.is_terminal:
        out = Console(width=max(PIPED_WIDTH, out.width), emoji=False)
    return Output(out, Console(stderr=True, soft_wrap=True, emoji=False))


@contextmanager
def application(directory: Path | None = None) -> Iterator[App]:
    """Yield the application as the environment sets it up, and close it."""
    with App(load_settings(directory=directory)) as app:
        yield app


@contextmanager
def at_desk(plan: str | None) -> Iterator[tuple[App, Desk]]:
    """Yield the application and the plan meant, as it stands."""
    with application() as app:
        with app.database.reading() as session:
            desk = open_desk(session, plan)
        yield app, desk


def unit_names(desk: Desk) -> dict[str, str]:
    """Return what the plan's units are called, by code."""
    return {unit.code: unit.name for unit in desk.adopted.pack.units}


def unit_code(desk: Desk, name: str | None) -> str | None:
    """Return the code of the unit a user named by code, name or alias; None stays None: all."""
    if name is None:
        return None
    unit = find_unit(desk.adopted.pack.units, name)
    if unit is None:
        known = "、".join(each.code for each in desk.adopted.pack.units)
        raise NotFound(f"no unit {name!r} in plan '{desk.code}'; units: {known}")
    return unit.code


def unit_codes(desk: Desk, names: list[str] | None) -> tuple[str, ...] | None:
    """Return the codes of the units a user named, each once; None means all."""
    if not names:
        return None
    codes = [code for name in names if (code := unit_code(desk, name)) is not None]
    return tuple(dict.fromkeys(codes))


def moment(text: str | None, desk: Desk, *, end_of_day: bool = False) -> datetime | None:
    """Return the instant a user wrote: a date means its cut-off (or its end), no zone the plan's.

    None stays None: now.
    """
    if text is None:
        return None
    written = text.strip()
    try:
        if len(written) == len("2022-07-15"):
            day = date.fromisoformat(written)
            if end_of_day:
                return datetime.combine(day, time.max, desk.adopted.zone).astimezone(UTC)
            return desk.cutoff(day)
        instant = datetime.fromisoformat(written)
    except ValueError:
        raise SupervisionError(
            f"{text!r} is no date or instant; write 2022-07-15 or 2022-07-15T17:30:00+08:00"
        ) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=desk.adopted.zone)
    return instant.astimezone(UTC)


def day_of(text: str | None, option: str) -> date | None:
    """Return the date a user wrote for an option."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise SupervisionError(f"{option}: {text!r} is no date; write 2022-12-31") from None


@contextmanager
def progress_of(total: int, label: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal; yields what to tell how far one is."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _done: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def steps_of(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal; yields what to tell (done, of how many)."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
