"""`supervision escalations …`: proposals, what is decided on them, and the list for leaders."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from supervision.bootstrap import App
from supervision.cli.context import (
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
    unit_names,
)
from supervision.cli.output import show, write_json
from supervision.domain.findings import State
from supervision.errors import SupervisionError
from supervision.services import issue_list, list_files
from supervision.services.contract import EscalationOut
from supervision.services.desk import Desk
from supervision.store import escalations, findings

escalations_app = typer.Typer(help="升级建议与重点关注名单", no_args_is_help=True)

WIDE = 110
"""Characters a line from which the list shows all its columns."""

LIST_COLUMNS = (
    ("no", "序号"),
    ("level", "级别"),
    ("unit", "责任单位"),
    ("clause", "条款"),
    ("item", "事项"),
    ("due", "时限"),
    ("fact_done", "现状"),
    ("overdue_days", "逾期（工作日）"),
    ("measures_taken", "已采取措施"),
    ("proposed", "建议处理"),
)


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
        units=unit_names(desk),
    )


def _decide(
    escalation: int, *, approve: bool, plan: str | None, by: str, reason: str, at: str | None
) -> None:
    with at_desk(plan) as (app, desk):
        row = issue_list.decide_escalation(
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
        document = issue_list.issue_list(
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
    _require_place(format_, output)  # a list that is issued stays issued
    with at_desk(plan) as (app, desk):
        document = issue_list.issue_list(
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


def _require_place(format_: ListFormat, output: Path | None) -> None:
    if output is None and format_ is ListFormat.XLSX and sys.stdout.isatty():
        raise SupervisionError("a workbook is not shown on a terminal; name a file with -o FILE")
    if output is not None and (output.is_dir() or not output.parent.is_dir()):
        raise SupervisionError(f"{output}: no file can be written there; name one with -o FILE")


def write_list(
    app: App, desk: Desk, document: dict[str, object], format_: ListFormat, output: Path | None
) -> None:
    """Write a list in the format asked for, to a file or to standard output."""
    _require_place(format_, output)
    match format_:
        case ListFormat.TABLE:
            print_list(document)
            return
        case ListFormat.JSON:
            content = (list_files.as_json(document) + "\n").encode()
        case ListFormat.HTML:
            context = issue_list.mail_context(desk, document, whole=True)
            content = app.renderer.mail("leaders-list", context).html.encode()
        case ListFormat.XLSX:
            content = list_files.as_xlsx(document)
    if output is not None:
        output.write_bytes(content)
        consoles().out.print(f"已写入 {output}", markup=False)
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
    out = consoles().out
    columns = (
        LIST_COLUMNS
        if out.width >= WIDE
        else [each for each in LIST_COLUMNS if each[0] not in ("clause", "measures_taken")]
    )
    for key, heading in columns:
        table.add_column(heading, overflow="fold", no_wrap=key in ("no", "level", "due"))
    for row in rows:
        due = row["due_current"] or "—"
        if row["due_original"]:
            due += f"\n（原{row['due_original']}）"
        late = f"{row['overdue_days']}天" if row["overdue_days"] else "—"
        shown = {**row, "due": due, "overdue_days": late}
        table.add_row(*(str(shown[key]) for key, _ in columns))
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
