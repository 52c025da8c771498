"""The traps of the domain study (plan-2022/domain.md §8), each as a journey on the real plan.

Everybody files a faultless year but for the trap, so the findings are compared as whole sets:
what must be found is found, and nobody else is accused.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from supervision.domain.findings import Event, State
from supervision.domain.runs import RunStatus
from supervision.domain.workdays import CalendarMissing
from supervision.errors import Refused
from supervision.scheduling import Worker
from supervision.services.evaluation import Evaluation
from supervision.services.load_pack import load_pack
from supervision.store.tables import FindingRow
from tests.exemplary_year import TIERS, Line, Year, a_class, again, lines, managers, recruits
from tests.office import TALENT, Office, at

YEAR_END = "2022-12-30"


def accusations(office: Office) -> set[tuple[str, str]]:
    """(rule, unit) of every open finding."""
    rows = [(row.rule, row.unit) for row in office.findings()]
    assert len(set(rows)) == len(rows), "somebody is accused of one thing twice"
    return set(rows)


def counts_of(run: Evaluation, rule: str) -> tuple[int, int, int, int]:
    """(applicable, satisfied, violated, undecided) of one rule."""
    found = next(each for each in run.rules if each.rule == rule)
    assert found.applicable == (
        found.satisfied + found.violated + found.undecided + found.waived + found.broken
    )
    return found.applicable, found.satisfied, found.violated, found.undecided


def as_stored(row: FindingRow) -> dict[str, object]:
    """Every column of a finding."""
    return row.model_dump()


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., Path]:
    """Copies the talent pack and replaces texts in its files: edited(("plan.yaml", old, new))."""

    def edit(*changes: tuple[str, str, str]) -> Path:
        folder = tmp_path / "edited"
        if not folder.exists():
            shutil.copytree(TALENT, folder, ignore=shutil.ignore_patterns("sample"))
        for name, old, new in changes:
            path = folder / name
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            assert old in text, f"{name} no longer holds {old!r}"
            path.write_text(text.replace(old, new) if old else new, encoding="utf-8")
        return folder

    return edit


# --- Nobody is accused who did all --------------------------------------------------------------


def test_a_district_that_does_everything_in_time_is_never_accused_nor_reminded_of_what_it_filed(
    talent_office: Office, rest: Year
) -> None:
    office = talent_office
    office.submit(*lines(rest))
    for day in ("2022-04-19", "2022-07-01", "2022-12-01", YEAR_END):
        run = office.evaluate(day)
        assert run.status is RunStatus.COMPLETED
        assert accusations(office) == set()
        assert sum(each.violated for each in run.rules if each.outcome == "finding") == 0
    undecided = {each.rule for each in run.rules if each.undecided}
    assert undecided == set(), "at the year's end nothing may be left unknown of a faultless year"
    assert {notice.step for notice in office.notices()} <= {"R1a"}, "only what lay ahead"


# --- 1 to 6: what counts, and once --------------------------------------------------------------


def test_three_hundred_trainees_of_one_tier_meet_the_number_and_not_the_tiers(
    talent_office: Office, year: Year, rest: Year
) -> None:
    """Trap 1: 300 trainees, one tier → T11-O1 passes, T11-O2 finding."""
    of_one_tier = [
        again(
            line,
            "2022-11-24 10:00",
            records=[record | {"tier": TIERS[0]} for record in line["records"]],
        )
        for key, line in year.items()
        if key.startswith("T11-O1/TWN-")
    ]
    talent_office.submit(*lines(rest), *of_one_tier)
    run = talent_office.evaluate(YEAR_END)
    assert accusations(talent_office) == {("T11-O2-one-tier", "ARA")}
    assert counts_of(run, "T11-O1-short") == (6, 6, 0, 0)
    message = talent_office.finding("T11-O2-one-tier").message
    assert "仅有1个层次" in message
    assert "不符合“分层次”要求" in message


ROSTER = managers(range(150), "QY-1") + managers(range(50), "QY-2")
"""Two hundred attendances of one hundred and fifty people."""


def test_two_hundred_attendances_of_one_hundred_and_fifty_people_are_short_by_fifty(
    talent_office: Office, year: Year, rest: Year
) -> None:
    """Trap 2: 200 人次, 150 distinct people → T09 finding with both numbers."""
    filed = again(
        year["T09-O1/IIT/2022"], "2022-11-28", content={"attendances": 200}, records=ROSTER
    )
    talent_office.submit(*lines(rest), filed)
    talent_office.evaluate(YEAR_END)
    assert accusations(talent_office) == {("T09-O1-short", "IIT")}
    message = talent_office.finding("T09-O1-short").message
    assert "200人，截至" in message
    assert "去重后为150人（名册200人次），差50人" in message


def test_who_claims_two_hundred_with_that_roster_is_also_told_that_the_numbers_differ(
    talent: Office, year: Year, rest: Year
) -> None:
    """Trap 2, the unit reports attendances as people: both findings, each with both numbers."""
    filed = again(year["T09-O1/IIT/2022"], "2022-11-28", content={"claimed": 200}, records=ROSTER)
    talent.submit(*lines(rest), filed)
    talent.evaluate(YEAR_END)
    assert accusations(talent) == {("T09-O1-short", "IIT"), ("T09-O1-claimed", "IIT")}
    assert "（上报200人，名册200人次），差50人" in talent.finding("T09-O1-short").message
    claimed = talent.finding("T09-O1-claimed").message
    assert "上报200人" in claimed
    assert "核算为150人（名册200人次），相差50人" in claimed


@pytest.mark.parametrize(
    ("number", "rule", "level", "said"),
    [
        (89, "T12-O2-low", "major", "到岗89名，低于下限90名，差1名"),
        (90, "T12-O2-within", "info", "到岗90名，少于100名，处于督查部门设定的“左右”容差"),
        (99, "T12-O2-within", "info", "到岗99名，少于100名，处于督查部门设定的“左右”容差"),
        (100, None, None, None),
        (110, "T12-O2-within", "info", "到岗110名，多于100名，处于督查部门设定的“左右”容差"),
        (111, "T12-O2-high", "info", "到岗111名，超过上限110名，多1名"),
    ],
)
def test_about_one_hundred_recruits_reach_from_ninety_to_one_hundred_and_ten(
    number: int, rule: str | None, level: str, said: str, talent: Office, year: Year, rest: Year
) -> None:
    """Trap 3: 89 / 90 / 99 / 100 / 110 / 111 → fail / note / note / pass / note / INFO."""
    talent.submit(*lines(rest), a_recruitment(year, number, "2022-11-28"))
    talent.evaluate(YEAR_END)
    assert accusations(talent) == ({(rule, "CIV")} if rule else set())
    if rule:
        found = talent.finding(rule)
        assert found.severity == level
        assert said in found.message
        assert "±10%（90–110名）" in found.message, "the tolerance is the office's, so it is said"


def test_the_band_of_one_hundred_is_the_same_on_each_database(
    talent_office: Office, year: Year, rest: Year
) -> None:
    """Trap 3 on both databases: the roster grows over the band, and the findings follow it."""
    office = talent_office
    office.submit(*lines(rest))
    found = {}
    for day, number in (("01", 89), ("02", 90), ("05", 110), ("06", 111)):
        office.submit(a_recruitment(year, number, f"2022-12-{day} 09:00"))
        office.evaluate(f"2022-12-{day}")
        found[number] = accusations(office)
    assert found == {
        89: {("T12-O2-low", "CIV")},
        90: {("T12-O2-within", "CIV")},
        110: {("T12-O2-within", "CIV")},
        111: {("T12-O2-high", "CIV")},
    }
    assert office.finding("T12-O2-low").state == "cleared"


def a_recruitment(year: Year, number: int, when: str) -> Line:
    filed = year["T12-O2/CIV/2022"]
    return again(filed, when, content={"claimed": number}, records=recruits(number))


def test_one_class_filed_as_two_kinds_counts_for_the_kind_it_was_filed_as_first(
    talent_office: Office, year: Year, rest: Year
) -> None:
    """Trap 4: same class counted for 高规格 and 专技 → counts once."""
    twice = again(
        year["T08-O2/HRSS/2022"],
        "2022-11-28",
        content={"claimed": 1},
        records=[a_class("G2", "高层次专业技术")],
    )
    talent_office.submit(*lines(rest), twice)
    run = talent_office.evaluate(YEAR_END)
    assert accusations(talent_office) == {("T08-O2-short", "HRSS"), ("T08-O2-claimed", "HRSS")}
    assert counts_of(run, "T08-O1-short") == (1, 1, 0, 0)
    assert "已举办0期，差1期（上报1期）" in talent_office.finding("T08-O2-short").message


def test_a_class_that_stands_twice_in_a_filing_is_one_class(
    talent: Office, year: Year, rest: Year
) -> None:
    """Trap 4, the other way round: a class that is filed again under its own kind is no second."""
    one = a_class("G1", "高规格")
    filed = again(
        year["T08-O1/HRSS/2022"], "2022-11-28", content={"claimed": 2}, records=[one, dict(one)]
    )
    talent.submit(*lines(rest), filed)
    talent.evaluate(YEAR_END)
    assert accusations(talent) == {("T08-O1-short", "HRSS"), ("T08-O1-claimed", "HRSS")}
    assert "已举办1期，差1期（上报2期）" in talent.finding("T08-O1-short").message


@pytest.mark.parametrize(
    ("start", "end"),
    [("2021-12-28", "2021-12-30"), ("2023-01-04", "2023-01-06"), ("2022-12-29", "2023-01-03")],
)
def test_a_class_that_ends_in_another_year_does_not_count_and_the_unit_hears_why(
    start: str, end: str, talent: Office, year: Year, rest: Year
) -> None:
    """Trap 5: class dated 2021-12-30 or 2023 → not counted; by its end date."""
    classes = [a_class("S1", "社会工作专题"), a_class("S2", "社会工作专题", start, end)]
    filed = again(year["T12-O4/CIV/2022"], "2022-11-28", content={"claimed": 1}, records=classes)
    talent.submit(*lines(rest), filed)
    talent.evaluate("2023-02-01")
    assert accusations(talent) == {("T12-O4-short", "CIV"), ("GEN-outside-year", "CIV")}
    assert "已举办1期，差1期" in talent.finding("T12-O4-short").message
    outside = talent.finding("GEN-outside-year")
    assert outside.severity == "info"
    assert "有1条记录的日期不在2022年度内，未计入完成数（已计入的为1）" in outside.message


def test_a_class_that_began_last_year_counts_by_its_end_and_is_flagged(
    talent_office: Office, year: Year, rest: Year
) -> None:
    """Trap 5: class spanning the year end → by end date, flagged."""
    spanning = a_class("S2", "社会工作专题", "2021-12-29", "2022-01-05")
    classes = [a_class("S1", "社会工作专题"), spanning]
    talent_office.submit(
        *lines(rest), again(year["T12-O4/CIV/2022"], "2022-11-28", records=classes)
    )
    run = talent_office.evaluate(YEAR_END)
    assert accusations(talent_office) == {("GEN-spans-year-end", "CIV")}
    assert counts_of(run, "T12-O4-short") == (1, 1, 0, 0)
    found = talent_office.finding("GEN-spans-year-end")
    assert found.severity == "info"
    assert "按结束日期计入本年度" in found.message


def test_an_office_without_any_task_owes_its_plan_and_has_no_task_to_cover(
    talent_office: Office, rest: Year
) -> None:
    """Trap 6: plan from an 办事处 with zero assigned tasks → still due; coverage vacuously met."""
    office = talent_office
    plan = rest.pop("REQ2-O1/SUB-XC/2022")
    assert plan["content"]["tasks"] == []
    office.submit(*lines(rest))
    missing = office.evaluate("2022-04-25")
    assert accusations(office) == {("REQ2-O1-late", "SUB-XC")}
    assert counts_of(missing, "REQ2-O2-coverage") == (30, 29, 0, 1), "not filed is not covered"
    office.submit(again(plan, "2022-04-26 09:00"))
    filed = office.evaluate("2022-04-26")
    assert accusations(office) == {("REQ2-O1-filed-late", "SUB-XC")}
    for rule in ("REQ2-O2-coverage", "REQ2-O3-elements", "REQ2-O5-no-node"):
        assert counts_of(filed, rule) == (30, 30, 0, 0)


# --- 7 and 8: days ------------------------------------------------------------------------------


def test_one_minute_after_the_cutoff_is_late_and_the_cutoff_itself_is_not(
    talent_office: Office, rest: Year
) -> None:
    """Trap 7: report submitted 17:31 on the due day."""
    for unit, minute in (("TU", "17:30"), ("YL", "17:31")):
        key = f"GEN-R1/{unit}/2022Q2"
        rest[key] = again(rest[key], f"2022-06-27 {minute}")
    talent_office.submit(*lines(rest))
    talent_office.evaluate("2022-06-27 17:30:30")
    assert accusations(talent_office) == {("GEN-R1-late", "YL")}
    assert "逾期1个工作日" in talent_office.finding("GEN-R1-late").message
    talent_office.evaluate("2022-06-28")
    assert talent_office.finding("GEN-R1-late").state == "responded"
    assert accusations(talent_office) == {("GEN-R1-late", "YL"), ("GEN-R1-filed-late", "YL")}
    assert "迟于时限1个工作日" in talent_office.finding("GEN-R1-filed-late").message


def test_the_makeup_saturday_in_october_is_a_working_day_like_any_other(
    talent_office: Office, rest: Year
) -> None:
    """Trap 7: report on the make-up Saturday 2022-10-08: five working days after 26 September."""
    office = talent_office
    late = rest.pop("GEN-R1/MIB/2022Q3")
    office.submit(*lines(rest))
    office.evaluate("2022-10-07")
    found = office.finding("GEN-R1-late")
    assert "逾期4个工作日" in found.message, "the holiday week does not count"
    assert found.severity == "minor"
    office.evaluate("2022-10-08 09:00")
    assert office.finding("GEN-R1-late").severity == "major", "five working days on the Saturday"
    office.submit(again(late, "2022-10-08 10:15"))
    office.evaluate("2022-10-08")
    assert accusations(office) == {("GEN-R1-late", "MIB"), ("GEN-R1-filed-late", "MIB")}
    assert "迟于时限5个工作日" in office.finding("GEN-R1-filed-late").message


def test_what_is_due_on_the_first_of_october_is_due_on_the_makeup_saturday(
    sqlite_office: Office, year: Year, edited: Callable[..., Path]
) -> None:
    """Trap 7: due on 2022-10-01 → rolls to 10-08."""
    office = sqlite_office
    old = "due: {dates: [2022-06-25, 2022-09-25]}"
    office.adopt(edited(("plan.yaml", old, "due: {dates: [2022-06-25, 2022-10-01]}")))
    fourth = {
        key.replace("2022Q3", "2022Q4"): again(line, "2022-10-08 17:30", period="2022Q4")
        for key, line in year.items()
        if key.endswith("/2022Q3")
    }
    fourth["GEN-R1/YL/2022Q4"] = again(fourth["GEN-R1/YL/2022Q4"], "2022-10-08 17:31")
    fourth.pop("GEN-R1/PS/2022Q4")
    earlier = {key: line for key, line in year.items() if line["submitted_at"] < "2022-07"}
    office.submit(*lines(earlier), *lines(fourth))
    office.evaluate("2022-10-08 17:30")
    assert accusations(office) == set()
    office.evaluate("2022-10-09")
    assert accusations(office) == {("GEN-R1-filed-late", "YL"), ("GEN-R1-late", "PS")}
    assert "2022年10月8日前" in office.finding("GEN-R1-late").message


def test_a_deadline_in_a_year_without_a_calendar_is_an_error_that_names_the_year(
    sqlite_office: Office, edited: Callable[..., Path]
) -> None:
    """Trap 8: calendar for 2023 missing → the computation errors out with that message."""
    only_2022 = ("plan.yaml", "calendar: china  #", "calendar: {name: china, years: [2022]}  #")
    folder = edited(only_2022)
    sqlite_office.adopt(folder)
    with pytest.raises(CalendarMissing, match="no working-day table for 2023"):
        sqlite_office.evaluate("2023-01-04")
    assert sqlite_office.findings(settled=True) == []

    # New Year's Eve was a Saturday: the due date would roll into the year that is not known
    edited(("plan.yaml", "due: {date: 2022-12-20}", "due: {date: 2022-12-31}"))
    with pytest.raises(CalendarMissing, match="no working-day table for 2023"):
        sqlite_office.adopt(folder)
    assert sqlite_office.evaluate("2022-04-18").status is RunStatus.COMPLETED


# --- 10: once, however often ---------------------------------------------------------------------


def test_a_scheduler_that_runs_twice_or_restarts_doubles_no_finding_no_mail_and_no_list(
    talent_office: Office, rest: Year, open_office: Callable[..., Office]
) -> None:
    """Trap 10: scheduler runs twice or restarts → no duplicate finding, e-mail or 文号."""
    office = talent_office
    for unit in ("MIB", "YL"):
        rest.pop(f"GEN-R1/{unit}/2022Q2")
    office.submit(*lines(rest))
    office.clock.now = at("2022-07-15 09:05")

    def tick(worker: Worker) -> None:
        worker.evaluate_what_is_due()
        worker.deliver_what_is_due()

    worker = Worker(office.app)
    tick(worker)
    numbers = sorted(row.number for row in office.findings())
    assert accusations(office) == {("GEN-R1-late", "MIB"), ("GEN-R1-late", "YL")}
    sent = Counter(mail.message_id for mail in office.mails)
    assert {mail.recipient for mail in office.mails} == {
        f"{post}@{unit}.example.org"
        for unit in ("mib", "yl")
        for post in ("liaison", "deputy", "principal")
    }
    assert office.issue_list("2022-07-15 09:10")["number"] == 1
    notices = len(office.notices())

    tick(worker)  # the same scheduler once more
    restarted = open_office(office.app.settings.database_url)
    restarted.clock.now = at("2022-07-15 09:30")
    tick(Worker(restarted.app))  # and after a restart
    by_hand = restarted.evaluate("2022-07-15 09:30")
    assert (by_hand.counts["opened"], by_hand.counts["notices"]) == (0, 0)

    assert sorted(row.number for row in restarted.findings()) == numbers
    assert len(restarted.notices()) == notices
    everything = Counter(mail.message_id for mail in (*office.mails, *restarted.mails))
    leaders = {mail.recipient for mail in restarted.mails}
    assert leaders == {"head@district.example.org", "secretary@district.example.org"}
    assert set(everything.values()) == {1}
    assert sum(everything.values()) == sum(sent.values()) + len(leaders)


def test_a_list_is_numbered_once_for_a_run_and_the_next_has_the_next_number(
    talent_office: Office, rest: Year
) -> None:
    """Trap 10: no 文号 twice, and none for nothing."""
    rest.pop("GEN-R1/YL/2022Q2")
    talent_office.submit(*lines(rest))
    talent_office.evaluate("2022-07-15")
    assert talent_office.issue_list("2022-07-15 18:00")["number"] == 1
    with pytest.raises(Refused, match="list 1 was issued for this very run"):
        talent_office.issue_list("2022-07-15 18:01")
    talent_office.evaluate("2022-07-18")
    second = talent_office.issue_list("2022-07-18 18:00")
    assert second["number"] == 2
    assert [row["unit_code"] for row in second["rows"]] == ["YL"]
    assert second["changes"] == {"added": [], "removed": [], "raised": []}


# --- 11 to 14: what people have decided stands ---------------------------------------------------


def test_what_is_mended_before_anybody_confirmed_clears_itself_and_afterwards_waits_for_a_person(
    talent_office: Office, rest: Year
) -> None:
    """Trap 11: confirmed, then fixed → 待验收, not closed; still detected, then fixed → cleared."""
    office = talent_office
    mended = [rest.pop(f"REQ2-O1/{unit}/2022") for unit in ("TU", "YL")]
    office.submit(*lines(rest))
    office.evaluate("2022-04-20")
    assert accusations(office) == {("REQ2-O1-late", "TU"), ("REQ2-O1-late", "YL")}
    confirmed = office.finding("REQ2-O1-late", "TU").number
    office.decide(Event.CONFIRM, confirmed, on="2022-04-20 18:00")
    for line in mended:
        office.submit(again(line, "2022-04-21 10:00"))
    office.evaluate("2022-04-21")
    standing = office.finding("REQ2-O1-late", "TU")
    assert standing.state == "responded"
    assert office.events(confirmed)[-1] == ("recheck satisfied", "responded")
    assert office.finding("REQ2-O1-late", "YL").state == "cleared"
    late = {("REQ2-O1-filed-late", "TU"), ("REQ2-O1-filed-late", "YL")}
    assert accusations(office) == {("REQ2-O1-late", "TU"), *late}
    office.evaluate("2022-04-22")
    assert office.finding("REQ2-O1-late", "TU").state == "responded", "only a person accepts"
    office.decide(Event.ACCEPT, confirmed, on="2022-04-22 18:00")
    assert office.finding("REQ2-O1-late", "TU").state == "closed"
    assert accusations(office) == late


def test_a_tolerance_widened_afterwards_leaves_a_confirmed_finding_as_it_was_in_every_column(
    talent_office: Office, year: Year, rest: Year, edited: Callable[..., Path]
) -> None:
    """Trap 12: tolerance changed after confirmation → old finding unchanged."""
    office = talent_office
    office.submit(*lines(rest), a_recruitment(year, 89, "2022-11-28"))
    office.evaluate("2022-12-01")
    number = office.finding("T12-O2-low").number
    office.decide(Event.CONFIRM, number, on="2022-12-01 18:00")
    before = as_stored(office.finding("T12-O2-low"))

    old = "{from: 2022-01-01, value: 0.10,"
    office.adopt(edited(("plan.yaml", old, "{from: 2022-01-01, value: 0.15,")))
    office.evaluate("2022-12-05")
    after = as_stored(office.finding("T12-O2-low"))
    assert after == before
    assert "±10%（90–110名）" in str(after["message"])
    assert accusations(office) == {("T12-O2-low", "CIV"), ("T12-O2-within", "CIV")}
    assert "±15%（85–115名）" in office.finding("T12-O2-within").message


def test_a_tolerance_narrowed_afterwards_changes_nothing_of_it_but_when_it_was_last_seen(
    talent: Office, year: Year, rest: Year, edited: Callable[..., Path]
) -> None:
    """Trap 12, the other way: it keeps its own band, message and facts."""
    talent.submit(*lines(rest), a_recruitment(year, 89, "2022-11-28"))
    talent.evaluate("2022-12-01")
    talent.decide(Event.CONFIRM, talent.finding("T12-O2-low").number, on="2022-12-01 18:00")
    before = as_stored(talent.finding("T12-O2-low"))
    old = "{from: 2022-01-01, value: 0.10,"
    talent.adopt(edited(("plan.yaml", old, "{from: 2022-01-01, value: 0.05,")))
    talent.evaluate("2022-12-05")
    after = as_stored(talent.finding("T12-O2-low"))
    assert {name for name in after if after[name] != before[name]} == {"last_seen", "last_run"}
    assert accusations(talent) == {("T12-O2-low", "CIV")}


BASES = """
  - id: T03-O1
    clause: T03
    title: 建设高层次人才创新创业基地
    kind: milestone
    basis: explicit
    owed_by: lead
    due: {date: 2022-12-20}
    measure: {ledger: bases, count: true}
"""
BASES_RULE = """
rules:
  - id: T03-O1-none
    title: 未报送基地建设成果
    clause: T03
    requirement: T03-O1
    basis: explicit
    on: milestone
    scope: due_passed
    when: count = 0 or (count is null and not filed)
    severity: [{level: major}]
    message: "{{ unit.name }}应于{{ due_on }}前报送，截至{{ as_of }}未报送。依据：{{ basis }}。"
"""
T03_ASSIGNMENTS = """\
  - {clause: T03, unit: AMC, role: lead}
  - {clause: T03, unit: PARK, role: co}
  - {clause: T03, unit: STI, role: co}
  - {clause: T03, unit: IIT, role: co}
  - {clause: T03, unit: ORG, role: co}
  - {clause: T03, unit: DRC, role: co}
"""


def test_a_task_without_a_lead_is_skipped_with_its_reason_and_never_passed(
    sqlite_office: Office, year: Year, edited: Callable[..., Path]
) -> None:
    """Trap 13: ledger has no lead for T03 → rule *skipped* with reason, not passed."""
    office = sqlite_office
    folder = edited(
        ("plan.yaml", "\nrequirements:\n", "\nrequirements:" + BASES),
        ("rules/t03.yaml", "", BASES_RULE),
        ("assignments.yaml", T03_ASSIGNMENTS, ""),
    )
    adopted = office.adopt(folder)
    reasons = [(each.requirement, each.reason) for each in adopted.skipped]
    assert reasons == [("T03-O1", "no lead unit assigned")]
    office.submit(*lines(year))
    run = office.evaluate(YEAR_END)
    assert run.skipped == [("T03-O1", "no lead unit assigned")]
    assert counts_of(run, "T03-O1-none") == (0, 0, 0, 0), "nobody passed what nobody owes"
    assert accusations(office) == set()

    # once somebody leads it, that unit owes it and nobody else does
    edited(("assignments.yaml", "assignments:\n", "assignments:\n" + T03_ASSIGNMENTS))
    assert office.adopt(folder).skipped == ()
    again = office.evaluate("2023-01-03")
    assert again.skipped == []
    assert accusations(office) == {("T03-O1-none", "AMC")}


def test_an_extension_after_the_first_urge_stops_the_chasing_and_keeps_the_original_date(
    talent_office: Office, rest: Year
) -> None:
    """Trap 14: extension approved after first urge → chasing stops, clock uses new due."""
    office = talent_office
    line = rest.pop("GEN-R1/YL/2022Q2")
    office.submit(*lines(rest))
    office.evaluate("2022-06-28 08:00")
    office.deliver("2022-06-28 09:00")
    assert [(row.step, row.state) for row in office.notices(unit="YL") if row.step == "R4"] == [
        ("R4", "sent"),
        ("R4", "sent"),
    ]
    with pytest.raises(Refused, match="--late-request"):
        office.extend("GEN-R1/YL/2022Q2", "2022-07-08", on="2022-06-28 10:00")
    office.extend("GEN-R1/YL/2022Q2", "2022-07-08", on="2022-06-28 10:00", late_request=True)
    urged = len(office.mails)

    for day in ("2022-06-29 08:00", "2022-06-30 08:00"):  # R5 would have come on the 30th
        run = office.evaluate(day)
        assert counts_of(run, "GEN-R1-late")[2] == 0
        assert counts_of(run, "remind-report-R5")[2] == 0
        office.deliver(day.replace("08", "09"))
    assert len(office.mails) == urged
    assert office.finding("GEN-R1-late").state == "responded"

    office.evaluate("2022-07-11 08:00")
    office.deliver("2022-07-11 09:00")
    assert len(office.mails) == urged + 2, "the first urge after the new date"
    urge = office.mails[-1].text
    assert "2022年7月8日" in urge
    assert "2022年6月27日" in urge, "the original date is kept"
    assert office.finding("GEN-R1-late").state == "confirmed", "late again, nobody had accepted"
    assert accusations(office) == {("GEN-R1-late", "YL")}
    office.submit(again(line, "2022-07-08 17:30"))
    run = office.evaluate("2022-07-12")
    assert counts_of(run, "GEN-R1-filed-late") == (60, 60, 0, 0), "in time by the new date"


def test_an_extension_before_the_due_date_leaves_nobody_accused(talent: Office, rest: Year) -> None:
    """Trap 14, asked for in time: the finding never arises, and its message tells both dates."""
    rest.pop("GEN-R1/YL/2022Q2")
    talent.submit(*lines(rest))
    talent.evaluate("2022-06-24 08:00")
    talent.extend("GEN-R1/YL/2022Q2", "2022-07-08", on="2022-06-24 10:00")
    talent.evaluate("2022-07-08")
    assert accusations(talent) == set()
    talent.evaluate("2022-07-11")
    assert accusations(talent) == {("GEN-R1-late", "YL")}
    message = talent.finding("GEN-R1-late").message
    assert (
        "应于2022年7月8日前报送2022年第二季度进展报告（经批准延期，原时限2022年6月27日）" in message
    )


# --- 20: each unit hears of itself alone ---------------------------------------------------------


def test_a_mail_speaks_of_its_own_unit_alone_and_the_list_goes_to_leaders_alone(
    talent_office: Office,
) -> None:
    """Trap 20: one e-mail to each unit with that unit's items only; the list not for units."""
    office = talent_office
    office.evaluate("2022-07-15 08:00")
    late = {row.unit for row in office.findings()}
    assert late == {"TU", "YL", "MIB", "SUB-XC"}
    office.issue_list("2022-07-15 08:30")
    office.deliver("2022-07-15 09:00")

    units = {unit.code: unit.name for unit in load_pack(TALENT).units}
    leaders = {"head@district.example.org", "secretary@district.example.org"}
    to_units = [mail for mail in office.mails if mail.recipient not in leaders]
    told = Counter(mail.recipient for mail in to_units)
    assert set(told.values()) == {1}, "one mail a recipient a day, however much is overdue"
    for mail in to_units:
        own = unit_of(mail.recipient)
        text = f"{mail.subject}\n{mail.text}\n{mail.html}"
        assert [name for code, name in units.items() if code != own and name in text] == []
        assert units[own] in text
        assert {unit_of(address) for address in mail.shown_cc} <= {own}
        assert "重点关注名单" not in text
        assert not mail.attachments
    assert {unit_of(address) for address in told} == late
    both = next(mail for mail in to_units if mail.recipient == "liaison@yl.example.org")
    assert "落实方案" in both.text
    assert "第二季度" in both.text

    lists = [mail for mail in office.mails if mail.recipient in leaders]
    assert {mail.recipient for mail in lists} == leaders
    assert all("重点关注名单" in mail.subject and mail.attachments for mail in lists)
    assert len(lists) == len(leaders)


def unit_of(address: str) -> str:
    return address.split("@")[1].split(".", maxsplit=1)[0].upper()


def test_every_open_state_of_a_finding_is_one_the_traps_can_meet() -> None:
    """The journeys above compare open findings: a new state must be thought of here."""
    assert {state.value for state in State} == {
        "detected", "confirmed", "notified", "acknowledged", "appealed", "responded",
        "closed", "dismissed", "cleared", "waived",
    }  # fmt: skip
