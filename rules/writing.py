"""Plain values to YAML as `rules.loading` reads it, in the form in which a person would write it.

The core schema of YAML 1.2: `on`, `no` and dates are text and need no quotes.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

WIDTH = 4000  # a message stays on its line


class Inline(dict[str, Any]):
    """A mapping that is written on one line, in braces."""


class InlineList(list[Any]):
    """A list that is written on one line, in brackets."""


class _Dumper(yaml.SafeDumper):
    """Quotes what would be read as something else than text, and nothing more."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML's own way; below are those of YAML 1.2

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless  # the items of a list stand under their key, indented
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"^(?:null|Null|NULL|~|)$", ["n", "N", "~", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    (
        "tag:yaml.org,2002:int",
        r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$",
        list("-+0123456789"),
    ),
    (
        "tag:yaml.org,2002:float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
        list("-+.0123456789"),
    ),
    # no number to our reader, and refused by it: text all the same needs its quotes
    ("tag:yaml.org,2002:float", r"^[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)$", list("-+.")),
):
    _Dumper.add_implicit_resolver(_tag, re.compile(_pattern), _first)


def _inline(dumper: yaml.SafeDumper, value: Inline) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=True)


def _inline_list(dumper: yaml.SafeDumper, value: InlineList) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)


_Dumper.add_representer(Inline, _inline)
_Dumper.add_representer(InlineList, _inline_list)


def to_yaml(value: Any) -> str:
    """Return a document of dicts, lists, texts, numbers, booleans and None.

    Keys stay in their order; the same value always yields the same text.
    """
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        default_flow_style=False,
        width=WIDTH,
    )
    return text
