"""Proposals to take a finding a step up the ladder: proposed by rules, decided by people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from rules.checked import CheckedRule
from supervision.domain.findings import STANDING, State
from supervision.services.judge import Judged
from supervision.services.sources import FactsAt
from supervision.store import escalations, findings
from supervision.store.escalations import FindingNow
from supervision.store.session import Session
from supervision.store.tables import EscalationRow, RunRow


def propose(
    session: Session,
    judged: Judged,
    rules: Mapping[str, CheckedRule],
    *,
    run: RunRow,
    as_of: datetime,
    facts: FactsAt,
) -> int:
    """Write the proposals that the firings ask for; return how many are new.

    Of several levels for one finding the highest is proposed; a lower proposal still undecided
    lapses, as does one whose reason has gone.  Nothing is proposed for a finding that nobody has
    confirmed, and nothing twice in one cycle.
    """
    asked = [each for each in judged.firings if rules[each.rule].rule.escalate is not None]
    by_number = findings.by_number(session, run.plan, (each.facts[0][0] for each in asked))
    wanted: dict[str, CheckedRule] = {}
    for firing in asked:
        rule = rules[firing.rule]
        outcome = rule.rule.escalate
        assert outcome is not None
        number = firing.facts[0][0]
        row = by_number.get(number)
        if row is None or State(row.state) not in STANDING:
            continue
        highest = wanted.get(number)
        assert highest is None or highest.rule.escalate is not None
        if highest is None or outcome.level > _level(highest):
            wanted[number] = rule
    on_file = escalations.of_units(session, run.plan, units=facts.units, between=facts.between)
    _lapse(session, on_file, wanted)
    by_finding: dict[int, list[EscalationRow]] = defaultdict(list)
    for each, _ in on_file:
        by_finding[each.finding_id].append(each)
    proposed = 0
    for number, rule in sorted(wanted.items()):
        row = by_number[number]
        same = [each for each in by_finding[row.id or 0] if each.cycle == row.cycle]
        if any(each.level >= _level(rule) and each.state != "lapsed" for each in same):
            continue
        again = next((each for each in same if each.level == _level(rule)), None)
        if again is not None:
            again.state, again.run_id, again.proposed_at = "proposed", run.id or 0, as_of
            session.add(again)
        else:
            session.add(_new(rule, row.id or 0, row.cycle, run, as_of))
        proposed += 1
    session.flush()
    return proposed


def _lapse(
    session: Session,
    on_file: Sequence[tuple[EscalationRow, FindingNow]],
    wanted: Mapping[str, CheckedRule],
) -> None:
    for each, finding in on_file:
        if each.state != "proposed":
            continue
        rule = wanted.get(finding.number)
        if rule is None or each.level != _level(rule) or each.cycle != finding.cycle:
            each.state = "lapsed"
            session.add(each)


def _level(rule: CheckedRule) -> str:
    assert rule.rule.escalate is not None
    return rule.rule.escalate.level


def _new(
    rule: CheckedRule, finding_id: int, cycle: int, run: RunRow, as_of: datetime
) -> EscalationRow:
    outcome = rule.rule.escalate
    assert outcome is not None
    assert run.id is not None
    return EscalationRow(
        plan=run.plan,
        finding_id=finding_id,
        cycle=cycle,
        rule=rule.rule.id,
        level=outcome.level,
        letter=outcome.letter,
        card=outcome.propose_card,
        decided_by_role=outcome.decided_by,
        state="proposed",
        proposed_at=as_of,
        run_id=run.id,
    )
