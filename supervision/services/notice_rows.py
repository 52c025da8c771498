"""What a notice says: the item as it will stand in the mail, the row it is kept as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from notifications.errors import RenderError
from notifications.render import Renderer
from rules.checked import CheckedRule
from rules.facts import Firing
from rules.vocabulary import NoticeKind
from supervision.domain.notices import (
    NoticeState,
    Planned,
    Silence,
)
from supervision.domain.pack import Pack
from supervision.domain.workdays import OfficeHours
from supervision.services.mails import digest_context, holder_of
from supervision.services.wording import FactInWords, Fields, item_title, message_context
from supervision.store.outbox import Envelope
from supervision.store.plans import Adopted
from supervision.store.session import Session
from supervision.store.tables import FindingRow, ObligationRow, RunRow


@dataclass(frozen=True)
class NoticeDesk:
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

    @cached_property
    def today(self) -> date:
        return self.run.as_of.astimezone(self.adopted.zone).date()

    @cached_property
    def opening(self) -> datetime:
        """When mail written now may leave."""
        return self.hours.next_opening(self.run.as_of)


@dataclass(frozen=True)
class Fired:
    """A notice rule that fired, with the fields of its fact."""

    firing: Firing
    fields: Fields


def new_row(
    desk: NoticeDesk,
    planned: Planned,
    fired: Fired | None,
    rules: Mapping[str, CheckedRule],
    *,
    held: bool,
    nth: int,
) -> dict[str, Any]:
    content = content_of(desk, planned, fired, rules, nth)
    state, why = planned.state, planned.silence.value if planned.silence else ""
    if state is NoticeState.PLANNED and held:
        state, why = NoticeState.HELD, Silence.CEILING.value
    # what was passed over is never read as a mail: its title says enough
    read = state is not NoticeState.SUPERSEDED
    return {
        "plan": desk.adopted.code,
        "key": planned.key,
        "kind": planned.step.kind.value,
        "ladder": planned.step.ladder,
        "step": planned.step.step,
        "rule": planned.step.rule,
        "ruleset": desk.run.ruleset,
        "run_id": desk.run.id,
        "item": planned.due.item,
        "unit": planned.due.unit,
        "recipient": planned.recipient,
        "post": planned.post,
        "is_copy": int(planned.is_copy),
        "cc": list(planned.cc),
        "subject": subject_of(desk, planned, content) if read else content["title"],
        "content": content,
        "reason": planned.reason.value,
        "state": state.value,
        "state_reason": why,
        "planned_at": desk.run.as_of,
        "due_at": desk.opening,
        "digest_id": None,
    }


def envelope_of(pack: Pack, row: Mapping[str, Any]) -> Envelope:
    """Return where a notice goes; an urgent one goes alone."""
    return Envelope(
        recipient=row["recipient"],
        name=holder_of(pack.unit(row["unit"]), row["post"]),
        unit=row["unit"],
        channel=f"urgent {row['key']}" if row["content"].get("urgent") else "digest",
    )


def content_of(
    desk: NoticeDesk,
    planned: Planned,
    fired: Fired | None,
    rules: Mapping[str, CheckedRule],
    nth: int,
) -> dict[str, Any]:
    """Return the item as it will stand in the mail."""
    item = _item(desk, planned, fired, rules)
    item["nth"] = nth if planned.step.kind is NoticeKind.OVERDUE else 0
    item["urgent"] = planned.step.urgent
    return item


def subject_of(desk: NoticeDesk, planned: Planned, item: dict[str, Any]) -> str:
    """Return the subject that a mail with this item alone would have."""
    try:
        context = digest_context(
            desk.pack,
            desk.pack.unit(planned.due.unit),
            [item],
            post=planned.post,
            is_copy=planned.is_copy,
            as_of=desk.today,
            reference="",
        )
        return desk.renderer.subject("digest", context)
    except RenderError as error:
        return f"{item['title']}（{error}）"


def _item(
    desk: NoticeDesk,
    planned: Planned,
    fired: Fired | None,
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
    if fired is not None:
        fields = fired.fields
        # of a finding it is the rectification that is late
        late = "days_overdue" if finding is None else "days_past_rectify_due"
        left = "days_to_due" if finding is None else "days_to_rectify_due"
        item["days_overdue"] = int(fields.get(late) or 0)
        item["days_to_due"] = int(fields.get(left) or item["days_to_due"])
        if rule.rule.message:
            fact = FactInWords(rule.patterns[0].on, fired.firing.facts[0][0], fields)
            context = message_context(
                rule,
                [fact],
                pack=desk.pack,
                unit=fired.firing.unit,
                as_of=desk.run.as_of.astimezone(desk.adopted.zone),
                original_due_on=owed.due_on if owed else None,
                combinations=1,
            )
            item["message"] = desk.renderer.sentence(rule.rule.message, context)
    return item
