"""Published rules without a case: an opinion that nobody has checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rules.cases import Case
from rules.checked import CheckedRule
from rules.vocabulary import Status


@dataclass(frozen=True)
class Untested:
    """A published rule that no case violates, or that none satisfies."""

    rule: str
    positive: bool
    negative: bool

    def __str__(self) -> str:
        lacking = [
            word
            for word, there in (("positive", self.positive), ("negative", self.negative))
            if not there
        ]
        return f"rule {self.rule} has no {' and no '.join(lacking)} case"


def untested(rules: Iterable[CheckedRule], cases: Iterable[Case]) -> tuple[Untested, ...]:
    """Return the published rules that lack a positive or a negative case, in their order.

    Cases that nobody has confirmed do not count.
    """
    expected = [each for case in cases if case.confirmed for each in case.expect]
    positive = {each.rule for each in expected if each.verdict.positive}
    negative = {each.rule for each in expected if each.verdict.negative}
    return tuple(
        Untested(name, positive=name in positive, negative=name in negative)
        for rule in rules
        if rule.rule.status is Status.PUBLISHED
        for name in [rule.rule.id]
        if name not in positive or name not in negative
    )
