"""The facts of a finding with where they come from: filings, extensions, ledger rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from zoneinfo import ZoneInfo

from rules.catalogue import KINDS, OBLIGATION_KINDS
from rules.conditions import Value, evaluate
from rules.facts import VIOLATION, Fact
from rules.field_names import CHOICES, KIND_NAMES, label_of
from rules.reading import Words, day_in_chinese, read, read_value
from supervision.domain.ledger_rows import SCALE
from supervision.domain.ledgers import Ledger
from supervision.domain.pack import Pack
from supervision.services.explain_models import (
    ConditionPart,
    DuePart,
    FactPart,
    FieldPart,
    FilingPart,
    MeasurePart,
    ReviewPart,
    RowsPart,
)
from supervision.services.explain_rule import names_in
from supervision.services.load_rules import measures_of
from supervision.services.pack_outline import ledger_fields
from supervision.services.wording import FactInWords, period_label
from supervision.store.facts import Measured
from supervision.store.provenance import Filing, Known, LedgerRow, ledger_rows
from supervision.store.session import Session

_DETAILS = {
    "on_time": ("days_late",),
    "tasks_uncovered": ("uncovered",),
    "tasks_unmentioned": ("unmentioned",),
    "nodes_after_due": ("late_node", "late_node_on", "late_node_limit"),
    "claims_mismatched": ("mismatched", "mismatched_claim", "mismatched_value"),
    "fell": ("fell_in", "fell_from", "fell_to"),
    "claim_gap": ("claimed", "value", "attendances"),
    "gap": ("value", "target"),
    "shortfall": ("value", "low", "target"),
    "excess": ("value", "high", "target"),
    "attainment": ("value", "target"),
}
"""What makes a named field plain: said with it."""

_QUIET = frozenset({"unit", "unit_category", "requirement", "clause", "period", "companion"})
"""Fields that the fact's own title says."""


@dataclass(frozen=True)
class Origins:
    """What is needed to trace facts: the plan as it was, the instant, and what rules name."""

    session: Session
    pack: Pack
    known: Known
    today: date
    next_day: date | None
    named: Mapping[str, frozenset[str]]
    rule_titles: Mapping[str, str]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.pack.plan.zone)


def title_of(pack: Pack, fact: Fact, rule_titles: Mapping[str, str]) -> str:
    """Return what a fact is called: the duty and its period, or the other finding."""
    fields = fact.fields
    if fact.kind == VIOLATION:
        rule = str(fields.get("rule"))
        period = fields.get("period")
        about = f"（{period_label(period)}）" if period else ""
        return f"{rule_titles.get(rule, rule)}{about}"
    requirement = next(
        (each for each in pack.plan.requirements if each.id == fields.get("requirement")), None
    )
    name = requirement.title if requirement else str(fields.get("requirement") or fact.key)
    period = fields.get("period")
    return f"{name}（{period_label(period)}）" if period else name


def target_unit(pack: Pack, fact: Fact) -> str:
    """Return what a target counts, '' where the plan does not say."""
    requirement = fact.fields.get("requirement")
    return next(
        (
            each.target.unit
            for each in pack.plan.requirements
            if each.id == requirement and each.target is not None
        ),
        "",
    )


def fact_part(
    origins: Origins,
    fact: Fact,
    *,
    now: FactInWords | None,
    finding: str | None = None,
    stands: bool | None = None,
    note: str | None = None,
) -> FactPart:
    """Return a fact with its fields, then and now, and where it comes from."""
    part = FactPart(
        key=fact.key,
        kind=fact.kind,
        kind_name=KIND_NAMES[fact.kind],
        title=title_of(origins.pack, fact, origins.rule_titles),
        fields=_fields(origins, fact, now),
        due=None,
        filing=None,
        filed_with=None,
        measure=None,
        finding=finding,
        stands=stands,
        note=note,
    )
    if fact.kind not in OBLIGATION_KINDS:
        return part
    owed = origins.known.obligation(origins.session, fact.key)
    if owed is None:
        return part.model_copy(update={"note": note or "该事项已不在库中，无从查证其来源"})
    extension = origins.known.extension(origins.session, owed.filing_key)
    filing = origins.known.filing(origins.session, owed.filing_key)
    return part.model_copy(
        update={
            "due": DuePart(
                original=owed.due_on,
                extended_to=extension.due_on if extension else None,
                decided_by=extension.decided_by if extension else None,
                decided_at=extension.decided_at.astimezone(origins.zone) if extension else None,
                reason=extension.reason if extension else None,
                late_request=bool(extension and extension.late_request),
            ),
            "filing": _filing_part(filing, origins.zone) if filing else None,
            "filed_with": owed.filing_key if owed.companion else None,
            "measure": _measure(origins, fact, owed.role == "lead"),
        }
    )


def _fields(origins: Origins, fact: Fact, now: FactInWords | None) -> list[FieldPart]:
    table = KINDS[fact.kind]
    titles = dict(origins.rule_titles)
    words = Words(
        table, names=names_in(origins.pack, titles), target_unit=target_unit(origins.pack, fact)
    )
    named = set(origins.named.get(fact.kind, frozenset()))
    for name in tuple(named):
        named.update(_DETAILS.get(name, ()))
    parts = []
    for name, value in fact.fields.items():
        field = table.get(name)
        if field is None:  # of an older catalogue
            continue
        present = None if now is None else now.fields.get(name)
        differs = now is not None and present != value
        shown = _shown(name, value, words, origins.pack)
        parts.append(
            FieldPart(
                name=name,
                label=label_of(field).name,
                value=value,
                shown=shown,
                named=name in named and name not in _QUIET,
                now=present,
                now_shown=None if now is None else _shown(name, present, words, origins.pack),
                changed=differs,
            )
        )
    return parts


def _shown(name: str, value: Value | None, words: Words, pack: Pack) -> str:
    if name == "period" and value is not None:
        return period_label(value)
    if name in ("uncovered", "unmentioned") and isinstance(value, str):
        return clause_list(pack, value)
    return read_value(words.fields[name], value, words)


def clause_list(pack: Pack, ids: str) -> str:
    """Return clause ids, comma between them, as a reader knows them: 二.(一).2（监测…）."""
    known = {each.id: f"{each.path}（{each.title}）" for each in pack.plan.clauses}
    return "、".join(known.get(each, each) for each in ids.split(","))


# --- Filings -------------------------------------------------------------------------------------


def _filing_part(filing: Filing, zone: ZoneInfo) -> FilingPart:
    row, review = filing.submission, filing.review
    return FilingPart(
        obligation=row.obligation,
        version=row.version,
        filed_by=row.filed_by,
        submitted_at=row.submitted_at.astimezone(zone),
        first_submitted_at=row.first_submitted_at.astimezone(zone),
        recorded_at=row.recorded_at.astimezone(zone),
        review=ReviewPart(
            decision=review.decision,
            decision_name=CHOICES[review.decision],
            decided_by=review.decided_by,
            decided_at=review.decided_at.astimezone(zone),
            reason=review.reason,
            correction_due=review.correction_due,
        )
        if review
        else None,
        evidence=list(filing.evidence),
    )


# --- Measures ------------------------------------------------------------------------------------


def _measure(origins: Origins, fact: Fact, leads: bool) -> MeasurePart | None:
    measured = next(
        (
            each
            for each in measures_of(origins.pack, origins.today)
            if each.requirement == fact.fields.get("requirement")
        ),
        None,
    )
    if measured is None:
        return None
    filings = {
        each.submission.id: each
        for each in origins.known.filings_of_unit(origins.session, str(fact.fields["unit"]))
    }
    if leads:
        clause = str(fact.fields["clause"])
        filings |= {
            each.submission.id: each
            for each in origins.known.filings_of_clause(origins.session, clause)
        }
    rows = [
        row
        for each in filings.values()
        for row in ledger_rows(origins.session, each.submission, measured.ledger)
    ]
    counted = _counted(measured, rows, origins.pack.plan.year, origins.today)
    value = _reckoned(measured, counted)
    ledger = origins.pack.ledgers[measured.ledger]
    unit = target_unit(origins.pack, fact)
    told = fact.fields.get("value" if fact.kind == "target" else "count")
    wanted = told * (1 if fact.kind == "target" else SCALE) if isinstance(told, int) else None
    return MeasurePart(
        ledger=ledger.title or measured.ledger,
        how=_how(measured, ledger),
        where=_where_part(origins.pack, measured, ledger),
        rows=len(rows),
        counted=len(counted),
        value=f"{_plain(value)}{unit}" if wanted is not None or rows else "不详",
        agrees=wanted == value if wanted is not None else not rows,
        filings=[
            part
            for each in sorted(filings.values(), key=lambda one: one.submission.submitted_at)
            for part in [_rows_part(origins, each, rows, counted)]
            if part.rows
        ],
    )


def _plain(value: int) -> str:
    whole, rest = divmod(value, SCALE)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".") if rest else str(whole)


def _rows_part(
    origins: Origins, filing: Filing, rows: Sequence[LedgerRow], counted: Collection[LedgerRow]
) -> RowsPart:
    row = filing.submission
    names = {unit.code: unit.name for unit in origins.pack.units}
    return RowsPart(
        obligation=row.obligation,
        unit_name=names.get(row.unit, row.unit),
        version=row.version,
        filed_by=row.filed_by,
        submitted_at=row.submitted_at.astimezone(origins.zone),
        rows=sum(1 for each in rows if each.submission_id == row.id),
        counted=sum(1 for each in counted if each.submission_id == row.id),
    )


def _counted(
    measured: Measured, rows: Sequence[LedgerRow], year: int, today: date
) -> list[LedgerRow]:
    """Return the rows that count: meant, of this year and not of the future, each thing once.

    The same that `store.measures` says in SQL, so that a person can follow it row by row.
    """
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    found, seen = [], set()
    for row in sorted(rows, key=lambda r: (r.first_submitted_at, r.submission_id, r.row_no)):
        if row.identity in seen:
            continue
        seen.add(row.identity)
        fields = {name: row.data.get(name) for name in measured.ledger_fields}
        if evaluate(measured.where, fields) is not True:
            continue
        in_time = row.day is not None and first <= row.day <= min(last, today.toordinal())
        if in_time or not measured.dated:
            found.append(row)
    return found


def _reckoned(measured: Measured, counted: Sequence[LedgerRow]) -> int:
    if measured.count:
        return len(counted) * SCALE
    if measured.count_distinct is not None:
        things = {row.data.get(measured.count_distinct) for row in counted} - {None}
        return len(things) * SCALE
    assert measured.sum is not None
    scale = SCALE if measured.ledger_fields[measured.sum] == "integer" else 1
    return sum(int(row.data.get(measured.sum) or 0) * scale for row in counted)


def _how(measured: Measured, ledger: Ledger) -> str:
    def titled(name: str) -> str:
        return f"“{ledger.fields[name].title or name}”"

    if measured.count:
        return "逐行计数"
    if measured.count_distinct is not None:
        return f"按{titled(measured.count_distinct)}去重计数"
    assert measured.sum is not None
    return f"合计{titled(measured.sum)}"


def _where_part(pack: Pack, measured: Measured, ledger: Ledger) -> ConditionPart | None:
    requirement = next(each for each in pack.plan.requirements if each.id == measured.requirement)
    assert requirement.measure is not None
    written = requirement.measure.where
    if written is None:
        return None
    types = {name: (field.type, field.choices) for name, field in ledger.fields.items()}
    fields = {
        name: replace(field, meaning=ledger.fields[name].title or name)
        for name, field in ledger_fields(types).items()
    }
    return ConditionPart(text=written, reading=read(measured.where, Words(fields)))


def due_words(due: DuePart) -> str:
    """Return a due date in words, with its extension."""
    text = day_in_chinese(due.original.toordinal())
    if due.extended_to is None:
        return f"{text}（未延期）"
    late = "，到期后补批" if due.late_request else ""
    return (
        f"{day_in_chinese(due.extended_to.toordinal())}（原定{text}，{due.decided_by}于"
        f"{due.decided_at:%Y-%m-%d %H:%M}批准延期{late}，理由：{due.reason}）"
    )
