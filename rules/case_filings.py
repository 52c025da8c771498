"""What a case says was filed, reviewed and extended, instead of facts.

    submissions:                # as in the JSON Lines format; `unit` and `by` may be left out
      - {requirement: REQ2-O1, period: "2022", submitted_at: 2022-04-20T09:00, content: {…}}
    reviews:
      - {requirement: REQ2-O1, at: 2022-04-21T10:00, decision: returned, reason: 缺措施}
    extensions:
      - {requirement: REQ2-O1, at: 2022-04-10T10:00, due_on: 2022-04-25, reason: 防汛}

Instants without a zone are in the plan's; a period left out is the plan's year.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from rules.case_expectations import Place
from rules.case_facts import World
from rules.document import Identifier, Text
from rules.loading import Fault, Node, did_you_mean, validate

FILED_BY = "联络员"


@dataclass(frozen=True)
class Submission:
    """One submission; `value` is a line of the JSON Lines format."""

    place: Place
    value: Mapping[str, Any]


@dataclass(frozen=True)
class Reviewed:
    """The latest version of a filing is accepted or returned."""

    place: Place
    obligation: str
    accepted: bool
    at: datetime
    reason: str
    correction_due: date | None


@dataclass(frozen=True)
class Extended:
    """An obligation is given a new due date."""

    place: Place
    obligation: str
    due_on: date
    at: datetime
    reason: str
    late_request: bool


@dataclass(frozen=True)
class Filed:
    """All that happened, in the order of the file."""

    submissions: tuple[Submission, ...] = ()
    reviews: tuple[Reviewed, ...] = ()
    extensions: tuple[Extended, ...] = ()


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FilingDocument(_Document):
    """A submission as a case writes it; what is in it is checked as in every file."""

    requirement: Identifier
    submitted_at: str
    unit: Identifier | None = None
    period: Any = None
    by: Text = FILED_BY
    content: dict[str, Any] = {}
    records: tuple[dict[str, Any], ...] = ()
    evidence: tuple[dict[str, Any], ...] = ()


class ReviewDocument(_Document):
    requirement: Identifier
    at: str
    decision: Literal["accepted", "returned"]
    unit: Identifier | None = None
    period: Any = None
    reason: str = ""
    correction_due: date | None = None


class ExtensionDocument(_Document):
    requirement: Identifier
    at: str
    due_on: date
    reason: Text
    unit: Identifier | None = None
    period: Any = None
    late_request: bool = False


class FilingReader:
    """Reads what one case says was filed; says what it names wrongly."""

    def __init__(self, node: Node, world: World, unit: str, faults: list[Fault]) -> None:
        self.node = node
        self.world = world
        self.unit = unit
        self.faults = faults

    def read(self) -> Filed:
        submissions = [
            Submission(_place(node), value)
            for node in self._listed("submissions")
            if (value := self._submission(node)) is not None
        ]
        reviews = [self._review(node) for node in self._listed("reviews")]
        extensions = [self._extension(node) for node in self._listed("extensions")]
        return Filed(
            tuple(submissions),
            tuple(each for each in reviews if each is not None),
            tuple(each for each in extensions if each is not None),
        )

    def _listed(self, name: str) -> list[Node]:
        found = self.node.find(name)
        return list(found) if found is not None and isinstance(found.value, list) else []

    def _submission(self, node: Node) -> dict[str, Any] | None:
        document = validate(FilingDocument, node, [])
        if document is None or not self._known(node):
            return None
        at = self._instant(node, "submitted_at")
        if at is None:
            return None
        return {
            "unit": document.unit or self.unit,
            "requirement": document.requirement,
            "period": self._period(document.period),
            "submitted_at": at.isoformat(),
            "by": document.by,
            "content": document.content,
            "records": list(document.records),
            "evidence": list(document.evidence),
        }

    def _review(self, node: Node) -> Reviewed | None:
        document = validate(ReviewDocument, node, [])
        at = self._instant(node, "at") if document is not None else None
        if document is None or at is None or not self._known(node):
            return None
        return Reviewed(
            _place(node),
            self._key(document),
            document.decision == "accepted",
            at,
            document.reason,
            document.correction_due,
        )

    def _extension(self, node: Node) -> Extended | None:
        document = validate(ExtensionDocument, node, [])
        at = self._instant(node, "at") if document is not None else None
        if document is None or at is None or not self._known(node):
            return None
        return Extended(
            _place(node),
            self._key(document),
            document.due_on,
            at,
            document.reason,
            document.late_request,
        )

    def _known(self, node: Node) -> bool:
        before = len(self.faults)
        for name, known in (("requirement", self.world.requirements), ("unit", self.world.units)):
            text = node.text(name)
            if text is not None and text not in known:
                text = f"unknown {name} '{text}'{did_you_mean(text, known)}"
                self.faults.append(node.fault(text, name))
        return len(self.faults) == before

    def _key(self, document: ReviewDocument | ExtensionDocument) -> str:
        period = self._period(document.period)
        return f"{document.requirement}/{document.unit or self.unit}/{period}"

    def _period(self, period: object) -> str:
        if period is not None:
            return str(period)
        return next((str(each.fields["period"]) for each in self.world.requirements.values()), "")

    def _instant(self, node: Node, name: str) -> datetime | None:
        text = node.text(name)
        try:
            instant = datetime.fromisoformat(text or "")
        except ValueError:
            found = f"expected an instant such as 2022-07-15T17:30, found '{text}'"
            self.faults.append(node.fault(found, name))
            return None
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=self.world.zone)
        return instant.astimezone(self.world.zone)


def _place(node: Node) -> Place:
    return Place(node.file, node.line, node.column)
