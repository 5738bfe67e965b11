"""Colors for source code, also for code that arrives line by line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pygments.lexer import Lexer  # type: ignore[import-untyped] # pygments ships no types
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename  # type: ignore[import-untyped] # as above
from pygments.token import (  # type: ignore[import-untyped] # as above
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    String,
)
from pygments.util import ClassNotFound  # type: ignore[import-untyped] # as above

from repl.output.styled import Line, Span
from repl.output.theme import Style

_STYLES = {
    Comment: Style.COMMENT,
    Keyword: Style.KEYWORD,
    Operator.Word: Style.KEYWORD,
    Name.Function: Style.NAME,
    Name.Class: Style.NAME,
    Name.Builtin: Style.BUILTIN,
    Name.Decorator: Style.BUILTIN,
    Name.Tag: Style.KEYWORD,
    Name.Attribute: Style.BUILTIN,
    Number: Style.NUMBER,
    String: Style.STRING,
}

_LONGEST_LINE = 2_000
"""Characters of a line that is highlighted."""

_MOST_HELD = 200
"""Lines that are highlighted together, because a string or a comment may be open."""

_COMMENTS = (("/*", "*/"), ("<!--", "-->"), ("{-", "-}"), ("(*", "*)"))

_PROBES = ("x\n", "'x' 1\n")


def highlight(text: str, language: str) -> list[Line]:
    """Return the lines of safe ``text``, with colors if the language is known."""
    highlighter = Highlighter(language)
    return highlighter.add(text.split("\n"))


class Highlighter:
    """Highlights lines that arrive one by one.

    Lines are highlighted together with those before them back to a place at which no string, comment or the like is
    open, so that the result is the same as for the whole text.
    """

    def __init__(self, language: str) -> None:
        self._lexer = _lexer_of(language)
        self._held: list[str] = []

    @staticmethod
    def for_file(name: str) -> Highlighter:
        """Return the highlighter for a file, by its name."""
        try:
            language = str(get_lexer_for_filename(name).aliases[0])
        except (ClassNotFound, IndexError):
            language = ""
        return Highlighter(language)

    def add(self, lines: list[str]) -> list[Line]:
        """Return ``lines`` with their colors."""
        found = self._highlighted(lines)
        self._held += lines
        if len(self._held) > _MOST_HELD or self._is_closed():
            self._held = []
        return found

    def preview(self, text: str) -> Line:
        """Return the start of the next line, which is not complete."""
        return self._highlighted([text])[0]

    def _highlighted(self, lines: list[str]) -> list[Line]:
        if self._lexer is None or any(len(text) > _LONGEST_LINE for text in lines):
            return [((Style.PLAIN, text),) if text else () for text in lines]
        text = "\n".join([*self._held, *lines]) + "\n"
        return list(_lines(self._lexer, text + _closing(text)))[len(self._held) :][: len(lines)]

    def _is_closed(self) -> bool:
        """Return True if the next line is highlighted alike without the held lines."""
        lexer, before = self._lexer, "\n".join(self._held) + "\n"
        if lexer is None:
            return True
        if _closing(before):
            return False
        for probe in _PROBES:
            tokens, alone = (list(lexer.get_tokens(text)) for text in (before + probe, probe))
            if tokens[-len(alone) :] != alone:
                return False
        return True


def _closing(text: str) -> str:
    """Return the ends of the comments that are open: a lexer knows only whole ones."""
    return "".join(end for start, end in _COMMENTS if text.rfind(start) > text.rfind(end))


def _lines(lexer: Lexer, text: str) -> Iterator[Line]:
    spans: list[Span] = []
    for token, value in lexer.get_tokens(text):
        style = _style_of(token)
        first, *others = value.split("\n")
        if first:
            spans.append((style, first))
        for part in others:
            yield tuple(spans)
            spans = [(style, part)] if part else []
    if spans:
        yield tuple(spans)


@lru_cache(maxsize=512)
def _style_of(token: Any) -> Style:
    while token is not None:
        if token in _STYLES:
            return _STYLES[token]
        token = token.parent
    return Style.PLAIN


@lru_cache(maxsize=32)
def _lexer_of(language: str) -> Lexer | None:
    if not language:
        return None
    try:
        # Nothing may be added or removed: not every text ends in a line feed, or begins without blank lines.
        return get_lexer_by_name(language, stripnl=False, ensurenl=True)
    except ClassNotFound:
        return None
