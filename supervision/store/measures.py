"""SQL for what ledgers bear out: the number that each obligation is measured by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rules.conditions import Condition, FieldRef
from rules.lowering import escape_for_text, to_sql
from supervision.store.in_force import IN_FORCE, NOT_RETURNED
from supervision.store.ledger_sql import Dialect, ledger_column

MILLION = 1_000_000


@dataclass(frozen=True)
class Part:
    """A CTE that some fields need: its SQL, and how it is joined to `base`."""

    cte: str
    join: str


@dataclass(frozen=True)
class Measured:
    """How one requirement is measured over a ledger; `where` is checked, `tier` a ledger field."""

    requirement: str
    clause: str
    ledger: str
    count: bool
    count_distinct: str | None
    sum: str | None
    where: Condition
    dated: bool
    tier: str | None = None
    ledger_fields: Mapping[str, str] = field(default_factory=dict)


def nth_among(measured: str, filing: str) -> str:
    """Return the SQL of `nth` over ledger rows `r` that bear on what `measured` names.

    More than 1 is a thing that was filed before, whoever filed it; NULL where there is no row.
    """
    return f"""CASE WHEN r.identity IS NOT NULL THEN ROW_NUMBER() OVER (
      PARTITION BY {measured}, r.identity
      ORDER BY {filing}.first_submitted_at, r.submission_id, r.row_no) END AS nth"""


@dataclass(frozen=True)
class RowSql:
    """SQL of one requirement's ledger rows `r`.

    columns  what to select of a row, its JSON read once: `meant`, `thing` (what is counted of it,
             encoded) and `tier`
    counts   whether such a row counts
    number   the number over the rows that count, encoded
    """

    columns: str
    counts: str
    number: str


def row_sql(measured: Measured, dialect: Dialect, last_day: str) -> RowSql:
    """Return how the rows of a requirement are read and counted up to `last_day`, inclusive."""

    def column(name: str) -> str:
        return ledger_column("r.data", name, measured.ledger_fields[name], dialect)

    def of_condition(reference: FieldRef) -> str:
        return column(reference.name)

    meant = escape_for_text(to_sql(measured.where, dialect, of_condition))
    tier = f"NULLIF({column(measured.tier)}, '')" if measured.tier is not None else "NULL"
    counts = "r.nth = 1 AND r.meant = 1"
    if measured.dated:
        counts += f" AND r.day BETWEEN :year_first_day AND :year_last_day AND r.day <= {last_day}"
    thing = "NULL"
    if measured.count:
        number = f"CAST(SUM(CASE WHEN {counts} THEN {MILLION} ELSE 0 END) AS BIGINT)"
    elif measured.count_distinct is not None:
        thing = column(measured.count_distinct)
        number = f"COUNT(DISTINCT CASE WHEN {counts} THEN r.thing END) * {MILLION}"
    else:
        assert measured.sum is not None
        thing = column(measured.sum)
        if measured.ledger_fields[measured.sum] == "integer":
            thing = f"{thing} * {MILLION}"
        number = f"CAST(COALESCE(SUM(CASE WHEN {counts} THEN r.thing END), 0) AS BIGINT)"
    columns = f"CASE WHEN {meant} THEN 1 ELSE 0 END AS meant, {thing} AS thing, {tier} AS tier"
    return RowSql(columns, counts, number)


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
    chosen = """base.key, base.requirement, s.id, s.first_submitted_at,
    CASE WHEN s.clause = base.clause THEN 1 ELSE 0 END AS answers"""
    measured = ", ".join(f"'{each.requirement}'" for each in measures)
    named = f"base.requirement IN ({measured})"
    filed = f"{IN_FORCE.format('s', 'submitted_at')} AND {NOT_RETURNED.format('s')}"
    # CROSS JOIN: SQLite is to begin with the obligations, of which few are a lead's
    ctes = [
        f"""bearing AS MATERIALIZED (
  SELECT {chosen} FROM base CROSS JOIN submission s
  WHERE s.plan = :plan AND s.unit = base.unit AND {named} AND {filed}
  UNION
  SELECT {chosen} FROM base CROSS JOIN submission s
  WHERE s.plan = :plan AND s.clause = base.clause AND base.role = 'lead' AND {named}
    AND {filed})""",
        "answered AS MATERIALIZED (SELECT DISTINCT key FROM bearing WHERE answers = 1)",
    ]
    selects = []
    for each in measures:
        row = row_sql(each, dialect, ":day")
        of_counted = f"CASE WHEN {row.counts} THEN r.tier END"
        untiered = f"CASE WHEN {row.counts} AND r.tier IS NULL THEN 1 ELSE 0 END"
        outside = "r.day < :year_first_day OR r.day > :year_last_day"
        selects.append(
            f"""SELECT r.key, {row.number} AS value,
    CAST(SUM(CASE WHEN {row.counts} THEN {MILLION} ELSE 0 END) AS BIGINT) AS attendances,
    {f"COUNT(DISTINCT {of_counted})" if each.tier else "CAST(NULL AS INTEGER)"} AS tiers,
    {f"SUM({untiered})" if each.tier else "CAST(NULL AS INTEGER)"} AS untiered,
    SUM(CASE WHEN r.meant = 1 AND ({outside}) THEN 1 ELSE 0 END) AS outside,
    SUM(CASE WHEN {row.counts} AND r.first_day < :year_first_day THEN 1 ELSE 0 END) AS spans,
    SUM(CASE WHEN r.nth > 1 AND r.meant = 1 THEN 1 ELSE 0 END) AS duplicates
  FROM (
    SELECT f.key, r.day, r.first_day, {row.columns}, {nth_among("f.key", "f")}
    FROM bearing f
    JOIN answered ON answered.key = f.key
    LEFT JOIN record r ON r.submission_id = f.id AND r.ledger = '{each.ledger}'
    WHERE f.requirement = '{each.requirement}') AS r
  GROUP BY r.key"""
        )
    union = "\n  UNION ALL\n  ".join(selects)
    return Part(
        ",\n".join([*ctes, f"measured AS MATERIALIZED (\n  {union})"]),
        "LEFT JOIN measured ON measured.key = base.key",
    )
