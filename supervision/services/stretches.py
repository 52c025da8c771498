"""Units that are worked through at once: no rule joins facts of two units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from supervision.services.sources import FactsAt
from supervision.store import findings
from supervision.store.session import Session

STRETCH = 4_000
"""Units at once: some 20 MB of candidates where one duty in ten fails."""


@dataclass(frozen=True)
class Stretch:
    """Some units that were named, or a stretch of all: the first and last code."""

    units: tuple[str, ...] | None
    between: tuple[str, str] | None

    def of(self, facts: FactsAt) -> FactsAt:
        """Return the facts of these units alone."""
        return replace(facts, units=self.units, between=self.between)


def stretches(session: Session, facts: FactsAt) -> Iterator[Stretch]:
    """Yield who is to be looked at: all units, those too that have left and left findings."""
    if facts.units is not None:
        yield Stretch(facts.units, None)
        return
    codes = findings.units_concerned(session, facts.adopted.code, known_at=facts.known_at)
    for start in range(0, len(codes), STRETCH):
        part = codes[start : start + STRETCH]
        yield Stretch(None, (part[0], part[-1]))
