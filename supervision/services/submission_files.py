"""A file of submissions: JSON Lines, read whole or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rules.nodes import Fault, Faults

MAX_FILE = 256 * 1024 * 1024


@dataclass(frozen=True)
class Line:
    """One submission as it came, and where from."""

    file: str
    number: int
    value: object


def read_lines(path: Path) -> list[Line]:
    """Return the objects of a JSON Lines file; Faults for what is not JSON, line by line."""
    name = str(path)
    if not path.is_file():
        raise Faults([Fault(name, 1, 1, "no such file; give a file of JSON Lines (.jsonl)")])
    if path.stat().st_size > MAX_FILE:
        raise Faults([Fault(name, 1, 1, f"is larger than {MAX_FILE // 2**20} MiB; split it")])
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise Faults([Fault(name, line, 1, "is not UTF-8; save it as UTF-8")]) from None
    lines, faults = [], []
    for number, written in enumerate(text.split("\n"), start=1):
        if not written.strip():
            continue
        try:
            value = json.loads(written, parse_constant=_no_constant, object_pairs_hook=_no_doubles)
        except json.JSONDecodeError as error:
            faults.append(Fault(name, number, error.colno, f"is not JSON: {error.msg}"))
        except RecursionError:
            faults.append(Fault(name, number, 1, "is nested too deeply"))
        except ValueError as error:
            faults.append(Fault(name, number, 1, f"is not JSON: {error}"))
        else:
            lines.append(Line(name, number, value))
    if faults:
        raise Faults(faults)
    if not lines:
        raise Faults([Fault(name, 1, 1, "holds no submission; each line is one JSON object")])
    return lines


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is no number that JSON knows")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found
