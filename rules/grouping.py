"""What one finding of a match stands for: the fields that `per` names."""

from __future__ import annotations

from collections.abc import Mapping

from rules.catalogue import Table
from rules.conditions import FieldRef
from rules.document import split_field
from rules.nodes import Fault, Node, did_you_mean

Tables = Mapping[str | None, Table]


def grouping(
    node: Node, tables: Tables, faults: list[Fault]
) -> tuple[tuple[FieldRef, ...], str | None]:
    """Return the fields of `per` and the name of the pattern they are of, the anchor.

    () and None for a rule with `on`.  A match without `per` stands for the unit, its anchor is the
    first pattern.  `unit` is put first where it is not named: findings of two units are two.
    """
    per = node.find("per")
    if None in tables:
        if per is not None:
            text = "'per' goes with 'match'; a rule with 'on' makes one finding for each fact"
            faults.append(node.fault(text, "per"))
        return (), None
    names: list[str] = []
    anchor: str | None = None
    for index, each in enumerate(per if per is not None else ()):
        try:
            pattern, name = _named(str(each.value), tables)
            if pattern is not None and anchor not in (None, pattern):
                raise _Unfit(
                    f"'per' names fields of '{anchor}' and '{pattern}'; one pattern's only"
                )
            if name in names:
                raise _Unfit(f"'{name}' stands in 'per' twice")
        except _Unfit as unfit:
            faults.append(node.fault(str(unfit), "per", index))
        else:
            anchor = pattern or anchor
            names.append(name)
    if anchor is None:
        anchor = next(name for name in tables if name is not None)
    if "unit" not in names:
        names.insert(0, "unit")
    fields = tables[anchor].fields
    return tuple(FieldRef(name, fields[name].nullable, anchor) for name in names), anchor


class _Unfit(ValueError):
    pass


def _named(text: str, tables: Tables) -> tuple[str | None, str]:
    """Return (pattern, field); the pattern is None for `unit` alone, which all patterns share."""
    parts = split_field(text)
    if parts is None:
        raise _Unfit(f"'{text}' is no field; write PATTERN.NAME or unit")
    pattern, name = parts
    patterns = [each for each in tables if each is not None]
    if pattern is None:
        if name == "unit":
            return None, name
        if len(patterns) > 1:
            ways = " or ".join(f"{each}.{name}" for each in patterns)
            raise _Unfit(f"of which pattern is '{name}'? Write {ways}")
        pattern = patterns[0]
    if pattern not in tables:
        hint = did_you_mean(pattern, patterns) or ";"
        raise _Unfit(f"unknown pattern '{pattern}'{hint} patterns: {', '.join(patterns)}")
    table = tables[pattern]
    if name not in table.fields:
        hint = did_you_mean(name, table.fields) or "."
        see = f"See `supervision rules fields {table.kind}`."
        raise _Unfit(f"unknown field '{name}' on '{table.kind}'{hint} {see}")
    return pattern, name
