"""Two outcomes of the same moment, one by each pack, held against each other: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from rules.vocabulary import Level
from supervision.domain.findings import OPEN
from supervision.domain.notices import PENDING, NoticeState
from supervision.services.contract import SkippedOut
from supervision.services.preview_report import (
    FindingMoveOut,
    NoticeMoveOut,
    RuleMoveOut,
    UnrelatedOut,
    VerdictsOut,
)
from supervision.services.verdicts import RuleVerdicts

EFFECTS = ("opens", "reopens", "clears", "severity", "state", "kept", "reworded")
NOTICE_EFFECTS = ("goes", "unaddressed", "stays", "ended", "reworded")


@dataclass(frozen=True)
class Stand:
    """A finding as an outcome leaves it; `number` None unless it was stored before."""

    number: str | None
    rule: str
    title: str
    unit: str
    requirement: str | None
    period: str | None
    state: str
    severity: str
    message: str
    remedy: str
    seen: bool

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True)
class Said:
    """A notice as an outcome leaves it; `stored` says whether it waited before."""

    kind: str
    step: str
    rule: str | None
    unit: str
    item: str | None
    to: str | None
    cc: tuple[str, ...]
    subject: str
    content: str
    state: NoticeState
    reason: str
    stored: bool

    @property
    def waits(self) -> bool:
        return self.state in PENDING


@dataclass(frozen=True)
class Outcome:
    """What there is after a run (or before any): findings by fingerprint, notices by key."""

    findings: Mapping[str, Stand] = field(default_factory=dict)
    notices: Mapping[str, Said] = field(default_factory=dict)


def finding_moves(
    before: Outcome, after: Outcome, units: Mapping[str, str]
) -> list[FindingMoveOut]:
    """Return the findings that come out otherwise by the second outcome."""
    found = []
    for fingerprint in before.findings.keys() | after.findings.keys():
        was, now = before.findings.get(fingerprint), after.findings.get(fingerprint)
        effect = _effect(was, now)
        if effect is not None:
            found.append(_finding_move(effect, was, now, units))
    return sorted(found, key=_order)


def _effect(was: Stand | None, now: Stand | None) -> str | None:
    if now is None or not now.is_open:
        return "clears" if was is not None and was.is_open else None
    if was is None or not was.is_open:
        return "opens" if now.number is None else "reopens"
    if was.severity != now.severity:
        return "severity"
    if was.state != now.state:
        return "state"
    if was.seen and not now.seen:
        return "kept"
    same_words = (was.message, was.remedy) == (now.message, now.remedy)
    return None if same_words else "reworded"


def _finding_move(
    effect: str, was: Stand | None, now: Stand | None, units: Mapping[str, str]
) -> FindingMoveOut:
    which = now or was
    assert which is not None
    return FindingMoveOut(
        effect=effect,
        number=which.number,
        rule=which.rule,
        title=which.title,
        unit=which.unit,
        unit_name=units.get(which.unit, which.unit),
        requirement=which.requirement,
        period=which.period,
        state_before=was.state if was else None,
        state_after=now.state if now else None,
        severity_before=was.severity if was else None,
        severity_after=now.severity if now else None,
        message_before=was.message if was else None,
        message_after=now.message if now else None,
        remedy_before=was.remedy if was else None,
        remedy_after=now.remedy if now else None,
    )


def _order(move: FindingMoveOut) -> tuple[int, int, str, str, str]:
    severity = move.severity_after or move.severity_before
    assert severity is not None
    return (
        EFFECTS.index(move.effect),
        -Level(severity).rank,
        move.rule,
        move.unit,
        move.number or f"{move.requirement} {move.period} {move.message_after}",
    )


def notice_moves(before: Outcome, after: Outcome, units: Mapping[str, str]) -> list[NoticeMoveOut]:
    """Return the notices that go, or do not go, only by the second outcome."""
    found = []
    for key in before.notices.keys() | after.notices.keys():
        was, now = before.notices.get(key), after.notices.get(key)
        effect = _notice_effect(was, now)
        which = now or was
        if effect is None or which is None:
            continue
        found.append(
            NoticeMoveOut(
                effect=effect,
                kind=which.kind,
                step=which.step,
                rule=which.rule,
                unit=which.unit,
                unit_name=units.get(which.unit, which.unit),
                item=which.item,
                to=which.to,
                cc=list(which.cc),
                subject=which.subject,
                reason=which.reason,
            )
        )
    return sorted(
        found,
        key=lambda each: (
            NOTICE_EFFECTS.index(each.effect),
            each.unit,
            each.item or "",
            each.step,
            each.to or "",
            each.subject,
        ),
    )


def _notice_effect(was: Said | None, now: Said | None) -> str | None:
    goes_before, goes_after = was is not None and was.waits, now is not None and now.waits
    if goes_after and not goes_before:
        return "goes"
    if goes_before and not goes_after:
        assert was is not None
        return "ended" if was.stored else "stays"
    if goes_before and goes_after:
        assert was is not None
        assert now is not None
        same = (was.to, was.cc, was.subject, was.content) == (
            now.to,
            now.cc,
            now.subject,
            now.content,
        )
        return None if same else "reworded"
    unaddressed = now is not None and now.state is NoticeState.SKIPPED
    return "unaddressed" if unaddressed and was is None else None


def unrelated(start: Outcome, before: Outcome, after: Outcome) -> UnrelatedOut:
    """Return how many findings and notices change alike by either pack."""
    findings = 0
    for fingerprint, now in after.findings.items():
        was = before.findings.get(fingerprint)
        there = start.findings.get(fingerprint)
        alike = was is not None and (was.state, was.severity) == (now.state, now.severity)
        moved = there is None or (there.state, there.severity) != (now.state, now.severity)
        findings += alike and moved
    notices = 0
    for key, said in after.notices.items():
        old, first = before.notices.get(key), start.notices.get(key)
        alike = old is not None and old.waits == said.waits
        moved = said.waits if first is None else first.waits != said.waits
        notices += alike and moved
    return UnrelatedOut(findings=findings, notices=notices)


def rule_moves(
    before: Iterable[RuleVerdicts], after: Iterable[RuleVerdicts]
) -> Iterator[RuleMoveOut]:
    """Yield the rules whose counts differ, those of the second outcome first."""
    was = {each.rule: each for each in before}
    now = {each.rule: each for each in after}
    for name in [*now, *(each for each in was if each not in now)]:
        old, new = was.get(name), now.get(name)
        counts = (_verdicts(old), _verdicts(new))
        which = new or old
        if counts[0] != counts[1] and which is not None:
            yield RuleMoveOut(
                rule=name,
                title=which.title,
                outcome=which.outcome,
                before=counts[0],
                after=counts[1],
            )


def _verdicts(counted: RuleVerdicts | None) -> VerdictsOut | None:
    if counted is None:
        return None
    return VerdictsOut(**{name: getattr(counted, name) for name in VerdictsOut.model_fields})


def only_after(
    before: Iterable[tuple[str, str]], after: Iterable[tuple[str, str]]
) -> list[SkippedOut]:
    """Return what the second outcome alone could not do, and why."""
    known = set(before)
    return [SkippedOut(what=what, reason=why) for what, why in after if (what, why) not in known]
