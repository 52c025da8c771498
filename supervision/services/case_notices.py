"""The notices of a case: as a run would plan them from facts, and as a run has written them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from notifications.errors import RenderError
from notifications.render import Renderer
from rules.case_notices import Told
from rules.cases import CannotRender, Case
from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.conditions import Value
from rules.facts import Fact, Firing
from rules.vocabulary import NoticeKind, Post
from supervision.domain.notices import Due, NoticeState, Planned, Step, plan_notices
from supervision.domain.pack import Pack
from supervision.services.mails import addresses, digest_context
from supervision.services.plan_notices import ladders_of
from supervision.services.wording import FactInWords, item_title, message_context
from supervision.store.tables import NoticeRow


def notices_of_facts(
    pack: Pack,
    renderer: Renderer,
    case: Case,
    rules: Mapping[str, CheckedRule],
    firings: Sequence[Firing],
    *,
    titles: Mapping[str, str],
) -> tuple[Told, ...]:
    """Return what a first run over these facts would plan, as `services.plan_notices` words it.

    titles  of all rules, for a reminder about a finding
    """
    facts = {fact.key: fact for fact in case.facts}
    ladders = ladders_of(rules)
    due: dict[Due, Firing] = {}
    for firing in firings:
        due[_due(firing, rules[firing.rule], facts[firing.facts[0][0]], ladders)] = firing
    plan = plan_notices(due, ladders=ladders, on_file=(), addresses=addresses(pack))
    by_step: dict[tuple[str, str, str], list[Planned]] = {}
    for each in plan.new:
        if each.state is not NoticeState.SUPERSEDED:
            where = (each.due.item, each.step.ladder, each.step.step)
            by_step.setdefault(where, []).append(each)
    told = []
    for planned in by_step.values():
        first = planned[0]
        rule, fact = rules[first.step.rule], facts[first.due.item]
        item = _item(pack, renderer, case, rule, fact, titles)
        try:
            context = digest_context(
                pack,
                pack.unit(case.unit),
                [item],
                post=first.post,
                is_copy=first.is_copy,
                as_of=case.as_of.date(),
                reference="",
            )
            subject = renderer.subject("digest", context)
        except RenderError as error:
            raise CannotRender(str(error)) from error
        told.append(
            Told(
                step=first.step.step,
                ladder=first.step.ladder,
                rule=first.step.rule,
                item=first.due.item,
                to=_posts((p.post, p.is_copy, p.state.value) for p in planned)[0],
                cc=_posts((p.post, p.is_copy, p.state.value) for p in planned)[1],
                unaddressed=_posts((p.post, p.is_copy, p.state.value) for p in planned)[2],
                subject=subject,
                message=item["message"],
                remedy=item["remedy"],
            )
        )
    return tuple(told)


def notices_written(rows: Sequence[NoticeRow]) -> tuple[Told, ...]:
    """Return what stands in the outbox: one entry for each step and item, however many hear it."""
    by_step: dict[tuple[str, str, str], list[NoticeRow]] = {}
    for row in rows:
        if row.state != NoticeState.SUPERSEDED.value:
            by_step.setdefault((row.item, row.ladder, row.step), []).append(row)
    told = []
    for (item, ladder, step), written in sorted(by_step.items()):
        to, cc, unaddressed = _posts((r.post, bool(r.is_copy), r.state) for r in written)
        first = min(written, key=lambda row: (row.is_copy, row.id or 0))
        told.append(
            Told(
                step=step,
                ladder=ladder,
                rule=first.rule or "",
                item=item,
                to=to,
                cc=cc,
                unaddressed=unaddressed,
                subject=first.subject,
                message=first.content.get("message") or "",
                remedy=first.content.get("remedy") or "",
            )
        )
    return tuple(told)


def _posts(
    heard: Any,
) -> tuple[tuple[Post, ...], tuple[Post, ...], tuple[Post, ...]]:
    """Return who is written to, who gets a copy, and who has no address."""
    listed = list(heard)
    skipped = NoticeState.SKIPPED.value
    return (
        tuple(Post(post) for post, copy, state in listed if not copy and state != skipped),
        tuple(Post(post) for post, copy, state in listed if copy and state != skipped),
        tuple(Post(post) for post, _, state in listed if state == skipped),
    )


def _due(
    firing: Firing, rule: CheckedRule, fact: Fact, ladders: Mapping[str, Sequence[Step]]
) -> Due:
    outcome = rule.rule.notice
    assert outcome is not None
    order = next(each.order for each in ladders[outcome.ladder] if each.step == outcome.step)
    step = Step(
        ladder=outcome.ladder,
        step=outcome.step,
        order=order,
        kind=outcome.kind,
        to=outcome.to,
        cc=outcome.cc,
        rule=firing.rule,
        urgent=outcome.urgent,
    )
    return Due(item=fact.key, tag=_day(fact.fields.get("due_on")), unit=firing.unit, step=step)


def _item(
    pack: Pack,
    renderer: Renderer,
    case: Case,
    rule: CheckedRule,
    fact: Fact,
    titles: Mapping[str, str],
) -> dict[str, Any]:
    """Return the item as it would stand in a mail."""
    assert rule.rule.notice is not None
    fields = fact.fields
    owed = fact.kind in OBLIGATION_KINDS
    late, left = ("days_overdue", "days_to_due")
    if not owed:
        late, left = ("days_past_rectify_due", "days_to_rectify_due")
    clause = next(
        (each for each in pack.plan.clauses if each.id == (fields["clause"] or rule.rule.clause)),
        None,
    )
    kind = rule.rule.notice.kind
    item: dict[str, Any] = {
        "kind": kind.value,
        "step": rule.rule.notice.step,
        "title": rule.rule.title,
        "clause": clause.path if clause else "",
        "clause_quote": clause.text if clause else "",
        "basis": rule.rule.basis.value,
        "due_on": None,
        "original_due_on": None,
        "days_overdue": int(fields.get(late) or 0),
        "days_to_due": int(fields.get(left) or 0),
        "message": "",
        "remedy": rule.rule.remedy or "",
        "nth": 1 if kind is NoticeKind.OVERDUE else 0,
        "urgent": rule.rule.notice.urgent,
    }
    if owed:
        requirement = pack.requirement(str(fields["requirement"]))
        original = case.original_due_on
        item |= {
            "title": item_title(requirement, str(fields["period"])),
            "basis": requirement.basis.value,
            "due_on": _day(fields["due_on"]),
            "original_due_on": original.isoformat() if original else None,
        }
    elif fact.kind == "finding":
        item["title"] = f"{titles.get(str(fields['rule']), fields['rule'])}（{fact.key}）"
    if rule.rule.message:
        context = message_context(
            rule,
            [FactInWords(fact.kind, fact.key, fields)],
            pack=pack,
            unit=case.unit,
            as_of=case.as_of,
            original_due_on=case.original_due_on,
            combinations=1,
        )
        try:
            item["message"] = renderer.sentence(rule.rule.message, context)
        except RenderError as error:
            raise CannotRender(str(error)) from error
    return item


def _day(value: Value | None) -> str:
    return date.fromordinal(value).isoformat() if isinstance(value, int) else "-"
