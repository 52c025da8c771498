"""The README says what the program does: commands, settings and words are compared."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.readme_parts import command_list, settings_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def between(begin: str, end: str) -> str:
    return README.split(begin, 1)[1].split(end, 1)[0].strip()


def test_every_command_stands_in_the_readme() -> None:
    assert between("<!-- commands:begin -->", "<!-- commands:end -->") == command_list()


def test_every_setting_stands_in_the_readme() -> None:
    assert settings_table() in README


def test_every_command_has_help_in_chinese() -> None:
    for line in command_list().splitlines()[1:-1]:
        assert re.search(r"[一-鿿]", line[34:]), line


def test_the_readme_shows_a_real_demo() -> None:
    shown = between("<!-- demo:begin -->", "<!-- demo:end -->")
    assert "督查运行 1" in shown
    assert "重点关注名单第1期" in shown


def test_the_readme_names_files_that_exist() -> None:
    for name in re.findall(r"((?:services|store|domain|rules)/[a-z_]+\.py)", README):
        folder = ROOT if name.startswith("rules/") else ROOT / "supervision"
        assert (folder / name).is_file(), name
