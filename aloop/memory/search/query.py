"""Search queries of words and phrases, and snippets with the matches marked."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from aloop.text import normalized

_TERM = re.compile(r'["“”„]([^"“”„]*)(?:["“”„]|\Z)|([^\s"“”„]+)')


def fold(text: str) -> str:
    """Return ``text`` for comparison: case-folded, composed (NFC), with single spaces."""
    text = " ".join(text.split())
    if text.isascii():
        return text.lower()
    return normalized("NFC", normalized("NFC", text).casefold())


@dataclass(frozen=True, slots=True)
class Query:
    """Folded words and phrases that must all occur; an empty one matches nothing."""

    terms: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Query:
        """Parse words, and phrases in quotes; the text ends an open quote."""
        found = (fold(match.group(1) or match.group(2) or "") for match in _TERM.finditer(text))
        return cls(tuple(dict.fromkeys(term for term in found if term)))

    def missing(self, folded: str) -> list[str]:
        """Return the terms that are not in the folded text."""
        return [term for term in self.terms if term not in folded]


BEFORE = 24
"""At most so many characters before the first mark; few, so that the mark stays visible in a narrow terminal."""
LENGTH = 200
"""At most so many characters in a snippet."""

Mark = tuple[int, int]
"""Start and end of a mark, in characters of the line."""


def snippet(text: str, query: Query) -> tuple[str, tuple[Mark, ...]]:
    """Return the part of ``text`` with most terms close together, and their marks.

    It is on one line. Without any term in the text, it is the start of the text, without marks.
    """
    line = " ".join(text.split())
    folded, origins = _fold_with_origins(line)
    found = sorted({_place(match, origins) for term in query.terms for match in _matches(term, folded)})
    start = _start(line, _densest(found))
    end = min(len(line), start + LENGTH)
    lead, tail = "… " if start else "", " …" if end < len(line) else ""
    marks = tuple((a - start + len(lead), b - start + len(lead)) for a, b in _joined(found) if start <= a and b <= end)
    return lead + line[start:end] + tail, marks


def _matches(term: str, folded: str) -> Iterator[re.Match[str]]:
    return re.finditer(re.escape(term), folded)


def _place(match: re.Match[str], origins: Sequence[int]) -> Mark:
    """Return the place of a match in the original line, always with whole characters."""
    first = origins[match.start()]
    return first, max(origins[match.end() - 1] + 1, origins[match.end()])


def _fold_with_origins(line: str) -> tuple[str, Sequence[int]]:
    """Return the folded line and the original position of each character.

    The positions include that of the end.
    """
    if line.isascii():
        return line.lower(), range(len(line) + 1)
    pieces, places = [], []
    for start, cluster in _clusters(line):
        piece = fold(cluster) or " "
        pieces.append(piece)
        places += [start] * len(piece)
    return "".join(pieces), [*places, len(line)]


def _clusters(line: str) -> Iterator[tuple[int, str]]:
    """Yield the position and text of each character with its combining marks."""
    start = 0
    for at in range(1, len(line) + 1):
        if at == len(line) or not unicodedata.combining(line[at]):
            yield start, line[start:at]
            start = at


def _densest(found: Sequence[Mark]) -> int:
    """Return the start of the snippet that has most marks."""
    if not found:
        return 0
    starts = [start for start, _ in found]
    return max(found, key=lambda mark: bisect_left(starts, mark[0] + LENGTH - BEFORE) - bisect_left(starts, mark[0]))[0]


def _start(line: str, place: int) -> int:
    """Return the start of the shown part: a whole word a little before ``place``."""
    if place <= BEFORE:
        return 0
    space = line.find(" ", place - BEFORE, place)
    return place - BEFORE if space < 0 else space + 1


def _joined(found: Sequence[Mark]) -> list[Mark]:
    """Join overlapping marks."""
    ends = accumulate((end for _, end in found), max)
    joined: list[Mark] = []
    for (start, _), end in zip(found, ends, strict=True):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
