"""The facts of a small history in plain Python: the second opinion on `store.facts`.

Written from DESIGN.md §4 and §5, the catalogue's meanings and the docstrings, not from the SQL: a
history is a list of what happened, when, and when it was entered; everything else follows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from supervision.domain.obligations import Obligation
from supervision.domain.pack import Pack
from supervision.domain.plan import Measure, RequirementKind

ZONE = ZoneInfo("Asia/Shanghai")
MILLION = 1_000_000
Values = dict[str, int | str | None]
Record = Mapping[str, Any]


# --- What happened -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filing:
    """A version that was filed for an obligation; `content` and `records` as in JSON Lines."""

    obligation: str
    at: datetime
    since: datetime
    content: Mapping[str, Any]
    records: Sequence[Record] = ()
    proofs: Sequence[str] = ()
    copied: int = 0

    @property
    def unit(self) -> str:
        return self.obligation.split("/")[1]


@dataclass(frozen=True)
class Review:
    filing: Filing
    at: datetime
    since: datetime
    returned: bool
    correction_due: date | None


@dataclass(frozen=True)
class Extension:
    obligation: str
    at: datetime
    since: datetime
    due_on: date


@dataclass(frozen=True)
class Adopted:
    """One version of the plan: the pack, what it says is owed, and since when that is known."""

    pack: Pack
    obligations: Mapping[str, Obligation]
    since: datetime


@dataclass(frozen=True)
class History:
    """All that was entered, in that order, and the working days there are."""

    plans: Sequence[Adopted]
    filings: Sequence[Filing]
    reviews: Sequence[Review]
    extensions: Sequence[Extension]
    workdays: Collection[date]


# --- Days ----------------------------------------------------------------------------------------


def day_of(instant: datetime) -> date:
    return instant.astimezone(ZONE).date()


def cutoff(day: date) -> datetime:
    return datetime.combine(day, time(17, 30), ZONE)


def encoded(number: object) -> int:
    return int(Decimal(str(number)) * MILLION)


# --- The view at a moment ------------------------------------------------------------------------


class View:
    """What a history says at `as_of`, as known at `known_at`."""

    def __init__(self, history: History, as_of: datetime, known_at: datetime) -> None:
        self.history, self.as_of, self.known_at = history, as_of, known_at
        self.today = day_of(as_of)
        plan = [each for each in history.plans if each.since <= known_at][-1]
        self.pack, self.obligations = plan.pack, plan.obligations
        self.year = plan.pack.plan.year
        self.current: dict[str, Filing] = {}
        self.first: dict[str, Filing] = {}
        self.versions: dict[str, int] = {}
        for filing in filter(self._seen, history.filings):
            self.current[filing.obligation] = filing
            self.first.setdefault(filing.obligation, filing)
            self.versions[filing.obligation] = self.versions.get(filing.obligation, 0) + 1

    def _seen(self, event: Filing | Review | Extension) -> bool:
        return event.at <= self.as_of and event.since <= self.known_at

    def workdays(self, start: date, end: date) -> int:
        """Working days from `start` (not counted) to `end`; negative when `end` is earlier."""
        first, last = sorted((start, end))
        between = sum(1 for day in self.history.workdays if first < day <= last)
        return between if start <= end else -between

    def review_of(self, filing: Filing) -> Review | None:
        """The last decision on a version."""
        found = [
            each for each in self.history.reviews if each.filing is filing and self._seen(each)
        ]
        return found[-1] if found else None

    def returned(self, filing: Filing) -> bool:
        review = self.review_of(filing)
        return review is not None and review.returned

    def counting(self) -> list[Filing]:
        """The filings in force that were not returned, in the order of their first version."""
        found = [each for each in self.current.values() if not self.returned(each)]
        return sorted(
            found,
            key=lambda each: (
                self.first[each.obligation].at,
                self.history.filings.index(each),
            ),
        )

    def clause_of(self, filing: Filing) -> str:
        """The clause of what was filed; in the works plan a requirement is called after it."""
        return filing.obligation.split("-", maxsplit=1)[0]

    def facts(self, kind: str) -> dict[str, Values]:
        """All facts of one kind, by key."""
        return {
            key: _FactOf(self, owed).values()
            for key, owed in self.obligations.items()
            if owed.kind.value == kind
        }


class _FactOf:
    """One obligation in a view."""

    def __init__(self, view: View, owed: Obligation) -> None:
        self.view, self.owed = view, owed
        self.filing = view.current.get(owed.filing_key)
        self.filed = self.filing is not None and not view.returned(self.filing)
        extensions = [
            each
            for each in view.history.extensions
            if each.obligation == owed.filing_key and view._seen(each)
        ]
        self.extended = bool(extensions)
        self.due_on = extensions[-1].due_on if extensions else owed.due_on

    def values(self) -> Values:
        own = {
            RequirementKind.PLAN: self._plan,
            RequirementKind.REPORT: self._report,
            RequirementKind.TARGET: self._target,
        }.get(self.owed.kind, self._progress)
        return {**self._common(), **own()}

    def _when_filed(self, compute: Callable[[Filing], Any]) -> Any:
        """Of a filing that was returned, or never came, nothing is known."""
        return compute(self.filing) if self.filing is not None and self.filed else None

    # --- Every kind ------------------------------------------------------------------------------

    def _common(self) -> Values:
        view, owed, filing = self.view, self.owed, self.filing
        first = view.first.get(owed.filing_key)
        in_time = first is not None and first.at <= cutoff(self.due_on)
        review = view.review_of(filing) if filing else None
        returns = [
            each
            for each in view.history.reviews
            if each.returned and each.filing.obligation == owed.filing_key and view._seen(each)
        ]
        state = "missing"
        if filing is not None:
            state = "submitted" if review is None else "accepted"
            state = "returned" if review is not None and review.returned else state
        return {
            "requirement": owed.requirement,
            "clause": owed.clause,
            "unit": owed.unit,
            "unit_category": view.pack.unit(owed.unit).category,
            "role": owed.role,
            "period": str(owed.period),
            "period_no": owed.period.number,
            "filed": int(self.filed),
            "state": state,
            "companion": int(owed.companion),
            "due_on": self.due_on.toordinal(),
            "due_passed": int(view.as_of > cutoff(self.due_on)),
            "days_to_due": max(0, view.workdays(view.today, self.due_on))
            if view.as_of <= cutoff(self.due_on)
            else 0,
            "days_overdue": self._days_overdue(review),
            "on_time": None if first is None else int(in_time),
            "days_late": None
            if first is None
            else 0
            if in_time
            else max(1, view.workdays(self.due_on, day_of(first.at))),
            "extended": int(self.extended),
            "versions": view.versions.get(owed.filing_key, 0),
            "returned_times": len(returns),
            "days_since_return": view.workdays(max(day_of(each.at) for each in returns), view.today)
            if returns
            else None,
            "evidence_count": len(filing.proofs) if filing else 0,
            "reused_evidence": self._reused(filing) if filing else 0,
            "signed": self._when_filed(self._signed),
        }

    def _days_overdue(self, review: Review | None) -> int:
        chased = self.due_on
        if review is not None and review.correction_due is not None:
            chased = max(chased, review.correction_due)
        if self.filed or self.view.as_of <= cutoff(chased):
            return 0
        return max(1, self.view.workdays(chased, self.view.today))

    def _reused(self, filing: Filing) -> int:
        mine = self.view.first[filing.obligation].at
        elsewhere = {
            proof
            for key, other in self.view.current.items()
            if key != filing.obligation and self.view.first[key].at <= mine
            for proof in other.proofs
        }
        return sum(proof in elsewhere for proof in filing.proofs)

    def _signed(self, filing: Filing) -> int | None:
        # who may sign is taken from the register when the filing comes in
        unit = self.view.history.plans[-1].pack.unit(self.owed.unit)
        host = filing.obligation.split("/")[0]
        may = [unit.principal] if unit.principal else []
        if unit.deputy and host != "A-P1":
            may.append(unit.deputy)
        if not may:
            return None
        return int(filing.content.get("signed_by") in {officer.post for officer in may})

    # --- Plans -----------------------------------------------------------------------------------

    def _uncovered(self, filing: Filing) -> list[str]:
        spoken = {task["clause"] for task in _tasks(filing)}
        assigned = {
            each.clause for each in self.view.pack.assignments if each.unit == self.owed.unit
        }
        return sorted(assigned - spoken)

    def _limit(self, clause: str) -> date:
        """By when the unit must have done its task: its last due date, else anybody's."""
        of_clause = [
            each
            for each in self.view.obligations.values()
            if each.clause == clause and each.kind is not RequirementKind.PLAN
        ]
        own = [each.due_on for each in of_clause if each.unit == self.owed.unit]
        last = own or [each.due_on for each in of_clause] or [date(self.view.year, 12, 31)]
        return max(last)

    def _late_nodes(self, filing: Filing) -> list[tuple[str, date, date]]:
        found = []
        for task in _tasks(filing):
            limit = self._limit(task["clause"])
            for node in task.get("nodes") or ():
                day = date.fromisoformat(node["on"])
                if day > limit or day.year != self.view.year:
                    found.append((node.get("name") or "", day, limit))
        return found

    def _understated(self, filing: Filing) -> int:
        count = 0
        for task in _tasks(filing):
            owed = [
                low
                for each in self.view.obligations.values()
                if (each.clause, each.unit) == (task["clause"], self.owed.unit)
                and (low := _FactOf(self.view, each)._band()[0]) is not None
            ]
            objective = task.get("objective")
            if owed and objective is not None and encoded(objective) < max(owed):
                count += 1
        return count

    def _elements_missing(self, filing: Filing) -> int:
        tasks = list(_tasks(filing))
        assigned = any(
            each.unit == self.owed.unit for each in self.view.history.plans[-1].pack.assignments
        )
        has_objectives = (bool(tasks) or not assigned) and all(
            task.get("objectives") for task in tasks
        )
        return (not has_objectives) + (not filing.content.get("personnel"))

    def _plan(self) -> Values:
        late = self._when_filed(self._late_nodes) or [(None, None, None)]
        name, day, limit = late[0]
        return {
            "elements_missing": self._when_filed(self._elements_missing),
            "tasks_uncovered": self._when_filed(lambda f: len(self._uncovered(f))),
            "nodes_missing": self._when_filed(
                lambda f: sum(not task.get("nodes") for task in _tasks(f))
            ),
            "nodes_after_due": self._when_filed(lambda f: len(self._late_nodes(f))),
            "targets_understated": self._when_filed(self._understated),
            "uncovered": self._when_filed(lambda f: ",".join(self._uncovered(f)) or None),
            "late_node": name or None,
            "late_node_on": day.toordinal() if day else None,
            "late_node_limit": limit.toordinal() if limit else None,
        }

    # --- Reports ---------------------------------------------------------------------------------

    def _fallen(self, filing: Filing) -> list[tuple[str, int, int]]:
        """(requirement, before, now) of the figures that are lower than a period ago."""
        requirement, unit, _ = filing.obligation.split("/")
        number = self.owed.period.number
        before = next(
            (
                each
                for key, each in self.view.current.items()
                if (owed := self.view.obligations.get(key)) is not None
                and (owed.requirement, owed.unit) == (requirement, unit)
                and owed.period.number == number - 1
            ),
            None,
        )
        if before is None or self.view.returned(before):
            return []
        then, now = _claims(before), _claims(filing)
        return [
            (name, then[name], now[name])
            for name in sorted(then.keys() & now.keys())
            if now[name] < then[name]
        ]

    def _compared(self, filing: Filing) -> list[tuple[str, int, int | None, bool | None]]:
        """(requirement, claim, what the ledgers say, do they differ) of every figure claimed.

        A figure is borne out by the ledgers as they stood when it was claimed (until the due date
        the ledger may still come) or as they have been completed since; both up to its day.
        """
        found: list[tuple[str, int, int | None, bool | None]] = []
        due = cutoff(self.due_on)
        instant = filing.at if filing.at > due else min(due, self.view.as_of)
        day = day_of(filing.at)
        for name, claim in sorted(_claims(filing).items()):
            owed = [
                each
                for each in self.view.obligations.values()
                if (each.requirement, each.unit) == (name, self.owed.unit)
            ]
            values = []
            for view in (View(self.view.history, instant, self.view.known_at), self.view):
                counting = _in_force_then(self.view, view)
                if any(each.obligation == one.filing_key for one in owed for each in counting):
                    values.append(_Ledger(self.view, owed[0], counting, until=day).value())
            differs = claim not in values if values else None
            found.append((name, claim, values[0] if values else None, differs))
        return found

    def _report(self) -> Values:
        fallen = self._when_filed(self._fallen) or []
        compared = self._when_filed(self._compared) or []
        wrong = [each for each in compared if each[3]]
        fell_in, fell_from, fell_to = fallen[0] if fallen else (None, None, None)
        mismatched, claim, value, _ = wrong[0] if wrong else (None, None, None, None)
        unknown = any(each[3] is None for each in compared)
        return {
            "copied_share": self._when_filed(lambda f: f.copied),
            "tasks_unmentioned": self._when_filed(lambda f: len(self._uncovered(f))),
            "claims_mismatched": self._when_filed(
                lambda _: None if unknown and not wrong else len(wrong)
            ),
            "fell": self._when_filed(lambda _: len(fallen)),
            "unmentioned": self._when_filed(lambda f: ",".join(self._uncovered(f)) or None),
            "mismatched": mismatched,
            "mismatched_claim": claim,
            "mismatched_value": value,
            "fell_in": fell_in,
            "fell_from": fell_from,
            "fell_to": fell_to,
        }

    # --- What is measured ------------------------------------------------------------------------

    def _ledger(self) -> _Ledger:
        return _Ledger(self.view, self.owed, self.view.counting(), until=self.view.today)

    def _band(self) -> tuple[int | None, int | None]:
        if self.owed.target is None:
            return None, None
        target = encoded(self.owed.target)
        share = self.view.pack.plan.param("about_tolerance", on=self.view.today).value
        width = int(self.owed.target * Decimal(str(share)) * MILLION) if self.owed.about else 0
        return target - width, target + width

    def _target(self) -> Values:
        assert self.owed.target is not None
        target, (low, high) = encoded(self.owed.target), self._band()
        assert low is not None
        assert high is not None
        ledger = self._ledger()
        value = ledger.value() if ledger.known() else None
        claimed = self._when_filed(
            lambda f: None if f.content.get("claimed") is None else encoded(f.content["claimed"])
        )
        return {
            "value": value,
            "claimed": claimed,
            "target": target,
            # in thousandths
            "attainment": None if value is None else value * 1000 // target * 1000,
            "expected": None,
            "behind": None,
            "gap": None if value is None else max(0, target - value),
            "low": low,
            "high": high,
            "shortfall": None if value is None else max(0, low - value),
            "excess": None if value is None else max(0, value - high),
            "claim_gap": self._claim_gap(claimed, value),
            **ledger.counts(),
        }

    def _claim_gap(self, claimed: int | None, value: int | None) -> int | None:
        if claimed is None or self.filing is None:
            return None
        then = View(self.view.history, self.filing.at, self.view.known_at)
        counting = _in_force_then(self.view, then)
        if any(each.obligation == self.owed.filing_key for each in counting):
            until = day_of(self.filing.at)
            if claimed == _Ledger(self.view, self.owed, counting, until=until).value():
                return 0
        return None if value is None else claimed - value

    def _progress(self) -> Values:
        ledger = self._ledger()
        value = ledger.value() if ledger.measure is not None and ledger.known() else None
        said = self._when_filed(lambda f: f.content.get("done"))
        done = None if said is None else int(said)
        counted = ledger.counts() if ledger.measure is not None else {}
        return {
            "count": None if value is None else value // MILLION,
            "done": done if value is None else int(value > 0),
            "dated_outside_year": counted.get("dated_outside_year"),
        }


def _tasks(filing: Filing) -> Iterator[Mapping[str, Any]]:
    """The tasks a filing speaks of: a report only of those it says something about."""
    for task in filing.content.get("tasks") or ():
        if "/A-R" in f"/{filing.obligation}" and not task.get("done"):
            continue
        yield task


def _claims(filing: Filing) -> dict[str, int]:
    return {name: encoded(value) for name, value in filing.content.get("claims", {}).items()}


def _in_force_then(now: View, then: View) -> list[Filing]:
    """The filings in force at an earlier instant, but for what is known to be returned by now."""
    return [each for each in then.current.values() if not now.returned(each)]


class _Ledger:
    """The rows that bear on one measured obligation up to a day; a thing's first row counts."""

    def __init__(
        self, view: View, owed: Obligation, counting: Sequence[Filing], *, until: date
    ) -> None:
        self.view, self.owed, self.until = view, owed, until
        self.requirement = view.pack.requirement(owed.requirement)
        self.measure: Measure | None = self.requirement.measure
        self.filings = [
            each
            for each in sorted(
                counting,
                key=lambda one: (view_first(view, one), view.history.filings.index(one)),
            )
            if each.unit == owed.unit or self._of_the_clause(each)
        ]
        self.things: list[tuple[Record, bool]] = []
        if self.measure is not None:
            self._read(self.measure.ledger)

    def _of_the_clause(self, filing: Filing) -> bool:
        return self.owed.role == "lead" and self.view.clause_of(filing) == self.owed.clause

    def _read(self, name: str) -> None:
        ledger = self.view.pack.ledgers[name]
        seen: set[tuple[object, ...]] = set()
        for filing in self.filings:
            for number, row in enumerate(filing.records, start=1):
                if row["ledger"] != name:
                    continue
                key: tuple[object, ...] = tuple(row.get(field) for field in ledger.key)
                if not ledger.key or None in key:
                    key = (filing.obligation, number)
                self.things.append((row, key in seen))
                seen.add(key)

    def known(self) -> bool:
        """Whether anything at all was filed for the clause by whom it concerns."""
        clause = self.owed.clause
        return any(self.view.clause_of(each) == clause for each in self.filings)

    def _meant(self, row: Record) -> bool:
        """The `where` of the works plan's measures; what is not known is not meant."""
        where = self.measure.where if self.measure else None
        match where:
            case None:
                return True
            case "open":
                return row.get("open") is True
            case "class <> '乡道'":
                return row.get("class") is not None and row["class"] != "乡道"
            case "employer is null":
                return row.get("employer") is None
        raise AssertionError(where)

    def _day(self, row: Record, field: str | None) -> date | None:
        written = row.get(field) if field else None
        return date.fromisoformat(written) if written else None

    def _counted(self) -> list[Record]:
        assert self.measure is not None
        dated_by = self.view.pack.ledgers[self.measure.ledger].dated_by
        found = []
        for row, again in self.things:
            day = self._day(row, dated_by)
            in_year = day is not None and day.year == self.view.year and day <= self.until
            if not again and self._meant(row) and (dated_by is None or in_year):
                found.append(row)
        return found

    def value(self) -> int:
        assert self.measure is not None
        rows = self._counted()
        if self.measure.count:
            return len(rows) * MILLION
        if self.measure.count_distinct is not None:
            return len({row[self.measure.count_distinct] for row in rows}) * MILLION
        assert self.measure.sum is not None
        return sum(encoded(row.get(self.measure.sum) or 0) for row in rows)

    def counts(self) -> Values:
        """What else is counted of the rows; unknown where nothing was filed for the clause."""
        assert self.measure is not None
        ledger, tier = self.view.pack.ledgers[self.measure.ledger], self.requirement.tier
        counted = self._counted()
        tiers = [row.get(tier) for row in counted] if tier else []
        days = [self._day(row, ledger.dated_by) for row, _ in self.things if self._meant(row)]
        begun = [self._day(row, ledger.started_by) for row in counted]
        found: Values = {
            "attendances": len(counted) * MILLION,
            "tiers": len(set(tiers) - {None}) if tier else None,
            "untiered": tiers.count(None) if tier else None,
            "dated_outside_year": sum(
                day is not None and day.year != self.view.year for day in days
            ),
            "spans_year_end": sum(day is not None and day.year < self.view.year for day in begun),
            "duplicates": sum(again and self._meant(row) for row, again in self.things),
        }
        return found if self.known() else dict.fromkeys(found)


def view_first(view: View, filing: Filing) -> datetime:
    """When the first version of a filing's obligation came in."""
    return next(each.at for each in view.history.filings if each.obligation == filing.obligation)
