"""Templates into mails, pages and one-line sentences. The only importer of jinja2 here.

Two environments, both sandboxed, both StrictUndefined:

- files below the templates folder, written by the office: the whole of Jinja2, `.html` escaped;
- sentences, written by rule authors beside a condition: a closed set of constructs and filters,
  every loop, range, string and result bounded.
"""

import traceback
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from css_inline import CSSInliner
from jinja2 import (
    FileSystemLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    Undefined,
    meta,
    nodes,
    pass_context,
    select_autoescape,
)
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import missing

from notifications.bounds import (
    MAX_SENTENCE,
    MAX_TEMPLATE,
    Steps,
    bounded_join,
    bounded_range,
    bounded_round,
)
from notifications.errors import RenderError
from notifications.printing import DEFAULT_LANGUAGE, day, number, percent, printed
from notifications.sentence_names import Use, uses_of

_FILTERS: Final = (
    *("abs", "day", "default", "first", "float", "int", "last", "length", "list", "lower", "map"),
    *("max", "min", "number", "percent", "rejectattr", "selectattr", "sort", "string", "sum"),
    *("trim", "unique", "upper"),
)
_TESTS: Final = (
    *("defined", "divisibleby", "even", "false", "in", "mapping", "none", "number", "odd"),
    *("string", "true", "==", "!=", "<", "<=", ">", ">=", "eq", "ne", "lt", "le", "gt", "ge"),
)
_NODES: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Tuple),
    *(nodes.List, nodes.Dict, nodes.Pair, nodes.Keyword, nodes.Getattr, nodes.Getitem),
    *(nodes.Slice, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or),
    *(nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div),
    *(nodes.FloorDiv, nodes.Mod, nodes.Concat, nodes.CondExpr, nodes.If, nodes.For),
)
# Beside Jinja2's own errors, what an expression may raise: `'a' + 1`, `1 / 0`, an index that is
# not there, brackets nested deeper than Python's parser goes, a file that cannot be read.
_FAULTS: Final = (
    *(TemplateError, ArithmeticError, AttributeError, LookupError, OSError),
    *(RecursionError, SyntaxError, TypeError, ValueError),
)
# The key of the loops' counter in a sentence's context, and the filter that finds it there.
_COUNTED: Final = "counted"


class RenderedMail(NamedTuple):
    """What a mail's reader sees; `subject` is one line."""

    subject: str
    text: str
    html: str


class Renderer:
    """Renders from one templates folder. Reads a file when it is first asked for."""

    def __init__(self, templates_directory: Path) -> None:
        self._directory = templates_directory
        self._files = _Environment(
            loader=FileSystemLoader(templates_directory),
            autoescape=select_autoescape(("html",), default_for_string=False),
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,  # else each mail asks the disk whether its templates have changed
        )
        self._sentences = _sentence_environment()
        self._compiled: Callable[[str], Template] = lru_cache(maxsize=1_024)(self._compile)
        # Remote style sheets stay out: a template must never make the server fetch something.
        self._inliner = CSSInliner(
            keep_at_rules=True,
            minify_css=True,
            load_remote_stylesheets=False,
            apply_width_attributes=True,
        )

    def mail(
        self, name: str, context: Mapping[str, object], *, language: str = DEFAULT_LANGUAGE
    ) -> RenderedMail:
        """Render `email/<name>/{subject.txt,body.txt,body.html}`, styles inlined.

        Another language than Chinese is the folder `<name>.<language>`. Whitespace in the
        subject is folded. Raises RenderError, also for a language that has no folder.
        """
        subject = self.subject(name, context, language=language)
        path, values = _folder(name, language), {**context, "language": language}
        text = self._file(f"{path}/body.txt", values).strip() + "\n"
        html = self._inliner.inline(self.page(f"{path}/body.html", values))
        return RenderedMail(subject, text, html)

    def subject(
        self, name: str, context: Mapping[str, object], *, language: str = DEFAULT_LANGUAGE
    ) -> str:
        """Render the subject of a mail alone, at a twentieth of the cost of the whole."""
        path = f"{_folder(name, language)}/subject.txt"
        subject = " ".join(self._file(path, {**context, "language": language}).split())
        if not subject:
            raise RenderError(path, None, "the subject came out blank")
        return subject

    def page(self, name: str, context: Mapping[str, object]) -> str:
        """Render an HTML template by its path below the templates folder; free text is escaped."""
        if not name.endswith(".html"):
            raise RenderError(name, None, "a page is a template whose name ends in .html")
        return self._file(name, {"language": DEFAULT_LANGUAGE, **context})

    def sentence(self, template: str, context: Mapping[str, object]) -> str:
        """Render a one-line message of a rule, whitespace folded; plain text, not escaped.

        Raises RenderError for a fault of the template, a name that is not in the context, a
        value that is None, over 1,000 steps of loops, over 2,000 characters.
        """
        try:
            text = self._compiled(template).render({**context, _COUNTED: Steps()})
        except _FAULTS as error:
            raise _fault(error, _excerpt(template)) from error
        sentence = " ".join(text.split())
        if len(sentence) > MAX_SENTENCE:
            length = f"it came to {len(sentence)} characters; at most {MAX_SENTENCE}"
            raise RenderError(_excerpt(template), None, length)
        return sentence

    @property
    def filters(self) -> tuple[str, ...]:
        """The filters that a sentence may use."""
        return _FILTERS

    def check_sentence(self, template: str) -> set[str]:
        """Return the names a sentence takes from its context. Raises RenderError on a fault."""
        try:
            self._compiled(template)
            names = meta.find_undeclared_variables(self._parsed(template))
        except _FAULTS as error:
            raise _fault(error, _excerpt(template)) from error
        return names - set(self._sentences.globals)

    def sentence_uses(self, template: str) -> tuple[Use, ...]:
        """Return the values that a sentence cannot do without. Raises RenderError."""
        try:
            return tuple(uses_of(self._parsed(template)))
        except _FAULTS as error:
            raise _fault(error, _excerpt(template)) from error

    def _file(self, name: str, context: Mapping[str, object]) -> str:
        try:
            return self._files.get_template(name).render(context)
        except TemplateNotFound as error:
            text = f"there is no template {error.name or name} in {self._directory}"
            raise RenderError(name, None, text) from error
        except _FAULTS as error:
            raise _fault(error, name, self._directory) from error

    def _parsed(self, template: str) -> nodes.Template:
        if len(template) > MAX_TEMPLATE:
            long = f"a template of {len(template)} characters; at most {MAX_TEMPLATE}"
            raise TemplateSyntaxError(long, 1)
        tree = self._sentences.parse(template)
        for node in tree.find_all(nodes.Node):
            _check(node)
        return tree

    def _compile(self, template: str) -> Template:
        tree = self._parsed(template)
        for loop in list(tree.find_all(nodes.For)):
            counted = nodes.Filter(loop.iter, _COUNTED, [], [], None, None, lineno=loop.lineno)
            loop.iter = counted.set_environment(self._sentences)
        return self._sentences.from_string(tree)


class _Missing(StrictUndefined):
    """StrictUndefined that says in the author's words what is missing and what there is."""

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        if self._undefined_obj is missing:
            return f"'{self._undefined_name}' is not given"
        if isinstance(self._undefined_obj, Mapping):
            there = ", ".join(str(key) for key in self._undefined_obj) or "nothing"
            return f"there is no '{self._undefined_name}' here; there is: {there}"
        return f"{self._undefined_obj!r} has no '{self._undefined_name}'"


class _Environment(SandboxedEnvironment):
    """The sandbox, without the arithmetic on texts that turns ten characters into gigabytes."""

    intercepted_binops = frozenset({"*", "%", "**"})

    def __init__(self, **options: Any) -> None:
        super().__init__(undefined=_Missing, finalize=_finalized, **options)
        self.filters.update(day=_day, number=number, percent=percent)
        self.globals.update(range=bounded_range)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not (_is_number(left) and _is_number(right)):
            raise TypeError(f"'{operator}' does not go between these; '*' and '%' are for numbers")
        return super().call_binop(context, operator, left, right)


def _folder(name: str, language: str) -> str:
    return f"email/{name}" if language == DEFAULT_LANGUAGE else f"email/{name}.{language}"


def _sentence_environment() -> _Environment:
    environment = _Environment()
    environment.filters = {n: environment.filters[n] for n in _FILTERS}
    environment.filters.update({"join": bounded_join, "round": bounded_round, _COUNTED: _counted})
    environment.tests = {n: environment.tests[n] for n in _TESTS}
    environment.globals = {"range": bounded_range}
    return environment


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal)


@pass_context
def _finalized(context: Context, value: object) -> object:
    if isinstance(value, Undefined):
        return value  # it complains itself; an `if` without its `else` prints nothing
    return printed(value, context.get("language", DEFAULT_LANGUAGE))


@pass_context
def _day(context: Context, value: Any) -> str:
    return day(value, context.get("language", DEFAULT_LANGUAGE))


@pass_context
def _counted(context: Context, values: Iterable[Any]) -> list[Any]:
    steps: Steps = context[_COUNTED]
    return steps.take(values)


def _check(node: nodes.Node) -> None:
    """Refuse what a sentence may not hold, at the line where it stands."""
    if isinstance(node, nodes.Call):
        if not (isinstance(node.node, nodes.Name) and node.node.name == "range"):
            raise TemplateSyntaxError("a sentence calls nothing but range()", node.lineno)
    elif not isinstance(node, _NODES):
        what = type(node).__name__.lower()
        raise TemplateSyntaxError(f"a sentence may not hold '{what}'", node.lineno)
    name = node.attr if isinstance(node, nodes.Getattr) else getattr(node, "name", None)
    if isinstance(name, str) and name.startswith("_"):
        raise TemplateSyntaxError(f"'{name}': a name may not begin with '_'", node.lineno)


def _excerpt(template: str) -> str:
    line = " ".join(template.split())
    return f"“{line[:40]}…”" if len(line) > 40 else f"“{line}”"


def _fault(error: Exception, template: str, directory: Path | None = None) -> RenderError:
    """Return where a template failed: the innermost template frame, or the parser's own word."""
    file: str | None = None
    line: int | None = None
    if isinstance(error, TemplateSyntaxError):
        file, line = error.filename, error.lineno
    else:
        for frame, number_ in traceback.walk_tb(error.__traceback__):
            # Jinja2 puts the template's own file and line into the traceback it rewrites.
            if "__jinja_exception__" in frame.f_globals:
                file, line = frame.f_globals["__name__"], number_
    if directory and file and Path(file).is_relative_to(directory):
        template = str(Path(file).relative_to(directory))
    text = error.message if isinstance(error, TemplateSyntaxError) else str(error)
    return RenderError(template, line, text or type(error).__name__)
