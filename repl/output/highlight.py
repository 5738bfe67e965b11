"""Colors for source code, even if it arrives line by line."""

from __future__ import annotations

from functools import lru_cache

from pygments.token import (  # type: ignore[import-untyped] # pygments ships no types
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    String,
)
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.text import Text

from repl.output.rich_lines import rich_style
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
_THEME = ANSISyntaxTheme({token: rich_style(style) for token, style in _STYLES.items()})

_LONGEST_LINE = 2_000
"""Characters of a line that is highlighted."""

_MOST_HELD = 200
"""Lines that are highlighted together, because a string or a comment may be open."""

_COMMENTS = (("/*", "*/"), ("<!--", "-->"), ("{-", "-}"), ("(*", "*)"))

_PROBES = ("x\n", "'x' 1\n")


def highlight(text: str, language: str) -> list[Text]:
    """Return the lines of safe ``text``, with colors if the language is known."""
    highlighter = Highlighter(language)
    return highlighter.add(text.split("\n"))


class Highlighter:
    """Highlights lines that arrive one by one.

    Lines are highlighted together with those before them back to a place at which no string, comment or the like is
    open, so that the result is the same as for the whole text.
    """

    def __init__(self, language: str) -> None:
        self._syntax = _syntax_of(language)
        self._held: list[str] = []

    @staticmethod
    def for_file(name: str) -> Highlighter:
        """Return the highlighter for a file, by its name."""
        return Highlighter(_language_of(name))

    def add(self, lines: list[str]) -> list[Text]:
        """Return ``lines`` with their colors."""
        found = self._highlighted(lines)
        self._held += lines
        if len(self._held) > _MOST_HELD or self._is_closed():
            self._held = []
        return found

    def preview(self, text: str) -> Text:
        """Return the start of the next line, which is not complete."""
        return self._highlighted([text])[0]

    def _highlighted(self, lines: list[str]) -> list[Text]:
        if self._syntax is None or any(len(text) > _LONGEST_LINE for text in lines):
            return [Text(text) for text in lines]
        text = "\n".join([*self._held, *lines]) + "\n"
        found = self._syntax.highlight(text + _closing(text)).split("\n")
        return list(found)[len(self._held) :][: len(lines)]

    def _is_closed(self) -> bool:
        """Return True if the next line is highlighted alike without the held lines."""
        lexer, before = self._syntax.lexer if self._syntax else None, "\n".join(self._held) + "\n"
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


@lru_cache(maxsize=32)
def _syntax_of(language: str) -> Syntax | None:
    lexer = Syntax("", language, tab_size=0).lexer  # found by its name at each access
    return Syntax("", lexer, theme=_THEME) if lexer else None


@lru_cache(maxsize=32)
def _language_of(name: str) -> str:
    return Syntax.guess_lexer(name, " ")
