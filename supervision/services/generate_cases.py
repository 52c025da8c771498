"""Boundary cases of a rule as a draft for its author: facts and verdicts as the engine sees them.

What the rule does not speak of is filled in so that the draft is believable: a unit that owes the
requirement, its due date, the day on which so many working days have passed, and what the message
needs to be written.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from rules.boundaries import Draft, Drafts, boundary_drafts
from rules.case_expectations import Expectation, Expected, Place
from rules.case_facts import completed
from rules.case_schema import COMMITTED
from rules.cases import CannotRender, Case, Judged, happening_of, verdict_of
from rules.catalogue import KINDS, OBLIGATION_KINDS, Field, FieldType
from rules.checked import CheckedRule
from rules.conditions import Literal, Value
from rules.facts import Fact, Firing
from rules.resolving import Said
from rules.rule_parts import parts_of, text_of
from rules.vocabulary import Post, Status
from rules.writing import Inline, InlineList, to_yaml
from supervision.domain.ledger_rows import SCALE
from supervision.errors import Refused
from supervision.services.draft_names import name_of
from supervision.services.draft_samples import derived, sample, wanted_by_message
from supervision.services.draft_stage import Stage
from supervision.services.load_rules import load_whole_pack
from supervision.services.run_cases import CaseDesk, require_rules, world_of

HEADER = """\
# 由 supervision rules generate-cases 按规则的界值生成的草稿：判定是规则现在所作的，未必应当如此。
# 请逐个核对，确认后删去 confirmed: false（未确认的试例照常运行，但不算已试）。"""

_NOWHERE = Place("", 1, 1)


@dataclass(frozen=True)
class Generated:
    """Draft cases of a rule, as plain values for a case file.

    `undecisive` are conditions that decide nothing, however the others are held.
    """

    rule: str
    title: str
    cases: tuple[Mapping[str, Any], ...]
    undecisive: tuple[str, ...]


def generate_cases(folder: Path, rules: Collection[str]) -> tuple[Generated, ...]:
    """Return draft cases for rules of the pack in `folder`, in the order given.

    Raises Faults with every fault of the pack, NotFound for a rule it has not, Refused for a rule
    that cannot be drafted (a parameter without a value).
    """
    loaded = load_whole_pack(folder)
    known = {rule.rule.id: rule for rule in loaded.rules}
    require_rules(rules, known)
    desk = CaseDesk(loaded)
    stage = Stage(loaded.pack, world_of(loaded.pack, loaded.rules), desk)
    return tuple(_generated(stage, known[rule]) for rule in rules)


def case_file(generated: Sequence[Generated], *, folder: Path | None = None) -> str:
    """Return draft cases as the text of a case file, to stand in `folder`.

    Its first line names the schema for editors, as seen from there; without a folder it has none.
    """
    lines = [HEADER]
    if folder is not None:
        schema = os.path.relpath(COMMITTED, folder.resolve()).replace(os.sep, "/")
        lines.insert(0, f"# yaml-language-server: $schema={schema}")
    for each in generated:
        lines += [f"# {each.rule} 的条件“{text}”不单独决定判定" for text in each.undecisive]
    cases = [dict(case) for each in generated for case in each.cases]
    return "".join(f"{line}\n" for line in lines) + to_yaml({"cases": cases})


def _generated(stage: Stage, rule: CheckedRule) -> Generated:
    drafting = _Drafting(stage, rule)
    drafts = drafting.drafts()
    cases: list[Mapping[str, Any]] = []
    names: set[str] = set()
    for draft in drafts.drafts:
        try:
            written = drafting.written(draft, names)
        except CannotRender as error:
            text = f"rule {rule.rule.id} cannot be drafted: its words cannot be written: {error}"
            raise Refused(text) from error
        names.add(written["name"])
        cases.append(written)
    return Generated(rule.rule.id, rule.rule.title, tuple(cases), tuple(drafts.undecisive))


class _Drafting:
    """One rule on its stage."""

    def __init__(self, stage: Stage, rule: CheckedRule) -> None:
        if rule.rule.status is Status.DEPRECATED:
            raise Refused(f"rule {rule.rule.id} is deprecated; it is not run, so no case tests it")
        self.stage, self.rule = stage, rule
        day = stage.due_on(stage.requirement_for(rule.patterns[rule.anchor].on, rule), None)
        bound = {each.rule.id: each for each in stage.desk.bench.bound(day)}
        if rule.rule.id not in bound:
            raise Refused(f"rule {rule.rule.id} cannot be drafted: a parameter has no value {day}")
        self.bound = bound[rule.rule.id]
        self.requirements = [self._requirement(at) for at in range(len(rule.patterns))]
        self.unit = stage.unit_for(self.requirements[rule.anchor], {})

    def _requirement(self, at: int) -> str | None:
        """Return what a pattern's `requirement = '…'` names, else what the stage chooses."""
        pattern = self.bound.patterns[at]
        for part in parts_of(self.bound):
            if part.pattern != at:
                continue
            for atom in part.atoms:
                left, right = getattr(atom, "left", None), getattr(atom, "right", None)
                if left is not None and left.name == "requirement" and isinstance(right, Literal):
                    known = self.stage.world.requirements.get(str(right.value))
                    if known is not None and known.kind == pattern.on:
                        return str(right.value)
        return self.stage.requirement_for(pattern.on, self.rule)

    def drafts(self) -> Drafts:
        world = self.stage.world
        kinds = {pattern.on for pattern in self.bound.patterns}
        others: dict[str, list[Value]] = {
            "requirement": [
                name
                for name, known in world.requirements.items()
                if known.kind in kinds or not kinds & set(OBLIGATION_KINDS)
            ],
            "unit": [self.unit, *(code for code in world.units if code != self.unit)],
            "unit_category": list(dict.fromkeys(world.units.values())),
            "rule": list(world.rules),
        }
        return boundary_drafts(
            self.bound,
            usual=[self._fact(at, {}, 0).fields for at in range(len(self.bound.patterns))],
            others=others,
            make=self._fact,
            text_of=lambda part, atom: text_of(self.bound, part, atom),
        )

    # --- Facts -----------------------------------------------------------------------------------

    def _fact(self, at: int, said: Said, copy: int) -> Fact:
        """Return a fact of which `said` matters, complete and believable."""
        kind = self.bound.patterns[at].on
        requirement = said.get("requirement") or self.requirements[at]
        known = self.stage.world.requirements.get(str(requirement))
        base: Said = {}
        if kind in OBLIGATION_KINDS and requirement is not None:
            base["requirement"] = requirement
            base["period"] = self._period(str(requirement), said)
            due_on = self.stage.due_on(str(requirement), base["period"])
            base["due_on"] = due_on.toordinal()
        if kind in ("violation", "finding"):
            rules = [name for name, each in self.stage.world.rules.items() if each.severity]
            base["rule"] = rules[copy % len(rules)] if rules else self.rule.rule.id
        whole = base | {name: value for name, value in said.items() if name != "unit"}
        fields = completed(
            kind,
            whole,
            known if known is not None and known.kind == kind else None,
            self.stage.world,
            unit=self.unit,
            day=date.fromordinal(base.get("due_on") or 1),  # type: ignore[arg-type]
        )
        key = f"{kind}-{copy + 1}"
        if kind in OBLIGATION_KINDS:
            key = f"{fields['requirement']}/{self.unit}/{fields['period']}"
        return Fact(kind, key, {name: fields.get(name) for name in KINDS[kind]})

    def _period(self, requirement: str, said: Said) -> str:
        """Return the period that is said, or the one with the number that is said."""
        if said.get("period") is not None:
            return str(said["period"])
        periods = [str(each.period) for each in self.stage.owed.get(requirement, ())]
        first = periods[0] if periods else str(self.stage.pack.plan.year)
        number = said.get("period_no")
        if isinstance(number, int) and len(first) > 4:
            stem = first.rstrip("0123456789")
            return f"{stem}{number:0{len(first) - len(stem)}d}"
        return first

    # --- Cases -----------------------------------------------------------------------------------

    def written(self, draft: Draft, names: Collection[str]) -> dict[str, Any]:
        """Return a draft as it stands in a case file, with what the engine says of it."""
        self.unit = self.stage.unit_for(self.requirements[0], draft.facts[0][1])
        case, judged = self._judged(draft)
        name = name_of(self.rule.rule.id, draft.tested)
        number = 1
        while name in names:
            number += 1
            name = f"{name_of(self.rule.rule.id, draft.tested)}·{number}"
        written: dict[str, Any] = {
            "name": name,
            "confirmed": False,
            "as_of": case.as_of.date().isoformat(),
            "unit": case.unit,
            "facts": [
                self._fact_out(number, fact, draft.facts[number - 1][1], case)
                for number, fact in enumerate(case.facts, start=1)
            ],
            "expect": self._expect(case, judged),
        }
        if self.rule.rule.notice is not None:
            written["notices"] = self._notices(case, judged)
        return written

    def _judged(self, draft: Draft) -> tuple[Case, Judged]:
        """Return the draft as a case whose message can be written, and what the rules say of it."""
        case = self._case(draft, {})
        judged = self._ask(case)
        if not self.bound.severity:
            return case, judged
        filled: dict[int, Said] = {}
        wanted = {at: wanted_by_message(self.rule, at) for at in range(len(self.rule.patterns))}
        while any(wanted.values()) and not self._can_write(case, judged):
            at = next(at for at, names in wanted.items() if names)
            name = wanted[at].pop(0)
            for index, (pattern, said) in enumerate(draft.facts):
                fields = case.facts[index].fields
                if pattern == at and name not in said and fields[name] is None:
                    value = sample(name, case.facts[index].kind, fields, self.stage.pack)
                    filled.setdefault(index, {})[name] = value
            case = self._case(draft, filled)
            judged = self._ask(case)
        return case, judged

    def _ask(self, case: Case) -> Judged:
        judged = self.stage.desk.bench.judge(case)
        if judged.faults:
            raise Refused(f"rule {self.rule.rule.id} cannot be drafted: {judged.faults[0].text}")
        return judged

    def _can_write(self, case: Case, judged: Judged) -> bool:
        for firing in judged.firings(self.rule.rule.id):
            try:
                self.stage.desk.render(self.bound, happening_of(case, firing))
            except CannotRender:
                return False
        return True

    def _case(self, draft: Draft, filled: Mapping[int, Said]) -> Case:
        facts: list[Fact] = []
        days = []
        for index, (at, said) in enumerate(draft.facts):
            fact = self._fact(at, {**said, **filled.get(index, {})}, index)
            more = derived(fact.kind, fact.fields, said)
            fact = self._fact(at, {**more, **said, **filled.get(index, {})}, index)
            if any(fact.key == other.key for other in facts):
                fact = replace(fact, key=f"{fact.key}#{index + 1}")
            facts.append(fact)
            due_on = fact.fields.get("due_on")
            if isinstance(due_on, int):
                days.append(self.stage.day(date.fromordinal(due_on), fact.fields))
        day = max(days, default=self.stage.due_on(None, None))
        return Case(
            name=self.rule.rule.id,
            place=_NOWHERE,
            as_of=datetime.combine(day, time(0), self.stage.world.zone),
            unit=self.unit,
            facts=tuple(facts),
            # a draft rule is run in a case that names it
            expect=(Expectation(self.rule.rule.id, Expected.NONE, _NOWHERE),),
        )

    def _fact_out(self, number: int, fact: Fact, said: Said, case: Case) -> Inline:
        """Return a fact as a person would write it: what is tested, and what is not usual."""
        world = self.stage.world
        told: Said = {}
        out = Inline(on=fact.kind)
        key = f"{fact.kind}-{number}"
        if fact.kind in OBLIGATION_KINDS:
            told["requirement"] = fact.fields["requirement"]
            key = f"{told['requirement']}/{case.unit}/{fact.fields['period']}"
        told |= {
            name: fact.fields[name]
            for name in KINDS[fact.kind]
            if name in said and name not in ("unit", "unit_category")
        }
        known = world.requirements.get(str(told.get("requirement")))
        known = known if known is not None and known.kind == fact.kind else None
        day = case.as_of.date()
        for _ in range(2):  # what is said may change what else is usual
            usual = completed(fact.kind, told, known, world, unit=case.unit, day=day)
            told |= {
                name: value
                for name, value in fact.fields.items()
                if name not in told and (name not in usual or usual[name] != value)
            }
        if fact.key != key:
            out["key"] = fact.key
        for name in sorted(told, key=list(KINDS[fact.kind]).index):
            out[name] = plain(told[name], KINDS[fact.kind][name])
        return out

    def _expect(self, case: Case, judged: Judged) -> dict[str, Any]:
        """Return what the rule says, then every other finding rule that is violated too."""
        name = self.rule.rule.id
        verdict = verdict_of(self.bound, judged, case)
        expect: dict[str, Any] = {name: verdict.value}
        firings = judged.firings(name)
        if verdict is Expected.VIOLATED:
            told = [
                {
                    "verdict": verdict.value,
                    **({"of": _of(firing)} if len(firings) > 1 else {}),
                    "severity": firing.severity.value,
                    "message": self.stage.desk.render(self.bound, happening_of(case, firing)),
                }
                for firing in firings
                if firing.severity is not None
            ]
            expect[name] = told[0] if len(told) == 1 else told
        for other, rule in judged.rules.items():
            if other != name and not rule.second_pass and judged.firings(other):
                expect[other] = Expected.VIOLATED.value
        return expect

    def _notices(self, case: Case, judged: Judged) -> list[dict[str, Any]]:
        return [
            {
                "step": each.step,
                "rule": each.rule,
                "of": each.item,
                "to": _posts(each.to),
                "cc": _posts(each.cc),
                **({"unaddressed": _posts(each.unaddressed)} if each.unaddressed else {}),
                "subject": each.subject,
                **({"message": each.message} if each.message else {}),
            }
            for each in self.stage.desk.notices(case, judged)
        ]


def plain(value: Value | None, field: Field) -> object:
    """Return an encoded value as a case file holds it."""
    if value is None or isinstance(value, str):
        return value
    match field.type:
        case FieldType.BOOL:
            return bool(value)
        case FieldType.DATE:
            return date.fromordinal(value).isoformat()
        case FieldType.DECIMAL:
            return value // SCALE if value % SCALE == 0 else value / SCALE
    return value


def _posts(posts: Sequence[Post]) -> InlineList:
    return InlineList(post.value for post in posts)


def _of(firing: Firing) -> str | list[Value | None]:
    return str(firing.key[0]) if len(firing.key) == 1 else InlineList(firing.key)
