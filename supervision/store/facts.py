"""The facts query: one SELECT per fact kind, run where the data lives.

`as_of` is the instant that due dates are measured against, and nothing that happened after it has
happened; `known_at` decides which versions of all this were known.  Every value is encoded (see
`rules.conditions`).  Only the parts that the wanted fields need are put into the statement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.sql.elements import BindParameter, TextClause

from rules.catalogue import KINDS, OBLIGATION_KINDS
from supervision.store.claims import borne_out_part, claims_part
from supervision.store.columns import Instant
from supervision.store.ledger_sql import Dialect
from supervision.store.measures import KNOWN, MILLION, Measured, Part, measured_part

__all__ = ["DAYS_OVERDUE", "Measured", "Moment", "every_obligation", "obligation_facts"]


@dataclass(frozen=True)
class Moment:
    """What the query is asked about: a plan at an instant, as known at another.

    Days are ordinals, `workday` is the working-day number of as_of's date (see WorkCalendar),
    `tolerance` the encoded share that 左右 allows.  None for `units` and `keys` means all.
    """

    plan: str
    as_of: datetime
    known_at: datetime
    day: int
    workday: int
    year_first_day: int
    year_last_day: int
    tolerance: int = 0
    units: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None

    def bind(self, statement: str) -> TextClause:
        """Return the statement with the moment's values bound; unused ones are left out."""
        values: dict[str, Any] = {
            "plan": self.plan,
            "day": self.day,
            "workday": self.workday,
            "year_first_day": self.year_first_day,
            "year_last_day": self.year_last_day,
            "tolerance": self.tolerance,
        }
        found = text(statement)
        named = found._bindparams  # noqa: SLF001 - which of the values the statement uses
        params: list[BindParameter[Any]] = [
            bindparam(name, value) for name, value in values.items() if name in named
        ]
        for name, instant in (("as_of", self.as_of), ("known_at", self.known_at)):
            if name in named:
                params.append(bindparam(name, instant, type_=Instant()))
        for name, chosen in (("units", self.units), ("keys", self.keys)):
            if name in named:
                params.append(bindparam(name, list(chosen or ()), expanding=True))
        return found.bindparams(*params)


# A version is in force until a later one is both known and has happened.
_IN_FORCE = (
    "{0}.recorded_at <= :known_at AND {0}.{1} <= :as_of"
    " AND ({0}.superseded_at > :known_at OR {0}.replaced_at > :as_of)"
)


def _owed(kind: str | None, moment: Moment) -> str:
    chosen = f" AND o.kind = '{kind}'" if kind is not None else ""
    if moment.units is not None:
        chosen += " AND o.unit IN :units"
    if moment.keys is not None:
        chosen += " AND o.key IN :keys"
    return f"""owed AS (
  SELECT o.key, o.requirement, o.clause, o.unit, u.category AS unit_category, o.role, o.period,
    o.period_no, o.companion, o.filing_key, o.target, o.about,
    CASE WHEN e.id IS NULL THEN 0 ELSE 1 END AS extended,
    COALESCE(e.due_at, o.due_at) AS due_at, COALESCE(e.due_day, o.due_day) AS due_day,
    COALESCE(e.due_workday, o.due_workday) AS due_workday
  FROM obligation o
  JOIN unit u ON u.plan = o.plan AND u.code = o.unit AND {KNOWN.format("u")}
  LEFT JOIN extension e ON e.plan = o.plan AND e.obligation = o.filing_key
    AND {_IN_FORCE.format("e", "decided_at")}
  WHERE o.plan = :plan AND {KNOWN.format("o")}{chosen})"""


_FILING = f"""filing AS (
  SELECT s.id, s.obligation, s.requirement, s.clause, s.unit, s.period, s.version, s.submitted_at,
    s.submitted_day, s.first_submitted_at, s.first_submitted_workday, s.signed, s.elements_missing,
    s.copied_share, s.claimed, s.done, r.decision, r.correction_due_at, r.correction_due_workday,
    CASE WHEN r.decision = 'returned' THEN 0 ELSE 1 END AS counts
  FROM submission s
  LEFT JOIN review r ON r.submission_id = s.id AND r.recorded_at <= :known_at
    AND r.decided_at <= :as_of AND NOT EXISTS (
      SELECT 1 FROM review l WHERE l.submission_id = r.submission_id AND l.id > r.id
        AND l.recorded_at <= :known_at AND l.decided_at <= :as_of)
  WHERE s.plan = :plan AND {_IN_FORCE.format("s", "submitted_at")})"""

_BASE = """base AS (
  SELECT owed.*, f.id AS submission_id, f.version, f.signed, f.elements_missing, f.copied_share,
    f.claimed, f.done, f.submitted_at, f.submitted_day, f.first_submitted_at,
    f.first_submitted_workday, f.decision,
    CASE WHEN f.id IS NULL THEN 0 ELSE f.counts END AS filed,
    CASE WHEN :as_of > owed.due_at THEN 1 ELSE 0 END AS due_passed,
    CASE WHEN f.decision = 'returned' AND f.correction_due_at > owed.due_at
      THEN f.correction_due_at ELSE owed.due_at END AS chased_at,
    CASE WHEN f.decision = 'returned' AND f.correction_due_at > owed.due_at
      THEN f.correction_due_workday ELSE owed.due_workday END AS chased_workday
  FROM owed LEFT JOIN filing f ON f.obligation = owed.filing_key)"""


_RETURNS = Part(
    """returns AS MATERIALIZED (
  SELECT s.obligation, COUNT(*) AS times, MAX(r.decided_workday) AS last_workday
  FROM review r JOIN submission s ON s.id = r.submission_id
  WHERE s.plan = :plan AND r.decision = 'returned' AND r.recorded_at <= :known_at
    AND r.decided_at <= :as_of
  GROUP BY s.obligation)""",
    "LEFT JOIN returns ON returns.obligation = base.filing_key",
)
_EVIDENCE = Part(
    """proofs AS MATERIALIZED (
  SELECT e.submission_id, COUNT(*) AS pieces, SUM(CASE WHEN EXISTS (
      SELECT 1 FROM evidence e2 JOIN filing f2 ON f2.id = e2.submission_id
      WHERE e2.sha256 = e.sha256 AND f2.obligation <> f.obligation
        AND f2.first_submitted_at <= f.first_submitted_at) THEN 1 ELSE 0 END) AS reused
  FROM evidence e JOIN filing f ON f.id = e.submission_id
  GROUP BY e.submission_id)""",
    "LEFT JOIN proofs ON proofs.submission_id = base.submission_id",
)


def _tasks_part(dialect: Dialect) -> Part:
    # SQLite before 3.44 knows no ORDER BY inside an aggregate; it takes the rows as they come.
    clauses = {
        "sqlite": "GROUP_CONCAT(clause, ',')",
        "postgres": "STRING_AGG(clause, ',' ORDER BY clause)",
    }[dialect]
    return Part(
        f"""tasks AS MATERIALIZED (
  SELECT submission_id, COUNT(*) AS uncovered, {clauses} AS clauses
  FROM (
    SELECT f.id AS submission_id, a.clause
    FROM filing f
    JOIN assignment a ON a.plan = :plan AND a.unit = f.unit AND {KNOWN.format("a")}
    LEFT JOIN submission_task t ON t.submission_id = f.id AND t.clause = a.clause
    WHERE t.clause IS NULL
    ORDER BY f.id, a.clause) AS lacking
  GROUP BY submission_id)""",
        "LEFT JOIN tasks ON tasks.submission_id = base.submission_id",
    )


def _band_of(row: str) -> str:
    """How far 左右 lets the number of `row` go either way."""
    return f"({row}.target / 1000) * (CAST(:tolerance AS BIGINT) / 1000)"


_NODES = Part(
    f"""bounds AS (
  SELECT o.clause, o.unit, MAX(o.due_day) AS last_day,
    MAX(CASE WHEN o.about = 1 THEN o.target - {_band_of("o")} ELSE o.target END) AS target
  FROM obligation o WHERE o.plan = :plan AND o.kind <> 'plan' AND {KNOWN.format("o")}
  GROUP BY o.clause, o.unit),
clause_bounds AS (
  SELECT clause, MAX(last_day) AS last_day FROM bounds GROUP BY clause),
schedule AS MATERIALIZED (
  SELECT t.submission_id, SUM(CASE WHEN t.nodes = 0 THEN 1 ELSE 0 END) AS unscheduled,
    SUM(CASE WHEN t.objective < b.target THEN 1 ELSE 0 END) AS understated
  FROM submission_task t JOIN filing f ON f.id = t.submission_id
  LEFT JOIN bounds b ON b.clause = t.clause AND b.unit = f.unit
  GROUP BY t.submission_id),
astray AS (
  SELECT n.id, n.submission_id, n.name, n.day,
    COALESCE(b.last_day, c.last_day, :year_last_day) AS last_day
  FROM submission_node n JOIN filing f ON f.id = n.submission_id
  LEFT JOIN bounds b ON b.clause = n.clause AND b.unit = f.unit
  LEFT JOIN clause_bounds c ON c.clause = n.clause
  WHERE n.day > COALESCE(b.last_day, c.last_day, :year_last_day) OR n.day > :year_last_day
    OR n.day < :year_first_day),
late_nodes AS MATERIALIZED (
  SELECT n.submission_id, every_one.late, n.name, n.day, n.last_day
  FROM (SELECT submission_id, COUNT(*) AS late, MIN(id) AS first_id
    FROM astray GROUP BY submission_id) AS every_one
  JOIN astray n ON n.id = every_one.first_id)""",
    "LEFT JOIN schedule ON schedule.submission_id = base.submission_id"
    " LEFT JOIN late_nodes ON late_nodes.submission_id = base.submission_id",
)
_FELL = Part(
    f"""drops AS (
  SELECT f.id AS submission_id, c.requirement, b.value AS old_value, c.value AS new_value
  FROM filing f
  JOIN obligation o ON o.plan = :plan AND o.key = f.obligation AND {KNOWN.format("o")}
  JOIN obligation p ON p.plan = :plan AND p.unit = o.unit AND p.requirement = o.requirement
    AND p.period_no = o.period_no - 1 AND {KNOWN.format("p")}
  JOIN filing before ON before.obligation = p.key AND before.counts = 1
  JOIN submission_claim c ON c.submission_id = f.id
  JOIN submission_claim b ON b.submission_id = before.id AND b.requirement = c.requirement
  WHERE c.value < b.value),
falls AS MATERIALIZED (
  SELECT d.submission_id, every_one.fell, d.requirement, d.old_value, d.new_value
  FROM (SELECT submission_id, COUNT(*) AS fell, MIN(requirement) AS first_one
    FROM drops GROUP BY submission_id) AS every_one
  JOIN drops d ON d.submission_id = every_one.submission_id
    AND d.requirement = every_one.first_one)""",
    "LEFT JOIN falls ON falls.submission_id = base.submission_id",
)


def _when_filed(column: str) -> str:
    return f"CASE WHEN base.filed = 1 THEN {column} END"


def _count_when_filed(column: str) -> str:
    return f"CASE WHEN base.filed = 1 THEN COALESCE({column}, 0) END"


_DAYS_LATE = (
    "CASE WHEN base.submission_id IS NULL THEN NULL"
    " WHEN base.first_submitted_at <= base.due_at THEN 0"
    " WHEN base.first_submitted_workday - base.due_workday < 1 THEN 1"
    " ELSE base.first_submitted_workday - base.due_workday END"
)
_LOW = f"CASE WHEN base.about = 1 THEN base.target - {_band_of('base')} ELSE base.target END"
_HIGH = f"CASE WHEN base.about = 1 THEN base.target + {_band_of('base')} ELSE base.target END"
# value / target in thousandths, as a decimal; whole multiples where the product leaves 64 bits
_ATTAINMENT = (
    "CASE WHEN base.target > 0 AND ABS(measured.value) < 9000000000000000"
    " THEN measured.value * 1000 / base.target * 1000"
    f" WHEN base.target >= {MILLION} THEN measured.value / base.target * {MILLION} END"
)

_COMMON: dict[str, tuple[str, tuple[Part, ...]]] = {
    **{
        name: (f"base.{name}", ())
        for name in (
            "requirement",
            "clause",
            "unit",
            "unit_category",
            "role",
            "period",
            "period_no",
            "companion",
            "filed",
            "due_passed",
            "extended",
        )
    },
    "due_on": ("base.due_day", ()),
    "state": (
        "CASE WHEN base.submission_id IS NULL THEN 'missing'"
        " WHEN base.decision IS NULL THEN 'submitted' ELSE base.decision END",
        (),
    ),
    "days_to_due": (
        "CASE WHEN base.due_passed = 1 OR base.due_workday < :workday THEN 0"
        " ELSE base.due_workday - :workday END",
        (),
    ),
    "days_overdue": (
        "CASE WHEN base.filed = 1 OR NOT :as_of > base.chased_at THEN 0"
        " WHEN :workday - base.chased_workday < 1 THEN 1"
        " ELSE :workday - base.chased_workday END",
        (),
    ),
    "on_time": (
        "CASE WHEN base.submission_id IS NULL THEN NULL"
        " WHEN base.first_submitted_at <= base.due_at THEN 1 ELSE 0 END",
        (),
    ),
    "days_late": (_DAYS_LATE, ()),
    "versions": ("COALESCE(base.version, 0)", ()),
    "returned_times": ("COALESCE(returns.times, 0)", (_RETURNS,)),
    "days_since_return": (":workday - returns.last_workday", (_RETURNS,)),
    "evidence_count": ("COALESCE(proofs.pieces, 0)", (_EVIDENCE,)),
    "reused_evidence": ("CAST(COALESCE(proofs.reused, 0) AS INTEGER)", (_EVIDENCE,)),
    "signed": (_when_filed("base.signed"), ()),
}


def _above_zero(sql: str) -> str:
    return f"CASE WHEN ({sql}) < 0 THEN 0 ELSE {sql} END"


def _columns(
    kind: str, measures: Sequence[Measured], dialect: Dialect
) -> dict[str, tuple[str, tuple[Part, ...]]]:
    columns = dict(_COMMON)
    if kind == "plan":
        tasks = _tasks_part(dialect)
        columns |= {
            "elements_missing": (_when_filed("base.elements_missing"), ()),
            "tasks_uncovered": (_count_when_filed("tasks.uncovered"), (tasks,)),
            "nodes_missing": (_count_when_filed("schedule.unscheduled"), (_NODES,)),
            "nodes_after_due": (_count_when_filed("late_nodes.late"), (_NODES,)),
            "targets_understated": (_count_when_filed("schedule.understated"), (_NODES,)),
            "uncovered": (_when_filed("tasks.clauses"), (tasks,)),
            "late_node": (_when_filed("NULLIF(late_nodes.name, '')"), (_NODES,)),
            "late_node_on": (_when_filed("late_nodes.day"), (_NODES,)),
            "late_node_limit": (_when_filed("late_nodes.last_day"), (_NODES,)),
        }
    elif kind == "report":
        tasks, compared = _tasks_part(dialect), claims_part(measures, dialect)
        columns |= {
            "copied_share": (_when_filed("base.copied_share"), ()),
            "tasks_unmentioned": (_count_when_filed("tasks.uncovered"), (tasks,)),
            "claims_mismatched": (
                "CASE WHEN base.filed = 0 THEN NULL WHEN claims.made IS NULL THEN 0"
                " WHEN claims.differ > 0 THEN CAST(claims.differ AS INTEGER)"
                " WHEN claims.compared = claims.made THEN 0 END",
                (compared,),
            ),
            "fell": (_count_when_filed("falls.fell"), (_FELL,)),
            "unmentioned": (_when_filed("tasks.clauses"), (tasks,)),
            "mismatched": (_when_filed("claims.first_one"), (compared,)),
            "mismatched_claim": (_when_filed("claims.claim"), (compared,)),
            "mismatched_value": (_when_filed("claims.value"), (compared,)),
            "fell_in": (_when_filed("falls.requirement"), (_FELL,)),
            "fell_from": (_when_filed("falls.old_value"), (_FELL,)),
            "fell_to": (_when_filed("falls.new_value"), (_FELL,)),
        }
    else:
        part = measured_part(measures, dialect)
        outside = ("CAST(measured.outside AS INTEGER)", (part,))
        if kind == "target":
            columns |= {
                "value": ("measured.value", (part,)),
                "claimed": (_when_filed("base.claimed"), ()),
                "target": ("base.target", ()),
                "attainment": (_ATTAINMENT, (part,)),
                "expected": ("CAST(NULL AS BIGINT)", ()),
                "behind": ("CAST(NULL AS BIGINT)", ()),
                "gap": (
                    "CASE WHEN measured.value > base.target THEN 0"
                    " ELSE base.target - measured.value END",
                    (part,),
                ),
                "low": (_LOW, ()),
                "high": (_HIGH, ()),
                "shortfall": (_above_zero(f"({_LOW}) - measured.value"), (part,)),
                "excess": (_above_zero(f"measured.value - ({_HIGH})"), (part,)),
                "claim_gap": (
                    "CASE WHEN base.filed = 0 THEN NULL WHEN base.claimed = values_then.value"
                    " THEN 0 ELSE base.claimed - measured.value END",
                    (part, borne_out_part(measures, dialect)),
                ),
                "attendances": ("measured.attendances", (part,)),
                "tiers": ("measured.tiers", (part,)),
                "untiered": ("CAST(measured.untiered AS INTEGER)", (part,)),
                "dated_outside_year": outside,
                "spans_year_end": ("CAST(measured.spans AS INTEGER)", (part,)),
                "duplicates": ("CAST(measured.duplicates AS INTEGER)", (part,)),
            }
        else:
            columns |= {
                "count": (f"measured.value / {MILLION}", (part,)),
                "done": (
                    "CASE WHEN measured.value IS NOT NULL"
                    " THEN CASE WHEN measured.value > 0 THEN 1 ELSE 0 END"
                    f" ELSE {_when_filed('base.done')} END",
                    (part,),
                ),
                "dated_outside_year": outside,
            }
    return columns


def obligation_facts(
    kind: str,
    moment: Moment,
    *,
    wanted: Collection[str],
    measures: Iterable[Measured] = (),
    dialect: Dialect,
) -> str:
    """Return `WITH …, facts AS (…)`: one row per obligation, its key and the wanted fields.

    A caller adds its SELECT over `facts` and binds by `Moment.bind`.
    """
    assert kind in OBLIGATION_KINDS
    columns = _columns(kind, list(measures), dialect)
    assert columns.keys() == KINDS[kind].keys(), columns.keys() ^ KINDS[kind].keys()
    chosen = [(name, *columns[name]) for name in KINDS[kind] if name in wanted]
    parts: dict[Part, None] = {}
    for _, _, needed in chosen:
        parts.update(dict.fromkeys(needed))
    selected = "".join(f",\n    {sql} AS {name}" for name, sql, _ in chosen)
    ctes = [_owed(kind, moment), _FILING, _BASE, *(part.cte for part in parts)]
    joins = "".join(f"\n  {part.join}" for part in parts)
    ctes.append(f"facts AS (\n  SELECT base.key AS fact_key{selected}\n  FROM base{joins})")
    return "WITH " + ",\n".join(ctes)


def every_obligation(moment: Moment) -> str:
    """Return `WITH owed …, filing …, base …` over obligations of all kinds."""
    return "WITH " + ",\n".join((_owed(None, moment), _FILING, _BASE))


DAYS_OVERDUE = _COMMON["days_overdue"][0]
"""SQL of `days_overdue` over `base`."""
