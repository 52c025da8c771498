"""What a submission says, read out of its content: pure, all faults at once."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from rules.nodes import did_you_mean
from supervision.domain.ledger_rows import (
    LARGEST_FILED,
    SCALE,
    Row,
    encode_number,
    read_day,
    read_row,
)
from supervision.domain.ledgers import Ledger
from supervision.domain.plan import FormField, RequirementKind
from supervision.domain.units import Unit, folded

SHINGLE = 8
"""Characters in a row that two texts must share to count as copied."""


class Decision(StrEnum):
    """A reviewer's decision on a submission version."""

    ACCEPTED = "accepted"
    RETURNED = "returned"


@dataclass(frozen=True)
class ContentFault:
    """One thing wrong with a submission: where in it, and what."""

    where: str
    text: str


@dataclass(frozen=True)
class TaskSaid:
    """A task that a plan or report speaks of; `objective` encoded."""

    clause: str
    objective: int | None
    nodes: tuple[tuple[str, date], ...]


@dataclass(frozen=True)
class Evidence:
    name: str
    sha256: str


@dataclass(frozen=True)
class Reading:
    """What the rules will want to know of a submission; numbers are encoded.

    `signed` is None where nobody who may sign is registered, `elements_missing` where the
    requirement has no form.
    """

    signed: bool | None
    elements_missing: int | None
    claimed: int | None
    done: bool | None
    tasks: tuple[TaskSaid, ...]
    claims: Mapping[str, int]
    rows: tuple[Row, ...]
    evidence: tuple[Evidence, ...]
    text: str


@dataclass(frozen=True)
class Form:
    """What the filing of one requirement looks like to a unit; `has_tasks`: it was assigned any."""

    kind: RequirementKind
    fields: tuple[FormField, ...]
    clauses: frozenset[str]
    targets: frozenset[str]
    ledgers: Mapping[str, Ledger]
    has_tasks: bool = True


def read_submission(
    content: Mapping[str, Any],
    records: Sequence[object],
    evidence: Sequence[object],
    *,
    form: Form,
    unit: Unit,
    identity_key: bytes,
) -> tuple[Reading, list[ContentFault]]:
    """Return what the submission says and every fault in it."""
    faults: list[ContentFault] = []
    tasks = _tasks(content, form, faults)
    rows = []
    for number, record in enumerate(records, start=1):
        row, wrong = read_row(record, form.ledgers, identity_key=identity_key)
        faults.extend(
            ContentFault(f"records[{number}]" + (f".{field}" if field else ""), text)
            for field, text in wrong
        )
        if row is not None:
            rows.append(row)
    done = content.get("done")
    if done is not None and not isinstance(done, bool):
        faults.append(ContentFault("content.done", "expected true or false"))
        done = None
    return (
        Reading(
            signed=_signed(content, form.kind, unit),
            elements_missing=_elements_missing(content, form),
            claimed=_number(content, "claimed", "content.claimed", faults),
            done=done,
            tasks=tasks,
            claims=_claims(content, form, faults),
            rows=tuple(rows),
            evidence=_evidence(evidence, faults),
            text=text_of(content),
        ),
        faults,
    )


def unkeepable(value: object, where: str) -> Iterator[ContentFault]:
    """Yield what JSON can say and no database keeps: NUL, half a character, no real number."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += [*part, *part.values()]
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, float) and not math.isfinite(part):
            yield ContentFault(where, f"holds {part}, which is no number")
        elif isinstance(part, str) and any(_unkept(letter) for letter in part):
            yield ContentFault(where, f"holds a character that cannot be kept: {part[:40]!a}")


def _unkept(letter: str) -> bool:
    return letter == "\0" or "\ud800" <= letter <= "\udfff"


def digest_of(content: Mapping[str, Any], rows: Iterable[Row], evidence: Iterable[Evidence]) -> str:
    """Return the SHA-256 by which the same submission is known again; no identity is in it."""
    whole = json.dumps(
        [
            content,
            [[row.ledger, row.data] for row in rows],
            [[each.name, each.sha256] for each in evidence],
        ],
        ensure_ascii=False,
        sort_keys=True,
    )
    return hashlib.sha256(whole.encode()).hexdigest()


def copied_share(text: str, earlier: str) -> int:
    """Return the share of `text` that stands in `earlier` too, encoded (1.0 is 1,000,000).

    Counted in runs of eight characters, spaces apart; 0 for a text too short to compare.
    """
    own, other = _shingles(text), _shingles(earlier)
    if not own:
        return 0
    shared: int = len(own & other)
    return shared * SCALE // len(own)


def _shingles(text: str) -> set[str]:
    packed = "".join(text.split())
    return {packed[at : at + SHINGLE] for at in range(len(packed) - SHINGLE + 1)}


def text_of(content: Mapping[str, Any]) -> str:
    """Everything a report says in words, in a stable order."""
    parts = [content.get("text")]
    tasks = content.get("tasks")
    for task in tasks if isinstance(tasks, list) else ():
        if isinstance(task, dict):
            parts += [task.get(name) for name in ("done", "problem", "next_step")]
    return "\n".join(part for part in parts if isinstance(part, str))


_PRINCIPAL = ("principal", "主要负责人")
_DEPUTY = ("deputy", "分管领导", "分管负责人")


def _signed(content: Mapping[str, Any], kind: RequirementKind, unit: Unit) -> bool | None:
    """A plan is signed by the principal, anything else by principal or deputy (GEN-R5)."""
    may: set[str] = set()
    if unit.principal is not None:
        may |= {unit.principal.post, *_PRINCIPAL}
    if unit.deputy is not None and kind is not RequirementKind.PLAN:
        may |= {unit.deputy.post, *_DEPUTY}
    if not may:
        return None
    signer = content.get("signed_by")
    return isinstance(signer, str) and folded(signer) in {folded(post) for post in may}


def _filled(value: object) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    if isinstance(value, dict | list):
        return bool(value)
    return value is not None


def _elements_missing(content: Mapping[str, Any], form: Form) -> int | None:
    required = [field for field in form.fields if field.required]
    if not required:
        return None
    tasks = content.get("tasks")
    tasks = [task for task in tasks if isinstance(task, dict)] if isinstance(tasks, list) else []
    missing = 0
    for field in required:
        if field.per == "task":
            # without any task of its own a unit has nothing to say of one (REQ2 binds it still)
            listed = bool(tasks) or not form.has_tasks
            there = listed and all(_filled(task.get(field.name)) for task in tasks)
        else:
            there = _filled(content.get(field.name))
        missing += not there
    return missing


def _number(
    holder: Mapping[str, Any], name: str, where: str, faults: list[ContentFault]
) -> int | None:
    value = holder.get(name)
    if value is None:
        return None
    try:
        return encode_number(value, largest=LARGEST_FILED)
    except ValueError as error:
        faults.append(ContentFault(where, str(error)))
        return None


def _tasks(
    content: Mapping[str, Any], form: Form, faults: list[ContentFault]
) -> tuple[TaskSaid, ...]:
    if form.kind not in (RequirementKind.PLAN, RequirementKind.REPORT):
        return ()
    listed = content.get("tasks", [])
    if not isinstance(listed, list):
        faults.append(ContentFault("content.tasks", "expected a list of tasks"))
        return ()
    tasks: dict[str, TaskSaid] = {}
    for number, task in enumerate(listed, start=1):
        where = f"content.tasks[{number}]"
        if not isinstance(task, dict):
            faults.append(ContentFault(where, "expected an object with 'clause'"))
            continue
        clause = task.get("clause")
        if not isinstance(clause, str) or clause not in form.clauses:
            advice = did_you_mean(str(clause), form.clauses)
            faults.append(ContentFault(f"{where}.clause", f"unknown clause {clause!r}{advice}"))
            continue
        if clause in tasks:
            faults.append(ContentFault(f"{where}.clause", f"clause {clause} stands here twice"))
            continue
        objective = _number(task, "objective", f"{where}.objective", faults)
        nodes = _nodes(task, where, faults)
        said = form.kind is RequirementKind.PLAN or any(
            _filled(task.get(name)) for name in ("done", "problem", "next_step")
        )
        if said:
            tasks[clause] = TaskSaid(clause, objective, nodes)
    return tuple(tasks.values())


def _nodes(
    task: Mapping[str, Any], where: str, faults: list[ContentFault]
) -> tuple[tuple[str, date], ...]:
    listed = task.get("nodes") or []
    if not isinstance(listed, list):
        faults.append(ContentFault(f"{where}.nodes", "expected a list of nodes"))
        return ()
    nodes = []
    for number, node in enumerate(listed, start=1):
        place = f"{where}.nodes[{number}]"
        if not isinstance(node, dict):
            faults.append(ContentFault(place, "expected an object with 'name' and 'on'"))
            continue
        try:
            nodes.append((str(node.get("name") or ""), read_day(node.get("on"))))
        except ValueError as error:
            faults.append(ContentFault(f"{place}.on", str(error)))
    return tuple(nodes)


def _claims(
    content: Mapping[str, Any], form: Form, faults: list[ContentFault]
) -> Mapping[str, int]:
    listed = content.get("claims")
    if listed is None or form.kind is not RequirementKind.REPORT:
        return {}
    if not isinstance(listed, dict):
        faults.append(ContentFault("content.claims", "expected an object {requirement: number}"))
        return {}
    claims = {}
    for requirement in listed:
        where = f"content.claims.{requirement}"
        if requirement not in form.targets:
            advice = did_you_mean(requirement, form.targets)
            faults.append(ContentFault(where, f"is no requirement with a target{advice}"))
            continue
        value = _number(listed, requirement, where, faults)
        if value is not None:
            claims[requirement] = value
    return claims


def _evidence(evidence: Sequence[object], faults: list[ContentFault]) -> tuple[Evidence, ...]:
    read = []
    for number, each in enumerate(evidence, start=1):
        where = f"evidence[{number}]"
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            faults.append(ContentFault(where, "expected an object with 'name' and 'sha256'"))
            continue
        sha256 = each.get("sha256")
        if not isinstance(sha256, str) or not _is_sha256(sha256):
            faults.append(ContentFault(f"{where}.sha256", "expected 64 hexadecimal digits"))
            continue
        read.append(Evidence(each["name"], sha256.lower()))
    return tuple(read)


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and all(letter in "0123456789abcdefABCDEF" for letter in text)


def known_since(
    happened_at: datetime,
    *,
    looked_until: datetime | None,
    follows: datetime | None = None,
    now: datetime,
) -> datetime:
    """Return from when something that happened counts as known.

    History is known since it happened, as long as no run has looked at that time; what comes in
    about a time that was already looked at is known from now on, so that no past answer changes.
    Nor is it known before what it follows, which is known since `follows`: a version before the one
    it replaces, a review before what was filed.
    """
    if looked_until is not None and happened_at <= looked_until:
        return now
    since = min(happened_at, now)
    return since if follows is None else max(since, follows)
