"""SQL for figures that units claim: what the ledgers bore out when the claim was made.

A ledger grows: whoever reported 180 in June and files the whole year's roster in December has not
lied in June.  Every expression here is looked up for one row of `base`, and what the ledgers say
since only where they did not say it then.
"""

from __future__ import annotations

from collections.abc import Sequence

from supervision.store.in_force import KNOWN, NOT_RETURNED
from supervision.store.ledger_sql import Dialect
from supervision.store.measures import Measured, nth_among, row_sql


def _borne_out(
    measured: Measured, dialect: Dialect, *, instant: str, answers: str, leads: str
) -> str:
    """Return the number that the filings in force at an instant bore out; NULL without an answer.

    They are the unit's own and, where it leads, all that were filed for the clause; `answers` says
    of a filing `s` that it is one for the requirement, `leads` is a query with one row for a lead.
    """
    row = row_sql(measured, dialect, "base.submitted_day")
    chosen = f"""SELECT s.id, s.first_submitted_at, CASE WHEN {answers} THEN 1 ELSE 0 END AS answers
        FROM {{0}} submission s
        WHERE s.plan = :plan AND s.recorded_at <= :known_at AND s.submitted_at <= {instant}
          AND (s.superseded_at > :known_at OR s.replaced_at > {instant})
          AND {NOT_RETURNED.format("s")}"""
    # whether the unit leads is to be looked up once, before any of the others' filings is read
    if dialect == "sqlite":
        others = chosen.format(f"({leads}) AS one_lead CROSS JOIN")
    else:
        others = f"{chosen.format('')} AND ({leads}) = 1"
    return f"""(SELECT CASE WHEN MAX(r.answers) = 1 THEN {row.number} END
    FROM (
      SELECT f.answers, r.day, r.first_day, {row.columns}, {nth_among("1", "f")}
      FROM ({chosen.format("")} AND s.unit = base.unit
        UNION ALL
        {others} AND s.clause = '{measured.clause}' AND s.unit <> base.unit) AS f
      LEFT JOIN record r ON r.submission_id = f.id AND r.ledger = '{measured.ledger}') AS r)"""


def _owed(measured: Measured) -> str:
    return f"""FROM obligation o WHERE o.plan = :plan AND o.unit = base.unit
            AND o.clause = '{measured.clause}' AND o.requirement = '{measured.requirement}'
            AND {KNOWN.format("o")}"""


def _values(
    requirement: str, measures: Sequence[Measured], dialect: Dialect, instant: str, answers: str
) -> str:
    """Return the value of the requirement that a column names; NULL for one not measured."""
    cases = " ".join(
        f"WHEN '{each.requirement}' THEN "
        + _borne_out(
            each,
            dialect,
            instant=instant,
            answers=answers.format(_owed(each)),
            leads=f"SELECT 1 AS one {_owed(each)} AND o.role = 'lead' LIMIT 1",
        )
        for each in measures
    )
    return f"CASE {requirement} {cases} END" if measures else "CAST(NULL AS BIGINT)"


def borne_out_when_filed(measures: Sequence[Measured], dialect: Dialect) -> str:
    """Return what the ledgers bore out of a target when its filing claimed a figure."""
    return _values(
        "base.requirement",
        measures,
        dialect,
        "base.submitted_at",
        "s.obligation = base.filing_key",
    )


# Who reports before the due date may file the ledger itself until then.
_REPORTED = """CASE WHEN base.submitted_at > base.due_at THEN base.submitted_at
              WHEN base.due_at > :as_of THEN :as_of ELSE base.due_at END"""
_FILED_FOR = "s.obligation IN (SELECT o.filing_key {0})"
_AT_ONCE = 1_000
"""A LIMIT no filing reaches: SQLite works out a limited subquery once a row, not once a use."""


class ReportedClaims:
    """The figures that a report claims, beside what its unit's ledgers bear out.

    A figure is borne out by the ledgers as they stood then or as they have been completed since.
    """

    def __init__(self, measures: Sequence[Measured], dialect: Dialect) -> None:
        then = _values("c.requirement", measures, dialect, _REPORTED, _FILED_FOR)
        now = _values("t.requirement", measures, dialect, ":as_of", _FILED_FOR)
        self._compared = f"""(SELECT d.*,
        CASE WHEN d.claim = d.at_first OR d.claim = d.at_last THEN 0
        WHEN d.at_first IS NULL AND d.at_last IS NULL THEN NULL ELSE 1 END AS differs,
        COALESCE(d.at_first, d.at_last) AS value
      FROM (SELECT t.*, CASE WHEN t.claim = t.at_first THEN NULL ELSE {now} END AS at_last
        FROM (SELECT c.requirement, c.value AS claim, {then} AS at_first
          FROM submission_claim c WHERE c.submission_id = base.submission_id
          LIMIT {_AT_ONCE}) AS t
        LIMIT {_AT_ONCE}) AS d)"""

    @property
    def mismatched(self) -> str:
        """How many figures differ; NULL where one cannot be compared and none differs."""
        return f"""(SELECT CASE WHEN COUNT(*) = 0 THEN 0
      WHEN SUM(e.differs) > 0 THEN CAST(SUM(e.differs) AS INTEGER)
      WHEN COUNT(e.differs) = COUNT(*) THEN 0 END
    FROM {self._compared} AS e)"""

    def first(self, chosen: str) -> str:
        """Return something of the first figure that differs: its requirement, claim or value."""
        return f"""(SELECT e.{chosen} FROM {self._compared} AS e
    WHERE e.differs = 1 ORDER BY e.requirement LIMIT 1)"""
