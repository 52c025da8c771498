"""YAML text to nodes with positions: the only place where YAML is read.

Scalars resolve by the core schema of YAML 1.2: only `true` and `false` are booleans (`on` and
`no` stay text), dates and `17:30` stay text. What YAML allows beyond plain data (tags, several
documents, keys that are lists) is a fault, and so is what would make reading slow without bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import yaml

from rules.nodes import Fault, Faults, Node, Position, Value, did_you_mean
from rules.validation import validate

__all__ = [
    "Fault",
    "Faults",
    "Node",
    "Position",
    "Value",
    "did_you_mean",
    "parse_yaml",
    "read_yaml",
    "validate",
]

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 40
# In characters, after aliases are followed: nine levels of nine aliases are 400 million values.
# A file of MAX_BYTES without aliases stays below.
MAX_VOLUME = 32 * 1024 * 1024
_VOLUME_OF_A_VALUE = 8

_NULL = re.compile(r"(?:null|Null|NULL|~|)\Z")
_TRUE = re.compile(r"(?:true|True|TRUE)\Z")
_FALSE = re.compile(r"(?:false|False|FALSE)\Z")
_WHOLE = re.compile(r"[-+]?[0-9]+\Z")
_RADIX = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_ENDLESS = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff]")

_WIDE_COLON = re.compile(r"\s*(?:- )?[A-Za-z_]+：")
_KEY = re.compile(r"\s*(?:- )?[A-Za-z_]+:\s+\S")
_ENDED = re.compile(r"\s*(?:- )?[A-Za-z_]+:\s+(['\"]).*\1")

# libyaml is twenty times as fast; both are the same parser, and positions are the same.
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def read_yaml(path: Path) -> Node:
    """Read one file. Raises Faults: missing, too large, not UTF-8, not YAML, duplicate keys …"""
    name = str(path)
    try:
        if path.exists() and not path.is_file():
            raise Faults([Fault(name, 1, 1, "is not a file")])
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise Faults([Fault(name, 1, 1, "there is no such file")]) from None
    except OSError as error:
        raise Faults([Fault(name, 1, 1, f"cannot be read: {error.strerror}")]) from None
    return parse_yaml(content, file=name)


def parse_yaml(content: bytes | str, *, file: str) -> Node:
    """Return the one document in `content`; `file` is the name that faults carry."""
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if len(raw) > MAX_BYTES:
        limit = MAX_BYTES // 1024 // 1024
        raise Faults([Fault(file, 1, 1, f"the file is larger than {limit} MB")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(raw[: error.start].decode("utf-8-sig"))
        text = (
            f"not UTF-8 text (byte 0x{raw[error.start]:02x}){_encoding_of(raw)}; save it as UTF-8"
        )
        raise Faults([Fault(file, line, column, text)]) from None
    # str counts more line ends than an editor does; YAML 1.2 knows only these two.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _Builder(file, text).document()


class _Builder:
    """Events to nodes, bounded in depth and in number."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.faults: list[Fault] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.volume = 0

    def document(self) -> Node:
        root: Node | None = None
        try:
            events = iter(yaml.parse(self.text, Loader=_LOADER))
            for event in events:
                if isinstance(event, yaml.DocumentStartEvent):
                    if root is not None:
                        self._stop(event, "a second document ('---') in one file")
                    self.anchors.clear()
                elif isinstance(event, yaml.NodeEvent):
                    root = self._node(event, events, 0)
        except yaml.MarkedYAMLError as error:
            raise Faults([*self.faults, self._syntax(error)]) from None
        except yaml.reader.ReaderError as error:
            line, column = _place(self.text[: _character(self.text, error.position)])
            text = f"a control character ({_code(error.character)}) that YAML does not allow"
            raise Faults([*self.faults, Fault(self.file, line, column, text)]) from None
        if root is None or root.value is None:
            raise Faults([Fault(self.file, 1, 1, "the file is empty")])
        if self.faults:
            raise Faults(self.faults)
        return root

    def _node(self, event: yaml.NodeEvent, events: Iterator[yaml.Event], depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if depth > MAX_DEPTH:
            self._stop(event, f"nested more than {MAX_DEPTH} levels deep")
        before = self.volume
        self._count(event, _VOLUME_OF_A_VALUE + len(getattr(event, "value", "")))
        tag = getattr(event, "tag", None)
        if tag is not None:
            written = tag.replace("tag:yaml.org,2002:", "!!")
            self._fault(event, f"the tag '{written}' is not used here; write plain values")
        if isinstance(event, yaml.ScalarEvent):
            node = self._leaf(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._list(event, events, depth)
        else:
            node = self._mapping(event, events, depth)
        if event.anchor:
            self.anchors[event.anchor] = (node, self.volume - before)
        return node

    def _alias(self, event: yaml.AliasEvent) -> Node:
        found = self.anchors.get(event.anchor or "")
        if found is None:
            self._stop(event, f"the alias '*{event.anchor}' names nothing above it")
        node, size = found
        self._count(event, size)
        return node

    def _leaf(self, event: yaml.ScalarEvent) -> Node:
        text: str = event.value
        if control := _CONTROL.search(text):
            self._fault(event, f"a control character in a text ({_code(control[0])})")
        value: Value = self._resolve(event, text) if event.implicit[0] else text
        return self._make(event, value)

    def _resolve(self, event: yaml.ScalarEvent, text: str) -> Value:
        if _NULL.match(text):
            return None
        if _TRUE.match(text):
            return True
        if _FALSE.match(text):
            return False
        if _WHOLE.match(text) or _RADIX.match(text):
            if len(text.lstrip("+-")) > 18:
                self._fault(
                    event, "a number of more than 18 digits; put it in quotes if it is text"
                )
                return 0
            return int(text) if _WHOLE.match(text) else int(text, 0)
        if _FLOAT.match(text):
            number = float(text)
            if abs(number) >= 1e18:
                self._fault(
                    event, "a number of more than 18 digits; put it in quotes if it is text"
                )
            return number
        if _ENDLESS.match(text):
            self._fault(event, f"'{text}' is not a number one can count with")
        return text

    def _list(self, start: yaml.NodeEvent, events: Iterator[yaml.Event], depth: int) -> Node:
        children: dict[str | int, Node] = {}
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            assert isinstance(event, yaml.NodeEvent)
            children[len(children)] = self._node(event, events, depth + 1)
        return self._make(start, [node.value for node in children.values()], children)

    def _mapping(self, start: yaml.NodeEvent, events: Iterator[yaml.Event], depth: int) -> Node:
        children: dict[str | int, Node] = {}
        keys: dict[str, Position] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(event)
            value = self._node(_node_event(next(events)), events, depth + 1)
            if key in keys:
                self._fault(
                    event, f"duplicate key '{key}'; it stands already on line {keys[key][0]}"
                )
                continue
            keys[key] = _mark(event)
            children[key] = value
        whole: Value = {str(key): node.value for key, node in children.items()}
        return self._make(start, whole, children, keys)

    def _key(self, event: yaml.Event) -> str:
        # A key stays as it was written: `on`, `2022` and `true` are names here, not values.
        if not isinstance(event, yaml.ScalarEvent):
            if self._around(event).startswith("{{"):
                self._stop(event, "a text that begins with { stands in quotes")
            self._stop(event, "a key must be plain text")
        self._count(event, _VOLUME_OF_A_VALUE + len(event.value))
        key: str = event.value
        if event.tag is not None:
            self._fault(event, f"the tag '{event.tag}' is not used here; write plain values")
        if not key or _CONTROL.search(key):
            self._fault(event, "a key must not be empty or hold control characters")
        return key

    def _around(self, event: yaml.Event) -> str:
        """Return the line from the character before the event."""
        line, column = _mark(event)
        return self.text.split("\n")[line - 1][max(column - 2, 0) :]

    def _make(
        self,
        event: yaml.Event,
        value: Value,
        children: dict[str | int, Node] | None = None,
        keys: dict[str, Position] | None = None,
    ) -> Node:
        line, column = _mark(event)
        return Node(self.file, value, line, column, children or {}, keys or {})

    def _count(self, event: yaml.Event, size: int) -> None:
        self.volume += size
        if self.volume > MAX_VOLUME:
            self._stop(
                event, "the file grows without bound when its aliases ('*name') are followed"
            )

    def _fault(self, event: yaml.Event, text: str) -> None:
        self.faults.append(Fault(self.file, *_mark(event), text))

    def _stop(self, event: yaml.Event, text: str) -> NoReturn:
        self._fault(event, text)
        raise Faults(self.faults)

    def _syntax(self, error: yaml.MarkedYAMLError) -> Fault:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        lines = self.text.split("\n")
        if line <= len(lines) and lines[line - 1][column - 1 : column] == "\t":
            return Fault(self.file, line, column, "a tab; YAML is indented with spaces only")
        first = error.context_mark.line if error.context_mark is not None else line - 2
        for number in range(max(first, 0), min(line, len(lines))):
            wide = _WIDE_COLON.match(lines[number])
            if wide is not None:
                told = "'：' is full-width; after a key stands : and a space"
                return Fault(self.file, number + 1, wide.end(), told)
        if advice := _advice(error, lines[line - 1] if line <= len(lines) else "", column):
            return Fault(self.file, line, column, advice)
        about = f"{error.context}: " if error.context else ""
        return Fault(self.file, line, column, f"not YAML: {about}{error.problem}")


def _advice(error: yaml.MarkedYAMLError, line: str, column: int) -> str | None:
    """Return the usual reason of a syntax error, in an author's words."""
    before = line[: column - 1]
    if "mapping values are not allowed" in str(error.problem):
        if _KEY.match(before) is not None:
            return "a second ': ' on one line; a text with ': ' in it stands in quotes"
        return "this line is indented deeper than the one above; keys of one rule stand in line"
    quoted = _ENDED.match(before.rstrip())
    if "did not find expected key" in str(error.problem) and quoted is not None:
        return (
            f"the value ends at the second {quoted[1]}; one that begins with a quote and goes on "
            "after it stands in quotes as a whole"
        )
    return None


def _encoding_of(raw: bytes) -> str:
    """Return what the file seems to be saved as, for advice; nothing where that is not clear."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ", it seems to be UTF-16 (Unicode)"
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return ""
    return ", it seems to be GB18030 (ANSI)"


def _code(character: str | int) -> str:
    return f"U+{character if isinstance(character, int) else ord(character):04X}"


def _node_event(event: yaml.Event) -> yaml.NodeEvent:
    assert isinstance(event, yaml.NodeEvent)
    return event


def _mark(event: yaml.Event) -> Position:
    assert event.start_mark is not None
    return event.start_mark.line + 1, event.start_mark.column + 1


def _place(before: str) -> Position:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _character(text: str, offset: int) -> int:
    # libyaml reports the offset in bytes, the Python parser in characters.
    if not yaml.__with_libyaml__:
        return offset
    return len(text.encode("utf-8", "replace")[:offset].decode("utf-8", "ignore"))
