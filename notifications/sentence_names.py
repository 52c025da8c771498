"""Which values a sentence needs: what it would print, count or compare, and under which guards."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from jinja2 import nodes

Path = tuple[str, ...]
"""A name of the context, and what is taken from it: `("first", "days_late")`."""

_HARMLESS: Final = ("defined", "undefined", "none", "mapping", "number", "string", "true", "false")
_EQUALITY: Final = ("eq", "ne", "in", "notin")


class Use(NamedTuple):
    """A value that must not be None where it stands; `known` are those that cannot be, there."""

    path: Path
    known: frozenset[Path]


def uses_of(tree: nodes.Template) -> Iterator[Use]:
    """Yield every use of a value that None would break: printed, looped over, computed with.

    `x is none`, `x == 1`, `if x`, `x or y` and `x|default(y, true)` break nothing; below `if x` and
    `if x is not none`, x is known.
    """
    yield from _statements(tree.body, frozenset(), frozenset())


def _statements(
    body: list[nodes.Node], known: frozenset[Path], local: frozenset[str]
) -> Iterator[Use]:
    for node in body:
        match node:
            case nodes.Output():
                for each in node.nodes:
                    yield from _needed(each, known, local)
            case nodes.If():
                yield from _tested(node.test, known, local)
                yield from _statements(node.body, known | _true_of(node.test), local)
                otherwise = known | _false_of(node.test)
                for branch in node.elif_:
                    yield from _statements([branch], otherwise, local)
                    otherwise |= _false_of(branch.test)
                yield from _statements(node.else_, otherwise, local)
            case nodes.For():
                yield from _needed(node.iter, known, local)
                named = {each.name for each in _names(node.target)}
                inner = local | named | {"loop"}
                if node.test is not None:
                    yield from _tested(node.test, known, inner)
                yield from _statements(node.body, known, inner)
                yield from _statements(node.else_, known, local)


def _names(target: nodes.Node) -> list[nodes.Name]:
    return [target] if isinstance(target, nodes.Name) else list(target.find_all(nodes.Name))


def _needed(node: nodes.Node, known: frozenset[Path], local: frozenset[str]) -> Iterator[Use]:
    """Yield what breaks where `node` must come to a value that is not None."""
    path = _path(node)
    if path is not None:
        if path[0] not in local and not any(path[: len(each)] == each for each in known):
            yield Use(path, known)
        return
    match node:
        case nodes.CondExpr():
            yield from _tested(node.test, known, local)
            yield from _needed(node.expr1, known | _true_of(node.test), local)
            if node.expr2 is not None:
                yield from _needed(node.expr2, known | _false_of(node.test), local)
        case nodes.Or():
            yield from _tested(node.left, known, local)
            yield from _needed(node.right, known | _false_of(node.left), local)
        case nodes.And():
            yield from _needed(node.left, known, local)
            yield from _needed(node.right, known | _true_of(node.left), local)
        case nodes.Filter(name="default") if len(node.args) > 1 and node.node is not None:
            yield from _tested(node.node, known, local)
            yield from _needed(node.args[0], known, local)
        case nodes.Test() | nodes.Not() | nodes.Compare():
            yield from _tested(node, known, local)
        case _:
            for inner in node.iter_child_nodes():
                yield from _needed(inner, known, local)


def _tested(node: nodes.Node, known: frozenset[Path], local: frozenset[str]) -> Iterator[Use]:
    """Yield what breaks where only the truth of `node` is asked: None itself is false."""
    match node:
        case nodes.Not():
            yield from _tested(node.node, known, local)
        case nodes.And():
            yield from _tested(node.left, known, local)
            yield from _tested(node.right, known | _true_of(node.left), local)
        case nodes.Or():
            yield from _tested(node.left, known, local)
            yield from _tested(node.right, known | _false_of(node.left), local)
        case nodes.Test() if node.name in _HARMLESS:
            yield from _tested(node.node, known, local)
        case nodes.Compare() if all(each.op in _EQUALITY for each in node.ops):
            for side in (node.expr, *(each.expr for each in node.ops)):
                yield from _tested(side, known, local)
        case nodes.Compare():
            for side in (node.expr, *(each.expr for each in node.ops)):
                yield from _needed(side, known, local)
        case _ if _path(node) is not None:
            # of something unknown nothing can be taken: `mismatched.title`
            path = _path(node) or ()
            if len(path) > 1:
                yield from _needed(nodes.Name(path[0], "load"), known, local)
        case _:
            yield from _needed(node, known, local)


def _true_of(test: nodes.Node) -> frozenset[Path]:
    """Return what is known where the test is true."""
    match test:
        case nodes.Not():
            return _false_of(test.node)
        case nodes.And():
            return _true_of(test.left) | _true_of(test.right)
        case nodes.Test(name="number" | "string" | "mapping" | "true"):
            return _only(test.node)
        case nodes.Compare(ops=[nodes.Operand(op="eq", expr=nodes.Const(value=value))]):
            return _only(test.expr) if value is not None else frozenset()
        case nodes.Compare():
            return (
                frozenset[Path]().union(
                    _only(test.expr),
                    *(_only(each.expr) for each in test.ops if each.op not in _EQUALITY),
                )
                if all(each.op not in _EQUALITY for each in test.ops)
                else frozenset()
            )
    return _only(test)


def _false_of(test: nodes.Node) -> frozenset[Path]:
    """Return what is known where the test is false."""
    match test:
        case nodes.Not():
            return _true_of(test.node)
        case nodes.Or():
            return _false_of(test.left) | _false_of(test.right)
        case nodes.Test(name="none"):
            return _only(test.node)
        case nodes.Compare() if all(each.op not in _EQUALITY for each in test.ops):
            return _true_of(test)
    return frozenset()


def _only(node: nodes.Node) -> frozenset[Path]:
    path = _path(node)
    return frozenset() if path is None else frozenset({path})


def _path(node: nodes.Node) -> Path | None:
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        before = _path(node.node)
        return None if before is None else (*before, node.attr)
    return None
