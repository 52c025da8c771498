"""Cases beside rules: how they are read, what is told of bad ones, and what makes one fail."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from rules import cases as runner
from rules.case_files import case_files, read_cases
from rules.cases import (
    CannotRender,
    Case,
    CaseResult,
    Expected,
    Happening,
    run_cases,
)
from rules.catalogue import KINDS
from rules.checked import CheckedRule
from rules.facts import Firing, InferenceFailed
from rules.nodes import Faults
from rules.untested import Untested, untested
from rules.vocabulary import Level
from tests.case_rules import RULES, bound, checked_rules, rendered, the_world

BAD = Path(__file__).parents[1] / "fixtures" / "bad-cases"
LATE = "{on: report, requirement: GEN-R1, period: 2022Q2, filed: false, days_overdue: %d}"

Read = Callable[..., tuple[Case, ...]]


def a_case(
    *facts: str, expect: str, name: str = "一", as_of: str = "2022-07-15", more: str = ""
) -> str:
    listed = "".join(f"      - {fact}\n" for fact in facts)
    said = "".join(f"      {line}\n" for line in expect.strip("\n").split("\n"))
    return (
        f"  - name: {name}\n    as_of: {as_of}\n    unit: TU\n{more}    facts:\n{listed}"
        f"    expect:\n{said}"
    )


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(*texts: str) -> tuple[Case, ...]:
        path = tmp_path / "some.yaml"
        path.write_text("cases:\n" + "".join(texts), encoding="utf-8")
        return read_cases([path], the_world())

    return read


def run(*cases: Case) -> list[CaseResult]:
    return list(run_cases(cases, bind=bound, render=rendered))


def failures(*cases: Case) -> list[str]:
    return [fault.text for result in run(*cases) for fault in result.failures]


# --- Reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_bad_file_is_told_exactly_its_faults(path: Path) -> None:
    with pytest.raises(Faults) as caught:
        read_cases([path], the_world())
    told = [
        f"{fault.line}:{fault.column}: {fault.text}".replace(str(path), path.name)
        for fault in caught.value.faults
    ]
    assert told == re.findall(r"^# fault (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert {fault.file for fault in caught.value.faults} == {str(path)}


def test_all_faults_of_all_files_are_told_at_once() -> None:
    files = sorted(BAD.glob("unknown-*.yaml"))
    with pytest.raises(Faults) as caught:
        read_cases(files, the_world())
    assert {fault.file for fault in caught.value.faults} == {str(path) for path in files}


def test_a_file_that_is_not_there_is_a_fault_and_a_folder_without_cases_has_none(
    tmp_path: Path,
) -> None:
    with pytest.raises(Faults, match="no such file"):
        read_cases([tmp_path / "missing.yaml"], the_world())
    assert case_files(tmp_path / "cases") == ()


def test_only_the_fields_that_matter_are_written_and_all_are_there(read: Read) -> None:
    (case,) = read(a_case(LATE % 3, expect="report-late: violated"))
    (fact,) = case.facts
    assert (fact.kind, fact.key) == ("report", "GEN-R1/TU/2022Q2")
    assert fact.fields.keys() == KINDS["report"].keys()
    assert fact.fields["days_overdue"] == 3
    assert fact.fields["unit_category"] == "部门"
    assert (fact.fields["clause"], fact.fields["role"]) == ("T02", "direct")


def test_what_a_case_does_not_say_of_an_obligation_is_unremarkable(read: Read) -> None:
    text = "{on: report, requirement: GEN-R1}"
    (case,) = read(a_case(text, expect="report-late: satisfied"))
    fields = case.facts[0].fields
    assert (fields["filed"], fields["state"], fields["versions"]) == (1, "submitted", 1)
    assert (fields["days_overdue"], fields["due_passed"], fields["extended"]) == (0, 0, 0)
    assert fields["due_on"] == date(2022, 7, 15).toordinal()
    assert (fields["period"], fields["period_no"]) == ("2022", 1)
    unknown = {name for name, field in KINDS["report"].items() if field.nullable}
    assert {name for name, value in fields.items() if value is None} == unknown


def test_what_follows_from_what_a_case_says_need_not_be_said(read: Read) -> None:
    (case,) = read(a_case(LATE % 3, expect="report-late: violated"))
    fields = case.facts[0].fields
    assert (fields["state"], fields["versions"], fields["due_passed"]) == ("missing", 0, 1)
    assert fields["period_no"] == 2


@pytest.mark.parametrize(("period", "number"), [("2022", 1), ("2022H2", 2), ("2022-11", 11)])
def test_the_number_of_a_period_follows_from_the_period(
    read: Read, period: str, number: int
) -> None:
    text = f"{{on: report, requirement: GEN-R1, period: '{period}'}}"
    (case,) = read(a_case(text, expect="report-late: satisfied"))
    assert case.facts[0].fields["period_no"] == number


def test_values_are_encoded_as_everywhere(read: Read) -> None:
    text = (
        "{on: report, requirement: GEN-R3, copied_share: 0.968, signed: false,"
        " due_on: 2022-06-27, fell: null}"
    )
    (case,) = read(a_case(text, expect="report-copied: violated"))
    fields = case.facts[0].fields
    assert fields["copied_share"] == 968_000
    assert fields["signed"] == 0
    assert fields["due_on"] == date(2022, 6, 27).toordinal()
    assert fields["fell"] is None


def test_a_number_may_be_negative_and_a_target_has_the_band_of_its_plan(read: Read) -> None:
    text = "{on: target, requirement: T09-O1, claim_gap: -2.5}"
    (case,) = read(a_case(text, expect="report-late: none"))
    fields = case.facts[0].fields
    assert (fields["claim_gap"], fields["target"], fields["low"]) == (
        -2_500_000,
        200_000_000,
        200_000_000,
    )
    assert fields["role"] == "lead"


def test_findings_violations_and_units_have_defaults_too(read: Read) -> None:
    facts = ("{on: finding, rule: report-late}", "{on: violation, rule: x}", "{on: unit}")
    (case,) = read(a_case(*facts, expect="propose: none"))
    finding, violation, unit = (fact.fields for fact in case.facts)
    assert (finding["state"], finding["severity"], finding["level"]) == ("detected", "major", "L0")
    assert (finding["cycle"], finding["days_overdue"]) == (1, None)
    assert (violation["severity"], violation["requirement"]) == ("major", None)
    assert (unit["has_contact"], unit["open_findings"]) == (1, 0)
    assert [fact.key for fact in case.facts] == ["finding-1", "violation-2", "unit-3"]


def test_as_of_is_a_day_or_an_instant_in_the_plans_zone(read: Read) -> None:
    text = "{on: report, requirement: GEN-R1}"
    expect = "report-late: satisfied"
    cases = read(
        a_case(text, expect=expect, as_of="2022-07-15"),
        a_case(text, expect=expect, as_of="2022-07-15T17:30", name="二"),
        a_case(text, expect=expect, as_of="2022-07-15T20:00:00Z", name="三"),
    )
    assert [case.as_of.strftime("%m-%d %H:%M") for case in cases] == [
        "07-15 00:00",
        "07-15 17:30",
        "07-16 04:00",
    ]
    assert {case.as_of.utcoffset() for case in cases} == {timedelta(hours=8)}


def test_an_expectation_is_a_word_a_mapping_or_several(read: Read) -> None:
    expect = """
report-late:
  - {verdict: violated, severity: minor, of: GEN-R1/TU/2022Q2}
  - {verdict: satisfied, of: other}
twice-running: {verdict: satisfied, of: [TU, 2022Q2]}
remind: quiet
"""
    other = "{on: report, requirement: GEN-R1, key: other}"
    (case,) = read(a_case(LATE % 3, other, expect=expect))
    assert [(each.rule, each.verdict, each.severity, each.of) for each in case.expect] == [
        ("report-late", Expected.VIOLATED, Level.MINOR, ("GEN-R1/TU/2022Q2",)),
        ("report-late", Expected.SATISFIED, None, ("other",)),
        ("twice-running", Expected.SATISFIED, None, ("TU", "2022Q2")),
        ("remind", Expected.QUIET, None, None),
    ]
    assert not failures(case)


# --- Running ------------------------------------------------------------------------------------


def test_a_case_passes_when_each_rule_says_what_is_expected(read: Read) -> None:
    expect = """
report-late: {verdict: violated, severity: minor, message: late GEN-R1/TU/2022Q2 ×1}
report-copied: none
remind: fires
propose: none
"""
    (result,) = run(*read(a_case(LATE % 2, expect=expect)))
    assert result.passed
    assert result.case.name == "一"


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (0, "一: report-late: expected violated, found satisfied"),
        (5, "一: report-late: expected severity minor, found major"),
    ],
)
def test_a_case_fails_with_what_was_found_at_the_place_of_the_expectation(
    read: Read, days: int, said: str
) -> None:
    cases = read(a_case(LATE % days, expect="report-late: {verdict: violated, severity: minor}"))
    (result,) = run(*cases)
    assert [fault.text for fault in result.failures] == [said]
    assert (result.failures[0].line, result.failures[0].column) == (8, 20)


def test_another_message_than_expected_fails_with_both(read: Read) -> None:
    (case,) = read(a_case(LATE % 3, expect="report-late: {verdict: violated, message: 逾期三天}"))
    assert failures(case) == [
        "一: report-late: expected the message\n  逾期三天\nfound\n  late GEN-R1/TU/2022Q2 ×1"
    ]


def test_a_message_that_cannot_be_written_fails_even_where_none_is_expected(read: Read) -> None:
    def broken(rule: CheckedRule, happening: Happening) -> str:
        raise CannotRender(f"{rule.rule.id} names what is not known of {happening.facts[0].key}")

    cases = read(a_case(LATE % 3, expect="report-late: violated"))
    (result,) = run_cases(cases, bind=bound, render=broken)
    assert [fault.text for fault in result.failures] == [
        "一: report-late: the message cannot be written: "
        "report-late names what is not known of GEN-R1/TU/2022Q2"
    ]


def test_a_finding_that_the_case_does_not_name_is_a_failure(read: Read) -> None:
    copied = "{on: report, requirement: GEN-R3, copied_share: 0.99}"
    (case,) = read(a_case(LATE % 3, copied, expect="report-late: violated"))
    assert failures(case) == [
        "一: report-copied is violated too (GEN-R3/TU/2022), and 'expect' does not say so"
    ]


def test_a_reminder_that_the_case_does_not_name_is_none(read: Read) -> None:
    assert not failures(*read(a_case(LATE % 1, expect="report-late: violated")))


def test_unknown_is_neither_violated_nor_satisfied(read: Read) -> None:
    unknown = "{on: report, requirement: GEN-R3, copied_share: null}"
    outside = "{on: report, requirement: GEN-R3, filed: false}"
    assert not failures(
        *read(
            a_case(unknown, expect="report-copied: undecided"),
            a_case(outside, expect="report-copied: none", name="二"),
            a_case("{on: unit}", expect="report-copied: none\ntwice-running: none", name="三"),
        )
    )


def test_parameters_are_those_of_the_cases_day(read: Read) -> None:
    text = "{on: report, requirement: GEN-R3, copied_share: 0.93}"
    july, august = read(
        a_case(text, expect="report-copied: satisfied"),
        a_case(text, expect="report-copied: violated", as_of="2022-08-01", name="二"),
    )
    assert not failures(july, august)


def test_a_match_is_judged_for_each_of_its_groups(read: Read) -> None:
    quarters = [
        f"{{on: report, requirement: GEN-R1, period: 2022Q{n}, filed: false, days_overdue: {days}}}"
        for n, days in ((2, 70), (3, 4))
    ]
    expect = """
report-late: violated
twice-running:
  - verdict: violated
    of: [TU, 2022Q3]
    message: twice GEN-R1/TU/2022Q2 GEN-R1/TU/2022Q3 ×1
  - {verdict: satisfied, of: [TU, 2022Q2]}
  - {verdict: none, of: [TU, 2022Q1]}
systemic: satisfied
"""
    assert not failures(*read(a_case(*quarters, expect=expect)))


def test_severity_and_message_of_several_findings_need_to_know_which(read: Read) -> None:
    second = "{on: report, requirement: GEN-R1, period: 2022Q3, filed: false, days_overdue: 4}"
    expect = "report-late: {verdict: violated, severity: minor}\ntwice-running: violated"
    assert failures(*read(a_case(LATE % 70, second, expect=expect))) == [
        "一: report-late: is violated 2 times; say with 'of' which is meant: "
        "GEN-R1/TU/2022Q2, GEN-R1/TU/2022Q3"
    ]


THREE = [f"{{on: violation, rule: r{n}, severity: major, requirement: GEN-R1}}" for n in range(3)]


def test_violations_may_be_given_and_chain(read: Read) -> None:
    expect = "systemic: {verdict: violated, severity: critical, message: systemic  ×3}"
    two = a_case(*THREE[:2], expect="systemic: satisfied", name="二")

    def without_violations(rule: CheckedRule, happening: Happening) -> str:
        return f"{rule.rule.message}  ×{happening.combinations}"

    cases = read(a_case(*THREE, expect=expect), two)
    results = run_cases(cases, bind=bound, render=without_violations)
    assert [result.failures for result in results] == [(), ()]


def test_what_is_waived_is_violated_and_does_not_chain(read: Read) -> None:
    waived = "    waived: [{rule: report-late, of: GEN-R1/TU/2022Q2}]\n"
    expect = "report-late: violated\nsystemic: "
    with_it, without = read(
        a_case(*THREE[:2], LATE % 5, expect=f"{expect}violated"),
        a_case(*THREE[:2], LATE % 5, expect=f"{expect}satisfied", name="二", more=waived),
    )
    assert not failures(with_it, without)


def test_the_second_pass_sees_the_findings_that_the_case_gives(read: Read) -> None:
    finding = "{on: finding, rule: report-late, state: %s, days_overdue: %d}"
    assert not failures(
        *read(
            a_case(finding % ("confirmed", 5), expect="propose: fires"),
            a_case(finding % ("confirmed", 4), expect="propose: quiet", name="二"),
            a_case(finding % ("detected", 5), expect="propose: none", name="三"),
        )
    )


def test_a_draft_is_run_only_in_a_case_that_names_it(read: Read) -> None:
    text = "{on: report, requirement: GEN-R1, versions: 4}"
    assert not failures(
        *read(
            a_case(text, expect="report-late: satisfied"),
            a_case(text, expect="sketch: violated", name="二"),
        )
    )


def test_a_rule_that_is_not_run_cannot_be_expected(read: Read) -> None:
    cases = read(a_case(LATE % 0, expect="report-late: satisfied"))
    text = RULES.replace(
        "requirement: GEN-R1\n    on", "requirement: GEN-R1\n    status: deprecated\n    on", 1
    )
    old = checked_rules(text)
    (result,) = run_cases(cases, bind=lambda day: bound(day, old), render=rendered)
    assert [fault.text for fault in result.failures] == [
        "一: report-late is not run: deprecated, or a parameter of it has no value that day"
    ]


# --- Both engines -------------------------------------------------------------------------------


def test_a_difference_between_the_engines_fails_the_case(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = read(a_case(LATE % 3, expect="report-late: violated"))

    def blind(compiled: object, units: object) -> list[Firing]:
        return []

    monkeypatch.setattr(runner, "infer", blind)
    (told,) = failures(*cases)
    assert told == (
        "一: the engines disagree: rule report-late, unit TU, GEN-R1/TU/2022Q2: durable_rules: not "
        "violated; oracle: violated, minor, by (GEN-R1/TU/2022Q2)"
    )


def test_an_engine_that_fails_fails_the_case_and_not_the_rest(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = read(
        a_case(LATE % 3, expect="report-late: violated"),
        a_case(LATE % 3, expect="report-late: violated", name="二"),
    )
    asked: list[object] = []
    real = runner.infer

    def refuses_once(compiled, units):  # type: ignore[no-untyped-def]
        asked.append(units)
        if len(asked) == 1:
            raise InferenceFailed("a fact was refused")
        return real(compiled, units)

    monkeypatch.setattr(runner, "infer", refuses_once)
    assert failures(first, second) == ["一: a fact was refused"]


# --- What is not tested --------------------------------------------------------------------------


def test_a_published_rule_needs_a_case_that_violates_and_one_that_satisfies_it(
    read: Read,
) -> None:
    cases = read(
        a_case(LATE % 1, expect="report-late: violated\nremind: fires"),
        a_case(LATE % 0, expect="report-late: satisfied", name="二"),
        a_case(
            "{on: report, requirement: GEN-R3}",
            expect="report-copied: undecided\ntwice-running: satisfied",
            name="三",
        ),
    )
    lacking = untested(checked_rules(), cases)
    assert lacking == (
        Untested("report-copied", positive=False, negative=False),
        Untested("twice-running", positive=False, negative=True),
        Untested("systemic", positive=False, negative=False),
        Untested("remind", positive=True, negative=False),
        Untested("propose", positive=False, negative=False),
    )
    assert [str(each) for each in lacking[:2]] == [
        "rule report-copied has no positive and no negative case",
        "rule twice-running has no positive case",
    ]


def test_no_clock_is_read(read: Read) -> None:
    (case,) = read(a_case(LATE % 3, expect="report-late: violated", as_of="1999-12-31"))
    assert case.as_of.replace(tzinfo=None) == datetime(1999, 12, 31)  # noqa: DTZ001
    assert not failures(case)
