"""What `supervision rules test` says, for programs: JSON, and JUnit XML.

Neither holds a moment or a duration: two runs over the same files are the same, byte for byte.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict

from rules.cases import CaseResult
from rules.coverage import AtomCoverage, Coverage
from supervision.services.run_cases import CasesRun

OUTCOME_NAMES: dict[bool | None, str] = {True: "true", False: "false", None: "unknown"}
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Contract(BaseModel):
    model_config = ConfigDict(frozen=True)


class CaseOut(_Contract):
    """One case.  `kind` is facts or submissions; `failures` are sentences with file:line:column.

    A case with `confirmed` false is a draft: it is run, and tests and covers nothing.
    """

    case: str
    file: str
    line: int
    kind: str
    rules: list[str]
    confirmed: bool
    passed: bool
    failures: list[str]


class ConditionOut(_Contract):
    """One comparison or null test of a rule, as its author wrote it.

    `where` is scope, when, match NAME or severity LEVEL; of true, false and unknown, `asked` are
    those that are possible there, `seen` those that some case showed, `never` what is left.
    """

    rule: str
    file: str
    line: int
    where: str
    condition: str
    asked: list[str]
    seen: list[str]
    never: list[str]


class CoverageOut(_Contract):
    """Condition coverage of the published rules that were looked at.

    `asked` and `seen` count outcomes; `percent` is rounded down to one place.  `conditions` are all
    of them with `--coverage`, else those with a gap.
    """

    asked: int
    seen: int
    percent: float
    gaps: int
    conditions: list[ConditionOut]


class CasesOut(_Contract):
    """`untested` are sentences on published rules without a positive or a negative case."""

    cases: list[CaseOut]
    untested: list[str]
    unconfirmed: list[str]
    coverage: CoverageOut


def cases_out(run: CasesRun, *, whole_coverage: bool) -> CasesOut:
    """Return the JSON of a run; `whole_coverage` names the covered conditions too."""
    return CasesOut(
        cases=[case_out(result) for result in run.results],
        untested=[str(each) for each in run.untested],
        unconfirmed=[case.name for case in run.unconfirmed],
        coverage=coverage_out(run.coverage, whole=whole_coverage),
    )


def case_out(result: CaseResult) -> CaseOut:
    """Return one case with what came of it."""
    case = result.case
    return CaseOut(
        case=case.name,
        file=case.place.file,
        line=case.place.line,
        kind="facts" if case.filed is None else "submissions",
        rules=list(dict.fromkeys(each.rule for each in case.expect)),
        confirmed=case.confirmed,
        passed=result.passed,
        failures=[str(fault) for fault in result.failures],
    )


def coverage_out(coverage: Coverage, *, whole: bool) -> CoverageOut:
    """Return condition coverage, all conditions or those with a gap."""
    return CoverageOut(
        asked=coverage.asked,
        seen=coverage.seen,
        percent=coverage.percent,
        gaps=len(coverage.gaps),
        conditions=[_condition(each) for each in (coverage.atoms if whole else coverage.gaps)],
    )


def _condition(atom: AtomCoverage) -> ConditionOut:
    return ConditionOut(
        rule=atom.rule,
        file=atom.source.file,
        line=atom.source.line,
        where=atom.where,
        condition=atom.text,
        asked=[name for outcome, name in OUTCOME_NAMES.items() if outcome in atom.possible],
        seen=[name for outcome, name in OUTCOME_NAMES.items() if outcome in atom.seen],
        never=[OUTCOME_NAMES[outcome] for outcome in atom.missing],
    )


# --- JUnit ---------------------------------------------------------------------------------------


def write_junit(run: CasesRun, path: Path, *, gaps: bool) -> None:
    """Write the run as JUnit XML; OSError where the file cannot be written.

    A suite for each case file, then one that fails for each published rule without cases, and with
    `gaps` for each rule whose conditions are not covered.  A draft that passes is skipped.
    """
    root = ElementTree.Element("testsuites", {"name": "supervision rules test"})
    suites: dict[str, list[ElementTree.Element]] = {}
    for result in run.results:
        suites.setdefault(result.case.place.file, []).append(_testcase(result))
    suites["untested rules"] = [_failed(each.rule, run, [str(each)]) for each in run.untested]
    if gaps:
        by_rule: dict[str, list[str]] = {}
        for atom in run.coverage.gaps:
            never = ", ".join(_condition(atom).never)
            by_rule.setdefault(atom.rule, []).append(f"{atom.where}: {atom.text}: never {never}")
        suites["condition coverage"] = [
            _failed(rule, run, lines) for rule, lines in by_rule.items()
        ]
    for name, cases in suites.items():
        if cases:
            suite = ElementTree.SubElement(
                root, "testsuite", {"name": _xml(name), **_counts(cases)}
            )
            suite.extend(cases)
    root.attrib.update(_counts([case for cases in suites.values() for case in cases]))
    root.attrib.pop("skipped")
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', encoding="utf-8", newline="\n"
    )


def _testcase(result: CaseResult) -> ElementTree.Element:
    case = result.case
    element = _element(case.name, case.place.file, case.place.line)
    if result.failures:
        text = "\n".join(
            f"{each.file}:{each.line}:{each.column}: {each.text}" for each in result.failures
        )
        first = result.failures[0].text.split("\n")[0]
        _fail(element, first, text)
    elif not case.confirmed:
        ElementTree.SubElement(element, "skipped", {"message": "a draft that nobody has confirmed"})
    return element


def _failed(rule: str, run: CasesRun, lines: list[str]) -> ElementTree.Element:
    source = run.rules[rule].source
    element = _element(rule, source.file, source.line)
    place = "\n".join(f"{source}: {line}" for line in lines)
    _fail(element, lines[0], place)
    return element


def _element(name: str, file: str, line: int) -> ElementTree.Element:
    names = {"name": _xml(name), "classname": _xml(file), "time": "0"}
    return ElementTree.Element("testcase", {**names, "file": _xml(file), "line": str(line)})


def _fail(element: ElementTree.Element, message: str, text: str) -> None:
    names = {"message": _xml(message), "type": "failure"}
    ElementTree.SubElement(element, "failure", names).text = _xml(text)


def _counts(cases: list[ElementTree.Element]) -> dict[str, str]:
    failed = sum(1 for case in cases if case.find("failure") is not None)
    skipped = sum(1 for case in cases if case.find("skipped") is not None)
    counts = {"tests": len(cases), "failures": failed, "errors": 0, "skipped": skipped, "time": 0}
    return {name: str(count) for name, count in counts.items()}


def _xml(text: str) -> str:
    """Return the text without the characters that XML cannot hold."""
    return _NOT_IN_XML.sub("\ufffd", text)
