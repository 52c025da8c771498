"""From the firings of notice rules to rows of the outbox, in the run's transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from notifications.render import Renderer
from rules.catalogue import OBLIGATION_KINDS
from rules.checked import CheckedRule
from rules.facts import Firing
from rules.vocabulary import NoticeKind, Post
from supervision.domain.notices import (
    Due,
    NoticeState,
    Planned,
    Reason,
    Step,
    plan_notices,
)
from supervision.domain.workdays import OfficeHours
from supervision.services.judge import Judged, RuleGroup
from supervision.services.mails import addresses
from supervision.services.notice_rows import (
    Fired,
    NoticeDesk,
    content_of,
    envelope_of,
    new_row,
    subject_of,
)
from supervision.services.sources import FactsAt
from supervision.services.wording import Fields
from supervision.store import findings, outbox, plans
from supervision.store.outbox import Brief
from supervision.store.plans import Adopted
from supervision.store.registers import StoredUnits
from supervision.store.session import Session
from supervision.store.tables import NoticeRow, RunRow


@dataclass(frozen=True)
class Written:
    """How many notices the run planned, held for release, passed over, ended, could not address."""

    planned: int = 0
    held: int = 0
    superseded: int = 0
    silenced: int = 0
    unaddressed: int = 0


@dataclass(frozen=True)
class _Draft:
    """New rows of a stretch of units, and what they speak of."""

    new: tuple[Planned, ...]
    fired: Mapping[Due, Fired]
    urges: Mapping[str, int]


class NoticePlanner:
    """Plans the notices of a run a stretch of units at a time, then writes them all.

    Whether they go out or are held is known only when all are planned.
    """

    def __init__(
        self,
        session: Session,
        group: RuleGroup,
        *,
        adopted: Adopted,
        run: RunRow,
        renderer: Renderer,
        hours: OfficeHours,
        mail_domain: str,
    ) -> None:
        self._session, self._adopted, self._run = session, adopted, run
        self._rules = group.by_id
        self._ladders = ladders_of(self._rules)
        self._renderer, self._hours, self._mail_domain = renderer, hours, mail_domain
        self._drafts: list[_Draft] = []
        self._ended: Counter[NoticeState] = Counter()

    def plan(self, judged: Judged, facts: FactsAt) -> None:
        """Plan what is due in a stretch of units, end what no longer is, say anew what waits."""
        plan, session = self._adopted.code, self._session
        fired = {
            self._due(each): each
            for firing in judged.firings
            if self._rules[firing.rule].rule.notice is not None
            for each in [Fired(firing, _fields_of(firing, judged, self._rules))]
        }
        items = {each.item for each in fired}
        on_file = outbox.in_brief(session, plan, items, units=facts.units, between=facts.between)
        planned = plan_notices(
            fired,
            ladders=self._ladders,
            on_file=outbox.as_on_file(on_file),
            addresses=_addresses_of(self._adopted, _to_be_told(fired, on_file)),
        )
        outbox.end(session, plan, planned.ended)
        self._ended.update(state for state, _ in planned.ended.values())
        urges = _urges_before(on_file)
        waiting = outbox.by_id(
            session,
            (
                row.id
                for row in on_file
                if row.pending and row.item in items and row.key not in planned.ended
            ),
        )
        if waiting:
            _bring_up_to_date(self._desk(fired), waiting, fired, self._rules, urges)
        kept = {each.due for each in planned.new}
        self._drafts.append(
            _Draft(
                planned.new,
                {due: each for due, each in fired.items() if due in kept},
                {due.item: urges[due.item] for due in kept},
            )
        )
        session.flush()

    def write(self, *, hold_above: int, hold: bool) -> Written:
        """Write what was planned; return how many rows of each sort.

        With `hold`, or with more than `hold_above` to send (or a rule's own ceiling), the new
        notices are held until a person releases the run.
        """
        new = [each for draft in self._drafts for each in draft.new]
        to_send = [each for each in new if each.state is NoticeState.PLANNED]
        held = hold or len(to_send) > hold_above or _over_a_rules_ceiling(to_send, self._rules)
        for draft in self._drafts:
            if not draft.new:
                continue
            desk = self._desk(draft.fired)
            rows, envelopes = [], []
            for each in draft.new:
                fired = draft.fired[each.due]
                told = fired if each.step == each.due.step else None
                nth = draft.urges[each.due.item] + 1
                row = new_row(desk, each, told, self._rules, held=held, nth=nth)
                rows.append(row)
                if row["state"] == NoticeState.PLANNED.value:
                    envelopes.append(envelope_of(desk.pack, row))
            enclosed = outbox.enclose_all(
                self._session,
                self._adopted.code,
                envelopes,
                hours=self._hours,
                domain=self._mail_domain,
                now=self._run.as_of,
            )
            travelling = iter(envelopes)
            for row in rows:
                if row["state"] == NoticeState.PLANNED.value:
                    row["digest_id"], row["due_at"] = enclosed[next(travelling)]
            outbox.add_all(self._session, rows)
        states = Counter(each.state for each in new)
        return Written(
            planned=0 if held else len(to_send),
            held=len(to_send) if held else 0,
            superseded=states[NoticeState.SUPERSEDED] + self._ended[NoticeState.SUPERSEDED],
            silenced=self._ended[NoticeState.SILENCED],
            unaddressed=states[NoticeState.SKIPPED],
        )

    def _desk(self, due: Iterable[Due]) -> NoticeDesk:
        """Return what the texts about these items are made of."""
        plan, listed = self._adopted.code, list(due)
        items = {each.item for each in listed}
        if isinstance(self._adopted.pack.units, StoredUnits):
            self._adopted.pack.units.read({each.unit for each in listed})
        return NoticeDesk(
            session=self._session,
            adopted=self._adopted,
            run=self._run,
            renderer=self._renderer,
            hours=self._hours,
            mail_domain=self._mail_domain,
            obligations=plans.current_obligations(self._session, plan, items),
            findings=findings.by_number(self._session, plan, items),
        )

    def _due(self, fired: Fired) -> Due:
        rule = self._rules[fired.firing.rule]
        outcome = rule.rule.notice
        assert outcome is not None
        key = fired.firing.facts[0][0]
        if rule.patterns[0].on in OBLIGATION_KINDS:
            day = fired.fields["due_on"]
            assert isinstance(day, int)
            tag = date.fromordinal(day).isoformat()
        else:
            tag = str(fired.fields.get("cycle", "-"))
        place = next(each for each in self._ladders[outcome.ladder] if each.step == outcome.step)
        step = Step(
            ladder=outcome.ladder,
            step=outcome.step,
            order=place.order,
            kind=outcome.kind,
            to=outcome.to,
            cc=outcome.cc,
            rule=fired.firing.rule,
            urgent=outcome.urgent,
        )
        return Due(item=key, tag=tag, unit=fired.firing.unit, step=step)


def _fields_of(firing: Firing, judged: Judged, rules: Mapping[str, CheckedRule]) -> Fields:
    kind = rules[firing.rule].patterns[0].on
    return judged.found[kind, firing.facts[0][0]].fact.fields


def _to_be_told(fired: Iterable[Due], on_file: Iterable[Brief]) -> set[str]:
    """Return the units of which somebody may not have been told what is due."""
    told: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for row in on_file:
        if row.state != NoticeState.SKIPPED.value:
            told[row.item, row.key.split("|")[1], row.ladder, row.step].add(row.post)
    return {
        due.unit
        for due in fired
        if not told[due.item, due.tag, due.step.ladder, due.step.step].issuperset(
            post.value for post in (*due.step.to, *due.step.cc)
        )
    }


def _addresses_of(adopted: Adopted, codes: set[str]) -> dict[tuple[str, Post], str]:
    units = adopted.pack.units
    if isinstance(units, StoredUnits):
        units.read(codes)
    return addresses(adopted.pack, (units.unit(code) for code in codes))


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


def _over_a_rules_ceiling(to_send: Sequence[Planned], rules: Mapping[str, CheckedRule]) -> bool:
    sent = Counter(each.step.rule for each in to_send)
    return any(
        rule.rule.max_notices is not None and sent[name] > rule.rule.max_notices
        for name, rule in rules.items()
    )


def _urges_before(rows: Iterable[Brief]) -> Counter[str]:
    """Return how often each item was urged; one urge may go to several people."""
    urged = {
        (row.item, row.key.split("|")[1], row.step)
        for row in rows
        if row.kind == NoticeKind.OVERDUE.value
        and row.state == NoticeState.SENT.value
        and not row.is_copy
    }
    return Counter(item for item, _, _ in urged)


def _bring_up_to_date(
    desk: NoticeDesk,
    waiting: Sequence[NoticeRow],
    fired: Mapping[Due, Fired],
    rules: Mapping[str, CheckedRule],
    urges: Mapping[str, int],
) -> None:
    """Say anew what earlier runs wrote, is due still and has not left the house.

    A digest names one day: its numbers are of that day, whenever its notices were planned.
    """
    standing = {(each.item, each.tag, each.step.ladder, each.step.step): each for each in fired}
    left = outbox.attempted(desk.session, [row.digest_id or 0 for row in waiting])
    for row in waiting:
        tag = row.key.split("|")[1]
        each = standing.get((row.item, tag, row.ladder, row.step))
        if each is None or row.digest_id in left:
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
        content = content_of(desk, planned, fired[each], rules, nth)
        if content != row.content:
            row.content, row.planned_at = content, desk.run.as_of
            row.subject = subject_of(desk, planned, content)
            desk.session.add(row)


def enclose(
    session: Session, row: NoticeRow, adopted: Adopted, *, hours: OfficeHours, mail_domain: str
) -> None:
    """Put a notice into the digest it travels in."""
    digest = outbox.enclose(
        session,
        adopted.code,
        envelope_of(adopted.pack, row.model_dump()),
        hours=hours,
        domain=mail_domain,
        now=row.planned_at,
    )
    row.digest_id, row.due_at = digest.id, digest.due_at
