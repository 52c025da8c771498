"""`supervision evaluate`, `runs …`: what the rules say, as of when, and what came of it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from supervision.cli.context import (
    AsOfOption,
    ByOption,
    DryRunOption,
    Format,
    FormatOption,
    KnownAtOption,
    PlanOption,
    at_desk,
    consoles,
    moment,
    this_user,
    unit_codes,
    unit_names,
)
from supervision.cli.output import table_of, write_csv, write_json
from supervision.domain.runs import Mode, RunStatus
from supervision.services.contract import EvaluationOut, RuleOut, evaluation_out
from supervision.services.evaluate import evaluate as run_evaluation
from supervision.services.evaluation import Request
from supervision.services.release_run import release_run
from supervision.store import runs as run_store

runs_app = typer.Typer(help="督查运行：查看、放行", no_args_is_help=True)

FINDING_COLUMNS = (
    ("number", "编号"),
    ("severity", "程度"),
    ("state", "状态"),
    ("unit", "单位"),
    ("message", "问题"),
)


def evaluate(
    plan: PlanOption = None,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    unit: Annotated[
        list[str] | None, typer.Option("--unit", help="只看这个单位（可多次）", metavar="UNIT")
    ] = None,
    dry_run: DryRunOption = False,
    pack_revision: Annotated[
        str | None,
        typer.Option(
            "--pack-revision",
            metavar="R",
            help="按以前的一版规则试算，不写入：版号，或修订号（可只写开头，至少7位），"
            "见 supervision plan versions",
        ),
    ] = None,
    by: ByOption = "",
    format_: FormatOption = Format.TABLE,
) -> None:
    """按规则督查：判定、问题、通知、升级建议，一次写入。有问题时以状态 1 退出。"""
    with at_desk(plan) as (app, desk):
        request = Request(
            plan=desk.code,
            as_of=moment(as_of, desk),
            known_at=moment(known_at, desk, end_of_day=True),
            units=unit_codes(desk, unit),
            dry_run=dry_run,
            pack_revision=pack_revision,
        )
        err = consoles().err
        if err.is_terminal:
            with err.status("正在督查……"):
                result = run_evaluation(
                    app.database, request, app.tools, by=by or this_user(), now=app.now
                )
        else:
            result = run_evaluation(
                app.database, request, app.tools, by=by or this_user(), now=app.now
            )
        shown = evaluation_out(result, desk.adopted.zone)
    if format_ is Format.JSON:
        write_json(shown)
    elif format_ is Format.CSV:
        rows = [each.model_dump(mode="json") for each in shown.findings]
        write_csv(rows, list(rows[0]) if rows else [key for key, _ in FINDING_COLUMNS])
    else:
        show_evaluation(
            shown, consoles().out, unit_names(desk), by_revision=pack_revision is not None
        )
    for rule, text in result.broken:
        consoles().err.print(f"规则 {rule} 无法表述其结论：{text}", markup=False, style="red")
    if result.status is RunStatus.FAILED:
        consoles().err.print(
            f"督查运行失败，未写入任何结论：{result.cause}", markup=False, style="bold red"
        )
    if shown.findings or result.broken or result.status is RunStatus.FAILED:
        raise typer.Exit(1)


def show_evaluation(
    shown: EvaluationOut, out: Console, units: dict[str, str], *, by_revision: bool = False
) -> None:
    """Write what a run did, for a person; `by_revision`: by rules that were asked for."""
    run = shown.run
    words = {
        Mode.LIVE.value: f"督查运行 {run.id}",
        Mode.DRY_RUN.value: "试运行（未写入）",
        Mode.REPLAY.value: "回看（早于最近一次运行，不改变任何问题）",
    }
    if by_revision:
        words[Mode.REPLAY.value] = (
            f"按第{run.plan_version}版规则（{run.pack_revision[:12]}）试算，未改动任何内容"
        )
    revision = "" if by_revision else f"　规则版本 {run.pack_revision[:12]}"
    out.print(
        f"[bold]{words[run.mode]}[/]　截至 {run.as_of:%Y-%m-%d %H:%M}　"
        f"已知至 {run.known_at:%Y-%m-%d %H:%M}{revision}"
    )
    if run.status == RunStatus.HELD.value:
        out.print(
            f"[bold yellow]本次拟发{run.counts.held}件通知，超过上限，已暂扣；"
            f"核对后用 supervision runs release {run.id} 放行[/]"
        )
    _show_rules([rule for rule in shown.rules if rule.outcome == "finding"], out)
    _show_steps([rule for rule in shown.rules if rule.outcome != "finding"], out)
    for each in shown.skipped:
        out.print(f"未执行：{each.what}（{each.reason}）", markup=False)
    if shown.findings:
        rows = [each.model_dump(mode="json") for each in shown.findings]
        out.print(table_of(rows, FINDING_COLUMNS, title=f"督查问题（{len(rows)}）", units=units))
    else:
        out.print("没有发现问题")
    counts = run.counts
    if run.mode == Mode.REPLAY.value:
        out.print(
            f"督查事项{run.obligations}项；会发现{counts.opened}项问题；通知和升级不在试算之列"
        )
        return
    out.print(
        f"督查事项{run.obligations}项；新增{counts.opened}，保持{counts.kept}，"
        f"消除{counts.cleared}，重现{counts.reopened}；通知{counts.notices}件，"
        f"升级建议{counts.escalations}项"
    )


def _show_rules(rules: list[RuleOut], out: Console) -> None:
    table = Table(title="各规则判定", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("规则", overflow="fold")
    table.add_column("名称", overflow="fold")
    for heading in ("适用", "合格", "不合格", "未定", "豁免", "出错"):
        table.add_column(heading, justify="right", no_wrap=True)
    for rule in rules:
        values = (
            rule.applicable,
            rule.satisfied,
            rule.violated,
            rule.undecided,
            rule.waived,
            rule.broken,
        )
        table.add_row(
            rule.rule, rule.title, *("[dim]0[/]" if value == 0 else str(value) for value in values)
        )
    out.print(table)


def _show_steps(rules: list[RuleOut], out: Console) -> None:
    """Reminders and proposals: those that hold for something now, and how many do not."""
    holding = [rule for rule in rules if rule.violated]
    if holding:
        table = Table(
            title="提醒与升级规则", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
        )
        table.add_column("规则", overflow="fold")
        table.add_column("名称", overflow="fold")
        table.add_column("适用", justify="right", no_wrap=True)
        table.add_column("触发", justify="right", no_wrap=True)
        for rule in holding:
            table.add_row(rule.rule, rule.title, str(rule.applicable), str(rule.violated))
        out.print(table)
    if len(rules) > len(holding):
        out.print(f"[dim]其余{len(rules) - len(holding)}条提醒与升级规则此时没有触发[/]\n")


@runs_app.command("list")
def list_runs(
    plan: PlanOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="最多几次")] = 20,
    format_: FormatOption = Format.TABLE,
) -> None:
    """列出最近的督查运行。"""
    with at_desk(plan) as (app, desk), app.database.reading() as session:
        zone = desk.adopted.zone
        rows = [
            {
                "id": row.id,
                "as_of": row.as_of.astimezone(zone).isoformat(),
                "status": row.status,
                "pack_revision": row.ruleset,
                "plan_version": row.plan_version,
                "by": row.started_by,
                **row.counts,
                "cause": row.cause,
            }
            for row in run_store.recent(session, desk.code, limit)
        ]
    if format_ is Format.JSON:
        write_json(rows)
    elif format_ is Format.CSV:
        write_csv(rows, list(rows[0]) if rows else ["id"])
    elif not rows:
        consoles().out.print("还没有督查运行；用 supervision evaluate 开始")
    else:
        table = Table(title="督查运行", title_justify="left", box=box.SIMPLE_HEAD)
        names = {"completed": "完成", "failed": "失败", "held": "待放行"}
        headings = (
            "运行",
            "截至",
            "状态",
            "规则版本",
            "新增",
            "保持",
            "消除",
            "重现",
            "通知",
            "原因",
        )
        for heading in headings:
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(
                str(row["id"]),
                str(row["as_of"])[:16].replace("T", " "),
                names[str(row["status"])],
                f"第{row['plan_version']}版 {str(row['pack_revision'])[:7]}",
                *(str(row.get(key, "—")) for key in ("opened", "kept", "cleared", "reopened")),
                str(row.get("notices", "—")),
                str(row["cause"]),
            )
        consoles().out.print(table)


@runs_app.command()
def release(
    run: Annotated[int, typer.Argument(help="运行编号", metavar="RUN")],
    plan: PlanOption = None,
    by: ByOption = "",
    reason: Annotated[str, typer.Option("--reason", help="理由", metavar="TEXT")] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="不发，撤回")] = False,
) -> None:
    """放行（或撤回）被暂扣的一次运行的通知。"""
    with at_desk(plan) as (app, desk):
        count = release_run(
            app.database,
            run,
            app.tools,
            plan=desk.code,
            by=by or this_user(),
            reason=reason,
            withdraw=withdraw,
            now=app.now,
        )
    consoles().out.print(f"运行{run}的{count}件通知已{'撤回' if withdraw else '放行'}")
