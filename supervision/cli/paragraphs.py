"""Chinese text wrapped by the columns it takes, for a terminal of 60 columns or more."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len

WIDEST = 110
NARROWEST = 60

_NOT_FIRST = frozenset("，。；：、！？）》”’】」』%…,.;:!?)]}")
_NOT_LAST = frozenset("（《“‘【「『([{")


def text_width(columns: int) -> int:
    """Return how wide text is set where a terminal has so many columns."""
    return max(NARROWEST, min(WIDEST, columns))


def wrapped(text: str, *, width: int, first: str = "", rest: str | None = None) -> list[str]:
    """Return lines of at most `width` columns; `first` stands before the first, `rest` the others.

    Words of Latin letters and digits are not broken, no line begins with a closing mark.
    """
    after = " " * cell_len(first) if rest is None else rest
    lines: list[str] = []
    for at, paragraph in enumerate(text.split("\n")):
        lines += _lines(paragraph, width, first if at == 0 else after, after)
    return lines


def _lines(text: str, width: int, first: str, rest: str) -> Iterator[str]:
    line, begun = first, False
    for piece in _pieces(text):
        if begun and cell_len(line) + cell_len(piece.rstrip()) > width:
            yield line.rstrip()
            line, begun = rest, False
            piece = piece.lstrip()
        line += piece
        begun = begun or bool(piece)
    yield line.rstrip()


def _pieces(text: str) -> Iterator[str]:
    """Yield what may not be broken: a word, or a character with the marks that cling to it."""
    piece = ""
    for character in text:
        clings = (
            character in _NOT_FIRST
            or (piece and piece[-1] in _NOT_LAST)
            or (piece and _in_word(piece[-1]) and _in_word(character))
        )
        if piece and not clings:
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece


def _in_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character in "_-./'<>=@")
