"""YAML with positions: every fault at its place, no traceback."""

from __future__ import annotations

import contextlib
import json
import os
import time as clock
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.loading import (
    MAX_BYTES,
    Fault,
    Faults,
    Node,
    parse_yaml,
    read_yaml,
)


def reading(content: bytes | str) -> Node:
    return parse_yaml(content, file="f.yaml")


def faults_of_reading(content: bytes | str) -> list[str]:
    with pytest.raises(Faults) as caught:
        reading(content)
    return [str(fault) for fault in caught.value.faults]


def test_only_true_and_false_are_booleans_and_dates_and_times_stay_text() -> None:
    node = reading(
        "on: no\nyes: on\nopen: true\nshut: False\nnothing: ~\ndue: 2022-06-30\nat: 17:30\n"
        "n: -12\nhex: 0x1F\nleading: 010\nshare: 0.10\nsmall: 1e-2\nquoted: '12'\nempty:\n"
    )
    assert node.value == {
        "on": "no",
        "yes": "on",
        "open": True,
        "shut": False,
        "nothing": None,
        "due": "2022-06-30",
        "at": "17:30",
        "n": -12,
        "hex": 31,
        "leading": 10,
        "share": 0.1,
        "small": 0.01,
        "quoted": "12",
        "empty": None,
    }


def test_keys_stay_as_they_were_written() -> None:
    assert reading("on: 1\ntrue: 2\n2022: 3\n中文 键: 4\n'null': 5\n").value == {
        "on": 1,
        "true": 2,
        "2022": 3,
        "中文 键": 4,
        "null": 5,
    }


def test_positions_count_lines_and_characters_from_one() -> None:
    node = reading("标题: 甲\n列表:\n  - 名称: 乙\n    值: [一, 二]\n")
    assert node.position() == (1, 1)
    assert node.position("标题") == (1, 5)
    assert node.position("标题", key=True) == (1, 1)
    assert node.position("列表", 0, "值", 1) == (4, 12)
    assert node.position("列表", 0, "值", key=True) == (4, 5)
    assert str(node.fault("错", "列表", 0, "名称")) == "f.yaml:3:9: 错"


def test_a_path_that_goes_beyond_the_document_ends_at_the_nearest_place() -> None:
    node = reading("a:\n  b: 1\n")
    assert node.position("a", "b", "c") == (2, 6)
    assert node.position("a", "x", "y") == (2, 3)
    assert node.find("a", "x") is None
    assert node.text("a", "b") is None
    with pytest.raises(KeyError):
        node.child("a", "x")


def test_line_ends_of_windows_and_a_byte_order_mark_change_nothing() -> None:
    plain = reading("a: 甲\nb:\n  c: 1\n")
    windows = reading(b"\xef\xbb\xbf" + "a: 甲\r\nb:\r\n  c: 1\r\n".encode())
    assert windows.value == plain.value
    assert windows.position("b", "c") == plain.position("b", "c") == (3, 6)
    assert windows.position("a", key=True) == (1, 1)


@pytest.mark.parametrize(
    "content", [b"", b"  \n", b"# only a comment\n", b"---\n", b"\xef\xbb\xbf"]
)
def test_an_empty_file_is_one_fault(content: bytes) -> None:
    assert faults_of_reading(content) == ["f.yaml:1:1: the file is empty"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("a:\n\tb: 1\n", "2:1: a tab; YAML is indented with spaces only"),
        ("a: |\n  x\n\ty\n", "3:1: a tab; YAML is indented with spaces only"),
        ("a: 1\nb: 2\na: 3\n", "3:1: duplicate key 'a'; it stands already on line 1"),
        ("a: {x: 1, x: 2}\n", "1:11: duplicate key 'x'; it stands already on line 1"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document ('---') in one file"),
        ("a: *b\n", "1:4: the alias '*b' names nothing above it"),
        ("a: &a [*a]\n", "1:8: the alias '*a' names nothing above it"),
        ("? [a, b]\n: 1\n", "1:3: a key must be plain text"),
        ("{a: 1}: 2\n", "1:1: a key must be plain text"),
        ("'': 2\n", "1:1: a key must not be empty or hold control characters"),
        ('a: "x\\0y"\n', "1:4: a control character in a text (U+0000)"),
        ("a: .nan\n", "1:4: '.nan' is not a number one can count with"),
        ("a: -.inf\n", "1:4: '-.inf' is not a number one can count with"),
        (
            "a: 1e400\n",
            "1:4: a number of more than 18 digits; put it in quotes if it is text",
        ),
        (
            "id: 1234567890123456789\n",
            "1:5: a number of more than 18 digits; put it in quotes if it is text",
        ),
    ],
)
def test_what_yaml_or_the_product_refuses_is_said_with_its_place(content: str, fault: str) -> None:
    assert faults_of_reading(content) == [f"f.yaml:{fault}"]


@pytest.mark.parametrize(("content", "place"), [("中: [1,\n", "2:1"), ("a: @x\n", "1:4")])
def test_what_the_parser_refuses_is_said_in_its_words(content: str, place: str) -> None:
    (fault,) = faults_of_reading(content)
    assert fault.startswith(f"f.yaml:{place}: not YAML: ")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("a: b: c\n", "1:5: a second ': ' on one line; a text with ': ' in it stands in quotes"),
        ("a：b\nc: 1\n", "1:2: '：' is full-width; after a key stands : and a space"),
        ("a: {{ b }}\n", "1:5: a text that begins with { stands in quotes"),
        (
            "a: b\n   c: 1\n",
            "2:5: this line is indented deeper than the one above; keys of one rule stand in line",
        ),
    ],
)
def test_the_usual_slips_are_told_in_an_authors_words(content: str, fault: str) -> None:
    assert faults_of_reading(content) == [f"f.yaml:{fault}"]


def test_control_characters_are_found_behind_chinese_text() -> None:
    assert faults_of_reading("中文: 甲\n乙: 丙\x07丁\n") == [
        "f.yaml:2:5: a control character (U+0007) that YAML does not allow"
    ]


def test_tags_cannot_call_anything() -> None:
    (fault,) = faults_of_reading("a: !!python/object/apply:os.system ['true']\n")
    assert fault.startswith("f.yaml:1:4: the tag '!!python/object/apply:os.system'")


def test_text_that_is_not_utf_8_is_said_with_its_place() -> None:
    content = "a: 甲\nb: 乙\n".encode() + "c: 丙\n".encode("gb18030")
    (fault,) = faults_of_reading(content)
    assert fault.startswith("f.yaml:3:4: not UTF-8 text (byte 0x")
    assert faults_of_reading("a: 1\n".encode("utf-16"))[0].startswith("f.yaml:1:1: not UTF-8")


def test_every_duplicate_key_is_reported_and_not_only_the_first() -> None:
    assert len(faults_of_reading("a: 1\na: 2\nb: {c: 1, c: 2}\nd: !x 1\n")) == 3


def test_an_alias_repeats_a_value_and_keeps_where_it_was_written() -> None:
    node = reading("a: &one {x: 1}\nb: *one\n")
    assert node.value == {"a": {"x": 1}, "b": {"x": 1}}
    assert node.position("b", "x") == (1, 13)


def test_an_alias_bomb_is_a_fault_and_not_a_hang() -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    started = clock.perf_counter()
    (fault,) = faults_of_reading("a0: &a0 [x, x]\n" + "\n".join(levels))
    assert fault.endswith("the file grows without bound when its aliases ('*name') are followed")
    assert clock.perf_counter() - started < 2


def test_an_alias_bomb_of_one_long_text_is_a_fault() -> None:
    (fault,) = faults_of_reading(f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]\n")
    assert "grows without bound" in fault


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_a_fault_and_not_a_crash(opening: str) -> None:
    started = clock.perf_counter()
    assert len(faults_of_reading(opening * 100_000)) == 1
    assert clock.perf_counter() - started < 5


def test_forty_levels_are_deep_enough_and_one_more_is_not() -> None:
    reading("[" * 41 + "]" * 41)
    assert faults_of_reading("[" * 42 + "]" * 42) == [
        "f.yaml:1:42: nested more than 40 levels deep"
    ]


def test_a_huge_file_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as stream:
        stream.truncate(MAX_BYTES * 100)
    with pytest.raises(Faults, match="the file is larger than 4 MB"):
        read_yaml(huge)


def test_a_missing_file_a_folder_and_a_device_are_faults(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, text in [
        ("absent.yaml", "there is no such file"),
        ("pipe.yaml", "is not a file"),
        (".", "is not a file"),
        ("x" * 300, "cannot be read: File name too long"),
    ]:
        with pytest.raises(Faults) as caught:
            read_yaml(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}:1:1: {text}"


def test_a_fault_prints_as_one_line_and_faults_stand_in_order() -> None:
    faults = Faults(
        [Fault("b.yaml", 1, 1, "x"), Fault("a.yaml", 10, 2, "y\nz"), Fault("a.yaml", 9, 1, "w")] * 2
    )
    assert str(faults) == "a.yaml:9:1: w\na.yaml:10:2: y\\nz\nb.yaml:1:1: x"


# What can be written in YAML must come back; the writer is JSON, which YAML 1.2 contains, but for
# escaped surrogates, unassigned characters, and two separators that the parser takes for line ends.
_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Zl", "Zp")), max_size=20)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 6))
    | _TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_TEXT.filter(bool), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(value=_VALUES.filter(lambda value: value is not None), indent=st.sampled_from([None, 2]))
def test_any_json_value_reads_back_as_itself(value: object, indent: int | None) -> None:
    assert reading(json.dumps(value, indent=indent, ensure_ascii=False)).value == value


@given(content=st.binary(max_size=60) | _TEXT.map(str.encode))
def test_any_bytes_are_a_document_or_faults(content: bytes) -> None:
    with contextlib.suppress(Faults):
        reading(content)
