"""Lowering: conditions as SQL text, built and rendered by sqlglot; rules as durable_rules rulesets.

The text is one boolean expression with SQL's three truth values, exactly those of
`conditions.evaluate`.  It needs no parameters; how it meets a driver:

- run as it is (sqlite3; psycopg without parameters): safe, whatever the rules' texts contain;
- in SQLAlchemy: `literal_column(sql)` takes it as it is, `text()` wants `escape_for_text(sql)` for
  the colons in literals; percent signs are doubled by SQLAlchemy's dialect

PostgreSQL must keep `standard_conforming_strings` on, its default: a backslash is a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal as Choice
from typing import TypeAlias, assert_never

from sqlglot import exp

from rules.alternatives import CannotCompile
from rules.compiling import compile_rules
from rules.conditions import (
    And,
    Compare,
    Condition,
    Constant,
    FieldRef,
    IsNull,
    Literal,
    Not,
    Operator,
    Or,
    Param,
    Shifted,
    Value,
)
from rules.vocabulary import Level

__all__ = [
    "CannotCompile",
    "Dialect",
    "compile_rules",
    "escape_for_text",
    "severity_to_sql",
    "to_sql",
]

Dialect: TypeAlias = Choice["sqlite", "postgres"]
Column: TypeAlias = Callable[[FieldRef], str]

_COMPARISONS: dict[Operator, type[exp.Binary]] = {
    Operator.EQ: exp.EQ,
    Operator.NE: exp.NEQ,
    Operator.LT: exp.LT,
    Operator.LE: exp.LTE,
    Operator.GT: exp.GT,
    Operator.GE: exp.GTE,
}

_COLUMN = re.compile(r'(?:"(?:[^"]|"")+"|\w+)(?:\.(?:"(?:[^"]|"")+"|\w+))*')


def to_sql(condition: Condition, dialect: Dialect, column: Column) -> str:
    """Return the condition as a boolean SQL expression.

    `column` gives the SQL of a field: a column, `alias.column` or any scalar expression of the
    dialect.  It goes in unchanged, in parentheses unless it is a plain column.  Columns hold
    encoded values (booleans 0/1, dates and decimals as integers).  A parameter that was not bound
    is a ValueError, as is a text with a NUL, which no database can hold.
    """
    return _expression(condition, column).sql(dialect)


def severity_to_sql(
    steps: Sequence[tuple[Level, Condition]], dialect: Dialect, column: Column
) -> str:
    """Return a CASE that gives the level of the first step that holds; `steps` is not empty."""
    case = exp.Case()
    for level, condition in steps:
        case = case.when(
            _expression(condition, column), exp.Literal.string(level.value), copy=False
        )
    return case.sql(dialect)


def escape_for_text(sql: str) -> str:
    """Return the SQL for `sqlalchemy.text()`, which takes `:word` in a literal for a parameter."""
    return sql.replace(":", r"\:")


def _expression(condition: Condition, column: Column) -> exp.Expr:
    match condition:
        case Constant(None):
            return exp.Cast(this=exp.Null(), to=exp.DataType.build("boolean"))
        case Constant(value):
            return exp.Boolean(this=value)
        case IsNull(field):
            return exp.Is(this=_column(field, column), expression=exp.Null())
        case Compare(left, operator, right):
            return _COMPARISONS[operator](
                this=_column(left, column), expression=_operand(right, column)
            )
        case Not(part):
            return exp.Not(this=exp.Paren(this=_expression(part, column)))
        case And(parts):
            return _joined(exp.And, parts, column, empty=True)
        case Or(parts):
            return _joined(exp.Or, parts, column, empty=False)
    assert_never(condition)


def _joined(
    connector: type[exp.Connector], parts: Sequence[Condition], column: Column, *, empty: bool
) -> exp.Expr:
    """Join the parts as a balanced tree: SQLite takes no expression deeper than 1,000."""
    if len(parts) <= 1:
        return _expression(parts[0], column) if parts else exp.Boolean(this=empty)
    middle = len(parts) // 2
    left, right = (
        exp.Paren(this=_joined(connector, half, column, empty=empty))
        for half in (parts[:middle], parts[middle:])
    )
    return connector(this=left, expression=right)


def _column(field: FieldRef, column: Column) -> exp.Expr:
    text = column(field)
    # A Var is rendered as it stands: sqlglot must not read meaning into the caller's SQL.
    raw = exp.Var(this=text)
    return raw if _COLUMN.fullmatch(text) else exp.Paren(this=raw)


def _operand(operand: Literal | Param | Shifted, column: Column) -> exp.Expr:
    match operand:
        case Literal(value):
            return _literal(value)
        case Shifted(field, 0):
            return _column(field, column)
        case Shifted(field, plus):
            operation = exp.Add if plus > 0 else exp.Sub
            return exp.Paren(
                this=operation(this=_column(field, column), expression=_literal(abs(plus)))
            )
        case Param(name):
            raise ValueError(f"parameter {name!r} is not bound")
    assert_never(operand)


def _literal(value: Value) -> exp.Expr:
    if isinstance(value, int):
        return exp.Literal.number(int(value))
    if "\0" in value:
        raise ValueError(f"the text {value!r} contains a NUL, which no database can hold")
    return exp.Literal.string(value)
