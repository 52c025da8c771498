"""SQL for figures that units claim: what the ledgers bore out when the claim was made.

A ledger grows: whoever reported 180 in June and files the whole year's roster in December has not
lied in June.  The text here expects a CTE `asked` (asker, requirement, claim, unit, role, clause,
filing_key, day, instant): the figures claimed, `asker` the submission that claims one; one row for
each filing in which its unit may have borne it out (a target may have several periods).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from supervision.store.ledger_sql import Dialect
from supervision.store.measures import KNOWN, Measured, Part, ledger_cte, nth_among, row_tests

_VERSIONS_THEN = """figures AS (
  SELECT DISTINCT asker, requirement, claim, unit, role, clause, day, instant FROM asked),
versions_then AS (
  SELECT q.asker, q.requirement, s.id AS submission_id, s.obligation, s.first_submitted_at
  FROM figures q
  JOIN submission s ON s.plan = :plan
    AND (s.unit = q.unit OR (q.role = 'lead' AND s.clause = q.clause))
    AND s.recorded_at <= :known_at AND s.submitted_at <= q.instant
    AND (s.superseded_at > :known_at OR s.replaced_at > q.instant)
  WHERE NOT EXISTS (
    SELECT 1 FROM review v WHERE v.submission_id = s.id AND v.decision = 'returned'
      AND v.recorded_at <= :known_at AND v.decided_at <= :as_of AND NOT EXISTS (
        SELECT 1 FROM review l WHERE l.submission_id = v.submission_id AND l.id > v.id
          AND l.recorded_at <= :known_at AND l.decided_at <= :as_of)))"""
"""The filings in force when each figure was claimed, returned ones apart."""


def _rows_then(ledger: str) -> str:
    """Return the CTE of a ledger's rows in those filings; `nth` > 1 is a thing filed before."""
    return f"""then_{ledger} AS (
  SELECT v.asker, v.requirement, r.day, r.first_day, r.data,
    ROW_NUMBER() OVER (PARTITION BY v.asker, v.requirement, r.identity
      ORDER BY v.first_submitted_at, r.submission_id, r.row_no) AS nth
  FROM versions_then v
  JOIN record r ON r.submission_id = v.submission_id AND r.ledger = '{ledger}')"""


def _values_then(counted: Iterable[tuple[str, str, str]]) -> str:
    """Return the CTE (asker, requirement, value) of the numbers that the ledgers bore out then.

    `counted` gives for each measured requirement its ledger and the SQL of the number over rows
    `r`.  There is no row where the unit had filed nothing for the requirement.
    """
    nothing = "SELECT 0 AS asker, '' AS requirement, CAST(0 AS BIGINT) AS value FROM filing"
    selects = [
        f"""SELECT q.asker, q.requirement, {number} AS value
  FROM figures q
  LEFT JOIN then_{ledger} r ON r.asker = q.asker AND r.requirement = q.requirement
  WHERE q.requirement = '{requirement}' AND EXISTS (
    SELECT 1 FROM asked a JOIN versions_then v ON v.asker = a.asker
      AND v.requirement = a.requirement AND v.obligation = a.filing_key
    WHERE a.asker = q.asker AND a.requirement = q.requirement)
  GROUP BY q.asker, q.requirement"""
        for requirement, ledger, number in counted
    ]
    union = "\n  UNION ALL\n  ".join([f"{nothing} WHERE 1 = 0", *selects])
    return f"values_then AS MATERIALIZED (\n  {union})"


def _ctes_then(measures: Sequence[Measured], dialect: Dialect, asked: str) -> list[str]:
    """Return the CTEs that end in `values_then`: what the ledgers bore out when it was claimed."""
    ledgers = sorted({each.ledger for each in measures})
    counted = (
        (each.requirement, each.ledger, row_tests(each, dialect, "q.day")[2]) for each in measures
    )
    return [
        f"asked AS (\n  {asked})",
        _VERSIONS_THEN,
        *(_rows_then(ledger) for ledger in ledgers),
        _values_then(counted),
    ]


def borne_out_part(measures: Sequence[Measured], dialect: Dialect) -> Part:
    """What the ledgers bore out of the figure that each filing claims, when it was filed."""
    asked = """SELECT base.submission_id AS asker, base.requirement, base.claimed AS claim,
    base.unit, base.role, base.clause, base.filing_key, base.submitted_day AS day,
    base.submitted_at AS instant
  FROM base WHERE base.claimed IS NOT NULL"""
    return Part(
        ",\n".join(_ctes_then(measures, dialect, asked)),
        "LEFT JOIN values_then ON values_then.asker = base.submission_id"
        " AND values_then.requirement = base.requirement",
    )


# Who reports before the due date may file the ledger itself until then.  DISTINCT: a report and
# its companions are one filing.
_ASKED_BY_REPORTS = f"""SELECT DISTINCT base.submission_id AS asker, c.requirement,
    c.value AS claim, o.unit, o.role, o.clause, o.filing_key, base.submitted_day AS day,
    CASE WHEN base.submitted_at > base.due_at THEN base.submitted_at
      WHEN base.due_at > :as_of THEN :as_of ELSE base.due_at END AS instant
  FROM base
  JOIN submission_claim c ON c.submission_id = base.submission_id
  JOIN obligation o ON o.plan = :plan AND o.unit = base.unit AND o.requirement = c.requirement
    AND {KNOWN.format("o")}"""


def claims_part(measures: Sequence[Measured], dialect: Dialect) -> Part:
    """Compare the figures a report claims with its unit's ledgers up to the report's day.

    A figure is borne out by the ledgers as they stood then or as they have been completed since.
    """
    ctes = [ledger_cte(ledger) for ledger in sorted({each.ledger for each in measures})]
    ctes += _ctes_then(measures, dialect, _ASKED_BY_REPORTS)
    selects = [
        f"""SELECT r.asker, r.requirement, {number} AS value
  FROM (
    SELECT q.asker, q.requirement, q.day AS last_day, r.day, r.first_day, r.data,
      {nth_among("q.asker")}
    FROM figures q
    LEFT JOIN rows_{each.ledger} r
      ON r.unit = q.unit OR (q.role = 'lead' AND r.clause = q.clause)
    WHERE q.requirement = '{each.requirement}' AND EXISTS (
      SELECT 1 FROM asked a JOIN filing t ON t.obligation = a.filing_key AND t.counts = 1
      WHERE a.asker = q.asker AND a.requirement = q.requirement)) AS r
  GROUP BY r.asker, r.requirement"""
        for each in measures
        for _, _, number in [row_tests(each, dialect, "r.last_day")]
    ]
    nothing = (
        "SELECT 0 AS asker, '' AS requirement, CAST(0 AS BIGINT) AS value FROM filing WHERE 1 = 0"
    )
    union = "\n  UNION ALL\n  ".join([nothing, *selects])
    ctes.append(f"values_now AS MATERIALIZED (\n  {union})")
    ctes.append(
        """comparisons AS MATERIALIZED (
  SELECT q.asker, q.requirement, q.claim, COALESCE(at_first.value, at_last.value) AS value,
    CASE WHEN at_first.value IS NULL AND at_last.value IS NULL THEN NULL
      WHEN q.claim = at_first.value OR q.claim = at_last.value THEN 0 ELSE 1 END AS differs
  FROM figures q
  LEFT JOIN values_then at_first ON at_first.asker = q.asker
    AND at_first.requirement = q.requirement
  LEFT JOIN values_now at_last ON at_last.asker = q.asker AND at_last.requirement = q.requirement),
compared AS (
  SELECT asker, COUNT(differs) AS pairs, SUM(differs) AS differ,
    MIN(CASE WHEN differs = 1 THEN requirement END) AS first_one
  FROM comparisons GROUP BY asker),
claims AS MATERIALIZED (
  SELECT c.submission_id, COUNT(*) AS made, MAX(x.pairs) AS compared, MAX(x.differ) AS differ,
    MAX(x.first_one) AS first_one, MAX(d.claim) AS claim, MAX(d.value) AS value
  FROM submission_claim c LEFT JOIN compared x ON x.asker = c.submission_id
  LEFT JOIN comparisons d ON d.asker = x.asker AND d.requirement = x.first_one
    AND c.requirement = x.first_one
  GROUP BY c.submission_id)"""
    )
    return Part(",\n".join(ctes), "LEFT JOIN claims ON claims.submission_id = base.submission_id")
