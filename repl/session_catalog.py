"""The saved sessions as completion knows them: a snapshot, sorted, never read from disk while somebody types."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from aloop.memory import SessionSummary, SessionTitle

SHORT_ID = 8
OFFERED = 50
"""Sessions offered at most; a longer menu helps nobody."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A session to offer: ``shortest`` is the beginning of its id that no other session shares, eight at least."""

    shortest: str
    title: SessionTitle
    rank: int


class SessionTable:
    """Sessions by the beginnings of their ids and of the words of their titles; made on a thread, then only read."""

    def __init__(self, titles: Iterable[SessionTitle]) -> None:
        """Take ``titles``, the newest first."""
        # Imported here: the engine, which comes with it, is there by the time that there are titles.
        from aloop.memory.titles import TitleWords

        by_id = sorted(enumerate(titles), key=lambda pair: pair[1].id)
        self._ids = [title.id.lower() for _, title in by_id]
        shared = [0, *(_common(one, other) for one, other in pairwise(self._ids)), 0]
        self._sorted = [
            Entry(title.id[: max(SHORT_ID, 1 + max(shared[place : place + 2]))], title, rank)
            for place, (rank, title) in enumerate(by_id)
        ]
        self._newest = sorted(self._sorted, key=_rank)
        self._words = TitleWords(entry.title.title for entry in self._newest)

    def find(self, typed: str) -> list[Entry]:
        """Return the sessions whose id begins with ``typed`` in any case, then those whose title has its words.

        The newest come first in both, OFFERED at most come in all.
        """
        typed = typed.strip()
        if not typed:
            return self._newest[:OFFERED]
        prefix = typed.lower()
        start = bisect_left(self._ids, prefix)
        end = bisect_left(self._ids, prefix + "\U0010ffff", start)
        found = dict.fromkeys(sorted(entry.rank for entry in self._sorted[start:end])[:OFFERED])
        found |= dict.fromkeys(self._words.find(typed, OFFERED))
        return [self._newest[rank] for rank in islice(found, OFFERED)]


class SessionCatalog:
    """The present table, and how many messages sessions have, as far as that is known.

    ``uncounted`` is called with sessions that are offered and were not counted yet: it must not wait for that.
    """

    def __init__(self, uncounted: Callable[[Sequence[str]], None] = lambda _: None) -> None:
        self._table: SessionTable | None = None
        self._uncounted = uncounted
        self._counts: dict[str, tuple[datetime, int | None]] = {}

    def replace(self, table: SessionTable) -> None:
        """Take ``table`` as what there is now."""
        self._table = table

    def counted(self, rows: Iterable[SessionSummary]) -> None:
        """Learn how many messages these sessions have."""
        for row in rows:
            self._counts[row.id] = (row.updated_at, None if row.problem else row.message_count)

    def count(self, title: SessionTitle) -> int | None:
        """Return how many messages a session has, None as long as that is unknown."""
        moment, count = self._counts.get(title.id, (None, None))
        return count if moment == title.updated_at else None

    def find(self, typed: str) -> list[Entry]:
        """Return what the present table finds; nothing before there is one."""
        found = self._table.find(typed) if self._table else []
        unknown = [entry.title.id for entry in found if not self._is_counted(entry.title)]
        if unknown:
            self._uncounted(unknown)
        return found

    def _is_counted(self, title: SessionTitle) -> bool:
        counted = self._counts.get(title.id)
        return counted is not None and counted[0] == title.updated_at


def _rank(entry: Entry) -> int:
    return entry.rank


def _common(one: str, other: str) -> int:
    """Return how many characters two ids share at their beginning."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))
