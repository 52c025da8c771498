"""`supervision rules diff`: what changed in meaning between two packs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from supervision.cli.change_output import lines_of
from supervision.cli.context import PlanOption, application, consoles
from supervision.cli.output import write_json
from supervision.cli.rule_verbs import rules_app
from supervision.services.diff_rules import diff_rules

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
