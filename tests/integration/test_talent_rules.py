"""The rules of the 2022 talent plan: their cases, what they promise, and the sample year."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from rules.case_facts import defaults
from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.facts import Fact
from rules.oracle import verdict
from rules.vocabulary import Basis, Level, Review, Status
from supervision.domain.runs import RunStatus
from supervision.services.evaluation import Evaluation
from supervision.services.load_rules import LoadedPack, load_whole_pack
from supervision.services.run_cases import CasesRun, run_pack_cases
from supervision.services.submission_files import read_lines
from tests.office import TALENT, Office


@cache
def pack() -> LoadedPack:
    return load_whole_pack(TALENT)


@cache
def cases_run() -> CasesRun:
    return run_pack_cases(TALENT)


def findings_rules() -> list[CheckedRule]:
    return [rule for rule in pack().rules if not rule.second_pass]


# --- Cases --------------------------------------------------------------------------------------


def test_every_case_of_the_pack_passes_in_both_engines() -> None:
    assert [str(fault) for fault in cases_run().failures] == []
    assert len(cases_run().results) > 200


def test_every_published_rule_has_a_case_that_violates_and_one_that_satisfies_it() -> None:
    assert [str(each) for each in cases_run().untested] == []


def test_every_condition_was_true_false_and_unknown_wherever_it_can_be() -> None:
    assert [(each.rule, each.text, each.missing) for each in cases_run().coverage.gaps] == []
    assert cases_run().coverage.percent == 100
    assert cases_run().unconfirmed == ()


def test_cases_of_submissions_and_of_notices_stand_beside_those_of_facts() -> None:
    cases = [result.case for result in cases_run().results]
    assert sum(1 for case in cases if case.filed is not None) >= 10
    assert sum(1 for case in cases if case.notices) >= 6


def test_every_message_of_a_finding_stands_in_some_case_word_for_word() -> None:
    written = {
        each.rule
        for result in cases_run().results
        for each in result.case.expect
        if each.message is not None
    }
    assert {rule.rule.id for rule in findings_rules()} - written == set()


def test_every_step_of_a_severity_ladder_is_reached_by_some_case() -> None:
    reached = {
        (each.rule, each.severity) for result in cases_run().results for each in result.case.expect
    }
    steps = {(rule.rule.id, level) for rule in findings_rules() for level, _ in rule.severity}
    assert steps - reached == set()


def test_each_case_stands_in_the_file_of_its_rules() -> None:
    homes = {rule.rule.id: Path(rule.source.file).name for rule in pack().rules}
    ladders = {"reminders.yaml", "escalation.yaml"}
    for result in cases_run().results:
        if result.case.filed is not None:
            continue  # what was filed speaks of many rules
        file = Path(result.case.place.file).name
        rules = {homes[each.rule] for each in result.case.expect}
        assert file in rules or (rules & ladders and file in ladders), result.case.name


# --- What the rules promise -----------------------------------------------------------------------


def test_every_requirement_has_a_published_rule_that_finds_it_unmet() -> None:
    ruled = {
        rule.rule.requirement for rule in findings_rules() if rule.rule.status is Status.PUBLISHED
    }
    assert {each.id for each in pack().pack.plan.requirements} - ruled == set()


def test_every_message_says_who_owes_what_by_when_as_of_when_and_on_which_basis() -> None:
    for rule in findings_rules():
        message = rule.rule.message or ""
        wanted = ["unit.name", "as_of", "basis"]
        if rule.single:
            wanted.append("due_on")
        assert [name for name in wanted if f"{{{{ {name} }}}}" not in message] == [], rule.rule.id
        assert message.endswith("依据：{{ basis }}。")
        assert rule.rule.clause is not None
        assert rule.rule.remedy


def test_nothing_that_the_office_set_itself_claims_to_stand_in_the_plan() -> None:
    explicit = {rule.rule.id for rule in findings_rules() if rule.rule.basis is Basis.EXPLICIT}
    assert not [name for name in explicit if name.startswith("GEN-") or name.endswith("-claimed")]
    by_id = {each.id: each for each in pack().pack.plan.requirements}
    for rule in findings_rules():
        requirement = by_id.get(rule.rule.requirement or "")
        if rule.rule.basis is Basis.EXPLICIT and requirement is not None:
            assert requirement.basis is Basis.EXPLICIT, rule.rule.id


def test_no_finding_rests_on_the_overall_goal() -> None:
    assert "GOAL" not in {rule.rule.clause for rule in pack().rules}


def test_only_overdue_reports_confirm_themselves() -> None:
    automatic = {rule.rule.id for rule in pack().rules if rule.rule.review is Review.AUTOMATIC}
    assert automatic == {"GEN-R1-late", "GEN-R2-late"}


def test_amounts_are_judged_after_their_due_date_only() -> None:
    for rule in findings_rules():
        if rule.rule.id.endswith(("-short", "-low", "-high", "-within", "-tier", "-untiered")):
            assert rule.rule.scope == "due_passed", rule.rule.id


# --- Ladders --------------------------------------------------------------------------------------

LADDERS = {
    "report": ("GEN-R1", ["R1", "R2", "R3", "R4", "R5"], 5),
    "plan": ("REQ2-O1", ["R1", "R2", "R3", "R4", "R5"], 5),
    "target": ("T09-O1", ["R1a", "R1b", "R2", "R3", "R4", "R5"], 20),
    "milestone": ("T10-O1", ["R1a", "R1b", "R2", "R3", "R4", "R5"], 20),
}


def steps_that_hold(kind: str, **said: int | str) -> list[str]:
    day = pack().pack.plan.issued_on
    fields = defaults(kind, said, unit="TU", category="部门", day=day)
    fields |= {"requirement": LADDERS[kind][0], "clause": "T02", "period": "2022", "period_no": 1}
    fact = Fact(kind, "it", {**fields, **said})
    return [
        rule.rule.notice.step
        for rule in pack().rules
        if rule.rule.notice is not None
        and rule.patterns[0].on == kind
        and verdict(rule, fact) == "violated"
    ]


@pytest.mark.parametrize("kind", LADDERS)
def test_from_the_first_reminder_on_exactly_one_step_holds_until_it_is_filed(kind: str) -> None:
    _, steps, first = LADDERS[kind]
    passed = []
    for days in range(first + 40, -1, -1):
        held = steps_that_hold(kind, filed=0, days_to_due=days)
        assert len(held) == (1 if days <= first else 0), (days, held)
        passed += held
    for days in range(1, 80):
        held = steps_that_hold(kind, filed=0, due_passed=1, days_overdue=days)
        assert len(held) == 1, (days, held)
        passed += held
    assert list(dict.fromkeys(passed)) == steps


@pytest.mark.parametrize("kind", LADDERS)
def test_filing_silences_the_ladder(kind: str) -> None:
    for days in range(30):
        assert steps_that_hold(kind, filed=1, days_to_due=days) == []
    assert steps_that_hold(kind, filed=1, due_passed=1) == []


def test_what_is_met_inside_another_filing_is_not_reminded_of() -> None:
    for kind in LADDERS:
        assert steps_that_hold(kind, filed=0, due_passed=1, days_overdue=3, companion=1) == []


def test_each_ladder_ends_with_liaison_and_deputy_and_tells_the_principal() -> None:
    last = [
        rule.rule.notice
        for rule in pack().rules
        if rule.rule.notice is not None and rule.rule.notice.step in ("R5", "X2")
    ]
    assert [(each.to, each.cc) for each in last] == [(("liaison", "deputy"), ("principal",))] * 5


def test_nothing_is_proposed_on_a_finding_that_nobody_has_confirmed() -> None:
    proposals = [rule for rule in pack().rules if rule.rule.escalate is not None]
    assert len(proposals) == 4
    for state in ("detected", "responded", "appealed", "closed", "dismissed", "waived"):
        fields = defaults("finding", {}, unit="TU", category="部门", day=pack().pack.plan.issued_on)
        fields |= {"rule": "GEN-R1-late", "days_overdue": 99, "days_past_rectify_due": 99}
        for severity in Level:
            fact = Fact("finding", "it", {**fields, "state": state, "severity": severity.value})
            assert {verdict(rule, fact) for rule in proposals} == {None}


# --- The sample year ------------------------------------------------------------------------------

Found = Mapping[str, set[str]]

# rule -> units (with the period where a unit has several).
MAY: Found = {
    "REQ2-O1-late": {"MIB", "SUB-GY", "TWN-BL"},
    "REQ2-O1-filed-late": {"DRC", "SUB-HB", "TWN-NG"},
    "REQ2-O2-coverage": {"IIT"},
    "REQ2-O3-elements": {"FNO"},
    "REQ2-O4-unsigned": {"SAM", "TWN-XP"},
    "REQ2-O5-node-late": {"HRSS"},
}
JULY: Found = {
    "REQ2-O1-late": {"SUB-GY"},
    "REQ2-O1-filed-late": {"DRC", "SUB-HB", "TWN-NG", "MIB", "TWN-BL"},
    "REQ2-O2-coverage": {"IIT"},
    "REQ2-O3-elements": {"FNO"},
    "REQ2-O4-unsigned": {"SAM", "TWN-XP"},
    "REQ2-O5-node-late": {"HRSS"},
    "GEN-R1-late": {"MIB", "SAM", "SUB-GY", "TWN-BL", "SUB-ZQ", "FIC"},
    "GEN-R1-filed-late": {"TWN-DH", "STA", "FNO", "PS", "TWN-NG", "SUB-HB"},
    "GEN-R3-unmentioned": {"DRC"},
    "GEN-R4-claims": {"IIT"},
    "GEN-R5-unsigned": {"YL"},
    "GEN-outside-year": {"CIV"},
    "GEN-systemic": {"IIT"},
    "T09-O1-claimed": {"IIT"},
    "T12-O2-claimed": {"CIV"},
    "T12-O4-claimed": {"CIV"},
    "T15-O1-missing": {"FIN"},
}
DECEMBER: Found = {
    "REQ2-O1-late": {"SUB-GY"},
    "REQ2-O1-filed-late": {"DRC", "SUB-HB", "TWN-NG", "MIB", "TWN-BL"},
    "REQ2-O2-coverage": {"IIT"},
    "REQ2-O4-unsigned": {"SAM", "TWN-XP"},
    "REQ2-O5-node-late": {"HRSS"},
    "GEN-R1-late": {
        *("SUB-GY 2022Q2", "TWN-BL 2022Q2", "SUB-ZQ 2022Q2", "FIC 2022Q2"),
        *("SAM 2022Q3", "SUB-GY 2022Q3", "SUB-ZQ 2022Q3"),
    },
    "GEN-R1-filed-late": {
        *("TWN-DH 2022Q2", "STA 2022Q2", "FNO 2022Q2", "PS 2022Q2", "TWN-NG 2022Q2"),
        *("SUB-HB 2022Q2", "MIB 2022Q2", "SAM 2022Q2", "MIB 2022Q3", "TWN-BL 2022Q3"),
    },
    "GEN-R1-twice-running": {"SUB-GY", "SUB-ZQ"},
    "GEN-R2-late": {"SUB-GY", "SUB-ZQ"},
    "GEN-R2-filed-late": {"PS", "MIB"},
    "GEN-R3-copied": {"TU"},
    "GEN-R3-unmentioned": {"DRC"},
    # ARA reported 180 in June as its ledger then said; the 304 of December are no lie of June's
    "GEN-R4-claims": {"IIT 2022Q2", "CIV 2022Q3"},
    "GEN-R4-fell": {"CIV"},
    "GEN-R5-unsigned": {"YL"},
    "GEN-systemic": {"CIV", "SUB-GY", "SUB-ZQ"},
    "T08-O3-no-expert": {"HRSS"},
    "T11-O1-short": {"TWN-NG"},
    "T11-O1-unreported": {"TWN-BL"},
    "T12-O2-claimed": {"CIV"},
    "T12-O2-within": {"CIV"},
    "T12-O3-no-post": {"CIV"},
}


@dataclass(frozen=True)
class Evaluated:
    """The sample year on its own database, evaluated once as of a day and as known then."""

    office: Office
    run: Evaluation


Sample = Callable[[str], Evaluated]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    folder = tmp_path_factory.mktemp("sample")
    filed = folder / "filed.db"
    office = Office(f"sqlite:///{filed}")
    office.adopt()
    lines = read_lines(TALENT / "sample" / "submissions.jsonl")
    office.submit(*(line.value for line in lines))  # type: ignore[arg-type]
    office.close()
    evaluated: dict[str, Evaluated] = {}

    def as_of(day: str) -> Evaluated:
        if day not in evaluated:
            shutil.copy(filed, folder / f"{day}.db")
            office = Office(f"sqlite:///{folder / f'{day}.db'}")
            evaluated[day] = Evaluated(office, office.evaluate(day, known_at=day))
        return evaluated[day]

    yield as_of
    for each in evaluated.values():
        each.office.close()


def accused(run: Evaluation) -> dict[str, set[str]]:
    """Units by rule, with the period where the rule finds several of one unit."""
    times = Counter((each.rule, each.unit) for each in run.problems)
    several = {rule for (rule, _), count in times.items() if count > 1}
    found: dict[str, set[str]] = {}
    for each in run.problems:
        name = f"{each.unit} {each.period}" if each.rule in several else each.unit
        found.setdefault(each.rule, set()).add(name)
    return found


def by_period(run: Evaluation, rule: str) -> set[str]:
    return {f"{each.unit} {each.period}" for each in run.problems if each.rule == rule}


def message(run: Evaluation, rule: str, unit: str) -> str:
    (found,) = [each for each in run.problems if (each.rule, each.unit) == (rule, unit)]
    return found.message


@pytest.mark.parametrize(
    ("day", "expected"), [("2022-05-05", MAY), ("2022-07-15", JULY), ("2022-12-31", DECEMBER)]
)
def test_the_sample_accuses_exactly_those_it_should(
    sample: Sample, day: str, expected: Found
) -> None:
    run = sample(day).run
    assert run.status is RunStatus.COMPLETED, run.cause
    assert (run.broken, run.skipped) == ([], [])
    found = accused(run)
    for rule, units in expected.items():
        if any(" " in unit for unit in units):
            found[rule] = by_period(run, rule)
    assert found == expected
    assert len(run.problems) == sum(len(units) for units in expected.values())


@pytest.mark.parametrize("day", ["2022-05-05", "2022-07-15", "2022-12-31"])
def test_every_message_of_the_sample_is_one_whole_sentence_with_its_basis(
    sample: Sample, day: str
) -> None:
    run = sample(day).run
    year, month, date = day.split("-")
    as_of = f"截至{year}年{int(month)}月{int(date)}日"
    names = {unit.code: unit.name for unit in pack().pack.units}
    for each in run.problems:
        assert names[each.unit] in each.message
        assert as_of in each.message
        assert re.search(r"依据：《X区2022年人才工作安排》[二三][.(].*（.*）。$", each.message)
        assert not re.search(r"[\u4e00-\u9fff，。；（）“”] |[{}]|None|T\d\d|-O\d", each.message)


def test_the_sample_in_july_says_what_was_owed_what_is_there_and_how_far_off(
    sample: Sample,
) -> None:
    run = sample("2022-07-15").run
    severities = {(each.rule, each.unit): each.severity for each in run.problems}
    assert severities["REQ2-O1-late", "SUB-GY"] == "critical"
    assert message(run, "REQ2-O1-late", "SUB-GY") == (
        "工业路办事处应于2022年4月18日前报送落实方案，截至2022年7月15日未报送（逾期62个工作日）。"
        "依据：《X区2022年人才工作安排》三.2（原文明示，时限系督查部门设定）。"
    )
    assert severities["GEN-R1-late", "FIC"] == "major"
    assert message(run, "GEN-R1-late", "FIC") == (
        "区工商业联合会应于2022年6月27日前报送2022年第二季度进展报告，截至2022年7月15日未报送"
        "（逾期14个工作日）。依据：《X区2022年人才工作安排》二.(一).2（督查部门设定）。"
    )
    assert "迟于时限1个工作日" in message(run, "GEN-R1-filed-late", "TWN-DH")
    assert "未覆盖分解任务1项：二.(三).10（技能人才岗位练兵）" in message(
        run, "REQ2-O2-coverage", "IIT"
    )
    assert "六项要素中有3项缺项" in message(run, "REQ2-O3-elements", "FNO")
    assert severities["REQ2-O3-elements", "FNO"] == "major"
    assert "定于2022年12月15日，晚于任务时限2022年11月30日" in message(
        run, "REQ2-O5-node-late", "HRSS"
    )
    assert "上报221人，截至2022年7月15日经名册去重核算为162人（名册208人次），相差59人" in message(
        run, "T09-O1-claimed", "IIT"
    )
    assert "累计上报221，台账截至报送日核算为162，相差59" in message(run, "GEN-R4-claims", "IIT")
    assert "另有1期日期不在年度内，未计入" in message(run, "T12-O4-claimed", "CIV")
    assert "没有金额大于零且注明预算批复文号的记录" in message(run, "T15-O1-missing", "FIN")


def test_in_july_the_overdue_are_urged_at_their_last_step_and_escalation_is_proposed(
    sample: Sample,
) -> None:
    run = sample("2022-07-15").run
    owing = {"MIB", "SAM", "SUB-GY", "TWN-BL", "SUB-ZQ", "FIC"}
    notices = sample("2022-07-15").office.notices()
    notices = [each for each in notices if each.state != "superseded"]
    assert {each.step for each in notices} == {"R5"}
    assert {each.unit for each in notices} == owing
    fired = {each.rule: each.violated for each in run.rules if each.rule.startswith("propose")}
    assert fired == {
        "propose-L2-overdue": 0,
        "propose-L2-unrectified": 0,
        "propose-L3-overdue": len(owing),
        "propose-L3-unrectified": 0,
    }
    assert run.counts["escalations"] == len(owing)


def test_the_same_moment_again_changes_nothing(sample: Sample) -> None:
    office = sample("2022-07-15").office
    again = office.evaluate("2022-07-15", known_at="2022-07-15")
    assert {name: count for name, count in again.counts.items() if count} == {"kept": 32}


def test_what_is_not_known_is_counted_as_such_with_the_field_that_is_missing(
    sample: Sample,
) -> None:
    run = sample("2022-07-15").run
    by_rule = {each.rule: each for each in run.rules}
    unsigned = by_rule["GEN-R5-unsigned"]
    assert (unsigned.applicable, unsigned.satisfied, unsigned.violated) == (30, 23, 1)
    assert (unsigned.undecided, dict(unsigned.missing)) == (6, {"signed": 6})
    assert by_rule["T09-O1-short"].applicable == 0, "no verdict on a number before its due date"


def test_every_kind_of_obligation_has_rules() -> None:
    assert {rule.patterns[0].on for rule in findings_rules()} >= set(OBLIGATION_KINDS)
