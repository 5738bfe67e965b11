"""The smallest edits that turn one text into another."""

from __future__ import annotations

from difflib import SequenceMatcher

from lsprotocol.types import TextEdit

from aloop.lsp.positions import TextIndex, split_lines

_MOST_COMPARED = 4_000
"""Lines beyond which a range is replaced as a whole, because comparing them takes quadratic time."""


def text_edits(index: TextIndex, after: str) -> list[TextEdit]:
    """Return edits of whole lines that turn the text of ``index`` into ``after``."""
    before = index.text
    start = before.rfind("\n", 0, _common_start(before, after)) + 1
    tail = _common_end(before[start:], after[start:])
    # Up to a line end, so that lines are replaced as a whole.
    line_end = before.find("\n", len(before) - tail)
    end = len(before) if not tail or line_end < 0 else line_end + 1
    old, new = before[start:end], after[start : len(after) - (len(before) - end)]
    if old == new:
        return []
    was, becomes = split_lines(old), split_lines(new)
    if len(was) + len(becomes) > _MOST_COMPARED:
        return [TextEdit(index.range(start, end), new)]
    offsets = [start]
    for line in was:
        offsets.append(offsets[-1] + len(line))
    return [
        _edit(index, offsets[first], offsets[last], "".join(becomes[low:high]))
        for kind, first, last, low, high in SequenceMatcher(None, was, becomes, autojunk=False).get_opcodes()
        if kind != "equal"
    ]


def _edit(index: TextIndex, start: int, end: int, new: str) -> TextEdit:
    """Return an edit; lines after the last one are inserted before its line end.

    Neovim adds a blank line to an insertion at the very end.
    """
    text = index.text
    line_end = "\r\n" if text.endswith("\r\n") else "\n"
    if start == len(text) and text.endswith(line_end) and new.endswith(line_end):
        start = end = len(text) - len(line_end)
        new = line_end + new.removesuffix(line_end)
    return TextEdit(index.range(start, end), new)


def _common_start(one: str, other: str) -> int:
    """Return the number of equal characters at the start, by bisection."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_end(one: str, other: str) -> int:
    """Return the number of equal characters at the end, by bisection."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low
