"""What completion offers from the disk, read and sorted on threads: no key waits for it.

The saved sessions as completion knows them: a snapshot, sorted, never read from disk while somebody types.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from aloop.errors import SHORT_ID, AloopError

if TYPE_CHECKING:
    from datetime import datetime

    from aloop.memory import MemoryManager, SessionSummary, SessionTitle


_IDENTITY = frozenset("0123456789abcdefABCDEF-")

OFFERED = 50
"""Sessions offered at most; a longer menu helps nobody."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A session to offer: ``shortest`` is the beginning of its id that no other session shares, eight at least."""

    shortest: str
    title: SessionTitle
    rank: int


class SessionTable:
    """Sessions by the beginnings of their ids and of the words of their titles; made on a thread, then asked by one."""

    def __init__(self, titles: Iterable[SessionTitle]) -> None:
        """Take ``titles``, the newest first."""
        # Imported here: the engine, which comes with it, is there by the time that there are titles.
        from aloop.memory.search.title_scan import TitleScan

        self.titles = list(titles)
        ids = [title.id.lower() for title in self.titles]
        self._ranks = sorted(range(len(ids)), key=ids.__getitem__)
        self._ids = [ids[rank] for rank in self._ranks]
        self._scan = TitleScan(title.title for title in self.titles)
        self._entries: dict[int, Entry] = {}

    def find(self, typed: str) -> list[Entry]:
        """Return the sessions whose id begins with ``typed`` in any case, then those whose title has its words.

        The newest come first in both, OFFERED at most come in all.
        """
        typed = typed.strip()
        if not typed:
            return [self._entry(rank) for rank in range(min(OFFERED, len(self.titles)))]
        prefix = typed.lower()
        start = bisect_left(self._ids, prefix)
        end = bisect_left(self._ids, prefix + "\U0010ffff", start)
        found = dict.fromkeys(sorted(self._ranks[start:end])[:OFFERED])
        found |= dict.fromkeys(self._scan.find(typed, OFFERED))
        return [self._entry(rank) for rank in islice(found, OFFERED)]

    def _entry(self, rank: int) -> Entry:
        """Return what is offered of a session: made when it is asked for first, for few of ten thousand ever are."""
        entry = self._entries.get(rank)
        if entry is None:
            title = self.titles[rank]
            place = bisect_left(self._ids, title.id.lower())
            beside = pairwise(self._ids[max(0, place - 1) : place + 2])
            length = max(SHORT_ID, *(1 + _common(one, other) for one, other in beside), 0)
            # A folder's name, in place of an id, is known only as a whole.
            shortest = title.id[:length] if _IDENTITY.issuperset(title.id) else title.id
            entry = self._entries[rank] = Entry(shortest, title, rank)
        return entry


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

    @property
    def titles(self) -> Sequence[SessionTitle]:
        """The sessions of the present table, the newest first."""
        return self._table.titles if self._table else ()

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


def _common(one: str, other: str) -> int:
    """Return how many characters two ids share at their beginning."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))


_AT_ONCE = 8
"""Sessions that are counted in one go: about as many as a menu shows."""


class SessionSources:
    """The catalogs of saved and of deleted sessions.

    ``start`` runs work in the background; ``changed`` is called when there may be more to offer, ``counted`` when there
    is more to tell of what is offered.
    """

    def __init__(
        self,
        memory: Callable[[], MemoryManager | None],
        start: Callable[[Coroutine[None, None, None]], None],
        changed: Callable[[], None],
        counted: Callable[[], None],
    ) -> None:
        self._memory = memory
        self._start = start
        self._changed = changed
        self._counted = counted
        self._sessions = SessionCatalog(self._wish)
        self._trash = SessionCatalog()
        self._is_trash_stale = True
        self._wished: Sequence[str] = ()
        self._is_counting = False

    def sessions(self) -> SessionCatalog:
        """Return the saved sessions, as last seen."""
        return self._sessions

    def trash(self) -> SessionCatalog:
        """Return the deleted sessions, as last seen; what was asked for first after a change is looked for anew."""
        if self._is_trash_stale and self._memory():
            self._is_trash_stale = False
            self._start(self._load_trash())
        return self._trash

    def titles(self) -> Sequence[SessionTitle]:
        """Return the saved sessions, as last seen, the newest first."""
        return self._sessions.titles

    async def refresh(self) -> None:
        """Look again at what there is; what can not be read offers nothing new, and the commands say why."""
        self._is_trash_stale = True
        if memory := self._memory():
            with suppress(AloopError):
                titles = await memory.library.list_titles()
                self._sessions.replace(await asyncio.to_thread(SessionTable, titles))
        self._changed()

    async def _load_trash(self) -> None:
        # Imported here, where the engine is loaded: before the first prompt it would make that one late.
        from aloop.memory import SessionTitle

        memory = self._memory()
        if memory is None:
            return
        with suppress(AloopError):
            rows = await memory.library.list_trash()
            # Deleted twice, a session is offered once, as it was deleted last.
            last = {row.id: row for row in reversed(rows)}
            titles = [SessionTitle(row.id, row.deleted_at, row.summary.title) for row in reversed(last.values())]
            self._trash.replace(await asyncio.to_thread(SessionTable, titles))
            self._changed()

    def _wish(self, session_ids: Sequence[str]) -> None:
        """Count these next; what was wished for before is not looked at any more."""
        self._wished = session_ids
        if not self._is_counting:
            self._is_counting = True
            self._start(self._count())

    async def _count(self) -> None:
        try:
            while self._wished and (memory := self._memory()):
                some, self._wished = self._wished[:_AT_ONCE], self._wished[_AT_ONCE:]
                with suppress(AloopError):
                    self._sessions.counted(await memory.library.summarize(some))
                self._counted()
        finally:
            self._is_counting = False
