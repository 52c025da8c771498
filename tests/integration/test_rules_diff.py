"""`supervision rules diff` over whole packs, through the real program."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.program import ROOT, Program, Ran, Server

SHIPPED = ROOT / "rules" / "packs" / "talent-2022"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def program(server: Server, tmp_path: Path) -> Program:
    """The program in a folder that holds the shipped pack twice, as `old` and `new`."""
    for name in ("old", "new"):
        shutil.copytree(SHIPPED, tmp_path / name, ignore=shutil.ignore_patterns("sample"))
    return Program(server, tmp_path)


def edit(program: Program, file: str, old: str, new: str) -> None:
    path = program.folder / "new" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_pack_means_what_it_means(program: Program) -> None:
    ran = program("rules", "diff", "old", "new")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "含义相同")


def test_a_pack_written_anew_in_another_order_means_the_same(program: Program) -> None:
    chance = random.Random(1)

    def shuffle(node: yaml.Node, *, at: str = "") -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                shuffle(value, at=key.value)
            # the patterns of a match keep their order, in which messages count them
            if at != "match":
                chance.shuffle(node.value)
        elif isinstance(node, yaml.SequenceNode):
            for each in node.value:
                shuffle(each)
            if at in ("rules", "requirements", "clauses"):
                chance.shuffle(node.value)
            node.flow_style = chance.random() < 0.5

    for path in (program.folder / "new").rglob("*.yaml"):
        document = yaml.compose(path.read_text(encoding="utf-8"))
        shuffle(document)
        text = yaml.serialize(document, allow_unicode=True, width=60)
        path.write_text(text, encoding="utf-8")
    ran = program("rules", "diff", "old", "new", "--format", "json")
    assert ran.err == ""
    assert (ran.code, ran.json["changes"], ran.json["params"], ran.json["requirements"]) == (
        0, [], [], [],
    )  # fmt: skip
    assert ran.json["same"]


def test_what_changes_verdicts_stands_first_with_both_conditions_and_a_fact(
    program: Program,
) -> None:
    edit(program, "rules/gen.yaml", "copied_share > 0.95", "copied_share > 0.9")
    edit(program, "rules/reminders.yaml", "title: 报告提前提醒", "title: 提前提醒")
    ran = program("rules", "diff", "old", "new")
    assert ran.code == 1
    lines = ran.out.splitlines()
    place = next(i for i, line in enumerate(lines) if "GEN-R3-copied" in line)
    assert lines[place].endswith("范围变宽")
    block = "\n".join(lines[place : place + 8])
    assert "copied_share > 0.95" in block
    assert "copied_share > 0.9\n" in block
    assert "copied_share = 0.91" in block
    assert "旧 不成立 → 新 问题（提示）" in block
    assert place < next(i for i, line in enumerate(lines) if "[文字] remind-report-R1" in line)
    assert lines[-1] == "共2处变化"


def test_parameters_and_requirements_are_told_with_the_rules_that_use_them(
    program: Program,
) -> None:
    edit(program, "plan.yaml", "{from: 2022-01-01, value: 本科", "{from: 2022-01-01, value: 大专")
    edit(program, "plan.yaml", "督查办公室设定：一般问题10个工作日", "督查办公室设定")
    edit(program, "plan.yaml", "target: {at_least: 200", "target: {at_least: 250")
    edit(program, "plan.yaml", "due: {after_issue_workdays: 15}", "due: {after_issue_workdays: 10}")
    ran = program("rules", "diff", "old", "new", "--format", "json")
    assert ran.code == 1
    assert [(each["name"], each["kind"]) for each in ran.json["params"]] == [
        ("min_degree", "value"),
        ("rectify_days_minor", "reference"),
    ]
    assert "T12-O2-low" in ran.json["params"][0]["rules"]
    assert ran.json["params"][0]["after"][0]["from"] == "2022-01-01"
    told = [(each["requirement"], each["key"]) for each in ran.json["requirements"]]
    assert told == [("REQ2-O1", "due"), ("T09-O1", "target")]
    assert "REQ2-O1-late" in ran.json["requirements"][0]["rules"]


def test_a_rule_in_another_file_only_moved(program: Program) -> None:
    (program.folder / "new" / "rules" / "t08.yaml").rename(
        program.folder / "new" / "rules" / "培训 班.yaml"
    )
    ran = program("rules", "diff", "old", "new")
    assert ran.code == 0
    assert "t08.yaml → 培训 班.yaml，仅移动，含义不变" in ran.out
    assert ran.out.splitlines()[-1] == "含义相同"


def revision_of(ran: Ran) -> str:
    found = re.search(r"修订 ([0-9a-f]+)", ran.out)
    assert found is not None
    return found[1]


def test_stored_rulesets_are_named_by_revision_or_as_the_active_one(program: Program) -> None:
    edit(program, "rules/gen.yaml", "copied_share > 0.95", "copied_share > 0.9")
    assert program("plan", "adopt", "old").code == 0
    first = revision_of(program("rules", "diff", "old", "old"))
    assert program("plan", "adopt", "new").code == 0

    assert program("rules", "diff", "active", "new").code == 0
    assert program("rules", "diff", first[:7], "old").code == 0
    ran = program("rules", "diff", first[:7].upper(), "active", "--format", "json")
    assert ran.code == 1
    assert [(each["rule"], each["relation"]) for each in ran.json["changes"]] == [
        ("GEN-R3-copied", "wider")
    ]
    assert ran.json["old"]["revision"].startswith(first)


def test_a_folder_named_like_a_revision_is_a_folder(program: Program) -> None:
    (program.folder / "new").rename(program.folder / "abcdef0")
    assert program("rules", "diff", "old", "abcdef0").code == 0


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("abc12", "too short for a revision: write at least 7 of its digits"),
        ("abcdef0", "no stored ruleset has a revision that begins with 'abcdef0'"),
        ("active", "no plan is adopted yet"),
    ],
)
def test_a_name_that_names_nothing_is_told_in_one_sentence(
    program: Program, name: str, sentence: str
) -> None:
    assert sentence in program("rules", "diff", "old", name).sentence


def test_the_faults_of_both_packs_are_told_at_once(program: Program) -> None:
    edit(program, "rules/gen.yaml", "copied_share > 0.95", "copied_shar > 0.95")
    ran = program("rules", "diff", "无此 文件夹", "new")
    assert (ran.code, ran.out) == (2, "")
    assert "无此 文件夹:1:1: there is no such folder" in ran.err
    assert "did you mean 'copied_share'?" in ran.err
    assert "Traceback" not in ran.err
