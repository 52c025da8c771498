"""The parts of the README that are made from the program: the command list, the settings table."""

from __future__ import annotations

import click
import typer.main

from supervision.__main__ import app
from supervision.config import Settings


def command_list() -> str:
    """Return every command with its first sentence, as the README shows them."""
    lines = ["```text"]
    lines += [f"{name:<34}{text}".rstrip() for name, text in _walk(typer.main.get_command(app), "")]
    return "\n".join([*lines, "```"])


def _walk(command: click.Command, prefix: str) -> list[tuple[str, str]]:
    if not hasattr(command, "commands"):
        return [(prefix, first_sentence(command.help or ""))]
    found = []
    for name, inner in command.commands.items():
        found += _walk(inner, f"{prefix} {name}".strip())
    return found


def first_sentence(text: str) -> str:
    return text.strip().split("。")[0].split("；")[0].split("\n")[0]


def settings_table() -> str:
    """Return a table row for each setting."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = default.get_secret_value() if hasattr(default, "get_secret_value") else default
        value = "" if shown is None else f"`{shown}`"
        rows.append(f"| `SUPERVISION_{name.upper()}` | {value} | {field.description} |")
    return "\n".join(rows)
