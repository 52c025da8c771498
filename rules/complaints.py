"""What is wrong with one condition, each with its place in the text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_FAULTS = 50


@dataclass(frozen=True, order=True)
class ConditionFault:
    """One mistake. `offset` counts from 0 in the text, `line` and `column` from 1."""

    offset: int
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}"


class ConditionFaults(Exception):
    """Everything that is wrong with one condition, in the order of its text."""

    def __init__(self, faults: Iterable[ConditionFault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


class Complaints:
    """Gathers the faults of a text while it is read, the first MAX_FAULTS of them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: list[ConditionFault] = []

    def add(self, offset: int, message: str) -> None:
        if len(self.faults) == MAX_FAULTS:
            return
        before = self.text[:offset]
        column = offset - (before.rfind("\n") + 1) + 1
        self.faults.append(ConditionFault(offset, before.count("\n") + 1, column, message))
