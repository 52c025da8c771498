"""What of a plan is checked: clause → requirement → rule → case → unit → last evaluation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from rules.applying import conditions_of, is_check, may_apply, names_requirement
from rules.case_files import case_files, read_cases
from rules.catalogue import KINDS
from rules.checked import CheckedRule
from rules.conditions import Value, fields
from rules.vocabulary import Status
from supervision.domain.obligations import Obligation, owed
from supervision.domain.pack import Pack
from supervision.domain.plan import Clause, ClauseKind, DecidedBy, Requirement, RequirementKind
from supervision.domain.workdays import WorkCalendar, workdays_from
from supervision.services.coverage_database import NO_DATABASE, Evaluated, evaluated_in
from supervision.services.coverage_models import (
    NO_CONTACT,
    Gap,
    LinePart,
    PlanCoverage,
    RulePart,
    RunPart,
    State,
    UnitsPart,
    VerdictsPart,
)
from supervision.services.desk import open_desk
from supervision.services.load_rules import bind_all, load_whole_pack, stored_rules
from supervision.services.run_cases import world_of
from supervision.services.seed_calendar import days_of, years_covered
from supervision.store.session import Session

NAMED_UNITS = 5
"""Units that a gap's sentence names."""


@dataclass(frozen=True)
class CaseCounts:
    """Cases by rule: those in which it holds, and those in which it does not."""

    positive: Mapping[str, int]
    negative: Mapping[str, int]


def coverage_of_pack(
    folder: Path, evaluated: Callable[[str], Evaluated] = lambda _: NO_DATABASE
) -> PlanCoverage:
    """Return the coverage of the pack in `folder`; Faults with every fault of every file.

    `evaluated` tells what a database knows of a plan, if there is one.
    """
    loaded = load_whole_pack(folder)
    cases = read_cases(case_files(folder / "cases"), world_of(loaded.pack, loaded.rules))
    positive: Counter[str] = Counter()
    negative: Counter[str] = Counter()
    for case in cases:
        if not case.confirmed:
            continue  # a draft is no case until its author has looked at it
        positive.update({each.rule for each in case.expect if each.verdict.positive})
        negative.update({each.rule for each in case.expect if each.verdict.negative})
    return _Coverage(
        pack=loaded.pack,
        rules=loaded.rules,
        ruleset=loaded.ruleset,
        source=str(folder),
        cases=CaseCounts(positive, negative),
        calendar=_calendar_of(loaded.pack),
        evaluated=evaluated(loaded.pack.plan.plan),
    ).whole()


def coverage_of_adopted(session: Session, plan: str | None, source: str) -> PlanCoverage:
    """Return the coverage of the adopted plan; its cases are not kept in the database.

    NotFound when it is not adopted.
    """
    desk = open_desk(session, plan)
    return _Coverage(
        pack=desk.adopted.pack,
        rules=stored_rules(session, desk.adopted, desk.adopted.ruleset),
        ruleset=desk.adopted.ruleset,
        source=source,
        cases=None,
        calendar=desk.calendar,
        evaluated=evaluated_in(session, desk.code),
    ).whole()


def _calendar_of(pack: Pack) -> WorkCalendar:
    """Return the working days by which the pack would be adopted."""
    years = pack.plan.calendar.years or range(pack.plan.year, years_covered().stop)
    days = ((day, works) for year in years for day, works, _ in days_of(year))
    return WorkCalendar(pack.plan.year, workdays_from(days))


@dataclass(frozen=True)
class _Sort:
    """What is known of obligations that no rule can tell apart beforehand, and whose they are."""

    fact: dict[str, Value | None]
    units: dict[str, None]


@dataclass(frozen=True)
class _Coverage:
    pack: Pack
    rules: Sequence[CheckedRule]
    ruleset: str
    source: str
    cases: CaseCounts | None
    calendar: WorkCalendar
    evaluated: Evaluated

    @cached_property
    def _bound(self) -> list[CheckedRule]:
        """The rules with the parameters of the plan's last day; one that has none is left out."""
        bound, _ = bind_all(self.rules, self.pack.plan, date(self.pack.plan.year, 12, 31))
        return bound

    @cached_property
    def _obligations(self) -> Mapping[str, list[Obligation]]:
        found: dict[str, list[Obligation]] = defaultdict(list)
        for each in owed(self.pack, self.calendar).obligations:
            found[each.requirement].append(each)
        return found

    def whole(self) -> PlanCoverage:
        lines = [line for clause in self.pack.plan.clauses for line in self._of_clause(clause)]
        run = self.evaluated.run
        counts = Counter(line.state for line in lines)
        return PlanCoverage(
            plan=self.pack.plan.plan,
            title=self.pack.plan.title,
            source=self.source,
            ruleset=self.ruleset,
            database=self.evaluated.there,
            last_run=None
            if run is None or run.id is None
            else RunPart(
                id=run.id,
                as_of=run.as_of.astimezone(ZoneInfo(self.pack.plan.zone)),
                ruleset=run.ruleset,
                same_rules=run.ruleset == self.ruleset,
            ),
            lines=lines,
            derived_rules=[
                self._rule_part(rule)
                for rule in self._bound
                if is_check(rule) and not any(p.on in _OBLIGED for p in rule.patterns)
            ],
            counts={state: counts[state] for state in State},
        )

    def _of_clause(self, clause: Clause) -> Iterable[LinePart]:
        mine = [each for each in self.pack.plan.requirements if each.clause == clause.id]
        if mine:
            return [self._of_requirement(clause, each) for each in mine]
        gaps = []
        if clause.kind is not ClauseKind.GOAL:
            gaps = [
                Gap(
                    code="no rule on clause",
                    text="本条款没有任何规则检查（没有要求事项）",
                    hard=False,
                )
            ]
        return [
            LinePart(
                clause=clause.id,
                path=clause.path,
                clause_title=clause.title,
                requirement=None,
                title=None,
                kind=None,
                basis=None,
                decided_by=None,
                state=State.HINT if gaps else State.TAG,
                rules=[],
                reminders=[],
                units=None,
                verdicts=None,
                gaps=gaps,
            )
        ]

    # --- One requirement -------------------------------------------------------------------------

    def _of_requirement(self, clause: Clause, requirement: Requirement) -> LinePart:
        sorts = self._sorts(requirement)
        touching = [
            rule
            for rule in self._bound
            if rule.rule.status is not Status.DEPRECATED
            and any(may_apply(rule, requirement.kind.value, sort.fact) for sort in sorts)
        ]
        checks = [rule for rule in touching if is_check(rule)]
        human = (
            requirement.decided_by is DecidedBy.HUMAN
            or requirement.kind is RequirementKind.QUALITATIVE
        )
        verdicts = self._verdicts(checks)
        gaps = [] if human else self._gaps(requirement, checks, sorts)
        units = (
            None if requirement.kind is RequirementKind.QUALITATIVE else self._units(requirement)
        )
        gaps += self._gaps_of_units(requirement, units)
        state = State.HUMAN if human else State.CHECKED
        if any(gap.hard for gap in gaps):
            state = State.GAP
        elif gaps and not human:
            state = State.HINT
        return LinePart(
            clause=clause.id,
            path=clause.path,
            clause_title=clause.title,
            requirement=requirement.id,
            title=requirement.title,
            kind=requirement.kind.value,
            basis=requirement.basis.value,
            decided_by=requirement.decided_by.value,
            state=state,
            rules=[self._rule_part(rule) for rule in checks],
            reminders=[rule.rule.id for rule in touching if not is_check(rule)],
            units=units,
            verdicts=verdicts,
            gaps=gaps,
        )

    @cached_property
    def _named(self) -> frozenset[str]:
        """The fields that any rule names; obligations that agree in these are one sort."""
        return frozenset(
            ref.name
            for rule in self._bound
            for condition in conditions_of(rule)
            for ref in fields(condition)
        )

    def _sorts(self, requirement: Requirement) -> list[_Sort]:
        """Return what is known beforehand of each sort of obligation under a requirement.

        Where nobody owes it, what is known of any: the requirement itself.
        """
        if requirement.kind is RequirementKind.QUALITATIVE:
            return []
        own: dict[str, Value] = {
            "requirement": requirement.id,
            "clause": requirement.clause,
            "companion": int(bool(requirement.filed_with)),
        }
        found: dict[tuple[Value, ...], _Sort] = {}
        for each in self._obligations.get(requirement.id, ()):
            known: dict[str, Value] = {
                "unit": each.unit,
                "unit_category": self._categories[each.unit],
                "role": each.role,
                "period": str(each.period),
                "period_no": each.period.number,
            }
            told = own | {name: known[name] for name in known if name in self._named}
            sort = found.setdefault(
                tuple(told.values()), _Sort(_padded(requirement.kind.value, told), {})
            )
            sort.units[each.unit] = None
        return list(found.values()) or [_Sort(_padded(requirement.kind.value, own), {})]

    @cached_property
    def _categories(self) -> Mapping[str, str]:
        return {unit.code: unit.category for unit in self.pack.units}

    def _rule_part(self, rule: CheckedRule) -> RulePart:
        name = rule.rule.id
        return RulePart(
            id=name,
            title=rule.rule.title,
            status=rule.rule.status.value,
            generic=not names_requirement(rule),
            positive_cases=None if self.cases is None else self.cases.positive.get(name, 0),
            negative_cases=None if self.cases is None else self.cases.negative.get(name, 0),
        )

    def _units(self, requirement: Requirement) -> UnitsPart:
        mine = self._obligations.get(requirement.id, [])
        codes = {each.unit for each in mine}
        owing = [unit for unit in self.pack.units if unit.code in codes]
        without = [
            unit.name for unit in owing if unit.liaison is None or unit.liaison.email is None
        ]
        return UnitsPart(
            obligations=len(mine),
            units=len(owing),
            with_contact=len(owing) - len(without),
            without_contact=without,
        )

    def _verdicts(self, checks: Sequence[CheckedRule]) -> VerdictsPart | None:
        found = self.evaluated.verdicts
        if found is None:
            return None
        # a generic rule's counts are of all requirements of its kind together
        mine = [rule.rule.id for rule in checks if names_requirement(rule)]
        rows = [found[name] for name in mine if name in found]
        if not rows:
            return None
        return VerdictsPart(
            applicable=sum(row.applicable for row in rows),
            satisfied=sum(row.satisfied for row in rows),
            violated=sum(row.violated for row in rows),
            undecided=sum(row.undecided for row in rows),
            waived=sum(row.waived for row in rows),
            broken=sum(row.broken for row in rows),
        )

    # --- Gaps ------------------------------------------------------------------------------------

    def _gaps(
        self,
        requirement: Requirement,
        checks: Sequence[CheckedRule],
        sorts: Sequence[_Sort],
    ) -> list[Gap]:
        gaps = []
        published = [rule for rule in checks if rule.rule.status is Status.PUBLISHED]
        if not published:
            drafts = "（只有草稿）" if checks else ""
            machine = requirement.decided_by is DecidedBy.MACHINE
            gaps.append(Gap(code="no rule", text=f"要求事项没有已发布规则{drafts}", hard=machine))
            return gaps
        if not any(names_requirement(rule) for rule in published):
            gaps.append(
                Gap(code="generic only", text="只有通用规则检查，没有针对本事项的规则", hard=False)
            )
        kind = requirement.kind.value
        missed = {
            unit
            for sort in sorts
            if not any(may_apply(rule, kind, sort.fact) for rule in published)
            for unit in sort.units
        }
        if missed:
            names = [unit.name for unit in self.pack.units if unit.code in missed]
            text = f"部分责任单位没有规则检查：{_listed(names)}"
            gaps.append(Gap(code="not all units", text=text, hard=False))
        gaps += self._gaps_of_cases(published)
        known = self.evaluated.verdicts or {}
        asked = self.evaluated.there not in ("none", "unusable")
        if asked and not any(rule.rule.id in known for rule in published):
            gaps.append(Gap(code="never evaluated", text="从未评估", hard=False))
        return gaps

    def _gaps_of_cases(self, published: Sequence[CheckedRule]) -> list[Gap]:
        if self.cases is None:
            return []
        gaps = []
        for rule in published:
            name = rule.rule.id
            lacking = [
                word
                for word, counts in (("正例", self.cases.positive), ("反例", self.cases.negative))
                if not counts.get(name)
            ]
            if lacking:
                text = f"规则没有{'和'.join(lacking)}：{name}"
                gaps.append(Gap(code="no case", text=text, hard=False))
        return gaps

    def _gaps_of_units(self, requirement: Requirement, units: UnitsPart | None) -> list[Gap]:
        if units is None:
            return []
        if not units.units:
            skipped = {each.requirement: each.reason for each in self.pack.skipped}
            no_lead = "（条款未配置牵头单位）" if requirement.id in skipped else ""
            return [Gap(code="no unit", text=f"没有责任单位{no_lead}", hard=False)]
        if units.without_contact:
            text = f"单位{_listed(units.without_contact)}没有联系人"
            return [Gap(code=NO_CONTACT, text=text, hard=False)]
        return []


_OBLIGED = frozenset(kind.value for kind in RequirementKind)


def _padded(kind: str, known: Mapping[str, Value]) -> dict[str, Value | None]:
    return {name: known.get(name) for name in KINDS[kind]}


def _listed(names: Sequence[str]) -> str:
    shown = "、".join(names[:NAMED_UNITS])
    more = len(names) - NAMED_UNITS
    return f"{shown}等{len(names)}个" if more > 0 else shown
