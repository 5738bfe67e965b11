"""The saved sessions as completion knows them: a snapshot, sorted, never read from disk while somebody types."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aloop.memory import SessionTitle

SHORT_ID = 8
OFFERED = 100
"""Sessions offered at most; a longer menu helps nobody."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A session to offer: ``shortest`` is the beginning of its id that no other session shares, eight at least."""

    shortest: str
    title: SessionTitle
    rank: int


class SessionCatalog:
    """Sessions by id prefix."""

    def __init__(self) -> None:
        self._newest: list[Entry] = []
        self._ids: list[str] = []
        self._sorted: list[Entry] = []

    def replace(self, titles: Iterable[SessionTitle]) -> None:
        """Take ``titles`` (newest first) as what there is now."""
        by_id = sorted(enumerate(titles), key=lambda pair: pair[1].id)
        ids = [title.id.lower() for _, title in by_id]
        shared = [0, *(_common(one, other) for one, other in pairwise(ids)), 0]
        self._ids = ids
        self._sorted = [
            Entry(title.id[: max(SHORT_ID, 1 + max(shared[place : place + 2]))], title, rank)
            for place, (rank, title) in enumerate(by_id)
        ]
        self._newest = sorted(self._sorted, key=_rank)

    def find(self, prefix: str) -> list[Entry]:
        """Return the sessions whose id begins with ``prefix`` in any case, the newest first, OFFERED at most."""
        if not prefix:
            return self._newest[:OFFERED]
        prefix = prefix.lower()
        start = bisect_left(self._ids, prefix)
        end = bisect_left(self._ids, prefix + "\U0010ffff", start)
        return sorted(self._sorted[start:end], key=_rank)[:OFFERED]


def _rank(entry: Entry) -> int:
    return entry.rank


def _common(one: str, other: str) -> int:
    """Return how many characters two ids share at their beginning."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))
