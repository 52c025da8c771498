"""`supervision rules test`: submissions, notices, filters, reports and what fails a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from rules.loading import Faults
from supervision.errors import NotFound
from supervision.services.case_reports import CasesOut, cases_out, write_junit
from supervision.services.run_cases import CasesRun, Chosen, run_pack_cases
from tests.office import LATE, ladder_rules, small_pack
from tests.program import Program, Server

Q2 = {"requirement": "A1-R1", "period": "2022Q2", "content": {"text": "一"}}


def a_case(name: str, as_of: str = "2022-06-28", unit: str = "EDU", **keys: Any) -> dict[str, Any]:
    return {"name": name, "as_of": as_of, "unit": unit, **keys}


def a_pack(folder: Path, *cases: dict[str, Any], rules: Any = None, **changes: Any) -> Path:
    pack = small_pack(folder / "督查 包", rules or [LATE, *ladder_rules()], **changes)
    (pack / "cases").mkdir(exist_ok=True)
    if cases:
        text = json.dumps({"cases": list(cases)}, ensure_ascii=False, indent=1)
        (pack / "cases" / "试例 一.yaml").write_text(text, encoding="utf-8")
    return pack


def run(folder: Path, *cases: dict[str, Any], **changes: Any) -> CasesRun:
    return run_pack_cases(a_pack(folder, *cases, **changes))


def failures(folder: Path, *cases: dict[str, Any], **changes: Any) -> list[str]:
    return [fault.text for fault in run(folder, *cases, **changes).failures]


# --- Submissions ----------------------------------------------------------------------------------

MESSAGE = (
    "区教育局应于2022年6月27日前报送，截至2022年6月28日未报送（逾期1个工作日）。"
    "依据：《小区2022年工作安排》一.1（督查部门设定）。"
)


def test_what_was_never_filed_is_found_by_a_real_run_and_told(tmp_path: Path) -> None:
    (case,) = run(
        tmp_path,
        a_case(
            "没有报送",
            submissions=[],
            expect={
                "late": {
                    "verdict": "violated",
                    "severity": "minor",
                    "message": MESSAGE,
                },
                "remind-R4": "fires",
                "remind-R5": "quiet",
            },
            notices=[
                {
                    "step": "R4",
                    "to": ["liaison"],
                    "cc": ["deputy"],
                    "of": "A1-R1/EDU/2022Q2",
                    "subject": "【逾期催办】区教育局：季度报告（2022年第二季度）"
                    "逾期1个工作日未报（截至2022年6月28日）",
                }
            ],
        ),
    ).results
    assert [fault.text for fault in case.failures] == []


def test_filed_in_time_late_and_returned_are_three_things(tmp_path: Path) -> None:
    in_time = {**Q2, "submitted_at": "2022-06-27T17:30"}
    returned = {
        "requirement": "A1-R1",
        "period": "2022Q2",
        "at": "2022-06-28T10:00",
        "decision": "returned",
        "reason": "请补正",
    }
    assert not failures(
        tmp_path,
        a_case("按时", submissions=[in_time], expect={"late": "satisfied"}, notices=[]),
        a_case(
            "退回未满补正期限",
            "2022-07-01",
            submissions=[in_time],
            reviews=[returned],
            expect={"late": "satisfied", "remind-R4": "quiet"},
        ),
        a_case(
            "退回已过补正期限",
            "2022-07-04",
            submissions=[in_time],
            reviews=[returned],
            expect={"late": {"verdict": "violated", "of": "A1-R1/EDU/2022Q2"}},
        ),
    )


def test_an_extension_moves_the_due_date_and_the_message_says_so(tmp_path: Path) -> None:
    extended = {
        "requirement": "A1-R1",
        "period": "2022Q2",
        "at": "2022-06-20T09:00",
        "due_on": "2022-07-05",
        "reason": "防汛",
    }
    assert not failures(
        tmp_path,
        a_case("延期内", submissions=[], extensions=[extended], expect={"late": "satisfied"}),
        a_case(
            "延期后",
            "2022-07-06",
            submissions=[],
            extensions=[extended],
            expect={"late": {"verdict": "violated", "severity": "minor"}},
        ),
    )


def test_cases_know_nothing_of_each_other(tmp_path: Path) -> None:
    filed = {**Q2, "submitted_at": "2022-06-24T09:00"}
    late = {"late": "violated"}
    assert not failures(
        tmp_path,
        a_case("一", submissions=[filed], expect={"late": "satisfied"}),
        a_case("二", submissions=[], expect=late),
        a_case("三", submissions=[{**filed, "unit": "CIV"}], expect=late),
    )


def test_a_case_of_submissions_fails_as_one_of_facts_does(tmp_path: Path) -> None:
    told = failures(
        tmp_path,
        a_case("一", submissions=[], expect={"late": {"verdict": "violated", "severity": "major"}}),
        a_case("二", submissions=[], expect={"remind-R4": "quiet"}),
        a_case("三", submissions=[], expect={"late": "violated"}, notices=[]),
        a_case(
            "四",
            submissions=[],
            expect={"late": "violated"},
            notices=[{"step": "R4", "to": ["liaison", "deputy"], "cc": []}],
        ),
        a_case(
            "五",
            submissions=[],
            expect={"late": "violated"},
            notices=[{"step": "R5", "to": ["liaison"]}, {"step": "R4", "to": ["liaison"]}],
        ),
    )
    assert told == [
        "一: late: expected severity major, found minor",
        "二: remind-R4: expected quiet, found fires",
        "二: late is violated too (A1-R1/EDU/2022Q2), and 'expect' does not say so",
        "三: the notice report R4 of A1-R1/EDU/2022Q2 is planned too, "
        "and 'notices' does not say so",
        "四: the notice report R4 of A1-R1/EDU/2022Q2: "
        "expected to [liaison, deputy], found [liaison]",
        "四: the notice report R4 of A1-R1/EDU/2022Q2: expected cc [], found [deputy]",
        "五: expected the notice R5; planned: report R4 of A1-R1/EDU/2022Q2",
    ]


def test_all_that_cannot_be_filed_is_told_at_its_line(tmp_path: Path) -> None:
    pack = a_pack(
        tmp_path,
        a_case(
            "一",
            submissions=[{**Q2, "submitted_at": "2022-06-24T09:00", "content": {"claims": 3}}],
            expect={"late": "satisfied"},
        ),
        a_case(
            "二",
            submissions=[{**Q2, "submitted_at": "2022-06-29T09:00"}],
            expect={"late": "violated"},
        ),
        a_case(
            "三",
            submissions=[],
            reviews=[
                {
                    "requirement": "A1-R1",
                    "period": "2022Q2",
                    "at": "2022-06-28T10:00",
                    "decision": "accepted",
                }
            ],
            expect={"late": "violated"},
        ),
    )
    with pytest.raises(Faults) as caught:
        run_pack_cases(pack)
    told = [(fault.line, fault.text) for fault in caught.value.faults]
    assert [text for _, text in told] == [
        "一: content.claims: expected an object {requirement: number}",
        "二: 2022-06-29 09:00 is after the case's as_of, 2022-06-28 17:30",
        "三: nothing was filed for A1-R1/EDU/2022Q2 yet",
    ]
    assert all(line > 4 for line, _ in told)


# --- Notices of facts -----------------------------------------------------------------------------

REPORT = {"on": "report", "requirement": "A1-R1", "period": "2022Q2", "due_on": "2022-06-27"}


def test_notices_of_facts_are_those_of_a_run(tmp_path: Path) -> None:
    """What is worked out from facts equals what the real run over the same state has written."""
    expected = {
        "step": "R5",
        "ladder": "report",
        "rule": "remind-R5",
        "to": ["liaison", "deputy"],
        "cc": ["principal"],
        "subject": "【逾期催办】区教育局：季度报告（2022年第二季度）"
        "逾期4个工作日未报（截至2022年7月1日）",
        "message": "",
        "remedy": "",
    }
    fact = {**REPORT, "filed": False, "days_overdue": 4}
    expect = {"late": "violated"}
    assert not failures(
        tmp_path,
        a_case("一", "2022-07-01", facts=[fact], expect=expect, notices=[expected]),
        a_case("二", "2022-07-01", submissions=[], expect=expect, notices=[expected]),
    )


def test_a_post_without_an_address_is_named_in_both_kinds_of_case(tmp_path: Path) -> None:
    units = [
        {
            "code": "EDU",
            "name": "区教育局",
            "category": "部门",
            "principal": {"post": "局长"},
            "deputy": {"post": "副局长", "email": "deputy@edu.example.org"},
            "liaison": {"name": "联络员"},
            "district_deputy": "分管副区长",
        }
    ]
    notice = {"step": "R4", "to": [], "cc": ["deputy"], "unaddressed": ["liaison"]}
    fact = {**REPORT, "filed": False, "days_overdue": 1}
    expect = {"late": "violated"}
    assert not failures(
        tmp_path,
        a_case("一", facts=[fact], expect=expect, notices=[notice]),
        a_case("二", submissions=[], expect=expect, notices=[notice]),
        units=units,
    )
    assert len(failures(tmp_path, a_case("一", facts=[fact], expect=expect, notices=[]))) == 1


def test_a_notice_whose_words_cannot_be_written_fails_the_case(tmp_path: Path) -> None:
    broken = {**ladder_rules()[3], "message": "{{ copied_share + 1 }}"}
    fact = {**REPORT, "filed": False, "days_overdue": 1}
    (told,) = failures(
        tmp_path,
        a_case("一", facts=[fact], expect={"remind-R4": "fires"}, notices=[]),
        rules=[broken],
    )
    assert told.startswith("一: a notice cannot be written: ")


# --- Drafts, filters, what fails ------------------------------------------------------------------

BOTH = (
    a_case(
        "逾期一天",
        facts=[{**REPORT, "filed": False, "days_overdue": 1}],
        expect={"late": "violated"},
    ),
    a_case("已报送", facts=[REPORT], expect={"late": "satisfied"}),
)


def test_a_draft_is_run_and_neither_tests_nor_covers(tmp_path: Path) -> None:
    confirmed = run(tmp_path, *BOTH, rules=[LATE])
    assert (confirmed.untested, confirmed.unconfirmed) == ((), ())
    drafts = run(tmp_path, *({**each, "confirmed": False} for each in BOTH), rules=[LATE])
    assert drafts.passed
    assert [case.name for case in drafts.unconfirmed] == ["逾期一天", "已报送"]
    assert [each.rule for each in drafts.untested] == ["late"]
    assert (confirmed.coverage.seen, drafts.coverage.seen) == (5, 0)
    wrong = {**BOTH[1], "confirmed": False, "expect": {"late": "violated"}}
    assert not run(tmp_path, wrong, rules=[LATE]).passed


def test_cases_are_chosen_by_rule_and_by_name(tmp_path: Path) -> None:
    quiet = a_case("提醒", facts=[REPORT], expect={"remind-R4": "quiet", "late": "satisfied"})
    pack = a_pack(tmp_path, *BOTH, quiet)

    def names(*rules: str, case: str = "") -> tuple[list[str], list[str], set[str]]:
        done = run_pack_cases(pack, chosen=Chosen(rules, case))
        return (
            [result.case.name for result in done.results],
            [each.rule for each in done.untested],
            {each.rule for each in done.coverage.atoms},
        )

    assert names("late") == (["逾期一天", "已报送", "提醒"], [], {"late"})
    assert names("remind-R4") == (["提醒"], ["remind-R4"], {"remind-R4"})
    assert names("remind-R4", "late", case="已")[:2] == (["已报送"], [])
    with pytest.raises(NotFound, match="did you mean 'remind-R4'"):
        names("remind-R44")


# --- Reports --------------------------------------------------------------------------------------


@pytest.fixture
def mixed(tmp_path: Path) -> CasesRun:
    wrong = a_case("错的<&>\"'", facts=[REPORT], expect={"late": "violated"})
    draft = a_case("草稿", facts=[REPORT], expect={"late": "satisfied"}, confirmed=False)
    return run(tmp_path, *BOTH, wrong, draft)


def test_json_names_every_case_its_place_and_the_gaps(mixed: CasesRun) -> None:
    found = cases_out(mixed, whole_coverage=False)
    assert CasesOut.model_validate_json(found.model_dump_json()) == found
    assert [(each.passed, each.confirmed) for each in found.cases] == [
        (True, True),
        (True, True),
        (False, True),
        (True, False),
    ]
    assert found.unconfirmed == ["草稿"]
    assert found.cases[0].rules == ["late"]
    assert found.cases[0].line == 3
    assert found.coverage.gaps == len(found.coverage.conditions) > 0
    whole = cases_out(mixed, whole_coverage=True).coverage
    assert whole.gaps == found.coverage.gaps
    assert len(whole.conditions) > whole.gaps
    assert whole.asked == sum(len(each.asked) for each in whole.conditions)
    assert whole.seen == sum(len(set(each.seen) & set(each.asked)) for each in whole.conditions)


def test_junit_has_a_suite_for_each_file_and_counts_that_add_up(
    mixed: CasesRun, tmp_path: Path
) -> None:
    write_junit(mixed, tmp_path / "junit.xml", gaps=True)
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert root.tag == "testsuites"
    suites = {each.get("name"): each for each in root}
    (file,) = [name for name in suites if name and name.endswith("试例 一.yaml")]
    assert list(suites) == [file, "untested rules", "condition coverage"]
    for element in (root, *suites.values()):
        cases = list(element.iter("testcase"))
        counts = {
            "tests": len(cases),
            "failures": sum(case.find("failure") is not None for case in cases),
            "errors": 0,
        }
        assert {name: int(str(element.get(name))) for name in counts} == counts
        assert element.get("time") == "0"
        assert element.get("timestamp") is None
    cases = list(suites[file])
    assert [case.get("classname") for case in cases] == [file] * 4
    assert [case.get("line") for case in cases] == sorted(
        (str(case.get("line")) for case in cases), key=int
    )
    wrong = cases[2].find("failure")
    assert wrong is not None
    assert wrong.get("message") == "错的<&>\"': late: expected violated, found satisfied"
    assert str(wrong.text).startswith(f"{file}:")
    assert cases[3].find("skipped") is not None
    untested = {case.get("name"): case for case in suites["untested rules"]}
    assert set(untested) == {"remind-R1", "remind-R2", "remind-R3", "remind-R4", "remind-R5"}
    assert untested["remind-R1"].get("file") == str(mixed.rules["remind-R1"].source.file)


def test_two_runs_write_the_same_bytes(mixed: CasesRun, tmp_path: Path) -> None:
    write_junit(mixed, tmp_path / "one.xml", gaps=False)
    again = run_pack_cases(tmp_path / "督查 包")
    write_junit(again, tmp_path / "two.xml", gaps=False)
    assert (tmp_path / "one.xml").read_bytes() == (tmp_path / "two.xml").read_bytes()
    assert cases_out(mixed, whole_coverage=True) == cases_out(again, whole_coverage=True)
    assert "condition coverage" not in (tmp_path / "one.xml").read_text(encoding="utf-8")


# --- The verbs ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def supervision(server: Server, tmp_path: Path) -> Program:
    return Program(server, tmp_path)


def test_the_verb_fails_for_a_failure_an_untested_rule_a_gap_and_on_request_for_nothing(
    supervision: Program, tmp_path: Path
) -> None:
    pack = str(a_pack(tmp_path, *BOTH, rules=[LATE]))
    fine = supervision("rules", "test", pack)
    assert (fine.code, fine.err) == (0, "")
    assert "程度 major：days_overdue >= 5    从未为真" in fine.out
    assert "条件覆盖83.3%：条件3个，应试6种情形，已试5种，有缺口的条件1个" in fine.out
    assert fine.out.endswith("试例2个：通过2，不合0；缺试例的规则0条\n")
    assert supervision("rules", "test", pack, "--require-coverage").code == 1
    assert supervision("rules", "test", pack, "--fail-under", "83.3").code == 0
    assert supervision("rules", "test", pack, "--fail-under", "83.4").code == 1
    assert supervision("rules", "test", pack, "--rule", "late").code == 0
    assert supervision("rules", "test", pack, "--case", "没有").code == 0
    assert supervision("rules", "test", pack, "--case", "没有", "--fail-on-empty").code == 1
    whole = supervision("rules", "test", pack, "--coverage").out
    assert "  条件：filed    已试：真、假；不会为未知\n" in whole
    assert "did you mean 'late'" in supervision("rules", "test", pack, "--rule", "lat").sentence
    for path in Path(pack, "cases").iterdir():
        path.unlink()
    empty = supervision("rules", "test", pack)
    assert empty.code == 1
    assert "rule late has no positive and no negative case" in empty.out
    assert empty.out.endswith("没有可运行的试例；缺试例的规则1条\n")


def test_the_verb_writes_json_csv_and_junit(supervision: Program, tmp_path: Path) -> None:
    pack = str(a_pack(tmp_path, *BOTH, rules=[LATE]))
    first = supervision("rules", "test", pack, "--format", "json", "--junit", "结果 一.xml")
    second = supervision("rules", "test", pack, "--format", "json", "--junit", "two.xml")
    assert first.out == second.out
    CasesOut.model_validate(first.json)
    names = [tmp_path / "结果 一.xml", tmp_path / "two.xml"]
    assert names[0].read_bytes() == names[1].read_bytes()
    lines = supervision("rules", "test", pack, "--format", "csv").out.splitlines()
    assert lines[0] == "case,file,line,kind,rules,confirmed,passed,failures"
    assert len(lines) == 3
    sentence = supervision("rules", "test", pack, "--junit", "none/x.xml").err
    assert "none/x.xml: No such file or directory" in sentence


def test_drafts_are_written_once_run_and_never_written_over(
    supervision: Program, tmp_path: Path
) -> None:
    pack = a_pack(tmp_path, rules=[LATE])
    file = "督查 包/cases/草稿.yaml"
    shown = supervision("rules", "generate-cases", "late", str(pack))
    assert shown.code == 0
    written = supervision("rules", "generate-cases", "late", str(pack), "-o", file)
    assert written.out.startswith("late（报告逾期未报）：试例草稿")
    assert (tmp_path / file).read_text(encoding="utf-8") == shown.out
    assert supervision("rules", "generate-cases", "late", str(pack), "-o", file).code == 0
    tested = supervision("rules", "test", str(pack))
    assert tested.code == 1
    assert "不合0，其中待确认" in tested.out
    assert "rule late has no positive and no negative case" in tested.out
    confirmed = shown.out.replace("    confirmed: false\n", "")
    (tmp_path / file).write_text(confirmed, encoding="utf-8")
    assert supervision("rules", "test", str(pack), "--require-coverage").code == 0
    kept = supervision("rules", "generate-cases", "late", str(pack), "-o", file)
    assert "exists and says something else" in kept.sentence
    forced = supervision("rules", "generate-cases", "late", str(pack), "-o", file, "--force")
    assert forced.code == 0
    wrong = supervision("rules", "generate-cases", "lat", str(pack))
    assert "no rule 'lat' in the pack; did you mean 'late'?" in wrong.sentence
