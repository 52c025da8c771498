"""Condition text to sqlglot's tree: characters, words and symbols are looked at, then it parses.

What is plainly not of the language is a fault here, at its place; reading goes on where it can, so
that the other mistakes of the text are told in the same breath.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from sqlglot import exp, tokens
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from rules.characters import nesting_fault, scan
from rules.complaints import Complaints
from rules.labels import OPERATORS

MAX_LENGTH = 4000
MAX_FOREIGN = 5  # `[[[[…` nests the parser too, and a text with so much of it is no condition
ALLOWED = "allowed: = <> < <= > >= and or not in between is null"
RESERVED = frozenset({"and", "or", "not", "in", "between", "is", "null", "true", "false"})
"""The words of the language: no field, pattern or parameter may be called so."""

_SYMBOLS = frozenset({"(", ")", ",", ".", "+", "-", "=", "<>", "<", "<=", ">", ">="})
_WRITE_INSTEAD = {
    "==": ("=", TokenType.EQ),
    "<=>": ("=", TokenType.EQ),
    "!=": ("<>", TokenType.NEQ),
    "!": ("not", TokenType.NOT),
    "&&": ("and", TokenType.AND),
    "||": ("or", TokenType.OR),
}
# SQL that analysts reach for; any other unknown word is taken for a misspelt field.
_SQL_WORDS = frozenset(
    """like ilike rlike regexp glob similar escape case when then else end exists any all some
    select from where union intersect except cast interval distinct collate over filter xor div
    mod isnull notnull overlaps order group limit having as asc desc""".split()  # noqa: SIM905  to be read
)
_ADVICE = {
    "like": "texts are compared whole: = or in",
    "case": "write one rule, or one step of severity, for each case",
    "cast": "a field has its type; compare it as it is",
    "::": "a field has its type; compare it as it is",
    "select": "a rule looks at its own fact; several facts are joined by 'match'",
    "isnull": "write is null",
    "notnull": "write is not null",
    "*": "what needs computing is a field of the catalogue",
    "/": "what needs computing is a field of the catalogue",
    ";": "a condition ends where its text ends",
    "{": "a condition has no braces; a parameter is params.NAME",
}
_ADVICE |= dict.fromkeys(("ilike", "rlike", "regexp", "glob", "similar"), _ADVICE["like"])
_ADVICE |= {"exists": _ADVICE["select"]}
# Words that only follow another: once that is refused, they are not told again.
_FOLLOW = {
    "case": {"when", "then", "else", "end"},
    "cast": {"as"},
    "select": {"from", "where", "group", "order", "limit", "having", "as"},
    "exists": {"select", "from", "where"},
    "{": {"{", "}"},
}
_WORD = re.compile(r"\w+\Z")
_BEGINNINGS = frozenset({"not", "(", "-", "+", "true", "false", "null"})
_MEANT = {
    "and": TokenType.AND,
    "or": TokenType.OR,
    "not": TokenType.NOT,
    "in": TokenType.IN,
    "between": TokenType.BETWEEN,
    "true": TokenType.TRUE,
    "false": TokenType.FALSE,
    "null": TokenType.NULL,
    "=": TokenType.EQ,
    "<>": TokenType.NEQ,
    "<": TokenType.LT,
    "<=": TokenType.LTE,
    ">": TokenType.GT,
    ">=": TokenType.GTE,
}
_NAMED = (TokenType.IDENTIFIER, TokenType.STRING, TokenType.NUMBER)


class _Language(Dialect):
    class Tokenizer(tokens.Tokenizer):
        # `show` or `execute` at the beginning would swallow the text as a command.
        COMMANDS: ClassVar[set[TokenType]] = set()


_LANGUAGE = _Language()


@dataclass(frozen=True)
class Parsed:
    """`foreign`: where something was refused that the tree still holds; once told is enough."""

    tree: exp.Expr
    words: tuple[Token, ...]
    foreign: frozenset[int]


def parse(
    text: str, complaints: Complaints, *, fields: Collection[str], known: Collection[str]
) -> Parsed | None:
    """Return the tree, or None after adding at least one fault.

    `fields` are the text's own fields, `known` every name that may stand in it.
    """
    if len(text) > MAX_LENGTH:
        complaints.add(0, f"{len(text)} characters; a condition has at most {MAX_LENGTH}")
        return None
    scanned = scan(text, names=fields)
    for offset, message in scanned.faults:
        complaints.add(offset, message)
    if not scanned.closed:
        return None
    reader = _Words(scanned.text, complaints, known)
    try:
        words = tuple(reader.read(_LANGUAGE.tokenize(scanned.text)))
    except TokenError:
        complaints.add(0, f"this cannot be read as a condition; {ALLOWED}")
        return None
    bare = [(word.start, word.text) for word in words if word.token_type is not TokenType.STRING]
    wrong = nesting_fault(bare)
    if wrong is not None:
        complaints.add(*wrong)
    elif not words and not complaints.faults:
        complaints.add(0, "the condition is empty")
    if wrong is not None or not words or len(reader.foreign) > MAX_FOREIGN:
        return None
    tree = _tree(scanned.text, words, complaints)
    return Parsed(tree, words, frozenset(reader.foreign)) if tree is not None else None


def overlooked(parsed: Parsed, complaints: Complaints) -> None:
    """Refuse what sqlglot reads and then leaves out of its tree."""
    kept = {node.meta.get("start") for node in parsed.tree.walk()}
    for index, word in enumerate(parsed.words):
        if word.token_type in _NAMED and word.start not in kept:
            complaints.add(word.start, f"'{word.text}' does not belong here; {ALLOWED}")
        if index and word.text == ")" and parsed.words[index - 1].text == ",":
            complaints.add(parsed.words[index - 1].start, "nothing follows this comma")


class _Words:
    def __init__(self, text: str, complaints: Complaints, known: Collection[str]) -> None:
        self.text = text
        self.complaints = complaints
        self.known = known
        self.foreign: set[int] = set()
        self.refused: set[str] = set()

    def read(self, raw: Iterable[Token]) -> Iterator[Token]:
        """Yield the words to parse, each that is not of the language as an identifier.

        So a field may be called `on`, `value` or `first`, and no word of SQL works by surprise.
        """
        at, previous = 0, ""
        for token in raw:
            self._comment(at, token.start)
            at = token.end + 1
            found = self.text[token.start : at]
            if token.token_type is TokenType.NUMBER and previous == ".":
                self.complaints.add(token.start - 1, f"write 0.{found}")
            elif token.token_type not in (TokenType.NUMBER, TokenType.STRING):
                yield self._word(token, found, after_point=previous == ".")
                previous = found
                continue
            yield token
            previous = found
        self._comment(at, len(self.text))

    def _word(self, token: Token, found: str, *, after_point: bool) -> Token:
        a_name = after_point or found in self.known
        place = (token.line, token.col, token.start, token.end)
        if found in _WRITE_INSTEAD:
            meant, kind = _WRITE_INSTEAD[found]
            self.complaints.add(token.start, f"found {found}; write {meant}")
            return Token(kind, meant, *place)
        elif not _WORD.match(found):
            if found not in _SYMBOLS:
                self._refuse(token.start, found)
        elif not a_name and found in OPERATORS:
            word = OPERATORS[found]
            self.complaints.add(token.start, f"found {found}; write {word}")
            return Token(_MEANT.get(word, TokenType.IDENTIFIER), word, *place)
        elif not a_name and found.lower() in _SQL_WORDS:
            self._refuse(token.start, found)
        elif a_name or found.lower() not in RESERVED:
            return Token(TokenType.IDENTIFIER, found, *place)
        return token

    def _refuse(self, offset: int, found: str) -> None:
        self.foreign.add(offset)
        word = found.lower()
        if not any(word in _FOLLOW.get(before, ()) for before in self.refused):
            self.complaints.add(offset, self._refusal(offset, found))
        self.refused.add(word)

    def _refusal(self, offset: int, found: str) -> str:
        percent = re.search(r"([0-9]+(?:\.[0-9]+)?)\s*\Z", self.text[:offset])
        if found == "%" and percent is not None:
            share = Decimal(percent[1]) / 100
            return f"found {percent[1]}%; a share is written {share.normalize():f}"
        advice = _ADVICE.get(found.lower())
        return f"'{found}' is not part of the language; {advice or ALLOWED}"

    def _comment(self, start: int, end: int) -> None:
        gap = self.text[start:end]
        if gap.strip():
            offset = start + len(gap) - len(gap.lstrip())
            self.complaints.add(offset, "a comment; write it above the rule, after a #")


def _misplaced(found: str, offset: int, words: Sequence[Token]) -> str:
    """Say what is wrong about a word that the sentence before it does not lead up to."""
    at = next((index for index, word in enumerate(words) if word.start >= offset), len(words))
    before = [word.text.lower() for word in words[:at]]
    if len(before) > 1 and found == "," and re.fullmatch("[0-9]+", before[-1]):
        following = words[at + 1].text if at + 1 < len(words) else ""
        if len(following) == len("000") and following.isdigit():
            return f"a number has no commas; write {before[-1]}{following}"
    if found == "," and "in" in before:
        return "a list stands in parentheses: in ('a', 'b')"
    if "between" in before[-2:] or (before and before[-1] == "between"):
        return "'between' needs two values: between 2 and 5"
    begins = at < len(words) and (
        words[at].token_type in _NAMED or words[at].text.lower() in ("not", "(", "true", "false")
    )
    apart = at > 0 and words[at - 1].end + 1 < offset
    if begins and apart and before[-1] not in RESERVED | _SYMBOLS - {")"}:
        return f"'{found}' does not belong here; is 'and' or 'or' missing before it?"
    return f"'{found}' does not belong here; {ALLOWED}"


def _tree(text: str, words: tuple[Token, ...], complaints: Complaints) -> exp.Expr | None:
    try:
        parser = _LANGUAGE.parser(error_message_context=MAX_LENGTH)
        trees = parser.parse_into(exp.Condition, list(words), text)
    except ParseError as error:
        place = error.errors[0]
        offset, found = len(str(place["start_context"])), str(place["highlight"])
        message = _misplaced(found, offset, words)
        if words[0].token_type not in _NAMED and words[0].text.lower() not in _BEGINNINGS:
            offset, message = words[0].start, f"something is missing before '{words[0].text}'"
        elif (
            message.endswith(ALLOWED)
            and offset == words[-1].start
            and words[-1].token_type not in _NAMED
        ):
            message = f"something is missing after '{found}'"
    else:
        if len(trees) == 1 and trees[0] is not None:
            return trees[0]
        offset, message = 0, f"this is not one condition; {ALLOWED}"
    if not complaints.faults:
        complaints.add(offset, message)
    return None
