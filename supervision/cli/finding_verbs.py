"""`supervision findings …`: the queue, one finding, and what people decide on it."""

from __future__ import annotations

from datetime import date
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
    at_desk,
    consoles,
    day_of,
    moment,
    this_user,
    unit_code,
    unit_names,
)
from supervision.cli.output import (
    EVENT_NAME,
    SEVERITY_NAME,
    STATE_NAME,
    show,
    write_csv,
    write_json,
)
from supervision.cli.run_verbs import FINDING_COLUMNS
from supervision.domain.findings import Event, State
from supervision.errors import NotFound
from supervision.services.contract import (
    FindingDetailOut,
    ListedFindingOut,
    TransitionOut,
    finding_out,
)
from supervision.services.decide import Decision, decide_findings
from supervision.services.found import problem_of
from supervision.store import findings

findings_app = typer.Typer(
    help="督查问题：清单、详情、认定、不予认定、豁免等", no_args_is_help=True
)

Numbers = Annotated[
    list[str], typer.Argument(help="编号，如 W-2022-0001，可多个", metavar="NUMBER...")
]
Number = Annotated[str, typer.Argument(help="编号，如 W-2022-0001", metavar="NUMBER")]


@findings_app.command("list")
def list_findings(
    plan: PlanOption = None,
    state: Annotated[
        list[State] | None, typer.Option("--state", help="只列这个状态（可多次）")
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="单位", metavar="UNIT")] = None,
    severity: Annotated[str | None, typer.Option("--severity", help="程度")] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="规则", metavar="RULE")] = None,
    all_: Annotated[bool, typer.Option("--all", help="已了结的也列出")] = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """列出督查问题（默认只列未了结的）。"""
    with at_desk(plan) as (app, desk), app.database.reading() as session:
        if severity is not None and severity not in SEVERITY_NAME:
            raise NotFound(f"no severity {severity!r}; allowed: {', '.join(SEVERITY_NAME)}")
        states = [each.value for each in state] if state else None
        if all_:
            states = [each.value for each in State]
        rows = [
            ListedFindingOut(
                **finding_out(problem_of(row), desk.adopted.zone).model_dump(),
                pack_revision=row.ruleset,
            )
            for row in findings.listed(
                session,
                desk.code,
                states=states,
                unit=unit_code(desk, unit),
                severity=severity,
                rule=rule,
            )
        ]
    show(
        rows,
        FINDING_COLUMNS,
        format_,
        title="督查问题",
        empty="没有这样的督查问题",
        console=consoles().out,
        units=unit_names(desk),
    )


@findings_app.command("show")
def show_finding(
    number: Number, plan: PlanOption = None, format_: FormatOption = Format.TABLE
) -> None:
    """查看一个督查问题：事实、依据条款、参数、全部经过。"""
    with at_desk(plan) as (app, desk), app.database.reading() as session:
        row = findings.find(session, desk.code, number)
        assert row.id is not None
        zone = desk.adopted.zone
        detail = FindingDetailOut(
            **finding_out(problem_of(row), zone).model_dump(),
            clause_text=row.clause_text,
            remedy=row.remedy,
            cycle=row.cycle,
            rectify_due=row.rectify_due,
            waived_until=row.waived_until,
            pack_revision=row.ruleset,
            rule_digest=row.rule_digest,
            facts=row.facts["facts"],
            terms=row.terms,
            history=[
                TransitionOut(
                    event=each.event,
                    old=each.old,
                    new=each.new,
                    at=each.at.astimezone(zone),
                    by=each.by,
                    reason=each.reason,
                    run=each.run_id,
                )
                for each in findings.history(session, row.id)
            ],
        )
        unit = desk.adopted.pack.unit(row.unit).name
    if format_ is Format.JSON:
        write_json(detail)
        return
    if format_ is Format.CSV:
        write_csv(
            [each.model_dump(mode="json") for each in detail.history],
            list(TransitionOut.model_fields),
        )
        return
    _print_detail(detail, unit)


def _print_detail(detail: FindingDetailOut, unit: str) -> None:
    out = consoles().out
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in (
        ("编号", detail.number),
        ("问题", detail.title),
        ("单位", unit),
        ("程度", SEVERITY_NAME[detail.severity]),
        ("状态", STATE_NAME[detail.state]),
        ("事实", detail.message),
        ("依据", f"{detail.clause or '—'}　{detail.clause_text}"),
        ("要求", detail.remedy or "—"),
        ("规则", f"{detail.rule}（版本 {detail.pack_revision[:12]}）"),
        ("参数", "、".join(f"{k}={v}" for k, v in _params(detail).items()) or "—"),
        ("整改期限", detail.rectify_due or "—"),
        ("豁免至", detail.waived_until or "—"),
    ):
        table.add_row(label, str(value))
    out.print(table)
    past = Table(title="经过", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("时间", "步骤", "状态", "经办", "理由", "运行"):
        past.add_column(heading, overflow="fold")
    for each in detail.history:
        past.add_row(
            f"{each.at:%Y-%m-%d %H:%M}",
            EVENT_NAME[each.event],
            STATE_NAME[each.new],
            each.by,
            each.reason,
            str(each.run or ""),
        )
    out.print(past)


def _params(detail: FindingDetailOut) -> dict[str, object]:
    params = detail.terms.get("params")
    return params if isinstance(params, dict) else {}


def _decide(
    event: Event,
    numbers: list[str],
    *,
    plan: str | None,
    by: str,
    at: str | None,
    reason: str = "",
    until: date | None = None,
    dry_run: bool = False,
) -> None:
    with at_desk(plan) as (app, desk):
        decided = decide_findings(
            app.database,
            numbers,
            Decision(event, by or this_user(), reason, until),
            app.tools,
            plan=desk.code,
            dry_run=dry_run,
            at=moment(at, desk) or app.now,
            now=app.now,
        )
    for each in decided:
        text = f"{each.number}　{STATE_NAME[each.old]} → {STATE_NAME[each.new]}　{each.title}"
        if each.rectify_due is not None and each.new is State.NOTIFIED:
            text += f"（{each.rectify_due}前整改）"
        if dry_run:
            text += "　[试运行，未写入]"
        consoles().out.print(text, markup=False)


@findings_app.command()
def confirm(
    numbers: Numbers,
    plan: PlanOption = None,
    by: ByOption = "",
    reason: ReasonOption = "",
    at: AtOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """认定：核实属实。"""
    _decide(Event.CONFIRM, numbers, plan=plan, by=by, reason=reason, at=at, dry_run=dry_run)


@findings_app.command()
def dismiss(
    numbers: Numbers,
    reason: ReasonOption = "",
    plan: PlanOption = None,
    by: ByOption = "",
    at: AtOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """不予认定：须写明理由；除非情况变得更重，不再提起。"""
    _decide(Event.DISMISS, numbers, plan=plan, by=by, reason=reason, at=at, dry_run=dry_run)


@findings_app.command()
def waive(
    numbers: Numbers,
    until: Annotated[
        str | None, typer.Option("--until", help="豁免的最后一天", metavar="DATE")
    ] = None,
    reason: ReasonOption = "",
    plan: PlanOption = None,
    by: ByOption = "",
    at: AtOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """豁免：须写明理由和截止日；到期仍不合格的重新提起。"""
    _decide(
        Event.WAIVE,
        numbers,
        plan=plan,
        by=by,
        reason=reason,
        until=day_of(until, "--until"),
        at=at,
        dry_run=dry_run,
    )


@findings_app.command()
def notify(
    numbers: Numbers,
    plan: PlanOption = None,
    by: ByOption = "",
    at: AtOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """交办整改：向单位发出整改通知，起算整改期限。"""
    _decide(Event.NOTIFY, numbers, plan=plan, by=by, at=at, dry_run=dry_run)


@findings_app.command()
def acknowledge(
    numbers: Numbers, plan: PlanOption = None, by: ByOption = "", at: AtOption = None
) -> None:
    """签收：单位已收到整改通知。"""
    _decide(Event.ACKNOWLEDGE, numbers, plan=plan, by=by, at=at)


@findings_app.command()
def appeal(
    numbers: Numbers,
    reason: ReasonOption = "",
    plan: PlanOption = None,
    by: ByOption = "",
    at: AtOption = None,
) -> None:
    """申诉：单位对认定有异议。"""
    _decide(Event.APPEAL, numbers, plan=plan, by=by, reason=reason, at=at)


@findings_app.command()
def uphold(
    numbers: Numbers, plan: PlanOption = None, by: ByOption = "", at: AtOption = None
) -> None:
    """维持认定：申诉不成立，整改期限重新起算。"""
    _decide(Event.UPHOLD, numbers, plan=plan, by=by, at=at)


@findings_app.command()
def reject(
    numbers: Numbers,
    reason: ReasonOption = "",
    plan: PlanOption = None,
    by: ByOption = "",
    at: AtOption = None,
) -> None:
    """撤销认定：申诉成立。"""
    _decide(Event.REJECT, numbers, plan=plan, by=by, reason=reason, at=at)


@findings_app.command()
def respond(
    numbers: Numbers,
    reason: Annotated[str, typer.Option("--reason", help="整改措施和结果")] = "",
    plan: PlanOption = None,
    by: ByOption = "",
    at: AtOption = None,
) -> None:
    """反馈：单位报告整改措施和结果，待验收。"""
    _decide(Event.RESPOND, numbers, plan=plan, by=by, reason=reason, at=at)


@findings_app.command("return")
def return_(
    numbers: Numbers,
    reason: ReasonOption = "",
    plan: PlanOption = None,
    by: ByOption = "",
    at: AtOption = None,
) -> None:
    """退回重改：整改未到位。"""
    _decide(Event.RETURN, numbers, plan=plan, by=by, reason=reason, at=at)


@findings_app.command()
def accept(
    numbers: Numbers, plan: PlanOption = None, by: ByOption = "", at: AtOption = None
) -> None:
    """验收销号。"""
    _decide(Event.ACCEPT, numbers, plan=plan, by=by, at=at)
