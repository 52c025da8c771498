"""Two times: what a day was answered then stays its answer, whatever becomes known afterwards.

Also what else time does to findings: waivers end, the dismissed stays dismissed, what was mended
waits for a person, and a run that would surprise everybody waits for one too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from supervision.domain.findings import Event
from supervision.domain.runs import Mode, RunStatus
from supervision.errors import NotFound, Refused
from supervision.services.evaluation import Evaluation
from supervision.services.release_run import release_run
from supervision.store import runs
from tests.office import LATE, SMALL, TALENT, Office, a_submission, at, ladder_rules, small_pack
from tests.table_dump import difference, everything

Answer = dict[str, Any]


# --- A small plan with a number in it ------------------------------------------------------------

ROADS: dict[str, Any] = {
    "id": "A1-T1",
    "clause": "A1",
    "title": "修路100公里左右",
    "kind": "target",
    "basis": "explicit",
    "owed_by": {"units": ["EDU", "CIV"]},
    "due": {"date": "2022-06-30"},
    "target": {"about": 100, "unit": "公里"},
    "measure": {"ledger": "roads", "sum": "length"},
}
LEDGER: dict[str, Any] = {
    "roads": {
        "key": ["road_no"],
        "dated_by": "opened_on",
        "fields": {
            "road_no": {"type": "text", "required": True},
            "length": {"type": "number", "required": True},
            "opened_on": {"type": "date", "required": True},
        },
    }
}


def a_rule(name: str, on: str, when: str, **parts: Any) -> dict[str, Any]:
    rule = {
        "id": name,
        "title": name,
        "on": on,
        "when": when,
        "severity": [{"level": "minor"}],
        "message": "{{ unit.name }}{{ as_of }}。",
        **parts,
    }
    return {key: value for key, value in rule.items() if value is not None}


SHORT = a_rule(
    "short",
    "target",
    "shortfall > 0",
    scope="due_passed",
    severity=[{"level": "major"}],
    message="{{ unit.name }}截至{{ as_of }}修路{{ value }}公里，下限{{ low }}公里。",
)
UNSIGNED = a_rule("unsigned", "report", "not signed", message="{{ unit.name }}的报告未经审签。")
TOGETHER = {
    "id": "together",
    "title": "多项问题",
    "match": {"hit": {"on": "violation", "when": "severity in ('minor', 'major')"}},
    "at_least": 2,
    "severity": [{"level": "major"}],
    "message": "{{ unit.name }}有{{ count }}项问题。",
}
RULES = [LATE, SHORT, UNSIGNED, TOGETHER, *ladder_rules()]


def with_roads(folder: Path, rules: Any = RULES, **changes: Any) -> Path:
    plan = {"requirements": [*SMALL["plan"]["requirements"], ROADS], **changes.pop("plan", {})}
    return small_pack(folder, rules, plan=plan, ledgers=LEDGER, **changes)


def roads(when: str, *lengths: float, unit: str = "EDU") -> dict[str, Any]:
    rows = [
        {"ledger": "roads", "road_no": f"R{n}", "length": length, "opened_on": "2022-05-01"}
        for n, length in enumerate(lengths)
    ]
    return a_submission("A1-T1", unit, "2022", when, records=rows)


def a_report(unit: str, when: str, period: str = "2022Q2", **content: Any) -> dict[str, Any]:
    content = {"signed_by": "局长", "text": "进展", **content}
    return a_submission("A1-R1", unit, period, when, content=content)


# --- What an answer is ---------------------------------------------------------------------------


def answer(run: Evaluation) -> Answer:
    """What a run said: the five counts of each rule that finds, and what it found."""
    return {
        "obligations": run.obligations,
        "skipped": run.skipped,
        "counts": {
            each.rule: (
                each.applicable,
                each.satisfied,
                each.violated,
                each.undecided,
                each.waived,
                each.broken,
                dict(each.missing),
            )
            for each in run.rules
            if each.outcome == "finding"
        },
    }


def violated_in(office: Office, run: Evaluation) -> set[tuple[str, str, str | None]]:
    """(rule, unit, period) of all a live run saw violated: settled ones too, waived ones not."""
    rows = office.findings(settled=True)
    return {
        (row.rule, row.unit, row.period)
        for row in rows
        if row.last_run == run.run_id and row.state != "waived"
    }


def found_in(run: Evaluation) -> set[tuple[str, str, str | None]]:
    return {(each.rule, each.unit, each.period) for each in run.problems}


def opened_in(run: Evaluation) -> set[tuple[str, str, str | None, str, str]]:
    """What a run opened, with severity and message: it was put in words on that very day."""
    return {
        (each.rule, each.unit, each.period, each.severity, each.message)
        for each in run.problems
        if each.first_seen == run.as_of
    }


def stored_counts(office: Office, run: Evaluation) -> dict[str, tuple[int, ...]]:
    assert run.run_id is not None
    with office.app.database.reading() as session:
        return {
            row.rule: (
                row.applicable,
                row.satisfied,
                row.violated,
                row.undecided,
                row.waived,
                row.broken,
            )
            for row in runs.rules_of(session, run.run_id)
        }


class Diary:
    """Evaluates live on given days and keeps what each day was answered."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.days: dict[str, tuple[Answer, set[Any], set[Any]]] = {}

    def live(self, day: str) -> Evaluation:
        self.office.clock.now = at(day)
        run = self.office.evaluate(day)
        assert (run.mode, run.status) == (Mode.LIVE, RunStatus.COMPLETED)
        stored = stored_counts(self.office, run)
        for rule, counts in answer(run)["counts"].items():
            assert stored[rule] == counts[:6]
        self.days[day] = answer(run), violated_in(self.office, run), opened_in(run)
        return run

    def later(self, moment: str) -> None:
        self.office.clock.now = at(moment)

    def assert_nothing_is_answered_otherwise(self) -> None:
        for day, (said, violated, opened) in self.days.items():
            again = self.office.evaluate(day, known_at=day)
            assert again.mode in (Mode.REPLAY, Mode.LIVE)
            assert answer(again) == said, day
            assert found_in(again) == violated, day
            words = {
                (each.rule, each.unit, each.period, each.severity, each.message)
                for each in again.problems
            }
            assert opened <= words, (day, opened - words)


# --- Past answers stay ---------------------------------------------------------------------------


def test_each_past_day_is_answered_as_on_that_day_after_all_that_became_known_later(
    office: Office, tmp_path: Path
) -> None:
    diary = Diary(office)
    diary.later("2022-03-01 09:00")
    office.adopt(with_roads(tmp_path / "first"))
    diary.live("2022-06-27")
    diary.later("2022-06-28 09:00")
    office.submit(a_report("EDU", "2022-06-28 08:40", signed_by="科长"))
    diary.live("2022-06-28")
    diary.later("2022-07-01 09:00")
    office.submit(roads("2022-06-28 18:00", 50.5, 30))
    office.extend("A1-R1/CIV/2022Q2", "2022-07-06", on="2022-06-29 10:00", late_request=True)
    diary.live("2022-07-01")
    diary.later("2022-07-04 09:00")
    office.give_back("A1-R1/EDU/2022Q2", on="2022-07-04 08:50")
    office.submit(roads("2022-07-04 09:00", 50.5, 30, 12.25))
    diary.live("2022-07-05")
    diary.later("2022-07-07 10:00")
    # late news of days that were looked at: filed on the 26th, brought in on 7 July
    office.submit(a_report("FIN", "2022-06-26 10:00"))
    office.submit(a_report("EDU", "2022-07-06 16:00"))
    diary.live("2022-07-08")
    # the plan is adopted anew: other tolerance, other due date, a unit more, a rule less
    diary.later("2022-07-11 09:00")
    units = [*SMALL["units"]["units"], {"code": "NEW", "name": "区新设局", "category": "部门"}]
    later_due = deepcopy(SMALL["plan"]["requirements"][0])
    later_due["due"] = {"dates": ["2022-06-20", "2022-09-20"]}
    office.adopt(
        with_roads(
            tmp_path / "second",
            [LATE, SHORT, TOGETHER, *ladder_rules()],
            plan={
                "requirements": [later_due, ROADS],
                "params": {
                    "about_tolerance": [{"from": "2022-01-01", "value": 0.05, "reference": "新"}]
                },
            },
            units=units,
        )
    )
    office.submit(roads("2022-06-29 10:00", 100, unit="CIV"))
    diary.live("2022-07-12")
    diary.later("2022-08-01 09:00")
    assert len(diary.days) == 6
    diary.assert_nothing_is_answered_otherwise()


def test_what_is_true_of_a_day_today_may_differ_from_what_was_known_of_it_then(
    office: Office, tmp_path: Path
) -> None:
    office.clock.now = at("2022-06-28 18:00")
    office.adopt(small_pack(tmp_path / "pack", [LATE]))
    then = office.evaluate("2022-06-28")
    office.clock.now = at("2022-07-01 09:00")
    office.submit(a_report("EDU", "2022-06-27 10:00"))
    office.evaluate("2022-07-01 09:00")
    known_then = office.evaluate("2022-06-28", known_at="2022-06-28 18:00")
    known_now = office.evaluate("2022-06-28")
    assert found_in(known_then) == found_in(then)
    assert {each.unit for each in then.problems} == {"EDU", "CIV", "FIN"}
    assert {each.unit for each in known_now.problems} == {"CIV", "FIN"}
    assert known_now.mode is known_then.mode is Mode.REPLAY


def test_a_filing_of_a_day_that_nobody_had_looked_at_is_known_since_it_was_filed(
    sqlite_office: Office, tmp_path: Path
) -> None:
    sqlite_office.adopt(small_pack(tmp_path / "pack", [LATE]))
    sqlite_office.submit(a_report("EDU", "2022-06-27 10:00"))
    run = sqlite_office.evaluate("2022-06-28", known_at="2022-06-28 18:00")
    assert {each.unit for each in run.problems} == {"CIV", "FIN"}


def test_a_day_on_which_a_waiver_was_in_force_is_answered_with_that_waiver(
    office: Office, tmp_path: Path
) -> None:
    """The waived do not make a unit's other problems a pattern, then as now."""
    diary = Diary(office)
    diary.later("2022-03-01 09:00")
    office.adopt(with_roads(tmp_path / "pack", [LATE, SHORT, TOGETHER]))
    diary.later("2022-06-20 10:00")
    office.submit(roads("2022-06-20 10:00", 10))
    diary.live("2022-07-01")
    office.decide(Event.WAIVE, office.finding("short").number, reason="防汛", until="2022-07-08")
    run = diary.live("2022-07-05")
    assert answer(run)["counts"]["short"][2:5] == (0, 1, 1)
    diary.live("2022-07-11")
    assert office.finding("short").state == "detected", "the waiver has ended"
    diary.later("2022-08-01 09:00")
    diary.assert_nothing_is_answered_otherwise()


def test_a_year_of_the_talent_plan_is_answered_day_by_day_as_it_was(sqlite_office: Office) -> None:
    office = sqlite_office
    sample = [
        json.loads(line)
        for line in (TALENT / "sample" / "submissions.jsonl").read_text("utf-8").splitlines()
    ]
    diary = Diary(office)
    diary.later("2022-03-25 09:00")
    office.adopt()
    news: list[dict[str, Any]] = []
    filed = 0
    for day in ("2022-04-19 08:00", "2022-07-15 08:00", "2022-10-10 08:00"):
        diary.later(day)
        # a tenth of what was filed is brought in late, after the run that should have seen it
        late, news = news, [line for line in sample[20::10] if line["submitted_at"] <= _iso(day)]
        known = [line for line in sample if line["submitted_at"] <= _iso(day) and line not in news]
        sample = [line for line in sample if line["submitted_at"] > _iso(day)]
        filed += len(office.submit(*sorted([*late, *known], key=_filed_at)).versions)
        diary.live(day)
    diary.later("2022-10-11 08:00")
    office.give_back("GEN-R1/EDU/2022Q2", on="2022-07-06 10:00")
    office.extend("GEN-R1/SAM/2022Q3", "2022-10-20", on="2022-10-10 17:00", late_request=True)
    diary.live("2022-10-11 08:00")
    assert filed > 80
    diary.later("2022-11-01 08:00")
    diary.assert_nothing_is_answered_otherwise()


def _iso(moment: str) -> str:
    return at(moment).isoformat()


def _filed_at(line: dict[str, Any]) -> str:
    return str(line["submitted_at"])


# --- Looking changes nothing ---------------------------------------------------------------------


def test_a_look_back_changes_no_table(office: Office, tmp_path: Path) -> None:
    office.adopt(with_roads(tmp_path / "pack"))
    office.submit(a_report("EDU", "2022-06-27 10:00"), roads("2022-06-28 18:00", 50.5, 30))
    office.evaluate("2022-06-28")
    office.evaluate("2022-07-05")
    before = everything(office.app.database)
    for day, known_at in (("2022-06-28", None), ("2022-06-30", "2022-07-01"), ("2022-05-01", None)):
        run = office.evaluate(day, known_at=known_at)
        assert (run.mode, run.run_id) == (Mode.REPLAY, None)
    assert difference(before, everything(office.app.database)) == {}


def test_a_dry_run_says_what_a_run_would_say_and_leaves_all_tables_equal(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(with_roads(tmp_path / "pack"))
    office.submit(a_report("EDU", "2022-06-28 08:00"), roads("2022-06-28 18:00", 50.5, 30))
    office.evaluate("2022-06-28")
    before = everything(office.app.database)
    dry = office.evaluate("2022-07-05", dry_run=True)
    assert (dry.mode, dry.counts["opened"] > 0, dry.counts["notices"] > 0) == (
        Mode.DRY_RUN,
        True,
        True,
    )
    assert difference(before, everything(office.app.database)) == {}
    live = office.evaluate("2022-07-05")
    assert answer(live) == answer(dry)
    assert live.counts == dry.counts
    assert found_in(live) == found_in(dry)


def test_only_a_dry_run_looks_into_the_future(sqlite_office: Office, tmp_path: Path) -> None:
    sqlite_office.clock.now = at("2022-06-20 09:00")
    sqlite_office.adopt(small_pack(tmp_path / "pack", [LATE]))
    with pytest.raises(Refused, match="lies in the future"):
        sqlite_office.evaluate("2022-06-28")
    ahead = sqlite_office.evaluate("2022-06-28", dry_run=True)
    assert len(ahead.problems) == 3
    assert sqlite_office.findings(settled=True) == []


# --- One unit ------------------------------------------------------------------------------------


def test_runs_of_single_units_say_together_what_the_run_of_all_says(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(with_roads(tmp_path / "pack"))
    office.submit(
        a_report("EDU", "2022-06-28 08:00", signed_by="科长"),
        roads("2022-06-28 18:00", 50.5, 30),
        roads("2022-06-28 18:00", 95, unit="CIV"),
    )
    whole = office.evaluate("2022-07-05", dry_run=True)
    parts = {
        unit: office.evaluate("2022-07-05", units=(unit,), dry_run=True)
        for unit in ("EDU", "CIV", "FIN")
    }
    assert set.union(*map(found_in, parts.values())) == found_in(whole)
    for unit, part in parts.items():
        assert found_in(part) == {each for each in found_in(whole) if each[1] == unit}
        messages = {each.message for each in whole.problems if each.unit == unit}
        assert {each.message for each in part.problems} == messages
    for rule in answer(whole)["counts"]:
        together = [answer(part)["counts"][rule][:6] for part in parts.values()]
        summed = tuple(map(sum, zip(*together, strict=True)))
        assert summed == answer(whole)["counts"][rule][:6], rule


def test_a_run_of_one_unit_touches_nothing_of_another(office: Office, tmp_path: Path) -> None:
    office.adopt(with_roads(tmp_path / "pack"))
    office.evaluate("2022-06-28")
    office.submit(*(a_report(unit, "2022-06-29 08:00") for unit in ("EDU", "CIV")))
    before = _by_unit(office)
    run = office.evaluate("2022-07-05", units=("CIV",))
    after = _by_unit(office)
    assert {each.unit for each in run.problems} == {"CIV"}
    assert after["CIV"] != before["CIV"], "the unit asked for is brought up to date"
    assert (after["EDU"], after["FIN"]) == (before["EDU"], before["FIN"])
    assert office.finding("late", "EDU").state == "detected", "not looked at, so not cleared"
    with pytest.raises(NotFound, match="no unit XYZ"):
        office.evaluate("2022-07-05", units=("XYZ",))


def _by_unit(office: Office) -> Mapping[str, Any]:
    findings = office.findings(settled=True)
    notices = office.notices()
    return {
        unit: (
            [row.model_dump() for row in findings if row.unit == unit],
            [row.model_dump() for row in notices if row.unit == unit],
            [office.events(row.number) for row in findings if row.unit == unit],
        )
        for unit in ("EDU", "CIV", "FIN")
    }


# --- Unknown, waived, dismissed, mended ----------------------------------------------------------


def test_what_is_unknown_opens_no_finding_and_closes_none(office: Office, tmp_path: Path) -> None:
    office.adopt(small_pack(tmp_path / "pack", [UNSIGNED]))
    nobody_filed = office.evaluate("2022-06-28")
    assert answer(nobody_filed)["counts"]["unsigned"] == (6, 0, 0, 6, 0, 0, {"signed": 6})
    assert office.findings(settled=True) == []

    office.submit(a_report("EDU", "2022-06-28 18:00", signed_by="科长"))
    office.evaluate("2022-06-29")
    number = office.finding("unsigned").number
    office.give_back("A1-R1/EDU/2022Q2", on="2022-06-30 09:00")
    unknown_again = office.evaluate("2022-06-30")
    assert answer(unknown_again)["counts"]["unsigned"][:4] == (6, 0, 0, 6)
    assert (unknown_again.counts["kept"], unknown_again.counts["cleared"]) == (0, 0)
    assert office.finding("unsigned").state == "detected"
    assert office.events(number) == [("open", "detected")]

    office.submit(a_report("EDU", "2022-07-01 09:00"))
    assert office.evaluate("2022-07-01").counts["cleared"] == 1


def test_a_waived_finding_is_counted_as_waived_until_its_last_day_is_over(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", [LATE, *ladder_rules()]))
    office.submit(*(a_report(unit, "2022-06-27 09:00") for unit in ("EDU", "FIN")))
    office.evaluate("2022-06-28")
    number = office.finding("late").number
    office.decide(Event.WAIVE, number, reason="防汛", until="2022-07-01", on="2022-06-28 18:00")
    for day in ("2022-06-29", "2022-07-01"):
        run = office.evaluate(day)
        assert answer(run)["counts"]["late"][:6] == (6, 5, 0, 0, 1, 0)
        assert run.problems == []
        assert office.finding("late").state == "waived"
    ended = office.evaluate("2022-07-04")
    assert ended.counts["reopened"] == 1
    assert answer(ended)["counts"]["late"][:6] == (6, 5, 1, 0, 0, 0)
    assert office.finding("late").state == "detected"
    assert [event for event, _ in office.events(number)] == ["open", "waive", "expire"]


def test_a_waived_finding_comes_back_before_its_time_only_when_it_is_worse(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "pack", [LATE]))
    office.submit(*(a_report(unit, "2022-06-27 09:00") for unit in ("EDU", "FIN")))
    office.evaluate("2022-06-28")
    number = office.finding("late").number
    office.decide(Event.WAIVE, number, reason="防汛", until="2022-12-31", on="2022-06-28 18:00")
    office.evaluate("2022-07-01")
    assert office.finding("late").state == "waived", "four days late is minor still"
    office.evaluate("2022-07-04")
    found = office.finding("late")
    assert (found.state, found.severity) == ("detected", "major")
    assert office.events(number)[-1] == ("worsen", "detected")


def test_a_dismissed_finding_stays_dismissed_until_it_is_worse(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", [LATE]))
    office.submit(*(a_report(unit, "2022-06-27 09:00") for unit in ("EDU", "FIN")))
    office.evaluate("2022-06-28")
    number = office.finding("late").number
    office.decide(Event.DISMISS, number, reason="误判", on="2022-06-28 18:00")
    for day in ("2022-06-29", "2022-06-30", "2022-07-01"):
        run = office.evaluate(day)
        assert (run.counts["opened"], run.counts["reopened"]) == (0, 0)
        assert run.problems == []
        assert office.finding("late").state == "dismissed"
    assert office.evaluate("2022-07-04").counts["reopened"] == 1
    found = office.finding("late")
    assert (found.state, found.severity) == ("detected", "major")
    assert [event for event, _ in office.events(number)] == ["open", "dismiss", "worsen"]
    office.decide(Event.DISMISS, number, reason="仍不属实", on="2022-07-04 18:00")
    office.evaluate("2022-08-01")
    assert office.finding("late").state == "dismissed", "it was dismissed as what it is now"


def test_what_was_mended_is_accepted_by_a_person_and_a_relapse_opens_a_second_cycle(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(with_roads(tmp_path / "pack", [SHORT]))
    office.submit(roads("2022-06-29 10:00", 50), roads("2022-06-29 10:00", 100, unit="CIV"))
    office.evaluate("2022-07-01")
    number = office.finding("short").number
    office.decide(Event.CONFIRM, number, on="2022-07-01 18:00")
    office.decide(Event.NOTIFY, number, on="2022-07-01 18:30")
    assert office.finding("short").rectify_due is not None
    office.submit(roads("2022-07-04 09:00", 50, 45))
    office.evaluate("2022-07-04")
    assert office.finding("short").state == "responded"
    office.decide(Event.ACCEPT, number, on="2022-07-04 18:00")
    assert office.finding("short").state == "closed"
    assert office.evaluate("2022-07-05").counts["reopened"] == 0

    office.submit(roads("2022-07-06 09:00", 50))  # a road was struck off
    relapse = office.evaluate("2022-07-06")
    assert relapse.counts["reopened"] == 1
    found = office.finding("short")
    assert (found.number, found.state, found.cycle) == (number, "detected", 2)
    assert found.rectify_due is None, "a new cycle has a new deadline"
    assert [event for event, _ in office.events(number)] == [
        "open",
        "confirm",
        "notify",
        "recheck satisfied",
        "accept",
        "relapse",
    ]


def test_what_is_violated_again_before_anybody_accepted_goes_back_to_where_it_stood(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(with_roads(tmp_path / "pack", [SHORT]))
    office.submit(roads("2022-06-29 10:00", 50), roads("2022-06-29 10:00", 100, unit="CIV"))
    office.evaluate("2022-07-01")
    number = office.finding("short").number
    office.decide(Event.CONFIRM, number, on="2022-07-01 18:00")
    office.submit(roads("2022-07-04 09:00", 50, 45))
    office.evaluate("2022-07-04")
    office.submit(roads("2022-07-05 09:00", 50))
    office.evaluate("2022-07-05")
    assert office.finding("short").state == "confirmed"
    assert office.finding("short").cycle == 1


# --- A message that cannot be written ------------------------------------------------------------

BROKEN = LATE | {"message": "{{ unit.name }}逾期{{ 6 // (days_overdue - 3) }}。"}


def test_a_message_that_cannot_be_written_is_broken_loudly_and_opens_and_closes_nothing(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", [BROKEN]))
    office.submit(*(a_report(unit, "2022-06-27 09:00") for unit in ("EDU", "FIN")))
    broken = office.evaluate("2022-06-30")
    assert answer(broken)["counts"]["late"][:6] == (6, 5, 0, 0, 0, 1)
    assert broken.counts["opened"] == 0
    assert office.findings(settled=True) == []
    (rule, why) = broken.broken[0]
    assert rule == "late"
    assert "A1-R1/CIV/2022Q2" in why
    assert "division" in why

    opened = office.evaluate("2022-07-01")
    assert opened.counts["opened"] == 1
    assert opened.broken == []


def test_a_finding_whose_message_breaks_later_stays_as_it_is(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "pack", [BROKEN]))
    office.evaluate("2022-06-29")
    before = [row.model_dump() for row in office.findings()]
    run = office.evaluate("2022-06-30")
    assert answer(run)["counts"]["late"][:6] == (6, 3, 0, 0, 0, 3)
    assert [row.model_dump() for row in office.findings()] == before


# --- A run that would surprise everybody ---------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"max_findings": 2}, {}),
        ({"max_notices": 5}, {}),
        ({}, {"late": {"max_findings": 2}}),
        ({}, {"remind-R4": {"max_notices": 5}}),
    ],
    ids=["findings of a run", "notices of a run", "findings of a rule", "notices of a rule"],
)
def test_a_run_over_a_ceiling_holds_its_mails_until_a_person_releases_them(
    settings: dict[str, int],
    changes: dict[str, dict[str, int]],
    tmp_path: Path,
    open_office: Callable[..., Office],
) -> None:
    office = open_office(f"sqlite:///{tmp_path / 'supervision.db'}", **settings)
    rules = [rule | changes.get(rule["id"], {}) for rule in (LATE, *ladder_rules())]
    office.adopt(small_pack(tmp_path / "pack", rules))
    run = office.evaluate("2022-06-28")
    assert run.status is RunStatus.HELD
    assert (run.counts["opened"], run.counts["held"], run.counts["notices"]) == (3, 6, 0)
    assert {row.state for row in office.notices(step="R4")} == {"held"}
    assert office.deliver("2022-06-28 17:30").sent == 0
    assert office.evaluate("2022-06-28").counts["held"] == 0, "held once, not again"

    assert run.run_id is not None
    with pytest.raises(NotFound, match="no run 99"):
        release_run(office.app.database, 99, office.app.tools, **_by_the_chief(office))
    count = release_run(office.app.database, run.run_id, office.app.tools, **_by_the_chief(office))
    assert count == 6
    assert office.deliver("2022-06-28 17:30").sent == 6
    with pytest.raises(Refused, match="not held"):
        release_run(office.app.database, run.run_id, office.app.tools, **_by_the_chief(office))
    assert office.journal_break() is None


def test_a_held_run_that_is_withdrawn_sends_nothing_and_the_next_step_goes_out(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    office = open_office(f"sqlite:///{tmp_path / 'supervision.db'}", max_notices=6)
    office.adopt(small_pack(tmp_path / "pack", [LATE, *ladder_rules()]))
    run = office.evaluate("2022-06-28")
    assert run.status is RunStatus.COMPLETED, "a ceiling is what may be reached"
    office = open_office(f"sqlite:///{tmp_path / 'other.db'}", max_notices=5)
    office.adopt(tmp_path / "pack")
    run = office.evaluate("2022-06-28")
    assert run.run_id is not None
    chief = _by_the_chief(office) | {"withdraw": True}
    assert release_run(office.app.database, run.run_id, office.app.tools, **chief) == 6
    assert office.deliver("2022-06-28 17:30").sent == 0
    assert office.mails == []
    assert {row.state for row in office.notices(step="R4")} == {"silenced"}


def _by_the_chief(office: Office) -> dict[str, Any]:
    decided = {"plan": None, "by": "主任", "reason": "已核对"}
    return {**decided, "withdraw": False, "now": office.clock()}
