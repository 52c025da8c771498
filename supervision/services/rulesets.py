"""Stored rulesets made ready to judge by, and kept: what a revision says never changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from rules.checked import CheckedRule
from supervision.services.judge import RuleGroup
from supervision.services.load_rules import bind_all, measures_of, params_on, stored_rules
from supervision.store.candidates import Scan
from supervision.store.facts import Measured
from supervision.store.plans import Adopted
from supervision.store.session import Session

KEPT = 16
"""Rulesets and bindings that are kept at hand."""


@dataclass(frozen=True)
class Ruleset:
    """The published rules of a revision with the parameters of a day bound.

    first    rules about what units owe and have filed
    second   notices and escalations, judged over the findings as they then stand
    unbound  (rule, why) of those that lack a parameter on that day
    measures how the requirements with a ledger are measured on that day
    """

    first: RuleGroup
    second: RuleGroup
    unbound: tuple[tuple[str, str], ...]
    measures: tuple[Measured, ...]

    @cached_property
    def rules(self) -> tuple[CheckedRule, ...]:
        return (*self.first.rules, *self.second.rules)

    @cached_property
    def scans(self) -> dict[str, Scan]:
        """How the candidates of each kind are found, for both groups at once."""
        kinds = dict.fromkeys((*self.first.kinds, *self.second.kinds))
        return {kind: Scan(kind, self.rules) for kind in kinds}


class Rulesets:
    """Reads, checks, binds and compiles a stored ruleset once."""

    def __init__(self) -> None:
        self._checked: dict[tuple[str, str], tuple[CheckedRule, ...]] = {}
        self._bound: dict[tuple[str, str, str], Ruleset] = {}

    def on(self, session: Session, adopted: Adopted, day: date) -> Ruleset:
        """Return the plan's rules with its parameters of a day."""
        plan = adopted.pack.plan
        of_plan = (adopted.ruleset, adopted.pack.revision)
        rules = self._checked.get(of_plan)
        if rules is None:
            rules = stored_rules(session, adopted, adopted.ruleset)
            _make_room(self._checked)
            self._checked[of_plan] = rules
        place = (*of_plan, repr(sorted(params_on(plan, day).items())))
        found = self._bound.get(place)
        if found is None:
            bound, unbound = bind_all(rules, plan, day)
            found = Ruleset(
                first=RuleGroup(tuple(rule for rule in bound if not rule.second_pass)),
                second=RuleGroup(tuple(rule for rule in bound if rule.second_pass)),
                unbound=tuple(unbound),
                measures=tuple(measures_of(adopted.pack, day)),
            )
            _make_room(self._bound)
            self._bound[place] = found
        return found


def _make_room(kept: dict[Any, Any]) -> None:
    """Forget the oldest of what is kept when there is no more room."""
    while len(kept) >= KEPT:
        kept.pop(next(iter(kept)), None)
