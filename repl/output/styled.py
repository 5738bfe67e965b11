"""Lines of styled spans, and their conversion to text.

Rows, counts and errors need no layout engine. This module imports nothing heavy, and is the only one that writes escape
codes for styles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from aloop.sanitize import safe_text
from aloop.width import fit, text_width
from repl.output.theme import Look, Style, Theme

Span = tuple[Look, str]
"""A text with its style. An empty text with a background fills the rest of the row."""

Line = tuple[Span, ...]

PROMPT = "> "
CONTINUATION = "  "


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


_FILL = "\x1b[K"


def _styled(spans: Line, theme: Theme) -> Iterator[str]:
    """Yield the texts of ``spans``, neighbors of the same style as one."""
    for codes, alike in groupby(spans, lambda span: theme.codes(span[0])):
        found = list(alike)
        safe = "".join(safe_text(text) for _, text in found)
        fill = _FILL if not found[-1][1] and theme.has_ground(found[-1][0]) else ""
        yield f"\x1b[{codes}m{safe}{fill}\x1b[0m" if codes and (safe or fill) else safe


def echo_lines(entered: str) -> list[Line]:
    """Return ``entered`` as it looked at the prompt."""
    rows = safe_text(entered).rstrip().split("\n")
    return [line((Style.STRONG, CONTINUATION if number else PROMPT), row) for number, row in enumerate(rows)]
