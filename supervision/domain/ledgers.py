"""What the rows of a filing look like (ledgers.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from supervision.domain.documents import Document, Name, Text


class FieldType(StrEnum):
    """`identity` is a person's number: stored as a keyed hash and the last four characters."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    CHOICE = "choice"
    IDENTITY = "identity"


class LedgerField(Document):
    """One column."""

    type: FieldType
    title: Text | None = None
    required: bool = False
    choices: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _choices_go_with_choice(self) -> Self:
        if (self.type is FieldType.CHOICE) != bool(self.choices):
            raise ValueError("a field of type 'choice' has 'choices', and no other type has")
        if len(set(self.choices)) != len(self.choices):
            raise ValueError("the same choice stands twice")
        return self


class Ledger(Document):
    """Two rows with the same values in `key` are one thing, counted once.

    `dated_by` names the field that says in which year a row counts, `started_by` where it began.
    """

    title: Text | None = None
    key: tuple[Text, ...] = ()
    dated_by: Text | None = None
    started_by: Text | None = None
    fields: Mapping[Name, LedgerField]


class LedgersFile(Document):
    """ledgers.yaml."""

    ledgers: Mapping[Name, Ledger]
