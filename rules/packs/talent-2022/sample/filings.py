"""The sample's filings as they come in. See `generate.py`."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import Any, TypeAlias

from district import ON_TIME

Filing: TypeAlias = dict[str, Any]
Row: TypeAlias = dict[str, Any]

SEED = 2022


class Year:
    """The filings of one year, made in a fixed order from one seed."""

    def __init__(self) -> None:
        self.draw = random.Random(SEED)
        self.filings: list[Filing] = []

    def file(
        self,
        unit: str,
        requirement: str,
        period: str,
        *,
        at: str,
        content: Row,
        records: Sequence[Row] = (),
        proofs: Sequence[str] = (),
        by: str = "联络员",
    ) -> None:
        """Add one version; `proofs` are the names of evidence, the same name the same file."""
        self.filings.append(
            {
                "unit": unit,
                "requirement": requirement,
                "period": period,
                "submitted_at": f"2022-{at}:00+08:00",
                "by": by,
                "content": content,
                "records": list(records),
                "evidence": [
                    {"name": name, "sha256": hashlib.sha256(f"{unit} {name}".encode()).hexdigest()}
                    for name in proofs
                ],
            }
        )

    def moment(self, chosen: str, days: Sequence[str]) -> str:
        """Return the chosen moment, or one in office hours of one of the days."""
        if chosen != ON_TIME:
            return chosen
        clock = f"{self.draw.randint(9, 16):02}:{self.draw.randint(0, 59):02}"
        return f"{self.draw.choice(days)}T{clock}"
