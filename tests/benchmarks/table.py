"""The results of `make bench` as the README shows them: seconds, and each against the floor."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

ROWS = (
    "floor",
    "nothing new",
    "first run",
    "one unit",
    "every fact to durable_rules",
    "CLIPS",
    "GoRules zen",
)
PARTS = ("facts", "inference", "reconcile", "notices")


def table(results: dict[str, Any]) -> str:
    """Return Markdown: a row a measurement, a column a database and size."""
    columns: dict[tuple[str, int], dict[str, Any]] = defaultdict(dict)
    for each in results["benchmarks"]:
        info = each["extra_info"]
        seconds = each["stats"]["median"]
        columns[info["database"], info["obligations"]][info["what"]] = {**info, "seconds": seconds}
    places = sorted(columns, key=lambda place: (place[0] != "sqlite", place[1]))
    heads = [f"{database} {size:,}" for database, size in places]
    lines = [
        "| | " + " | ".join(heads) + " |",
        "|---|" + "---:|" * len(heads),
    ]
    for what in ROWS:
        shown = [_cell(columns[place], what) for place in places]
        lines.append(f"| {what} | " + " | ".join(shown) + " |")
    for what in ("nothing new", "first run"):
        for part in PARTS:
            shown = [_part(columns[place], what, part) for place in places]
            lines.append(f"| … {what}: {part} | " + " | ".join(shown) + " |")
    lines.append("| peak memory, MB | " + " | ".join(_memory(columns[p]) for p in places) + " |")
    return "\n".join(lines)


def _cell(column: dict[str, Any], what: str) -> str:
    if what not in column:
        return "–"
    seconds = column[what]["seconds"]
    if what == "one unit":
        return f"{seconds * 1000:.0f} ms"
    if what == "floor" or "floor" not in column:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s ({seconds / column['floor']['seconds']:.1f}×)"


def _part(column: dict[str, Any], what: str, part: str) -> str:
    return f"{column[what]['spent'].get(part, 0):.1f} s" if what in column else "–"


def _memory(column: dict[str, Any]) -> str:
    return str(column["memory"]["megabytes"]) if "memory" in column else "–"


if __name__ == "__main__":
    print(table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
