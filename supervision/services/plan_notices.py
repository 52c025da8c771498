"""From the firings of notice rules to rows of the outbox, in the run's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from notifications.errors import RenderError
from notifications.render import Renderer
from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.facts import Firing
from rules.vocabulary import NoticeKind
from supervision.domain.notices import (
    PENDING,
    Due,
    NoticeState,
    Planned,
    Reason,
    Silence,
    Step,
    plan_notices,
)
from supervision.domain.pack import Pack
from supervision.domain.workdays import OfficeHours
from supervision.services.judge import Judged
from supervision.services.mails import addresses, digest_context, holder_of
from supervision.services.wording import FactInWords, item_title, message_context
from supervision.store import findings, outbox, plans
from supervision.store.outbox import Envelope
from supervision.store.plans import Adopted
from supervision.store.session import Session
from supervision.store.tables import FindingRow, NoticeRow, ObligationRow, RunRow


@dataclass(frozen=True)
class Written:
    """How many notices the run planned, held for release, passed over, ended, could not address."""

    planned: int = 0
    held: int = 0
    superseded: int = 0
    silenced: int = 0
    unaddressed: int = 0


@dataclass(frozen=True)
class _Desk:
    session: Session
    adopted: Adopted
    run: RunRow
    renderer: Renderer
    hours: OfficeHours
    mail_domain: str
    obligations: Mapping[str, ObligationRow]
    findings: Mapping[str, FindingRow]

    @property
    def pack(self) -> Pack:
        return self.adopted.pack

    @property
    def today(self) -> date:
        return self.run.as_of.astimezone(self.adopted.zone).date()


def write_notices(
    session: Session,
    judged: Judged,
    rules: Mapping[str, CheckedRule],
    *,
    adopted: Adopted,
    run: RunRow,
    units: Sequence[str] | None,
    renderer: Renderer,
    hours: OfficeHours,
    mail_domain: str,
    hold_above: int,
    hold: bool,
) -> Written:
    """Write what is due, end what no longer is; return how many rows of each sort.

    With `hold`, or with more than `hold_above` to send (or a rule's own ceiling), the new notices
    are held until a person releases the run.
    """
    ladders = ladders_of(rules)
    firings = [each for each in judged.firings if rules[each.rule].rule.notice is not None]
    due = {_due(firing, judged, rules, ladders): firing for firing in firings}
    items = {each.item for each in due}
    desk = _Desk(
        session=session,
        adopted=adopted,
        run=run,
        renderer=renderer,
        hours=hours,
        mail_domain=mail_domain,
        obligations=plans.current_obligations(session, adopted.code, items),
        findings={row.number: row for row in findings.listed(session, adopted.code)},
    )
    plan = plan_notices(
        due,
        ladders=ladders,
        on_file=outbox.on_file(session, adopted.code, items=items, units=units),
        addresses=addresses(adopted.pack),
    )
    to_send = [each for each in plan.new if each.state is NoticeState.PLANNED]
    held = hold or len(to_send) > hold_above or _over_a_rules_ceiling(to_send, rules)
    urges = _urges_before(session, adopted.code, items)
    for each in plan.new:
        firing = due[each.due] if each.step == each.due.step else None
        _write(desk, each, firing, judged, rules, held=held, nth=urges[each.due.item] + 1)
    outbox.end(session, adopted.code, plan.ended)
    _bring_up_to_date(desk, due, judged, rules, urges)
    session.flush()
    states = Counter(state for state, _ in plan.ended.values())
    passed = sum(1 for each in plan.new if each.state is NoticeState.SUPERSEDED)
    return Written(
        planned=0 if held else len(to_send),
        held=len(to_send) if held else 0,
        superseded=passed + states[NoticeState.SUPERSEDED],
        silenced=states[NoticeState.SILENCED],
        unaddressed=sum(1 for each in plan.new if each.state is NoticeState.SKIPPED),
    )


def ladders_of(rules: Mapping[str, CheckedRule]) -> dict[str, list[Step]]:
    """Return each ladder's steps in the order in which the pack defines them."""
    ladders: dict[str, list[Step]] = {}
    for rule in rules.values():
        outcome = rule.rule.notice
        if outcome is None:
            continue
        steps = ladders.setdefault(outcome.ladder, [])
        if all(step.step != outcome.step for step in steps):
            steps.append(
                Step(
                    ladder=outcome.ladder,
                    step=outcome.step,
                    order=len(steps),
                    kind=outcome.kind,
                    to=outcome.to,
                    cc=outcome.cc,
                    rule=rule.rule.id,
                    urgent=outcome.urgent,
                )
            )
    return ladders


def _due(
    firing: Firing,
    judged: Judged,
    rules: Mapping[str, CheckedRule],
    ladders: Mapping[str, Sequence[Step]],
) -> Due:
    rule = rules[firing.rule]
    outcome = rule.rule.notice
    assert outcome is not None
    kind, key = rule.patterns[0].on, firing.facts[0][0]
    fields = judged.found[kind, key].fact.fields
    if kind in OBLIGATION_KINDS:
        day = fields["due_on"]
        assert isinstance(day, int)
        tag = date.fromordinal(day).isoformat()
    else:
        tag = str(fields.get("cycle", "-"))
    place = next(each for each in ladders[outcome.ladder] if each.step == outcome.step)
    step = Step(
        ladder=outcome.ladder,
        step=outcome.step,
        order=place.order,
        kind=outcome.kind,
        to=outcome.to,
        cc=outcome.cc,
        rule=firing.rule,
        urgent=outcome.urgent,
    )
    return Due(item=key, tag=tag, unit=firing.unit, step=step)


def _over_a_rules_ceiling(to_send: Sequence[Planned], rules: Mapping[str, CheckedRule]) -> bool:
    sent = Counter(each.step.rule for each in to_send)
    return any(
        rule.rule.max_notices is not None and sent[name] > rule.rule.max_notices
        for name, rule in rules.items()
    )


def _urges_before(session: Session, plan: str, items: set[str]) -> Counter[str]:
    """Return how often each item was urged; one urge may go to several people."""
    urged = {
        (row.item, row.key.split("|")[1], row.step)
        for row in outbox.of_items(session, plan, items)
        if row.kind == NoticeKind.OVERDUE.value
        and row.state == NoticeState.SENT.value
        and not row.is_copy
    }
    return Counter(item for item, _, _ in urged)


def _bring_up_to_date(
    desk: _Desk,
    due: Mapping[Due, Firing],
    judged: Judged,
    rules: Mapping[str, CheckedRule],
    urges: Mapping[str, int],
) -> None:
    """Say anew what earlier runs wrote, is due still and has not left the house.

    A digest names one day: its numbers are of that day, whenever its notices were planned.
    """
    standing = {(each.item, each.tag, each.step.ladder, each.step.step): each for each in due}
    for row in outbox.of_items(desk.session, desk.adopted.code, {each.item for each in due}):
        if NoticeState(row.state) not in PENDING or row.rule is None or row.run_id == desk.run.id:
            continue
        tag = row.key.split("|")[1]
        each = standing.get((row.item, tag, row.ladder, row.step))
        digest = outbox.find_digest(desk.session, row.digest_id or 0)
        if each is None or (digest is not None and digest.attempts):
            continue
        planned = Planned(
            key=row.key,
            due=each,
            step=each.step,
            post=row.post,
            recipient=row.recipient,
            is_copy=bool(row.is_copy),
            cc=tuple(row.cc),
            state=NoticeState(row.state),
            reason=Reason(row.reason),
        )
        nth = urges[each.item] + 1
        content, subject = _content(desk, planned, due[each], judged, rules, nth)
        if content != row.content:
            row.content, row.subject, row.planned_at = content, subject, desk.run.as_of
            desk.session.add(row)


def _write(
    desk: _Desk,
    planned: Planned,
    firing: Firing | None,
    judged: Judged,
    rules: Mapping[str, CheckedRule],
    *,
    held: bool,
    nth: int,
) -> None:
    unit = desk.pack.unit(planned.due.unit)
    content, subject = _content(desk, planned, firing, judged, rules, nth)
    state = planned.state
    if state is NoticeState.PLANNED and held:
        state = NoticeState.HELD
    row = NoticeRow(
        plan=desk.adopted.code,
        key=planned.key,
        kind=planned.step.kind.value,
        ladder=planned.step.ladder,
        step=planned.step.step,
        rule=planned.step.rule,
        ruleset=desk.run.ruleset,
        run_id=desk.run.id,
        item=planned.due.item,
        unit=unit.code,
        recipient=planned.recipient,
        post=planned.post,
        is_copy=int(planned.is_copy),
        cc=list(planned.cc),
        subject=subject,
        content=content,
        reason=planned.reason.value,
        state=state.value,
        state_reason=Silence.CEILING.value
        if state is NoticeState.HELD
        else planned.silence.value
        if planned.silence
        else "",
        planned_at=desk.run.as_of,
        due_at=desk.hours.next_opening(desk.run.as_of),
    )
    if state is NoticeState.PLANNED:
        enclose(desk.session, row, desk.adopted, hours=desk.hours, mail_domain=desk.mail_domain)
    outbox.add(desk.session, [row])


def enclose(
    session: Session, row: NoticeRow, adopted: Adopted, *, hours: OfficeHours, mail_domain: str
) -> None:
    """Put a notice into the digest it travels in; an urgent one goes alone."""
    assert row.recipient is not None
    unit = adopted.pack.unit(row.unit)
    digest = outbox.enclose(
        session,
        adopted.code,
        Envelope(
            recipient=row.recipient,
            name=holder_of(unit, row.post),
            unit=row.unit,
            channel=f"urgent {row.key}" if row.content.get("urgent") else "digest",
        ),
        hours=hours,
        domain=mail_domain,
        now=row.planned_at,
    )
    row.digest_id, row.due_at = digest.id, digest.due_at


def _content(
    desk: _Desk,
    planned: Planned,
    firing: Firing | None,
    judged: Judged,
    rules: Mapping[str, CheckedRule],
    nth: int,
) -> tuple[dict[str, Any], str]:
    """Return the item as it will stand in the mail, and the subject it would have alone."""
    unit = desk.pack.unit(planned.due.unit)
    item = _item(desk, planned, firing, judged, rules)
    overdue = planned.step.kind is NoticeKind.OVERDUE
    item["nth"] = nth if overdue else 0
    item["urgent"] = planned.step.urgent
    try:
        context = digest_context(
            desk.pack,
            unit,
            [item],
            post=planned.post,
            is_copy=planned.is_copy,
            as_of=desk.today,
            reference="",
        )
        subject = desk.renderer.subject("digest", context)
    except RenderError as error:
        subject = f"{item['title']}（{error}）"
    return item, subject


def _item(
    desk: _Desk,
    planned: Planned,
    firing: Firing | None,
    judged: Judged,
    rules: Mapping[str, CheckedRule],
) -> dict[str, Any]:
    rule = rules[planned.step.rule]
    item: dict[str, Any] = {
        "kind": planned.step.kind.value,
        "step": planned.step.step,
        "title": rule.rule.title,
        "clause": "",
        "clause_quote": "",
        "basis": rule.rule.basis.value,
        "due_on": None,
        "original_due_on": None,
        "days_overdue": 0,
        "days_to_due": 0,
        "message": "",
        "remedy": rule.rule.remedy or "",
    }
    owed = desk.obligations.get(planned.due.item)
    finding = desk.findings.get(planned.due.item)
    clause_id = owed.clause if owed else finding.clause if finding else rule.rule.clause
    clause = next((each for each in desk.pack.plan.clauses if each.id == clause_id), None)
    if clause is not None:
        item |= {"clause": clause.path, "clause_quote": clause.text}
    if owed is not None:
        requirement = desk.pack.requirement(owed.requirement)
        due_on = date.fromisoformat(planned.due.tag)
        calendar, today = desk.hours.calendar, desk.today
        item |= {
            "title": item_title(requirement, owed.period),
            "basis": requirement.basis.value,
            "due_on": due_on.isoformat(),
            "original_due_on": owed.due_on.isoformat() if owed.due_on != due_on else None,
            "days_to_due": max(0, calendar.number(due_on) - calendar.number(today)),
        }
    elif finding is not None:
        item |= {"title": f"{finding.title}（{finding.number}）", "message": finding.message}
        item["remedy"] = finding.remedy
        if finding.rectify_due is not None:
            item["due_on"] = finding.rectify_due.isoformat()
    if firing is not None:
        fields = judged.found[rule.patterns[0].on, firing.facts[0][0]].fact.fields
        # of a finding it is the rectification that is late
        late = "days_overdue" if finding is None else "days_past_rectify_due"
        left = "days_to_due" if finding is None else "days_to_rectify_due"
        item["days_overdue"] = int(fields.get(late) or 0)
        item["days_to_due"] = int(fields.get(left) or item["days_to_due"])
        if rule.rule.message:
            fact = FactInWords(rule.patterns[0].on, firing.facts[0][0], fields)
            context = message_context(
                rule,
                [fact],
                pack=desk.pack,
                unit=firing.unit,
                as_of=desk.run.as_of.astimezone(desk.adopted.zone),
                original_due_on=owed.due_on if owed else None,
                combinations=1,
            )
            item["message"] = desk.renderer.sentence(rule.rule.message, context)
    return item
