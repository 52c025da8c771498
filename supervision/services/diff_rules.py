"""Compare two packs, or a pack with a stored ruleset: what changed in meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rules.catalogue import KINDS, Field, FieldType
from rules.checked import CheckedRule
from rules.checking import check_rules, revision_of
from rules.conditions import Compare, FieldRef, Literal, Value, atoms
from rules.constants import written
from rules.diffing import Side, diff
from rules.equivalence import Example, Outcome
from rules.loading import parse_yaml
from rules.nodes import Fault, Faults
from rules.rule_changes import Change, ChangeKind, Values
from supervision.domain.plan import DatedValue, ParamValue, Plan
from supervision.domain.plan_differences import (
    ParamChange,
    RequirementChange,
    param_changes,
    requirement_changes,
)
from supervision.errors import NotFound
from supervision.services.diff_report import (
    ChangeOut,
    DatedOut,
    DiffOut,
    ExampleOut,
    OutcomeOut,
    ParamOut,
    Plain,
    RequirementOut,
    SideOut,
    ValueOut,
)
from supervision.services.load_rules import LoadedPack, bind_all, load_whole_pack, param_types
from supervision.store.rulesets import SHORTEST, StoredRuleset, is_revision, stored_ruleset
from supervision.store.session import Session

Reading = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True)
class _Source:
    name: str
    kind: str
    plan: Plan
    rules: tuple[CheckedRule, ...]

    def side(self) -> Side:
        return Side(self.rules, self._bound, self._days)

    def shown(self) -> SideOut:
        return SideOut(
            name=self.name,
            kind=self.kind,
            plan=self.plan.plan,
            revision=revision_of(self.rules),
            rules=len(self.rules),
        )

    def _bound(self, rule: CheckedRule, day: date) -> CheckedRule | None:
        if not rule.params:
            return rule
        bound, _ = bind_all([rule], self.plan, day)
        return bound[0] if bound else None

    def _days(self, params: frozenset[str]) -> Iterable[date]:
        return {dated.since for name in params for dated in self.plan.params.get(name, ())}


def diff_rules(old: str, new: str, *, reading: Reading, plan: str | None = None) -> DiffOut:
    """Return what changed from `old` to `new`, each a pack's folder or a stored revision.

    `reading` opens the database, which only a revision needs; `plan` says whose revision.
    Raises Faults with every fault of both, NotFound for a name that is neither.
    """
    faults: list[Fault] = []
    sources = []
    for name in (old, new):
        try:
            sources.append(_source(name, reading, plan))
        except Faults as error:
            faults += error.faults
    if faults:
        raise Faults(faults)
    return _compared(*sources)


def diff_with_stored(stored: StoredRuleset, loaded: LoadedPack, folder: str) -> DiffOut:
    """Return what changes in meaning from a stored ruleset to a pack that is loaded already."""
    before = _Source(stored.revision, "revision", stored.plan, _checked(stored))
    return _compared(before, _Source(folder, "folder", loaded.pack.plan, loaded.rules))


def _compared(before: _Source, after: _Source) -> DiffOut:
    changes = diff(before.side(), after.side())
    rules = {each.rule.id: each for each in (*before.rules, *after.rules)}.values()
    params = [_param(each, before, after) for each in param_changes(before.plan, after.plan)]
    requirements = [
        _requirement(each, rules) for each in requirement_changes(before.plan, after.plan)
    ]
    return DiffOut(
        old=before.shown(),
        new=after.shown(),
        same=not (params or requirements or any(each.kind.in_meaning for each in changes)),
        changes=[_change(each, before, after) for each in changes],
        params=params,
        requirements=requirements,
    )


# --- What is compared ----------------------------------------------------------------------------


_NEITHER = (
    "there is no such folder; a version is a pack's folder, a stored revision "
    f"(at least {SHORTEST} of its hex digits) or 'active'"
)


def _source(name: str, reading: Reading, plan: str | None) -> _Source:
    folder = Path(name)
    if folder.exists() or not is_revision(name):
        if not folder.exists() and re.fullmatch(r"[0-9a-fA-F]{1,6}", name):
            raise NotFound(
                f"'{name}' is no folder, and too short for a revision: "
                f"write at least {SHORTEST} of its digits"
            )
        if not folder.exists():
            raise Faults([Fault(name, 1, 1, _NEITHER)])
        loaded = load_whole_pack(folder)
        return _Source(name, "folder", loaded.pack.plan, loaded.rules)
    with reading() as session:
        stored = stored_ruleset(session, name, plan)
    return _Source(name, "revision", stored.plan, _checked(stored))


def _checked(stored: StoredRuleset) -> tuple[CheckedRule, ...]:
    """Return all rules of a stored ruleset, drafts too."""
    plan = stored.plan
    return check_rules(
        [parse_yaml(text, file=name) for name, text in stored.files.items()],
        clauses=[clause.id for clause in plan.clauses],
        requirements={each.id: (each.clause, each.kind.value) for each in plan.requirements},
        params=param_types(plan),
    )


# --- As a report ---------------------------------------------------------------------------------


def _change(change: Change, before: _Source, after: _Source) -> ChangeOut:
    judged = change.comparison
    shown = () if judged is None else judged.examples
    if judged is not None and change.kind is ChangeKind.SEVERITY:
        shown = judged.levels
    elif judged is not None:
        shown = tuple(each for each in judged.examples if each not in judged.levels)
    of = after if change.kind is not ChangeKind.REMOVED else before
    rule = next(each for each in of.rules if each.rule.id == change.rule)
    return ChangeOut(
        kind=change.kind.value,
        in_meaning=change.kind.in_meaning,
        in_force=change.in_force,
        rule=change.rule,
        former=change.former,
        title=change.title,
        file=change.source.file,
        line=change.source.line,
        relation=_relation(change),
        proven=None if judged is None else judged.complete,
        values=[_value(each) for each in change.values],
        examples=[_example(each, rule) for each in shown],
        params=list(change.params),
    )


def _relation(change: Change) -> str | None:
    judged = change.comparison
    if judged is None:
        return None
    if change.kind is not ChangeKind.SEVERITY:
        return judged.relation.value
    heavier = {_rank(each.after) > _rank(each.before) for each in judged.levels}
    if not judged.complete or len(heavier) != 1:
        return "different"
    return "heavier" if heavier == {True} else "lighter"


def _rank(outcome: Outcome) -> int:
    return -1 if outcome.level is None else outcome.level.rank


def _value(values: Values) -> ValueOut:
    return ValueOut(
        key=values.key,
        before=values.before,
        after=values.after,
        before_reading=values.before_reading,
        after_reading=values.after_reading,
    )


def _example(example: Example, rule: CheckedRule) -> ExampleOut:
    kinds = {pattern.name: pattern.on for pattern in rule.patterns}
    fields = {
        str(ref): _plain(value, KINDS[kinds[ref.pattern]][ref.name])
        for ref, value in sorted(example.fields.items(), key=_in_order)
    }
    return ExampleOut(fields=fields, before=_outcome(example.before), after=_outcome(example.after))


def _in_order(item: tuple[FieldRef, Value | None]) -> tuple[str, str]:
    return item[0].pattern or "", item[0].name


def _plain(value: Value | None, field: Field) -> Plain:
    if value is None or isinstance(value, str):
        return value
    match field.type:
        case FieldType.BOOL:
            return bool(value)
        case FieldType.DATE:
            return date.fromordinal(value).isoformat()
        case FieldType.DECIMAL:
            text = written(value, field.type)
            return float(text) if "." in text else int(text)
    return value


def _outcome(outcome: Outcome) -> OutcomeOut:
    level = None if outcome.level is None else outcome.level.value
    return OutcomeOut(verdict=outcome.verdict.value, level=level)


_USED = re.compile(r"\bparams\.([A-Za-z_][A-Za-z0-9_]*)")


def _param(change: ParamChange, before: _Source, after: _Source) -> ParamOut:
    rules = {
        rule.rule.id: None
        for source in (after, before)
        for rule in source.rules
        if change.name in rule.params | set(_USED.findall(_words(rule)))
    }
    requirements = {
        each.id: None
        for source in (after, before)
        for each in source.plan.requirements
        if each.measure is not None and change.name in _USED.findall(each.measure.where or "")
    }
    return ParamOut(
        name=change.name,
        kind=change.kind.value,
        before=_dated(change.before),
        after=_dated(change.after),
        rules=list(rules),
        requirements=list(requirements),
    )


def _words(rule: CheckedRule) -> str:
    return f"{rule.rule.message or ''} {rule.rule.remedy or ''}"


def _dated(values: Sequence[DatedValue]) -> list[DatedOut]:
    return [
        DatedOut(since=each.since, value=_param_value(each.value), reference=each.reference)
        for each in values
    ]


def _param_value(value: ParamValue) -> Plain:
    if isinstance(value, bool | int | str):
        return value
    return float(value) if value % 1 else int(value)


def _requirement(change: RequirementChange, rules: Iterable[CheckedRule]) -> RequirementOut:
    name = change.requirement
    naming = [] if name is None else [each.rule.id for each in rules if name in _named(each)]
    return RequirementOut(
        requirement=name,
        title=change.title,
        key=change.key,
        before=change.before,
        after=change.after,
        rules=naming,
    )


def _named(rule: CheckedRule) -> set[Value | None]:
    """Return the requirements that the rule names, by its key or in a condition."""
    conditions = (rule.scope, *(pattern.condition for pattern in rule.patterns))
    return {rule.rule.requirement} | {
        atom.right.value
        for condition in conditions
        for atom in atoms(condition)
        if isinstance(atom, Compare)
        and atom.left.name == "requirement"
        and isinstance(atom.right, Literal)
    }
