"""Text measured in terminal cells, where a CJK character or an emoji takes two."""

from __future__ import annotations

from collections.abc import Iterator

from prompt_toolkit.utils import get_cwidth

from repl.spans import Line


def fit(text: str, width: int) -> str:
    """Return ``text`` cut to ``width`` cells, with an ellipsis where something was cut off."""
    if get_cwidth(text) <= width:
        return text
    kept, used = "", 1
    for character in text:
        used += get_cwidth(character)
        if used > width:
            break
        kept += character
    return kept.rstrip() + "…" if width > 0 else ""


def pad(text: str, width: int) -> str:
    """Return ``text`` in exactly ``width`` cells, cut or filled with spaces on the right."""
    shown = fit(text, width)
    return shown + " " * (width - get_cwidth(shown))


def fit_line(spans: Line, width: int) -> Line:
    """Return the line cut to ``width`` cells as a whole; its texts must be safe and single lines already."""
    kept = []
    for tone, text in spans:
        shown = fit(text, width)
        width -= get_cwidth(shown)
        kept.append((tone, shown))
        if shown != text:
            break
    return tuple(kept)


def last_rows(lines: list[str], width: int, count: int) -> list[str]:
    """Return the last ``count`` screen rows of ``lines`` (oldest first), each line wrapped hard at ``width`` cells.

    Only as many lines as are needed are looked at, so that the end of a long text costs no more than a short one.
    """
    rows: list[str] = []
    for text in reversed(lines):
        # No row holds more characters than cells, zero-width ones apart: what is further back is out of sight.
        rows[:0] = list(_rows(text[-count * width :], width)) or [""]
        if len(rows) >= count:
            return rows[len(rows) - count :]
    return rows


def wrap(text: str, width: int) -> list[str]:
    """Return safe ``text`` as rows of at most ``width`` cells, broken between words.

    A longer word, a path perhaps, is left to the terminal to wrap, from which it can be copied whole.
    """
    rows: list[str] = []
    for paragraph in text.split("\n"):
        row = ""
        for word in paragraph.split(" "):
            if row and get_cwidth(row) + 1 + get_cwidth(word) > width:
                rows.append(row)
                row = word
            else:
                row = f"{row} {word}" if row else word
        rows.append(row)
    return rows


def _rows(text: str, width: int) -> Iterator[str]:
    row, used = "", 0
    for character in text:
        cells = get_cwidth(character)
        if row and used + cells > width:
            yield row
            row, used = "", 0
        row += character
        used += cells
    if row:
        yield row
