"""SQL for what ledgers bear out: the number that each obligation is measured by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rules.conditions import Condition, FieldRef
from rules.lowering import escape_for_text, to_sql
from supervision.store.ledger_sql import Dialect, ledger_column

MILLION = 1_000_000

KNOWN = "{0}.recorded_at <= :known_at AND {0}.superseded_at > :known_at"


@dataclass(frozen=True)
class Part:
    """A CTE that some fields need: its SQL, and how it is joined to `base`."""

    cte: str
    join: str


@dataclass(frozen=True)
class Measured:
    """How one requirement is measured over a ledger; `where` is checked, `tier` a ledger field."""

    requirement: str
    ledger: str
    count: bool
    count_distinct: str | None
    sum: str | None
    where: Condition
    dated: bool
    tier: str | None = None
    ledger_fields: Mapping[str, str] = field(default_factory=dict)


def ledger_cte(ledger: str) -> str:
    """Rows in force of one ledger, with what says which filing of a thing came first."""
    return f"""rows_{ledger} AS (
  SELECT r.unit, f.clause, r.identity, f.first_submitted_at, r.submission_id, r.row_no, r.day,
    r.first_day, r.data
  FROM record r JOIN filing f ON f.id = r.submission_id AND f.counts = 1
  WHERE r.plan = :plan AND r.ledger = '{ledger}')"""


def nth_among(measured: str) -> str:
    """Return the SQL of `nth` over rows `r` that bear on what `measured` names.

    More than 1 is a thing that was filed before, whoever filed it; NULL where there is no row.
    """
    return f"""CASE WHEN r.identity IS NOT NULL THEN ROW_NUMBER() OVER (
      PARTITION BY {measured}, r.identity
      ORDER BY r.first_submitted_at, r.submission_id, r.row_no) END AS nth"""


def row_tests(measured: Measured, dialect: Dialect, last_day: str) -> tuple[str, str, str]:
    """Return SQL for: the row is meant, it counts, and what is counted of it (encoded)."""

    def column(name: str) -> str:
        return ledger_column("r.data", name, measured.ledger_fields[name], dialect)

    def of_condition(reference: FieldRef) -> str:
        return column(reference.name)

    meant = escape_for_text(to_sql(measured.where, dialect, of_condition))
    counts = f"r.nth = 1 AND ({meant})"
    if measured.dated:
        counts += f" AND r.day BETWEEN :year_first_day AND :year_last_day AND r.day <= {last_day}"
    if measured.count:
        number = f"CAST(SUM(CASE WHEN {counts} THEN {MILLION} ELSE 0 END) AS BIGINT)"
    elif measured.count_distinct is not None:
        thing = column(measured.count_distinct)
        number = f"COUNT(DISTINCT CASE WHEN {counts} THEN {thing} END) * {MILLION}"
    else:
        assert measured.sum is not None
        amount = column(measured.sum)
        if measured.ledger_fields[measured.sum] == "integer":
            amount = f"{amount} * {MILLION}"
        number = f"CAST(COALESCE(SUM(CASE WHEN {counts} THEN {amount} END), 0) AS BIGINT)"
    return meant, counts, number


def measured_part(measures: Sequence[Measured], dialect: Dialect) -> Part:
    """Measure each obligation over its unit's rows; a lead's over all rows filed for its clause.

    NULL where nothing was filed for the clause: not known is not zero.
    """
    if not measures:
        return Part(
            "measured AS MATERIALIZED (SELECT NULL AS key, CAST(NULL AS BIGINT) AS value,"
            " CAST(NULL AS BIGINT) AS attendances, 0 AS tiers, 0 AS untiered, 0 AS outside,"
            " 0 AS spans, 0 AS duplicates)",
            "LEFT JOIN measured ON measured.key = base.key",
        )
    ctes = [ledger_cte(ledger) for ledger in sorted({each.ledger for each in measures})]
    ctes.append(
        "filed_clauses AS (SELECT DISTINCT f.unit, f.clause FROM filing f WHERE f.counts = 1)"
    )
    selects = []
    for each in measures:
        meant, counts, number = row_tests(each, dialect, ":day")
        tier = "NULL"
        if each.tier is not None:
            tier = ledger_column("r.data", each.tier, each.ledger_fields[each.tier], dialect)
            tier = f"NULLIF({tier}, '')"
        of_counted = f"CASE WHEN {counts} THEN {tier} END"
        untiered = f"CASE WHEN {counts} AND {tier} IS NULL THEN 1 ELSE 0 END"
        outside = "r.day < :year_first_day OR r.day > :year_last_day"
        selects.append(
            f"""SELECT r.key, {number} AS value,
    CAST(SUM(CASE WHEN {counts} THEN {MILLION} ELSE 0 END) AS BIGINT) AS attendances,
    {f"COUNT(DISTINCT {of_counted})" if each.tier else "CAST(NULL AS INTEGER)"} AS tiers,
    {f"SUM({untiered})" if each.tier else "CAST(NULL AS INTEGER)"} AS untiered,
    SUM(CASE WHEN ({meant}) AND ({outside}) THEN 1 ELSE 0 END) AS outside,
    SUM(CASE WHEN {counts} AND r.first_day < :year_first_day THEN 1 ELSE 0 END) AS spans,
    SUM(CASE WHEN r.nth > 1 AND ({meant}) THEN 1 ELSE 0 END) AS duplicates
  FROM (
    SELECT base.key, r.day, r.first_day, r.data, {nth_among("base.key")}
    FROM base
    LEFT JOIN rows_{each.ledger} r
      ON r.unit = base.unit OR (base.role = 'lead' AND r.clause = base.clause)
    WHERE base.requirement = '{each.requirement}' AND EXISTS (
      SELECT 1 FROM filed_clauses c WHERE c.clause = base.clause
        AND (c.unit = base.unit OR base.role = 'lead'))) AS r
  GROUP BY r.key"""
        )
    union = "\n  UNION ALL\n  ".join(selects)
    return Part(
        ",\n".join([*ctes, f"measured AS MATERIALIZED (\n  {union})"]),
        "LEFT JOIN measured ON measured.key = base.key",
    )
