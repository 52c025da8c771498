"""The leaders' list as files: the same rows as JSON, HTML and XLSX."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import xlsxwriter

from notifications.message import Attachment

COLUMNS = (
    ("no", "序号", 6),
    ("level", "级别", 6),
    ("unit", "责任单位", 24),
    ("clause", "条款", 12),
    ("item", "事项", 30),
    ("due_original", "原时限", 12),
    ("due_current", "现时限", 12),
    ("fact_owed", "应完成", 26),
    ("fact_done", "现状", 16),
    ("overdue_days", "逾期（工作日）", 10),
    ("measures_taken", "已采取措施", 28),
    ("explanation", "单位说明", 28),
    ("proposed", "建议处理", 24),
    ("state", "审定", 10),
    ("deputy", "分管区领导", 18),
    ("finding", "问题编号", 14),
)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def as_json(document: Mapping[str, Any]) -> str:
    """Return the list as it is stored."""
    return json.dumps(document, ensure_ascii=False, indent=2)


def as_xlsx(document: Mapping[str, Any]) -> bytes:
    """Return the list as a workbook: one page wide on A4 landscape; text is never a formula."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    # the same list is the same file, byte for byte
    book.set_properties({"title": document["title"], "created": _created(document)})
    title = book.add_format({"bold": True, "font_size": 16, "align": "center"})
    head = book.add_format(
        {"bold": True, "bg_color": "#E8EDF3", "border": 1, "align": "center", "text_wrap": True}
    )
    cell = book.add_format({"border": 1, "valign": "top", "text_wrap": True})
    plain = book.add_format({"text_wrap": False})
    sheet = book.add_worksheet("名单")
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    last = len(COLUMNS) - 1
    number = document.get("number")
    issue = f"第{number}期" if number else "（未印发）"
    sheet.merge_range(0, 0, 0, last, f"{document['title']}（{issue}）", title)
    sheet.write_string(
        1,
        0,
        f"{document['plan_title']}　截至{document['as_of'][:16].replace('T', ' ')}　"
        f"督查运行{document['run']}　规则版本{document['revision'][:12]}",
        plain,
    )
    for at, (_, label, width) in enumerate(COLUMNS):
        sheet.set_column(at, at, width)
        sheet.write_string(3, at, label, head)
    for at, row in enumerate(document["rows"], start=4):
        for column, (name, _, _) in enumerate(COLUMNS):
            value = row[name]
            if isinstance(value, int):
                sheet.write_number(at, column, value, cell)
            else:
                sheet.write_string(at, column, value or "", cell)
    sheet.freeze_panes(4, 0)
    sheet.repeat_rows(3)
    if document["rows"]:
        sheet.autofilter(3, 0, 3 + len(document["rows"]), last)
    for at, note in enumerate(document["notes"], start=5 + len(document["rows"])):
        sheet.write_string(at, 0, f"注：{note}", plain)
    _changes(book, document, head, cell)
    book.close()
    return out.getvalue()


def _created(document: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(document["as_of"]).replace(tzinfo=None)


def _changes(book: Any, document: Mapping[str, Any], head: Any, cell: Any) -> None:
    sheet = book.add_worksheet("较上期变化")
    for at, (label, width) in enumerate(
        (("变化", 10), ("责任单位", 24), ("事项", 36), ("级别", 8), ("问题编号", 14))
    ):
        sheet.set_column(at, at, width)
        sheet.write_string(0, at, label, head)
    line = 1
    for kind, label in (("added", "新增"), ("raised", "升级"), ("removed", "移出")):
        for row in document["changes"][kind]:
            values = (label, row["unit"], row["item"], row["level"], row["finding"])
            for at, value in enumerate(values):
                sheet.write_string(line, at, value, cell)
            line += 1
    if line == 1:
        sheet.write_string(1, 0, "无变化", cell)


def attachment_of(document: Mapping[str, Any]) -> Attachment:
    """Return the workbook as it travels with the list's mail."""
    return Attachment(f"{document['title']}-{document['number']}.xlsx", XLSX, as_xlsx(document))
