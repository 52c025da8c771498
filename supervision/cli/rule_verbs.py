"""`supervision rules …`: check, test and read the rules of a pack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rules.catalogue import KINDS
from rules.labels import TYPES, UNITS, WORDS
from rules.nodes import Faults, did_you_mean
from rules.vocabulary import Status
from supervision.cli.context import Format, FormatOption, consoles
from supervision.cli.fault_output import write_faults
from supervision.cli.output import write_csv, write_json
from supervision.errors import SupervisionError
from supervision.services.check_rules import check_at

rules_app = typer.Typer(help="规则：检查、审读、试例、可用字段", no_args_is_help=True)


RulesPath = Annotated[
    Path,
    typer.Argument(
        help="工作安排文件夹（plan.yaml 所在处），或其中的一个规则文件、规则文件夹", metavar="PATH"
    ),
]
WIDE = 110
"""Characters a line from which on fields are shown as a table."""
OUTCOMES = {"finding": "督查问题", "notice": "提醒", "escalation": "升级建议"}


@contextmanager
def faults_shown(format_: Format) -> Iterator[None]:
    """Show faults with the lines they are about, and end as a user's mistake does."""
    try:
        yield
    except Faults as error:
        write_faults(error.faults, format_)
        raise typer.Exit(2) from None


@rules_app.command("check")
def check_rules(path: RulesPath, format_: FormatOption = Format.TABLE) -> None:
    """检查规则：条件、字段、类型、条款、模板；一次列出全部错误，有错即以状态 2 退出。

    PATH 为整个工作安排时，plan.yaml、单位、分工、台账一并检查。
    --format json 供编辑器和持续集成读取。
    """
    with faults_shown(format_):
        checked = check_at(path)
    if format_ is not Format.TABLE:
        write_faults((), format_)
        return
    out = consoles().out
    shown = Table(box=box.SIMPLE_HEAD)
    shown.add_column("事实种类")
    for heading in (*OUTCOMES.values(), "合计"):
        shown.add_column(heading, justify="right")
    counts = checked.counts()
    for kinds in dict.fromkeys(kinds for kinds, _ in counts):
        numbers = [counts.get((kinds, outcome), 0) for outcome in OUTCOMES]
        shown.add_row(kinds, *(str(each or "") for each in numbers), str(sum(numbers)))
    if counts:
        out.print(shown)
    drafts = sum(1 for rule in checked.rules if rule.rule.status is not Status.PUBLISHED)
    unpublished = f"（其中未发布{drafts}条）" if drafts else ""
    out.print(f"检查通过：规则文件{len(checked.files)}个，规则{len(checked.rules)}条{unpublished}")


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
    out = consoles().out
    for name in KINDS:
        of_kind = [row for row in rows if row["kind"] == name]
        if not of_kind:
            continue
        if out.width < WIDE:
            _show_narrow(name, of_kind, out)
            continue
        shown = Table(title=name, title_justify="left", box=box.SIMPLE_HEAD)
        for heading in ("字段", "类型", "可能未知", "含义", "单位", "示例"):
            shown.add_column(heading, overflow="fold")
        for row in of_kind:
            holds, unit = _in_chinese(row)
            shown.add_row(
                str(row["field"]),
                holds,
                "是" if row["unknown"] else "",
                str(row["meaning"]),
                unit,
                str(row["example"]),
            )
        out.print(shown)


def _show_narrow(kind: str, rows: Sequence[Mapping[str, object]], out: Console) -> None:
    """Show fields one below the other, where a table would break every cell."""
    out.print(f"{kind}（{WORDS['kind'][kind]}）", style="bold", markup=False)
    for row in rows:
        holds, unit = _in_chinese(row)
        said = [each for each in (holds, unit, "可能未知" if row["unknown"] else "") if each]
        out.print(f"  {row['field']}  {'；'.join(said)}", markup=False, highlight=False)
        for line in (str(row["meaning"]), f"例：{row['example']}"):
            out.print(Padding(Text(line), (0, 0, 0, 6)))
    out.print()


def _in_chinese(row: Mapping[str, object]) -> tuple[str, str]:
    """Return what a field holds and in which unit, as a table says it."""
    type_ = str(row["type"])
    holds = str(row["choices"]) if row["choices"] else f"{type_} {TYPES[type_]}"
    return holds, UNITS.get(str(row["unit"]), str(row["unit"]))
