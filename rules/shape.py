"""What a rule's keys say together: one subject, one outcome, steps in order. Each fault at its key.

Read from the YAML node, so that a rule with other mistakes hears of these as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from rules.nodes import Fault, Node

MAX_PATTERNS = 4
OUTCOMES = ("severity", "notice", "escalate")


def shape_faults(node: Node) -> list[Fault]:
    """Return what is wrong between the keys of one rule."""
    if not isinstance(node.value, dict):
        return []
    return [*_subject(node), *_outcome(node), *_steps(node)]


def _has(node: Node, key: str) -> bool:
    found = node.find(key)
    return found is not None and found.value is not None


def _subject(node: Node) -> Iterator[Fault]:
    on, match, when = (_has(node, key) for key in ("on", "match", "when"))
    if on and match:
        text = "'on' (one fact) and 'match' (several facts) exclude each other: keep one"
        yield node.fault(text, "match", key=True)
    elif not on and not match:
        yield node.fault("no subject: a rule has 'on' (one fact) or 'match' (several facts)")
    patterns = node.find("match")
    if match and not on and patterns is not None and isinstance(patterns.value, dict):
        if not 1 <= len(patterns.children) <= MAX_PATTERNS:
            text = f"'match' takes 1 to {MAX_PATTERNS} patterns, found {len(patterns.children)}"
            yield node.fault(text, "match", key=True)
        if when:
            text = "a rule with 'match' puts its conditions in the patterns' 'when'"
            yield node.fault(text, "when", key=True)
    elif on and not when:
        text = "a rule with 'on' needs 'when': the condition under which it holds"
        yield node.fault(text, "when" if node.find("when") is not None else "on", key=True)
    counted = node.find("at_least")
    if not match and counted is not None and counted.value not in (None, 1):
        yield node.fault("'at_least' goes with 'match': it counts what a match finds", "at_least")


def _outcome(node: Node) -> Iterator[Fault]:
    found = [key for key in node.keys if key in OUTCOMES and _has(node, key)]
    if not found:
        yield node.fault("no outcome: a rule has 'severity' (a finding), 'notice' or 'escalate'")
    for second in found[1:]:
        text = f"a second outcome; the rule has '{found[0]}' already: write two rules"
        yield node.fault(text, second, key=True)
    if found == ["severity"] and not _has(node, "message"):
        text = "a rule whose outcome is a finding needs 'message': what the unit is told"
        yield node.fault(text, "severity", key=True)
    if _has(node, "match"):
        for key, text in (
            ("notice", "a notice is sent about one fact: use 'on', not 'match'"),
            ("escalate", "an escalation is proposed for one fact: use 'on', not 'match'"),
        ):
            if _has(node, key):
                yield node.fault(text, key, key=True)


def _steps(node: Node) -> Iterator[Fault]:
    steps = node.find("severity")
    if steps is None or not isinstance(steps.value, list):
        return
    count = len(steps.children)
    if not count:
        yield steps.fault("'severity' needs at least one step, such as {level: major}")
    for index, step in enumerate(steps):
        if not isinstance(step.value, dict):
            continue
        if index == count - 1 and _has(step, "when"):
            text = "the last step of 'severity' has no 'when': it is for all that is left"
            yield step.fault(text, "when", key=True)
        if index < count - 1 and not _has(step, "when"):
            text = "this step holds always, so those after it never count; give it a 'when'"
            yield step.fault(text)
