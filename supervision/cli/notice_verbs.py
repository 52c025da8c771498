"""`supervision notices …`: what goes out, to whom, and why."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated

import typer

from supervision.bootstrap import App
from supervision.cli.context import (
    AsOfOption,
    AtOption,
    ByOption,
    DryRunOption,
    Format,
    FormatOption,
    PlanOption,
    at_desk,
    consoles,
    moment,
    this_user,
    unit_code,
)
from supervision.cli.output import show
from supervision.domain.notices import NoticeState
from supervision.services.contract import notice_out
from supervision.services.deliver import Delivery, deliver, replay
from supervision.services.desk import Desk
from supervision.services.preview import preview_notice
from supervision.store import outbox, sending

notices_app = typer.Typer(help="通知：清单、预览、发送、重发", no_args_is_help=True)

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
    unit: Annotated[str | None, typer.Option("--unit", help="单位", metavar="UNIT")] = None,
    step: Annotated[str | None, typer.Option("--step", help="步骤，如 R4")] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """列出通知：给谁、为何、哪一步、现状；不发的也有一行和原因。"""
    with at_desk(plan) as (app, desk), app.database.reading() as session:
        states = [each.value for each in state] if state else None
        rows = [
            notice_out(row, desk.adopted.zone)
            for row in outbox.listed(
                session, desk.code, states=states, unit=unit_code(desk, unit), step=step
            )
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
                due = sending.due_digests(session, desk.code, now=at)
            consoles().out.print(f"到时的邮件{len(due)}封；试运行，未发送")
            return
        done = send_due(app, desk, at, ignore_hours=ignore_hours, running=as_of is None)
        lines = delivery_lines(done, desk, app)
    for line in lines:
        consoles().out.print(line, markup=False)
    if done.dead:
        raise typer.Exit(1)


def send_due(
    app: App, desk: Desk, at: datetime, *, ignore_hours: bool = False, running: bool = True
) -> Delivery:
    """Deliver what is due for the plan at hand; an instant that was named does not run on."""
    return deliver(
        app.database,
        app.postman,
        plan=desk.code,
        ignore_hours=ignore_hours,
        clock=app.clock if running else None,
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
