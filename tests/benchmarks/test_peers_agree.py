"""Every engine that is measured finds what the oracle finds: else its speed says nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.checked import CheckedRule
from rules.facts import UnitFacts, violation_key
from rules.oracle import judge
from supervision.services.load_rules import bind_all, load_whole_pack
from tests.benchmarks.catalogue_facts import catalogue_units
from tests.benchmarks.peers import Findings, plain, single_rules
from tests.office import TALENT
from tests.random_rules import matches, on_rules, tables, units

Peer: TypeAlias = Callable[[Sequence[CheckedRule], Iterable[UnitFacts]], Findings]

IMPORTED_AS = {"clips": "clips", "zen": "zen"}
PEERS = ("durable_all", "clips", "zen")


def peer(name: str) -> Peer:
    """Return a peer's `findings`; the test is skipped where the engine is not installed."""
    library = IMPORTED_AS.get(name)
    if library is not None and find_spec(library) is None:
        pytest.skip(f"{library} is not installed: pip install -e '.[bench]'")
    findings: Peer = import_module(f"tests.benchmarks.peers.{name}").findings
    return findings


@pytest.fixture(scope="module")
def shipped() -> list[CheckedRule]:
    """The 2022 rules as they are bound on a day."""
    loaded = load_whole_pack(TALENT)
    bound, skipped = bind_all(loaded.rules, loaded.pack.plan, date(2022, 9, 30))
    assert not skipped
    return bound


@pytest.fixture(scope="module")
def district(shipped: list[CheckedRule]) -> list[UnitFacts]:
    return catalogue_units(shipped, facts=3_000)


def test_the_facts_violate_most_rules_and_not_always(
    shipped: list[CheckedRule], district: list[UnitFacts]
) -> None:
    found = plain.findings(shipped, district)
    singles = single_rules(shipped)
    assert len({rule for rule, _ in found}) >= 0.95 * len(singles) >= 60
    assert len(found) < 3_000 * len(singles) / 10


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_finds_what_the_oracle_finds_by_the_shipped_rules(
    name: str, shipped: list[CheckedRule], district: list[UnitFacts]
) -> None:
    assert peer(name)(shipped, district) == plain.findings(shipped, district)


def test_a_decision_table_finds_the_same(
    shipped: list[CheckedRule], district: list[UnitFacts]
) -> None:
    peer("zen")
    from tests.benchmarks.peers import zen

    some = district[:100]
    assert zen.measured_by_table(shipped, some)[0] == plain.findings(shipped, some)


def groups(rules: Sequence[CheckedRule], facts: Iterable[UnitFacts]) -> Findings:
    """What the oracle says of match rules, named as `peers.clips` names it."""
    joined = [rule for rule in rules if not rule.single]
    return {
        (firing.rule, violation_key(firing.rule, (firing.unit, *firing.key)))
        for unit in facts
        for firing in judge(joined, unit).firings
    }


@st.composite
def some_rules_and_units(draw: st.DrawFn, *, joins: bool = False):  # type: ignore[no-untyped-def]
    table = draw(tables())
    rules = [draw(on_rules(table, f"r{i}")) for i in range(draw(st.integers(1, 3)))]
    if joins:
        rules.append(draw(matches(table, "m", chaining=False)))
    return rules, [draw(units(table, name)) for name in ("甲", "B")]


def keyed(facts: Sequence[UnitFacts]) -> list[UnitFacts]:
    """Return the facts with keys that are of one unit only, as obligations' are."""
    from dataclasses import replace

    return [
        replace(
            unit,
            facts=tuple(replace(fact, key=f"{unit.unit}/{fact.key}") for fact in unit.facts),
        )
        for unit in facts
    ]


# Each example of durable_rules starts a process, so it gets fewer.
@pytest.mark.parametrize(("name", "examples"), [("durable_all", 6), ("clips", 60), ("zen", 60)])
def test_a_peer_finds_what_the_oracle_finds_by_any_rules(name: str, examples: int) -> None:
    findings = peer(name)

    @settings(max_examples=examples)
    @given(some_rules_and_units())
    def agree(case) -> None:  # type: ignore[no-untyped-def]
        rules, facts = case[0], keyed(case[1])
        assert findings(rules, facts) == plain.findings(rules, facts)

    agree()


def test_clips_joins_what_the_oracle_joins() -> None:
    peer("clips")
    from tests.benchmarks.peers import clips

    @settings(max_examples=60)
    @given(some_rules_and_units(joins=True))
    def agree(case) -> None:  # type: ignore[no-untyped-def]
        rules, facts = case[0], keyed(case[1])
        wanted = plain.findings(rules, facts) | groups(rules, facts)
        assert clips.findings(rules, facts, joins=True) == wanted

    agree()


def test_clips_joins_by_the_shipped_rules(
    shipped: list[CheckedRule], district: list[UnitFacts]
) -> None:
    peer("clips")
    from tests.benchmarks.peers import clips

    rules = [
        rule for rule in shipped if all(pattern.on != "violation" for pattern in rule.patterns)
    ]
    found = clips.findings(rules, district, joins=True)
    assert found == plain.findings(rules, district) | groups(rules, district)


def test_facts_beyond_one_batch_are_judged_too(
    shipped: list[CheckedRule], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = catalogue_units(shipped, facts=300, seed=2)
    whole = plain.findings(shipped, some)
    for name in ("clips", "zen"):
        findings = peer(name)
        module = import_module(f"tests.benchmarks.peers.{name}")
        from tests.benchmarks import peers

        monkeypatch.setattr(module, "batches", lambda units: peers.batches(units, size=70))
        assert findings(shipped, some) == whole
