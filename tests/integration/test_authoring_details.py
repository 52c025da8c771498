"""Small promises to authors: schemas named in files, drafts that do not count, true places."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.case_schema import COMMITTED
from tests.program import ROOT, Program, Server

SHIPPED = ROOT / "rules" / "packs" / "talent-2022"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def program(server: Server, tmp_path: Path) -> Program:
    shutil.copytree(SHIPPED, tmp_path / "pack", ignore=shutil.ignore_patterns("sample"))
    return Program(server, tmp_path)


def test_a_schema_is_written_for_rules_and_for_cases(program: Program) -> None:
    rules, cases = (program("rules", "schema", "--for", each) for each in ("rules", "cases"))
    assert program("rules", "schema").out == rules.out
    assert cases.out == COMMITTED.read_text(encoding="utf-8")
    assert json.loads(rules.out)["title"] != json.loads(cases.out)["title"]
    assert program("rules", "schema", "--for", "plans").code == 2


def test_draft_cases_name_the_schema_as_seen_from_where_they_stand(program: Program) -> None:
    for place in ("pack/cases/draft.yaml", "draft.yaml"):
        ran = program("rules", "generate-cases", "REQ2-O1-late", "pack", "-o", place)
        assert ran.code == 0, ran
        path = program.folder / place
        first = path.read_text(encoding="utf-8").split("\n", 1)[0]
        named = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / named).resolve() == COMMITTED


def test_drafts_are_no_cases_to_the_coverage_of_a_plan(program: Program) -> None:
    rule = "REQ2-O1-late"
    for path in (program.folder / "pack" / "cases").glob("*.yaml"):
        path.unlink()
    draft = "pack/cases/draft.yaml"
    assert program("rules", "generate-cases", rule, "pack", "-o", draft).code == 0

    def lacking() -> set[str]:
        found = program("plan", "coverage", "pack", "--format", "json").json
        return {gap["text"] for gap in _gaps(found) if gap["text"].endswith(f"：{rule}")}

    assert lacking() == {f"规则没有正例和反例：{rule}"}
    path = program.folder / draft
    path.write_text(path.read_text("utf-8").replace("confirmed: false", "confirmed: true"))
    assert lacking() == set()


def _gaps(found: object) -> list[dict[str, str]]:
    if isinstance(found, dict):
        own = [found] if {"code", "text", "hard"} <= found.keys() else []
        return own + [gap for value in found.values() for gap in _gaps(value)]
    if isinstance(found, list):
        return [gap for value in found for gap in _gaps(value)]
    return []


def test_a_line_and_a_column_are_no_emoji(program: Program) -> None:
    rules = program.folder / "pack" / "rules" / "gen.yaml"
    faulty = rules.read_text(encoding="utf-8").replace("on: report", "on: reprot", 1)
    before = faulty[: faulty.index("on: reprot")].count("\n")
    rules.write_text("\n" * (99 - before) + faulty, encoding="utf-8")
    checked = program("rules", "check", "pack")
    assert checked.code == 2
    assert "gen.yaml:100:9: " in checked.err


def test_rules_that_a_pack_has_not_are_told_with_where_they_are_listed(program: Program) -> None:
    sentence = program("rules", "generate-cases", "完全没有", "pack").sentence
    assert "`supervision rules explain --pack PATH` lists its rules" in sentence
