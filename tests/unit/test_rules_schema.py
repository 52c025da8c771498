"""The JSON Schema of rule files says what the check says of a file's shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rules.catalogue import KINDS
from rules.document import RuleFile, RuleKeys
from rules.loading import Node, read_yaml, validate
from rules.nodes import Fault, Faults
from rules.schema import COMMITTED, schema_of_rules, written
from rules.shape import shape_faults
from rules.vocabulary import Level, LintCheck, NoticeKind, Post, Status

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "rules" / "packs").glob("*/rules/*.yaml"))
SOUND = [
    *SHIPPED,
    *sorted((ROOT / "rules" / "lint").glob("*/*.yaml")),
    *sorted((ROOT / "tests" / "fixtures").glob("*/rules/*.yaml")),
]
FAULTY = sorted((ROOT / "tests" / "fixtures" / "bad-rules" / "faulty").glob("*.yaml"))
SCHEMA = schema_of_rules()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def node_of(path: Path) -> Node | None:
    try:
        return read_yaml(path)
    except Faults:
        return None


READABLE = [(path, node) for path in FAULTY if (node := node_of(path)) is not None]


def of_its_shape(node: Node) -> list[Fault]:
    """The faults that are seen without knowing fields, plan or templates."""
    faults: list[Fault] = []
    validate(RuleFile, node, faults)
    rules = node.find("rules")
    for each in rules if rules is not None else ():
        faults += shape_faults(each)
    return faults


def test_the_committed_schema_is_the_generated_one() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == written(SCHEMA)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", SOUND, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_sound_file_fits_the_schema(path: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(read_yaml(path).value)] == []


@pytest.mark.parametrize(("path", "node"), READABLE, ids=lambda each: getattr(each, "stem", ""))
def test_a_file_whose_shape_is_faulty_does_not_fit(path: Path, node: Node) -> None:
    fits = VALIDATOR.is_valid(node.value)
    if of_its_shape(node):
        assert not fits
    elif not fits:  # an editor also sees what the parser of conditions says first
        assert path.stem in {
            "at-least-without-match",
            "condition-of-blanks",
            "condition-that-is-empty",
            "condition-that-is-too-long",
            "per-without-match",
            "unknown-kind",
            "unknown-kind-in-chinese",
        }


def test_both_sorts_of_faulty_files_are_among_them() -> None:
    shapes = [bool(of_its_shape(node)) for _, node in READABLE]
    assert shapes.count(True) > 45
    assert shapes.count(False) > 90


def objects(schema: Any) -> list[dict[str, Any]]:
    found = []
    if isinstance(schema, dict):
        if "properties" in schema:
            found.append(schema)
        found += [each for value in schema.values() for each in objects(value)]
    if isinstance(schema, list):
        found += [each for value in schema for each in objects(value)]
    return found


def test_every_key_is_described_in_chinese_and_no_other_is_allowed() -> None:
    for each in objects(SCHEMA):
        assert each["additionalProperties"] is False
        for key, of_key in each["properties"].items():
            assert any("\u4e00" <= character <= "\u9fff" for character in of_key["description"]), (
                key
            )
    assert SCHEMA["$defs"]["RuleKeys"]["properties"].keys() == RuleKeys.model_fields.keys()


def test_closed_lists_are_those_of_the_language() -> None:
    definitions = SCHEMA["$defs"]
    for name, words in (
        ("Kind", list(KINDS)),
        ("Level", list(Level)),
        ("Post", list(Post)),
        ("Status", list(Status)),
        ("NoticeKind", list(NoticeKind)),
        ("LintCheck", list(LintCheck)),
    ):
        assert definitions[name]["enum"] == [str(word) for word in words]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_file_names_the_schema_in_its_first_line(path: Path) -> None:
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert named != first
    assert (path.parent / named).resolve() == COMMITTED
