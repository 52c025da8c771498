"""Facts for which one condition alone decides what a rule says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rules.conditions import Compare, Condition, IsNull, Literal, Value, atoms, evaluate
from rules.domains import field_of
from rules.resolving import Said
from rules.rule_parts import Atom
from rules.solving import FALSE, NOT_TRUE, TRUE, Demand, Domains, fixed, solve


@dataclass(frozen=True)
class OnOneFact:
    """A rule as conditions on one fact."""

    scope: Condition
    when: Condition
    ladder: tuple[Condition, ...]

    def decisive(
        self, atom: Atom, domains: Domains, *, step: int | None = None, scope: bool = False
    ) -> tuple[Said, Value | None] | None:
        """Return a fact, and the value of the atom's field at which the rule says otherwise.

        step   the atom is of this step of the ladder: another severity
        scope  it is of the scope: no verdict at all

        The field is all that differs, and no other condition on it changes between true and false.
        None where no facts do that.
        """
        name = field_of(atom).name
        near = near_values(atom, domains[name])
        values = sorted(domains[name], key=lambda value: value not in near)
        rest = {other: listed for other, listed in domains.items() if other != name}
        for weak in (False, True):
            for yes in values:
                for no in values:
                    one, two = evaluate(atom, {name: yes}), evaluate(atom, {name: no})
                    if one is two or (None in (one, two) and not weak):
                        continue
                    if not self._alone(atom, name, yes, no):
                        continue
                    demands = self._demands(name, yes, no, step=step, scope=scope, weak=weak)
                    found = solve(demands, rest)
                    if found is not None:
                        return {**found, name: yes}, no
        return None

    def _alone(self, atom: Atom, name: str, yes: Value | None, no: Value | None) -> bool:
        for other in atoms_on(name, self.scope, self.when, *self.ladder):
            one, two = evaluate(other, {name: yes}), evaluate(other, {name: no})
            if other != atom and one is not two and None not in (yes, no):
                return False
        return True

    def _demands(
        self,
        name: str,
        yes: Value | None,
        no: Value | None,
        *,
        step: int | None,
        scope: bool,
        weak: bool,
    ) -> list[Demand]:
        demands: list[Demand] = [
            (fixed(self.scope, name, yes), TRUE),
            (fixed(self.when, name, yes), TRUE),
        ]
        if scope:
            return [*demands, (fixed(self.scope, name, no), FALSE)]
        demands.append((fixed(self.scope, name, no), TRUE))
        if step is None:
            return [*demands, (fixed(self.when, name, no), NOT_TRUE if weak else FALSE)]
        demands.append((fixed(self.when, name, no), TRUE))
        for value in (yes, no):
            demands += [(fixed(each, name, value), NOT_TRUE) for each in self.ladder[:step]]
        demands.append((fixed(self.ladder[step], name, yes), TRUE))
        demands.append((fixed(self.ladder[step], name, no), NOT_TRUE))
        return demands


def atoms_on(name: str, *conditions: Condition) -> list[Atom]:
    """Return the atoms of conditions on one fact that test a field."""
    return [atom for each in conditions for atom in atoms(each) if field_of(atom).name == name]


def near_values(atom: Atom, domain: Sequence[Value | None]) -> list[Value | None]:
    """Return the values at which an atom is tested, of those its field can have."""
    if isinstance(atom, IsNull):
        return [next((value for value in domain if value is not None), None), None]
    assert isinstance(atom, Compare)
    assert isinstance(atom.right, Literal)
    constant = atom.right.value
    if isinstance(constant, str):
        return [constant]
    numbers = [value for value in domain if isinstance(value, int)]
    below = [value for value in numbers if value < constant]
    above = [value for value in numbers if value > constant]
    near = [max(below)] if below else []
    near += [constant] if constant in numbers else []
    return [*near, *([min(above)] if above else [])]
