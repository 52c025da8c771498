"""Notices as a run plans them, and how they differ from those that a case expects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules.case_expectations import ExpectedNotice, Place
from rules.nodes import Fault
from rules.vocabulary import Post


@dataclass(frozen=True)
class Told:
    """One step of a ladder as a run plans it: who hears of which item, in which words."""

    step: str
    ladder: str
    rule: str
    item: str
    to: tuple[Post, ...]
    cc: tuple[Post, ...]
    unaddressed: tuple[Post, ...]
    subject: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.ladder} {self.step} of {self.item}"


def notice_failures(
    expected: Sequence[ExpectedNotice], told: Sequence[Told], place: Place
) -> Iterator[Fault]:
    """Yield what differs; notices that are planned and not named are told at `place`."""
    left = list(told)
    for each in expected:
        found = _found(each, left)
        if found is None:
            about = f" of {each.of}" if each.of else ""
            there = ", ".join(map(str, told)) or "none"
            yield each.place.fault(f"expected the notice {each.step}{about}; planned: {there}")
            continue
        left.remove(found)
        for text in _differences(each, found):
            yield each.place.fault(f"the notice {found}: {text}")
    for unnamed in left:
        text = f"the notice {unnamed} is planned too, and 'notices' does not say so"
        yield place.fault(text)


def _found(expected: ExpectedNotice, told: Sequence[Told]) -> Told | None:
    """Return the notice that is meant: the one that differs least."""
    alike = [
        each
        for each in told
        if each.step == expected.step
        and expected.ladder in (None, each.ladder)
        and expected.rule in (None, each.rule)
        and expected.of in (None, each.item)
    ]
    return min(alike, key=lambda each: len(list(_differences(expected, each))), default=None)


def _differences(expected: ExpectedNotice, told: Told) -> Iterator[str]:
    for name in ("to", "cc", "unaddressed"):
        wanted, there = getattr(expected, name), getattr(told, name)
        if wanted is not None and sorted(wanted) != sorted(there):
            yield f"expected {name} {_posts(wanted)}, found {_posts(there)}"
    for name in ("subject", "message", "remedy"):
        wanted, there = getattr(expected, name), getattr(told, name)
        if wanted is not None and wanted != there:
            yield f"expected the {name}\n  {wanted}\nfound\n  {there}"


def _posts(posts: Sequence[Post]) -> str:
    return f"[{', '.join(posts)}]"
