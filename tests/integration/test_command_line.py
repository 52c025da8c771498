"""The command line through the real program: what it prints, how it ends, what it changes."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import typer
from openpyxl import load_workbook
from rich.cells import cell_len

from supervision.__main__ import app
from supervision.services.contract import EvaluationOut, FindingDetailOut, FindingOut, NoticeOut
from supervision.store.session import Database
from tests.office import LATE, TALENT, ladder_rules, small_pack
from tests.program import ROOT, Program, Server
from tests.smtp_servers import Inbox, an_smtp_server
from tests.table_dump import Dump, difference, everything

pytestmark = pytest.mark.xdist_group("command line")  # they share one demonstration

JULY = ("--as-of", "2022-07-15")
SECOND_PLAN = Path(__file__).parents[1] / "fixtures" / "second-plan"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def shown(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, str]:
    """A folder in which `supervision demo` was run, and what it printed."""
    program = Program(server, tmp_path_factory.mktemp("demo"))
    ran = program("demo", "--directory", str(program.folder))
    assert (ran.code, ran.err) == (0, "")
    return program, ran.out


@pytest.fixture(scope="module")
def untouched(shown: tuple[Program, str]) -> Iterator[Program]:
    """The demonstration's own folder, for what changes nothing; looked at when all is done."""
    program = shown[0]
    before = tables(program)
    yield program
    assert difference(before, tables(program)) == {}


@pytest.fixture
def program(shown: tuple[Program, str], tmp_path: Path) -> Program:
    """The program in a copy of that folder."""
    return shown[0].in_a_copy(tmp_path / "demo")


@pytest.fixture
def empty(server: Server, tmp_path: Path) -> Program:
    """The program in an empty folder."""
    return Program(server, tmp_path)


@pytest.fixture(scope="module")
def bare(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program beside a database that stays empty."""
    program = Program(server, tmp_path_factory.mktemp("bare"))
    (program.folder / "file.jsonl").write_text("{}\n")
    return program


def tables(program: Program) -> Dump:
    database = Database(program.environment["SUPERVISION_DATABASE_URL"])
    try:
        return everything(database)
    finally:
        database.close()


def mails(program: Program) -> dict[str, EmailMessage]:
    """The delivered mails by Message-ID."""
    found = {}
    for path in (program.folder / "mails" / "new").iterdir():
        mail = message_from_bytes(path.read_bytes(), policy=policy.SMTP)
        assert isinstance(mail, EmailMessage)
        found[str(mail["Message-ID"])] = mail
    return found


def body(mail: EmailMessage, subtype: str) -> str:
    part = mail.get_body((subtype,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def packed(text: str) -> str:
    """Text without what tables and terminals put between its words."""
    return re.sub(r"\s+", "", text)


# --- demo ----------------------------------------------------------------------------------------


def test_the_demonstration_prints_counts_findings_notices_and_the_list_in_chinese(
    shown: tuple[Program, str],
) -> None:
    program, out = shown
    assert "督查运行 1　截至 2022-07-15 17:30" in out
    for word in ("适用", "合格", "不合格", "未定", "豁免", "出错"):
        assert word in out
    assert re.search(r"GEN-R1-late +季度进展报告逾期未报 +60 +54 +6 +0 +0 +0", out)
    assert re.search(r"W-2022-0001 +严重 +待核实 +工业路办事处", out)
    order = ["严重", "较重", "一般", "提示"]
    severities = re.findall(rf"W-2022-\d+ +({'|'.join(order)})", out)
    assert len(severities) == 32
    assert severities == sorted(severities, key=order.index), "the gravest first"
    assert re.search(r"逾期催办　已发　\d+件", out)
    assert "重点关注名单第1期" in out
    assert str(program.folder / "supervision.db") in out
    assert f"maildir:{program.folder / 'mails'}" in out
    assert "supervision findings show W-2022-0001" in out


def test_a_second_demonstration_says_that_nothing_changed_and_changes_nothing(
    program: Program, shown: tuple[Program, str]
) -> None:
    before, delivered = tables(program), mails(program).keys()
    again = program("demo", "--directory", str(program.folder))
    assert (again.code, again.err) == (0, "")
    assert "与上次演示相同，没有任何改动" in again.out
    assert difference(before, tables(program)) == {}
    assert mails(program).keys() == delivered

    def findings(out: str) -> list[str]:
        return re.findall(r"W-2022-\d+ +\S+ +\S+ +\S+", out)

    assert findings(again.out) == findings(shown[1]), "the same results are shown"


def test_the_demonstration_tells_when_its_mails_cannot_be_written(empty: Program) -> None:
    (empty.folder / "mails").write_text("a file where a folder should be")
    ran = empty("demo", "--directory", str(empty.folder))
    assert "本次发出邮件0封" in ran.out
    assert "未能送达：cannot write to the Maildir" in packed_lines(ran.out)
    assert "Traceback" not in ran.err


def packed_lines(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines())


# --- evaluate ------------------------------------------------------------------------------------

RUN_KEYS = {"id", "as_of", "known_at", "pack_revision", "status", "counts"}
COUNT_KEYS = {"opened", "kept", "cleared", "reopened"}
VERDICTS = ("satisfied", "violated", "undecided", "waived", "broken")
FINDING_KEYS = {
    *("number", "rule", "clause", "unit", "requirement", "period"),
    *("severity", "state", "message", "first_seen", "last_seen"),
}
NOTICE_KEYS = {
    *("id", "kind", "step", "reason", "to", "cc"),
    *("subject", "state", "key", "due_at", "sent_at"),
}


def test_evaluate_gives_the_contract_and_counts_that_add_up(program: Program) -> None:
    before = tables(program)
    ran = program("evaluate", *JULY, "--format", "json")
    assert (ran.code, ran.err) == (1, ""), "1: there are findings"
    EvaluationOut.model_validate_json(ran.out, strict=True)
    said = ran.json
    assert said.keys() == {"run", "rules", "findings", "skipped"}
    assert said["run"].keys() >= RUN_KEYS
    assert said["run"]["counts"].keys() >= COUNT_KEYS
    assert {name: said["run"]["counts"][name] for name in ("opened", "kept", "notices")} == {
        "opened": 0,
        "kept": 32,
        "notices": 0,
    }, "the demonstration had evaluated that day"
    assert said["run"]["as_of"] == "2022-07-15T17:30:00+08:00"
    assert len(said["rules"]) == 78
    for rule in said["rules"]:
        assert rule.keys() >= {"rule", "applicable", *VERDICTS}
        assert rule["applicable"] == sum(rule[verdict] for verdict in VERDICTS), rule
    assert said["findings"]
    for finding in said["findings"]:
        assert finding.keys() >= FINDING_KEYS
    changed = difference(before, tables(program)).keys()
    assert changed == {"run", "run_rule", "finding", "journal", "journal_head"}


def test_evaluate_writes_the_same_findings_as_json_and_csv_and_a_dry_run_writes_nothing(
    program: Program,
) -> None:
    before = tables(program)
    dry = ("evaluate", *JULY, "--dry-run")
    as_json = program(*dry, "--format", "json")
    as_csv = program(*dry, "--format", "csv")
    table = program(*dry)
    assert {as_json.code, as_csv.code, table.code} == {1}
    assert [row["number"] for row in as_json.json["findings"]] == [
        row["number"] for row in rows_of(as_csv.out)
    ]
    assert as_json.json["run"]["mode"] == "dry-run"
    assert as_json.json["run"]["id"] is None
    later = program("evaluate", "--as-of", "2022-08-01", "--dry-run", "--format", "json").json
    numbers = [row["number"] for row in later["findings"]]
    assert later["run"]["counts"]["opened"] == numbers.count(None) > 0, "no number for the unborn"
    assert "试运行（未写入）" in table.out
    assert difference(before, tables(program)) == {}


def test_evaluate_of_one_unit_shows_that_unit_and_a_clean_one_ends_with_0(
    program: Program,
) -> None:
    one = program("evaluate", *JULY, "--unit", "民政局", "--dry-run", "--format", "json")
    assert {row["unit"] for row in one.json["findings"]} == {"CIV"}
    clean = program("evaluate", *JULY, "--unit", "EDU", "--dry-run")
    assert clean.code == 0
    assert "没有发现问题" in clean.out


def test_a_run_that_looks_back_says_so_and_moves_nothing(program: Program) -> None:
    before = tables(program)
    ran = program("evaluate", "--as-of", "2022-06-28", "--known-at", "2022-06-28")
    assert "回看（早于最近一次运行，不改变任何问题）" in ran.out
    assert difference(before, tables(program)) == {}


def test_a_message_that_cannot_be_written_is_loud_and_ends_with_1(empty: Program) -> None:
    broken = LATE | {"message": "逾期{{ 6 // (days_overdue - 3) }}。"}
    empty("plan", "adopt", str(small_pack(empty.folder / "pack", [broken])))
    ran = empty("evaluate", "--as-of", "2022-06-30", "--format", "json")
    assert ran.code == 1
    assert [(rule["broken"], rule["violated"]) for rule in ran.json["rules"]] == [(3, 0)]
    assert ran.json["findings"] == []
    assert "规则 late 无法表述其结论" in ran.err
    assert "A1-R1/CIV/2022Q2" in ran.err
    assert empty("findings", "list", "--all", "--format", "json").json == []


def test_a_run_over_its_ceiling_is_held_until_it_is_released_or_withdrawn(empty: Program) -> None:
    empty("plan", "adopt", str(small_pack(empty.folder / "pack", [LATE, *ladder_rules()])))
    held = empty("evaluate", "--as-of", "2022-06-28", SUPERVISION_MAX_NOTICES="5")
    assert held.code == 1
    assert "本次拟发6件通知，超过上限，已暂扣" in held.out
    assert "supervision runs release 1" in held.out
    assert "待放行" in empty("runs", "list").out
    assert "已发送0封" in empty("notices", "send", "--as-of", "2022-06-28").out
    released = empty("runs", "release", "1", "--by", "主任", "--reason", "已核对")
    assert (released.code, "运行1的6件通知已放行" in released.out) == (0, True)
    assert "已发送6封" in empty("notices", "send", "--as-of", "2022-06-28").out
    empty("evaluate", "--as-of", "2022-06-30", SUPERVISION_MAX_NOTICES="5")
    withdrawn = empty("runs", "release", "2", "--withdraw", "--by", "主任", "--reason", "太多")
    assert (withdrawn.code, "已撤回" in withdrawn.out) == (0, True)
    assert "已发送0封" in empty("notices", "send", "--as-of", "2022-06-30").out


# --- The whole way by hand -----------------------------------------------------------------------


def test_adopt_submit_evaluate_send_and_issue_by_hand_end_where_the_demonstration_ends(
    empty: Program, shown: tuple[Program, str]
) -> None:
    sample = TALENT / "sample" / "submissions.jsonl"
    assert "将采用" in empty("plan", "adopt", str(TALENT), "--dry-run").out
    assert empty("plan", "show").code == 2, "a dry run adopts nothing"
    assert empty("plan", "adopt", str(TALENT), "--by", "主任").code == 0
    assert "内容相同，未作改动" in empty("plan", "adopt", str(TALENT)).out
    assert "可导入135件报送" in empty("submit", str(sample), "--dry-run").out
    assert "已导入135件报送（台账1757行）" in empty("submit", str(sample)).out
    before = tables(empty)
    assert "135件此前已在案，未作改动" in empty("submit", str(sample)).out
    assert difference(before, tables(empty)) == {}
    ran = empty("evaluate", *JULY, "--known-at", "2022-07-15T17:30", "--format", "json")
    assert ran.json["run"]["counts"]["opened"] == 32
    sent = empty("notices", "send", "--as-of", "2022-07-15")
    assert (sent.code, "已发送15封" in sent.out) == (0, True)
    assert "名单第1期" in packed(empty("escalations", "issue", "--at", "2022-07-15T17:30").out)
    assert "已发送2封" in empty("notices", "send", "--as-of", "2022-07-15").out
    theirs = shown[0]("findings", "list", "--all", "--format", "json").json
    assert empty("findings", "list", "--all", "--format", "json").json == theirs
    assert empty("doctor").code == 0


# --- findings ------------------------------------------------------------------------------------


def test_findings_are_the_same_as_table_json_and_csv(untouched: Program) -> None:
    as_json = untouched("findings", "list", "--format", "json").json
    assert all(row.keys() >= FINDING_KEYS for row in as_json)
    assert [FindingOut.model_validate(row).number for row in as_json] == [
        f"W-2022-{n:04}" for n in range(1, 33)
    ]
    as_csv = rows_of(untouched("findings", "list", "--format", "csv").out)
    plain = [{k: "" if v is None else v for k, v in row.items()} for row in as_json]
    assert as_csv == plain
    table = packed(untouched("findings", "list").out)
    for row in as_json:
        assert row["number"] in table
        assert packed(row["message"]) in table


def test_findings_are_chosen_by_state_unit_severity_and_rule(untouched: Program) -> None:
    def numbers(*options: str) -> set[str]:
        rows = untouched("findings", "list", "--format", "json", *options).json
        return {row["number"] for row in rows}

    assert numbers("--severity", "critical") == {"W-2022-0001"}
    assert numbers("--rule", "REQ2-O2-coverage") == {"W-2022-0010"}
    assert numbers("--unit", "区工信局") == numbers("--unit", "IIT") != set()
    confirmed = numbers("--state", "confirmed")
    assert confirmed == {f"W-2022-{n:04}" for n in range(2, 8)}
    assert numbers("--state", "confirmed", "--state", "detected") == numbers()
    assert untouched("findings", "list", "--rule", "none-such").out.strip() == "没有这样的督查问题"
    assert untouched("findings", "list", "--state", "closed", "--format", "json").json == []


def test_a_finding_is_shown_with_its_clause_facts_parameters_and_history(
    untouched: Program,
) -> None:
    shown = untouched("findings", "show", "w-2022-0001", "--format", "json")
    detail = FindingDetailOut.model_validate_json(shown.out)
    assert detail.clause_text.startswith("强化责任，确保各项工作任务的落实")
    assert detail.facts[0]["key"] == "REQ2-O1/SUB-GY/2022"
    assert [each.event for each in detail.history] == ["open"]
    table = packed(untouched("findings", "show", "W-2022-0001").out)
    for text in (detail.message, detail.clause_text, detail.remedy, "工业路办事处", "发现"):
        assert packed(text) in table
    history = rows_of(untouched("findings", "show", "W-2022-0001", "--format", "csv").out)
    assert [(row["event"], row["old"], row["new"]) for row in history] == [("open", "", "detected")]


def test_decisions_are_rehearsed_taken_and_written_to_the_journal(program: Program) -> None:
    before = tables(program)
    decided = {
        "confirm": ("confirm", "W-2022-0001"),
        "dismiss": ("dismiss", "W-2022-0016", "--reason", "已口头报告"),
        "waive": ("waive", "W-2022-0017", "--reason", "防汛", "--until", "2022-12-31"),
    }
    when = ("--at", "2022-07-18T09:00", "--by", "督查员")
    for words in decided.values():
        rehearsed = program("findings", *words, *when, "--dry-run")
        assert (rehearsed.code, "[试运行，未写入]" in rehearsed.out) == (0, True)
    assert difference(before, tables(program)) == {}
    for words in decided.values():
        assert program("findings", *words, *when).code == 0
    states = {
        row["number"]: row["state"]
        for row in program("findings", "list", "--all", "--format", "json").json
    }
    assert [states[f"W-2022-{n:04}"] for n in (1, 16, 17)] == ["confirmed", "dismissed", "waived"]
    journal = program("journal", "list", "--limit", "3", "--format", "json").json
    assert [(row["action"], row["subject"], row["actor"]) for row in journal] == [
        ("finding confirm", "W-2022-0001", "督查员"),
        ("finding dismiss", "W-2022-0016", "督查员"),
        ("finding waive", "W-2022-0017", "督查员"),
    ]
    assert program("doctor").code == 0


def test_several_findings_are_decided_all_or_none(program: Program) -> None:
    before = tables(program)
    refused = program("findings", "confirm", "W-2022-0001", "W-2022-0002")
    assert "W-2022-0002: a finding that is confirmed cannot" in refused.sentence
    assert difference(before, tables(program)) == {}


def test_a_finding_walks_its_whole_way_by_verbs(program: Program) -> None:
    def step(verb: str, day: int, *more: str) -> str:
        at = ("--at", f"2022-07-{day}T10:00", "--by", "督查员")
        ran = program("findings", verb, "W-2022-0015", *at, *more)
        assert (ran.code, ran.err) == (0, ""), ran
        return ran.out

    assert "待核实 → 已认定" in step("confirm", 18)
    assert "已认定 → 已交办" in step("notify", 18)
    assert "已交办 → 已签收" in step("acknowledge", 19)
    assert "已签收 → 申诉中" in step("appeal", 20, "--reason", "文号在附件")
    assert "申诉中 → 已交办" in step("uphold", 21)
    assert "已交办 → 待验收" in step("respond", 22, "--reason", "已补文号")
    assert "待验收 → 已交办" in step("return", 25, "--reason", "文号有误")
    assert "已交办 → 待验收" in step("respond", 26, "--reason", "已更正")
    assert "待验收 → 已销号" in step("accept", 27)
    assert program("doctor").code == 0


# --- notices -------------------------------------------------------------------------------------


def test_notices_are_the_same_as_table_json_and_csv(untouched: Program) -> None:
    rows = untouched("notices", "list", "--format", "json").json
    assert all(row.keys() >= NOTICE_KEYS for row in rows)
    assert [NoticeOut.model_validate(row).id for row in rows] == [row["id"] for row in rows]
    as_csv = rows_of(untouched("notices", "list", "--format", "csv").out)
    assert [int(row["id"]) for row in as_csv] == [row["id"] for row in rows]
    assert "通知（" in untouched("notices", "list").out
    of_one = untouched("notices", "list", "--unit", "共青团X区委", "--format", "json").json
    assert of_one == [row for row in rows if row["unit"] == "YL"]
    assert {row["state"] for row in rows} == {"sent", "skipped", "superseded"}
    without = [row for row in rows if row["state"] == "skipped"]
    assert {row["state_reason"] for row in without} == {"no contact address"}


def test_a_preview_is_the_very_mail_that_was_sent(untouched: Program) -> None:
    rows = untouched("notices", "list", "--state", "sent", "--format", "json").json
    notice = next(row for row in rows if row["kind"] == "overdue" and not row["is_copy"])
    sent = [mail for mail in mails(untouched).values() if mail["To"] == notice["to"]]
    assert len(sent) == 1
    preview = untouched("notices", "preview", str(notice["id"]))
    assert packed(body(sent[0], "plain")) in packed(preview.out)
    assert f"主题：{sent[0]['Subject']}" in preview.out
    html = untouched("notices", "preview", str(notice["id"]), "--html").out
    assert packed(html) == packed(body(sent[0], "html"))


def test_mail_waits_for_office_hours_unless_it_is_told_not_to(program: Program) -> None:
    assert program("findings", "confirm", "W-2022-0001", "--at", "2022-07-15T18:00").code == 0
    assert program("findings", "notify", "W-2022-0002", "--at", "2022-07-15T18:00").code == 0
    before = tables(program)
    waiting = program("notices", "send", "--as-of", "2022-07-16T10:00")  # a Saturday
    assert (waiting.code, "已发送0封" in waiting.out) == (0, True)
    rehearsed = program("notices", "send", "--as-of", "2022-07-18T09:00", "--dry-run")
    assert "到时的邮件1封；试运行，未发送" in rehearsed.out
    assert difference(before, tables(program)) == {}
    assert "已发送1封" in program("notices", "send", "--as-of", "2022-07-18T09:00").out


def test_a_refused_mail_is_dead_and_visible_and_leaves_under_its_old_id_when_replayed(
    program: Program,
) -> None:
    delivered = mails(program).keys()
    assert program("findings", "notify", "W-2022-0002", "--at", "2022-07-18T09:00").code == 0
    with an_smtp_server(Inbox({"RCPT": "550 no such user"})) as port:
        url = f"smtp://127.0.0.1:{port}?starttls=never"
        refused = program("notices", "send", "--as-of", "2022-07-18", SUPERVISION_SMTP_URL=url)
    assert refused.code == 1
    assert "1封发送失败" in refused.out
    assert "550" in refused.out
    dead = program("notices", "list", "--state", "dead", "--format", "json").json
    assert [row["item"] for row in dead] == ["W-2022-0002"]
    replayed = program("notices", "replay", str(dead[0]["id"]), "--at", "2022-07-18T10:00")
    assert (replayed.code, "已放回待发" in replayed.out) == (0, True)
    inbox = Inbox()
    with an_smtp_server(inbox) as port:
        url = f"smtp://127.0.0.1:{port}?starttls=never"
        sent = program("notices", "send", "--as-of", "2022-07-18", SUPERVISION_SMTP_URL=url)
    assert (sent.code, "已发送1封" in sent.out) == (0, True)
    ((_, recipients, content),) = inbox.taken
    assert recipients == [dead[0]["to"]]
    assert message_from_bytes(content)["Message-ID"] not in delivered
    assert "only a dead one" in program("notices", "replay", str(dead[0]["id"])).sentence


# --- escalations ---------------------------------------------------------------------------------


def list_rows(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [(row["level"], row["unit"], row["due_current"]) for row in document["rows"]]


def test_the_list_has_the_same_rows_as_table_json_html_and_workbook(program: Program) -> None:
    document = program("escalations", "show", "--format", "json").json
    assert document["number"] == 1
    rows = list_rows(document)
    assert len(rows) == 6
    table = packed(program("escalations", "show", COLUMNS="400").out)
    html = program("escalations", "show", "1", "--format", "html").out
    target = program.folder / "名单.xlsx"
    written = program("escalations", "show", "--format", "xlsx", "-o", str(target))
    assert (written.code, "已写入" in written.out) == (0, True)
    sheet = load_workbook(target).worksheets[0]
    cells = packed(" ".join(str(cell) for row in sheet.iter_rows(values_only=True) for cell in row))
    for row in document["rows"]:
        for text in (row["unit"], row["item"], row["fact_done"], row["proposed"]):
            assert packed(text) in table
            assert packed(text) in cells
            assert packed(text) in packed(re.sub(r"<[^>]+>", "", html))


def test_a_draft_writes_nothing_and_an_issued_list_is_numbered_and_frozen(
    program: Program,
) -> None:
    frozen = program("escalations", "show", "1", "--format", "json").out
    program("findings", "confirm", "W-2022-0001", "--at", "2022-07-15T18:00")
    program("evaluate", "--as-of", "2022-07-18")
    before = tables(program)
    draft = program("escalations", "propose", "--format", "json").json
    rehearsed = program("escalations", "issue", "--dry-run", "--format", "json").json
    assert difference(before, tables(program)) == {}
    assert list_rows(draft) == list_rows(rehearsed)
    assert "number" not in draft
    issued = program("escalations", "issue", "--by", "主任", "--format", "json").json
    assert (issued["number"], issued["issued_by"], issued["since"]) == (2, "主任", 1)
    assert list_rows(issued) == list_rows(draft)
    assert [row["finding"] for row in issued["changes"]["added"]] == ["W-2022-0001"]
    assert program("escalations", "show", "1", "--format", "json").out == frozen
    lists = program("escalations", "lists", "--format", "json").json
    assert [(row["number"], row["rows"]) for row in lists] == [(1, 6), (2, 7)]


def test_a_list_that_cannot_be_written_anywhere_is_not_issued(program: Program) -> None:
    program("evaluate", "--as-of", "2022-07-18")
    before = tables(program)
    nowhere = str(program.folder / "none" / "list.xlsx")
    assert nowhere in program("escalations", "issue", "--format", "xlsx", "-o", nowhere).sentence
    code, screen = program.on_a_terminal("escalations", "issue", "--format", "xlsx")
    assert (code, "name a file with -o FILE" in screen) == (2, True)
    assert difference(before, tables(program)) == {}


def test_proposals_are_listed_approved_and_rejected(program: Program) -> None:
    rows = program("escalations", "list", "--format", "json").json
    assert {row["level"] for row in rows} == {"L3"}
    assert program("escalations", "approve", "1", "--by", "督查室主任").code == 0
    assert "needs a reason" in program("escalations", "reject", "2").sentence
    assert program("escalations", "reject", "2", "--reason", "已说明", "--by", "主任").code == 0
    assert "approved already" in program("escalations", "reject", "1", "--reason", "x").sentence
    left = program("escalations", "list", "--format", "json").json
    assert [(row["id"], row["state"]) for row in left][:2] == [(1, "approved"), (3, "proposed")]
    everyone = program("escalations", "list", "--all", "--format", "csv").out
    assert [row["state"] for row in rows_of(everyone)][:2] == ["approved", "rejected"]


# --- runs, submissions, journal, calendar, doctor, db --------------------------------------------


def test_runs_submissions_journal_calendar_and_plan_are_listed_in_every_format(
    program: Program,
) -> None:
    for verb, first in (
        (("runs", "list"), "id"),
        (("submissions", "list"), "obligation"),
        (("journal", "list"), "seq"),
        (("plan", "show"), "requirement"),
        (("rules", "fields"), "kind"),
        (("doctor",), "what"),
    ):
        said = program(*verb, "--format", "json").json
        rows = said if isinstance(said, list) else said["requirements"]
        as_csv = rows_of(program(*verb, "--format", "csv").out)
        assert rows
        assert [row[first] for row in as_csv] == [str(row[first]) for row in rows], verb
        table = program(*verb)
        assert (table.code, table.err) == (0, "")
        assert table.out.strip()
    assert "2022　" in program("calendar", "list").out
    assert "已有，未作改动" in program("calendar", "seed", "2022").out
    assert "未作改动" in program("db", "upgrade").out


def test_a_text_in_csv_is_no_formula_and_an_empty_one_is_empty(program: Program) -> None:
    program("findings", "dismiss", "W-2022-0016", "--reason", "=cmd|'/c calc'!A1", "--by", "@post")
    shown = rows_of(program("findings", "show", "W-2022-0016", "--format", "csv").out)
    assert shown[-1]["reason"].startswith("'=")
    assert shown[-1]["by"] == "'@post"
    assert rows_of(program("runs", "list", "--format", "csv").out)[0]["cause"] == ""


def test_the_doctor_finds_a_journal_that_somebody_edited(program: Program) -> None:
    assert program("doctor").code == 0
    with sqlite3.connect(program.folder / "supervision.db") as database:
        database.execute("UPDATE journal SET actor = 'nobody' WHERE seq = 2")
    sick = program("doctor", "--format", "json")
    assert sick.code == 1
    assert [row["text"] for row in sick.json if row["ok"] is False] == [
        next(row["text"] for row in sick.json if row["what"] == "审计日志")
    ]


def test_a_submission_is_accepted_returned_and_its_due_date_extended(program: Program) -> None:
    by = ("--by", "督查员")
    assert "已验收" in program("submissions", "accept", "GEN-R1/HRSS/2022Q2", *by).out
    returned = program(
        *("submissions", "return", "GEN-R1/EDU/2022Q2", "--reason", "缺数据", *by),
        *("--at", "2022-07-18T10:00"),
    )
    assert "已退回，2022-07-21前补正" in returned.out
    extended = program(
        *("extend", "GEN-R1/FIC/2022Q2", "--until", "2022-08-01", "--reason", "防汛", *by),
        *("--late-request", "--at", "2022-07-18T10:00"),
    )
    assert "延期至2022-08-01（原时限2022-06-27）" in extended.out
    states = {
        row["obligation"]: row["state"]
        for row in program("submissions", "list", "--format", "json").json
    }
    assert states["GEN-R1/HRSS/2022Q2"] == "accepted"
    assert states["GEN-R1/EDU/2022Q2"] == "returned"


# --- Mistakes ------------------------------------------------------------------------------------

MISTAKES = [
    ("submit none.jsonl", "none.jsonl"),
    ("submit book.xlsx", "give a file of JSON Lines"),
    ("evaluate --as-of 2022-7-15", "'2022-7-15' is no date or instant"),
    ("evaluate --as-of tomorrow", "'tomorrow' is no date or instant"),
    ("evaluate --as-of 2022-02-30", "'2022-02-30' is no date or instant"),
    ("evaluate --as-of 2099-07-15", "lies in the future"),
    ("evaluate --as-of 1999-07-15", "not yet in force at"),
    ("evaluate --as-of 2022-07-15 --unit NOBODY", "no unit 'NOBODY'"),
    ("evaluate --as-of 2022-07-15 --plan other", "no plan 'other' is adopted"),
    ("findings list --unit NOBODY", "no unit 'NOBODY'"),
    ("findings list --severity huge", "no severity 'huge'"),
    ("findings show W-2022-9999", "no finding 'W-2022-9999'"),
    ("findings show nonsense", "no finding 'nonsense'"),
    ("findings accept W-2022-0001", "possible now: confirm, dismiss, waive"),
    ("findings confirm W-2022-0002", "a finding that is confirmed cannot take the step 'confirm'"),
    ("findings confirm W-2022-0001 --at 2099-01-01", "cannot be dated in the future"),
    ("findings confirm W-2022-0001 --at noon", "'noon' is no date or instant"),
    ("findings dismiss W-2022-0001", "needs a reason"),
    ("findings waive W-2022-0001 --reason x", "a waiver needs its last day"),
    ("findings waive W-2022-0001 --until 2099-12-31", "needs a reason"),
    ("findings waive W-2022-0001 --reason x --until 2022-13-01", "'2022-13-01' is no date"),
    ("findings waive W-2022-0001 --reason x --until 2021-01-01", "has passed already"),
    ("notices list --unit NOBODY", "no unit 'NOBODY'"),
    ("notices preview 9999", "no notice 9999"),
    ("notices replay 9999", "no notice 9999"),
    ("submissions list --unit NOBODY", "no unit 'NOBODY'"),
    ("submissions accept GEN-R1/HRSX/2022Q2", "did you mean 'GEN-R1/HRSS/2022Q2'"),
    ("submissions accept GEN-R1/FIC/2022Q2", "nothing was filed"),
    ("submissions return GEN-R1/EDU/2022Q2", "needs a reason"),
    ("submissions return GEN-R1/EDU/2022Q2 --reason x --correct-by 1-1", "'1-1' is no date"),
    ("extend GEN-R1/FIC/2022Q2 --until 2022-08-01", "needs a reason"),
    ("extend GEN-R1/FIC/2022Q2 --until soon --reason x", "'soon' is no date"),
    ("extend GEN-R1/FIC/2022Q2 --until 2022-05-01 --reason x", "must be later"),
    ("extend GEN-R1/FIC/2022Q2 --until 2022-08-01 --reason x", "--late-request"),
    ("extend GEN-R1/FIC/2022Q2 --until 2099-08-01 --reason x --late-request", "2099"),
    ("escalations show 9", "no list 9 was issued"),
    ("escalations approve 99", "99"),
    ("escalations propose --format json -o none/list.json", "none/list.json"),
    ("runs release 1", "not held"),
    ("runs release 99", "no run 99"),
    ("rules fields nokind", "unknown kind 'nokind'"),
    ("calendar seed 2050", "no official working-day table for 2050"),
    ("calendar import none.csv --source x", "none.csv: no such file"),
    ("demo --directory supervision.db", "supervision.db: File exists"),
]


@pytest.mark.parametrize(("words", "said"), MISTAKES, ids=[words for words, _ in MISTAKES])
def test_a_mistake_is_told_in_one_sentence_and_changes_nothing(
    words: str, said: str, untouched: Program
) -> None:
    ran = untouched(*words.split())
    lines = ran.err.strip().splitlines()
    if lines[-1].endswith("nothing was changed"):  # faults of a file: one a line, and their number
        lines.pop()
    assert (ran.code, ran.out, len(lines)) == (2, "", 1), ran
    assert said in lines[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("findings list --state nostate", "'nostate' is not one of 'detected', 'confirmed'"),
        ("notices list --state nostate", "'nostate' is not one of 'planned'"),
        ("evaluate --format xml", "'xml' is not one of 'table', 'json', 'csv'"),
        ("extend GEN-R1/FIC/2022Q2 --reason x", "Missing option '--until'"),
        ("findings show", "Missing argument 'NUMBER'"),
        ("notices preview one", "'ID'"),
        ("journal list --limit 0", "'--limit'"),
        ("nonsense", "No such command 'nonsense'"),
        ("findings lst", "No such command 'lst'"),
        ("evaluate --as-off 2022-07-15", "No such option: --as-off"),
    ],
)
def test_a_wrong_use_of_a_verb_shows_how_it_is_used(
    words: str, said: str, untouched: Program
) -> None:
    ran = untouched(*words.split())
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Usage: supervision")
    assert said in ran.err.splitlines()[-1]


def test_faults_of_a_file_are_told_all_at_once_with_line_and_reason(program: Program) -> None:
    known = {"unit": "TU", "period": "2022Q2", "submitted_at": "2022-06-20T10:00", "by": "x"}
    before = tables(program)
    for lines, said in (
        (["not json", "{}", '{"unit": }'], {"1": "is not JSON", "3": "is not JSON"}),
        (
            [
                json.dumps(known | {"requirement": "GEN-R9"}),
                json.dumps(known | {"requirement": "GEN-R1", "unit": "NOBODY"}),
                json.dumps(known | {"requirement": "GEN-R1", "submitted_at": "yesterday"}),
            ],
            {
                "1": "unknown requirement 'GEN-R9'; did you mean 'GEN-R",
                "2": "unknown unit 'NOBODY'",
                "3": "expected an instant such as",
            },
        ),
    ):
        (program.folder / "bad.jsonl").write_text("\n".join(lines))
        for options in ([], ["--dry-run"]):
            ran = program("submit", "bad.jsonl", *options)
            *told, last = ran.err.splitlines()
            assert (ran.code, ran.out) == (2, "")
            assert last == f"{len(said)} fault(s); nothing was changed"
            assert {line.split(":")[1] for line in told} == said.keys()
            assert all(said[line.split(":")[1]] in line for line in told), told
    assert difference(before, tables(program)) == {}


def test_a_missing_or_faulty_pack_is_refused_with_its_faults(empty: Program) -> None:
    for words in ("plan check none", "plan adopt none", "rules test none"):
        ran = empty(*words.split())
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("none:1:1: is not a folder")
    shutil.copytree(SECOND_PLAN, empty.folder / "pack")
    units = empty.folder / "pack" / "units.yaml"
    units.write_text(units.read_text().replace("category: clinic", "categry: clinic"))
    ran = empty("plan", "adopt", "pack")
    assert ran.code == 2
    assert re.search(r"pack/units.yaml:5:\d+: unknown key 'categry'", ran.err)
    assert empty("plan", "show").sentence.endswith("run `supervision plan adopt FOLDER`")


SETTINGS = [
    ("DATABASE_URL", "nonsense", "is not a database URL"),
    ("DATABASE_URL", "", "is not a database URL"),
    ("DATABASE_URL", "mysql://x/y", "only sqlite and postgresql are supported"),
    ("DATABASE_URL", "postgresql+psycopg2://x/y", "cannot be used"),
    ("DATABASE_URL", "postgres//u:geheim@x/y", "'postgres//u:…@x/y'"),
    ("MAIL_FROM", "no address", "MAIL_FROM"),
    ("MAIL_FROM", "a@example.org\nBcc: b@example.org", "MAIL_FROM"),
    ("MAIL_DOMAIN", "two words", "MAIL_DOMAIN"),
    ("LANGUAGE", "de", "LANGUAGE: is zh-CN or en, found 'de'"),
    ("IDENTITY_KEY", "", "IDENTITY_KEY"),
    ("EVALUATE_AT", "25:00", "EVALUATE_AT"),
    ("DELIVER_EVERY", "0", "DELIVER_EVERY"),
    ("MAIL_OPENS", "x", "MAIL_OPENS"),
    ("MAIL_OPENS", "18:00", "MAIL_CLOSES: is not later than SUPERVISION_MAIL_OPENS (18:00)"),
    ("MAIL_CLOSES", "08:00", "MAIL_CLOSES"),
    ("MAX_FINDINGS", "-1", "MAX_FINDINGS"),
    ("MAX_NOTICES", "many", "MAX_NOTICES"),
    ("WORKERS", "-1", "WORKERS"),
    ("CLOCK", "2022-07-15T17:30:00", "CLOCK: needs a zone"),
]


@pytest.mark.parametrize(("name", "value", "said"), SETTINGS)
def test_a_wrong_setting_is_told_by_its_name(
    name: str, value: str, said: str, bare: Program
) -> None:
    ran = bare("runs", "list", **{f"SUPERVISION_{name}": value})
    assert said in ran.sentence
    assert "Value error" not in ran.err
    assert "geheim" not in ran.err


def test_every_setting_has_a_wrong_value_here_or_is_looked_at_when_mail_is_sent() -> None:
    from supervision.config import Settings

    tried = {name.lower() for name, _, _ in SETTINGS}
    assert tried | {"mail_url", "smtp_url"} == set(Settings.model_fields)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAIL_URL", "nonsense"),
        ("MAIL_URL", "maildir:"),
        ("MAIL_URL", "ftp://user:geheim@x"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "smtp://user:geheim@host:99999"),
        ("SMTP_URL", "smtp://user:geheim@host?starttls=perhaps"),
    ],
)
def test_a_wrong_mail_address_of_the_program_is_told_before_the_first_mail(
    name: str, value: str, untouched: Program
) -> None:
    setting = {f"SUPERVISION_{name}": value}
    ran = untouched("notices", "send", "--as-of", "2022-07-18", **setting)
    assert "where mail goes is set wrong" in ran.sentence
    doctor = untouched("doctor", **setting)
    assert doctor.code == 1
    assert "where mail goes is set wrong" in doctor.out
    assert "geheim" not in ran.err + doctor.out


def test_no_server_another_programs_database_and_a_file_that_is_none_are_told_apart(
    empty: Program,
) -> None:
    other, text, newer = (empty.folder / name for name in ("other.db", "text.db", "newer.db"))
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE people (name TEXT)")
    text.write_text("no database at all, but long enough to be looked at as if it were one" * 9)
    with sqlite3.connect(newer) as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
    for url, said in (
        ("postgresql://u:geheim@127.0.0.1:1/x", "Connection refused"),
        (f"sqlite:///{empty.folder}/none/x.db", "unable to open database file"),
        (f"sqlite:///{other}", "holds tables of something else (people …)"),
        (f"sqlite:///{text}", "is no database, or a damaged one"),
        (f"sqlite:///{newer}", "9999"),
    ):
        for words in ("findings list", "db upgrade", "evaluate", f"plan adopt {TALENT}"):
            ran = empty(*words.split(), SUPERVISION_DATABASE_URL=url)
            assert said in ran.sentence, words
            assert "geheim" not in ran.err
        doctor = empty("doctor", SUPERVISION_DATABASE_URL=url)
        assert (doctor.code, "✗ 数据库" in doctor.out) == (1, True), doctor
        assert "geheim" not in doctor.out + doctor.err
    with sqlite3.connect(other) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master")]
    assert names == ["people"], "another program's database stays as it is"


def test_an_unwritable_maildir_keeps_the_mails_for_later_and_says_why(program: Program) -> None:
    program("findings", "notify", "W-2022-0002", "--at", "2022-07-18T09:00")
    (program.folder / "a-file").touch()
    blocked = {"SUPERVISION_MAIL_URL": f"maildir:{program.folder / 'a-file'}"}
    ran = program("notices", "send", "--as-of", "2022-07-18", **blocked)
    assert "1封暂未送达，稍后自动重试" in ran.out
    assert "cannot write to the Maildir" in ran.out
    assert "Traceback" not in ran.err
    assert "已发送1封" in program("notices", "send", "--as-of", "2022-07-19T10:00").out


def test_with_two_plans_each_verb_asks_which_is_meant(program: Program) -> None:
    assert program("plan", "adopt", str(SECOND_PLAN)).code == 0
    for words in ("findings list", "evaluate", "notices send", "escalations propose", "runs list"):
        sentence = program(*words.split()).sentence
        assert "measles-2024" in sentence
        assert "talent-2022" in sentence
        assert "--plan" in sentence
    assert len(program("findings", "list", "--plan", "talent-2022", "--format", "json").json) == 32
    assert program("findings", "list", "--plan", "measles-2024", "--format", "json").json == []


# --- Every verb ----------------------------------------------------------------------------------


def every_verb() -> dict[str, Any]:
    """All verbs of the program by the words that call them."""
    found = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                walk(inner, (*words, name))
        else:
            found[" ".join(words)] = command

    walk(typer.main.get_command(app), ())
    return found


VERBS = every_verb()
NEEDS = {
    "plan check": "none",
    "plan adopt": "none",
    "rules check": "none",
    "rules test": "none",
    "rules diff": "active active",
    "rules preview": f"{ROOT / 'rules' / 'packs' / 'talent-2022'}",
    "explain": "W-2022-0001",
    "submit": "file.jsonl",
    "submissions accept": "GEN-R1/TU/2022Q2",
    "submissions return": "GEN-R1/TU/2022Q2 --reason x",
    "extend": "GEN-R1/TU/2022Q2 --until 2022-08-01 --reason x",
    "runs release": "1",
    "notices preview": "1",
    "notices replay": "1",
    "escalations approve": "1",
    "escalations reject": "1 --reason x",
    "calendar seed": "2022",
    "calendar import": "none.csv --source x",
    **{
        f"findings {verb}": "W-2022-0001 --reason x"
        for verb in ("dismiss", "waive", "appeal", "reject", "respond", "return")
    },
    **{
        f"findings {verb}": "W-2022-0001"
        for verb in ("show", "confirm", "notify", "acknowledge", "uphold", "accept")
    },
}
"""What a verb is called with where it needs something."""

WITHOUT_A_PLAN = {
    *("demo", "work", "doctor", "plan check", "plan adopt"),
    *("rules check", "rules lint", "rules schema", "rules test", "rules fields"),
    "rules generate-cases",
    *("calendar list", "calendar seed", "calendar import", "db upgrade", "journal list"),
}


@pytest.mark.parametrize("verb", sorted(VERBS.keys() - WITHOUT_A_PLAN))
def test_an_empty_database_is_told_how_to_begin(verb: str, bare: Program) -> None:
    ran = bare(*verb.split(), *NEEDS.get(verb, "").split())
    assert ran.sentence == (
        "supervision: no plan is adopted yet; run `supervision plan adopt FOLDER`"
    )


def test_verbs_that_need_no_plan_work_on_an_empty_database(empty: Program) -> None:
    assert "空库" in empty("doctor").out, "looked at before anything is made"
    assert "空 → " in empty("db", "upgrade").out
    assert "尚未采用任何工作安排" in empty("doctor").out
    assert "还没有工作日历" in empty("calendar", "list").out
    assert "已写入2022年工作日历：工作日249天" in empty("calendar", "seed", "2022").out
    assert empty("journal", "list").out.count("\n") == 1
    assert empty("rules", "fields", "report").code == 0


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_helps_with_a_sentence_for_itself_and_each_option(
    verb: str, server: Server, tmp_path: Path
) -> None:
    ran = Program(server, tmp_path)(*verb.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: supervision {verb}")
    chinese = re.compile("[一-鿿]")
    assert chinese.search(ran.out.split("Options:")[0])
    for option in VERBS[verb].params:
        if option.param_type_name == "option" and option.name != "help":
            assert option.help, f"{verb} {option.opts[0]} is not explained"
            assert chinese.search(option.help)
    assert not list(tmp_path.iterdir()), "asking for help makes no database"


def test_all_verbs_that_show_rows_take_a_format() -> None:
    shows = {verb for verb in VERBS if verb.split()[-1] in ("list", "lists", "show", "fields")}
    shows -= {"calendar list"}
    for verb in shows | {"evaluate", "doctor", "rules test"}:
        assert any(option.name == "format_" for option in VERBS[verb].params), verb


# --- Where it is read ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "locale",
    [
        {"LANG": "C", "LC_ALL": None, "PYTHONIOENCODING": None},
        {"LANG": None, "LC_ALL": "POSIX"},
        {"PYTHONIOENCODING": "ascii"},
    ],
    ids=["LANG=C", "LC_ALL=POSIX", "ASCII forced"],
)
def test_chinese_comes_out_under_any_locale_into_a_file(
    locale: dict[str, str | None], program: Program
) -> None:
    ran = program.afresh("findings", "list", "--severity", "critical", "--format", "json", **locale)
    assert (ran.code, ran.err) == (0, "")
    assert ran.json[0]["title"] == "落实方案逾期未报"
    mistaken = program("findings", "list", "--unit", "没有这个局")
    assert "没有这个局" in mistaken.sentence


def test_a_reader_that_has_seen_enough_ends_the_program_quietly(program: Program) -> None:
    for words in ("notices list --format csv", "rules fields"):
        command = [sys.executable, "-m", "supervision", *words.split()]
        with subprocess.Popen(
            command,
            cwd=program.folder,
            env=program.environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            running.stdout.close()
            assert running.stderr.read() == b""
            assert running.wait(timeout=60) in (0, 1)


@pytest.mark.parametrize(
    "words",
    [
        *("findings list", "findings show W-2022-0010", "evaluate --as-of 2022-07-15 --dry-run"),
        *("notices list --unit TU", "escalations show", "escalations list", "plan show"),
    ],
)
def test_a_terminal_eighty_columns_wide_is_never_overrun(words: str, untouched: Program) -> None:
    code, screen = untouched.on_a_terminal(*words.split(), columns=80)
    assert code in (0, 1)
    wide = [line for line in screen.splitlines() if "⠋" not in line and cell_len(line) > 80]
    assert wide == []
    assert re.search("[一-鿿]", screen)


def test_a_file_gets_tables_wide_enough_to_read_and_no_colours(untouched: Program) -> None:
    ran = untouched("findings", "list", COLUMNS="40")
    assert "\x1b" not in ran.out
    assert max(cell_len(line) for line in ran.out.splitlines()) > 80
