"""From proposals to the leaders' list: only what people confirmed, frozen, one in all forms."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from notifications.message import Message
from supervision.domain.findings import Event
from supervision.errors import Refused
from supervision.services.desk import open_desk
from supervision.services.issue_list import decide_escalation, issue_list, mail_context
from supervision.services.list_files import COLUMNS, as_json, as_xlsx
from supervision.store import escalations
from supervision.store.tables import EscalationRow
from tests.mail_reading import parsed, raw_of
from tests.office import LATE, SMALL, Office, a_submission, at, ladder_rules, small_pack


def propose(level: str, when: str, **outcome: Any) -> dict[str, Any]:
    return {
        "id": f"propose-{level}",
        "title": f"建议{level}",
        "on": "finding",
        "scope": "state in ('confirmed', 'notified', 'acknowledged')",
        "when": when,
        "escalate": {"level": level, **outcome},
    }


# Due on 27 June: five working days overdue on 4 July, ten on 11 July.
DUE, FIVE_DAYS, TEN_DAYS = "2022-06-27", "2022-07-04", "2022-07-11"
RULES = [
    LATE,
    *ladder_rules(),
    propose("L2", "days_overdue >= 5", letter="reminder_letter"),
    propose("L3", "days_overdue >= 10", letter="supervision_order", propose_card="yellow"),
]


def a_unit(code: str, name: str, **changes: Any) -> dict[str, Any]:
    host = f"{code.lower()}.example.org"
    return {
        "code": code,
        "name": name,
        "category": "部门",
        "principal": {"post": "局长", "email": f"principal@{host}"},
        "deputy": {"post": "副局长", "email": f"deputy@{host}"},
        "liaison": {"name": "联络员", "email": f"liaison@{host}"},
        "district_deputy": {"post": "分管副区长", "email": f"district@{host}"},
        **changes,
    }


def one_unit(folder: Path, **changes: Any) -> Path:
    return small_pack(folder / "pack", RULES, units=[a_unit("EDU", "区教育局", **changes)])


def confirm(office: Office, *units: str, on: str) -> None:
    """Confirm the late reports of these units as of that day's run."""
    office.evaluate(on)
    office.decide(Event.CONFIRM, *(office.finding("late", unit).number for unit in units), on=on)
    office.evaluate(on)


def proposals(office: Office, *states: str) -> list[EscalationRow]:
    with office.app.database.reading() as session:
        rows = escalations.of_plan(session, "small-2022", states or None)
        session.expunge_all()
        return rows


def outline(rows: Sequence[EscalationRow]) -> list[tuple[str, int, str]]:
    return [(row.level, row.cycle, row.state) for row in rows]


def stored(office: Office, number: int) -> dict[str, Any]:
    with office.app.database.reading() as session:
        return dict(escalations.find_list(session, "small-2022", number).document)


# --- What is proposed ----------------------------------------------------------------------------


def test_nothing_is_proposed_about_a_finding_that_nobody_has_confirmed(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", RULES))
    assert office.evaluate(TEN_DAYS).counts["escalations"] == 0
    office.decide(Event.CONFIRM, office.finding("late", "CIV").number, on=TEN_DAYS)
    assert office.evaluate(TEN_DAYS).counts["escalations"] == 1
    (proposal,) = proposals(office)
    assert proposal.finding_id == office.finding("late", "CIV").id
    assert office.evaluate(TEN_DAYS).counts["escalations"] == 0


def test_of_several_levels_the_highest_is_proposed(office: Office, tmp_path: Path) -> None:
    office.adopt(one_unit(tmp_path))
    confirm(office, "EDU", on=TEN_DAYS)
    (proposal,) = proposals(office)
    assert (proposal.level, proposal.letter, proposal.card) == ("L3", "supervision_order", "yellow")


def test_a_higher_level_takes_the_place_of_a_lower_one_that_is_undecided(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(one_unit(tmp_path))
    confirm(office, "EDU", on=FIVE_DAYS)
    office.evaluate(TEN_DAYS)
    assert outline(proposals(office)) == [("L2", 1, "lapsed"), ("L3", 1, "proposed")]


def test_a_proposal_lapses_when_its_reason_has_gone(office: Office, tmp_path: Path) -> None:
    office.adopt(one_unit(tmp_path))
    confirm(office, "EDU", on=FIVE_DAYS)
    office.submit(a_submission("A1-R1", "EDU", "2022Q2", "2022-07-05 10:00"))
    office.evaluate("2022-07-05")
    assert outline(proposals(office)) == [("L2", 1, "lapsed")]
    with pytest.raises(Refused, match="nobody is to be listed"):
        office.issue_list("2022-07-05")


def test_a_proposal_whose_reason_shrinks_falls_back_to_the_lower_level(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(one_unit(tmp_path))
    confirm(office, "EDU", on=TEN_DAYS)
    # an extension granted late: five days overdue from the new date, not ten
    office.extend("A1-R1/EDU/2022Q2", FIVE_DAYS, on="2022-07-11 18:00", late_request=True)
    office.evaluate("2022-07-12")
    assert outline(proposals(office)) == [("L3", 1, "lapsed"), ("L2", 1, "proposed")]
    (row,) = office.issue_list("2022-07-12")["rows"]
    assert (row["level"], row["overdue_days"]) == ("L2", 6)
    assert (row["due_original"], row["due_current"]) == (DUE, FIVE_DAYS)


def test_a_relapse_is_proposed_anew(office: Office, tmp_path: Path) -> None:
    office.adopt(one_unit(tmp_path))
    confirm(office, "EDU", on=FIVE_DAYS)
    number = office.finding("late").number
    office.submit(a_submission("A1-R1", "EDU", "2022Q2", "2022-07-05 10:00"))
    office.evaluate("2022-07-05")
    office.decide(Event.ACCEPT, number, on="2022-07-05")
    # what was filed is given back, and not filed again by the day of correction, 11 July
    office.give_back("A1-R1/EDU/2022Q2", on="2022-07-06 10:00")
    confirm(office, "EDU", on="2022-07-20")
    assert office.finding("late").cycle == 2
    assert outline(proposals(office)) == [("L2", 1, "lapsed"), ("L2", 2, "proposed")]


def test_what_was_rejected_is_not_proposed_again_but_the_next_level_is(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(one_unit(tmp_path))
    confirm(office, "EDU", on=FIVE_DAYS)
    (proposal,) = proposals(office)
    decide(office, proposal, approve=False, reason="已当面说明")
    assert office.evaluate("2022-07-05").counts["escalations"] == 0
    assert office.evaluate(TEN_DAYS).counts["escalations"] == 1
    assert outline(proposals(office)) == [("L2", 1, "rejected"), ("L3", 1, "proposed")]


def decide(office: Office, proposal: EscalationRow, *, approve: bool, reason: str = "") -> None:
    decide_escalation(
        office.app.database,
        proposal.id or 0,
        approve=approve,
        by="主任",
        reason=reason,
        at=at(FIVE_DAYS),
        now=office.clock(),
    )


def test_a_person_decides_once_and_says_why_when_it_is_no(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path))
    confirm(office, "EDU", on=FIVE_DAYS)
    (proposal,) = proposals(office)
    with pytest.raises(Refused, match="rejecting a proposal needs a reason"):
        decide(office, proposal, approve=False)
    decide(office, proposal, approve=True)
    with pytest.raises(Refused, match=f"escalation {proposal.id} is approved already"):
        decide(office, proposal, approve=False, reason="反悔")
    (row,) = office.issue_list(FIVE_DAYS)["rows"]
    assert row["state"] == "已审定"
    assert "07月04日审定发提醒函" in row["measures_taken"]


# --- What is issued ------------------------------------------------------------------------------


def test_an_issued_list_is_numbered_and_says_what_it_rests_on(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", RULES))
    for day in ("2022-06-28", "2022-06-30"):
        office.evaluate(f"{day} 08:00")
        office.deliver(f"{day} 09:00")
    confirm(office, "EDU", "CIV", on=FIVE_DAYS)
    run = office.evaluate(FIVE_DAYS)
    document = office.issue_list(FIVE_DAYS)
    assert (document["number"], document["issued_by"]) == (1, "主任")
    assert (document["run"], document["revision"]) == (run.run_id, run.ruleset)
    assert document["as_of"] == "2022-07-04T17:30:00+08:00"
    first, second = document["rows"]
    assert {first["unit"], second["unit"]} == {"区教育局", "区民政局"}
    assert first == first | {
        "no": 1,
        "level": "L2",
        "state": "待审定",
        "clause": "一.1",
        "item": "季度报告（2022年第二季度）",
        "due_original": None,
        "due_current": DUE,
        "fact_done": "未报送",
        "overdue_days": 5,
        "explanation": "单位尚未说明",
        "proposed": "发提醒函",
        "deputy": "分管副区长",
    }
    # R4 and R5, whoever else they went to
    assert first["measures_taken"] == "提醒催办2次"
    # the third unit's finding waits for a person
    assert any("另有1项待核实" in note for note in document["notes"])
    assert stored(office, 1) == document


def test_the_list_says_when_a_unit_could_not_be_reached(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(one_unit(tmp_path, liaison=None, deputy=None, principal=None))
    confirm(office, "EDU", on=FIVE_DAYS)
    (row,) = office.issue_list(FIVE_DAYS)["rows"]
    assert row["measures_taken"] == "无联系地址，催办未能送达"


def test_an_issued_list_never_changes(office: Office, tmp_path: Path) -> None:
    office.adopt(small_pack(tmp_path / "pack", RULES))
    confirm(office, "EDU", "CIV", on=FIVE_DAYS)
    before = office.issue_list(FIVE_DAYS)
    files = as_json(before), as_xlsx(before)

    office.submit(a_submission("A1-R1", "CIV", "2022Q2", "2022-07-05 10:00"))
    office.extend("A1-R1/EDU/2022Q2", "2022-07-08", on="2022-07-05 11:00", late_request=True)
    number = office.finding("late", "EDU").number
    office.decide(Event.NOTIFY, number, on="2022-07-05")
    office.decide(Event.APPEAL, number, reason="系统故障", on="2022-07-06")
    renamed = [a_unit("EDU", "区教育体育局"), a_unit("CIV", "区民政局")]
    office.adopt(small_pack(tmp_path / "next", [LATE, *ladder_rules()], units=renamed))
    office.evaluate(TEN_DAYS)

    assert stored(office, 1) == before
    assert (as_json(stored(office, 1)), as_xlsx(stored(office, 1))) == files


def test_a_list_says_what_changed_since_the_last_one(office: Office, tmp_path: Path) -> None:
    office.adopt(small_pack(tmp_path / "pack", RULES))
    confirm(office, "EDU", "CIV", on=FIVE_DAYS)
    first = office.issue_list(FIVE_DAYS)
    assert first["since"] is None
    assert {row["unit"] for row in first["changes"]["added"]} == {"区教育局", "区民政局"}

    office.submit(a_submission("A1-R1", "CIV", "2022Q2", "2022-07-05 10:00"))
    office.decide(Event.CONFIRM, office.finding("late", "FIN").number, on="2022-07-05")
    office.evaluate(TEN_DAYS)
    second = office.issue_list(TEN_DAYS)
    assert (second["number"], second["since"]) == (2, 1)

    def named(kind: str) -> list[tuple[str, str]]:
        return [(row["unit"], row["level"]) for row in second["changes"][kind]]

    assert named("added") == [("区财政局", "L3")]
    assert named("removed") == [("区民政局", "L2")]
    assert named("raised") == [("区教育局", "L3")]


def test_that_nobody_is_left_on_the_list_is_news_once(office: Office, tmp_path: Path) -> None:
    office.adopt(one_unit(tmp_path))
    confirm(office, "EDU", on=FIVE_DAYS)
    office.issue_list(FIVE_DAYS)
    office.submit(a_submission("A1-R1", "EDU", "2022Q2", "2022-07-05 10:00"))
    office.evaluate("2022-07-05")
    last = office.issue_list("2022-07-05")
    assert (last["rows"], len(last["changes"]["removed"])) == ([], 1)
    office.evaluate("2022-07-06")
    with pytest.raises(Refused, match="nobody is to be listed"):
        office.issue_list("2022-07-06")


def test_a_list_is_refused_before_the_first_run_without_rows_and_twice_for_one_run(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(one_unit(tmp_path))
    with pytest.raises(Refused, match="nothing was evaluated yet"):
        office.issue_list(FIVE_DAYS)
    office.evaluate(FIVE_DAYS)
    with pytest.raises(Refused, match="nobody is to be listed"):
        office.issue_list(FIVE_DAYS)
    confirm(office, "EDU", on=FIVE_DAYS)
    office.issue_list(FIVE_DAYS)
    with pytest.raises(Refused, match="list 1 was issued for this very run"):
        office.issue_list(FIVE_DAYS)
    assert [row.state for row in proposals(office)] == ["proposed"]


def test_a_draft_is_what_would_be_issued_and_writes_nothing(office: Office, tmp_path: Path) -> None:
    office.adopt(one_unit(tmp_path))
    confirm(office, "EDU", on=FIVE_DAYS)
    draft = issue_list(
        office.app.database,
        office.app.tools,
        by="主任",
        dry_run=True,
        at=at(FIVE_DAYS),
        now=office.clock(),
    )
    with office.app.database.reading() as session:
        assert escalations.last_list(session, "small-2022") is None
    issued = office.issue_list(FIVE_DAYS)
    assert draft == {name: issued[name] for name in draft}


def test_a_listed_unit_that_has_left_the_plan_is_still_named(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "pack", RULES))
    confirm(office, "EDU", "CIV", on=FIVE_DAYS)
    left = [a_unit("CIV", "区民政局"), a_unit("FIN", "区财政局")]
    office.adopt(small_pack(tmp_path / "next", RULES, units=left))
    document = office.issue_list(FIVE_DAYS)
    assert {row["unit"] for row in document["rows"]} == {"区教育局", "区民政局"}


# --- The same rows in each form ------------------------------------------------------------------

FORMULAS = {
    "name": '=HYPERLINK("http://example.org","区教育局")',
    "explanation": "+cmd|' /C calc'!A0",
    "title": "@SUM(1+1)*cmd",
    "deputy": "-2+3",
}


def a_list_with_formulas(office: Office, folder: Path) -> dict[str, Any]:
    """A list in which names, titles and a unit's own words begin like formulas."""
    requirement = SMALL["plan"]["requirements"][0] | {"title": FORMULAS["title"]}
    unit = a_unit("EDU", FORMULAS["name"], district_deputy=FORMULAS["deputy"])
    pack = small_pack(
        folder / "pack",
        RULES,
        plan={"requirements": [requirement]},
        units=[unit, a_unit("CIV", "区民政局")],
    )
    office.adopt(pack)
    confirm(office, "EDU", "CIV", on=FIVE_DAYS)
    number = office.finding("late", "EDU").number
    office.decide(Event.NOTIFY, number, on="2022-07-05")
    office.decide(Event.APPEAL, number, reason=FORMULAS["explanation"], on="2022-07-06")
    office.decide(Event.UPHOLD, number, on="2022-07-07")
    office.evaluate(TEN_DAYS)
    return office.issue_list(TEN_DAYS)


class Cells(HTMLParser):
    """The table of the list, as a reader sees it: rows of cells, whitespace folded."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self._inside = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def html_rows(html: str, rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the cells of the list's own table."""
    table = re.search(r'<table class="list".*?</table>', html, re.DOTALL)
    assert table is not None
    cells = Cells()
    cells.feed(table[0])
    found = [[" ".join(cell.split()) for cell in row] for row in cells.rows if row]
    assert len(found) == len(rows)
    return found


def expected_cells(row: Mapping[str, Any]) -> list[str | int]:
    """Return what a workbook shows of a row."""
    return [row[name] if row[name] is not None else "" for name, _, _ in COLUMNS]


def test_the_workbook_holds_the_rows_of_the_list_and_text_is_never_a_formula(
    office: Office, tmp_path: Path
) -> None:
    document = a_list_with_formulas(office, tmp_path)
    workbook = as_xlsx(document)
    book = openpyxl.load_workbook(io.BytesIO(workbook))
    sheet = book.worksheets[0]
    head = [cell.value for cell in sheet[4]]
    assert head == [label for _, label, _ in COLUMNS]
    for at_row, row in enumerate(document["rows"], start=5):
        cells = sheet[at_row]
        assert [cell.value if cell.value is not None else "" for cell in cells] == expected_cells(
            row
        )
        assert {cell.data_type for cell in cells if isinstance(cell.value, str)} <= {"s"}
        assert {cell.data_type for cell in cells if isinstance(cell.value, int)} == {"n"}
    shown = {str(cell.value) for row in sheet.iter_rows() for cell in row}
    assert FORMULAS["name"] in shown
    assert FORMULAS["explanation"] in shown
    assert FORMULAS["deputy"] in shown
    with zipfile.ZipFile(io.BytesIO(workbook)) as parts:
        for name in parts.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                assert b"<f>" not in parts.read(name)
                assert b"<hyperlink" not in parts.read(name)
    # the same list is the same file
    assert as_xlsx(stored(office, 1)) == workbook


def test_another_reader_finds_the_same_cells(sqlite_office: Office, tmp_path: Path) -> None:
    calamine = pytest.importorskip("python_calamine")
    document = a_list_with_formulas(sqlite_office, tmp_path)
    book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(as_xlsx(document)))
    table = book.get_sheet_by_name("名单").to_python()
    assert table[3] == [label for _, label, _ in COLUMNS]
    for row, cells in zip(document["rows"], table[4:], strict=False):
        assert cells == expected_cells(row)
    changes = book.get_sheet_by_name("较上期变化").to_python()
    assert [line[0] for line in changes[1:]] == ["新增", "新增"]


def test_json_and_page_show_the_same_rows(office: Office, tmp_path: Path) -> None:
    document = a_list_with_formulas(office, tmp_path)
    assert json.loads(as_json(document)) == document
    with office.app.database.reading() as session:
        desk = open_desk(session, None)
    mail = office.app.renderer.mail("leaders-list", mail_context(desk, document, whole=True))
    for row, cells in zip(document["rows"], html_rows(mail.html, document["rows"]), strict=True):
        assert cells[0] == str(row["no"])
        assert row["unit"] in cells[1]
        assert row["item"] in cells[2]
        assert row["clause"] in cells[2]
        assert "2022年6月27日" in cells[3]
        assert row["fact_owed"] in cells[4]
        assert row["fact_done"] in cells[4]
        assert str(row["overdue_days"]) in cells[5]
        assert row["measures_taken"] in cells[6]
        assert row["explanation"] in cells[7]
        assert row["proposed"] in cells[8]
        assert cells[8].startswith(row["level"])
        assert row["deputy"] in cells[9]
        for text in (row["unit"], row["item"], row["measures_taken"], row["proposed"]):
            assert text in mail.text


# --- Who gets it ---------------------------------------------------------------------------------


def attachments(mail: Message) -> list[tuple[str | None, bytes]]:
    return [
        (part.get_filename(), part.get_content())
        for part in parsed(raw_of(mail)).iter_attachments()
    ]


def test_leaders_get_the_list_with_the_workbook_and_units_never_do(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", RULES))
    confirm(office, "EDU", "CIV", on=FIVE_DAYS)
    number = office.finding("late", "EDU").number
    office.decide(Event.NOTIFY, number, on=FIVE_DAYS)
    document = office.issue_list("2022-07-04 18:00")
    assert office.deliver("2022-07-04 18:00").sent == 0
    office.deliver("2022-07-05 09:00")

    (to_leader,) = [mail for mail in office.mails if mail.recipient == "head@example.org"]
    assert to_leader.subject.startswith("【督查专报】重点关注名单第1期：2项事项需要关注")
    ((name, content),) = attachments(to_leader)
    assert (name, content) == ("重点关注名单-1.xlsx", as_xlsx(document))
    assert to_leader.shown_cc == ()
    to_units = [mail for mail in office.mails if mail is not to_leader]
    assert len(to_units) > 6
    for mail in to_units:
        assert mail.recipient.split("@")[1] in {f"{u}.example.org" for u in ("edu", "civ", "fin")}
        assert attachments(mail) == []
        assert "重点关注名单" not in mail.subject + mail.text + mail.html


def test_a_long_list_is_cut_in_the_mail_and_whole_in_the_workbook(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    units = [a_unit(f"U{n:02}", f"第{n:02}号单位") for n in range(25)]
    office.adopt(small_pack(tmp_path / "pack", RULES, units=units))
    confirm(office, *(unit["code"] for unit in units), on=FIVE_DAYS)
    document = office.issue_list("2022-07-05 10:00")
    assert [row["no"] for row in document["rows"]] == list(range(1, 26))
    office.deliver("2022-07-05 10:00")
    (mail,) = [each for each in office.mails if each.recipient == "head@example.org"]
    assert len(html_rows(mail.html, document["rows"][:20])) == 20
    assert "正文列前20项，其余5项见附件。" in mail.text
    ((_, content),) = attachments(mail)
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    assert [sheet.cell(row, 1).value for row in range(5, 30)] == list(range(1, 26))


def test_a_leader_without_an_address_is_a_row_with_its_reason(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    leaders = [{"post": "区长", "email": "head@example.org"}, {"post": "书记"}]
    plan_office = SMALL["plan"]["office"] | {"leaders": leaders}
    pack = small_pack(
        tmp_path / "pack", RULES, plan={"office": plan_office}, units=[a_unit("EDU", "区教育局")]
    )
    office.adopt(pack)
    confirm(office, "EDU", on=FIVE_DAYS)
    office.issue_list(FIVE_DAYS)
    rows = office.notices(step="issue")
    assert {(row.recipient, row.state, row.state_reason) for row in rows} == {
        ("head@example.org", "planned", ""),
        (None, "skipped", "no contact address"),
    }
