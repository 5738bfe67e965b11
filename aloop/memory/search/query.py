"""What is searched for: words and phrases, and how text is made comparable with them.

A line of context around what was found, with the places of it marked.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

_TERM = re.compile(r'["“”„]([^"“”„]*)(?:["“”„]|\Z)|([^\s"“”„]+)')


def fold(text: str) -> str:
    """Return ``text`` as it is compared: without case, composed, its white space made single spaces."""
    text = " ".join(text.split())
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


@dataclass(frozen=True, slots=True)
class Query:
    """Folded words and phrases, all of which must be there, in any order; none of them matches nothing."""

    terms: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read words parted by white space, and phrases in quotes; a quote that is left open closes at the end."""
        found = (fold(match.group(1) or match.group(2) or "") for match in _TERM.finditer(text))
        return cls(tuple(dict.fromkeys(term for term in found if term)))

    def missing(self, folded: str) -> list[str]:
        """Return the terms that folded text does not hold."""
        return [term for term in self.terms if term not in folded]


BEFORE = 24
"""Characters of context before the first mark, at most; few, so that the mark is seen where the line is cut."""
LENGTH = 200

Mark = tuple[int, int]
"""Where a mark begins and ends, in characters of the line."""


def snippet(text: str, query: Query) -> tuple[str, tuple[Mark, ...]]:
    """Return some of ``text`` on one line, from where most terms stand together, and the marks of them.

    Where no term stands in it, its beginning is returned, without marks.
    """
    line = " ".join(text.split())
    folded, origins = _fold_with_origins(line)
    found = sorted({_place(match, origins) for term in query.terms for match in _matches(term, folded)})
    start = _start(line, _densest(found))
    end = min(len(line), start + LENGTH)
    lead, tail = "… " if start else "", " …" if end < len(line) else ""
    marks = tuple((a - start + len(lead), b - start + len(lead)) for a, b in _apart(found) if start <= a and b <= end)
    return lead + line[start:end] + tail, marks


def _matches(term: str, folded: str) -> Iterator[re.Match[str]]:
    return re.finditer(re.escape(term), folded)


def _place(match: re.Match[str], origins: Sequence[int]) -> Mark:
    """Return where a match stands in the line: a character that folds to several is marked whole."""
    first = origins[match.start()]
    return first, max(origins[match.end() - 1] + 1, origins[match.end()])


def _fold_with_origins(line: str) -> tuple[str, Sequence[int]]:
    """Return the folded line, and for each of its characters (and its end) where in the line it comes from."""
    if line.isascii():
        return line.lower(), range(len(line) + 1)
    pieces, places = [], []
    for start, cluster in _clusters(line):
        piece = fold(cluster) or " "
        pieces.append(piece)
        places += [start] * len(piece)
    return "".join(pieces), [*places, len(line)]


def _clusters(line: str) -> Iterator[tuple[int, str]]:
    """Yield each character with the marks that combine with it."""
    start = 0
    for at in range(1, len(line) + 1):
        if at == len(line) or not unicodedata.combining(line[at]):
            yield start, line[start:at]
            start = at


def _densest(found: Sequence[Mark]) -> int:
    """Return the place from which on the most is marked within one line."""
    if not found:
        return 0
    starts = [start for start, _ in found]
    return max(found, key=lambda mark: bisect_left(starts, mark[0] + LENGTH - BEFORE) - bisect_left(starts, mark[0]))[0]


def _start(line: str, place: int) -> int:
    """Return where the shown part begins: a little before ``place``, with a whole word."""
    if place <= BEFORE:
        return 0
    space = line.find(" ", place - BEFORE, place)
    return place - BEFORE if space < 0 else space + 1


def _apart(found: Sequence[Mark]) -> list[Mark]:
    """Join marks that overlap."""
    ends = accumulate((end for _, end in found), max)
    joined: list[Mark] = []
    for (start, _), end in zip(found, ends, strict=True):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
