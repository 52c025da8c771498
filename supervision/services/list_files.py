"""The leaders' list as files: the same rows as JSON, HTML and XLSX."""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import xlsxwriter

from notifications.message import Attachment

COLUMNS = (
    ("no", "序号", 5),
    ("level", "级别", 5),
    ("unit", "责任单位", 15),
    ("clause", "条款", 10),
    ("item", "事项", 18),
    ("due_original", "原时限", 11),
    ("due_current", "现时限", 11),
    ("fact_owed", "应完成", 10),
    ("fact_done", "现状", 10),
    ("overdue_days", "逾期（工作日）", 9),
    ("measures_taken", "已采取措施", 15),
    ("explanation", "单位说明", 16),
    ("proposed", "建议处理", 15),
    ("state", "审定", 8),
    ("deputy", "分管区领导", 12),
    ("finding", "问题编号", 12),
)
"""Field, heading and width in characters; together a page of A4 landscape, still to be read."""
LINE = 13.5
"""Height of a line of text, in points."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def as_json(document: Mapping[str, Any]) -> str:
    """Return the list as it is stored; keys in one order, whatever order a database keeps."""
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True)


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
    book.formats[0].set_font_size(10)
    title = book.add_format({"bold": True, "font_size": 16, "align": "center"})
    head = book.add_format(
        {
            "bold": True,
            "font_size": 10,
            "bg_color": "#E8EDF3",
            "border": 1,
            "align": "center",
            "valign": "vcenter",
            "text_wrap": True,
        }
    )
    cell = book.add_format({"font_size": 10, "border": 1, "valign": "top", "text_wrap": True})
    figure = book.add_format({"font_size": 10, "border": 1, "valign": "top", "align": "center"})
    plain = book.add_format({"font_size": 10, "valign": "top", "text_wrap": True})
    sheet = book.add_worksheet("名单")
    widths = [width for _, _, width in COLUMNS]
    _on_one_page_wide(sheet, widths)
    last = len(COLUMNS) - 1
    number = document.get("number")
    issue = f"第{number}期" if number else "（未印发）"
    sheet.set_row(0, 28)
    sheet.merge_range(0, 0, 0, last, f"{document['title']}（{issue}）", title)
    for at, line in (
        (
            1,
            f"{document['plan_title']}　截至{document['as_of'][:16].replace('T', ' ')}　"
            f"督查运行{document['run']}　规则版本{document['revision'][:12]}",
        ),
        (2, "　".join(f"{each['label']}{each['value']}" for each in document["summary"])),
    ):
        sheet.merge_range(at, 0, at, last, "", plain)
        sheet.write_string(at, 0, line, plain)
    labels = [label for _, label, _ in COLUMNS]
    _write_row(sheet, 3, labels, widths, head)
    for at, row in enumerate(document["rows"], start=4):
        _write_row(sheet, at, [row[name] for name, _, _ in COLUMNS], widths, cell, figure)
    sheet.freeze_panes(4, 0)
    sheet.repeat_rows(3)
    if document["rows"]:
        sheet.autofilter(3, 0, 3 + len(document["rows"]), last)
    for at, note in enumerate(document["notes"], start=5 + len(document["rows"])):
        text = f"注：{note}"
        sheet.set_row(at, LINE * _lines(text, sum(widths)))
        sheet.merge_range(at, 0, at, last, "", plain)
        sheet.write_string(at, 0, text, plain)
    _changes(book, document, head, cell)
    book.close()
    return out.getvalue()


def _created(document: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(document["as_of"]).replace(tzinfo=None)


def _on_one_page_wide(sheet: Any, widths: Sequence[float]) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&C第&P页，共&N页")
    for at, width in enumerate(widths):
        sheet.set_column(at, at, width)


def _write_row(
    sheet: Any, at: int, values: Sequence[object], widths: Sequence[float], *styles: Any
) -> None:
    """Write one row, as high as its fullest cell needs: not every program sees to that itself.

    Of two styles the second is for numbers.
    """
    lines = max(_lines(str(text), width) for text, width in zip(values, widths, strict=True))
    sheet.set_row(at, LINE * lines + 2)
    for column, value in enumerate(values):
        if isinstance(value, int):
            sheet.write_number(at, column, value, styles[-1])
        else:
            sheet.write_string(at, column, str(value or ""), styles[0])


def _lines(text: str, width: float) -> int:
    """Return how many lines a text takes in a column, with some to spare where it breaks badly.

    A Chinese character is two wide.
    """
    room = max(2, int(width))
    lines = 0
    for line in text.split("\n"):
        taken = sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line)
        lines += max(1, -(-taken // room))
    return lines + (lines > 2)


def _changes(book: Any, document: Mapping[str, Any], head: Any, cell: Any) -> None:
    sheet = book.add_worksheet("较上期变化")
    columns = (("变化", 10), ("责任单位", 30), ("事项", 60), ("级别", 8), ("问题编号", 14))
    widths = [width for _, width in columns]
    _on_one_page_wide(sheet, widths)
    _write_row(sheet, 0, [label for label, _ in columns], widths, head)
    sheet.repeat_rows(0)
    line = 1
    for kind, label in (("added", "新增"), ("raised", "升级"), ("removed", "移出")):
        for row in document["changes"][kind]:
            values = (label, row["unit"], row["item"], row["level"], row["finding"])
            _write_row(sheet, line, values, widths, cell)
            line += 1
    if line == 1:
        sheet.write_string(1, 0, "无变化", cell)


def attachment_of(document: Mapping[str, Any]) -> Attachment:
    """Return the workbook as it travels with the list's mail."""
    return Attachment(f"{document['title']}-{document['number']}.xlsx", XLSX, as_xlsx(document))
