"""Checks of conditions: what cannot hold, what always does, what says the same as another rule."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from rules.catalogue import OBLIGATION_KINDS
from rules.conditions import And, Compare, Condition, Constant, Literal, Not, Operator, Or, atoms
from rules.linting import Linted, Remark, Ruleset
from rules.nodes import did_you_mean
from rules.satisfiability import Formula, Space, does_not_hold, holds, opposite
from rules.vocabulary import LintCheck, Status

SHOWN_VALUES = 12
# What says when and of whom a rule asks, not what it asks about.
_CIRCUMSTANCES = frozenset(
    """requirement clause unit unit_category role period period_no filed state companion due_on
    due_passed extended""".split()  # noqa: SIM905  to be read
)


def never_holds(ruleset: Ruleset) -> Iterator[Remark]:
    """Conditions, or parts of them, that no fact can make TRUE."""
    for each in ruleset.rules:
        told = False
        for condition, own, path in _authored(each):
            for part in _parts_that(condition, own, each.bare, always=False):
                told = True
                text = f"条件 {each.text(part, own)} 不可能成立{_known_values(part, own, each)}"
                yield each.remark(LintCheck.NEVER_HOLDS, text, *path)
        if told:
            continue
        if not each.space.possible(each.whole()):
            what = "scope 与 when" if each.rule.single else "scope 与各模式的条件"
            only = each.rule.rule.scope is None and each.rule.single
            text = (
                "when 与事实的固有关系矛盾，不可能成立"
                if only
                else f"{what}合在一起不可能成立，规则永远不会触发"
            )
            yield each.remark(LintCheck.NEVER_HOLDS, text, "when" if each.rule.single else "match")
            continue
        for condition, own, path in _authored(each):
            if path[0] == "severity":
                continue
            for branch in _branches(condition):
                if not each.space.possible(each.whole(), holds(branch, own)):
                    text = f"or 的一支 {each.text(branch, own)} 与其余条件矛盾，不可能成立"
                    yield each.remark(LintCheck.NEVER_HOLDS, text, *path)


def always_holds(ruleset: Ruleset) -> Iterator[Remark]:
    """Conditions, or parts of them, that every fact makes TRUE."""
    for each in ruleset.rules:
        told = False
        for condition, own, path in _authored(each):
            for part in _parts_that(condition, own, each.bare, always=True):
                told = True
                text = f"条件 {each.text(part, own)} 恒成立，写与不写一样"
                yield each.remark(LintCheck.ALWAYS_HOLDS, text, *path)
        if told or not each.rule.single or not each.space.possible(each.whole()):
            continue
        scope, when = each.rule.scope, each.rule.patterns[0].condition
        inside = each.space.given(holds(scope))
        if not inside.possible(does_not_hold(when)):
            text = "在适用范围（scope）内 when 恒成立：凡在范围内都会触发"
            yield each.remark(LintCheck.ALWAYS_HOLDS, text, "when")


def severity_never_reached(ruleset: Ruleset) -> Iterator[Remark]:
    """Steps of severity that no fact in violation comes to."""
    for each in ruleset.rules:
        space = each.space.given(each.whole())
        if not space.possible():
            continue
        before: list[Formula] = []
        for index, (level, condition) in enumerate(each.rule.severity):
            here = holds(condition)
            if not space.possible(here, *before):
                alone = not space.possible(here)
                why = "其条件与规则本身的条件矛盾" if alone else "符合的都已归入前面各档"
                text = f"第{index + 1}档（{level}）永远轮不到：{why}"
                yield each.remark(LintCheck.SEVERITY_NEVER_REACHED, text, "severity", index)
            before.append(opposite(here))


def severity_order(ruleset: Ruleset) -> Iterator[Remark]:
    """Steps of severity that are not lighter than the one before."""
    for each in ruleset.rules:
        for index, ((one, _), (two, _)) in enumerate(pairwise(each.rule.severity)):
            if two.rank >= one.rank:
                word = "相同" if two is one else "更重"
                text = (
                    f"第{index + 2}档（{two}）与第{index + 1}档（{one}）相比{word}；各档应由重到轻"
                )
                yield each.remark(LintCheck.SEVERITY_ORDER, text, "severity", index + 1)


def overlap(ruleset: Ruleset) -> Iterator[Remark]:
    """Pairs of published rules that find the same thing twice."""
    single = [each for each in ruleset.published if each.rule.single and each.rule.severity]
    for one, two in combinations(single, 2):
        if one.rule.patterns[0].on != two.rule.patterns[0].on:
            continue
        text = _overlap_of(one, two)
        if text is not None:
            yield _remark(one, two, text)
    matches = [each for each in ruleset.published if not each.rule.single]
    for one, two in combinations(matches, 2):
        same = (
            one.rule.patterns == two.rule.patterns
            and one.rule.scope == two.rule.scope
            and one.rule.per == two.rule.per
            and one.rule.rule.at_least == two.rule.rule.at_least
        )
        if same:
            yield _remark(one, two, f"与 {one.name} 的条件完全相同，同一件事会报两次")


def rule_not_published(ruleset: Ruleset) -> Iterator[Remark]:
    """Conditions that name a rule which finds nothing, being a draft."""
    drafts = {each.name for each in ruleset.rules if each.rule.rule.status is Status.DRAFT}
    for each in ruleset.published:
        for condition, _, path in _authored(each):
            named = {
                atom.right.value
                for atom in atoms(condition)
                if isinstance(atom, Compare)
                and atom.left.name == "rule"
                and isinstance(atom.right, Literal)
            }
            for name in sorted(str(value) for value in named if value in drafts):
                text = f"条件提到规则 {name}，它尚是草稿（draft），不会有任何结果"
                yield each.remark(LintCheck.RULE_NOT_PUBLISHED, text, *path)


def unused_key(ruleset: Ruleset) -> Iterator[Remark]:
    """Keys that mean nothing beside the rule's outcome."""
    for each in ruleset.rules:
        rule = each.rule.rule
        if rule.severity is not None:
            outcome = "督查问题（severity）"
            idle: tuple[str, ...] = ("max_notices",)
        elif rule.notice is not None:
            outcome, idle = "提醒（notice）", ("review", "rectify_within", "max_findings")
        else:
            outcome = "升级建议（escalate）"
            idle = ("review", "rectify_within", "max_findings", "max_notices")
        for key in idle:
            if each.node.find(key) is not None:
                text = f"{key} 对结果为{outcome}的规则不起作用，请删去"
                yield each.remark(LintCheck.UNUSED_KEY, text, key)


def _remark(one: Linted, two: Linted, text: str) -> Remark:
    """Return the remark on the later rule, unless the earlier one accepts it."""
    if one.accepts(LintCheck.OVERLAP, (two.name,)):
        one, two = two, one
    place = "when" if two.rule.single else "match"
    return two.remark(LintCheck.OVERLAP, text, place, about=(one.name,))


def _overlap_of(one: Linted, two: Linted) -> str | None:
    named = one.rule.rule.requirement, two.rule.rule.requirement
    if None not in named and named[0] != named[1]:
        return None
    first, second = one.whole(), two.whole()
    space = one.space
    if not space.possible(first, second):
        return None
    if not (space.possible(first) and space.possible(second)):
        return None
    forth = not space.possible(first, opposite(second))
    back = not space.possible(second, opposite(first))
    if forth and back:
        return f"与 {one.name} 的条件等价，同一件事会报两次"
    if back:
        return f"凡本规则成立，{one.name} 也成立：同一件事会报两次"
    if forth:
        return f"凡 {one.name} 成立，本规则也成立：同一件事会报两次"
    shared = sorted(_subject(one) & _subject(two))
    if not shared:
        return None
    return f"与 {one.name} 可同时成立，且都在判断 {'、'.join(shared)}：同一件事可能报两次"


def _subject(rule: Linted) -> set[str]:
    when = rule.rule.patterns[0].condition
    return {
        atom.left.name if isinstance(atom, Compare) else atom.field.name for atom in atoms(when)
    } - _CIRCUMSTANCES


def _authored(each: Linted) -> Iterator[tuple[Condition, str | None, tuple[str | int, ...]]]:
    """Yield every condition the author wrote: (condition, pattern of its own fields, place)."""
    rule = each.rule
    if rule.rule.scope is not None:
        yield _without_implicit(each), each.anchor, ("scope",)
    path: tuple[str | int, ...]
    for pattern in rule.patterns:
        path = ("when",) if pattern.name is None else ("match", pattern.name, "when")
        if each.node.find(*path) is not None:
            yield pattern.condition, pattern.name, path
    for index, (_, condition) in enumerate(rule.severity):
        if each.node.find("severity", index, "when") is not None:
            yield condition, None if rule.single else "", ("severity", index, "when")


def _without_implicit(each: Linted) -> Condition:
    """Return the scope as it was written: what the checker puts before it stands first."""
    scope, rule = each.rule.scope, each.rule.rule
    if not isinstance(scope, And) or len(scope.parts) != len(("implicit", "written")):
        return scope
    first, written = scope.parts
    kind = each.rule.patterns[each.rule.anchor].on
    if rule.requirement is not None and kind in OBLIGATION_KINDS:
        return written
    match first:
        case Not(Compare(left, Operator.EQ, Literal(1))) if left.name == "companion":
            return written
    return scope


def _known_values(part: Condition, own: str | None, each: Linted) -> str:
    """Say which values a text of this plan has, where a condition asks for another."""
    match part:
        case Compare(left, Operator.EQ, Literal(str() as value)):
            field = each.bare.fields[left.pattern or own or None][left.name]
            if field.choices and value not in field.choices:
                near = did_you_mean(value, field.choices)
                listed = "、".join(field.choices[:SHOWN_VALUES])
                more = "等" if len(field.choices) > SHOWN_VALUES else ""
                meant = f"，是否指 {near.split(chr(39))[1]}" if near else ""
                return f"：本工作安排没有 '{value}'{meant}；有：{listed}{more}"
    return ""


def _parts_that(
    condition: Condition, own: str | None, space: Space, *, always: bool
) -> Iterator[Condition]:
    """Yield the largest parts that always (or never) hold, whatever the fact."""
    if isinstance(condition, Constant):
        if condition.value is always:
            yield condition
        return
    name = own or None
    wanted = does_not_hold(condition, name) if always else holds(condition, name)
    if not space.possible(wanted):
        yield condition if always else _culprits(condition, name, space)
        return
    other = holds(condition, name) if always else does_not_hold(condition, name)
    if not space.possible(other):
        return  # the whole is the other check's, with all its parts
    match condition:
        case Not(part):
            yield from _parts_that(part, own, space, always=always)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _parts_that(part, own, space, always=always)


def _culprits(condition: Condition, own: str | None, space: Space) -> Condition:
    """Return what of a conjunction is to blame: one part, two that exclude each other, or all."""
    if isinstance(condition, And):
        for part in condition.parts:
            if not space.possible(holds(part, own)):
                return _culprits(part, own, space)
        for pair in combinations(condition.parts, 2):
            if not space.possible(*(holds(part, own) for part in pair)):
                return And(pair)
    return condition


def _branches(condition: Condition) -> Iterator[Condition]:
    """Yield the branches of every `or` that must hold; a list (`in`) is one test, not several."""
    parts = condition.parts if isinstance(condition, And) else (condition,)
    for part in parts:
        if isinstance(part, Or) and not _is_list(part):
            yield from part.parts


def _is_list(condition: Or) -> bool:
    return all(isinstance(part, Compare) for part in condition.parts) and (
        len({part.left for part in condition.parts if isinstance(part, Compare)}) == 1
    )
