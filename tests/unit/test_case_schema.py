"""The JSON Schema of case files says what reading them says of their shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rules.case_documents import CaseDocument
from rules.case_schema import COMMITTED, schema_of_cases
from rules.catalogue import KINDS
from rules.loading import Node, read_yaml
from rules.nodes import Faults
from rules.schema import written

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "rules" / "packs").glob("*/cases/*.yaml"))
SOUND = [*SHIPPED, *sorted((ROOT / "tests" / "fixtures").glob("*/cases/*.yaml"))]
FAULTY = sorted((ROOT / "tests" / "fixtures" / "bad-cases").glob("*.yaml"))
SCHEMA = schema_of_cases()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

OF_MEANING = {
    "day-that-does-not-exist",
    "finding-that-fires",
    "finding-without-its-rule",
    "of-a-fact-that-is-not-there",
    "one-key-for-two-facts",
    "reminder-that-is-violated",
    "requirement-of-another-kind",
    "two-cases-of-one-name",
    "unknown-requirement",
    "unknown-rule",
    "unknown-unit",
    "waived-unknown-rule",
}
"""Faults that only the plan, the rules or the calendar show."""


def node_of(path: Path) -> Node | None:
    try:
        return read_yaml(path)
    except Faults:
        return None


def test_the_committed_schema_is_the_generated_one() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == written(SCHEMA)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", SOUND, ids=lambda path: path.stem)
def test_a_sound_file_fits_the_schema(path: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(read_yaml(path).value)] == []


def test_a_file_does_not_fit_unless_only_its_meaning_is_faulty() -> None:
    nodes = {path.stem: node for path in FAULTY if (node := node_of(path)) is not None}
    assert {name for name, node in nodes.items() if VALIDATOR.is_valid(node.value)} == OF_MEANING
    assert len(nodes) > len(OF_MEANING) + 20


def objects(schema: Any) -> list[dict[str, Any]]:
    found = []
    if isinstance(schema, dict):
        if "additionalProperties" in schema and "properties" in schema:
            found.append(schema)
        found += [each for value in schema.values() for each in objects(value)]
    if isinstance(schema, list):
        found += [each for value in schema for each in objects(value)]
    return found


def test_every_key_is_described_in_chinese_and_no_other_is_allowed() -> None:
    assert len(objects(SCHEMA)) > len(KINDS) + 6
    for each in objects(SCHEMA):
        assert each["additionalProperties"] is False
        for key, of_key in each["properties"].items():
            assert any("\u4e00" <= character <= "\u9fff" for character in of_key["description"]), (
                key
            )
    case = SCHEMA["$defs"]["CaseDocument"]["properties"]
    assert case.keys() == CaseDocument.model_fields.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fact_has_the_fields_of_its_kind_but_for_the_unit(kind: str) -> None:
    fact = SCHEMA["$defs"][f"fact-{kind}"]
    assert fact["properties"].keys() == {"on", "key", *KINDS[kind]} - {"unit"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_file_names_the_schema_in_its_first_line(path: Path) -> None:
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert named != first
    assert (path.parent / named).resolve() == COMMITTED
