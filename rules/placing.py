"""From a place in a condition to a place in the YAML file it stands in."""

from __future__ import annotations

from pathlib import Path

from rules.nodes import Fault, Node

_FOLDED = " \t\n"
_CONTINUED = "\\\n"
_ESCAPED = ('\\"', "\\\\")


def fault_inside(node: Node, offset: int, text: str) -> Fault:
    """Return a fault at `offset` of the text that the node holds.

    Plain, quoted and block texts alike: YAML changes no more than the white space in them.  Where
    the file says otherwise (escapes, anchors) the fault is where the value begins.
    """
    line, column = node.line, node.column
    raw = _from(node)
    at = _aligned(raw, str(node.value), offset)
    if at is not None:
        before = raw[:at]
        line += before.count("\n")
        column = at - before.rfind("\n") if "\n" in before else column + at
    return Fault(node.file, line, column, text)


def _aligned(raw: str, value: str, offset: int) -> int | None:
    """Return where in `raw` the character at `offset` of `value` stands, blank ones left out."""
    quote = raw[:1]
    at = 0
    if quote in ("'", '"'):
        at = 1
    elif quote in ("|", ">"):
        at = raw.find("\n")
    for index, character in enumerate(value):
        if character in _FOLDED:
            continue
        while (raw[at : at + 1] and raw[at] in _FOLDED) or (
            quote == '"' and raw[at : at + 2] == _CONTINUED
        ):
            at += 1
        if quote == '"' and raw[at : at + 2] in _ESCAPED:
            at += 1
        if raw[at : at + 1] != character:
            return None
        if index >= offset:
            return at
        at += 2 if quote == "'" and raw[at : at + 2] == "''" else 1
    return None


def _from(node: Node) -> str:
    """Return the file from where the node begins; read again only when there is a fault."""
    try:
        lines = Path(node.file).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError):
        return ""
    return "\n".join(lines[node.line - 1 :])[node.column - 1 :]
