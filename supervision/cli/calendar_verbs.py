"""`supervision calendar …`: the working days of each year."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from supervision.cli.context import application, consoles, this_user
from supervision.errors import SupervisionError
from supervision.services.seed_calendar import days_of, source_of
from supervision.store import journal, plans

calendar_app = typer.Typer(help="工作日历：查看、补充年度、导入", no_args_is_help=True)


@calendar_app.command("list")
def list_years() -> None:
    """列出已有工作日历的年度及其来源。"""
    with application() as app, app.database.reading() as session:
        rows = plans.calendar_years(session)
    out = consoles().out
    if not rows:
        out.print("还没有工作日历；采用工作安排时自动写入，或运行 supervision calendar seed 2022")
    for row in rows:
        out.print(f"{row.year}　{row.source}", markup=False)


@calendar_app.command()
def seed(year: Annotated[int, typer.Argument(help="年度")]) -> None:
    """写入一个年度的法定工作日历（已有的不改动）。"""
    with application() as app:
        days = list(days_of(year))
        with app.database.transaction() as session:
            if any(row.year == year for row in plans.calendar_years(session)):
                consoles().out.print(f"{year}年工作日历已有，未作改动")
                return
            plans.save_calendar_year(session, year, source_of(year), days)
            journal.append(
                session,
                actor=this_user(),
                action="calendar seeded",
                subject=str(year),
                data={"source": source_of(year)},
                at=app.now,
            )
    works = sum(1 for _, working, _ in days if working)
    consoles().out.print(f"已写入{year}年工作日历：工作日{works}天")


@calendar_app.command("import")
def import_days(
    path: Annotated[Path, typer.Argument(help="CSV：日期,是否工作日(1/0),说明", metavar="FILE")],
    source: Annotated[str, typer.Option("--source", help="依据文号")],
) -> None:
    """导入一个完整年度的工作日历（CSV，三列，每天一行），替换原有的；时限随之重算需重新采用。"""
    days, faults = _read_days(path)
    if faults:
        raise SupervisionError("; ".join(faults[:10]))
    year = days[0][0].year
    with application() as app, app.database.transaction() as session:
        plans.save_calendar_year(session, year, source, days)
        journal.append(
            session,
            actor=this_user(),
            action="calendar imported",
            subject=str(year),
            data={"source": source, "file": path.name},
            at=app.now,
        )
    consoles().out.print(f"已导入{year}年工作日历：工作日{sum(works for _, works, _ in days)}天")


def _read_days(path: Path) -> tuple[list[tuple[date, bool, str]], list[str]]:
    if not path.is_file():
        return [], [f"{path}: no such file"]
    days: list[tuple[date, bool, str]] = []
    faults = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            if not row or (number == 1 and row[0] in ("日期", "day", "date")):
                continue
            try:
                day = date.fromisoformat(row[0].strip())
            except ValueError:
                faults.append(f"{path}:{number}: {row[0]!r} is no date such as 2023-01-01")
                continue
            if len(row) < 2 or row[1].strip() not in ("0", "1"):
                faults.append(f"{path}:{number}: the second column is 1 (working day) or 0")
                continue
            days.append((day, row[1].strip() == "1", row[2].strip() if len(row) > 2 else ""))
    years = {day.year for day, _, _ in days}
    if not faults and len(years) != 1:
        faults.append(f"{path}: holds the days of {sorted(years)}; import one year at a time")
    if not faults:
        year = years.pop()
        expected = (date(year + 1, 1, 1) - date(year, 1, 1)).days
        if len({day for day, _, _ in days}) != expected or len(days) != expected:
            faults.append(f"{path}: {year} has {expected} days, each once; found {len(days)} rows")
    return days, faults
