"""`supervision explain` and `supervision rules explain`: why a finding stands, what a rule says."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from supervision.cli.context import PlanOption, at_desk, consoles, moment
from supervision.cli.explanation_text import explanation_lines, rule_lines, rule_list_lines
from supervision.cli.output import write_json
from supervision.cli.paragraphs import text_width
from supervision.services.explain import explain as explain_finding
from supervision.services.explain_rule import explain_rules_in_force, explain_rules_of_pack


class TextFormat(StrEnum):
    """How an explanation is written."""

    TEXT = "text"
    JSON = "json"


TextFormatOption = Annotated[TextFormat, typer.Option("--format", help="输出格式")]


def explain(
    finding: Annotated[str, typer.Argument(help="督查问题编号，如 W-2022-0001", metavar="FINDING")],
    plan: PlanOption = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="与何时的事实相比：日期或时刻；默认现在"),
    ] = None,
    format_: TextFormatOption = TextFormat.TEXT,
) -> None:
    """说明一个督查问题为何成立：条款原文、规则、参数、事实来源、条件核对、最小改变、经过。"""
    with at_desk(plan) as (app, desk), app.database.reading() as session:
        told = explain_finding(
            session,
            finding,
            plan=desk.code,
            dialect=app.database.sql_dialect,
            at=moment(as_of, desk) or app.now,
        )
    if format_ is TextFormat.JSON:
        write_json(told)
        return
    now = "现在" if as_of is None else "届时"
    _print(explanation_lines(told, _width(), now=now))


def explain_rule(
    rule: Annotated[
        str | None,
        typer.Argument(help="规则编号，如 REQ2-O1-late；省略时逐条列出全部", metavar="[RULE]"),
    ] = None,
    pack: Annotated[
        Path | None,
        typer.Option("--pack", metavar="PATH", help="工作安排文件夹；省略时为已采用的工作安排"),
    ] = None,
    plan: PlanOption = None,
    format_: TextFormatOption = TextFormat.TEXT,
) -> None:
    """用中文说明规则：依据条款、条件、参数、程度。"""
    if pack is not None:
        told = explain_rules_of_pack(pack, rule)
    else:
        with at_desk(plan) as (app, desk), app.database.reading() as session:
            told = explain_rules_in_force(session, desk.adopted, rule, on=desk.day(app.now))
    if format_ is TextFormat.JSON:
        write_json(told if rule is None else told[0])
    elif rule is None:
        _print(rule_list_lines(told, _width()))
    else:
        _print(rule_lines(told[0], _width()))


def _width() -> int:
    return text_width(consoles().out.width)


def _print(lines: list[str]) -> None:
    # plain lines: a finding's own words may look like markup
    sys.stdout.write("\n".join(lines) + "\n")
