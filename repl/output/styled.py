"""Lines of styled spans, and their conversion to text.

Rows, counts and errors need no layout engine. This module imports nothing heavy, and is the only one that writes escape
codes for styles.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from aloop.sanitize import safe_text
from aloop.width import fit, text_width


class Style(Enum):
    """The style of a span, with its SGR code.

    Only base colors, because every theme keeps these readable.
    """

    PLAIN = ""
    STRONG = "1"
    QUIET = "2"
    BAD = "31"
    GOOD = "32"
    ACCENT = "36"


Span = tuple[Style, str]
Line = tuple[Span, ...]

PROMPT = "> "
CONTINUATION = "  "

_COLORS = frozenset({Style.BAD, Style.GOOD, Style.ACCENT})


def line(*parts: Span | str) -> Line:
    """Build a line; a plain string has no style."""
    return tuple((Style.PLAIN, part) if isinstance(part, str) else part for part in parts)


def to_ansi(lines: Iterable[Line], *, color: bool) -> str:
    """Return ``lines`` for a terminal; without ``color``, bold and dim remain."""
    return "".join("".join(_styled(span, color) for span in spans) + "\n" for spans in lines)


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


def _styled(span: Span, color: bool) -> str:
    style, text = span
    safe = safe_text(text)
    if not safe or style is Style.PLAIN or (style in _COLORS and not color):
        return safe
    return f"\x1b[{style.value}m{safe}\x1b[0m"


def echo_lines(entered: str) -> list[Line]:
    """Return ``entered`` as it looked at the prompt."""
    rows = safe_text(entered).rstrip().split("\n")
    return [line((Style.STRONG, CONTINUATION if number else PROMPT), row) for number, row in enumerate(rows)]
