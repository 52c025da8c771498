"""`supervision notices …` and `escalations …`: what goes out, to whom, and why."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from supervision.bootstrap import App
from supervision.cli.context import (
    AsOfOption,
    AtOption,
    ByOption,
    DryRunOption,
    Format,
    FormatOption,
    ListFormat,
    PlanOption,
    ReasonOption,
    at_desk,
    consoles,
    moment,
    this_user,
)
from supervision.cli.output import show, write_json
from supervision.domain.findings import State
from supervision.domain.notices import NoticeState
from supervision.errors import SupervisionError
from supervision.services import escalation_list, list_files
from supervision.services.contract import EscalationOut, notice_out
from supervision.services.deliver import Delivery, deliver, replay
from supervision.services.desk import Desk
from supervision.services.preview import preview_notice
from supervision.store import escalations, findings, outbox

notices_app = typer.Typer(help="通知：清单、预览、发送、重发", no_args_is_help=True)
escalations_app = typer.Typer(help="升级建议与重点关注名单", no_args_is_help=True)

NOTICE_COLUMNS = (
    ("id", "号"),
    ("kind", "种类"),
    ("step", "步骤"),
    ("state", "状态"),
    ("to", "收件人"),
    ("subject", "主题"),
    ("state_reason", "说明"),
)


@notices_app.command("list")
def list_notices(
    plan: PlanOption = None,
    state: Annotated[
        list[NoticeState] | None, typer.Option("--state", help="只列这个状态（可多次）")
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="单位代码")] = None,
    step: Annotated[str | None, typer.Option("--step", help="步骤，如 R4")] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """列出通知：给谁、为何、哪一步、现状；不发的也有一行和原因。"""
    with at_desk(plan) as (app, desk), app.database.reading() as session:
        states = [each.value for each in state] if state else None
        rows = [
            notice_out(row, desk.adopted.zone)
            for row in outbox.listed(session, desk.code, states=states, unit=unit, step=step)
        ]
    show(
        rows,
        NOTICE_COLUMNS,
        format_,
        title="通知",
        empty="没有通知",
        console=consoles().out,
    )


@notices_app.command()
def preview(
    notice: Annotated[int, typer.Argument(help="通知号", metavar="ID")],
    plan: PlanOption = None,
    html: Annotated[bool, typer.Option("--html", help="写出 HTML 正文")] = False,
) -> None:
    """预览一件通知所在的邮件，与将要发出的一字不差。"""
    with at_desk(plan) as (app, desk):
        message = preview_notice(app.database, app.postman, notice, plan=desk.code)
    if html:
        sys.stdout.write(message.html)
        return
    out = consoles().out
    out.print(f"收件人：{message.recipient}", markup=False)
    if message.shown_cc:
        out.print(f"抄送：{'、'.join(message.shown_cc)}", markup=False)
    out.print(f"主题：{message.subject}\n", markup=False)
    out.print(message.text, markup=False)


@notices_app.command()
def send(
    plan: PlanOption = None,
    as_of: AsOfOption = None,
    ignore_hours: Annotated[
        bool, typer.Option("--ignore-hours", help="不顾发信时段，立即发出")
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """发送到时的通知：每人每天一封汇总；发送前再次核对是否已报送。"""
    with at_desk(plan) as (app, desk):
        at = moment(as_of, desk) or app.now
        if dry_run:
            with app.database.reading() as session:
                due = outbox.due_digests(session, desk.code, now=at)
            consoles().out.print(f"到时的邮件{len(due)}封；试运行，未发送")
            return
        done = send_due(app, desk, at, ignore_hours=ignore_hours)
        lines = delivery_lines(done, desk, app)
    for line in lines:
        consoles().out.print(line, markup=False)
    if done.dead:
        raise typer.Exit(1)


def send_due(app: App, desk: Desk, at: datetime, *, ignore_hours: bool = False) -> Delivery:
    """Deliver what is due for the plan at hand."""
    return deliver(
        app.database,
        app.postman,
        plan=desk.code,
        ignore_hours=ignore_hours,
        at=at,
        now=app.now,
    )


def delivery_lines(done: Delivery, desk: Desk, app: App) -> list[str]:
    """Return how a delivery went, for a person."""
    lines = [f"已发送{done.sent}封（{app.transport.name}）"]
    if done.silenced:
        lines.append(f"另有{done.silenced}件通知因已报送等原因不再发出")
    if done.waiting and done.next_opening is not None:
        opening = done.next_opening.astimezone(desk.adopted.zone)
        lines.append(
            f"{done.waiting}封等到 {opening:%Y-%m-%d %H:%M} 再发（非发信时段；"
            "立即发出用 --ignore-hours）"
        )
    if done.retried:
        lines.append(f"{done.retried}封暂未送达，稍后自动重试")
    if done.dead:
        lines.append(f"{done.dead}封发送失败，处理后用 supervision notices replay ID 重发")
    lines += [f"  原因：{error}" for error in dict.fromkeys(done.errors)]
    return lines


@notices_app.command("replay")
def replay_notice(
    notice: Annotated[int, typer.Argument(help="通知号", metavar="ID")],
    plan: PlanOption = None,
    by: ByOption = "",
    at: AtOption = None,
) -> None:
    """把发送失败的通知重新放回待发，Message-ID 不变。"""
    with at_desk(plan) as (app, desk):
        digest = replay(
            app.database,
            notice,
            plan=desk.code,
            by=by or this_user(),
            opens_and_closes=(app.settings.mail_opens, app.settings.mail_closes),
            at=moment(at, desk) or app.now,
            now=app.now,
        )
        due_at = digest.due_at.astimezone(desk.adopted.zone)
    consoles().out.print(f"已放回待发：{digest.recipient}，{due_at:%Y-%m-%d %H:%M} 起发送")


# --- Escalations ---------------------------------------------------------------------------------


@escalations_app.command("list")
def list_escalations(
    plan: PlanOption = None,
    all_: Annotated[bool, typer.Option("--all", help="已失效、已否决的也列出")] = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """列出升级建议及其审定情况。"""
    with at_desk(plan) as (app, desk), app.database.reading() as session:
        numbers = {
            row.id: row
            for row in findings.listed(session, desk.code, states=[state.value for state in State])
        }
        zone = desk.adopted.zone
        rows = [
            EscalationOut(
                id=row.id or 0,
                finding=numbers[row.finding_id].number,
                unit=numbers[row.finding_id].unit,
                level=row.level,
                state=row.state,
                letter=row.letter,
                card=row.card,
                decided_by_role=row.decided_by_role,
                proposed_at=row.proposed_at.astimezone(zone),
                decided_at=row.decided_at.astimezone(zone) if row.decided_at else None,
                decided_by=row.decided_by,
                reason=row.reason,
            )
            for row in escalations.of_plan(
                session, desk.code, None if all_ else ("proposed", "approved")
            )
        ]
    show(
        rows,
        (
            ("id", "号"),
            ("level", "级别"),
            ("state", "状态"),
            ("finding", "问题"),
            ("unit", "单位"),
            ("letter", "函件"),
            ("card", "牌"),
            ("proposed_at", "提出"),
            ("reason", "理由"),
        ),
        format_,
        title="升级建议",
        empty="没有升级建议",
        console=consoles().out,
    )


def _decide(
    escalation: int, *, approve: bool, plan: str | None, by: str, reason: str, at: str | None
) -> None:
    with at_desk(plan) as (app, desk):
        row = escalation_list.decide_escalation(
            app.database,
            escalation,
            approve=approve,
            by=by or this_user(),
            reason=reason,
            plan=desk.code,
            at=moment(at, desk) or app.now,
            now=app.now,
        )
    consoles().out.print(f"升级建议{row.id}（{row.level}）{'已审定' if approve else '已否决'}")


EscalationId = Annotated[int, typer.Argument(help="升级建议号", metavar="ID")]


@escalations_app.command()
def approve(
    escalation: EscalationId,
    plan: PlanOption = None,
    by: ByOption = "",
    reason: ReasonOption = "",
    at: AtOption = None,
) -> None:
    """审定一项升级建议。"""
    _decide(escalation, approve=True, plan=plan, by=by, reason=reason, at=at)


@escalations_app.command()
def reject(
    escalation: EscalationId,
    reason: ReasonOption = "",
    plan: PlanOption = None,
    by: ByOption = "",
    at: AtOption = None,
) -> None:
    """否决一项升级建议，须写明理由。"""
    _decide(escalation, approve=False, plan=plan, by=by, reason=reason, at=at)


@escalations_app.command()
def propose(
    plan: PlanOption = None,
    format_: Annotated[ListFormat, typer.Option("--format", help="输出格式")] = ListFormat.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="写到文件", metavar="FILE")
    ] = None,
) -> None:
    """名单草稿：现在印发会是什么样；不写入。"""
    with at_desk(plan) as (app, desk):
        document = escalation_list.issue_list(
            app.database,
            app.tools,
            plan=desk.code,
            by=this_user(),
            dry_run=True,
            at=app.now,
            now=app.now,
        )
        write_list(app, desk, document, format_, output)


@escalations_app.command()
def issue(
    plan: PlanOption = None,
    by: ByOption = "",
    at: AtOption = None,
    dry_run: DryRunOption = False,
    format_: Annotated[ListFormat, typer.Option("--format", help="输出格式")] = ListFormat.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="写到文件", metavar="FILE")
    ] = None,
) -> None:
    """印发名单：编号、冻结，邮件进入待发；此后不再改变。"""
    with at_desk(plan) as (app, desk):
        document = escalation_list.issue_list(
            app.database,
            app.tools,
            plan=desk.code,
            by=by or this_user(),
            dry_run=dry_run,
            at=moment(at, desk) or app.now,
            now=app.now,
        )
        write_list(app, desk, document, format_, output)


@escalations_app.command("lists")
def list_lists(plan: PlanOption = None, format_: FormatOption = Format.TABLE) -> None:
    """列出已印发的名单。"""
    with at_desk(plan) as (app, desk), app.database.reading() as session:
        issued = [
            {
                "number": row.number,
                "as_of": row.as_of.astimezone(desk.adopted.zone).isoformat(),
                "issued_by": row.issued_by,
                "rows": len(row.document["rows"]),
            }
            for row in escalations.lists(session, desk.code)
        ]
    if format_ is not Format.TABLE:
        write_json(issued)
        return
    if not issued:
        consoles().out.print("还没有印发名单；用 supervision escalations issue 印发")
    for each in issued:
        text = f"第{each['number']}期　截至{str(each['as_of'])[:10]}　{each['rows']}项"
        consoles().out.print(f"{text}　印发：{each['issued_by']}", markup=False)


@escalations_app.command("show")
def show_list(
    number: Annotated[
        int | None, typer.Argument(help="期号；默认最近一期", metavar="[NUMBER]")
    ] = None,
    plan: PlanOption = None,
    format_: Annotated[ListFormat, typer.Option("--format", help="输出格式")] = ListFormat.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="写到文件", metavar="FILE")
    ] = None,
) -> None:
    """查看一期名单：各种格式都是同样的行。"""
    with at_desk(plan) as (app, desk):
        with app.database.reading() as session:
            if number is None:
                last = escalations.last_list(session, desk.code)
                if last is None:
                    raise SupervisionError(
                        "no list was issued yet; `supervision escalations issue` issues one"
                    )
                document = dict(last.document)
            else:
                document = dict(escalations.find_list(session, desk.code, number).document)
        write_list(app, desk, document, format_, output)


def write_list(
    app: App, desk: Desk, document: dict[str, object], format_: ListFormat, output: Path | None
) -> None:
    """Write a list in the format asked for, to a file or to standard output."""
    match format_:
        case ListFormat.TABLE:
            print_list(document)
            return
        case ListFormat.JSON:
            content = (list_files.as_json(document) + "\n").encode()
        case ListFormat.HTML:
            context = escalation_list.mail_context(desk, document, whole=True)
            content = app.renderer.mail("leaders-list", context).html.encode()
        case ListFormat.XLSX:
            content = list_files.as_xlsx(document)
    if output is not None:
        output.write_bytes(content)
        consoles().out.print(f"已写入 {output}", markup=False)
    elif format_ is ListFormat.XLSX and sys.stdout.isatty():
        raise SupervisionError("a workbook is not shown on a terminal; name a file with -o FILE")
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def print_list(document: dict[str, object]) -> None:
    """Write a list as a table."""
    rows = document["rows"]
    assert isinstance(rows, list)
    number = document.get("number")
    head = f"第{number}期" if number else "（草稿，未印发）"
    table = Table(
        title=f"{document['title']}{head}　截至{str(document['as_of'])[:16].replace('T', ' ')}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
    )
    for heading in (
        "序号",
        "级别",
        "责任单位",
        "条款",
        "事项",
        "时限",
        "现状",
        "逾期",
        "已采取措施",
        "建议处理",
    ):
        table.add_column(heading, overflow="fold")
    for row in rows:
        due = row["due_current"] or "—"
        if row["due_original"]:
            due += f"（原{row['due_original']}）"
        table.add_row(
            str(row["no"]),
            row["level"],
            row["unit"],
            row["clause"],
            row["item"],
            due,
            row["fact_done"],
            f"{row['overdue_days']}个工作日" if row["overdue_days"] else "—",
            row["measures_taken"],
            row["proposed"],
        )
    out = consoles().out
    out.print(table if rows else "名单上没有单位")
    changes = document["changes"]
    assert isinstance(changes, dict)
    since = document.get("since")
    if since:
        parts = [
            f"{label}{len(changes[key])}项"
            for key, label in (("added", "新增"), ("raised", "升级"), ("removed", "移出"))
        ]
        out.print(f"较第{since}期：{'，'.join(parts)}")
