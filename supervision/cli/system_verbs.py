"""`supervision demo`, `doctor`, `db …`, `journal …`: the whole, and its health."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

import rules
from supervision.bootstrap import App
from supervision.cli.context import (
    Format,
    FormatOption,
    application,
    consoles,
    unit_names,
)
from supervision.cli.list_verbs import print_list
from supervision.cli.output import NOTICE_KIND, NOTICE_STATE, write_csv, write_json
from supervision.cli.run_verbs import show_evaluation
from supervision.config import load_settings, without_password
from supervision.errors import SupervisionError
from supervision.services.contract import evaluation_out
from supervision.services.demonstrate import Demonstration, demonstrate
from supervision.services.examine import examine
from supervision.store import journal as journal_store
from supervision.store import outbox, schema
from supervision.store.session import Database

db_app = typer.Typer(help="数据库：升级结构", no_args_is_help=True)
journal_app = typer.Typer(help="审计日志：谁在何时做了什么", no_args_is_help=True)

SHIPPED = Path(rules.__file__).parent / "packs" / "talent-2022"


def demo(
    directory: Annotated[
        Path, typer.Option("--directory", help="数据库和邮件放在这里", metavar="D")
    ] = Path("demo"),
    pack: Annotated[
        Path, typer.Option("--pack", help="工作安排文件夹", show_default=False, metavar="PATH")
    ] = SHIPPED,
) -> None:
    """演示全程：采用2022年工作安排、载入一年报送样例、督查、发信、印发名单。再次运行不作改动。"""
    directory.mkdir(parents=True, exist_ok=True)
    with application(directory) as app:
        done = demonstrate(
            app.database,
            pack,
            app.tools,
            app.postman,
            identity_key=app.settings.identity_key.get_secret_value().encode(),
            now=app.now,
        )
        _show_demo(app, done, consoles().out)


def _show_demo(app: App, done: Demonstration, out: Console) -> None:
    zone = done.desk.adopted.zone
    if done.again:
        out.print("[bold green]与上次演示相同，没有任何改动。[/]以下是现有结果：\n")
    else:
        out.print(
            f"[bold]{done.adoption.title}[/]：督查事项{done.adoption.obligations}项，"
            f"规则{done.adoption.rules}条；载入报送{len(done.recorded.versions)}件、"
            f"台账{done.recorded.records}行\n"
        )
    show_evaluation(evaluation_out(done.evaluation, zone), out, unit_names(done.desk))
    with app.database.reading() as session:
        notices = outbox.listed(session, done.adoption.plan)
    counted = Counter((row.kind, row.state) for row in notices)
    out.print("\n[bold]通知[/]")
    for (kind, state), count in sorted(counted.items()):
        out.print(f"  {NOTICE_KIND.get(kind, kind)}　{NOTICE_STATE[state]}　{count}件")
    if not counted:
        out.print("  没有通知")
    if not done.again:
        out.print(f"  本次发出邮件{done.delivery.sent}封（同一收件人的通知合为一封）")
        for error in dict.fromkeys(done.delivery.errors):
            out.print(f"  [bold red]未能送达[/]：{escape(error)}")
    out.print()
    if done.document is not None:
        print_list(done.document)
    else:
        out.print("名单：没有需要升级的问题")
    url = app.database.shown_url
    out.print("\n[bold]放在哪里[/]")
    out.print(f"  数据库　{url}", markup=False, soft_wrap=True)
    mails = without_password(app.settings.transport_url)
    out.print(f"  邮件　　{mails}", markup=False, soft_wrap=True)
    out.print("\n[bold]接下来可以试[/]")
    number = done.evaluation.problems[0].number if done.evaluation.problems else "W-2022-0001"
    later = (done.evaluation.as_of + timedelta(days=7)).astimezone(zone).date()
    for line in _to_set_first(url, mails):
        out.print(f"  {line}", markup=False, soft_wrap=True)
    for command, what in (
        (f"supervision findings show {number}", "一个问题的事实、依据和经过"),
        (f"supervision findings confirm {number} --by 督查员", "核实后认定"),
        ("supervision notices list", "每件通知为何发、发给谁、是否已发"),
        ("supervision escalations show --format xlsx -o 名单.xlsx", "名单的工作簿"),
        (f"supervision evaluate --as-of {later} --dry-run", "一周以后会怎样"),
        ("supervision doctor", "核对账目、日志链条和设置"),
    ):
        out.print(f"  {command}　　{what}", markup=False, soft_wrap=True)


def _to_set_first(url: str, mails: str) -> list[str]:
    """Return the shell lines without which the next commands would not find the demonstration."""
    lines = []
    if shutil.which("supervision") is None:
        lines.append(f'export PATH="{Path(sys.argv[0]).parent.absolute()}:$PATH"')
    given = load_settings().model_fields_set
    if "database_url" not in given:
        lines.append(f"export SUPERVISION_DATABASE_URL={url}")
    if "mail_url" not in given and "smtp_url" not in given:
        lines.append(f"export SUPERVISION_MAIL_URL={mails}")
    return lines


def doctor(format_: FormatOption = Format.TABLE) -> None:
    """体检：设置、数据库结构、审计日志链条、各项计数；有不符即以状态 1 退出。"""
    settings = load_settings()
    app = App(settings)
    answers = list(examine(settings, lambda: app.transport.name, now=app.now))
    rows = [{"what": each.what, "ok": each.ok, "text": each.text} for each in answers]
    if format_ is Format.JSON:
        write_json(rows)
    elif format_ is Format.CSV:
        write_csv(rows, ("what", "ok", "text"))
    else:
        marks = {True: "[green]✓[/]", False: "[bold red]✗[/]", None: "[yellow]·[/]"}
        for each in answers:
            text = each.text.replace("[", r"\[")
            consoles().out.print(f"{marks[each.ok]} {each.what}　{text}")
    if any(each.ok is False for each in answers):
        raise typer.Exit(1)


@db_app.command()
def upgrade() -> None:
    """把数据库结构升级到本程序需要的版本。"""
    database = Database(load_settings().database_url)
    before = schema.current(database)
    if before == schema.newest():
        consoles().out.print(f"数据库结构已是 {before}，未作改动")
        return
    schema.upgrade(database)
    consoles().out.print(f"数据库结构：{before or '空'} → {schema.newest()}")
    database.close()


@journal_app.command("list")
def list_journal(
    limit: Annotated[int, typer.Option("--limit", min=1, help="最近几条")] = 20,
    format_: FormatOption = Format.TABLE,
) -> None:
    """列出审计日志（最近的在后）。"""
    with application() as app, app.database.reading() as session:
        rows = [
            {
                "seq": row.seq,
                "at": row.at.isoformat(),
                "actor": row.actor,
                "action": row.action,
                "subject": row.subject,
                "data": row.data,
                "hash": row.hash,
            }
            for row in journal_store.recent(session, limit)
        ]
    if format_ is Format.JSON:
        write_json(rows)
    elif format_ is Format.CSV:
        write_csv(rows, ("seq", "at", "actor", "action", "subject", "data", "hash"))
    else:
        for row in rows:
            consoles().out.print(
                f"{row['seq']:>6}　{str(row['at'])[:19]}　{row['actor']}　{row['action']}　"
                f"{row['subject']}　{str(row['hash'])[:12]}",
                markup=False,
            )
        if not rows:
            raise SupervisionError("the journal is empty: nothing has been done yet")
