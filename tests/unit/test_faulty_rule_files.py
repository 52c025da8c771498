"""Every file of tests/fixtures/bad-rules/faulty, named after its fault, is told exactly its faults.

A file ends with what is expected of it: `# fault LINE:COLUMN: text`, one a fault, in order.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.catalogue import FieldType
from rules.checking import check_rules
from rules.document import RuleKeys
from rules.loading import parse_yaml
from rules.nodes import Faults
from supervision.services.check_rules import check_at
from supervision.services.load_rules import message_variables

PACK = Path(__file__).parents[1] / "fixtures" / "bad-rules"
FAULTY = sorted((PACK / "faulty").iterdir())


def text_of(path: Path) -> str:
    raw = path.read_bytes()
    return raw.decode("utf-16" if raw.startswith(b"\xff\xfe") else "utf-8", "replace")


def expected_of(path: Path) -> list[str]:
    """What stands at the end of the file, or of each file of a folder."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [
        f"{file.relative_to(PACK)}:{told}"
        for file in files
        for told in re.findall(r"^# fault (.*)$", text_of(file), re.MULTILINE)
    ]


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.stem)
def test_a_faulty_file_is_told_exactly_its_faults(path: Path) -> None:
    with pytest.raises(Faults) as caught:
        check_at(path)
    told = [str(fault).replace(f"{PACK}/", "") for fault in caught.value.faults]
    assert told == expected_of(path)
    assert told


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.stem)
def test_a_fault_lies_inside_its_file(path: Path) -> None:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in files:
        lines = text_of(file).split("\n")
        for line, column in re.findall(r"^# fault (\d+):(\d+)", text_of(file), re.MULTILINE):
            assert 1 <= int(line) <= len(lines)
            assert 1 <= int(column) <= len(lines[int(line) - 1]) + 1


def test_there_are_many_and_each_is_named_after_its_fault() -> None:
    assert len(FAULTY) > 150
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", path.stem) for path in FAULTY)


def test_the_whole_folder_of_faulty_files_is_told_at_once() -> None:
    with pytest.raises(Faults) as caught:
        check_at(PACK / "faulty")
    files = {fault.file for fault in caught.value.faults}
    assert files == {str(path) for path in FAULTY if path.is_file()}


def test_the_pack_they_belong_to_is_sound() -> None:
    checked = check_at(PACK)
    assert checked.whole
    assert [rule.rule.id for rule in checked.rules] == ["plan-late"]


SOUND: dict[str, Any] = {
    "id": "one",
    "title": "标题",
    "clause": "T02",
    "requirement": "GEN-R1",
    "on": "report",
    "scope": "filed or due_passed",
    "when": "not filed and days_overdue > params.weeks",
    "severity": [{"level": "critical", "when": "days_overdue >= 20"}, {"level": "major"}],
    "message": "{{ unit.name }}{% if extended %}延期{% endif %}",
}
WORDS = st.sampled_from(
    [
        "filed",
        "days_overdue",
        "=",
        ">",
        "and",
        "not",
        "(",
        ")",
        "'",
        "3",
        "，",
        "params.weeks",
        "in",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**19)
    | st.sampled_from(["", "x", "一", "report", "{{", "{% if %}", "{{ unit|foo }}", "\x07"])
    | st.lists(WORDS, max_size=8).map(" ".join),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*SOUND, "match", "notice", "level", ""]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([*RuleKeys.model_fields, "zzz"]), VALUES, max_size=3))
def test_whatever_stands_in_a_rule_is_told_as_faults_or_is_fine(keys: dict[str, Any]) -> None:
    text = json.dumps({"rules": [{**SOUND, **keys}]}, ensure_ascii=False)
    told = None
    try:
        check_rules(
            [parse_yaml(text, file="some.yaml")],
            clauses=("T02",),
            requirements={"GEN-R1": ("T02", "report")},
            params={"weeks": FieldType.INT},
            message_variables=message_variables,
        )
    except Faults as faults:
        told = faults.faults
    assert told is None or (told and all(fault.text and fault.line == 1 for fault in told))
