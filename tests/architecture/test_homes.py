"""One home per library, one reader of the clock, one of the environment (DESIGN.md, 3)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("supervision", "rules", "notifications")

HOMES = {
    "durable_rules_engine": {"rules.inference"},
    "durable": set(),
    "sqlglot": {"rules.expression", "rules.parsing", "rules.lowering"},
    # read in one module, written in one: draft cases are YAML that an author goes on editing
    "yaml": {"rules.loading", "rules.writing"},
    "smtplib": {"notifications.smtp"},
    "mailbox": {"notifications.maildir"},
    "jinja2": {"notifications.render", "notifications.sentence_names"},
    "css_inline": {"notifications.render"},
    "apscheduler": {"supervision.scheduling"},
    "sqlmodel": {"supervision.store"},
    "sqlalchemy": {"supervision.store"},
    "alembic": {"supervision.store"},
    "pydantic_settings": {"supervision.config"},
    "chinese_calendar": {"supervision.services.seed_calendar"},
    "xlsxwriter": {"supervision.services.list_files"},
    "typer": {"supervision.cli"},
    "rich": {"supervision.cli"},
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "packs" in path.parts:
                continue
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_is_imported_at_home_only(library: str) -> None:
    elsewhere = {
        name
        for name, tree in modules()
        for imported in imports(tree)
        if imported.split(".")[0] == library
        and not any(name == home or name.startswith(f"{home}.") for home in HOMES[library])
    }
    assert not elsewhere


def calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)


def test_only_the_clock_reads_the_time() -> None:
    readers = {
        name
        for name, tree in modules()
        for call in calls(tree)
        if call.endswith(("datetime.now", "datetime.utcnow", "date.today", "time.time"))
    }
    # the scheduler's own first tick is "now" on the machine's clock, whatever ours shows
    assert readers <= {"supervision.clock", "supervision.scheduling"}


def test_only_the_configuration_reads_the_environment() -> None:
    readers = {
        name
        for name, tree in modules()
        for call in calls(tree)
        if call in ("os.environ", "os.getenv", "environ.get")
    }
    assert not readers - {"supervision.config"}


def test_no_module_is_too_long() -> None:
    long = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if "versions" in path.parts or "packs" in path.parts:
                continue
            length = len(path.read_text(encoding="utf-8").splitlines())
            if length > 440:
                long[str(path.relative_to(ROOT))] = length
    assert not long


def test_nothing_is_called_utils() -> None:
    nothing = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}
    assert not {name for name, _ in modules() if name.rsplit(".", 1)[-1] in nothing}
