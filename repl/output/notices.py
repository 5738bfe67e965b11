"""Sentences of aloop itself: notices, problems and errors.

Problems and errors have a mark, because a color alone is lost without colors, and on some eyes. Without a width, the
lines are for a screen reader or a file, and a word marks them.
"""

from __future__ import annotations

from aloop.errors import Problem
from aloop.sanitize import safe_text
from aloop.width import wrap
from repl.output.styled import Line, line
from repl.output.theme import Style

MARK = "✗ "
"""Before each problem and error, and each tool call that failed."""


def notice_lines(text: str, width: int | None) -> list[Line]:
    """Return a notice in quiet rows, or a ``Problem`` in rows that catch the eye."""
    if width is None:
        return [line(notice_text(text))]
    if isinstance(text, Problem):
        return _marked(Style.WARNING, str(text), width)
    return [line((Style.QUIET, row)) for row in wrap(safe_text(text), width)]


def error_lines(text: str, width: int | None) -> list[Line]:
    """Return an error in red rows."""
    return [line(error_text(text))] if width is None else _marked(Style.BAD, text, width)


def _marked(style: Style, text: str, width: int) -> list[Line]:
    first, *others = wrap(safe_text(text), width - len(MARK))
    return [line((style, MARK + first)), *(line((style, " " * len(MARK) + row)) for row in others)]


def notice_text(text: str) -> str:
    """Return a notice for a screen reader or a file, with a word for a ``Problem``."""
    return "Warning: " + str(text) if isinstance(text, Problem) else text


def error_text(text: str) -> str:
    """Return an error for a screen reader or a file."""
    return "Error: " + text
