"""`supervision rules test` and `generate-cases`: the cases beside the rules."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rules.coverage import AtomCoverage
from supervision.cli.context import Format, FormatOption, consoles, steps_of
from supervision.cli.output import write_csv, write_json
from supervision.cli.plan_verbs import PackPath
from supervision.errors import SupervisionError
from supervision.services.case_reports import cases_out, write_junit
from supervision.services.generate_cases import case_file
from supervision.services.generate_cases import generate_cases as generate_drafts
from supervision.services.run_cases import CasesRun, Chosen, run_pack_cases

_NEVER: dict[bool | None, str] = {True: "从未为真", False: "从未为假", None: "从未未知"}
_SEEN: dict[bool | None, str] = {True: "真", False: "假", None: "未知"}
_WHERE = {"scope": "适用范围", "when": "条件", "match": "匹配", "severity": "程度"}
CASE_COLUMNS = ("case", "file", "line", "kind", "rules", "confirmed", "passed", "failures")

JunitOption = Annotated[
    Path | None,
    typer.Option("--junit", metavar="FILE", help="另写一份JUnit XML，供持续集成读取"),
]
RuleOption = Annotated[
    list[str] | None,
    typer.Option("--rule", metavar="ID", help="只运行涉及该规则的试例；可多次给出"),
]
CaseOption = Annotated[
    str, typer.Option("--case", metavar="TEXT", help="只运行名称含该文字的试例", show_default=False)
]
FailOnEmptyOption = Annotated[
    bool, typer.Option("--fail-on-empty", help="没有可运行的试例即以状态1退出")
]
CoverageOption = Annotated[
    bool, typer.Option("--coverage", help="列出每个条件出现过的真、假、未知，不只是缺口")
]
RequireCoverageOption = Annotated[
    bool, typer.Option("--require-coverage", help="条件覆盖有缺口即以状态1退出")
]
FailUnderOption = Annotated[
    float | None,
    typer.Option(
        "--fail-under", metavar="PERCENT", min=0, max=100, help="条件覆盖低于该百分数即以状态1退出"
    ),
]


def run_cases(
    path: PackPath,
    *,
    rule: RuleOption = None,
    case: CaseOption = "",
    coverage: CoverageOption = False,
    require_coverage: RequireCoverageOption = False,
    fail_under: FailUnderOption = None,
    fail_on_empty: FailOnEmptyOption = False,
    junit: JunitOption = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """运行规则旁的试例（cases/），指出未试的规则和条件；有不合或未试的即以状态 1 退出。"""
    with steps_of("运行试例") as progress:
        done = run_pack_cases(path, chosen=Chosen(tuple(rule or ()), case), progress=progress)
    gaps = bool(done.coverage.gaps) and (
        require_coverage or (fail_under is not None and done.coverage.percent < fail_under)
    )
    if junit is not None:
        write_junit(done, junit, gaps=gaps)
    if format_ is Format.TABLE:
        _show(done, whole=coverage, by_name=bool(case))
    else:
        found = cases_out(done, whole_coverage=coverage)
        if format_ is Format.JSON:
            write_json(found)
        else:
            write_csv([each.model_dump() for each in found.cases], CASE_COLUMNS)
    if not done.passed or done.untested or gaps or (fail_on_empty and not done.results):
        raise typer.Exit(1)


def _say(text: str) -> None:
    """Print a line as it is: file:100:1 is no emoji and [x] no style."""
    consoles().out.print(text, markup=False, soft_wrap=True, highlight=False, emoji=False)


def _show(done: CasesRun, *, whole: bool, by_name: bool) -> None:
    for fault in done.failures:
        _say(f"{fault.file}:{fault.line}:{fault.column}: {fault.text}")
    for untested in done.untested:
        _say(f"{done.rules[untested.rule].source}: {untested}")
    for draft in done.unconfirmed:
        _say(f"{draft.place.file}:{draft.place.line}: 待确认：{draft.name}")
    if not by_name or whole:
        _show_coverage(done, whole=whole)
    failed = sum(1 for result in done.results if not result.passed)
    counts = f"通过{len(done.results) - failed}，不合{failed}"
    if done.unconfirmed:
        counts += f"，其中待确认{len(done.unconfirmed)}（不计入已试）"
    counts = f"试例{len(done.results)}个：{counts}"
    if not by_name:
        counts += f"；缺试例的规则{len(done.untested)}条"
    if not done.results:
        counts = "没有可运行的试例" + ("" if by_name else f"；缺试例的规则{len(done.untested)}条")
    _say(counts)


def _show_coverage(done: CasesRun, *, whole: bool) -> None:
    coverage = done.coverage
    rule = ""
    for atom in coverage.atoms if whole else coverage.gaps:
        if atom.rule != rule:
            rule = atom.rule
            _say(f"{rule}（{atom.source}）")
        _say(f"  {_where(atom.where)}：{atom.text}    {_said(atom, whole=whole)}")
    if coverage.atoms:
        _say(
            f"条件覆盖{coverage.percent:g}%：条件{len(coverage.atoms)}个，"
            f"应试{coverage.asked}种情形，已试{coverage.seen}种，有缺口的条件{len(coverage.gaps)}个"
        )


def _where(where: str) -> str:
    word, _, name = where.partition(" ")
    return f"{_WHERE[word]}{f' {name}' if name else ''}"


def _said(atom: AtomCoverage, *, whole: bool) -> str:
    never = "、".join(_NEVER[each] for each in atom.missing)
    if not whole:
        return never
    seen = "、".join(word for outcome, word in _SEEN.items() if outcome in atom.seen)
    excluded = "、".join(word for outcome, word in _SEEN.items() if outcome not in atom.possible)
    parts = [f"已试：{seen or '无'}", never, f"不会为{excluded}" if excluded else ""]
    return "；".join(part for part in parts if part)


RuleArgument = Annotated[str, typer.Argument(help="规则编号", metavar="RULE", show_default=False)]
DraftPackPath = Annotated[
    Path,
    typer.Argument(help="工作安排文件夹（plan.yaml 所在处）；默认当前文件夹", metavar="[PATH]"),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="写入试例文件，如 cases/draft.yaml；默认显示"
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="文件已存在且内容不同时仍覆盖")]


def generate(
    rule: RuleArgument,
    path: DraftPackPath = Path(),
    output: OutOption = None,
    force: ForceOption = False,
) -> None:
    """按规则自身的界值生成试例草稿：每个界值之前、之时、之后，每个字段未知；由作者核对确认。"""
    (generated,) = generate_drafts(path, [rule])
    text = case_file([generated], folder=path / "cases" if output is None else output.parent)
    if output is None:
        sys.stdout.write(text)
        return
    there = output.read_text(encoding="utf-8") if output.is_file() else None
    if there is not None and there != text and not force:
        raise SupervisionError(
            f"{output} exists and says something else; name another file, or --force overwrites it"
        )
    output.write_text(text, encoding="utf-8", newline="\n")
    _say(
        f"{rule}（{generated.title}）：试例草稿{len(generated.cases)}个，已写入{output}；"
        "核对后删去 confirmed: false"
    )
    for condition in generated.undecisive:
        _say(f"  条件“{condition}”不单独决定判定")
