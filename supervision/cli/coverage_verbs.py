"""`supervision plan coverage`: what of a plan is checked, and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from supervision.cli.context import Format, FormatOption, PlanOption, application, consoles
from supervision.cli.output import write_csv, write_json
from supervision.cli.paragraphs import text_width, wrapped
from supervision.config import load_settings
from supervision.services.coverage_database import evaluated_at
from supervision.services.coverage_models import NO_CONTACT, LinePart, PlanCoverage, State
from supervision.services.plan_coverage import coverage_of_adopted, coverage_of_pack

STATE_WORD = {
    State.CHECKED: "完整",
    State.HINT: "提示",
    State.GAP: "缺口",
    State.HUMAN: "人工判定",
    State.TAG: "仅作标签",
}
STATE_MARK = {
    State.CHECKED: "✓",
    State.HINT: "！",
    State.GAP: "✗",
    State.HUMAN: "人",
    State.TAG: "－",
}
STATE_STYLE = {State.GAP: "bold red", State.HINT: "yellow"}
DECIDED = {"machine": "机器", "assisted": "辅助", "human": "人工"}
DATABASE = {
    "none": "未评估（没有数据库）",
    "unusable": "未评估（数据库不能读取，见 supervision doctor）",
    "no such plan": "未评估（数据库中没有采用这个工作安排）",
    "never evaluated": "从未评估",
}
CSV_KEYS = (
    *("state", "clause", "path", "clause_title", "requirement", "title", "kind", "basis"),
    *("decided_by", "rules", "reminders", "positive_cases", "negative_cases", "obligations"),
    *("units", "without_contact", "satisfied", "violated", "undecided", "gaps"),
)


def coverage(
    path: Annotated[
        Path | None,
        typer.Argument(help="工作安排文件夹；省略时为已采用的工作安排", metavar="[PATH]"),
    ] = None,
    plan: PlanOption = None,
    gaps: Annotated[bool, typer.Option("--gaps", help="只列有缺口或提示的")] = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """核对覆盖情况：条款、要求事项、规则、试例、责任单位、最近评估，指明缺口。

    由机器判定的要求事项没有已发布规则的，以状态 1 退出；其余缺口只作提示。
    """
    if path is not None:
        url = load_settings().database_url
        found = coverage_of_pack(path, lambda code: evaluated_at(url, code))
    else:
        with application() as app, app.database.reading() as session:
            found = coverage_of_adopted(session, plan, app.database.shown_url)
    shown = [line for line in found.lines if not gaps or line.gaps]
    if format_ is Format.JSON:
        write_json(found.model_copy(update={"lines": shown}))
    elif format_ is Format.CSV:
        write_csv([_row(line) for line in shown], CSV_KEYS)
    else:
        _print(found, shown, consoles().out, only_gaps=gaps)
    if found.failed:
        raise typer.Exit(1)


def _row(line: LinePart) -> dict[str, object]:
    units, verdicts = line.units, line.verdicts
    return {
        **line.model_dump(mode="json", exclude={"rules", "reminders", "units", "verdicts", "gaps"}),
        "rules": [rule.id for rule in line.rules],
        "reminders": line.reminders,
        "positive_cases": _cases(line, "positive_cases"),
        "negative_cases": _cases(line, "negative_cases"),
        "obligations": units.obligations if units else None,
        "units": units.units if units else None,
        "without_contact": units.without_contact if units else [],
        "satisfied": verdicts.satisfied if verdicts else None,
        "violated": verdicts.violated if verdicts else None,
        "undecided": verdicts.undecided if verdicts else None,
        "gaps": "；".join(gap.text for gap in line.gaps),
    }


def _cases(line: LinePart, which: str) -> int | None:
    counts = [getattr(rule, which) for rule in line.rules]
    return None if not counts or None in counts else sum(counts)


# --- Table ---------------------------------------------------------------------------------------

_COLUMNS = (
    ("判定", 4),
    ("规则", 6),
    ("提醒", 4),
    ("试例 正/反", 10),
    ("有联系/单位", 11),
    ("合/违/疑", 11),
)
_RIGHT = sum(width + 2 for _, width in _COLUMNS)
_LEGEND = (
    "✓ 完整　！提示　✗ 缺口　人 人工判定　－ 仅作标签。合/违/疑：最近评估中针对本事项的规则"
    "判定合格、违反、无从判断的次数；“+1稿”是草稿，不执行"
)


def _print(found: PlanCoverage, shown: list[LinePart], out: Console, *, only_gaps: bool) -> None:
    width = text_width(out.width)

    def say(text: str, style: str = "", first: str = "") -> None:
        for line in wrapped(text, width=width, first=first):
            out.print(Text(line, style=style), soft_wrap=True)

    say(f"{found.title}（{found.plan}）覆盖情况　规则集版本{found.ruleset[:12]}", "bold")
    requirements = sum(1 for line in found.lines if line.requirement is not None)
    clauses = len({line.clause for line in found.lines})
    counted = "，".join(
        f"{STATE_WORD[state]}{number}" for state, number in found.counts.items() if number
    )
    say(f"条款{clauses}条，要求事项{requirements}项：{counted}")
    say(f"最近评估：{_evaluated(found)}")
    hard = [str(line.requirement) for line in found.lines if any(gap.hard for gap in line.gaps)]
    if hard:
        named = "、".join(hard)
        say(f"由机器判定而没有已发布规则的要求事项{len(hard)}项：{named}", "bold red")
    lacking = [line.units.without_contact for line in found.lines if line.units is not None]
    names = list(dict.fromkeys(name for each in lacking for name in each))
    if names:
        affected = sum(1 for each in lacking if each)
        say(
            f"没有联系人的单位{len(names)}个：{'、'.join(names)}（涉及要求事项{affected}项）",
            "yellow",
        )
    if not shown:
        say("没有缺口")
        return
    out.print()
    out.print(Text(_aligned("条款、要求事项", [name for name, _ in _COLUMNS], width)))
    out.print(Text("─" * width))
    for _, lines in groupby(shown, key=lambda line: line.clause):
        for at, line in enumerate(lines):
            if at == 0:
                mark = STATE_MARK[line.state] if line.requirement is None else "  "
                heading = f"{line.path}　{line.clause_title}（{line.clause}）"
                say(heading, "bold", first=_marked(mark))
            if line.requirement is not None:
                _print_requirement(out, line, width, evaluated=found.last_run is not None)
            for gap in line.gaps:
                if gap.code == NO_CONTACT:  # said once, above
                    continue
                style = STATE_STYLE[State.GAP if gap.hard else State.HINT]
                say(gap.text, style, first="     └ ")
    out.print(Text("─" * width))
    if not only_gaps and found.derived_rules:
        derived = "、".join(f"{rule.title}（{rule.id}）" for rule in found.derived_rules)
        say(f"由问题归并得出的规则：{derived}")
    say(_LEGEND, "dim")


def _evaluated(found: PlanCoverage) -> str:
    run = found.last_run
    if run is None:
        return DATABASE[found.database]
    text = f"第{run.id}次运行，截至{run.as_of:%Y-%m-%d %H:%M}"
    return text if run.same_rules else f"{text}（用的是另一版规则{run.ruleset[:12]}）"


def _print_requirement(out: Console, line: LinePart, width: int, *, evaluated: bool) -> None:
    cells = [
        DECIDED[str(line.decided_by)],
        _rules(line),
        f"{len(line.reminders)}",
        _case_counts(line),
        "—" if line.units is None else f"{line.units.with_contact}/{line.units.units}",
        _verdicts(line, evaluated=evaluated),
    ]
    title = f"{line.title}（{line.requirement}）"
    names = wrapped(title, width=width - _RIGHT, first=f" {_marked(STATE_MARK[line.state])}")
    style = STATE_STYLE.get(line.state, "")
    out.print(Text(_aligned(names[0], cells, width), style=style), soft_wrap=True)
    for name in names[1:]:
        out.print(Text(name, style=style), soft_wrap=True)


def _marked(mark: str) -> str:
    return mark + " " * (3 - cell_len(mark))


def _aligned(name: str, cells: Sequence[str], width: int) -> str:
    """Return a name on the left and short cells in columns on the right."""
    right = "".join(
        "  " + " " * (wide - cell_len(cell)) + cell
        for cell, (_, wide) in zip(cells, _COLUMNS, strict=True)
    )
    return name + " " * (width - _RIGHT - cell_len(name)) + right


def _rules(line: LinePart) -> str:
    published = sum(1 for rule in line.rules if rule.status == "published")
    drafts = len(line.rules) - published
    return f"{published}+{drafts}稿" if drafts else f"{published}"


def _case_counts(line: LinePart) -> str:
    positive, negative = _cases(line, "positive_cases"), _cases(line, "negative_cases")
    return "—" if positive is None or negative is None else f"{positive}/{negative}"


def _verdicts(line: LinePart, *, evaluated: bool) -> str:
    verdicts = line.verdicts
    if verdicts is None:
        never = not evaluated or any(gap.code == "never evaluated" for gap in line.gaps)
        return "未评估" if never else "—"
    return f"{verdicts.satisfied}/{verdicts.violated}/{verdicts.undecided}"
