"""A finding's number as people type it."""

from __future__ import annotations

import re
import unicodedata

from rules.nodes import did_you_mean
from supervision.errors import NotFound
from supervision.services.desk import Desk
from supervision.store import provenance
from supervision.store.session import Session
from supervision.store.tables import FindingRow

_BETWEEN = re.compile(r"[-‐‑‒–—―−_~ー·.\s]+")
_PARTS = re.compile(r"([A-Z]+)-?(\d{4})-?(\d+)\Z")
_LONGEST_BARE = 6


def canonical_number(text: str, year: int) -> str:
    """Return a finding's number as it is stored, however it was typed.

    Full-width letters, digits and dashes, lower case, spaces and lost zeros or dashes are all
    taken: `ｗ－２０２２－１` is W-2022-0001; a bare `1` is of the plan's year.
    """
    folded = unicodedata.normalize("NFKC", text).strip().upper()
    joined = _BETWEEN.sub("-", folded).strip("-")
    if joined.isdecimal() and len(joined) <= _LONGEST_BARE:
        return f"W-{year}-{int(joined):04}"
    found = _PARTS.match(joined)
    return joined if found is None else f"{found[1]}-{found[2]}-{int(found[3]):04}"


def find_finding(session: Session, desk: Desk, text: str) -> FindingRow:
    """Return a finding by its number as a person may type it; NotFound says what there is."""
    number = canonical_number(text, desk.adopted.pack.plan.year)
    row = provenance.by_number(session, desk.code, number)
    if row is not None:
        return row
    known = provenance.numbers_of(session, desk.code)
    if not known:
        raise NotFound(
            f"no finding {text!r}: plan '{desk.code}' has none yet; run `supervision evaluate`"
        )
    hint = did_you_mean(number, known) or (
        f"; there are {len(known)}, {known[0]} to {known[-1]}: "
        "`supervision findings list --all` shows them"
    )
    raise NotFound(f"no finding {text!r} in plan '{desk.code}'{hint}")
