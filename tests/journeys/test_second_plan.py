"""A second plan is a folder of YAML: another field, year, zone and language, no line of Python."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from supervision.services.load_pack import load_pack
from tests.office import TALENT
from tests.program import ROOT, Program, Ran, Server

PACK = str(Path(__file__).parents[1] / "fixtures" / "second-plan")
DUE = {
    1: "2024-01-25",
    2: "2024-02-26",  # the 25th was a Sunday
    3: "2024-03-25",
    4: "2024-04-25",
    5: "2024-05-27",
}


@pytest.fixture
def county(tmp_path: Path) -> Iterator[Program]:
    """The county's own program: in English, rehearsed in July 2024."""
    server = Server()
    yield Program(
        server,
        tmp_path,
        SUPERVISION_LANGUAGE="en",
        SUPERVISION_CLOCK="2024-07-01T09:00:00+02:00",
        SUPERVISION_MAIL_FROM="County health board <board@health.example.test>",
    )
    server.close()


def a_report(unit: str, month: int, when: str) -> dict[str, Any]:
    return {
        "unit": unit,
        "requirement": "V1-MONTH",
        "period": f"2024-{month:02}",
        "submitted_at": when,
        "by": "Secretary",
        "content": {"text": f"{month}00 doses ordered at {unit}", "signed_by": "principal"},
    }


def sessions(unit: str, *doses: int) -> dict[str, Any]:
    rows = [
        {
            "ledger": "sessions",
            "session_no": f"{unit}-{n}",
            "vaccine": "measles",
            "doses": number,
            "held_on": "2024-04-10",
        }
        for n, number in enumerate(doses)
    ]
    rows.append(rows[0] | {"session_no": f"{unit}-flu", "vaccine": "influenza", "doses": 999})
    return {
        "unit": unit,
        "requirement": "V2-DOSES",
        "period": "2024",
        "submitted_at": "2024-06-20T10:00",
        "by": "Secretary",
        "content": {"claimed": sum(doses)},
        "records": rows,
    }


def test_another_plan_goes_the_whole_way_through_every_verb(county: Program) -> None:
    def done(*words: str, code: int = 0) -> Ran:
        ran = county(*words)
        assert (ran.code, ran.err) == (code, ""), ran
        return ran

    def findings(*options: str) -> set[tuple[str, str, str | None, str, str]]:
        return {
            (row["rule"], row["unit"], row["period"], row["severity"], row["state"])
            for row in done("findings", "list", "--format", "json", *options).json
        }

    def file(*lines: dict[str, Any]) -> None:
        (county.folder / "filings.jsonl").write_text("\n".join(map(json.dumps, lines)))
        done("submit", "filings.jsonl", "--by", "Secretary")

    # what is in the folder, and what becomes of it
    done("plan", "check", PACK)
    done("rules", "check", PACK)
    assert "试例8个：通过8，不合0；缺试例的规则0条" in done("rules", "test", PACK).out
    done("plan", "adopt", PACK, "--dry-run")
    assert "督查事项39项，规则6条" in done("plan", "adopt", PACK, "--by", "County director").out
    plan = done("plan", "show", "--format", "json").json
    assert [(row["requirement"], row["obligations"]) for row in plan["requirements"]] == [
        ("V1-MONTH", 36),
        ("V2-DOSES", 3),
    ]
    assert done("calendar", "list").out.count("\n") == 2

    # the day before the first report is due its secretaries hear of it, in their own words
    done("evaluate", "--as-of", "2024-01-24")
    assert "已发送3封" in done("notices", "send", "--as-of", "2024-01-24T13:00").out
    mail = mail_to(county, "secretary@north.example.test")
    assert "Monthly report" in str(mail["Subject"]) + text_of(mail)
    assert "County measles programme 2024" in text_of(mail)
    assert mail["From"] == "County health board <board@health.example.test>"
    assert not re.search("talent|人才|督查室", text_of(mail))

    # noon in Oslo is the cut-off: one minute after it is late, a summer's month ahead is not
    file(
        a_report("NORTH", 1, "2024-01-25T12:00:00+01:00"),
        a_report("LAB", 1, "2024-01-25T12:01:00+01:00"),
    )
    filed = {
        row["obligation"]: row["submitted_at"]
        for row in done("submissions", "list", "--format", "json").json
    }
    assert filed["V1-MONTH/LAB/2024-01"] == "2024-01-25T12:01:00+01:00"
    done("evaluate", "--as-of", "2024-01-26", code=1)
    late = ("month-late", "SOUTH", "2024-01", "minor", "confirmed")
    assert findings() == {late}
    shown = done("findings", "show", "W-2024-0001", "--format", "json").json
    assert shown["message"] == (
        "South Clinic owed its report for month 1 by 2024-01-25; "
        "at 2024-01-26 it is 1 working days late."
    )
    assert shown["clause_text"] == "Every clinic and laboratory reports its doses each month."

    # the ladder has one step more, and so has the way upwards
    assert "已发送2封" in done("notices", "send", "--as-of", "2024-01-26T13:00").out
    steps = done("notices", "list", "--unit", "South Clinic", "--format", "json").json
    assert [(row["step"], row["state"], row["to"]) for row in steps] == [
        ("S1", "sent", "secretary@south.example.test"),
        ("S2", "sent", "secretary@south.example.test"),
        ("S2", "sent", "head@south.example.test"),
    ]
    done("notices", "preview", str(steps[1]["id"]))
    done("evaluate", "--as-of", "2024-01-30", code=1)
    proposals = done("escalations", "list", "--format", "json").json
    assert [(row["level"], row["finding"], row["decided_by_role"]) for row in proposals] == [
        ("L2", "W-2024-0001", "board_secretary")
    ]
    done("escalations", "approve", "1", "--by", "Board secretary")
    by = ("--by", "County director", "--at", "2024-01-30T14:00")
    issued = done("escalations", "issue", *by, "--format", "json").json
    assert [(row["unit"], row["level"]) for row in issued["rows"]] == [("South Clinic", "L2")]
    for format_ in ("html", "xlsx", "table"):
        done("escalations", "show", "1", "--format", format_, "-o", f"list.{format_}")
    assert "South Clinic" in (county.folder / "list.html").read_text()
    assert "已发送1封" in done("notices", "send", "--as-of", "2024-01-31T10:00").out
    assert mail_to(county, "director@health.example.test")

    # two months running are a finding of their own, after ten days the first is grave
    file(
        *(a_report(unit, 2, "2024-02-20T09:00:00+01:00") for unit in ("NORTH", "LAB")),
    )
    done("evaluate", "--as-of", "2024-02-27", code=1)
    assert findings() == {
        ("month-late", "SOUTH", "2024-01", "critical", "confirmed"),
        ("month-late", "SOUTH", "2024-02", "minor", "confirmed"),
        ("two-months-running", "SOUTH", "2024-02", "major", "detected"),
    }

    # what is mended is accepted by people
    done("findings", "notify", "W-2024-0001", "--by", "Board secretary", "--at", "2024-02-27T15:00")
    file(
        *(a_report("SOUTH", month, "2024-02-28T09:00:00+01:00") for month in (1, 2)),
        *(
            a_report(unit, month, f"{DUE[month]}T10:00")
            for unit in ("NORTH", "SOUTH", "LAB")
            for month in (3, 4, 5)
        ),
    )
    assert "没有发现问题" in done("evaluate", "--as-of", "2024-02-28").out
    assert {state for *_, state in findings()} == {"responded"}
    mended = done("findings", "list", "--format", "json").json
    done("findings", "accept", *(row["number"] for row in mended), "--by", "Board secretary")
    assert findings() == set()

    # the target is each clinic's quota and, summed over their ledgers, the board's whole
    file(sessions("NORTH", 150, 130), sessions("SOUTH", 200))
    done("evaluate", "--as-of", "2024-06-24", "--unit", "NORTH", code=1)
    done("evaluate", "--as-of", "2024-06-25", code=1)
    assert findings("--rule", "doses-short") == {
        ("doses-short", "NORTH", "2024", "major", "detected"),
        ("doses-short", "BOARD", "2024", "major", "detected"),
    }
    messages = {
        row["unit"]: row["message"]
        for row in done("findings", "list", "--rule", "doses-short", "--format", "json").json
    }
    assert messages == {
        "NORTH": "North Clinic was to give 300 doses by 2024-06-21; "
        "its ledger shows 280, 20 short.",
        "BOARD": "Vaccination Board was to give 500 doses by 2024-06-21; "
        "its ledger shows 480, 20 short.",
    }

    # a reviewer's and the board's own words
    done("submissions", "accept", "V1-MONTH/NORTH/2024-05", "--by", "Board secretary")
    done("submissions", "return", "V1-MONTH/LAB/2024-05", "--reason", "no figures")
    later = ("--until", "2024-07-05", "--reason", "holidays", "--late-request")
    assert "延期至2024-07-05" in done("extend", "V1-MONTH/SOUTH/2024-06", *later).out

    # and the books are in order
    assert len(done("runs", "list", "--format", "json").json) == 7
    assert done("journal", "list", "--limit", "99").out
    assert done("doctor").code == 0


def mail_to(county: Program, address: str) -> EmailMessage:
    found = []
    for path in (county.folder / "mails" / "new").iterdir():
        mail = message_from_bytes(path.read_bytes(), policy=policy.SMTP)
        assert isinstance(mail, EmailMessage)
        if mail["To"] == address:
            found.append(mail)
    return min(found, key=lambda mail: str(mail["Date"]))


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


def test_no_word_of_the_talent_plan_is_a_constant_of_the_code() -> None:
    """Its ids, units and categories stand in data alone; examples in longer texts are free."""
    pack = load_pack(TALENT)
    words = {
        *(clause.id for clause in pack.plan.clauses),
        *(each.id for each in pack.plan.requirements),
        *(name for unit in pack.units for name in (unit.code, unit.name, unit.category)),
        pack.plan.plan,
        pack.plan.title,
    }
    shipped = ROOT / "supervision" / "cli" / "system_verbs.py"  # names the pack that is shipped
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value!r}"
        for package in ("supervision", "rules", "notifications")
        for path in (ROOT / package).rglob("*.py")
        if "packs" not in path.parts and path != shipped
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in words
    ]
    assert found == []
