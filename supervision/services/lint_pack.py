"""Lint the rules of a pack: what they say by themselves, and what the plan and its units say to it.

Nothing here is a fault.  The examples of each check stand in rules/lint: a small pack, and for each
check a file of rules that trips it and one that does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import rules
from notifications.render import Renderer
from rules import lint_conditions, lint_ladders, lint_messages
from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.conditions import Compare, FieldRef, Literal, Operator, atoms, conjunction
from rules.linting import Check, Linted, Remark, Ruleset, Use, ruleset_of, silenced
from rules.nodes import did_you_mean
from rules.satisfiability import All, Bounds, Formula
from rules.vocabulary import LintCheck, Post
from supervision.domain.obligations import units_owing
from supervision.domain.pack import Pack
from supervision.domain.plan import Requirement
from supervision.domain.units import Unit
from supervision.errors import NotFound
from supervision.services.check_rules import RulesChecked, check_at, rules_around
from supervision.services.load_pack import load_pack
from supervision.services.load_rules import TEMPLATES, encoded_values
from supervision.services.mails import POST_NAMES, addresses

EXAMPLES = Path(rules.__file__).parent / "lint"
SHOWN_UNITS = 8
Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class Named:
    """A check by name: what it means, in Chinese, and the function that finds its remarks."""

    check: LintCheck
    meaning: str
    advice: str
    remarks: Callable[[Ruleset, Pack], Iterator[Remark]]


def _alone(check: Check) -> Callable[[Ruleset, Pack], Iterator[Remark]]:
    """Return a check that needs no plan as one that is given it."""
    return lambda ruleset, _pack: check(ruleset)


@dataclass(frozen=True)
class Linting:
    """What was found; `checked` says which rules were looked at."""

    checked: RulesChecked
    remarks: tuple[Remark, ...]


def lint_at(
    path: Path, *, only: LintCheck | None = None, progress: Progress | None = None
) -> Linting:
    """Return the remarks on the rules at `path`: a pack, a file of rules, or a folder of them.

    Rules are looked at together with the others of their pack; remarks are on those at `path`.
    `progress` is told (done, of how many) after each check.  Raises as `check_at` does; Faults too
    where the plan of the rules is faulty.
    """
    checked = check_at(path)
    pack = load_pack(checked.pack)
    remarks = remarks_on(rules_around(checked), pack, only=only, progress=progress)
    own = {str(file) for file in checked.files}
    return Linting(checked, tuple(each for each in remarks if each.file in own))


def remarks_on(
    checked: Sequence[CheckedRule],
    pack: Pack,
    *,
    only: LintCheck | None = None,
    progress: Progress | None = None,
) -> tuple[Remark, ...]:
    """Return the remarks on a pack's rules that no rule silences, in the order of the files."""
    renderer = Renderer(TEMPLATES)

    def uses(text: str) -> list[Use]:
        return [(use.path, use.known) for use in renderer.sentence_uses(text)]

    closed = {
        "unit": tuple(unit.code for unit in pack.units),
        "unit_category": tuple(dict.fromkeys(unit.category for unit in pack.units)),
    }
    ruleset = ruleset_of(checked, bounds_of(pack), uses=uses, closed=closed)
    found: list[Remark] = []
    for done, named in enumerate(CHECKS.values(), 1):
        found += named.remarks(ruleset, pack)
        if progress is not None:
            progress(done, len(CHECKS))
    return tuple(each for each in silenced(ruleset, found) if only is None or each.check is only)


def bounds_of(pack: Pack) -> dict[str, Bounds]:
    """Return what each parameter of the plan may be: every value it has at some time."""
    return {
        name: Bounds(type_, tuple(values))
        for name, (type_, values) in encoded_values(pack.plan).items()
    }


def named_check(name: str) -> Named:
    """Return a check by name; NotFound with the names there are."""
    for each in CHECKS.values():
        if each.check == name:
            return each
    known = [check.value for check in CHECKS]
    hint = did_you_mean(name, known) or ";"
    raise NotFound(f"no check '{name}'{hint} checks: {', '.join(known)}")


def example(check: LintCheck, *, good: bool) -> Path:
    """Return the rules that show a check at work: those it remarks on, or those it does not."""
    return EXAMPLES / check.value / ("good.yaml" if good else "bad.yaml")


# --- Checks that need the plan -------------------------------------------------------------------


def nobody_owes(ruleset: Ruleset, pack: Pack) -> Iterator[Remark]:
    """Published rules on duties that no unit has, or on a clause that asks for nothing."""
    owing = units_owing(pack)
    asked = {each.clause for each in pack.plan.requirements}
    for each in ruleset.published:
        rule = each.rule.rule
        if rule.clause is not None and rule.clause not in asked:
            text = f"条款 {rule.clause} 没有任何要求事项，规则无事可核"
            yield each.remark(LintCheck.NOBODY_OWES, text, "clause")
            continue
        for pattern in each.rule.patterns:
            if pattern.on not in OBLIGATION_KINDS or not each.space.possible(each.whole()):
                continue
            spoken_of = list(_spoken_of(each, pattern.name, pack))
            if any(owing.get(requirement.id) for requirement in spoken_of):
                continue
            named = "、".join(requirement.id for requirement in spoken_of)
            text = (
                f"{named} 没有责任单位（{_why(spoken_of[0], pack)}），规则不会有任何结果"
                if named
                else f"本工作安排没有规则所说的 {pattern.on} 类事项，规则不会有任何结果"
            )
            place = "requirement" if rule.requirement is not None else "on"
            yield each.remark(LintCheck.NOBODY_OWES, text, place)
            break


def no_recipient(ruleset: Ruleset, pack: Pack) -> Iterator[Remark]:
    """Reminders for which some unit that owes has no address, and posts named twice."""
    known = addresses(pack)
    owing = units_owing(pack)
    unreached: dict[tuple[str, ...], list[Linted]] = {}
    for each in ruleset.published:
        notice = each.rule.rule.notice
        if notice is None:
            continue
        twice = [
            post
            for index, post in enumerate((*notice.to, *notice.cc))
            if post in (*notice.to, *notice.cc)[:index]
        ]
        for post in twice:
            text = f"{_post(post)} 在收件人（to、cc）中写了两次"
            yield each.remark(LintCheck.NO_RECIPIENT, text, "notice")
        lacking = [
            unit
            for unit in _reminded(each, pack, owing)
            if not any((unit.code, post) in known for post in notice.to)
        ]
        if lacking:
            unreached.setdefault(tuple(unit.name for unit in lacking), []).append(each)
    for units, steps in unreached.items():
        yield _unreached(units, steps)


def _unreached(units: Sequence[str], steps: Sequence[Linted]) -> Remark:
    """Return one remark for all reminders that the same units cannot receive, on the first."""
    names = "、".join(units[:SHOWN_UNITS])
    names += f"等{len(units)}个单位" if len(units) > SHOWN_UNITS else ""
    posts: dict[Post, None] = {}
    for step in steps:
        assert step.rule.rule.notice is not None
        posts.update(dict.fromkeys(step.rule.rule.notice.to))
    text = f"{names}没有登记{'、'.join(map(_post, posts))}的邮箱，提醒无人可收"
    if len(steps) > 1:
        text += f"；共{len(steps)}条提醒：{'、'.join(step.name for step in steps)}"
    return steps[0].remark(LintCheck.NO_RECIPIENT, text, "notice", "to", about=units)


def _post(post: Post) -> str:
    return f"{POST_NAMES[post.value]}（{post.value}）"


def _why(requirement: Requirement, pack: Pack) -> str:
    skipped = {each.requirement: each.reason for each in pack.skipped}
    if requirement.id in skipped:
        return "条款没有牵头单位"
    return "由人定性判断" if requirement.kind.value == "qualitative" else "无单位承担"


def _spoken_of(each: Linted, pattern: str | None, pack: Pack) -> Iterator[Requirement]:
    """Yield the requirements of which a pattern of the rule may speak."""
    kind = next(one.on for one in each.rule.patterns if one.name == pattern)
    only = each.rule.rule.requirement if pattern == each.anchor else None
    for requirement in pack.plan.requirements:
        if only not in (None, requirement.id):
            continue
        if requirement.kind.value == kind and each.space.possible(
            each.whole(), _of_requirement(requirement, pattern)
        ):
            yield requirement


def _of_requirement(requirement: Requirement, pattern: str | None) -> Formula:
    return All(
        (
            _is("requirement", requirement.id, pattern),
            _is("clause", requirement.clause, pattern),
            _is("companion", int(bool(requirement.filed_with)), pattern),
        )
    )


def _is(name: str, value: str | int, pattern: str | None = None) -> Compare:
    return Compare(FieldRef(name, False, pattern), Operator.EQ, Literal(value))


def _reminded(each: Linted, pack: Pack, owing: Mapping[str, tuple[Unit, ...]]) -> tuple[Unit, ...]:
    """Return the units to whom the reminder may go."""
    pattern = each.rule.patterns[0]
    if pattern.on in OBLIGATION_KINDS:
        codes = {
            unit.code
            for requirement in _spoken_of(each, None, pack)
            for unit in owing.get(requirement.id, ())
        }
    elif pattern.on == "unit":
        codes = {unit.code for unit in pack.units}
    else:
        codes = {unit.code for units in owing.values() for unit in units}
    return tuple(unit for unit in pack.units if unit.code in codes and _of_unit(each, unit))


def _of_unit(each: Linted, unit: Unit) -> bool:
    """Whether a rule that names units or categories may speak of this one."""
    condition = conjunction(each.rule.scope, each.rule.patterns[0].condition)
    named = {atom.left.name for atom in atoms(condition) if isinstance(atom, Compare)}
    facts = [
        _is(name, value)
        for name, value in (("unit", unit.code), ("unit_category", unit.category))
        if name in named
    ]
    return not facts or each.space.possible(each.whole(), *facts)


CHECKS: Mapping[LintCheck, Named] = {
    named.check: named
    for named in (
        Named(
            LintCheck.NEVER_HOLDS,
            "条件不可能成立：上下限矛盾、同一字段取两个值、与事实的固有关系不符。",
            "改正条件；or 中不可能成立的一支可删去。",
            _alone(lint_conditions.never_holds),
        ),
        Named(
            LintCheck.ALWAYS_HOLDS,
            "条件恒成立：对任何事实都一样，写与不写没有区别。",
            "删去恒成立的部分，或改成本来要判断的内容。",
            _alone(lint_conditions.always_holds),
        ),
        Named(
            LintCheck.OVERLAP,
            "两条已发布的规则查的是同一件事：条件等价、一条包含另一条，或对同一内容可同时成立。",
            "合并成一条，用 severity 分档；或使条件互不重叠。"
            "确属两件事的，写明理由并点出另一条规则：lint: {overlap: 与 某规则 各自计分}。",
            _alone(lint_conditions.overlap),
        ),
        Named(
            LintCheck.SEVERITY_NEVER_REACHED,
            "某一档程度永远轮不到：前面各档已全部包括，或与规则的条件矛盾。",
            "调整各档的次序或界限。",
            _alone(lint_conditions.severity_never_reached),
        ),
        Named(
            LintCheck.SEVERITY_ORDER,
            "各档程度不是由重到轻：先成立的一档算数，后面更重的一档容易被挡住。",
            "把重的一档放在前面。",
            _alone(lint_conditions.severity_order),
        ),
        Named(
            LintCheck.MESSAGE_UNKNOWN_FIELD,
            "消息用到可能未知的值：规则成立而该值为空时，消息无法写成，这一问题会记为 broken。",
            "在条件中写明 is not null，或在消息中先判断 {% if … is not none %}。",
            _alone(lint_messages.message_unknown_field),
        ),
        Named(
            LintCheck.MESSAGE_SINGLE_BRACES,
            "消息中的字段只写了一层花括号，会原样印出。",
            "写两层：{{ days_overdue }}。",
            _alone(lint_messages.message_single_braces),
        ),
        Named(
            LintCheck.NOBODY_OWES,
            "已发布的规则所核的事项没有任何单位承担，或条款没有要求事项：规则不会有任何结果。",
            "在 assignments.yaml 中明确牵头单位，或停用规则（status: deprecated）。",
            nobody_owes,
        ),
        Named(
            LintCheck.LADDER_GAP,
            "提醒阶梯有空档：前后都有提醒，中间若干天没有；或到某一天为止，此后不再提醒。",
            "使各步的天数首尾相接，最后一步不设上限。",
            _alone(lint_ladders.ladder_gap),
        ),
        Named(
            LintCheck.LADDER_OVERLAP,
            "提醒阶梯的两步可同时成立：只有靠后的一步会发出，另一步记为已被取代。",
            "使各步的天数互不重叠。",
            _alone(lint_ladders.ladder_overlap),
        ),
        Named(
            LintCheck.NO_RECIPIENT,
            "提醒无人可收：有责任单位没有登记收件职务的邮箱；或同一职务写了两次。",
            "在 units.yaml 中补登邮箱，或增加收件职务（to）；"
            "暂时没有的，写明理由并点出单位：lint: {no-recipient: 某单位 邮箱待报}。",
            no_recipient,
        ),
        Named(
            LintCheck.UNUSED_KEY,
            "规则写了与其结果无关的键，例如提醒规则写了 rectify_within。",
            "删去该键。",
            _alone(lint_conditions.unused_key),
        ),
        Named(
            LintCheck.RULE_NOT_PUBLISHED,
            "条件提到的规则还是草稿，不会有任何结果，条件因此不会成立。",
            "先发布所提到的规则。",
            _alone(lint_conditions.rule_not_published),
        ),
        Named(
            LintCheck.UNUSED_SILENCE,
            "规则用 lint: 接受了某项检查，而该项检查已没有可说的。",
            "删去 lint: 中的这一项。",
            lambda _ruleset, _pack: iter(()),  # rules.linting.silenced finds these
        ),
    )
}
"""Every check, in the order in which they are explained."""

assert set(CHECKS) == set(LintCheck)
