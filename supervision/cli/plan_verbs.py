"""`supervision plan …`: what a plan asks for, and of whom."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from supervision.cli.context import (
    ByOption,
    DryRunOption,
    Format,
    FormatOption,
    PlanOption,
    application,
    at_desk,
    consoles,
    this_user,
)
from supervision.cli.output import write_csv, write_json
from supervision.domain.obligations import owed
from supervision.services.adopt_plan import adopt_plan
from supervision.services.contract import VersionOut
from supervision.services.list_versions import list_versions
from supervision.services.load_rules import load_whole_pack

REVISION_DIGITS = 12

plan_app = typer.Typer(help="工作安排：检查、采用、查看", no_args_is_help=True)

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


@plan_app.command()
def versions(plan: PlanOption = None, format_: FormatOption = Format.TABLE) -> None:
    """列出采用过的各版：版号和修订号，可用于 evaluate --pack-revision、rules diff。"""
    with at_desk(plan) as (app, desk), app.database.reading() as session:
        listed = list_versions(session, desk.code, desk.adopted.zone)
    if format_ is Format.JSON:
        write_json(listed)
        return
    if format_ is Format.CSV:
        write_csv([each.model_dump(mode="json") for each in listed], list(VersionOut.model_fields))
        return
    table = Table(
        title=f"{desk.adopted.pack.plan.title}（{desk.code}）",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for heading in ("版", "规则修订", "整包修订", "规则", "生效自", "采用于", "采用人", "现状"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "版")
    for each in reversed(listed):
        table.add_row(
            f"第{each.version}版",
            each.pack_revision[:REVISION_DIGITS],
            each.revision[:REVISION_DIGITS],
            str(each.rules),
            f"{each.effective_from:%Y-%m-%d}",
            f"{each.recorded_at:%Y-%m-%d %H:%M}",
            each.adopted_by.replace("[", r"\["),
            "在用" if each.superseded_at is None else f"{each.superseded_at:%Y-%m-%d} 被取代",
        )
    consoles().out.print(table)
