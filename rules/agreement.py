"""Do the engines agree?  Each difference as a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rules.facts import Firing, Key, key_order


def differences(opinions: Mapping[str, Iterable[Firing]]) -> tuple[str, ...]:
    """Return where opinions (firings by engine) differ, by unit, rule and key; () if they agree.

    All opinions must be about the same rules and units.  Severity and combinations count too.
    """
    by_engine = {
        engine: {(firing.unit, firing.rule, firing.key): firing for firing in firings}
        for engine, firings in opinions.items()
    }
    found = []
    for unit, rule, key in sorted(set().union(*by_engine.values()), key=_order):
        said = {engine: firings.get((unit, rule, key)) for engine, firings in by_engine.items()}
        if len(set(said.values())) > 1:
            words = "; ".join(f"{engine}: {_words(firing)}" for engine, firing in said.items())
            named = ", ".join("unknown" if part is None else str(part) for part in key)
            found.append(f"rule {rule}, unit {unit}, {named}: {words}")
    return tuple(found)


def _order(place: tuple[str, str, Key]) -> tuple[str, str, tuple[tuple[int, int, str], ...]]:
    unit, rule, key = place
    return unit, rule, key_order(key)


def _words(firing: Firing | None) -> str:
    if firing is None:
        return "not violated"
    facts = " + ".join("(" + ", ".join(combination) + ")" for combination in firing.facts)
    return f"violated, {firing.severity}, by {facts}" if firing.severity else f"fires for {facts}"
