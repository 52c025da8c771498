"""The smallest changes that would satisfy a finding's rule, in the words of its plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rules.catalogue import OBLIGATION_KINDS, FieldType
from rules.changes import Changes, Proposal, smallest_changes, together
from rules.checked import CheckedRule
from rules.constants import written
from rules.facts import Fact, Key
from rules.moves import Situation
from rules.remedies import SUFFICIENT_COUNT
from supervision.domain.pack import Pack
from supervision.domain.plan import Requirement
from supervision.services.explain_facts import Origins, clause_list, target_unit, title_of
from supervision.services.explain_models import (
    ChangesPart,
    ChangeStepPart,
    FactChangesPart,
    ProposalPart,
)
from supervision.services.wording import item_title

_VERBS = (
    *("培训", "培养", "举办", "组织", "开展", "选聘", "引进", "招聘", "招录", "新增", "建设"),
    *("建立", "评选", "认定", "发放", "走访", "完成"),
)
"""Words with which a target's title may begin: 再培训12人 rather than 再完成12人."""


def situation_of(origins: Origins, fact: Fact) -> Situation:
    """Return what the plan says of a fact beyond its fields."""
    pack, fields = origins.pack, fact.fields
    requirement = _requirement(pack, fields.get("requirement"))
    if fact.kind not in OBLIGATION_KINDS or requirement is None:
        return Situation(today=origins.today.toordinal())
    measure = requirement.measure
    next_day = origins.next_day
    return Situation(
        item=_item(origins, fact, requirement),
        verb=next((verb for verb in _VERBS if requirement.title.startswith(verb)), "完成"),
        unit=target_unit(pack, fact),
        whole=measure is None or measure.sum is None,
        measured=measure is not None,
        today=origins.today.toordinal(),
        next_day=next_day.toordinal() if next_day else None,
        which=_which(pack, fact),
    )


def _requirement(pack: Pack, identifier: object) -> Requirement | None:
    return next((each for each in pack.plan.requirements if each.id == identifier), None)


def _item(origins: Origins, fact: Fact, requirement: Requirement) -> str:
    """Return what is filed: the duty itself, or what it is filed with."""
    owed = origins.known.obligation(origins.session, fact.key)
    host = requirement
    if owed is not None and owed.companion:
        host = _requirement(origins.pack, owed.filing_key.split("/")[0]) or requirement
    period = fact.fields.get("period")
    return item_title(host, str(period)) if period else host.title


def _which(pack: Pack, fact: Fact) -> Mapping[str, str]:
    fields, found = fact.fields, {}

    def titled(name: str) -> str | None:
        requirement = _requirement(pack, fields.get(name))
        return None if requirement is None else requirement.title

    def number(name: str) -> str:
        value = fields.get(name)
        return written(value, FieldType.DECIMAL) if isinstance(value, int) else "不详"

    for count, ids in (("tasks_uncovered", "uncovered"), ("tasks_unmentioned", "unmentioned")):
        listed = fields.get(ids)
        if isinstance(listed, str):
            found[count] = f"：{clause_list(pack, listed)}"
    mismatched = titled("mismatched")
    if mismatched:
        found["claims_mismatched"] = (
            f"（“{mismatched}”上报{number('mismatched_claim')}，"
            f"台账核算{number('mismatched_value')}）"
        )
    fell = titled("fell_in")
    if fell:
        found["fell"] = f"（“{fell}”由{number('fell_from')}降为{number('fell_to')}）"
    if fields.get("late_node"):
        found["nodes_after_due"] = f"（“{fields['late_node']}”）"
    return found


# --- Parts ---------------------------------------------------------------------------------------


def changes_part(
    origins: Origins, rule: CheckedRule, facts: Sequence[Fact], *, unit: str, key: Key
) -> tuple[Changes, ChangesPart]:
    """Return the smallest changes of a bound rule, as found and in words."""
    changes = smallest_changes(
        rule,
        facts,
        unit=unit,
        key=key,
        situations={fact.key: situation_of(origins, fact) for fact in facts},
    )
    by_key = {fact.key: fact for fact in facts}
    several = len(facts) > 1
    proposals = [_proposal(origins, each, by_key, several=several) for each in changes.proposals]
    each = [
        FactChangesPart(
            fact=one.fact,
            title=title_of(origins.pack, by_key[one.fact], origins.rule_titles),
            proposals=[_proposal(origins, way, by_key, several=False) for way in one.proposals],
        )
        for one in changes.each
    ]
    return changes, ChangesPart(
        text=changes_text(proposals, changes.needed, len(each), changes.reasons),
        proposals=proposals,
        needed=changes.needed,
        each=each,
        reasons=list(changes.reasons),
    )


def changes_text(
    proposals: Sequence[ProposalPart], needed: int, of: int, reasons: Sequence[str]
) -> str:
    """Return alternatives as one sentence: 再培训12人（累计达到200人）并报送台账，或获批延期."""
    if reasons:
        return "；".join(reasons)
    if needed:
        return f"以下{of}项中{SUFFICIENT_COUNT.format(needed=needed)}"
    texts = [each.text for each in proposals]
    return ("；或" if any("，" in text for text in texts) else "，或").join(texts)


def _proposal(
    origins: Origins, proposal: Proposal, by_key: Mapping[str, Fact], *, several: bool
) -> ProposalPart:
    steps = []
    for step in proposal.steps:
        text = step.text
        if several and step.changed.get("extended") == 1:
            title = title_of(origins.pack, by_key[step.fact], origins.rule_titles)
            text = f"“{title}”{text}"
        steps.append(
            ChangeStepPart(
                fact=step.fact, actor=step.actor.value, text=text, fields=dict(step.changed)
            )
        )
    told = [step.text for step in steps]
    apart = len({step.fact for step in steps}) > 1
    return ProposalPart(text="，并".join(told) if apart else together(told), steps=steps)
