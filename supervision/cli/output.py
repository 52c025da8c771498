"""Tables, JSON and CSV of the same rows."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.table import Table

from supervision.cli.context import Format

Columns = Sequence[tuple[str, str]]
"""(key, heading) of what a table shows."""

NARROW = frozenset({"number", "level", "severity", "state", "step", "id"})
"""Columns that are never broken over lines."""

SEVERITY_STYLE = {"critical": "bold red", "major": "red", "minor": "yellow", "info": "cyan"}
SEVERITY_NAME = {"critical": "严重", "major": "较重", "minor": "一般", "info": "提示"}
STATE_NAME = {
    "detected": "待核实",
    "confirmed": "已认定",
    "notified": "已交办",
    "acknowledged": "已签收",
    "appealed": "申诉中",
    "responded": "待验收",
    "closed": "已销号",
    "dismissed": "不予认定",
    "cleared": "自动消除",
    "waived": "已豁免",
}
EVENT_NAME = {
    "open": "发现",
    "confirm": "认定",
    "dismiss": "不予认定",
    "notify": "交办",
    "acknowledge": "签收",
    "appeal": "申诉",
    "uphold": "维持认定",
    "reject": "撤销认定",
    "respond": "反馈",
    "return": "退回重改",
    "accept": "验收销号",
    "waive": "豁免",
    "clear": "自动消除",
    "reopen": "重现",
    "recheck satisfied": "复测达标",
    "recheck failed": "复测又不达标",
    "expire": "豁免到期",
    "worsen": "情况加重",
    "relapse": "反弹",
    "raise severity": "程度升高",
}
NOTICE_KIND = {
    "assignment": "交办通知",
    "pre_due": "提前提醒",
    "due": "到期提醒",
    "overdue": "逾期催办",
    "finding": "整改通知",
    "rectification": "整改催办",
    "list": "重点关注名单",
}
NOTICE_STATE = {
    "planned": "待发",
    "held": "待放行",
    "sent": "已发",
    "dead": "发送失败",
    "skipped": "无法发送",
    "superseded": "已被后一步取代",
    "silenced": "不再需要",
}


def write_json(value: object) -> None:
    """Write one JSON document to standard output."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=2) + "\n")


def plain(value: object) -> Any:
    """Return models as what JSON can hold."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def write_csv(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> None:
    """Write rows as CSV; text that a spreadsheet would take for a formula gets an apostrophe."""
    writer = csv.writer(sys.stdout)
    writer.writerow(keys)
    for row in rows:
        writer.writerow([_cell(row.get(key)) for key in keys])


def _cell(value: object) -> object:
    if isinstance(value, list):
        value = " ".join(map(str, value))
    if isinstance(value, str) and value.startswith(tuple("=+-@\t\r")):
        return f"'{value}"
    return "" if value is None else value


def show(
    rows: Sequence[BaseModel],
    columns: Columns,
    format_: Format,
    *,
    title: str,
    empty: str,
    console: Console,
    units: Mapping[str, str] | None = None,
) -> None:
    """Write rows in the format asked for; `empty` is what a table says when there are none.

    A table shows units by the names in `units`; JSON and CSV hold their codes.
    """
    if format_ is Format.JSON:
        write_json(list(rows))
        return
    dumped = [row.model_dump(mode="json") for row in rows]
    if format_ is Format.CSV:
        keys = list(type(rows[0]).model_fields) if rows else [key for key, _ in columns]
        write_csv(dumped, keys)
        return
    if not rows:
        console.print(empty)
        return
    console.print(table_of(dumped, columns, title=f"{title}（{len(rows)}）", units=units))


def table_of(
    rows: Sequence[Mapping[str, Any]],
    columns: Columns,
    *,
    title: str,
    units: Mapping[str, str] | None = None,
) -> Table:
    """Return a rich table; severities are coloured and named, never coloured alone."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for key, heading in columns:
        table.add_column(heading, overflow="fold", no_wrap=key in NARROW)
    for row in rows:
        style = SEVERITY_STYLE.get(str(row.get("severity")), "")
        named = {**row, "unit": (units or {}).get(str(row.get("unit")), row.get("unit"))}
        table.add_row(*(_shown(key, named.get(key), style) for key, _ in columns))
    return table


def _shown(key: str, value: object, style: str) -> str:
    if value is None:
        return "—"
    text = str(value)
    if key == "severity":
        return f"[{style}]{SEVERITY_NAME.get(text, text)}[/]" if style else text
    if key == "state":
        text = STATE_NAME.get(text, NOTICE_STATE.get(text, text))
    elif key == "kind":
        text = NOTICE_KIND.get(text, text)
    elif key.endswith(("_at", "_seen", "as_of")):
        text = text[:16].replace("T", " ")
    elif isinstance(value, list):
        text = "、".join(map(str, value))
    return text.replace("[", r"\[")
