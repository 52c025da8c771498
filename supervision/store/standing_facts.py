"""Facts of the second pass: the findings as they now stand, and the units."""

from __future__ import annotations

from dataclasses import replace

from supervision.domain.findings import OPEN
from supervision.store.facts import DAYS_OVERDUE, Moment, every_obligation

_OPEN = ", ".join(f"'{state.value}'" for state in sorted(OPEN))
_ANSWERED = "('responded', 'closed')"
_REMINDED = """FROM notice n WHERE n.plan = :plan AND n.item = f.obligation AND n.state = 'sent'
      AND n.is_copy = 0"""


def finding_facts(moment: Moment) -> str:
    """Return `WITH …, facts AS (…)`: one row per stored finding that is not settled.

    Days are working days at `as_of`.  Findings are not kept as versions: they are as they stand.
    """
    chosen = " AND f.unit IN :units" if moment.units is not None else ""
    if moment.between is not None:
        chosen += " AND f.unit >= :first_unit AND f.unit <= :last_unit"
    chosen += " AND f.number IN :keys" if moment.keys is not None else ""
    chosen = f"f.plan = :plan AND f.state IN ({_OPEN}, 'waived', 'closed'){chosen}"
    among = f"SELECT f.obligation FROM finding f WHERE {chosen}"
    return f"""{every_obligation(_without_keys(moment), among=among)},
late AS MATERIALIZED (SELECT base.key, {DAYS_OVERDUE} AS days_overdue FROM base),
facts AS (
  SELECT f.number AS fact_key, f.rule, f.severity, f.state, f.requirement, f.clause, f.unit,
    f.period, f.cycle, COALESCE((SELECT MAX(e.level) FROM escalation e WHERE e.finding_id = f.id
      AND e.cycle = f.cycle AND e.state = 'approved'), 'L0') AS level,
    CASE WHEN :workday > f.opened_workday THEN :workday - f.opened_workday ELSE 0 END AS days_open,
    late.days_overdue,
    CASE WHEN f.rectify_due_workday > :workday THEN f.rectify_due_workday - :workday
      WHEN f.rectify_due_workday IS NOT NULL THEN 0 END AS days_to_rectify_due,
    CASE WHEN f.rectify_due_workday IS NULL THEN NULL
      WHEN :workday > f.rectify_due_workday THEN :workday - f.rectify_due_workday
      ELSE 0 END AS days_past_rectify_due,
    (SELECT COUNT(DISTINCT n.run_id) {_REMINDED}) AS reminders_sent,
    (SELECT n.step {_REMINDED} ORDER BY n.id DESC LIMIT 1) AS last_step,
    CASE WHEN f.state IN {_ANSWERED} THEN 1 ELSE 0 END AS has_response
  FROM finding f
  LEFT JOIN late ON late.key = f.obligation
  WHERE {chosen})"""


def unit_facts(moment: Moment) -> str:
    """Return `WITH …, facts AS (…)`: one row per unit."""
    chosen = " AND u.code IN :units" if moment.units is not None else ""
    if moment.between is not None:
        chosen += " AND u.code >= :first_unit AND u.code <= :last_unit"
    chosen += " AND u.code IN :keys" if moment.keys is not None else ""
    return f"""{every_obligation(_without_keys(moment))},
late AS MATERIALIZED (
  SELECT base.unit, SUM(CASE WHEN ({DAYS_OVERDUE}) > 0 AND base.companion = 0 THEN 1 ELSE 0 END)
    AS items
  FROM base GROUP BY base.unit),
standing AS MATERIALIZED (
  SELECT f.unit, COUNT(*) AS findings,
    SUM(CASE WHEN f.severity IN ('major', 'critical') THEN 1 ELSE 0 END) AS major
  FROM finding f WHERE f.plan = :plan AND f.state IN ({_OPEN}) GROUP BY f.unit),
raised AS MATERIALIZED (
  SELECT f.unit, SUM(CASE WHEN e.card = 'yellow' THEN 1 ELSE 0 END) AS yellow,
    SUM(CASE WHEN e.letter IS NOT NULL AND f.state NOT IN {_ANSWERED} THEN 1 ELSE 0 END) AS letters
  FROM escalation e JOIN finding f ON f.id = e.finding_id
  WHERE e.plan = :plan AND e.state = 'approved' GROUP BY f.unit),
facts AS (
  SELECT u.code AS fact_key, u.code AS unit, u.category AS unit_category, u.has_contact,
    CAST(COALESCE(standing.findings, 0) AS INTEGER) AS open_findings,
    CAST(COALESCE(standing.major, 0) AS INTEGER) AS open_major,
    CAST(COALESCE(late.items, 0) AS INTEGER) AS overdue_items,
    CAST(COALESCE(raised.yellow, 0) AS INTEGER) AS yellow_cards,
    CAST(COALESCE(raised.letters, 0) AS INTEGER) AS unanswered_letters
  FROM unit u
  LEFT JOIN late ON late.unit = u.code
  LEFT JOIN standing ON standing.unit = u.code
  LEFT JOIN raised ON raised.unit = u.code
  WHERE u.plan = :plan AND u.recorded_at <= :known_at AND u.superseded_at > :known_at{chosen})"""


def _without_keys(moment: Moment) -> Moment:
    """The obligations under a finding or unit are not chosen by its key."""
    return replace(moment, keys=None)
