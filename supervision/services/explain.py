"""Why a finding stands: from what was stored with it, and where each fact of it comes from."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from rules.checked import CheckedRule, bind_rule
from rules.conditions import fields as named_fields
from rules.facts import VIOLATION, Fact, UnitFacts
from rules.field_names import CHOICES
from rules.nodes import Faults
from rules.oracle import judge
from supervision.domain.units import Unit
from supervision.domain.workdays import CalendarMissing
from supervision.errors import NotFound
from supervision.services.desk import Desk, open_desk
from supervision.services.explain_changes import changes_part
from supervision.services.explain_facts import Origins, fact_part
from supervision.services.explain_marks import combination_part
from supervision.services.explain_models import (
    ChangesPart,
    ClausePart,
    CombinationPart,
    Explanation,
    FactPart,
    FindingPart,
    ParameterPart,
    PresentPart,
    ProposalPart,
    RulePart,
)
from supervision.services.explain_numbers import find_finding
from supervision.services.explain_past import notice_parts, run_part, step_part
from supervision.services.explain_present import Present, look_now
from supervision.services.explain_rule import (
    clause_part,
    encoded_params,
    parameters_of,
    rule_part,
)
from supervision.services.explain_violations import Fellow, fellows_of
from supervision.services.load_rules import stored_rules
from supervision.services.sources import TOLERANCE, FactsAt
from supervision.store import findings, plans, provenance, runs
from supervision.store.ledger_sql import Dialect
from supervision.store.plans import Adopted
from supervision.store.session import Session
from supervision.store.tables import FindingRow


def explain(
    session: Session,
    number: str,
    *,
    plan: str | None,
    dialect: Dialect,
    at: datetime,
) -> Explanation:
    """Return why a finding stands, from what was stored with it, and how its facts are at `at`.

    NotFound for a number there is none of.  Nothing is written.
    """
    desk = open_desk(session, plan)
    row = find_finding(session, desk, number)
    return _Explained(session, desk, row, dialect, at, rulesets={}).whole()


MOST_COMBINATIONS = 200
"""Combinations of facts that an explanation marks one by one."""

_Rulesets = dict[tuple[int, str], Sequence[CheckedRule]]
"""Rules by plan version and revision, read once for an explanation and those it leads to."""


@dataclass(frozen=True)
class _RuleThen:
    """The rule as the finding's ruleset has it, with its parameters unbound and bound."""

    rule: CheckedRule
    bound: CheckedRule


class _Explained:
    """One explanation in the making."""

    def __init__(
        self,
        session: Session,
        desk: Desk,
        row: FindingRow,
        dialect: Dialect,
        at: datetime,
        *,
        rulesets: _Rulesets,
    ) -> None:
        assert row.id is not None
        self.rulesets = rulesets
        self.session, self.desk, self.row, self.dialect, self.at = session, desk, row, dialect, at
        self.history = findings.history(session, row.id)
        self.run = provenance.run_of_facts(session, row, self.history)
        self.notes: list[str] = []
        as_of = self.run.as_of if self.run else row.last_seen
        known_at = self.run.known_at if self.run else row.last_seen
        self.adopted = self._adopted(as_of, known_at)
        self.zone = self.adopted.zone
        self.today = as_of.astimezone(self.zone).date()
        self.params = encoded_params(self.adopted.pack.plan, self.today)
        self.rules = self._rules()
        self.then = self._rule_then()
        self.origins = Origins(
            session=session,
            pack=self.adopted.pack,
            known=provenance.Known(row.plan, as_of, known_at),
            today=self.today,
            next_day=self._next_day(as_of),
            named=self._named(),
            rule_titles={rule.rule.id: rule.rule.title for rule in self.rules},
        )
        self.facts, self.fellows = self._facts()

    def _adopted(self, as_of: datetime, known_at: datetime) -> Adopted:
        try:
            return plans.in_force(self.session, self.row.plan, as_of=as_of, known_at=known_at)
        except NotFound:
            self.notes.append("当时的工作安排版本已无从查找，以下按现行版本说明")
            return self.desk.adopted

    def _rules(self) -> Sequence[CheckedRule]:
        asked = (self.adopted.version, self.row.ruleset)
        try:
            if asked not in self.rulesets:
                self.rulesets[asked] = stored_rules(self.session, self.adopted, self.row.ruleset)
            return self.rulesets[asked]
        except (Faults, NotFound) as error:
            first = str(error).splitlines()[0]
            self.notes.append(
                f"问题所依的规则集（版本{self.row.ruleset[:12]}）已不能读取，"
                f"条件和最小改变从略：{first}"
            )
            return ()

    def _rule_then(self) -> _RuleThen | None:
        rule = next((each for each in self.rules if each.rule.id == self.row.rule), None)
        if rule is None:
            if self.rules:
                self.notes.append(f"规则集中没有已发布的规则{self.row.rule}，条件和最小改变从略")
            return None
        missing = sorted(rule.params - self.params.keys())
        if missing:
            self.notes.append(f"参数{'、'.join(missing)}当日没有值，条件和最小改变从略")
            return None
        return _RuleThen(rule, bind_rule(rule, self.params))

    def _named(self) -> dict[str, frozenset[str]]:
        names: dict[str, set[str]] = defaultdict(set)
        if self.then is not None:
            rule = self.then.rule
            kinds = {pattern.name: pattern.on for pattern in rule.patterns}
            anchor = rule.patterns[rule.anchor]
            conditions = [(anchor.on, rule.scope)]
            conditions += [(pattern.on, pattern.condition) for pattern in rule.patterns]
            conditions += [(anchor.on, condition) for _, condition in rule.severity]
            for kind, condition in conditions:
                for ref in named_fields(condition):
                    names[kinds.get(ref.pattern, kind) if ref.pattern else kind].add(ref.name)
        return {kind: frozenset(found) for kind, found in names.items()}

    def _facts(self) -> tuple[list[Fact], dict[str, Fellow]]:
        stored = [
            Fact(each["kind"], each["key"], each["fields"])
            for each in self.row.facts["facts"]
            if each["kind"] != VIOLATION
        ]
        rule = self.then.rule if self.then else None
        if rule is None or all(pattern.on != VIOLATION for pattern in rule.patterns):
            return stored, {}
        fellows = fellows_of(self.session, self.row, self.run)
        if any(not each.stored for each in fellows):
            self.notes.append("库中没有存下所依据的各项问题，以下由该单位当时在册的督查问题还原")
        return stored + [each.fact for each in fellows], {each.fact.key: each for each in fellows}

    def _next_day(self, instant: datetime) -> date | None:
        try:
            return self.desk.after(instant, 1)
        except CalendarMissing:
            return None

    # --- Parts -----------------------------------------------------------------------------------

    def whole(self) -> Explanation:
        combinations = self._combinations()
        used = {key for combination in combinations for key in combination}
        facts = [fact for fact in self.facts if fact.key in used or not combinations]
        present = look_now(
            self.session,
            self.desk,
            facts,
            self.then.bound if self.then else None,
            unit=self.row.unit,
            key=tuple(self.row.per),
            gone=frozenset(key for key, fellow in self.fellows.items() if not fellow.stands),
            dialect=self.dialect,
            at=self.at,
        )
        return Explanation(
            finding=self._finding(),
            clause=self._clause(),
            rule=self._rule_part(),
            parameters=self._parameters(),
            facts=[self._fact(fact, present) for fact in facts],
            combinations=self._marked(combinations, facts),
            changes=self._changes(self.origins, facts),
            present=self._present(present),
            facts_run=run_part(self.run, self.zone),
            first_run=run_part(runs.find(self.session, self.row.first_run), self.zone),
            last_run=run_part(runs.find(self.session, self.row.last_run), self.zone),
            history=[step_part(each, self.zone) for each in self.history],
            notices=notice_parts(
                self.session,
                self.row.plan,
                [self.row.number, *(fact.key for fact in facts if fact.kind != VIOLATION)],
                self.zone,
            ),
            notes=self.notes,
        )

    def _unit(self) -> Unit:
        return plans.last_known_unit(self.session, self.row.plan, self.row.unit)

    def _finding(self) -> FindingPart:
        row = self.row
        requirement = next(
            (each for each in self.adopted.pack.plan.requirements if each.id == row.requirement),
            None,
        )
        return FindingPart(
            number=row.number,
            title=row.title,
            unit=row.unit,
            unit_name=self._unit().name,
            requirement=row.requirement,
            requirement_title=requirement.title if requirement else None,
            period=row.period,
            state=row.state,
            state_name=CHOICES[row.state],
            severity=row.severity,
            severity_name=CHOICES[row.severity],
            cycle=row.cycle,
            message=row.message,
            remedy=row.remedy,
            first_seen=row.first_seen.astimezone(self.zone),
            last_seen=row.last_seen.astimezone(self.zone),
            rectify_due=row.rectify_due,
            waived_until=row.waived_until,
        )

    def _clause(self) -> ClausePart | None:
        if self.then is None:
            return None
        return clause_part(self.adopted.pack, self.then.rule, self.row.clause_text)

    def _rule_part(self) -> RulePart | None:
        if self.then is None:
            return None
        return rule_part(self.then.rule, self.adopted.pack, self.params, ruleset=self.row.ruleset)

    def _parameters(self) -> list[ParameterPart]:
        plan = self.adopted.pack.plan
        uses = dict.fromkeys(self.then.rule.params, "规则的条件") if self.then else {}
        for requirement in plan.requirements:
            if requirement.id != self.row.requirement:
                continue
            where = requirement.measure.where if requirement.measure else None
            for name in re.findall(r"\bparams\.([a-z][a-z0-9_]*)", where or ""):
                uses.setdefault(name, "台账核算口径")
            if requirement.target is not None and requirement.target.about is not None:
                uses.setdefault(TOLERANCE, "“左右”的幅度")
        rectify = f"rectify_days_{self.row.severity}"
        if self.row.rectify_within is None and rectify in plan.params:
            uses.setdefault(rectify, "整改期限（工作日）")
        return parameters_of(plan, uses, self.today)

    def _fact(self, fact: Fact, present: Present) -> FactPart:
        fellow = self.fellows.get(fact.key)
        return fact_part(
            self.origins,
            fact,
            now=present.facts.get(fact.key),
            finding=fellow.number if fellow else None,
            stands=fellow.stands if fellow else None,
            note=fellow.note if fellow else None,
        )

    def _combinations(self) -> list[tuple[str, ...]]:
        if self.then is None:
            return []
        if self.then.rule.single:
            return [(fact.key,) for fact in self.facts if [fact.key] == list(self.row.per)]
        key = tuple(self.row.per)
        found = judge([self.then.bound], UnitFacts(self.row.unit, tuple(self.facts))).firings
        held = [list(each.facts) for each in found if each.key == key]
        if not held:
            self.notes.append("按存下的事实还原不出当时的组合，仅列事实")
        combinations = held[0] if held else []
        if len(combinations) > MOST_COMBINATIONS:
            self.notes.append(
                f"共有{len(combinations)}组事实使规则成立，只列前{MOST_COMBINATIONS}组"
            )
        return combinations[:MOST_COMBINATIONS]

    def _marked(
        self, combinations: Sequence[tuple[str, ...]], facts: Sequence[Fact]
    ) -> list[CombinationPart]:
        if self.then is None:
            return []
        by_key = {fact.key: fact for fact in facts}
        return [
            combination_part(
                self.then.rule,
                [by_key[key] for key in combination],
                self.adopted.pack,
                self.params,
                self.origins.rule_titles,
            )
            for combination in combinations
            if len(combination) == len(self.then.rule.patterns)
        ]

    def _changes(self, origins: Origins, facts: Sequence[Fact]) -> ChangesPart | None:
        if self.then is None or not facts:
            return None
        _, part = changes_part(
            origins, self.then.bound, facts, unit=self.row.unit, key=tuple(self.row.per)
        )
        if not part.each:
            return part
        each = [
            one.model_copy(update={"proposals": self._of_fellow(one.fact, origins)})
            if one.fact in self.fellows
            else one
            for one in part.each
        ]
        return part.model_copy(update={"each": each})

    def _of_fellow(self, key: str, origins: Origins) -> list[ProposalPart]:
        """Return how another finding, on which this one stands, is made away with.

        Its facts are taken as they were when this one was found: its own may be of an earlier day.
        """
        fellow = self.fellows[key]
        if fellow.row is None:
            return []
        other = _Explained(
            self.session, self.desk, fellow.row, self.dialect, self.at, rulesets=self.rulesets
        )
        if other.then is None or other.fellows or not other.facts:
            return []
        then = FactsAt(
            self.adopted,
            self.desk.calendar,
            origins.known.as_of,
            origins.known.known_at,
            self.dialect,
        )
        facts = []
        for fact in other.facts:
            found = then.whole(self.session, fact.kind, [fact.key]).get(fact.key)
            facts.append(fact if found is None else Fact(fact.kind, fact.key, found.fields))
        _, part = changes_part(
            replace(origins, rule_titles=other.origins.rule_titles),
            other.then.bound,
            facts,
            unit=fellow.row.unit,
            key=tuple(fellow.row.per),
        )
        return part.proposals

    def _present(self, present: Present) -> PresentPart:
        changes = None
        if present.holds:
            day = self.desk.day(self.at)
            origins = replace(
                self.origins,
                known=provenance.Known(self.row.plan, self.at, self.at),
                today=day,
                next_day=self._next_day(self.at),
            )
            changes = self._changes(origins, present.now)
        return PresentPart(
            as_of=self.at.astimezone(self.zone),
            holds=present.holds,
            changed=present.changed,
            note=present.note,
            text=present.text,
            changes=changes,
        )
