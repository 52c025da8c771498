"""What all tables share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from supervision.store.columns import Instant, metadata


class Table(SQLModel):
    """Base of all tables."""

    metadata = metadata


def instant(**options: Any) -> Any:
    """A column for an instant, in UTC."""
    return Field(sa_type=Instant, **options)


def number(**options: Any) -> Any:
    """A column for an encoded decimal or another 64-bit integer."""
    return Field(sa_type=BigInteger, **options)
