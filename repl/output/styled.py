"""Styled text in its simplest form, and the two ways to write it: for a terminal, and plain.

Commands show short things (rows, counts, errors) that need no layout engine; these are built as lines of spans, which
costs no import and leaves one place where styles become escape codes.

What stands before the input: on its first line, and on the lines below.

A line that was entered, as it stays in the scrollback.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from aloop.sanitize import safe_text
from aloop.width import fit, text_width


class Style(Enum):
    """How a span stands out; the values are SGR codes. Only base colours, which every theme keeps readable."""

    PLAIN = ""
    STRONG = "1"
    QUIET = "2"
    BAD = "31"
    GOOD = "32"
    ACCENT = "36"


Span = tuple[Style, str]
Line = tuple[Span, ...]

_COLOURS = frozenset({Style.BAD, Style.GOOD, Style.ACCENT})


def line(*parts: Span | str) -> Line:
    """Build a line; a bare text is plain."""
    return tuple((Style.PLAIN, part) if isinstance(part, str) else part for part in parts)


def to_ansi(lines: Iterable[Line], *, colour: bool) -> str:
    """Return ``lines`` for a terminal, each ended by a line feed; without ``colour``, bold and dim remain."""
    return "".join("".join(_styled(span, colour) for span in spans) + "\n" for spans in lines)


def to_text(lines: Iterable[Line]) -> str:
    """Return ``lines`` without any style, each ended by a line feed."""
    return "".join("".join(safe_text(text) for _, text in spans) + "\n" for spans in lines)


def fit_line(spans: Line, width: int) -> Line:
    """Return a line cut to ``width`` cells as a whole; its texts must be safe and have no line feeds."""
    kept = []
    for tone, text in spans:
        shown = fit(text, width)
        width -= text_width(shown)
        kept.append((tone, shown))
        if shown != text:
            break
    return tuple(kept)


def _styled(span: Span, colour: bool) -> str:
    tone, text = span
    safe = safe_text(text)
    if not safe or tone is Style.PLAIN or (tone in _COLOURS and not colour):
        return safe
    return f"\x1b[{tone.value}m{safe}\x1b[0m"


PROMPT = "> "
CONTINUATION = "  "


def echo_lines(entered: str) -> list[Line]:
    """Return ``entered`` as it stood at the prompt."""
    rows = safe_text(entered).rstrip().split("\n")
    return [line((Style.STRONG, CONTINUATION if number else PROMPT), row) for number, row in enumerate(rows)]
