"""The floor: the database merely counts the same candidates, by one query written by hand.

It knows the 2022 rules, this district and the day, and nothing else: no rule that is not there, no
ledger that nobody claims a figure of.  What it counts must be what the product finds.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, text

from supervision.store.columns import Instant

FLOOR = """
SELECT COUNT(*)
FROM obligation o
LEFT JOIN extension e ON e.plan = o.plan AND e.obligation = o.filing_key
  AND e.recorded_at <= :known AND e.superseded_at > :known
LEFT JOIN submission s ON s.plan = o.plan AND s.obligation = o.filing_key
  AND s.recorded_at <= :known AND s.submitted_at <= :now
  AND (s.superseded_at > :known OR s.replaced_at > :now)
  AND NOT EXISTS (SELECT 1 FROM review v WHERE v.submission_id = s.id AND v.decision = 'returned')
WHERE o.plan = :plan AND o.recorded_at <= :known AND o.superseded_at > :known AND (
  (s.id IS NULL AND COALESCE(e.due_at, o.due_at) < :now)
  OR (s.id IS NULL AND o.companion = 0 AND o.kind IN ('plan', 'report')
    AND COALESCE(e.due_workday, o.due_workday) - :workday <= 5)
  OR (s.id IS NOT NULL AND (
    (o.requirement IN ('REQ2-O1', 'GEN-R1', 'GEN-R2')
      AND s.first_submitted_at > COALESCE(e.due_at, o.due_at))
    OR (o.requirement IN ('REQ2-O2', 'GEN-R3') AND EXISTS (
      SELECT 1 FROM assignment a
      WHERE a.plan = o.plan AND a.unit = o.unit AND a.superseded_at > :known AND NOT EXISTS (
        SELECT 1 FROM submission_task t WHERE t.submission_id = s.id AND t.clause = a.clause)))
    OR (o.requirement = 'REQ2-O3' AND (s.elements_missing > 0 OR s.elements_missing IS NULL
      OR EXISTS (SELECT 1 FROM submission_task t
        JOIN obligation b ON b.plan = o.plan AND b.unit = o.unit AND b.clause = t.clause
          AND b.kind <> 'plan' AND b.superseded_at > :known
        WHERE t.submission_id = s.id AND t.objective < b.target)))
    OR (o.requirement IN ('REQ2-O4', 'GEN-R5') AND (s.signed = 0 OR s.signed IS NULL))
    OR (o.requirement = 'REQ2-O5' AND (
      EXISTS (SELECT 1 FROM submission_task t WHERE t.submission_id = s.id AND t.nodes = 0)
      OR EXISTS (SELECT 1 FROM submission_node n WHERE n.submission_id = s.id
        AND n.day > (SELECT MAX(b.due_day) FROM obligation b WHERE b.plan = o.plan
          AND b.unit = o.unit AND b.clause = n.clause AND b.superseded_at > :known))))
    OR (o.requirement = 'GEN-R3' AND (s.copied_share > 950000 OR s.copied_share IS NULL))
    OR (o.requirement = 'GEN-R4' AND EXISTS (
      SELECT 1 FROM submission_claim c WHERE c.submission_id = s.id AND (
        c.value <> 1000000 * (
          SELECT COUNT(DISTINCT r.identity) FROM submission f
          JOIN record r ON r.submission_id = f.id AND r.ledger = 'trainees'
          WHERE f.plan = o.plan AND f.unit = o.unit AND f.recorded_at <= :known
            AND f.submitted_at <= :now
            AND (f.superseded_at > :known OR f.replaced_at > :now))
        OR c.value < (
          SELECT MAX(b.value) FROM obligation p
          JOIN submission f ON f.plan = p.plan AND f.obligation = p.key
            AND f.superseded_at > :known
          JOIN submission_claim b ON b.submission_id = f.id AND b.requirement = c.requirement
          WHERE p.plan = o.plan AND p.unit = o.unit AND p.requirement = s.requirement
            AND p.period_no = o.period_no - 1 AND p.superseded_at > :known))))
    OR (o.kind = 'target' AND s.claimed <> 1000000 * (
      SELECT COUNT(DISTINCT r.identity) FROM record r WHERE r.submission_id = s.id))))
  OR (o.requirement = 'T08-O3' AND s.id IS NULL))
"""


def count_candidates(
    connection: Connection, *, plan: str, as_of: datetime, known_at: datetime, workday: int
) -> int:
    """Return how many obligations of the district are not beyond doubt."""
    statement = text(FLOOR).bindparams(
        bindparam("plan", plan),
        bindparam("workday", workday),
        bindparam("now", as_of, type_=Instant()),
        bindparam("known", known_at, type_=Instant()),
    )
    return int(connection.execute(statement).scalar_one())
