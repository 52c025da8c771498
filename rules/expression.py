"""Condition text to a checked Condition: SQL boolean expressions, a closed set of them.

sqlglot parses; whatever it can parse beyond the allow-list is refused with its place, what was
found and what is allowed.  Fields are looked up in tables, so the same function reads the
conditions of rules and the `where` of a ledger's measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sqlglot import exp

from rules.catalogue import Field, FieldType, Table
from rules.complaints import Complaints, ConditionFault, ConditionFaults
from rules.conditions import And, Compare, Condition, Constant, IsNull, Literal, Not, Operator, Or
from rules.constants import BadConstant, Misfit, described
from rules.operands import (
    BoolOperand,
    FieldOperand,
    Names,
    NumberOperand,
    Operand,
    TextOperand,
    compare,
)
from rules.parsing import ALLOWED, RESERVED, overlooked, parse

__all__ = ["RESERVED", "ConditionFault", "ConditionFaults", "parse_condition"]

MAX_TESTS = 200

_OPERATORS: dict[type[exp.Expr], Operator] = {
    exp.EQ: Operator.EQ,
    exp.NEQ: Operator.NE,
    exp.LT: Operator.LT,
    exp.LTE: Operator.LE,
    exp.GT: Operator.GT,
    exp.GTE: Operator.GE,
}
_ARITHMETIC = (
    "arithmetic; only a constant may be added, to another pattern's field: first.period_no + 1"
)
_CONDITIONS = (exp.And, exp.Or, exp.Not, exp.In, exp.Between, exp.Is)


def parse_condition(
    text: str,
    *,
    kind: str,
    fields: Mapping[str, Field],
    other_patterns: Mapping[str, Table] = MappingProxyType({}),
    params: Mapping[str, FieldType] = MappingProxyType({}),
    called: str | None = None,
) -> Condition:
    """Return the checked condition; raises ConditionFaults with all faults that can be told apart.

    `fields` stand unqualified (or qualified by `called`, the pattern's own name); without any, as
    in the severity of a match, every field is one of `other_patterns`.  Messages say `kind`.
    """
    return _Reader(text, Names(Table(kind, fields), called, other_patterns, params)).read()


class _Reader:
    def __init__(self, text: str, names: Names) -> None:
        self.names = names
        self.complaints = Complaints(text)
        self.foreign: frozenset[int] = frozenset()
        self.tests = 0

    def read(self) -> Condition:
        condition = self._whole()
        if self.tests > MAX_TESTS:
            self._fault(0, f"{self.tests} comparisons in one condition; at most {MAX_TESTS}")
        if condition is None or self.complaints.faults:
            raise ConditionFaults(self.complaints.faults)
        return condition

    def _whole(self) -> Condition | None:
        fields = self.names.own.fields
        parsed = parse(
            self.complaints.text, self.complaints, fields=fields, known=self.names.known()
        )
        if parsed is None:
            return None
        self.foreign = parsed.foreign
        condition = self._condition(parsed.tree)
        if not self.complaints.faults:
            overlooked(parsed, self.complaints)
        return condition

    def _fault(self, offset: int, message: str) -> None:
        self.complaints.add(offset, message)

    def _condition(self, node: exp.Expr) -> Condition | None:
        """Return the condition; None after a fault was added."""
        node = node.unnest()
        match node:
            case exp.And() | exp.Or():
                return self._joined(node)
            case exp.Not():
                part = self._condition(node.this)
                return None if part is None else Not(part)
            case exp.Boolean():
                return Constant(bool(node.this))
            case exp.In():
                return self._in(node)
            case exp.Between():
                return self._between(node)
            case exp.Is():
                return self._is_null(node)
            case exp.Column():
                return self._bare(node)
        if type(node) in _OPERATORS:
            return self._comparison(node.this, _OPERATORS[type(node)], node.expression)
        self._refuse(node)
        return None

    def _joined(self, node: exp.And | exp.Or) -> Condition | None:
        sides: list[exp.Expr] = []
        left: exp.Expr = node
        # sqlglot's chains lean to the left, a level for each `and`: too deep to walk by recursion.
        while type(left) is type(node):
            sides.append(left.expression)
            left = left.this
        joined = And if isinstance(node, exp.And) else Or
        parts: list[Condition] = []
        whole = True
        for side in (left, *reversed(sides)):
            part = self._condition(side)
            if part is None:
                whole = False
            elif isinstance(part, joined):
                parts.extend(part.parts)
            else:
                parts.append(part)
        return joined(tuple(parts)) if whole else None

    def _comparison(self, left: exp.Expr, operator: Operator, right: exp.Expr) -> Compare | None:
        self.tests += 1
        first = self._operand(left, beside=self._field_of(right))
        second = self._operand(right, beside=self._field_of(left))
        if first is None or second is None:
            return None
        try:
            return compare(first, operator, second, self.names)
        except Misfit as misfit:
            # The constant if it is at fault, and else the field.
            turned = isinstance(second, FieldOperand) and not isinstance(first, FieldOperand)
            blame_left = turned if isinstance(misfit, BadConstant) else not turned
            self._fault(_start(left if blame_left else right), str(misfit))
            return None

    def _between(self, node: exp.Between) -> Condition | None:
        field = self._field_of(node.this)
        if field is not None and not field.type.ordered:
            self._fault(
                _start(node), f"'{field.name}' has no order; found between, allowed: = <> in"
            )
            return None
        low = self._comparison(node.this, Operator.GE, node.args["low"])
        high = self._comparison(node.this, Operator.LE, node.args["high"])
        if low is None or high is None:
            return None
        if isinstance(low.right, Literal) and isinstance(high.right, Literal):
            least, most = low.right.value, high.right.value
            if isinstance(least, int) and isinstance(most, int) and least > most:
                self._fault(_start(node.args["low"]), "between needs the smaller value first")
                return None
        return And((low, high))

    def _in(self, node: exp.In) -> Condition | None:
        listed = node.expressions
        if not listed or any(node.args.get(key) for key in ("query", "unnest", "field")):
            if not self.foreign:  # a subquery has been refused at its first word
                self._fault(_start(node), "'in' needs a list of constants: in ('a', 'b')")
            return None
        tests: dict[Compare | None, None] = {}
        for each in listed:
            each = each.unnest()
            if isinstance(each, exp.Column | exp.Null):
                self._fault(_start(each), "'in' lists constants only")
                tests[None] = None
            else:
                tests[self._comparison(node.this, Operator.EQ, each)] = None
        found = tuple(test for test in tests if test is not None)
        if None in tests:
            return None
        return found[0] if len(found) == 1 else Or(found)

    def _is_null(self, node: exp.Is) -> Condition | None:
        self.tests += 1
        if not isinstance(node.expression, exp.Null):
            self._fault(_start(node), "only 'is null' and 'is not null'; write filed or not filed")
            return None
        operand = self._operand(node.this)
        if operand is None:
            return None
        if not isinstance(operand, FieldOperand) or operand.plus is not None:
            self._fault(_start(node), f"only a field is null or not; found {operand}")
            return None
        return self._of_its_fact(node, operand, IsNull(operand.ref))

    def _bare(self, node: exp.Column) -> Condition | None:
        self.tests += 1
        operand = self._operand(node)
        if operand is None:
            return None
        if not isinstance(operand, FieldOperand) or operand.field.type is not FieldType.BOOL:
            holds = described(operand.field) if isinstance(operand, FieldOperand) else "a value"
            self._fault(_start(node), f"'{operand}' is {holds}, not a condition; compare it")
            return None
        return self._of_its_fact(node, operand, Compare(operand.ref, Operator.EQ, Literal(1)))

    def _of_its_fact(
        self, node: exp.Expr, operand: FieldOperand, condition: Condition
    ) -> Condition | None:
        try:
            self.names.speaks_of_its_fact(operand)
        except Misfit as misfit:
            self._fault(_start(node), str(misfit))
            return None
        return condition

    def _field_of(self, node: exp.Expr) -> Field | None:
        """Return the field that the node names, for advice about what stands beside it."""
        node = node.unnest()
        try:
            operand = self._named(node, None) if isinstance(node, exp.Column) else None
        except Misfit:
            return None
        return operand.field if isinstance(operand, FieldOperand) else None

    def _operand(self, node: exp.Expr, *, beside: Field | None = None) -> Operand | None:
        """Return one side of a comparison; None after a fault was added."""
        node = node.unnest()
        try:
            match node:
                case exp.Column():
                    return self._named(node, beside)
                case exp.Literal():
                    return TextOperand(node.name) if node.is_string else NumberOperand(node.name)
                case exp.Boolean():
                    return BoolOperand(bool(node.this))
                case exp.Null():
                    raise Misfit("nothing equals null; write 'is null' or 'is not null'")
                case exp.Neg(this=exp.Literal(is_string=False) as number):
                    return NumberOperand(number.name, negative=True)
                case exp.Add() | exp.Sub():
                    return self._sum(node, beside)
        except Misfit as misfit:
            if not self.foreign.intersection(_places(node)):
                self._fault(_start(node), str(misfit))
            return None
        self._refuse(node)
        return None

    def _named(self, node: exp.Column, beside: Field | None) -> Operand:
        if any(value for key, value in node.args.items() if key not in ("this", "table")):
            raise Misfit("a field is named NAME or PATTERN.NAME")
        if node.table == "params":
            return self.names.param(node.name)
        if node.table:
            return self.names.field(node.table, node.name)
        return self.names.field(None, node.name, beside=beside)

    def _sum(self, node: exp.Add | exp.Sub, beside: Field | None) -> Operand:
        left, right = node.this.unnest(), node.expression.unnest()
        if isinstance(node, exp.Add) and isinstance(right, exp.Column):
            left, right = right, left
        number = isinstance(right, exp.Literal) and not right.is_string
        operand = self._named(left, beside) if isinstance(left, exp.Column) else None
        if isinstance(operand, FieldOperand) and operand.plus is None and number:
            plus = NumberOperand(right.name, negative=isinstance(node, exp.Sub))
            return FieldOperand(operand.field, operand.ref, plus)
        if beside is not None and beside.type is FieldType.DATE:
            raise Misfit("arithmetic; a date stands in single quotes: '2022-06-30'")
        raise Misfit(_ARITHMETIC)

    def _refuse(self, node: exp.Expr) -> None:
        if self.foreign:  # said already, at the word itself
            return
        start = _start(node)
        text = self.complaints.text[start:]
        if type(node) in _OPERATORS or isinstance(node, _CONDITIONS):
            found = "a condition inside a comparison; compare two at a time, joined by and"
        elif isinstance(node, exp.Func):
            name = text.split("(")[0].strip()
            found = f"the function '{name}(…)'; what needs computing is a field of the catalogue"
        elif isinstance(node, exp.Neg | exp.Binary):
            found = _ARITHMETIC
        elif isinstance(node, exp.Literal):
            found = "a constant alone, which is no condition"
        elif isinstance(node, exp.Tuple):
            found = "a list; it goes with 'in' only"
        else:
            found = f"'{text if len(text) <= 20 else text[:19] + '…'}'; {ALLOWED}"
        self._fault(start, f"found {found}")


def _places(node: exp.Expr) -> list[int]:
    return [int(inner.meta["start"]) for inner in node.walk() if "start" in inner.meta]


def _start(node: exp.Expr) -> int:
    """Return where in the text the node begins, or what it is part of (null has no place)."""
    around: exp.Expr | None = node
    while around is not None:
        places = _places(around)
        if places:
            return min(places)
        around = around.parent
    return 0
