"""A preview of a changed pack for a person: what changed in it, then what that would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from supervision.cli.change_output import DIGITS, in_one_paragraph
from supervision.cli.output import NOTICE_KIND, SEVERITY_NAME, SEVERITY_STYLE, STATE_NAME
from supervision.cli.reasons import REASONS
from supervision.domain.runs import Mode
from supervision.services.preview_report import (
    FindingMoveOut,
    NoticeMoveOut,
    PreviewOut,
    RuleMoveOut,
    VerdictsOut,
)

FINDING_EFFECT = {
    "opens": "新增",
    "reopens": "重现",
    "clears": "不再成立",
    "severity": "程度变化",
    "state": "状态变化",
    "kept": "仍保留",
    "reworded": "表述变化",
}
NOTICE_EFFECT = {
    "goes": "将发",
    "unaddressed": "无法发送",
    "stays": "不再发",
    "ended": "撤下待发",
    "reworded": "内容变化",
}
TABLES = {"units": "单位", "assignments": "分工", "obligations": "督查事项"}
NONE = "—"


def show_preview(found: PreviewOut, out: Console) -> None:
    """Write a preview as a table each of findings, notices and verdict counts."""

    def say(text: str, style: str = "") -> None:
        out.print(text, style=style, markup=False, highlight=False)

    active, changed = found.active, found.changed
    out.print(
        f"[bold]预演[/]　截至 {found.as_of:%Y-%m-%d %H:%M}　已知至 {found.known_at:%Y-%m-%d %H:%M}",
        highlight=False,
    )
    say(
        f"在用：第{active.version}版，规则{active.rules}条，修订 {active.pack_revision[:DIGITS]}；"
        f"拟改：{found.folder}，规则{changed.rules}条，修订 {changed.pack_revision[:DIGITS]}"
    )
    say(_what_changed(found))
    if found.mode == Mode.REPLAY.value:
        then = "；按当时的单位、分工和督查事项" if found.rules_only else ""
        say(f"（回看过去：只比较届时会发现什么，不涉及已立问题的状态和通知{then}）")
    say("")
    if found.findings:
        out.print(_findings(found.findings))
        for text in _why_kept(found.findings):
            say(text)
    if found.notices:
        out.print(_notices(found.notices))
    if found.rules:
        out.print(_rules(found.rules))
    _remarks(found, say)
    other = found.unrelated.findings + found.unrelated.notices
    if other:
        say(
            f"另有{other}项变化与规则修改无关（自上次督查以来的新情况）："
            f"问题{found.unrelated.findings}项，通知{found.unrelated.notices}件"
        )
    say(_summary(found), "bold")
    say("以上只是预演：未改动任何内容，未发任何通知")


def _what_changed(found: PreviewOut) -> str:
    if found.unchanged:
        return f"内容与在用的第{found.active.version}版相同，没有修改"
    said = [] if found.changes is None else [in_one_paragraph(found.changes)]
    for table, counts in found.tables.items():
        parts = [
            f"{word}{number}"
            for word, number in (
                ("新增", counts.added),
                ("变更", counts.changed),
                ("终止", counts.ended),
            )
            if number
        ]
        said.append(f"{TABLES[table]}{'、'.join(parts)}")
    return "修改：" + "；".join(said)


def _why_kept(moves: Sequence[FindingMoveOut]) -> Iterator[str]:
    kept = [each.state_after for each in moves if each.effect == "kept"]
    doubtful = kept.count("detected")
    confirmed = len(kept) - doubtful
    if confirmed:
        yield (
            f"仍保留的问题中{confirmed}项已认定：改后的规则不再判定，"
            "但须经验收或撤销认定，不随规则消除"
        )
    if doubtful:
        yield f"仍保留的问题中{doubtful}项：改后的规则无法判定或无法表述，不因此消除"
    if kept:
        yield ""


def _remarks(found: PreviewOut, say: Callable[..., None]) -> None:
    if found.escalations_before != found.escalations_after:
        say(f"升级建议：{found.escalations_before}项 → {found.escalations_after}项")
    if found.held and not found.held_before:
        say("注意：改后的一次督查将超过上限，其通知全部暂扣，待人放行", "yellow")
    for each in found.skipped:
        say(f"注意：改后未执行：{each.what}（{each.reason}）", "yellow")
    for each in found.broken:
        say(f"注意：改后规则 {each.what} 无法表述其结论：{each.reason}", "red")


def _summary(found: PreviewOut) -> str:
    if not found.differs:
        return "不改变任何判定、问题和通知"
    counts = []
    for moves, names in ((found.findings, FINDING_EFFECT), (found.notices, NOTICE_EFFECT)):
        counted = {
            name: sum(1 for each in moves if each.effect == effect)
            for effect, name in names.items()
        }
        said = "，".join(f"{name}{number}" for name, number in counted.items() if number)
        counts.append(said or "不变")
    return f"问题：{counts[0]}。通知：{counts[1]}。判定数有变的规则{len(found.rules)}条。"


def _table(title: str, headings: Sequence[str], *, whole: Sequence[str] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in whole)
    return table


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def _findings(moves: Sequence[FindingMoveOut]) -> Table:
    table = _table(
        f"督查问题（{len(moves)}）",
        ("变化", "编号", "单位", "规则", "前 → 后", "问题"),
        whole=("变化", "编号"),
    )
    for each in moves:
        table.add_row(
            FINDING_EFFECT[each.effect],
            each.number or NONE,
            _plain(each.unit_name),
            each.rule,
            _from_to(each),
            _plain(_told(each)),
        )
    return table


def _told(move: FindingMoveOut) -> str:
    """Return what the finding says; where only what it demands is worded anew, that."""
    if move.effect == "reworded" and move.message_before == move.message_after:
        return move.remedy_after or NONE
    return move.message_after or move.message_before or ""


def _from_to(move: FindingMoveOut) -> str:
    if move.effect == "reworded":
        told = "表述" if move.message_before != move.message_after else "整改要求"
        before = move.message_before if told == "表述" else move.remedy_before
        return _plain(f"原{told}：{before or NONE}")
    before = _standing(move.severity_before, move.state_before)
    after = _standing(move.severity_after, move.state_after)
    return f"{before} → {after}" if move.effect != "kept" else before


def _standing(severity: str | None, state: str | None) -> str:
    if severity is None or state is None:
        return "无"
    if state in ("closed", "dismissed", "cleared"):
        return STATE_NAME[state]
    return f"[{SEVERITY_STYLE[severity]}]{SEVERITY_NAME[severity]}[/]·{STATE_NAME[state]}"


def _notices(moves: Sequence[NoticeMoveOut]) -> Table:
    table = _table(
        f"通知（{len(moves)}）",
        ("变化", "种类", "步骤", "收件人", "单位", "主题"),
        whole=("变化", "步骤"),
    )
    for each in moves:
        effect = NOTICE_EFFECT[each.effect]
        if each.effect == "ended" and each.reason:
            effect += f"\n（{REASONS.get(each.reason, each.reason)}）"
        table.add_row(
            effect,
            NOTICE_KIND.get(each.kind, each.kind),
            each.step,
            each.to or NONE,
            _plain(each.unit_name),
            _plain(each.subject),
        )
    return table


COUNTS: Mapping[str, str] = {
    "applicable": "适用",
    "satisfied": "合格",
    "violated": "不合格",
    "undecided": "未定",
    "waived": "豁免",
    "broken": "出错",
}


def _rules(moves: Sequence[RuleMoveOut]) -> Table:
    table = Table(
        title=f"判定数有变的规则（{len(moves)}）",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("规则", overflow="fold")
    table.add_column("名称", overflow="fold")
    for heading in COUNTS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for each in moves:
        counts = [_count(each.before, each.after, name) for name in COUNTS]
        added = "（新）" if each.before is None else "（停）" if each.after is None else ""
        table.add_row(f"{each.rule}{added}", _plain(each.title), *counts)
    return table


def _count(before: VerdictsOut | None, after: VerdictsOut | None, name: str) -> str:
    old = 0 if before is None else getattr(before, name)
    new = 0 if after is None else getattr(after, name)
    if old == new:
        return f"{new}" if new else "[dim]0[/]"
    return f"{old} → {new}"
