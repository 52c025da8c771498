"""Case files: YAML beside the rules, read with every fault of every file at its place.

    cases:
      - name: 逾期一天                       # a sentence; no two cases have the same
        as_of: 2022-04-19                    # a date or an instant, in the plan's zone
        unit: SUB-GY
        facts:                               # only the fields that matter, as a person writes them
          - {on: plan, requirement: REQ2-O1, filed: false, days_overdue: 1, due_on: 2022-04-18}
        waived: [{rule: REQ2-O1-late, of: REQ2-O1/SUB-GY/2022}]          # if any
        expect:                              # all finding rules that are violated, and any others
          REQ2-O1-late: {verdict: violated, severity: major, message: 区…。}
          REQ2-O2-coverage: none
          remind-plan-R4: fires
        notices:                             # if given: all that the run plans for the unit
          - {step: R4, to: [liaison], cc: [deputy], subject: 【逾期催办】…}

Instead of `facts` a case may say what the unit filed: `submissions` (an empty list: nothing),
`reviews` and `extensions`, see `rules.case_filings`; then a day is meant at its cut-off.
`confirmed: false` marks a draft that its author has still to look at.

`null` is unknown.  `key` names a fact (default: requirement/unit/period, else kind-1, kind-2 …),
and `of` one of several findings of a rule: the fact's key, or the values of a match's `per`.
`rules.case_facts` says what a fact is taken for where the case does not say it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from rules.case_documents import CaseDocument, CaseFile, ExpectDocument, Of
from rules.case_expectations import Expectation, Expected, ExpectedNotice, Place
from rules.case_facts import FactReader, World
from rules.case_filings import (
    Filed,
    FilingReader,
)
from rules.cases import Case
from rules.facts import Fact, Key
from rules.loading import Fault, Faults, Node, did_you_mean, read_yaml, validate

_SOME_DAY = datetime(2022, 1, 1, tzinfo=UTC)
"""Stands in for a day that is wrong, so that all else is looked at too."""


def read_cases(files: Iterable[Path], world: World) -> tuple[Case, ...]:
    """Return the cases of the files in their order; raises Faults with all that is wrong."""
    faults: list[Fault] = []
    cases: list[Case] = []
    names: dict[str, Place] = {}
    for path in files:
        try:
            node = read_yaml(path)
        except Faults as found:
            faults += found.faults
            continue
        before = len(faults)
        shape = validate(CaseFile, node, faults)
        for each in node.find("cases") or ():
            _no_second(each, names, faults)
            reader = _CaseReader(each, world, faults)
            case = reader.read()
            if shape is not None and case is not None and len(faults) == before:
                cases.append(case)
    if faults:
        raise Faults(faults)
    return tuple(cases)


def _place(node: Node) -> Place:
    return Place(node.file, node.line, node.column)


def _no_second(node: Node, names: dict[str, Place], faults: list[Fault]) -> None:
    name = node.text("name")
    if name is None:
        return
    first = names.setdefault(name, _place(node))
    if first != _place(node):
        faults.append(
            node.fault(f"the case '{name}' stands already at {first.file}:{first.line}", "name")
        )


_INSTEAD = ("facts", "waived", "original_due_on", "submissions", "reviews", "extensions")
"""Keys of which some go with facts and some with submissions."""


class _CaseReader:
    """Reads one case; its shape is checked by the model, its meaning here."""

    def __init__(self, node: Node, world: World, faults: list[Fault]) -> None:
        self.node = node
        self.world = world
        self.faults = faults

    def read(self) -> Case | None:
        before = len(self.faults)
        as_of = self._as_of()
        unit = self.node.text("unit")
        if unit is not None and unit not in self.world.units:
            self._fault(f"unknown unit '{unit}'{did_you_mean(unit, self.world.units)}", "unit")
        told: list[Fault] = []  # the same faults of shape again, case by case
        document = validate(CaseDocument, self.node, told)
        sound = len(self.faults)
        facts = self._facts(unit or "", (as_of or _SOME_DAY).date())
        keys = {fact.key for fact in facts} if len(self.faults) == sound else None
        filed = self._filed(unit or "")
        expect = self._expect(None if filed is not None else keys)
        waived = [
            (each.rule, _key(each.of))
            for at, each in enumerate(document.waived if document else ())
            if self._known_rule(each.rule, "waived", at, "rule")
        ]
        notices = self._notices(document)
        if document is None or as_of is None or unit is None or len(self.faults) > before:
            return None
        return Case(
            name=document.name,
            place=_place(self.node),
            as_of=as_of,
            unit=unit,
            facts=tuple(facts),
            expect=tuple(expect),
            waived=frozenset(waived),
            original_due_on=document.original_due_on,
            notices=notices,
            filed=filed,
            confirmed=document.confirmed,
        )

    def _filed(self, unit: str) -> Filed | None:
        said = [name for name in _INSTEAD if self.node.find(name) is not None]
        if "submissions" not in said:
            for name in said:
                if name in ("reviews", "extensions"):
                    self._fault(f"'{name}' goes with 'submissions'", name, key=True)
            if "facts" not in said:
                text = "a case has 'facts', or 'submissions' (an empty list: nothing was filed)"
                self._fault(text)
            return None
        for name in said:
            if name in ("facts", "waived", "original_due_on"):
                text = f"'{name}' does not go with 'submissions': it follows from what was filed"
                self._fault(text, name, key=True)
        return FilingReader(self.node, self.world, unit, self.faults).read()

    def _notices(self, document: CaseDocument | None) -> tuple[ExpectedNotice, ...] | None:
        nodes = list(self.node.find("notices") or ())
        for node in nodes:
            rule = node.text("rule")
            if rule is not None and rule not in self.world.rules:
                hint = did_you_mean(rule, self.world.rules)
                self.faults.append(node.fault(f"unknown rule '{rule}'{hint}", "rule"))
        if document is None or document.notices is None:
            return None
        return tuple(
            ExpectedNotice(place=_place(node), **each.model_dump())
            for node, each in zip(nodes, document.notices, strict=True)
        )

    def _fault(self, text: str, *path: str | int, key: bool = False) -> None:
        self.faults.append(self.node.fault(text, *path, key=key))

    def _as_of(self) -> datetime | None:
        text = self.node.text("as_of")
        if text is None:
            return None
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            wanted = "a date such as 2022-07-15 or an instant such as 2022-07-15T17:30"
            self._fault(f"expected {wanted}, found '{text}'", "as_of")
            return None
        if len(text) == len("2022-07-15") and self.node.find("submissions") is not None:
            instant = datetime.combine(instant.date(), self.world.cutoff)
        if instant.tzinfo is None:
            return instant.replace(tzinfo=self.world.zone)
        return instant.astimezone(self.world.zone)

    # --- Facts -----------------------------------------------------------------------------------

    def _facts(self, unit: str, day: date) -> list[Fact]:
        listed = self.node.find("facts")
        facts: list[Fact] = []
        for number, node in enumerate(listed or (), start=1):
            fact = FactReader(node, self.world, self.faults).read(unit, day, number)
            if fact is None:
                continue
            if any(fact.key == other.key for other in facts):
                text = f"two facts have the key '{fact.key}'; give one of them a 'key'"
                self.faults.append(node.fault(text))
            facts.append(fact)
        return facts

    # --- Expectations ----------------------------------------------------------------------------

    def _known_rule(self, rule: str, *path: str | int, key: bool = False) -> bool:
        if rule in self.world.rules:
            return True
        self._fault(f"unknown rule '{rule}'{did_you_mean(rule, self.world.rules)}", *path, key=key)
        return False

    def _expect(self, keys: set[str] | None) -> list[Expectation]:
        found: list[Expectation] = []
        listed = self.node.find("expect")
        if listed is None or not isinstance(listed.value, dict):
            return found
        for rule, node in listed.children.items():
            if not self._known_rule(str(rule), "expect", rule, key=True):
                continue
            several = list(node) if isinstance(node.value, list) else [node]
            if not several:
                self._fault("expected at least one verdict, found an empty list", "expect", rule)
            for each in several:
                expectation = self._one(str(rule), each, keys)
                if expectation is not None:
                    found.append(expectation)
        return found

    def _one(self, rule: str, node: Node, keys: set[str] | None) -> Expectation | None:
        if isinstance(node.value, str):
            if node.value not in list(Expected):
                hint = did_you_mean(node.value, list(Expected)) or ";"
                text = f"unknown verdict '{node.value}'{hint} allowed: {', '.join(Expected)}"
                self.faults.append(node.fault(text))
                return None
            document = ExpectDocument(verdict=Expected(node.value))
        elif not isinstance(node.value, dict):
            text = f"expected a verdict ({', '.join(Expected)}), or a mapping with 'verdict'"
            self.faults.append(node.fault(text))
            return None
        else:
            read = validate(ExpectDocument, node, self.faults)
            if read is None:
                return None
            document = read
        second = self.world.rules[rule].second_pass
        if self._misfits(node, document, second):
            return None
        of = None if document.of is None else _key(document.of)
        single = self.world.rules[rule].single
        if of is not None and single and keys is not None and (len(of) != 1 or of[0] not in keys):
            shown = "/".join(str(part) for part in of)
            allowed = ", ".join(sorted(keys))
            self.faults.append(
                node.fault(f"no fact has the key '{shown}'; there are: {allowed}", "of")
            )
            return None
        return Expectation(
            rule, document.verdict, _place(node), document.severity, document.message, of
        )

    def _misfits(self, node: Node, document: ExpectDocument, second: bool) -> bool:
        before = len(self.faults)
        verdict = document.verdict
        if second and verdict in (Expected.VIOLATED, Expected.SATISFIED):
            text = "the rule's outcome is no finding: expect fires, quiet, undecided or none"
            self.faults.append(node.fault(text, "verdict"))
        if not second and verdict in (Expected.FIRES, Expected.QUIET):
            text = "the rule's outcome is a finding: expect violated, satisfied, undecided or none"
            self.faults.append(node.fault(text, "verdict"))
        for name in ("severity", "message"):
            if getattr(document, name) is not None and verdict is not Expected.VIOLATED:
                text = f"'{name}' goes with 'verdict: violated'"
                self.faults.append(node.fault(text, name, key=True))
        return len(self.faults) > before


def _key(of: Of) -> Key:
    return (of,) if isinstance(of, str) else tuple(of)


def case_files(folder: Path) -> Sequence[Path]:
    """Return the case files of a pack's `cases/` folder, by name; none if there is no folder."""
    return tuple(sorted(path for path in folder.glob("*.yaml") if path.is_file()))
