"""A ledger row's field as SQL: the row's data is JSON, its values encoded."""

from __future__ import annotations

from typing import Literal, TypeAlias

Dialect: TypeAlias = Literal["sqlite", "postgres"]

NUMERIC = frozenset({"integer", "number", "boolean", "date"})


def ledger_column(data: str, name: str, type_: str, dialect: Dialect) -> str:
    """Return the expression that reads field `name` (of a ledger type) out of the JSON `data`.

    Numbers, booleans and dates come as 64-bit integers, the rest as text; a missing value is NULL.
    The name has been checked by the ledger's model ([a-z][a-z0-9_]*).
    """
    if dialect == "sqlite":
        return f"json_extract({data}, '$.{name}')"
    value = f"({data} ->> '{name}')"
    return f"CAST({value} AS BIGINT)" if type_ in NUMERIC else value
