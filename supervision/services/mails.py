"""What the mail templates are given (templates/email/README.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from rules.vocabulary import Post
from supervision.domain.pack import Pack
from supervision.domain.units import Unit
from supervision.store.tables import FindingRow

POST_NAMES = {
    Post.LIAISON.value: "联络员",
    Post.DEPUTY.value: "分管领导",
    Post.PRINCIPAL.value: "主要负责人",
    Post.DISTRICT_DEPUTY.value: "分管区领导",
    Post.OFFICE.value: "督查室",
}


def addresses(pack: Pack, units: Iterable[Unit] | None = None) -> dict[tuple[str, Post], str]:
    """Return the e-mail address of each post of each unit; posts without one are missing.

    `units` None means all of the pack.
    """
    found: dict[tuple[str, Post], str] = {}
    office = pack.plan.office
    for unit in pack.units if units is None else units:
        for post, holder in (
            (Post.LIAISON, unit.liaison),
            (Post.DEPUTY, unit.deputy),
            (Post.PRINCIPAL, unit.principal),
            (Post.DISTRICT_DEPUTY, unit.district_deputy),
        ):
            if holder is not None and holder.email is not None:
                found[unit.code, post] = holder.email
        if office is not None:
            found[unit.code, Post.OFFICE] = office.email
    return found


def holder_of(unit: Unit, post: str) -> str:
    """Return what the holder of a post is called in the salutation."""
    holder = {
        Post.DEPUTY.value: unit.deputy,
        Post.PRINCIPAL.value: unit.principal,
        Post.DISTRICT_DEPUTY.value: unit.district_deputy,
    }.get(post)
    return holder.post if holder is not None else POST_NAMES.get(post, "")


def common_context(pack: Pack, unit: Unit | None, *, as_of: date) -> dict[str, Any]:
    """Return what every mail says: who writes, about which plan, to which unit, as of when."""
    office = pack.plan.office
    return {
        "unit": {"name": unit.name if unit else ""},
        "as_of": as_of,
        "plan_title": pack.plan.title,
        "office": office.name if office else "督查室",
        "how_to_file": office.how_to_file if office else "请按任务交办时告知的方式报送。",
        "contact": {
            "name": office.contact if office else "督查室",
            "phone": (office.phone or "") if office else "",
            "email": office.email if office else "",
        },
    }


def digest_context(
    pack: Pack,
    unit: Unit,
    items: Sequence[Mapping[str, Any]],
    *,
    post: str,
    is_copy: bool,
    as_of: date,
    reference: str,
) -> dict[str, Any]:
    """Return the context of one recipient's digest."""
    return {
        **common_context(pack, unit, as_of=as_of),
        "recipient": {"name": holder_of(unit, post), "post": post},
        "items": list(items),
        "cc_copy": is_copy,
        "reference": reference,
    }


def rectification_context(
    pack: Pack,
    unit: Unit,
    finding: FindingRow,
    *,
    as_of: date,
    found_on: date,
    appeal_days: int,
    appeal_by: date,
    basis: str,
) -> dict[str, Any]:
    """Return the context of the mail that hands a confirmed finding to its unit."""
    clause = next((each for each in pack.plan.clauses if each.id == finding.clause), None)
    return {
        **common_context(pack, unit, as_of=as_of),
        "recipient": {"name": holder_of(unit, Post.LIAISON.value), "post": Post.LIAISON.value},
        "finding": {
            "number": finding.number,
            "title": finding.title,
            "severity": finding.severity,
            "clause": clause.path if clause else "",
            "clause_quote": finding.clause_text,
            "basis": basis,
            "message": finding.message,
            "facts": [],
            "found_on": found_on,
            "remedy": finding.remedy,
            "rectify_by": finding.rectify_due or "",
            "rectify_days": finding.rectify_within or 0,
        },
        "appeal": {"days": appeal_days, "by": appeal_by, "how": "直接回复本邮件即可。"},
        "cc_copy": False,
        "reference": f"{finding.number}/{finding.cycle}",
    }
