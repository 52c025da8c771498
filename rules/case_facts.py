"""Facts as cases write them: only the fields that matter, completed and encoded.

What a fact does not say is said by default: an obligation is filed and unremarkable, with the
clause, role, target … that its requirement has in the plan; `state`, `versions`, `due_passed` and
`period_no` follow from `filed`, `days_overdue` and `period`; it is due on the case's day.  A
finding is detected and major, a violation major; a unit has a contact and nothing open.  Every
field that may be unknown is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, tzinfo
from decimal import Decimal

from rules.catalogue import KINDS, OBLIGATION_KINDS, Field, FieldType
from rules.checked import CheckedRule
from rules.conditions import Value
from rules.constants import Misfit, encode_bool, encode_number, encode_text
from rules.facts import Fact
from rules.nodes import Fault, Node, did_you_mean
from rules.vocabulary import Level

_YEAR = re.compile(r"\d{4}\Z")
_NUMBER = re.compile(r"(\d+)\Z")


@dataclass(frozen=True)
class KnownRequirement:
    """A requirement of the plan: its kind, and the encoded fields that follow from the plan."""

    kind: str
    fields: Mapping[str, Value]


@dataclass(frozen=True)
class World:
    """What cases may name: rules by id, requirements, units with their category.

    `cutoff` is when a day of a case of submissions ends.
    """

    rules: Mapping[str, CheckedRule]
    requirements: Mapping[str, KnownRequirement]
    units: Mapping[str, str]
    zone: tzinfo
    cutoff: time = time(17, 30)


class FactReader:
    """Reads one fact and completes it; says what it names wrongly."""

    def __init__(self, node: Node, world: World, faults: list[Fault]) -> None:
        self.node = node
        self.world = world
        self.faults = faults

    def read(self, unit: str, day: date, number: int) -> Fact | None:
        if not isinstance(self.node.value, dict):
            return None  # the shape of the case has been complained about
        before = len(self.faults)
        kind = self.node.text("on")
        if kind is None or kind not in KINDS:
            hint = did_you_mean(kind or "", KINDS) or ";"
            found = f"unknown kind '{kind}'{hint}" if kind else "a fact needs its kind 'on';"
            self._fault(f"{found} allowed: {', '.join(KINDS)}", "on")
            return None
        known = self._requirement(kind)
        said = self._said(kind)
        if len(self.faults) > before:
            return None
        fields = completed(kind, said, known, self.world, unit=unit, day=day)
        if kind in OBLIGATION_KINDS:
            key = f"{fields['requirement']}/{unit}/{fields['period']}"
        else:
            key = f"{kind}-{number}"
        for name in KINDS[kind]:
            if name not in fields:
                self._fault(f"'{name}' of a {kind} has no default; give it")
        if len(self.faults) > before:
            return None
        whole = {name: fields[name] for name in KINDS[kind]}
        return Fact(kind, self.node.text("key") or key, whole)

    def _fault(self, text: str, *path: str | int, key: bool = False) -> None:
        self.faults.append(self.node.fault(text, *path, key=key))

    def _requirement(self, kind: str) -> KnownRequirement | None:
        if kind not in OBLIGATION_KINDS:
            return None
        name = self.node.text("requirement")
        if name is None:
            self._fault(f"a {kind} is of a 'requirement'; give it")
            return None
        known = self.world.requirements.get(name)
        if known is None:
            hint = did_you_mean(name, self.world.requirements)
            self._fault(f"unknown requirement '{name}'{hint}", "requirement")
        elif known.kind != kind:
            self._fault(f"requirement '{name}' is of kind '{known.kind}', not '{kind}'", "on")
        return known

    def _said(self, kind: str) -> dict[str, Value | None]:
        said: dict[str, Value | None] = {}
        for name, node in self.node.children.items():
            if name in ("on", "key"):
                continue
            field = KINDS[kind].get(str(name))
            if name == "unit":
                self._fault("the unit is that of the case", name, key=True)
            elif field is None:
                hint = did_you_mean(str(name), KINDS[kind]) or "."
                see = f"See `supervision rules fields {kind}`."
                self._fault(f"unknown field '{name}' on '{kind}'{hint} {see}", name, key=True)
            else:
                try:
                    said[field.name] = encoded(node.value, field)
                except Misfit as error:
                    self.faults.append(node.fault(str(error)))
        return said


def completed(
    kind: str,
    said: Mapping[str, Value | None],
    known: KnownRequirement | None,
    world: World,
    *,
    unit: str,
    day: date,
) -> dict[str, Value | None]:
    """Return a fact of which only some fields are said, with all others (see the module)."""
    fields = defaults(kind, said, unit=unit, category=world.units.get(unit, ""), day=day)
    if known is not None:
        fields.update(known.fields)
    fields.update(said)
    if kind in OBLIGATION_KINDS:
        fields.setdefault("period_no", _number_in(fields.get("period")))
    return fields


def encoded(value: object, field: Field) -> Value | None:
    """Return a value as a person writes it, encoded; Misfit says what the field can hold."""
    if value is None:
        if not field.nullable:
            raise Misfit(f"'{field.name}' is always known; it cannot be null")
        return None
    if isinstance(value, bool):
        return encode_bool(value, field)
    if field.type is FieldType.BOOL:
        raise Misfit(f"'{field.name}' is true or false; found {value!r}")
    if isinstance(value, int | float):
        text = format(Decimal(str(value)), "f")
        return encode_number(text.lstrip("-"), field, negative=text.startswith("-"))
    if isinstance(value, str):
        return encode_text(value, field)
    raise Misfit(f"'{field.name}' is one value, no list and no mapping")


def defaults(
    kind: str, said: Mapping[str, Value | None], *, unit: str, category: str, day: date
) -> dict[str, Value | None]:
    """Return what a fact is taken for where a case does not say it (see the module)."""
    found: dict[str, Value | None] = {
        name: None for name, field in KINDS[kind].items() if field.nullable
    }
    counts = (FieldType.INT, FieldType.DECIMAL)
    found |= {
        name: 0
        for name, field in KINDS[kind].items()
        if not field.nullable
        and (field.type in counts or field.type is FieldType.BOOL)
        and name != "period_no"
    }
    found["unit"] = unit
    if "unit_category" in KINDS[kind]:
        found["unit_category"] = category
    if kind in OBLIGATION_KINDS:
        filed = said.get("filed", 1)
        found |= {
            "filed": filed,
            "state": "submitted" if filed else "missing",
            "versions": 1 if filed else 0,
            "due_passed": int(bool(said.get("days_overdue"))),
            "due_on": day.toordinal(),
            "role": "direct",
        }
    elif kind == "unit":
        found["has_contact"] = 1
    else:
        found["severity"] = Level.MAJOR.value
        if kind == "finding":
            found |= {"state": "detected", "cycle": 1, "level": "L0"}
    return found


def _number_in(period: Value | None) -> int:
    """2022Q2 is the second, 2022-06 the sixth of its year, 2022 the first."""
    text = str(period)
    found = None if _YEAR.match(text) else _NUMBER.search(text)
    return int(found[1]) if found else 1
