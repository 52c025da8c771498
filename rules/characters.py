"""A condition looked at as characters, before it is parsed: quotes, parentheses, full-width keys.

What a Chinese keyboard leaves looks right and means something else, so each such character is a
fault that names the key to type.  The text is also returned with the intended characters, place by
place, so that whatever else is wrong in it can be said at the same time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

# U+FF01–U+FF5E stand for U+0021–U+007E.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_LOOKALIKES = {
    "、": (",", ","),
    "。": (".", "."),
    "−": ("-", "-"),
    "–": ("-", "-"),
    "—": ("-", "-"),
    "≥": (">", ">="),
    "≤": ("<", "<="),
    "≠": ("=", "<>"),
}
_CURLY = {"“": "”", "”": "”", "‘": "’", "’": "’", "＇": "＇", "＂": "＂"}
MAX_NESTING = 20
_WRONG = re.compile(f"[\uff01-\uff5e{''.join(_LOOKALIKES)}]+")
_WIDE_SPACE = re.compile("\u3000+")


@dataclass(frozen=True)
class Scanned:
    """`text` has the length of what was scanned; `faults` are (offset, sentence).

    `closed` is False where a quoted text has no end: then the rest cannot be read.
    """

    text: str
    faults: list[tuple[int, str]] = field(default_factory=list)
    closed: bool = True


def scan(text: str, *, names: Collection[str]) -> Scanned:
    """Look at every character outside quoted text; `names` are the fields one may mean by \"x\"."""
    faults: list[tuple[int, str]] = []
    parts: list[str] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character == "'":
            end = _end_of_quoted(text, at)
            if end is None:
                faults.append((at, _unclosed(text[at + 1 :])))
                return Scanned(text, faults, closed=False)
            parts.append(text[at:end])
        elif character in '"`' or character in _CURLY:
            close = _CURLY.get(character, character)
            found = text.find(close, at + 1)
            if found < 0:
                faults.append((at, f"{character} is not closed; text stands in single quotes"))
                return Scanned(text, faults, closed=False)
            end, inside = found + 1, text[at + 1 : found]
            quote = " " if inside in names else "'"
            parts.append(quote + inside.replace("'", " ") + quote)
            faults.append((at, _quoted_wrongly(text[at:end], inside, inside in names)))
        elif wrong := _WRONG.match(text, at):
            end = wrong.end()
            parts.append("".join(_meant(each)[0] for each in wrong[0]))
            typed = "".join(_meant(each)[1] for each in wrong[0])
            faults.append((at, f"'{wrong[0]}' is full-width; type {typed}"))
        elif wide := _WIDE_SPACE.match(text, at):
            end = wide.end()
            parts.append(" " * len(wide[0]))
            faults.append((at, "a full-width space; type an ordinary one"))
        else:
            end = at + 1
            parts.append(character)
        at = end
    return Scanned("".join(parts), faults)


def nesting_fault(words: Iterable[tuple[int, str]]) -> tuple[int, str] | None:
    """Return (offset, sentence) where parentheses do not match or nest too deep for a parser.

    `words` are the words and symbols of the text with their offsets, without quoted text.
    """
    open_at: list[tuple[int, int]] = []
    outside = signs = before = 0
    for offset, word in words:
        signs = signs + 1 if word.lower() in ("not", "-", "+", "!") else 0
        if word == "(":
            open_at.append((offset, outside))
            outside += before + 1
        elif word == ")":
            if not open_at:
                return offset, "this ) closes nothing"
            _, outside = open_at.pop()
        before = signs
        if outside + signs > MAX_NESTING:
            return offset, f"nested more than {MAX_NESTING} levels deep"
    return (open_at[-1][0], "this ( is not closed") if open_at else None


def _meant(character: str) -> tuple[str, str]:
    if character in _LOOKALIKES:
        return _LOOKALIKES[character]
    plain = chr(_FULL_WIDTH[ord(character)])
    return plain, plain


def _end_of_quoted(text: str, start: int) -> int | None:
    """Return where the text quoted from `start` ends; '' inside stands for one quote."""
    at = start + 1
    while (at := text.find("'", at)) >= 0:
        if text[at + 1 : at + 2] != "'":
            return at + 1
        at += 2
    return None


def _unclosed(rest: str) -> str:
    curly = next((character for character in rest if character in _CURLY), None)
    if curly:
        return f"the text that begins here is closed with {curly}; type '"
    return "the text that begins here has no closing '"


def _quoted_wrongly(found: str, inside: str, is_name: bool) -> str:
    shown = found if len(found) <= 40 else found[:39] + "…"
    if is_name:
        return f"found {shown}; a field is written without quotes: {inside}"
    return f"found {shown}; text stands in single quotes: '{inside[:40]}'"
