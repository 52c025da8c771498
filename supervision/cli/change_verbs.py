"""`supervision rules diff|preview`: what changed in meaning, and what that would do."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from supervision.cli.change_output import lines_of
from supervision.cli.context import (
    AsOfOption,
    KnownAtOption,
    PlanOption,
    application,
    consoles,
    moment,
    steps_of,
    unit_codes,
)
from supervision.cli.output import write_json
from supervision.cli.preview_output import show_preview
from supervision.cli.rule_verbs import rules_app
from supervision.services.diff_rules import diff_rules
from supervision.services.load_rules import load_whole_pack
from supervision.services.preview_rules import Changed, Moment, desk_for, preview_rules

DIFFERENT = 1


class DiffFormat(StrEnum):
    """How the comparison is written."""

    TABLE = "table"
    JSON = "json"


@rules_app.command("diff")
def diff(
    old: Annotated[
        str, typer.Argument(help="旧版：文件夹、修订号或 active", metavar="A", show_default=False)
    ],
    new: Annotated[
        str, typer.Argument(help="新版：文件夹、修订号或 active", metavar="B", show_default=False)
    ],
    plan: PlanOption = None,
    format_: Annotated[DiffFormat, typer.Option("--format", help="输出格式")] = DiffFormat.TABLE,
) -> None:
    """比较两版规则在含义上的变化（不逐行比较）：从 A 到 B。

    A、B 各为工作安排文件夹，或已存规则的修订号（可只写开头，至少7位），或 active（在用的规则）；
    有同名文件夹的，以文件夹为准。顺序、空格、注释、同义写法不算变化；条件变宽或变窄的，举出判定不同的事实。

    含义相同以状态 0 退出，不同为 1，有错误为 2。
    """
    with application() as app:
        found = diff_rules(old, new, reading=lambda: app.database.reading(), plan=plan)  # noqa: PLW0108 - lazily
    if format_ is DiffFormat.JSON:
        write_json(found.model_dump(mode="json", by_alias=True))
    else:
        out = consoles().out
        for line in lines_of(found):
            style = "bold" if line and not line.startswith(" ") else ""
            out.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
    if not found.same:
        raise typer.Exit(DIFFERENT)


@rules_app.command("preview")
def preview(
    path: Annotated[
        Path, typer.Argument(help="改后的工作安排文件夹（plan.yaml 所在处）", metavar="PATH")
    ],
    plan: PlanOption = None,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    unit: Annotated[
        list[str] | None, typer.Option("--unit", help="只看这个单位（可多次）", metavar="UNIT")
    ] = None,
    format_: Annotated[DiffFormat, typer.Option("--format", help="输出格式")] = DiffFormat.TABLE,
) -> None:
    """预演：把改后的规则放到现有数据上试一遍，看会有什么不同；试完全部撤回，不写入、不发送。

    列出会新增、消除、改变程度或状态的问题，会发出或撤下的通知，判定数有变的规则。
    与在用的规则在同一时刻比较，两边都有的变化（上次督查以来的新情况）另计。

    什么都不变以状态 0 退出，会有变化为 1，有错误为 2。
    """
    with steps_of("预演") as progress:
        loaded = load_whole_pack(path)
        with application() as app:
            changed = Changed(str(path), loaded)
            with app.database.reading() as session:
                desk = desk_for(session, changed, plan)
            looked_at = Moment(
                as_of=moment(as_of, desk),
                known_at=moment(known_at, desk, end_of_day=True),
                units=unit_codes(desk, unit),
            )
            found = preview_rules(
                app.database, changed, looked_at, app.tools, progress=progress, now=app.now
            )
    if format_ is DiffFormat.JSON:
        write_json(found.model_dump(mode="json", by_alias=True))
    else:
        show_preview(found, consoles().out)
    if found.differs:
        raise typer.Exit(DIFFERENT)
