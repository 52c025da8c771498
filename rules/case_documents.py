"""Case files as their authors write them: the shape; `rules.case_files` knows the meaning."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from rules.case_expectations import Expected
from rules.case_filings import ExtensionDocument, FilingDocument, ReviewDocument
from rules.document import Identifier, Text
from rules.vocabulary import Level, Post


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Of: TypeAlias = str | tuple[str | int, ...]


class WaivedDocument(_Document):
    """A finding of a rule that is waived, named as in an expectation."""

    rule: Identifier
    of: Of


class ExpectDocument(_Document):
    """What one rule must say, more exactly than by a bare verdict."""

    verdict: Expected
    severity: Level | None = None
    message: Text | None = None
    of: Of | None = None


class NoticeDocument(_Document):
    """One step of a ladder that the run must plan."""

    step: Identifier
    to: tuple[Post, ...]
    cc: tuple[Post, ...] | None = None
    unaddressed: tuple[Post, ...] = ()
    ladder: Identifier | None = None
    rule: Identifier | None = None
    of: Text | None = None
    subject: Text | None = None
    message: str | None = None
    remedy: str | None = None


class CaseDocument(_Document):
    """One case; `expect` holds by rule a verdict, an ExpectDocument or a list of them."""

    name: Text
    as_of: str
    unit: Identifier
    confirmed: bool = True
    original_due_on: date | None = None
    facts: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)] | None = None
    submissions: tuple[FilingDocument, ...] | None = None
    reviews: tuple[ReviewDocument, ...] = ()
    extensions: tuple[ExtensionDocument, ...] = ()
    waived: tuple[WaivedDocument, ...] = ()
    expect: Annotated[dict[str, Any], Field(min_length=1)]
    notices: tuple[NoticeDocument, ...] | None = None


class CaseFile(_Document):
    cases: tuple[CaseDocument, ...]
