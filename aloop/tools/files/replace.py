"""Replacing a text in a file, and the nearest text if it is not found.

All steps take time in proportion to the length of the file, whatever the texts are.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from itertools import zip_longest

from aloop.errors import ToolError
from aloop.text import normalized
from aloop.tools.files.text_file import MOST_BYTES, TOO_LARGE

_LINES_NAMED = 5
_SHOWN = 60  # characters of a line in an error message
_MOST_COMPARED = 500_000  # lines in which the nearest text is looked for
_NO_HINT = "Use read_file to see its current contents."
_LEAST_SHARE = 0.6  # of the words of a line, so that it is called similar

_LOOK_ALIKES = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4`", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u00a0\u1680\u202f\u205f\u3000", " "),
    **dict.fromkeys(map(chr, range(0x2000, 0x200B)), " "),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
    "\u2026": "...",
}
_FOLDED = str.maketrans(_LOOK_ALIKES)
_WORD = re.compile(r"\w+")
_NUMBERED = re.compile(r" *\d+\t")


def replace_text(text: str, old: str, new: str, line_end: str, *, everywhere: bool = False) -> str:
    """Return ``text`` with ``old`` replaced by ``new``.

    Raises ToolError unless ``old`` occurs exactly once; ``everywhere`` replaces every occurrence. The model sees all
    files with ``\\n``, so a line end in ``old`` matches either kind, and in ``new`` it becomes ``line_end``. Lines at
    the start and the end of ``old`` that ``new`` repeats keep their line endings, and so does every other byte.
    """
    old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    if not old:
        raise ToolError("old_text is empty.", "Pass the text to replace, or use write_file to write a whole file.")
    if old == new:
        raise ToolError("old_text and new_text are the same, so nothing would change.")
    flat = text.replace("\r\n", "\n")
    first = flat.find(old)
    if first < 0 and all(map(_NUMBERED.match, old.splitlines())):
        fact = "old_text begins with the line numbers that read_file shows."
        raise ToolError(fact, "Leave out the numbers and tabs.")
    if first < 0:
        raise ToolError("old_text is not in the file.", _explain(flat, old))
    # From the next character, to find overlapping matches too: in "aaa", "aa" is ambiguous.
    if not everywhere and flat.find(old, first + 1) >= 0:
        count, lines = _count(flat, old, first)
        raise ToolError(
            f"old_text occurs {count:,} times ({lines}).",
            "Add surrounding lines until it is unique, or set replace_all.",
        )
    places = _Places(text, flat)
    pieces, done, ended = [], 0, dict[str, str]()
    # Before anything is built: a long text in many places would use up the memory.
    if len(flat) + flat.count(old) * (len(new) - len(old)) > MOST_BYTES:
        raise ToolError(TOO_LARGE)
    while first >= 0:
        last = first + len(old)
        start, stop = places.original(first), places.original(last)
        before = text[start:stop]
        if before not in ended:
            ended[before] = _with_line_ends(before, new, line_end)
        pieces += [text[done:start], ended[before]]
        done = stop
        first = flat.find(old, last)
    return "".join([*pieces, text[done:]])


class _Places:
    """Finds places of a text without CRs in the original, in ascending order.

    A place in the original is further by the number of CRLFs before it.
    """

    def __init__(self, text: str, flat: str) -> None:
        self._flat = flat
        self._at = self._before = 0
        # Of a mixture, the place of each CRLF in the text without CRs; otherwise counting is many times faster.
        is_mixed = 0 < text.count("\r\n") < text.count("\n")
        ends = enumerate(re.finditer("\r\n", text)) if is_mixed else ()
        self._ends = [found.start() - number for number, found in ends]
        self._is_flat = len(text) == len(flat)

    def original(self, place: int) -> int:
        """Return the place in the original."""
        if self._is_flat:
            return place
        if self._ends:
            return place + bisect_left(self._ends, place)
        self._before += self._flat.count("\n", self._at, place)
        self._at = place
        return place + self._before


def _with_line_ends(before: str, after: str, line_end: str) -> str:
    """Return ``after`` with ``line_end``, except in lines at an end of ``before``."""
    if line_end == "\n" and "\r\n" not in before:
        return after
    old, new = before.split("\n"), after.split("\n")
    most = min(len(old), len(new)) - 1  # the last parts have no line end
    head = _count_same(old, new, most)
    tail = _count_same(old[-2::-1], new[-2::-1], most - head) if old[-1] == new[-1] else 0
    middle = new[head : len(new) - 1 - tail]
    kept = [f"{line}\n" for line in old[:head]], [f"{line}\n" for line in old[len(old) - 1 - tail : -1]]
    return "".join([*kept[0], *(f"{line}{line_end}" for line in middle), *kept[1], new[-1]])


def _count_same(old: list[str], new: list[str], most: int) -> int:
    """Return the number of equal lines at the start, apart from their line endings."""
    pairs = zip(old[:most], new[:most], strict=True)
    return next((number for number, (a, b) in enumerate(pairs) if a.removesuffix("\r") != b), most)


def _count(text: str, old: str, first: int) -> tuple[int, str]:
    """Return the number of matches, and the lines of the first ones."""
    places = [first]
    while len(places) <= _LINES_NAMED and (place := text.find(old, places[-1] + 1)) >= 0:
        places.append(place)
    numbers = ", ".join(str(text.count("\n", 0, place) + 1) for place in places[:_LINES_NAMED])
    more = ", …" if len(places) > _LINES_NAMED else ""
    return max(len(places), text.count(old)), f"lines {numbers}{more}"


def _explain(text: str, old: str) -> str:
    """Return where the nearest text is and how it differs."""
    if text.count("\n") > _MOST_COMPARED:
        return _NO_HINT
    lines, wanted = text.split("\n"), old.split("\n")
    looks = [_fold(line) for line in lines]
    kinds: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("in look-alike characters", _fold),
        ("in spaces or tabs", _without_blanks),
        ("in upper and lower case", lambda line: _without_blanks(line).casefold()),
    )
    for kind, fold in kinds:
        place = "\n".join(map(fold, lines)).find("\n".join(map(fold, wanted)))
        if place >= 0:
            first = "\n".join(map(fold, lines)).count("\n", 0, place)
            return _compare(lines[first : first + len(wanted)], wanted, first + 1, kind)
    start = next((line for line in map(_without_blanks, wanted) if line), "")
    near = [number for number, line in enumerate(lines, 1) if start and _without_blanks(line) == start]
    if near:
        skipped = next(number for number, line in enumerate(map(_without_blanks, wanted)) if line)
        # Only the first of them: the others may be far from the text that is meant.
        first = max(0, near[0] - 1 - skipped)
        numbers = ", ".join(map(str, near[:_LINES_NAMED]))
        below = _compare(lines[first : first + len(wanted)], wanted, first + 1, "there")
        return f"Its first line is at line {numbers}, but the whitespace or the lines after it differ. {below}"
    return _most_similar(looks, lines, wanted)


def _fold(line: str) -> str:
    """Replace characters that look alike, and compose accents."""
    return line if line.isascii() and "`" not in line else normalized("NFC", line).translate(_FOLDED)


def _without_blanks(line: str) -> str:
    return " ".join(_fold(line).split())


def _compare(found: list[str], wanted: list[str], first: int, kind: str) -> str:
    """Return the first difference of two sequences of lines."""
    for number, (theirs, ours) in enumerate(zip_longest(found, wanted, fillvalue=""), first):
        # At the start and the end, old_text may be only a part of the line.
        if theirs == ours or (len(wanted) == 1 and ours in theirs) or (number == first and theirs.endswith(ours)):
            continue
        place = next((place for place, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b), 0)
        if len(wanted) == 1:
            place = 0
        return (
            f"The nearest text is at line {number:,} and differs {kind}: the file has {_shown(theirs, place)}, but "
            f"old_text has {_shown(ours, place)}. Use read_file to see the exact text."
        )
    return f"The nearest text is at line {first:,}. Use read_file to see the exact text."


def _shown(line: str, place: int) -> str:
    """Return the part of a line around ``place`` with escapes for unusual characters."""
    start = max(0, place - _SHOWN // 3)
    return ascii(line[start : start + _SHOWN])


def _most_similar(looks: list[str], lines: list[str], wanted: list[str]) -> str:
    anchor = max(wanted, key=lambda line: len(set(_WORD.findall(_fold(line)))))
    words = set(_WORD.findall(_fold(anchor)))
    shares = (len(words & set(_WORD.findall(look))) for look in looks)
    share, number = max(((share, -number) for number, share in enumerate(shares, 1)), default=(0, 0))
    if not words or len(words) < 2 or share < _LEAST_SHARE * len(words):
        return _NO_HINT
    return (
        f"The most similar line is line {-number:,}: the file has {_shown(lines[-number - 1], 0)}, but old_text has "
        f"{_shown(anchor, 0)}. Use read_file to see the exact text."
    )
