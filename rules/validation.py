"""A pydantic model over a node: each pydantic error becomes a fault at its place, as a sentence."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, to_json

from rules.nodes import Fault, Node, Value, did_you_mean

Model = TypeVar("Model", bound=BaseModel)

_MAPPING, _LIST, _NUMBER = "a mapping", "a list", "a number"
_DATE, _TIME = "a date such as 2022-06-30", "a time such as 17:30"
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "none_required": "nothing",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "model_type": _MAPPING,
    "dataclass_type": _MAPPING,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "time_type": _TIME,
    "time_parsing": _TIME,
    "datetime_type": "a date and time",
    "datetime_parsing": "a date and time",
    "datetime_from_date_parsing": "a date and time",
}
_FORMS = {
    r"^[A-Za-z][A-Za-z0-9_.-]{0,79}$": (
        "a name of Latin letters, digits, '-', '_' and '.', beginning with a letter"
    ),
    r"^[a-z][a-z0-9_]{0,29}$": "a name of small letters, digits and '_', beginning with a letter",
    r"^[a-z][a-z0-9_]{0,59}$": "a name of small letters, digits and '_', beginning with a letter",
}
_CHOICE = ("enum", "literal_error")


def validate(model: type[Model], node: Node, faults: list[Fault]) -> Model | None:
    """Return the model made from the node, or None after adding every fault to `faults`.

    Strict, as JSON is: `"5"` is no number, `yes` is no boolean; dates, times and choices are text.
    """
    try:
        return model.model_validate_json(to_json(node.value), strict=True)
    except ValidationError as error:
        located = [_Error.locate(details, node) for details in error.errors(include_url=False)]
        real = [error for error in located if not error.follows_from_another(node)]
        real = [error for error in real if not _misspelt(error, real)]
        faults.extend(error.fault(model, node) for error in _without_unions(real))
        return None


@dataclass(frozen=True)
class _Error:
    """A pydantic error whose location is told apart into document path, branches and rest."""

    details: ErrorDetails
    path: tuple[str | int, ...]
    # (length of the path, name of the member) for each union on the way.
    branches: tuple[tuple[int, str], ...]
    missing: str | None = None
    at_key: bool = False
    instead: str | None = None

    @classmethod
    def locate(cls, details: ErrorDetails, node: Node) -> _Error:
        path: list[str | int] = []
        branches: list[tuple[int, str]] = []
        location = details["loc"]
        at_key = details["type"] == "extra_forbidden"
        for index, part in enumerate(location):
            if isinstance(node.value, dict) and str(part) in node.children:
                path.append(str(part))
            elif isinstance(node.value, list) and part in node.children:
                path.append(part)
            elif part == "[key]":
                at_key = True
                continue
            elif details["type"] == "missing" and index == len(location) - 1:
                return cls(details, tuple(path), tuple(branches), missing=str(part))
            else:
                branches.append((len(path), str(part)))
                continue
            node = node.children[path[-1]]
        return cls(details, tuple(path), tuple(branches), at_key=at_key)

    def follows_from_another(self, node: Node) -> bool:
        """Whether a list only seems too short because pydantic drops its faulty items."""
        here = node.find(*self.path)
        if self.details["type"] != "too_short" or here is None:
            return False
        return len(here.children) >= int(self.details["ctx"]["min_length"])

    def misfits(self, length: int) -> bool:
        """Whether it says that the value at the union itself is of another kind."""
        kind = self.details["type"]
        return len(self.path) == length and (kind in _EXPECTED or kind in _CHOICE)

    def fault(self, model: type[BaseModel], node: Node) -> Fault:
        return node.fault(self.sentence(model, node), *self.path, key=self.at_key)

    def sentence(self, model: type[BaseModel], node: Node) -> str:
        kind, context = self.details["type"], self.details.get("ctx", {})
        here = node.find(*self.path)
        if kind == "extra_forbidden":
            unknown = str(self.path[-1])
            members = {name for _, name in self.branches}
            allowed = sorted(_allowed_keys(model, self.path[:-1], members))
            hint = did_you_mean(unknown, allowed)
            if not hint and (inside := _keys_holding(model, self.path[:-1], unknown)):
                hint = f"; it stands inside {' or '.join(inside)};"
            hint = hint or ";"
            return f"unknown key '{unknown}'{hint} allowed: {', '.join(allowed)}"
        if kind == "missing":
            return f"missing key '{self.missing}'"
        if kind in {"value_error", "assertion_error"}:
            return str(context["error"])
        expected = self.expected()
        if self.at_key:
            key = str(self.path[-1])
            near = did_you_mean(key, re.findall(r"'([^']*)'", expected or ""))
            return f"key '{key}': expected {expected or self.details['msg']}{near}"
        found = "" if here is None else f", found {_described(here.value)}"
        if kind == "string_too_long" and here is not None:
            found = f", found {len(str(here.value))}"
        if expected is None:
            text = self.details["msg"]
            return f"{_label(self.path)}{text[:1].lower()}{text[1:]}{found}"
        hint = self.hint(here)
        return f"{_label(self.path)}expected {expected}{found}{hint}"

    def expected(self) -> str | None:
        """Say what is allowed here; None where pydantic's own words must do."""
        if self.instead is not None:
            return self.instead
        kind, context = self.details["type"], self.details.get("ctx", {})
        if kind in _EXPECTED:
            return _EXPECTED[kind]
        if kind in _CHOICE:
            several = " or " in context["expected"]
            return f"one of {context['expected']}" if several else str(context["expected"])
        if kind == "union_tag_invalid":
            return f"one of {context['expected_tags']} as {context['discriminator']}"
        if kind == "string_too_short" and context["min_length"] == 1:
            return "text that is not empty"
        if kind == "too_short":
            least = context["min_length"]
            return f"at least {least} item{'' if least == 1 else 's'}"
        if kind == "string_pattern_mismatch":
            pattern = context["pattern"]
            return _FORMS.get(pattern) or f"text of the form {pattern}"
        if kind == "string_too_long":
            return f"text of at most {context['max_length']} characters"
        if kind == "greater_than_equal":
            return f"a number of at least {context['ge']}"
        if kind == "less_than_equal":
            return f"a number of at most {context['le']}"
        return None

    def hint(self, here: Node | None) -> str:
        if here is None:
            return ""
        expected = self.expected() or ""
        if isinstance(here.value, str):
            return did_you_mean(here.value, re.findall(r"'([^']*)'", expected))
        wants_text = self.details["type"] == "string_type" and self.instead is None
        if wants_text and isinstance(here.value, int | float):
            return "; put it in quotes"
        return ""


def _misspelt(error: _Error, errors: Iterable[_Error]) -> bool:
    """Whether a key is only missing because it is misspelt, which is told at the key."""
    if error.missing is None:
        return False
    unknown = [
        str(other.path[-1])
        for other in errors
        if other.details["type"] == "extra_forbidden" and other.path[:-1] == error.path
    ]
    return any(did_you_mean(each, [error.missing]) for each in unknown)


def _without_unions(errors: list[_Error], level: int = 0) -> list[_Error]:
    """Keep, of each union, the errors of the member that was meant, or one for all members."""
    kept = [error for error in errors if len(error.branches) <= level]
    unions: dict[tuple[str | int, ...], dict[str, list[_Error]]] = {}
    for error in errors:
        if len(error.branches) > level:
            length, member = error.branches[level]
            unions.setdefault(error.path[:length], {}).setdefault(member, []).append(error)
    for path, members in unions.items():
        meant = [
            of_member
            for of_member in members.values()
            if not any(error.misfits(len(path)) for error in of_member)
        ]
        if meant:
            kept += _without_unions(min(meant, key=len), level + 1)
        else:
            every = [error for of_member in members.values() for error in of_member]
            expected = dict.fromkeys(filter(None, (error.expected() for error in every)))
            kept.append(replace(every[0], path=path, instead=" or ".join(expected)))
    return kept


def _allowed_keys(annotation: object, path: Iterable[str | int], members: set[str]) -> set[str]:
    found = _models_at(annotation, tuple(path))
    named = {model for model in found if model.__name__ in members}
    return {
        _key(name, info) for model in named or found for name, info in model.model_fields.items()
    }


def _keys_holding(annotation: object, path: Iterable[str | int], key: str) -> list[str]:
    """Return the keys beside an unknown one in whose mappings it would be known."""
    return [
        f"'{_key(name, info)}'"
        for model in _models_at(annotation, tuple(path))
        for name, info in model.model_fields.items()
        for inner in _models_within(info.annotation)
        if key in {_key(each, of_it) for each, of_it in inner.model_fields.items()}
    ]


def _models_within(annotation: object) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for inner in get_args(annotation) for model in _models_within(inner)}


def _models_at(annotation: object, path: tuple[str | int, ...]) -> set[type[BaseModel]]:
    """Return the models that the value at `path` under `annotation` may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not path:
            return {annotation}
        fields = {_key(name, info): info for name, info in annotation.model_fields.items()}
        info = fields.get(str(path[0]))
        return _models_at(info.annotation, path[1:]) if info is not None else set()
    arguments: tuple[Any, ...] = get_args(annotation)
    if get_origin(annotation) in {Union, types.UnionType}:
        inside = path
    elif hasattr(annotation, "__metadata__"):
        arguments, inside = arguments[:1], path
    else:
        inside = path[1:]
        if not path:
            return set()
    return {model for argument in arguments for model in _models_at(argument, inside)}


def _key(name: str, info: FieldInfo) -> str:
    return info.validation_alias if isinstance(info.validation_alias, str) else name


def _label(path: tuple[str | int, ...]) -> str:
    """Name the key the value stands under: `due.date: `, `aliases[1]: `."""
    keys = [index for index, part in enumerate(path) if isinstance(part, str)]
    if not keys:
        return ""
    tail = path[keys[-1] :]
    return "".join(part if isinstance(part, str) else f"[{part}]" for part in tail) + ": "


def _described(value: Value) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"'{value if len(value) <= 60 else value[:59] + '…'}'"
    kind = "list" if isinstance(value, list) else "mapping"
    return f"a {kind}" if value else f"an empty {kind}"
