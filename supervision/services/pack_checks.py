"""What must hold between the parts of a pack: ids, references, leads, quotas, dates, parameters.

Each part is checked as far as it can be read, so that a slip in one place does not hide others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from itertools import pairwise

from rules.loading import Fault, Node, did_you_mean, validate
from supervision.domain.ledgers import FieldType
from supervision.domain.plan import Calendar, DatedValue, Measure, Requirement
from supervision.domain.units import Assignment, Role, find_unit, folded
from supervision.services.pack_draft import Draft, Located, items, sound, written

ABOUT_TOLERANCE = "about_tolerance"
_NOT_NUMBERS = {str(each) for each in FieldType} - {FieldType.INTEGER, FieldType.NUMBER}
_NOT_DATES = {str(each) for each in FieldType} - {FieldType.DATE}


def faults_between(draft: Draft) -> list[Fault]:
    """Return every fault that no part shows by itself."""
    return [
        *_twice(items(draft.plan, "clauses"), "id", "clause"),
        *_twice(items(draft.plan, "requirements"), "id", "requirement"),
        *_twice(items(draft.units, "units"), "code", "unit"),
        *_shared_names(items(draft.units, "units")),
        *_parameters(draft),
        *_years(draft),
        *(fault for each in draft.requirements for fault in _requirement(each, draft)),
        *(fault for name in draft.ledger_names for fault in _ledger(name, draft)),
        *_assignments(draft),
        *_quotas(draft),
    ]


def _twice(items: Iterable[Node], name: str, what: str) -> Iterator[Fault]:
    lines: dict[str, int] = {}
    for item in items:
        text = item.text(name)
        if text is None:
            continue
        if text in lines:
            text = f"duplicate {what} '{text}'; it stands already on line {lines[text]}"
            yield item.fault(text, name)
        else:
            lines[text] = item.position(name)[0]


def _shared_names(units: Iterable[Node]) -> Iterator[Fault]:
    owners: dict[str, Node] = {}
    for unit in units:
        aliases = unit.find("aliases")
        named: list[tuple[str | int, ...]] = [("code",), ("name",)]
        named += [("aliases", index) for index in (aliases.children if aliases else ())]
        for path in named:
            name = unit.text(*path)
            owner = owners.setdefault(folded(name), unit) if name else unit
            if owner is unit or owner.text("code") == unit.text("code"):
                continue
            text = f"'{name}' means unit '{owner.text('code')}' already; a name must mean one unit"
            yield unit.fault(text, *path)


def _parameters(draft: Draft) -> Iterator[Fault]:
    params = draft.plan.find("params") if draft.plan else None
    for name in params.keys if params else ():
        values = sound(DatedValue, params.child(name) if params else ())
        for before, after in pairwise(values):
            if after.item.since <= before.item.since:
                text = f"{name}: {after.item.since} does not follow {before.item.since}"
                yield after.node.fault(f"{text}; dated values stand in order", "from")
            if _sort(after.item.value) != _sort(before.item.value):
                yield after.node.fault(f"{name}: not of the same kind as the value before", "value")


def _sort(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "text" if isinstance(value, str) else "number"


def _years(draft: Draft) -> Iterator[Fault]:
    plan = draft.plan
    year = plan.find("year") if plan else None
    calendar = plan.find("calendar") if plan else None
    named = validate(Calendar, calendar, []) if calendar else None
    if plan is None or named is None or year is None or not isinstance(year.value, int):
        return
    years = named.years or (year.value,)
    covered = ", ".join(map(str, years))
    if year.value not in years:
        text = f"the calendar covers {covered}, not the plan's year {year.value}"
        yield plan.fault(text, "calendar", "years")
        return
    wider = f"if it is meant, write `calendar: {{name: {named.name}, years: [...]}}`"
    for each in draft.requirements:
        due = each.item.due
        for index, day in enumerate(due.days if due else ()):
            if day.year not in years:
                path = ("due", "date") if due and due.date else ("due", "dates", index)
                text = f"due date {day} lies in {day.year}, the calendar covers {covered}; {wider}"
                yield each.node.fault(text, *path)
    counted = [each for each in draft.requirements if _counts_from_issue(each.item)]
    issued = (plan.text("issued_on") or "")[:4]
    if counted and issued.isdigit() and int(issued) not in years:
        text = f"{counted[0].item.id} is due in working days after the issue in {issued}"
        yield plan.fault(f"{text}, the calendar covers {covered}; {wider}", "issued_on")


def _counts_from_issue(requirement: Requirement) -> bool:
    return requirement.due is not None and requirement.due.after_issue_workdays is not None


def _requirement(each: Located[Requirement], draft: Draft) -> Iterator[Fault]:
    item, node = each.item, each.node
    if draft.lists_clauses and item.clause not in draft.clause_ids:
        yield node.fault(_unknown("clause", item.clause, draft.clause_ids), "clause")
    filed_alone = {other.item.id for other in draft.requirements if other.item.due}
    checked = {other.item.id for other in draft.requirements}
    for index, host in enumerate(item.filed_with):
        path = ("filed_with", index) if node.find("filed_with", 0) else ("filed_with",)
        if host not in draft.requirement_ids:
            yield node.fault(_unknown("requirement", host, draft.requirement_ids), *path)
        elif host in checked - filed_alone:
            text = f"'{host}' has no filing of its own: name a requirement with 'due'"
            yield node.fault(text, *path)
    if draft.lists_units:
        yield from _owed_by(each, draft)
    about = item.target is not None and item.target.about is not None
    if about and draft.plan and draft.plan.find("params", ABOUT_TOLERANCE) is None:
        text = f"'about' needs the parameter '{ABOUT_TOLERANCE}', which 'params' lacks"
        yield node.fault(text, "target", "about", key=True)
    if item.measure and draft.lists_ledgers:
        yield from _measure(item.measure, each, draft)


def _owed_by(each: Located[Requirement], draft: Draft) -> Iterator[Fault]:
    for index, code in enumerate(each.item.owed_by.units):
        if code not in draft.unit_codes:
            yield each.node.fault(_unknown_unit(code, draft), "owed_by", "units", index)
    categories = set(written(draft.units, "units", "category"))
    for index, category in enumerate(each.item.owed_by.category):
        if category not in categories:
            text = f"no unit is of category '{category}'{did_you_mean(category, categories)}"
            yield each.node.fault(text, "owed_by", "category", index)


def _measure(measure: Measure, each: Located[Requirement], draft: Draft) -> Iterator[Fault]:
    if measure.ledger not in draft.ledger_names:
        text = _unknown("ledger", measure.ledger, draft.ledger_names)
        yield each.node.fault(text, "measure", "ledger")
        return
    fields = draft.fields_of(measure.ledger)
    if fields is None:
        return
    named = {
        ("measure", "count_distinct"): measure.count_distinct,
        ("measure", "sum"): measure.sum,
        ("tier",): each.item.tier,
    }
    for path, name in named.items():
        if name is None:
            continue
        if name not in fields:
            text = f"ledger '{measure.ledger}' has no field '{name}'"
            yield each.node.fault(text + did_you_mean(name, list(fields)), *path)
        elif name == measure.sum and fields[name] in _NOT_NUMBERS:
            text = f"'{name}' is of type {fields[name]}; only numbers can be summed"
            yield each.node.fault(text, *path)


def _ledger(name: str, draft: Draft) -> Iterator[Fault]:
    fields = draft.fields_of(name)
    if draft.ledgers is None or fields is None:
        return
    node = draft.ledgers.child("ledgers", name)
    key = node.find("key")
    paths: list[tuple[str | int, ...]] = [("dated_by",), ("started_by",)]
    paths += [("key", index) for index in (key.children if key else ())]
    for path in paths:
        field = node.text(*path)
        if field is None:
            continue
        if field not in fields:
            yield node.fault(_unknown("field", field, list(fields)), *path)
        elif path[0] != "key" and fields[field] in _NOT_DATES:
            text = f"{path[0]}: '{field}' is of type {fields[field]}, not a date"
            yield node.fault(text, *path)


def _assignments(draft: Draft) -> Iterator[Fault]:
    lines: dict[tuple[str, str], int] = {}
    of_clause: dict[str, list[Located[Assignment]]] = defaultdict(list)
    for each in draft.sound_assignments:
        clause, unit = each.item.clause, each.item.unit
        if draft.lists_clauses and clause not in draft.clause_ids:
            yield each.node.fault(_unknown("clause", clause, draft.clause_ids), "clause")
        if draft.lists_units and unit not in draft.unit_codes:
            yield each.node.fault(_unknown_unit(unit, draft), "unit")
        if (clause, unit) in lines:
            text = f"{unit} is assigned {clause} twice; already on line {lines[clause, unit]}"
            yield each.node.fault(text, "unit")
        lines.setdefault((clause, unit), each.node.line)
        of_clause[clause].append(each)
    for clause, assigned in of_clause.items():
        leads = [each for each in assigned if each.item.role is Role.LEAD]
        for each in leads[1:]:
            text = f"{clause} has two lead units, '{leads[0].item.unit}' and '{each.item.unit}'"
            yield each.node.fault(f"{text}; exactly one leads, others are 'co'", "role")
        if not leads and draft.assignments_are_sound:
            text = f"{clause} has units that cooperate and no lead unit"
            yield assigned[0].node.fault(text, "clause")


def _quotas(draft: Draft) -> Iterator[Fault]:
    if not draft.assignments_are_sound or draft.plan is None:
        return
    of_clause: dict[str, list[Located[Assignment]]] = defaultdict(list)
    for each in draft.sound_assignments:
        if each.item.quota is not None:
            of_clause[each.item.clause].append(each)
    for clause, parts in of_clause.items():
        whole = sum((each.item.quota or Decimal(0) for each in parts), Decimal(0))
        shared = [
            (each.item.id, each.item.target.amount)
            for each in draft.requirements
            if each.item.target and each.item.owed_by.co and each.item.clause == clause
        ]
        for requirement, amount in shared:
            if amount != whole:
                text = f"the quotas of {clause} add up to {whole}, the target of {requirement}"
                yield parts[0].node.fault(f"{text} is {amount}", "quota")
        if not shared and draft.requirements_are_sound and draft.lists_clauses:
            text = f"{clause} has no target that its `co` units owe: nothing to share by quota"
            yield parts[0].node.fault(text, "quota", key=True)


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    return f"unknown {what} '{name}'{did_you_mean(name, known)}"


def _unknown_unit(code: str, draft: Draft) -> str:
    called = find_unit((each.item for each in draft.sound_units), code)
    if called is not None:
        return f"unknown unit '{code}'; write its code '{called.code}'"
    return _unknown("unit", code, draft.unit_codes)
