"""`supervision submit …`, `submissions …`, `extend …`: what units filed and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from supervision.cli.context import (
    AtOption,
    ByOption,
    DryRunOption,
    Format,
    FormatOption,
    PlanOption,
    ReasonOption,
    application,
    at_desk,
    consoles,
    day_of,
    moment,
    progress_of,
    this_user,
    unit_code,
)
from supervision.cli.output import write_csv, write_json
from supervision.domain.submissions import Decision
from supervision.errors import SupervisionError
from supervision.services.record_submission import record_submissions
from supervision.services.review import grant_extension, review_submission
from supervision.services.submission_files import read_lines
from supervision.store import submissions

submissions_app = typer.Typer(help="报送：查看、验收、退回", no_args_is_help=True)

ObligationArgument = Annotated[
    str, typer.Argument(help="督查事项，如 GEN-R1/HRSS/2022Q2", metavar="OBLIGATION")
]


def submit(
    file: Annotated[Path, typer.Argument(help="报送文件（JSON Lines，.jsonl）", metavar="FILE")],
    plan: PlanOption = None,
    by: ByOption = "",
    dry_run: DryRunOption = False,
) -> None:
    """导入报送：全部正确才写入，错误一次列全；同一文件再次导入不作改动。"""
    if file.suffix.lower() in (".xlsx", ".xls"):
        raise SupervisionError(
            f"{file}: workbooks are not read yet; give a file of JSON Lines (.jsonl)"
        )
    lines = read_lines(file)
    with application() as app, progress_of(len(lines), "导入报送") as progress:
        done = record_submissions(
            app.database,
            lines,
            plan=plan,
            identity_key=app.settings.identity_key.get_secret_value().encode(),
            actor=by or this_user(),
            dry_run=dry_run,
            progress=progress,
            now=app.now,
        )
    word = "可导入" if dry_run else "已导入"
    text = f"{word}{len(done.versions)}件报送（台账{done.records}行）"
    if done.unchanged:
        text += f"，{done.unchanged}件此前已在案，未作改动"
    if dry_run:
        text += "；试运行，未写入"
    consoles().out.print(text)


@submissions_app.command("list")
def list_submissions(
    plan: PlanOption = None,
    unit: Annotated[str | None, typer.Option("--unit", help="单位", metavar="UNIT")] = None,
    requirement: Annotated[str | None, typer.Option("--requirement", help="要求事项")] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """列出报送及其版本。"""
    with at_desk(plan) as (app, desk), app.database.reading() as session:
        zone = desk.adopted.zone
        rows = [
            {
                "obligation": row.obligation,
                "version": row.version,
                "submitted_at": row.submitted_at.astimezone(zone).isoformat(),
                "by": row.filed_by,
                "state": review.decision if review else "submitted",
                "reason": review.reason if review else "",
            }
            for row, review in submissions.listed(
                session, desk.code, unit=unit_code(desk, unit), requirement=requirement
            )
        ]
    if format_ is Format.JSON:
        write_json(rows)
    elif format_ is Format.CSV:
        keys = ("obligation", "version", "submitted_at", "by", "state", "reason")
        write_csv(rows, keys)
    elif not rows:
        consoles().out.print("没有报送；用 supervision submit FILE.jsonl 导入")
    else:
        table = Table(title=f"报送（{len(rows)}）", title_justify="left", box=box.SIMPLE_HEAD)
        for heading in ("督查事项", "版本", "报送时间", "经办", "状态", "意见"):
            table.add_column(heading, overflow="fold")
        names = {"submitted": "已报送", "accepted": "已验收", "returned": "已退回"}
        for each in rows:
            table.add_row(
                str(each["obligation"]),
                str(each["version"]),
                str(each["submitted_at"])[:16].replace("T", " "),
                str(each["by"]),
                names[str(each["state"])],
                str(each["reason"]),
            )
        consoles().out.print(table)


@submissions_app.command()
def accept(
    obligation: ObligationArgument,
    plan: PlanOption = None,
    by: ByOption = "",
    at: AtOption = None,
) -> None:
    """验收最近一次报送。"""
    _review(obligation, Decision.ACCEPTED, plan, by, "", None, at)


@submissions_app.command("return")
def return_(
    obligation: ObligationArgument,
    reason: ReasonOption = "",
    correct_by: Annotated[
        str | None, typer.Option("--correct-by", help="补正期限（默认3个工作日）", metavar="DATE")
    ] = None,
    plan: PlanOption = None,
    by: ByOption = "",
    at: AtOption = None,
) -> None:
    """退回最近一次报送，限期补正；原时限不变。"""
    _review(obligation, Decision.RETURNED, plan, by, reason, correct_by, at)


def _review(
    obligation: str,
    decision: Decision,
    plan: str | None,
    by: str,
    reason: str,
    correct_by: str | None,
    at: str | None,
) -> None:
    with at_desk(plan) as (app, desk):
        done = review_submission(
            app.database,
            obligation,
            decision,
            by=by or this_user(),
            reason=reason,
            correction_due=day_of(correct_by, "--correct-by"),
            plan=desk.code,
            at=moment(at, desk) or app.now,
            now=app.now,
        )
    text = f"{done.obligation} 第{done.version}版"
    if done.correction_due is None:
        text += "已验收"
    else:
        text += f"已退回，{done.correction_due}前补正"
    consoles().out.print(text)


def extend(
    obligation: ObligationArgument,
    until: Annotated[str, typer.Option("--until", help="新时限", metavar="DATE")],
    reason: ReasonOption = "",
    late_request: Annotated[
        bool, typer.Option("--late-request", help="逾期后提出的也予批准")
    ] = False,
    plan: PlanOption = None,
    by: ByOption = "",
    at: AtOption = None,
) -> None:
    """批准延期：新时限生效，原时限保留，催办停止。"""
    with at_desk(plan) as (app, desk):
        day = day_of(until, "--until")
        assert day is not None
        done = grant_extension(
            app.database,
            obligation,
            day,
            by=by or this_user(),
            reason=reason,
            late_request=late_request,
            plan=desk.code,
            at=moment(at, desk) or app.now,
            now=app.now,
        )
    consoles().out.print(f"{done.obligation} 延期至{done.due_on}（原时限{done.original}）")
