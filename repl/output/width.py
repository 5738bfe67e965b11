"""Text measured in terminal cells, where a CJK character or an emoji takes two."""

from __future__ import annotations

import re
from collections.abc import Iterator

from prompt_toolkit.utils import get_cwidth

from repl.output.styled import Line

_PIECE = re.compile(r" *[^ ]+| +")
_JOINING = dict.fromkeys((0x200D, 0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400)))
_STABLE = 4096
_DOT = " · "


def text_width(text: str) -> int:
    """Return how many cells ``text`` takes; for a joined emoji, the most that it takes on any terminal."""
    return len(text) if text.isascii() else get_cwidth(text)


def unjoined(text: str) -> str:
    """Return ``text`` with joined emoji apart: terminals differ on how wide those are, and not on their parts."""
    return text if text.isascii() else text.translate(_JOINING)


def clusters(text: str) -> Iterator[str]:
    """Yield what is one character to a reader: marks stay with their letter, and joined emoji together."""
    cluster = ""
    for character in text:
        joined = cluster.endswith("\u200d") or get_cwidth(character) == 0 or "\U0001f3fb" <= character <= "\U0001f3ff"
        if cluster and not joined:
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def fit(text: str, width: int) -> str:
    """Return ``text`` cut to ``width`` cells, with an ellipsis where something was cut off."""
    if text_width(text) <= width:
        return text
    kept, _ = _split(text, width - 1)
    return kept.rstrip() + "…" if width > 0 else ""


def pad(text: str, width: int) -> str:
    """Return ``text`` in exactly ``width`` cells, cut or filled with spaces on the right."""
    shown = fit(text, width)
    return shown + " " * (width - text_width(shown))


def fit_line(spans: Line, width: int) -> Line:
    """Return the line cut to ``width`` cells as a whole; its texts must be safe and single lines already."""
    kept = []
    for tone, text in spans:
        shown = fit(text, width)
        width -= text_width(shown)
        kept.append((tone, shown))
        if shown != text:
            break
    return tuple(kept)


def last_rows(lines: list[str], width: int, count: int) -> list[str]:
    """Return the last ``count`` screen rows of ``lines`` (oldest first), each line broken as by ``rows``.

    Only as many lines as are needed are looked at, so that the end of a long text costs no more than a short one.
    """
    found: list[str] = []
    for text in reversed(lines):
        # A very long line is looked at from a place that stays the same while it grows, lest its rows jump about.
        start = max(0, len(text) - count * width) // _STABLE * _STABLE
        found[:0] = list(rows(text[start:], width))
        if len(found) >= count:
            return found[len(found) - count :]
    return found


def rows(text: str, width: int) -> Iterator[str]:
    """Yield a line of safe ``text`` in rows of at most ``width`` cells, broken between words; a long word anywhere."""
    row, used = "", 0
    for piece in _PIECE.findall(text):
        taken = text_width(piece)
        if used + taken > width:
            if row:
                yield row
                piece = piece.lstrip(" ")
            *whole, piece = _chopped(piece, width)
            yield from whole
            row, used = piece, text_width(piece)
        else:
            row, used = row + piece, used + taken
    yield row


def wrap(text: str, width: int) -> list[str]:
    """Return safe ``text`` as rows of at most ``width`` cells, broken between words.

    A longer word, a path perhaps, is left to the terminal to wrap, from which it can be copied whole.
    """
    found: list[str] = []
    for paragraph in text.split("\n"):
        row = ""
        for word in paragraph.split(" "):
            if row and text_width(row) + 1 + text_width(word) > width:
                found.append(row)
                row = word
            else:
                row = f"{row} {word}" if row else word
        found.append(row)
    return found


def flow(text: str, width: int) -> list[str]:
    """Return safe parts with `` · `` between them as rows, broken between two parts, or words where one is too long."""
    found, row = list[str](), ""
    for part in text.split(_DOT):
        joined = f"{row}{_DOT}{part}" if row else part
        if row and text_width(joined) > width:
            found += rows(row, width)
            joined = part
        row = joined
    return [*found, *rows(row, width)]


def _chopped(text: str, width: int) -> list[str]:
    """Return ``text`` in pieces of at most ``width`` cells; one, perhaps empty, at least."""
    pieces = []
    while text_width(text) > width:
        piece, rest = _split(text, width)
        if not piece:  # a character wider than the screen
            break
        pieces.append(piece)
        text = rest
    return [*pieces, text]


def _split(text: str, width: int) -> tuple[str, str]:
    """Return the beginning of ``text`` that fits into ``width`` cells, and the rest."""
    end = used = 0
    for cluster in clusters(text):
        used += text_width(cluster)
        if used > width:
            break
        end += len(cluster)
    return text[:end], text[end:]
