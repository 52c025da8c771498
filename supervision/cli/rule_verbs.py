"""`supervision rules …`: check, test and read the rules of a pack."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.table import Table

from rules.catalogue import KINDS, FieldType
from rules.nodes import did_you_mean
from supervision.cli.context import Format, FormatOption, consoles, steps_of
from supervision.cli.output import write_csv, write_json
from supervision.cli.plan_verbs import PackPath, check
from supervision.errors import SupervisionError
from supervision.services.run_cases import run_pack_cases

rules_app = typer.Typer(help="规则：检查、试例、可用字段", no_args_is_help=True)


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
