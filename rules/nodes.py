"""A YAML document with the place of every value in it, and the faults found there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from rules.labels import word_for

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
Position: TypeAlias = tuple[int, int]


@dataclass(frozen=True, order=True)
class Fault:
    """One mistake in a document. Lines and columns count from 1; columns count characters."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        text = self.text.replace("\r", "\\r").replace("\n", "\\n")
        return f"{self.file}:{self.line}:{self.column}: {text}"


class Faults(Exception):
    """Everything that is wrong with what was read, in the order of the files."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(sorted(set(faults)))
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


@dataclass(frozen=True, eq=False)
class Node:
    """One value of a document with its position, and the nodes inside it.

    `value` is plain Python: mappings are dicts with text keys, dates and times stay text.
    """

    file: str
    value: Value
    line: int
    column: int
    children: Mapping[str | int, Node] = field(default_factory=dict, repr=False)
    keys: Mapping[str, Position] = field(default_factory=dict, repr=False)

    def child(self, *path: str | int) -> Node:
        """Return the node at `path`; KeyError where the document has none."""
        node = self
        for part in path:
            node = node.children[part]
        return node

    def find(self, *path: str | int) -> Node | None:
        """Return the node at `path`, or None where the document has none."""
        try:
            return self.child(*path)
        except KeyError:
            return None

    def __iter__(self) -> Iterator[Node]:
        """Iterate over the items of a list, or the values of a mapping, in the file's order."""
        return iter(self.children.values())

    def text(self, *path: str | int) -> str | None:
        """Return the text at `path`; None where there is none or it is something else."""
        node = self.find(*path)
        return node.value if node is not None and isinstance(node.value, str) else None

    def position(self, *path: str | int, key: bool = False) -> Position:
        """Return (line, column) of the value at `path`, or of its key.

        Where the document ends before `path` does, the nearest value above is meant.
        """
        node, place = self, (self.line, self.column)
        for part in path:
            below = node.children.get(part)
            if below is None:
                return place
            at_key = node.keys.get(part) if isinstance(part, str) else None
            node = below
            place = at_key if key and at_key is not None else (node.line, node.column)
        return place

    def fault(self, text: str, *path: str | int, key: bool = False) -> Fault:
        """Return a fault at `position(*path, key=key)`."""
        line, column = self.position(*path, key=key)
        return Fault(self.file, line, column, text)


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest allowed word, or nothing."""
    meant = word_for(word, allowed := list(allowed))
    if meant is not None:
        return f"; did you mean '{meant}'?"
    near = difflib.get_close_matches(word, allowed, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""
