"""Filing: versions, the first instant, faults all at once, and what was known when."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from rules.nodes import Faults
from supervision.errors import Refused
from supervision.services.record_submission import record_submissions
from supervision.services.sources import FactsAt
from supervision.services.submission_files import Line, read_lines
from supervision.store import plans
from supervision.store.tables import ExtensionRow, RecordRow, ReviewRow, SubmissionRow
from tests.office import Office, a_submission, at
from tests.shared_office import KINDS, forget, works_office
from tests.table_dump import difference, everything

REPORT = "A-R1/EDU/2022Q2"  # due on Monday, 27 June 2022, at 17:30
SHA = "0123456789abcdef" * 4


@pytest.fixture(scope="module", params=KINDS)
def shared_desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """An office with the works plan, on each database; for tests that change nothing."""
    with works_office(request.param, tmp_path_factory.mktemp("desk")) as office:
        yield office


@pytest.fixture
def desk(shared_desk: Office) -> Iterator[Office]:
    """The same for tests that file; what they filed is taken away again."""
    yield shared_desk
    forget(shared_desk)


def report(when: str, unit: str = "EDU", period: str = "2022Q2", **parts: Any) -> dict[str, Any]:
    return a_submission("A-R1", unit, period, when, **parts)


def fact(
    office: Office, key: str, as_of: str, *, known_at: str | None = None, kind: str = "report"
) -> Mapping[str, int | str | None]:
    """What is known of one obligation."""
    with office.app.database.reading() as session:
        known = at(known_at) if known_at else office.clock()
        adopted = plans.in_force(session, "works-2022", as_of=at(as_of), known_at=known)
        source = FactsAt(
            adopted,
            plans.load_calendar(session, 2022),
            at(as_of),
            known,
            office.app.database.sql_dialect,
        )
        return source.whole(session, kind, [key])[key].fields


def versions(office: Office, key: str = REPORT) -> list[SubmissionRow]:
    with office.app.database.reading() as session:
        rows = session.exec(select(SubmissionRow).where(SubmissionRow.obligation == key)).all()
        session.expunge_all()
    return sorted(rows, key=lambda row: row.version)


def unchanged_by(office: Office, act: Callable[[], object]) -> Any:
    """Do something that must leave every table as it is; return what came of it."""
    before = everything(office.app.database)
    outcome = act()
    assert difference(before, everything(office.app.database)) == {}
    return outcome


def faults_of(office: Office, *lines: Mapping[str, Any], **options: Any) -> list[str]:
    """The faults of a file that must change nothing, as `line: text`."""

    def act() -> list[str]:
        with pytest.raises(Faults) as caught:
            office.submit(*lines, **options)
        assert {each.file for each in caught.value.faults} == {"test.jsonl"}
        return [f"{each.line}: {each.text}" for each in caught.value.faults]

    found: list[str] = unchanged_by(office, act)
    return found


# --- Versions ------------------------------------------------------------------------------------


def test_a_second_filing_is_a_second_version_and_the_first_stays(desk: Office) -> None:
    desk.submit(report("2022-06-20 10:00", content={"text": "一"}))
    recorded = desk.submit(report("2022-06-21 10:00", content={"text": "二"}))
    assert recorded.versions == ((REPORT, 2),)
    first, second = versions(desk)
    assert (first.content, second.content) == ({"text": "一"}, {"text": "二"})
    assert first.replaced_at == second.submitted_at
    assert fact(desk, REPORT, "2022-06-20 12:00")["versions"] == 1
    assert fact(desk, REPORT, "2022-06-21 12:00")["versions"] == 2


def test_the_first_instant_never_changes_and_decides_whether_it_was_on_time(desk: Office) -> None:
    desk.submit(report("2022-06-27 17:30"))
    desk.submit(report("2022-07-20 10:00", content={"text": "补充"}))
    assert {row.first_submitted_at for row in versions(desk)} == {at("2022-06-27 17:30")}
    found = fact(desk, REPORT, "2022-07-21")
    assert (found["on_time"], found["days_late"], found["versions"]) == (1, 0, 2)


@pytest.mark.parametrize(
    ("when", "on_time", "days_late"),
    [
        ("2022-06-27 17:30", 1, 0),
        ("2022-06-27 17:31", 0, 1),
        ("2022-06-28 23:59", 0, 1),
        ("2022-06-29 00:00", 0, 2),
        ("2022-07-02 12:00", 0, 4),  # a Saturday: as late as the Friday before
    ],
)
def test_a_minute_after_the_cut_off_is_late(
    desk: Office, when: str, on_time: int, days_late: int
) -> None:
    desk.submit(report(when), report("2022-07-08 10:00", content={"text": "二"}))
    found = fact(desk, REPORT, "2022-07-10")
    assert (found["on_time"], found["days_late"]) == (on_time, days_late)


def test_several_versions_in_one_file_are_taken_in_the_order_they_were_filed(desk: Office) -> None:
    recorded = desk.submit(
        report("2022-06-22 10:00", content={"text": "二"}),
        report("2022-06-20 10:00", content={"text": "一"}),
        report("2022-06-21 10:00", unit="ROAD"),
    )
    assert sorted(recorded.versions) == [(REPORT, 1), (REPORT, 2), ("A-R1/ROAD/2022Q2", 1)]
    assert [row.content for row in versions(desk)] == [{"text": "一"}, {"text": "二"}]


# --- The same again ------------------------------------------------------------------------------


def test_the_same_file_twice_changes_nothing(desk: Office) -> None:
    file = [
        report("2022-06-20 10:00", content={"text": "一"}, evidence=[{"name": "a", "sha256": SHA}]),
        report("2022-06-21 10:00", content={"text": "二"}),
        a_submission(
            "C-T1",
            "EDU",
            "2022H1",
            "2022-06-20 11:00",
            content={"claimed": 1},
            records=[
                {
                    "ledger": "trainees",
                    "identity": "41010519900307002X",
                    "class_no": 1,
                    "class_on": "2022-05-05",
                }
            ],
        ),
    ]
    assert len(desk.submit(*file).versions) == 3
    again = unchanged_by(desk, lambda: desk.submit(*file))
    assert (again.versions, again.unchanged, again.records) == ((), 3, 0)


def test_the_same_line_twice_in_one_file_is_one_version_in_rehearsal_as_in_earnest(
    desk: Office,
) -> None:
    line = report("2022-06-20 10:00")
    rehearsed = desk.submit(line, line, dry_run=True)
    recorded = desk.submit(line, line)
    assert len(recorded.versions) == len(rehearsed.versions) == 1
    assert recorded.unchanged == rehearsed.unchanged == 1


def test_the_same_instant_in_another_zone_is_the_same_filing(desk: Office) -> None:
    desk.submit(report("2022-06-20 10:00+08:00"))
    again = desk.submit(report("2022-06-20 02:00+00:00"))
    assert (again.versions, again.unchanged) == ((), 1)


def test_a_rehearsal_writes_nothing_and_says_what_would_be_written(desk: Office) -> None:
    desk.submit(report("2022-06-20 10:00"))
    fresh = report("2022-06-20 11:00", unit="ROAD")
    rehearsed = unchanged_by(
        desk, lambda: desk.submit(report("2022-06-20 10:00"), fresh, dry_run=True)
    )
    assert rehearsed.dry_run
    assert ([key for key, _ in rehearsed.versions], rehearsed.unchanged) == (
        ["A-R1/ROAD/2022Q2"],
        1,
    )


def test_a_rehearsal_shows_the_same_faults(desk: Office) -> None:
    wrong = report("2022-06-20 10:00", unit="EDV"), report("2022-06-20", period="6月")
    assert faults_of(desk, *wrong, dry_run=True) == faults_of(desk, *wrong)


# --- Who, what, for when -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["ROAD", "road", "区公路局", " 区 公路局 ", "公路局", "区公路管理局"]
)
def test_a_unit_is_known_by_code_name_and_alias_however_spaced(desk: Office, name: str) -> None:
    assert desk.submit(report("2022-06-20", unit=name)).versions == (("A-R1/ROAD/2022Q2", 1),)


def test_every_fault_of_every_line_is_reported_at_once_and_nothing_changes(desk: Office) -> None:
    desk.submit(report("2022-06-25 10:00", content={"text": "一"}))
    good = report("2022-06-20 10:00", unit="ROAD")
    wrong: list[dict[str, Any]] = [
        report("2022-06-20 10:00", unit="区公路居"),
        a_submission("A-R9", "EDU", "2022Q2", "2022-06-20"),
        report("2022-06-20", period="2022Q1"),
        report("2022-06-20", period="第二季度"),
        a_submission("A-R2", "EDU", "2022Q2", "2022-06-20"),
        a_submission("C-T1", "ROAD", "2022H1", "2022-06-20"),
        report("2024-01-01 00:00", unit="TWN-E"),
        report("2022-06-24 10:00", content={"text": "零"}),
        report("2022-06-25 10:00", content={"text": "又一"}),
    ]
    found = faults_of(desk, good, *wrong)
    assert [text.split(":")[0] for text in found] == [str(n) for n in range(2, 11)]
    for text, expected in zip(
        found,
        [
            "unit: unknown unit '区公路居'; did you mean '区公路局'",
            "requirement: unknown requirement 'A-R9'",
            "period: 区教育局 owes A-R1 for 2022Q2, 2022Q3, 2022Q4, not for 2022Q1",
            "period: unknown period '第二季度'",
            "requirement: A-R2 is filed with A-R1; file it there",
            "requirement: 区公路局 (ROAD) does not owe C-T1",
            "submitted_at: 2024-01-01T00:00:00+08:00 lies in the future",
            "has a version 1 filed later, at 2022-06-25T10:00:00+08:00",
            "version 1 of A-R1/EDU/2022Q2 was filed at that very instant",
        ],
        strict=True,
    ):
        assert expected in text


def test_two_contents_at_one_instant_in_one_file_are_a_fault(desk: Office) -> None:
    one, other = (report("2022-06-20", content={"text": text}) for text in "一二")
    assert faults_of(desk, one, other) == [
        "2: submitted_at: A-R1/EDU/2022Q2 is filed twice at one instant, with different content"
    ]


def test_faults_inside_a_submission_name_their_place(desk: Office) -> None:
    plan = a_submission(
        "A-P1",
        "EDU",
        "2022",
        "2022-03-20",
        content={
            "tasks": [{"clause": "C", "nodes": [{"name": "n", "on": "6月"}]}, {"clause": "Z"}]
        },
        records=[{"ledger": "roads", "road_no": "S1", "lenght": 3}],
        evidence=[{"name": "a.pdf", "sha256": "abc"}],
    )
    assert faults_of(desk, plan) == [
        '1: content.tasks[1].nodes[1].on: expected a date such as 2022-06-30, found "6月"',
        "1: content.tasks[2].clause: unknown clause 'Z'",
        "1: evidence[1].sha256: expected 64 hexadecimal digits",
        "1: records[1].lenght: unknown field 'lenght' of ledger 'roads'; did you mean 'length'?",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (5, "a submission is a JSON object in { }"),
        ([], "a submission is a JSON object in { }"),
        ({}, "unit: is required, as text"),
        (
            {"unit": 5, "requirement": "A-R1", "period": 2022, "submitted_at": 1, "by": None},
            "period: is required, as text",
        ),
        (report("2022-06-20") | {"recrods": []}, "recrods: unknown key; did you mean 'records'?"),
        (report("2022-06-20", content=[]), "content: expected an object"),
        (report("2022-06-20", records={}), "records: expected a list"),
        (report("2022-06-20", evidence="a"), "evidence: expected a list"),
        (report("2022-06-20") | {"submitted_at": "6月20日"}, "submitted_at: expected an instant"),
        (report("2022-06-20") | {"submitted_at": "2022-02-30T10:00:00"}, "expected an instant"),
        (
            report("2022-06-20") | {"submitted_at": "2020-06-20T10:00:00"},
            "no working-day table for 2020",
        ),
        (report("2022-06-20") | {"submitted_at": "0001-01-01T00:00:00+08:00"}, "submitted_at"),
        (report("2022-06-20") | {"submitted_at": "9999-12-31T23:59:59-12:00"}, "submitted_at"),
        (report("2022-06-20", content={"note": float("inf")}), "content"),
        (report("2022-06-20", content={"note": [{"x": float("nan")}]}), "content"),
        (report("2022-06-20", content={"text": "a\u0000b"}), "content"),
        (report("2022-06-20", content={"a\u0000": 1}), "content"),
        (report("2022-06-20", content={"text": "\ud800"}), "content"),
        (report("2022-06-20", by="联络\u0000员"), "by"),
        (report("2022-06-20", by="\udfff"), "by"),
        (report("2022-06-20", evidence=[{"name": "a\u0000", "sha256": SHA}]), "evidence"),
        (report("2022-06-20", records=[{"ledger": "documents", "title": "\u0000"}]), "records"),
        (
            report(
                "2022-06-20",
                records=[
                    {
                        "ledger": "trainees",
                        "identity": "1\ud800",
                        "class_no": 1,
                        "class_on": "2022-05-05",
                    }
                ],
            ),
            "records",
        ),
    ],
)
def test_a_line_that_cannot_be_kept_is_a_fault_on_each_database_and_never_a_crash(
    shared_desk: Office, line: Any, expected: str
) -> None:
    with pytest.raises(Faults) as caught:
        record_submissions(
            shared_desk.app.database,
            [Line("f.jsonl", 1, line)],
            identity_key=b"test",
            actor="office",
            now=shared_desk.clock(),
        )
    assert any(expected in str(each) for each in caught.value.faults), caught.value
    assert versions(shared_desk) == []


@pytest.mark.parametrize(
    ("requirement", "unit", "period", "parts"),
    [
        ("C-T1", "EDU", "2022H1", {"content": {"claimed": 8e12}}),
        ("A-R1", "EDU", "2022Q2", {"content": {"claims": {"C-T1": -8e12}}}),
        ("A-P1", "EDU", "2022", {"content": {"tasks": [{"clause": "C", "objective": 8e12}]}}),
        (
            "B-T1",
            "ROAD",
            "2022",
            {
                "records": [
                    {
                        "ledger": "roads",
                        "road_no": "S",
                        "length": 8e12,
                        "open": True,
                        "opened_on": "2022-05-05",
                    }
                ]
            },
        ),
    ],
)
def test_a_number_that_no_rule_can_compare_is_refused_at_the_door(
    shared_desk: Office, requirement: str, unit: str, period: str, parts: dict[str, Any]
) -> None:
    """Taken in, it would fail every later run for everybody."""
    line = a_submission(requirement, unit, period, "2022-06-20", **parts)
    assert any("too large" in text for text in faults_of(shared_desk, line))


# --- The file ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "holds no submission"),
        (b"\n \n", "holds no submission"),
        (b'{"a": 1}\n{"a": \n', ":2:"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"a": "\xff"}', "is not UTF-8"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b"{'unit': 'EDU'}", "is not JSON"),
    ],
)
def test_a_file_that_is_no_json_lines_is_refused_line_by_line(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    file = tmp_path / "filings.jsonl"
    file.write_bytes(content)
    with pytest.raises(Faults, match=expected):
        read_lines(file)


def test_a_file_that_is_not_there_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(Faults, match="no such file"):
        read_lines(tmp_path / "filings.jsonl")


def test_lines_keep_their_numbers_over_empty_ones_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "filings.jsonl"
    written = "\n\n".join(json.dumps({"n": n}) for n in (1, 2))
    file.write_bytes(b"\xef\xbb\xbf" + written.encode())
    assert [(each.number, each.value) for each in read_lines(file)] == [
        (1, {"n": 1}),
        (3, {"n": 2}),
    ]


# --- Time ----------------------------------------------------------------------------------------


def test_an_instant_without_a_zone_is_the_plans(desk: Office) -> None:
    desk.submit(report("2022-06-20") | {"submitted_at": "2022-06-27T17:31:00"})
    assert versions(desk)[0].submitted_at == at("2022-06-27 17:31")
    assert fact(desk, REPORT, "2022-06-28")["on_time"] == 0


def test_what_nobody_has_looked_at_yet_is_known_since_it_was_filed(desk: Office) -> None:
    desk.submit(report("2022-06-20 10:00"))
    assert versions(desk)[0].recorded_at == at("2022-06-20 10:00")


def test_a_filing_about_a_time_already_looked_at_is_known_from_now_on(desk: Office) -> None:
    desk.evaluate("2022-06-30", known_at="2022-06-30")
    asked = {"as_of": "2022-06-30", "known_at": "2022-06-30"}
    then = fact(desk, REPORT, **asked)
    desk.submit(report("2022-06-20 10:00"))
    assert versions(desk)[0].recorded_at == desk.clock()
    assert fact(desk, REPORT, **asked) == then
    assert then["filed"] == 0
    now = fact(desk, REPORT, "2022-06-30")
    assert (now["filed"], now["on_time"]) == (1, 1)


def test_a_replay_of_a_past_run_finds_what_it_found_then(desk: Office) -> None:
    first = desk.evaluate("2022-06-30", known_at="2022-06-30")
    found_then = {(each.rule, each.unit, each.message) for each in first.problems}
    desk.submit(report("2022-06-20 10:00"), report("2022-06-29 10:00", unit="ROAD"))
    later = desk.evaluate("2022-07-15")
    assert {each.unit for each in later.problems} == {"TWN-E", "TWN-W"}
    replay = desk.evaluate("2022-06-30", known_at="2022-06-30")
    assert {(each.rule, each.unit, each.message) for each in replay.problems} == found_then
    assert {each.unit for each in first.problems} == {"EDU", "ROAD", "TWN-E", "TWN-W"}


@pytest.mark.parametrize("late_ones", [1, 2])
def test_one_version_is_in_force_at_any_time_even_when_one_came_in_late(
    desk: Office, late_ones: int
) -> None:
    """A correction entered late, and one after it known at once: never two facts of one duty."""
    desk.submit(report("2022-06-20 10:00", content={"text": "一"}))
    desk.evaluate("2022-06-25", known_at="2022-06-25")
    instants = [*["2022-06-21 10:00", "2022-06-22 10:00"][:late_ones], "2022-06-26 10:00"]
    for number, when in enumerate(instants):
        desk.submit(report(when, content={"text": f"第{number}次补正"}))
    for known_at in ("2022-06-26 12:00", "2022-06-27", "2023-12-31"):
        run = desk.evaluate("2022-06-27", known_at=known_at, dry_run=True)
        late = next(each for each in run.rules if each.rule == "late")
        assert late.applicable == 12, known_at
        assert fact(desk, REPORT, "2022-06-27", known_at=known_at)["versions"] in (
            1,
            len(instants) + 1,
        )


# --- Returned ------------------------------------------------------------------------------------


def test_what_was_returned_is_not_filed_and_not_overdue_until_the_correction_is(
    desk: Office,
) -> None:
    desk.submit(report("2022-06-27 10:00"))
    desk.give_back(REPORT, on="2022-06-28 10:00")  # three working days: until 1 July
    returned = fact(desk, REPORT, "2022-06-29")
    assert (returned["filed"], returned["state"], returned["days_overdue"]) == (0, "returned", 0)
    assert (returned["returned_times"], returned["days_since_return"]) == (1, 1)
    assert returned["on_time"] == 1
    assert fact(desk, REPORT, "2022-07-01 17:30")["days_overdue"] == 0
    assert fact(desk, REPORT, "2022-07-01 17:31")["days_overdue"] == 1
    assert fact(desk, REPORT, "2022-07-04 12:00")["days_overdue"] == 1
    assert fact(desk, REPORT, "2022-07-05 12:00")["days_overdue"] == 2


def test_before_the_return_it_was_filed(desk: Office) -> None:
    desk.submit(report("2022-06-27 10:00"))
    desk.give_back(REPORT, on="2022-06-28 10:00")
    before = fact(desk, REPORT, "2022-06-28 09:59")
    assert (before["filed"], before["state"], before["returned_times"]) == (1, "submitted", 0)


def test_what_is_filed_again_is_filed_and_the_return_is_remembered(desk: Office) -> None:
    desk.submit(report("2022-06-27 10:00"))
    desk.give_back(REPORT, on="2022-06-28 10:00")
    desk.submit(report("2022-07-06 10:00", content={"text": "补正"}))
    again = fact(desk, REPORT, "2022-07-06")
    assert (again["filed"], again["state"], again["days_overdue"]) == (1, "submitted", 0)
    assert (again["versions"], again["returned_times"], again["on_time"]) == (2, 1, 1)
    assert fact(desk, REPORT, "2022-07-05")["filed"] == 0


def test_a_return_of_the_same_version_twice_and_one_in_the_future_are_refused(desk: Office) -> None:
    desk.submit(report("2022-06-27 10:00"))
    desk.give_back(REPORT, on="2022-06-28 10:00")
    for on, why in (
        ("2022-06-28 11:00", "is returned already"),
        ("2022-06-27 09:00", "was filed after"),
        ("2024-06-28 11:00", "in the future"),
    ):

        def act(on: str = on, why: str = why) -> None:
            with pytest.raises(Refused, match=why):
                desk.give_back(REPORT, on=on)

        unchanged_by(desk, act)


def test_a_decision_on_a_filing_is_not_dated_before_the_one_on_file(desk: Office) -> None:
    from supervision.domain.submissions import Decision
    from supervision.services.review import review_submission

    desk.submit(report("2022-06-20 10:00"))
    desk.give_back(REPORT, on="2022-06-28 10:00")
    with pytest.raises(Refused, match="2022-06-28"):
        review_submission(
            desk.app.database,
            REPORT,
            Decision.ACCEPTED,
            by="督查员",
            at=at("2022-06-27 10:00"),
            now=desk.clock(),
        )


def test_a_companion_is_returned_with_its_host(desk: Office) -> None:
    desk.submit(report("2022-06-27 10:00"))
    desk.give_back("A-R2/EDU/2022Q2", on="2022-06-28 10:00")
    for key in (REPORT, "A-R2/EDU/2022Q2"):
        assert fact(desk, key, "2022-06-29")["state"] == "returned"


def test_a_late_review_of_a_time_already_looked_at_is_known_from_now_on(desk: Office) -> None:
    desk.submit(report("2022-06-20 10:00"))
    desk.evaluate("2022-06-30", known_at="2022-06-30")
    desk.give_back(REPORT, on="2022-06-28 10:00")
    assert fact(desk, REPORT, "2022-06-30", known_at="2022-06-30")["filed"] == 1
    assert fact(desk, REPORT, "2022-06-30")["filed"] == 0
    with desk.app.database.reading() as session:
        assert session.exec(select(ReviewRow.recorded_at)).one() == desk.clock()


# --- Extensions ----------------------------------------------------------------------------------


def test_an_extension_moves_the_due_date_and_keeps_the_original(desk: Office) -> None:
    desk.extend(REPORT, "2022-07-09", on="2022-06-24 10:00")  # a Saturday: Monday, 11 July
    before = fact(desk, REPORT, "2022-06-24 09:00")
    after = fact(desk, REPORT, "2022-06-24 11:00")
    assert (before["extended"], before["due_on"]) == (0, date(2022, 6, 27).toordinal())
    assert (after["extended"], after["due_on"]) == (1, date(2022, 7, 11).toordinal())
    assert fact(desk, REPORT, "2022-07-11 17:30")["days_overdue"] == 0
    assert fact(desk, REPORT, "2022-07-11 17:31")["days_overdue"] == 1
    with desk.app.database.reading() as session:
        assert plans.find_obligation(session, "works-2022", REPORT).due_on == date(2022, 6, 27)  # type: ignore[union-attr]


def test_an_extension_moves_the_companions_with_it(desk: Office) -> None:
    desk.extend(REPORT, "2022-07-08", on="2022-06-24 10:00")
    companion = fact(desk, "A-R2/EDU/2022Q2", "2022-06-30")
    assert (companion["extended"], companion["days_overdue"]) == (1, 0)
    with pytest.raises(Refused, match="extend that one"):
        desk.extend("A-R2/EDU/2022Q2", "2022-07-30", on="2022-06-25 10:00")


def test_what_is_filed_by_the_new_date_is_on_time(desk: Office) -> None:
    desk.extend(REPORT, "2022-07-08", on="2022-06-24 10:00")
    desk.submit(report("2022-07-08 17:30"))
    found = fact(desk, REPORT, "2022-07-20")
    assert (found["on_time"], found["days_late"]) == (1, 0)


def test_a_second_extension_supersedes_the_first(desk: Office) -> None:
    desk.extend(REPORT, "2022-07-08", on="2022-06-24 10:00")
    desk.extend(REPORT, "2022-07-15", on="2022-07-05 10:00")
    due = [fact(desk, REPORT, day)["due_on"] for day in ("2022-07-05 09:00", "2022-07-05 11:00")]
    assert due == [date(2022, 7, 8).toordinal(), date(2022, 7, 15).toordinal()]


def test_one_extension_is_in_force_at_any_time_even_when_one_came_in_late(desk: Office) -> None:
    desk.extend(REPORT, "2022-06-30", on="2022-06-20 10:00")
    desk.evaluate("2022-06-25", known_at="2022-06-25")
    desk.extend(REPORT, "2022-07-01", on="2022-06-21 10:00")  # entered after that day was looked at
    desk.extend(REPORT, "2022-07-04", on="2022-06-26 10:00")
    for known_at in ("2022-06-26 12:00", "2022-06-27", "2023-12-31"):
        run = desk.evaluate("2022-06-27", known_at=known_at, dry_run=True)
        late = next(each for each in run.rules if each.rule == "late")
        assert late.applicable == 12, known_at


@pytest.mark.parametrize(
    ("until", "on", "why"),
    [
        ("2022-06-27", "2022-06-24 10:00", "must be later"),
        ("2022-06-25", "2022-06-24 10:00", "must be later, not 2022-06-27"),
        ("2022-07-08", "2022-06-27 17:31", "asked for before that"),
        ("2022-07-08", "2024-01-01 10:00", "in the future"),
    ],
)
def test_an_extension_that_is_none_or_comes_too_late_is_refused(
    desk: Office, until: str, on: str, why: str
) -> None:
    def act() -> None:
        with pytest.raises(Refused, match=why):
            desk.extend(REPORT, until, on=on)

    unchanged_by(desk, act)


def test_a_late_request_is_granted_only_when_the_office_says_so_and_that_is_on_file(
    desk: Office,
) -> None:
    desk.extend(REPORT, "2022-07-08", on="2022-06-28 10:00", late_request=True)
    with desk.app.database.reading() as session:
        assert session.exec(select(ExtensionRow.late_request)).one() == 1


# --- Secrets -------------------------------------------------------------------------------------


def test_an_identity_stands_nowhere_in_the_database(desk: Office) -> None:
    identity = "410105199003070021"
    desk.submit(
        a_submission(
            "C-T1",
            "EDU",
            "2022H1",
            "2022-06-20 11:00",
            records=[
                {
                    "ledger": "trainees",
                    "identity": identity,
                    "class_no": 1,
                    "class_on": "2022-05-05",
                    "employer": "某企业",
                }
            ],
        )
    )
    whole = repr(everything(desk.app.database))
    assert "0021" in whole
    assert identity not in whole
    with desk.app.database.reading() as session:
        row = session.exec(select(RecordRow)).one()
    assert identity[:17] not in repr(row)


def test_instants_come_back_in_utc_on_each_database(desk: Office) -> None:
    desk.submit(report("2022-06-20 10:00"))
    found = versions(desk)[0].submitted_at
    assert isinstance(found, datetime)
    assert found.isoformat() == "2022-06-20T02:00:00+00:00"
