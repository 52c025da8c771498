"""`supervision rules check|lint|schema|fields` as an author meets them."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.catalogue import KINDS
from rules.conditions import atoms
from rules.expression import parse_condition
from rules.labels import UNITS
from rules.vocabulary import LintCheck
from tests.program import ROOT, Program, Server

pytestmark = pytest.mark.xdist_group("rule authoring")

TALENT = ROOT / "rules" / "packs" / "talent-2022"
BAD = ROOT / "tests" / "fixtures" / "bad-rules"
EXAMPLES = ROOT / "rules" / "lint"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def program(server: Server, tmp_path: Path) -> Program:
    return Program(server, tmp_path)


def test_a_pack_is_checked_and_its_rules_are_counted(program: Program) -> None:
    ran = program("rules", "check", str(TALENT))
    assert (ran.code, ran.err) == (0, "")
    assert "检查通过：规则文件11个，规则78条" in ran.out
    assert "report + report" in ran.out
    ran = program("rules", "check", str(TALENT / "rules" / "t08.yaml"))
    assert "检查通过：规则文件1个" in ran.out
    ran = program("rules", "check", str(TALENT), "--format", "json")
    assert (ran.code, ran.json) == (0, [])


def test_a_fault_is_shown_with_its_line_and_a_mark_below_its_place(program: Program) -> None:
    path = BAD / "faulty" / "full-width-comparison.yaml"
    ran = program("rules", "check", str(path))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.split("\n")[:3] == [
        f"{path}:5:24: '＞' is full-width; type >",
        "        when: days_overdue ＞ 3 and days_late ≥ 2",
        "                           ^",
    ]
    assert "2 fault(s) in 1 file(s)" in ran.err


def test_faults_are_rows_for_an_editor(program: Program) -> None:
    path = BAD / "faulty" / "unknown-field.yaml"
    ran = program("rules", "check", str(path), "--format", "json")
    assert (ran.code, ran.err) == (2, "")
    (row,) = ran.json
    assert row.keys() == {"file", "line", "column", "text"}
    assert (row["file"], row["line"], row["column"]) == (str(path), 5, 25)
    ran = program("rules", "check", str(path), "--format", "csv")
    assert ran.code == 2
    assert [each["line"] for each in csv.DictReader(io.StringIO(ran.out))] == ["5"]


def test_every_faulty_file_is_told_and_none_ends_in_a_traceback(program: Program) -> None:
    ran = program("rules", "check", str(BAD / "faulty"))
    assert ran.code == 2
    assert "Traceback" not in ran.err
    # the marks stand below excerpts, however long or broken the line is
    assert max(map(len, ran.err.split("\n"))) < 2000


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none", "none: there is no such file or folder"),
        ("alone.yaml", "alone.yaml: no plan.yaml in any folder above it"),
        ("甲 乙/pack/units.yaml", "is no file of rules; check the whole pack"),
    ],
)
def test_a_wrong_path_is_one_sentence(program: Program, path: str, said: str) -> None:
    (program.folder / "alone.yaml").write_text("rules: []\n")
    shutil.copytree(BAD, program.folder / "甲 乙" / "pack")
    for verb in ("check", "lint"):
        assert said in program("rules", verb, path).sentence


def test_a_file_finds_its_pack_above_it_from_wherever_it_is_named(program: Program) -> None:
    shutil.copytree(BAD, program.folder / "我的 工作")
    drafts = program.folder / "我的 工作" / "drafts" / "new"
    drafts.mkdir(parents=True)
    shutil.copy(BAD / "rules" / "sound.yaml", drafts / "same.yaml")
    ran = program("rules", "check", "我的 工作/drafts/new/same.yaml")
    assert ran.code == 2
    assert "rule 'plan-late' stands already at 我的 工作/rules/sound.yaml:3" in ran.err
    assert "has no rule files" in program("rules", "check", "我的 工作/drafts").err


def test_a_file_with_another_ending_is_told_and_not_passed_over(program: Program) -> None:
    shutil.copytree(BAD, program.folder / "pack")
    shutil.copy(BAD / "rules" / "sound.yaml", program.folder / "pack" / "rules" / "more.yml")
    for path in ("pack", "pack/rules"):
        ran = program("rules", "check", path)
        assert ran.code == 2
        assert "pack/rules/more.yml:1:1: is not read; " in ran.err


def test_the_shipped_pack_has_no_remarks(program: Program) -> None:
    ran = program("rules", "lint", str(TALENT))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("审读通过，没有提示（规则78条")


def test_remarks_end_with_1_and_say_where_which_check_and_why(program: Program) -> None:
    path = EXAMPLES / "ladder-gap" / "bad.yaml"
    ran = program("rules", "lint", str(path))
    assert ran.code == 1
    assert ran.out.startswith(f"{path}:6: [ladder-gap] R1: 阶梯 report 有空档：逾期5个工作日至")
    (row,) = program("rules", "lint", str(path), "--format", "json").json
    assert (row["line"], row["check"], row["rule"]) == (6, "ladder-gap", "R1")
    other = program("rules", "lint", str(path), "--check", "overlap")
    assert (other.code, other.out.split("（")[0]) == (0, "审读通过，没有提示")


def test_a_faulty_file_is_not_linted(program: Program) -> None:
    ran = program("rules", "lint", str(BAD / "faulty" / "like.yaml"), "--format", "json")
    assert ran.code == 2
    assert ran.json[0]["line"] == 5


@pytest.mark.parametrize("check", list(LintCheck))
def test_a_check_is_explained_with_both_examples(program: Program, check: LintCheck) -> None:
    ran = program("rules", "lint", "--explain", check.value)
    assert (ran.code, ran.err) == (0, "")
    for name in ("bad", "good"):
        assert (EXAMPLES / check.value / f"{name}.yaml").read_text(encoding="utf-8") in ran.out


def test_checks_are_listed_and_an_unknown_one_is_a_sentence(program: Program) -> None:
    listed = program("rules", "lint", "--list").out.splitlines()
    assert [line.split()[0] for line in listed] == [check.value for check in LintCheck]
    told = program("rules", "lint", "--explain", "ladder-gab").sentence
    assert "did you mean 'ladder-gap'? checks: never-holds" in told
    assert "--explain" in program("rules", "lint").sentence


def test_the_schema_is_written_to_a_file_or_shown(program: Program) -> None:
    shown = program("rules", "schema").out
    committed = ROOT / "rules" / "schema" / "rules.schema.json"
    assert shown == committed.read_text(encoding="utf-8")
    assert "已写入" in program("rules", "schema", "-o", "架构.json").out
    assert json.loads((program.folder / "架构.json").read_text(encoding="utf-8")) == json.loads(
        shown
    )
    assert "none/x.json" in program("rules", "schema", "-o", "none/x.json").sentence


@pytest.mark.parametrize("kind", KINDS)
def test_each_field_is_told_with_an_example_that_parses(program: Program, kind: str) -> None:
    rows = program("rules", "fields", kind, "--format", "json").json
    assert [row["field"] for row in rows] == list(KINDS[kind])
    for row in rows:
        assert row["meaning"]
        condition = parse_condition(row["example"], kind=kind, fields=KINDS[kind])
        named = {
            getattr(atom, "left", getattr(atom, "field", None)).name for atom in atoms(condition)
        }  # type: ignore[union-attr]
        assert row["field"] in named
        if row["type"] in ("int", "decimal"):
            assert UNITS[row["unit"]]


def test_fields_are_readable_on_a_narrow_terminal(program: Program) -> None:
    code, shown = program.on_a_terminal("rules", "fields", "report", columns=80)
    assert code == 0
    lines = shown.split("\n")
    assert "  days_overdue  int 整数；工作日" in [line.rstrip() for line in lines]
    assert "      例：due_on <= '2022-06-30'" in [line.rstrip() for line in lines]
