"""`supervision rules lint|schema`: what a rule's author asks for beside the check."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console

from rules.case_schema import schema_of_cases
from rules.schema import schema_of_rules, written
from rules.vocabulary import LintCheck
from supervision.cli.context import Format, FormatOption, consoles, steps_of
from supervision.cli.output import write_csv, write_json
from supervision.cli.rule_verbs import faults_shown, rules_app
from supervision.errors import SupervisionError
from supervision.services.lint_pack import CHECKS, Named, example, lint_at, named_check

FOUND = 1


class RemarkRow(BaseModel):
    """One remark of the linter; `line` counts from 1."""

    file: str
    line: int
    check: str
    rule: str
    text: str


class CheckRow(BaseModel):
    """What a check of the linter looks at, with a rule that trips it and one that does not."""

    check: str
    meaning: str
    advice: str
    bad: str
    good: str


@rules_app.command("lint")
def lint(
    path: Annotated[
        Path | None,
        typer.Argument(help="工作安排文件夹，或其中的一个规则文件、规则文件夹", metavar="PATH"),
    ] = None,
    only: Annotated[
        str | None, typer.Option("--check", metavar="CHECK", help="只做这一项检查")
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain", metavar="CHECK", help="说明一项检查，附不妥与妥当的示例；不需 PATH"
        ),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="列出全部检查及其含义；不需 PATH")] = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """审读规则：不可能成立的条件、重复的规则、轮不到的程度、空档的提醒等；有提示即以状态 1 退出。

    规则可接受某项提示，写明理由：lint: {检查名: 理由}。
    """
    if explain is not None:
        _explain([named_check(explain)], format_)
        return
    if list_:
        _list(format_)
        return
    if path is None:
        raise SupervisionError("lint needs a PATH (a pack, or rules in it), --list or --explain")
    check = named_check(only).check if only is not None else None
    with faults_shown(format_), steps_of("审读规则") as progress:
        done = lint_at(path, only=check, progress=progress)
    rows = [
        RemarkRow(file=each.file, line=each.line, check=each.check, rule=each.rule, text=each.text)
        for each in done.remarks
    ]
    if format_ is Format.JSON:
        write_json(rows)
    elif format_ is Format.CSV:
        write_csv([row.model_dump() for row in rows], list(RemarkRow.model_fields))
    else:
        out = _plain()
        for each in done.remarks:
            out.print(str(each), markup=False, highlight=False)
        looked_at = f"规则{len(done.checked.rules)}条、检查{len(CHECKS) if check is None else 1}项"
        if rows:
            out.print(f"共{len(rows)}处提示（{looked_at}）。说明见 --explain CHECK。")
        else:
            out.print(f"审读通过，没有提示（{looked_at}）")
    if rows:
        raise typer.Exit(FOUND)


class SchemaOf(StrEnum):
    """Of which files a schema is wanted."""

    RULES = "rules"
    CASES = "cases"


@rules_app.command("schema")
def schema(
    of: Annotated[
        SchemaOf, typer.Option("--for", help="规则文件（rules/*.yaml）或试例文件（cases/*.yaml）")
    ] = SchemaOf.RULES,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="写入文件；默认写到标准输出"),
    ] = None,
) -> None:
    """输出规则文件或试例文件的 JSON Schema，供编辑器补全和提示。

    在文件首行写：# yaml-language-server: $schema=该文件的路径
    """
    text = written(schema_of_rules() if of is SchemaOf.RULES else schema_of_cases())
    if output is None:
        sys.stdout.write(text)
        return
    output.write_text(text, encoding="utf-8")
    consoles().out.print(f"已写入 {output}", markup=False, highlight=False, soft_wrap=True)


def _plain() -> Console:
    """Return a console that breaks no line: what follows a path is for programs too."""
    return Console(soft_wrap=True, emoji=False)


def _row(named: Named) -> CheckRow:
    bad, good = (
        example(named.check, good=good).read_text(encoding="utf-8") for good in (False, True)
    )
    return CheckRow(
        check=named.check, meaning=named.meaning, advice=named.advice, bad=bad, good=good
    )


def _explain(checks: list[Named], format_: Format) -> None:
    rows = [_row(each) for each in checks]
    if format_ is not Format.TABLE:
        _write(rows, format_)
        return
    out = _plain()
    for row, named in zip(rows, checks, strict=True):
        remarks = lint_at(example(LintCheck(row.check), good=False)).remarks
        out.print(f"{row.check}：{named.meaning}", markup=False, highlight=False)
        out.print(f"怎么改：{named.advice}", markup=False, highlight=False)
        out.print(f"\n不妥的示例：\n{row.bad}", markup=False, highlight=False)
        for each in remarks:
            out.print(f"→ {each.rule}: {each.text}", markup=False, highlight=False)
        out.print(f"\n妥当的示例：\n{row.good}", markup=False, highlight=False)


def _list(format_: Format) -> None:
    rows = [_row(each) for each in CHECKS.values()]
    if format_ is not Format.TABLE:
        _write(rows, format_)
        return
    width = max(len(row.check) for row in rows)
    for row in rows:
        line = f"{row.check:<{width}}  {row.meaning}"
        _plain().print(line, markup=False, highlight=False)


def _write(rows: list[CheckRow], format_: Format) -> None:
    if format_ is Format.JSON:
        write_json(rows)
    else:
        write_csv([row.model_dump() for row in rows], list(CheckRow.model_fields))
