"""Lines of styled spans, and their conversion to text.

Rows, counts and errors need no layout engine. This module imports nothing heavy, and is the only one that writes escape
codes for styles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from aloop.sanitize import safe_text
from aloop.width import fit, fit_parts, rows, text_width, unjoined
from repl.output.theme import Look, Style, Theme

Span = tuple[Look, str]
"""A text with its style. An empty text with a background fills the rest of the row."""

Line = tuple[Span, ...]

PROMPT = "> "
PLACEHOLDER = "Ask anything, / for commands, ? for keys"
"""Shown on the empty line until the first message, as much of it as fits."""
CONTINUATION = "  "
BAR = "│ "
"""The mark of all rows of a message after the first."""


def placeholder(width: int) -> str:
    """Return as much of the placeholder as fits into ``width`` cells."""
    return fit_parts(PLACEHOLDER, width, ", ")


def line(*parts: Span | str) -> Line:
    """Build a line; a plain string has no style."""
    return tuple((Style.PLAIN, part) if isinstance(part, str) else part for part in parts)


def to_ansi(lines: Iterable[Line], theme: Theme) -> str:
    """Return ``lines`` for a terminal."""
    return "".join("".join(_styled(spans, theme)) + "\n" for spans in lines)


def to_text(lines: Iterable[Line]) -> str:
    """Return ``lines`` without styles, each with a line feed."""
    return "".join("".join(safe_text(text) for _, text in spans) + "\n" for spans in lines)


def fit_line(spans: Line, width: int) -> Line:
    """Return a line cut to ``width`` cells; its texts must be safe single lines."""
    kept = []
    for style, text in spans:
        shown = fit(text, width)
        width -= text_width(shown)
        kept.append((style, shown))
        if shown != text:
            break
    return tuple(kept)


def spans_from(spans: Line, start: int) -> Line:
    """Return a line without its first ``start`` characters."""
    kept: list[Span] = []
    for look, text in spans:
        if part := text[start:]:
            kept.append((look, part))
        start = max(0, start - len(text))
    return tuple(kept)


def line_width(spans: Line) -> int:
    """Return the width of a line in cells; its texts must be safe single lines."""
    return sum(text_width(text) for _, text in spans)


_FILL = "\x1b[K"


def _styled(spans: Line, theme: Theme) -> Iterator[str]:
    """Yield the texts of ``spans``, neighbors of the same style as one."""
    for codes, alike in groupby(spans, lambda span: theme.codes(span[0])):
        found = list(alike)
        safe = "".join(safe_text(text) for _, text in found)
        fill = _FILL if not found[-1][1] and theme.has_ground(found[-1][0]) else ""
        yield f"\x1b[{codes}m{safe}{fill}\x1b[0m" if codes and (safe or fill) else safe


def echo_lines(entered: str, width: int) -> list[Line]:
    """Return what was ``entered`` at the prompt, in rows of ``width`` cells."""
    text = unjoined(safe_text(entered)).rstrip()
    return user_lines([part for row in text.split("\n") for part in rows(row, max(width - len(PROMPT), 1))])


def user_lines(texts: Sequence[str], bar: str = BAR) -> list[Line]:
    """Return a message of the user, set apart down all its rows.

    The mark of the first row is that of the prompt, where a turn begins; ``bar`` is that of the others.
    """
    return [
        line(((Style.USER, Style.ACCENT), bar if place else PROMPT), (Style.USER, text), (Style.USER, ""))
        for place, text in enumerate(texts)
    ]
