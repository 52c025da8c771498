"""Faults as a person or a program reads them: sentences with the line they are about, or rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel
from rich.cells import cell_len, set_cell_size

from rules.nodes import Fault
from supervision.cli.context import Format, consoles
from supervision.cli.output import write_csv, write_json

SHOWN = 200
EXCERPT = 96
"""Cells of a line that are shown; a longer one is cut around the place."""
BEFORE = 64
"""Cells of it that are shown before the place."""


class FaultRow(BaseModel):
    """One fault, for editors and CI; line and column count from 1, the column in characters."""

    file: str
    line: int
    column: int
    text: str


def write_faults(faults: Sequence[Fault], format_: Format) -> None:
    """Write faults: rows to standard output, sentences with excerpts to standard error."""
    rows = [
        FaultRow(file=each.file, line=each.line, column=each.column, text=each.text)
        for each in faults
    ]
    if format_ is Format.JSON:
        write_json(rows)
        return
    if format_ is Format.CSV:
        write_csv([row.model_dump() for row in rows], list(FaultRow.model_fields))
        return
    err = consoles().err
    lines: dict[str, list[str]] = {}
    for each in faults[:SHOWN]:
        err.print(str(each), markup=False, highlight=False)
        if each.file not in lines:
            lines[each.file] = _lines(each.file)
        shown = _excerpt(lines[each.file], each)
        if shown:
            err.print(shown, markup=False, highlight=False, style="dim")
    if len(faults) > SHOWN:
        err.print(f"… and {len(faults) - SHOWN} more", markup=False, highlight=False)
    files = len({each.file for each in faults})
    err.print(f"{len(faults)} fault(s) in {files} file(s)", markup=False, highlight=False)


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError):
        return []


def _excerpt(lines: Sequence[str], fault: Fault) -> str:
    """Return the line a fault is about and a mark below its place; '' where it cannot be shown."""
    if not 0 < fault.line <= len(lines) or not lines[fault.line - 1].strip():
        return ""
    line = lines[fault.line - 1]
    at = min(fault.column - 1, len(line))
    before, after = (
        "".join(
            character if character.isprintable() else "�" for character in part.replace("\t", "→")
        )
        for part in (line[max(at - EXCERPT, 0) : at], line[at : at + EXCERPT])
    )
    if at > len(before) or cell_len(before) > BEFORE:
        while cell_len(before) >= BEFORE:
            before = before[1:]
        before = f"…{before}"
    room = EXCERPT - cell_len(before)
    if cell_len(after) > room or at + len(after) < len(line):
        after = f"{set_cell_size(after, room - 1)}…"
    return f"    {before}{after}\n    {' ' * cell_len(before)}^"
