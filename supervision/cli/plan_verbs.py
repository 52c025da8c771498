"""`supervision plan …`, `rules …`, `calendar …`: what is owed, by which rules, in which days."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from rules.catalogue import KINDS, FieldType
from rules.nodes import did_you_mean
from supervision.cli.context import (
    ByOption,
    DryRunOption,
    Format,
    FormatOption,
    PlanOption,
    application,
    at_desk,
    consoles,
    steps_of,
    this_user,
)
from supervision.cli.output import write_csv, write_json
from supervision.domain.obligations import owed
from supervision.errors import SupervisionError
from supervision.services.adopt_plan import adopt_plan
from supervision.services.load_rules import load_whole_pack
from supervision.services.run_cases import run_pack_cases
from supervision.services.seed_calendar import days_of, source_of
from supervision.store import journal, plans

plan_app = typer.Typer(help="工作安排：检查、采用、查看", no_args_is_help=True)
rules_app = typer.Typer(help="规则：检查、试例、可用字段", no_args_is_help=True)
calendar_app = typer.Typer(help="工作日历：查看、补充年度、导入", no_args_is_help=True)

PackPath = Annotated[
    Path, typer.Argument(help="工作安排文件夹（plan.yaml 所在处）", metavar="PATH")
]


@plan_app.command()
def check(path: PackPath) -> None:
    """检查一个工作安排文件夹：一次列出全部错误，含文件、行、列；不写入任何内容。"""
    loaded = load_whole_pack(path)
    plan = loaded.pack.plan
    consoles().out.print(
        f"检查通过：{plan.title}（{plan.plan}），条款{len(plan.clauses)}条，"
        f"要求事项{len(plan.requirements)}项，单位{len(loaded.pack.units)}个，"
        f"规则{len(loaded.rules)}条"
    )
    for each in loaded.pack.skipped:
        consoles().out.print(
            f"注意：{each.requirement} 未配置责任单位，其规则不执行（{each.reason}）"
        )


@plan_app.command()
def adopt(path: PackPath, by: ByOption = "", dry_run: DryRunOption = False) -> None:
    """采用一个工作安排：写入其版本、单位、分工和督查事项。同一内容再次采用不作改动。"""
    with application() as app:
        done = adopt_plan(app.database, path, by=by or this_user(), dry_run=dry_run, now=app.now)
    out = consoles().out
    if done.unchanged:
        out.print(f"{done.title}（{done.plan}）第{done.version}版已在用，内容相同，未作改动")
        return
    word = "将采用" if dry_run else "已采用"
    out.print(
        f"{word}{done.title}（{done.plan}）第{done.version}版：督查事项{done.obligations}项，"
        f"规则{done.rules}条"
    )
    for table, counts in done.changes.items():
        names = {"units": "单位", "assignments": "分工", "obligations": "督查事项"}
        changes = f"新增{counts['added']}，变更{counts['changed']}，终止{counts['ended']}"
        out.print(f"  {names[table]}：{changes}")
    for each in done.skipped:
        out.print(f"  注意：{each.requirement} 未执行（{each.reason}）")


@plan_app.command()
def show(plan: PlanOption = None, format_: FormatOption = Format.TABLE) -> None:
    """查看在用的工作安排：要求事项、责任单位数、时限。"""
    with at_desk(plan) as (_app, desk):
        pack = desk.adopted.pack
        listed = owed(pack, desk.calendar).obligations
    rows = []
    for requirement in pack.plan.requirements:
        mine = [each for each in listed if each.requirement == requirement.id]
        rows.append(
            {
                "requirement": requirement.id,
                "clause": requirement.clause,
                "title": requirement.title,
                "kind": requirement.kind.value,
                "basis": requirement.basis.value,
                "decided_by": requirement.decided_by.value,
                "obligations": len(mine),
                "units": len({each.unit for each in mine}),
                "due": " ".join(sorted({each.due_on.isoformat() for each in mine})),
            }
        )
    if format_ is Format.JSON:
        write_json({"plan": pack.plan.plan, "version": desk.adopted.version, "requirements": rows})
        return
    if format_ is Format.CSV:
        write_csv(rows, list(rows[0]) if rows else [])
        return
    table = Table(
        title=f"{pack.plan.title}（{pack.plan.plan}，第{desk.adopted.version}版）",
        box=box.SIMPLE_HEAD,
    )
    for heading in ("事项", "条款", "内容", "类别", "依据", "判定", "单位", "督查事项", "时限"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(
            *(str(row[key]) for key in ("requirement", "clause", "title", "kind", "basis")),
            *(str(row[key]) for key in ("decided_by", "units", "obligations")),
            str(row["due"]),
        )
    consoles().out.print(table)


# --- rules ---------------------------------------------------------------------------------------


@rules_app.command("check")
def check_rules(path: PackPath) -> None:
    """检查规则：条件、字段、类型、条款、模板；一次列出全部错误。"""
    check(path)


@rules_app.command("test")
def run_cases(path: PackPath, format_: FormatOption = Format.TABLE) -> None:
    """运行规则旁的试例（cases/），并指出没有试例的规则；有不合或未试的即以状态 1 退出。"""
    with steps_of("运行试例") as progress:
        done = run_pack_cases(path, progress=progress)
    rows = [
        {
            "case": result.case.name,
            "file": result.case.place.file,
            "passed": result.passed,
            "failures": [str(fault) for fault in result.failures],
        }
        for result in done.results
    ]
    lacking = [str(each) for each in done.untested]
    out = consoles().out
    if format_ is Format.JSON:
        write_json({"cases": rows, "untested": lacking})
    elif format_ is Format.CSV:
        write_csv(rows, ("case", "file", "passed", "failures"))
    else:
        for fault in done.failures:
            out.print(str(fault), markup=False, soft_wrap=True)
        for text in lacking:
            out.print(text, markup=False, soft_wrap=True)
        failed = sum(1 for row in rows if not row["passed"])
        counts = f"通过{len(rows) - failed}，不合{failed}；缺试例的规则{len(lacking)}条"
        out.print(f"试例{len(rows)}个：{counts}")
    if not done.passed or lacking:
        raise typer.Exit(1)


@rules_app.command("fields")
def fields(
    kind: Annotated[
        str | None, typer.Argument(help="事实种类，如 report", metavar="[KIND]")
    ] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """列出规则可用的字段：类型、单位、含义、示例。"""
    if kind is not None and kind not in KINDS:
        raise SupervisionError(
            f"unknown kind {kind!r}{did_you_mean(kind, KINDS)}; kinds: {', '.join(KINDS)}"
        )
    rows = [
        {
            "kind": name,
            "field": field.name,
            "type": field.type.value,
            "unknown": field.nullable,
            "unit": field.unit,
            "choices": " | ".join(field.choices),
            "meaning": field.meaning,
            "example": field.example,
        }
        for name, table in KINDS.items()
        if kind in (None, name)
        for field in table.values()
    ]
    if format_ is Format.JSON:
        write_json(rows)
        return
    if format_ is Format.CSV:
        write_csv(rows, list(rows[0]))
        return
    for name in KINDS:
        of_kind = [row for row in rows if row["kind"] == name]
        if not of_kind:
            continue
        shown = Table(title=name, title_justify="left", box=box.SIMPLE_HEAD)
        for heading in ("字段", "类型", "可能未知", "含义", "单位", "示例"):
            shown.add_column(heading, overflow="fold")
        for row in of_kind:
            type_ = str(row["type"])
            if type_ == FieldType.CHOICE.value:
                type_ = str(row["choices"])
            shown.add_row(
                str(row["field"]),
                type_,
                "是" if row["unknown"] else "",
                str(row["meaning"]),
                str(row["unit"]),
                str(row["example"]),
            )
        consoles().out.print(shown)


# --- calendar ------------------------------------------------------------------------------------


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
