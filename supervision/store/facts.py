"""The facts query: one SELECT per fact kind, run where the data lives.

`as_of` is the instant that due dates are measured against, and nothing that happened after it has
happened; `known_at` decides which versions of all this were known.  Every value is encoded (see
`rules.conditions`).  Only the parts that the wanted fields need are put into the statement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.sql.elements import BindParameter, TextClause

from rules.catalogue import KINDS, OBLIGATION_KINDS
from supervision.store.claims import ReportedClaims, borne_out_when_filed
from supervision.store.columns import Instant
from supervision.store.in_force import IN_FORCE, KNOWN, REVIEWED
from supervision.store.ledger_sql import Dialect
from supervision.store.measures import MILLION, Measured, Part, measured_part

__all__ = ["DAYS_OVERDUE", "Measured", "Moment", "every_obligation", "obligation_facts"]


@lru_cache(maxsize=256)
def _parsed(statement: str) -> TextClause:
    """Return the statement with its parameters found: some ms for the longest."""
    return text(statement)


@dataclass(frozen=True)
class Moment:
    """What the query is asked about: a plan at an instant, as known at another.

    Days are ordinals, `workday` is the working-day number of as_of's date (see WorkCalendar),
    `tolerance` the encoded share that 左右 allows.  None for `units`, `between` (the first and last
    code of a stretch of units) and `keys` means all.
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
    between: tuple[str, str] | None = None
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
            "first_unit": self.between[0] if self.between else None,
            "last_unit": self.between[1] if self.between else None,
        }
        found = _parsed(statement)
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


_COUNTS = "CASE WHEN {0}.decision = 'returned' THEN 0 ELSE 1 END"


def _chosen(kind: str | None, moment: Moment) -> str:
    chosen = f" AND o.kind = '{kind}'" if kind is not None else ""
    if moment.units is not None:
        chosen += " AND o.unit IN :units"
    if moment.between is not None:
        chosen += " AND o.unit >= :first_unit AND o.unit <= :last_unit"
    if moment.keys is not None:
        chosen += " AND o.key IN :keys"
    return f"WHERE o.plan = :plan AND {KNOWN.format('o')}{chosen}"


_EXTENDED = f"""LEFT JOIN extension e ON e.plan = o.plan AND e.obligation = o.filing_key
    AND {IN_FORCE.format("e", "decided_at")}"""


def _base(kind: str | None, moment: Moment, chosen: str = "") -> str:
    return f"""base AS (
  SELECT o.key, o.requirement, o.clause, o.unit, o.role, o.period,
    o.period_no, o.companion, o.filing_key, o.target, o.about,
    CASE WHEN e.id IS NULL THEN 0 ELSE 1 END AS extended,
    COALESCE(e.due_at, o.due_at) AS due_at, COALESCE(e.due_day, o.due_day) AS due_day,
    COALESCE(e.due_workday, o.due_workday) AS due_workday,
    f.id AS submission_id, f.version, f.signed, f.elements_missing, f.copied_share,
    f.claimed, f.done, f.submitted_at, f.submitted_day, f.first_submitted_at,
    f.first_submitted_workday, v.decision,
    CASE WHEN f.id IS NULL THEN 0 ELSE {_COUNTS.format("v")} END AS filed,
    CASE WHEN :as_of > COALESCE(e.due_at, o.due_at) THEN 1 ELSE 0 END AS due_passed,
    CASE WHEN v.decision = 'returned' AND v.correction_due_at > COALESCE(e.due_at, o.due_at)
      THEN v.correction_due_at ELSE COALESCE(e.due_at, o.due_at) END AS chased_at,
    CASE WHEN v.decision = 'returned' AND v.correction_due_at > COALESCE(e.due_at, o.due_at)
      THEN v.correction_due_workday ELSE COALESCE(e.due_workday, o.due_workday)
      END AS chased_workday
  FROM obligation o
  {_EXTENDED}
  LEFT JOIN submission f ON f.plan = o.plan AND f.obligation = o.filing_key
    AND {IN_FORCE.format("f", "submitted_at")}
  {REVIEWED.format("f", "v")}
  {_chosen(kind, moment)}{chosen})"""


# --- Single facts of a filing, looked up where a rule asks for them ------------------------------


_RETURNED = """(SELECT {0} FROM submission s JOIN review r ON r.submission_id = s.id
      WHERE s.plan = :plan AND s.obligation = base.filing_key AND r.decision = 'returned'
        AND r.recorded_at <= :known_at AND r.decided_at <= :as_of)"""
_PIECES = "(SELECT COUNT(*) FROM evidence p WHERE p.submission_id = base.submission_id{0})"
_SEEN_ELSEWHERE = f"""
      AND EXISTS (
        SELECT 1 FROM evidence p2 JOIN submission s ON s.id = p2.submission_id
        WHERE p2.sha256 = p.sha256 AND s.plan = :plan AND s.obligation <> base.filing_key
          AND {IN_FORCE.format("s", "submitted_at")}
          AND s.first_submitted_at <= base.first_submitted_at)"""

_UNCOVERED = f"""FROM assignment a
      WHERE a.plan = :plan AND a.unit = base.unit AND {KNOWN.format("a")} AND NOT EXISTS (
        SELECT 1 FROM submission_task t
        WHERE t.submission_id = base.submission_id AND t.clause = a.clause)"""


def _uncovered_clauses(dialect: Dialect) -> str:
    if dialect == "postgres":
        return f"(SELECT STRING_AGG(a.clause, ',' ORDER BY a.clause) {_UNCOVERED})"
    # SQLite before 3.44 knows no ORDER BY inside an aggregate; it takes the rows as they come.
    ordered = f"SELECT a.clause {_UNCOVERED} ORDER BY a.clause"
    return f"(SELECT GROUP_CONCAT(lacking.clause, ',') FROM ({ordered}) AS lacking)"


def _band_of(row: str) -> str:
    """How far 左右 lets the number of `row` go either way."""
    return f"({row}.target / 1000) * (CAST(:tolerance AS BIGINT) / 1000)"


_OF_THE_TASK = f"""FROM obligation b WHERE b.plan = :plan AND b.unit = base.unit
          AND b.clause = {{0}}.clause AND b.kind <> 'plan' AND {KNOWN.format("b")}"""
_LAST_DAY = f"""COALESCE(
        (SELECT MAX(b.due_day) {_OF_THE_TASK.format("n")}),
        (SELECT c.due_day FROM obligation c WHERE c.plan = :plan AND c.clause = n.clause
          AND c.kind <> 'plan' AND {KNOWN.format("c")} ORDER BY c.due_day DESC LIMIT 1),
        :year_last_day)"""
"""The last day on which anything of the node's task is due: the unit's own duty, else anybody's."""
_ASTRAY = f"""FROM submission_node n WHERE n.submission_id = base.submission_id
      AND (n.day > {_LAST_DAY} OR n.day > :year_last_day OR n.day < :year_first_day)"""
_FIRST_ASTRAY = f"(SELECT {{0}} {_ASTRAY} ORDER BY n.id LIMIT 1)"
_UNSCHEDULED = """(SELECT COUNT(*) FROM submission_task t
      WHERE t.submission_id = base.submission_id AND t.nodes = 0)"""
_UNDERSTATED = f"""(SELECT COUNT(*) FROM submission_task t
      WHERE t.submission_id = base.submission_id AND t.objective < (
        SELECT MAX(CASE WHEN b.about = 1 THEN b.target - {_band_of("b")} ELSE b.target END)
          {_OF_THE_TASK.format("t")}))"""

_FALLEN = f"""FROM submission_claim c
      CROSS JOIN obligation o
      JOIN obligation p ON p.plan = :plan AND p.unit = o.unit AND p.requirement = o.requirement
        AND p.period_no = o.period_no - 1 AND {KNOWN.format("p")}
      JOIN submission s ON s.plan = :plan AND s.obligation = p.key
        AND {IN_FORCE.format("s", "submitted_at")}
      {REVIEWED.format("s", "r")}
      JOIN submission_claim b ON b.submission_id = s.id AND b.requirement = c.requirement
      WHERE c.submission_id = base.submission_id AND c.value < b.value
        AND o.plan = :plan AND o.key = base.filing_key AND {KNOWN.format("o")}
        AND {_COUNTS.format("r")} = 1"""
_FIRST_FALLEN = f"(SELECT {{0}} {_FALLEN} ORDER BY c.requirement LIMIT 1)"


def _when_filed(column: str) -> str:
    return f"CASE WHEN base.filed = 1 THEN {column} END"


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
            "role",
            "period",
            "period_no",
            "companion",
            "filed",
            "due_passed",
            "extended",
        )
    },
    "unit_category": (
        "(SELECT u.category FROM unit u WHERE u.plan = :plan AND u.code = base.unit"
        f" AND {KNOWN.format('u')})",
        (),
    ),
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
    "returned_times": (_RETURNED.format("COUNT(*)"), ()),
    "days_since_return": (f":workday - {_RETURNED.format('MAX(r.decided_workday)')}", ()),
    "evidence_count": (_PIECES.format(""), ()),
    "reused_evidence": (_PIECES.format(_SEEN_ELSEWHERE), ()),
    "signed": (_when_filed("base.signed"), ()),
}


def _above_zero(sql: str) -> str:
    return f"CASE WHEN ({sql}) < 0 THEN 0 ELSE {sql} END"


def _columns(
    kind: str, measures: Sequence[Measured], dialect: Dialect
) -> dict[str, tuple[str, tuple[Part, ...]]]:
    columns = dict(_COMMON)
    if kind == "plan":
        columns |= {
            "elements_missing": (_when_filed("base.elements_missing"), ()),
            "tasks_uncovered": (_when_filed(f"(SELECT COUNT(*) {_UNCOVERED})"), ()),
            "nodes_missing": (_when_filed(_UNSCHEDULED), ()),
            "nodes_after_due": (_when_filed(f"(SELECT COUNT(*) {_ASTRAY})"), ()),
            "targets_understated": (_when_filed(_UNDERSTATED), ()),
            "uncovered": (_when_filed(_uncovered_clauses(dialect)), ()),
            "late_node": (_when_filed(_FIRST_ASTRAY.format("NULLIF(n.name, '')")), ()),
            "late_node_on": (_when_filed(_FIRST_ASTRAY.format("n.day")), ()),
            "late_node_limit": (_when_filed(_FIRST_ASTRAY.format(_LAST_DAY)), ()),
        }
    elif kind == "report":
        claims = ReportedClaims(measures, dialect)
        columns |= {
            "copied_share": (_when_filed("base.copied_share"), ()),
            "tasks_unmentioned": (_when_filed(f"(SELECT COUNT(*) {_UNCOVERED})"), ()),
            "claims_mismatched": (_when_filed(claims.mismatched), ()),
            "fell": (_when_filed(f"(SELECT COUNT(*) {_FALLEN})"), ()),
            "unmentioned": (_when_filed(_uncovered_clauses(dialect)), ()),
            "mismatched": (_when_filed(claims.first("requirement")), ()),
            "mismatched_claim": (_when_filed(claims.first("claim")), ()),
            "mismatched_value": (_when_filed(claims.first("value")), ()),
            "fell_in": (_when_filed(_FIRST_FALLEN.format("c.requirement")), ()),
            "fell_from": (_when_filed(_FIRST_FALLEN.format("b.value")), ()),
            "fell_to": (_when_filed(_FIRST_FALLEN.format("c.value")), ()),
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
                    "CASE WHEN base.filed = 0 THEN NULL"
                    f" WHEN base.claimed = {borne_out_when_filed(measures, dialect)} THEN 0"
                    " ELSE base.claimed - measured.value END",
                    (part,),
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
    ctes = [_base(kind, moment), *(part.cte for part in parts)]
    joins = "".join(f"\n  {part.join}" for part in parts)
    ctes.append(f"facts AS (\n  SELECT base.key AS fact_key{selected}\n  FROM base{joins})")
    return "WITH " + ",\n".join(ctes)


def every_obligation(moment: Moment, *, among: str = "") -> str:
    """Return `WITH base …` over obligations of all kinds; `among` is a query for their keys."""
    chosen = f" AND o.key IN ({among})" if among else ""
    return "WITH " + _base(None, moment, chosen)


DAYS_OVERDUE = _COMMON["days_overdue"][0]
"""SQL of `days_overdue` over `base`."""
