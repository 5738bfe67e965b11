"""Catalogs of saved and deleted sessions for completion.

They are snapshots, read and sorted in threads, so that no key waits for the disk.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, pairwise
from os.path import commonprefix
from typing import TYPE_CHECKING

from aloop.errors import SHORT_ID, AloopError
from aloop.text import normalized

if TYPE_CHECKING:
    from datetime import datetime

    from aloop.memory import MemoryManager, SessionSummary, SessionTitle


_ID_CHARACTERS = frozenset("0123456789abcdefABCDEF-")

OFFERED = 50
"""The most sessions in a menu."""

_WORD = re.compile(r"[^\W_]+")
# For ASCII text a translation takes a third of the time: lower-case letters and digits, spaces for all else.
_ASCII = "".join(chr(code).lower() if chr(code).isalnum() else " " for code in range(128))


def split_words(text: str) -> list[str]:
    """Return the words of ``text`` without case, with compatible characters equal."""
    if text.isascii():
        return text.translate(_ASCII).split()
    return _WORD.findall(normalized("NFKC", text).casefold())


class TitleScan:
    """Titles prepared for a scan: 10,000 take less than a millisecond."""

    def __init__(self, titles: Iterable[str]) -> None:
        self._titles = [" " + " ".join(split_words(title)) for title in titles]
        self._all = "\n".join(self._titles)

    def find(self, typed: str, limit: int) -> list[int]:
        """Return the indexes of the first ``limit`` titles that match, in order.

        In a match, every word of ``typed`` is the start of a word of the title, in any order. In scripts written
        without spaces, such as Chinese and Japanese, each character starts a word. Text without words matches nothing.
        """
        wanted = sorted(map(_start_of_word, set(split_words(typed))), key=len, reverse=True)
        # One look at the joined text spares the scan when a word is in no title, which is the slowest case.
        if not wanted or not all(start in self._all for start in wanted):
            return []
        longest, *others = wanted
        found = (number for number, title in enumerate(self._titles) if longest in title and _has_all(title, others))
        return list(islice(found, limit))


def _start_of_word(word: str) -> str:
    """Return the string to look for.

    A word starts after a space, a wide character anywhere.
    """
    return word if unicodedata.east_asian_width(word[0]) in "WF" else f" {word}"


def _has_all(title: str, starts: list[str]) -> bool:
    return all(start in title for start in starts)


@dataclass(frozen=True, slots=True)
class Entry:
    """A session; ``shortest`` is its unique ID prefix of at least eight characters."""

    shortest: str
    title: SessionTitle
    rank: int


class SessionTable:
    """Finds sessions by ID prefix and by the starts of words in titles."""

    def __init__(self, titles: Iterable[SessionTitle]) -> None:
        """Take ``titles``, which are sorted newest first."""
        self.titles = list(titles)
        ids = [title.id.lower() for title in self.titles]
        self._ranks = sorted(range(len(ids)), key=ids.__getitem__)
        self._ids = [ids[rank] for rank in self._ranks]
        self._scan = TitleScan(title.title for title in self.titles)
        self._entries: dict[int, Entry] = {}

    def find(self, typed: str) -> list[Entry]:
        """Return sessions with the ID prefix ``typed``, then those with it in the title.

        Both are sorted newest first, and there are at most OFFERED in all.
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
        """Return the entry of a session, created when it is first needed."""
        entry = self._entries.get(rank)
        if entry is None:
            title = self.titles[rank]
            place = bisect_left(self._ids, title.id.lower())
            neighbors = pairwise(self._ids[max(0, place - 1) : place + 2])
            length = max(SHORT_ID, *(1 + _common_length(pair) for pair in neighbors), 0)
            # A folder name used instead of an ID has no valid prefix.
            shortest = title.id[:length] if _ID_CHARACTERS.issuperset(title.id) else title.id
            entry = self._entries[rank] = Entry(shortest, title, rank)
        return entry


class SessionCatalog:
    """The latest table of sessions, with message counts as far as they are known.

    ``uncounted`` is called with the IDs of found sessions that have not been counted, and must return at once.
    """

    def __init__(self, uncounted: Callable[[Sequence[str]], None] = lambda _: None) -> None:
        self._table: SessionTable | None = None
        self._uncounted = uncounted
        self._counts: dict[str, tuple[datetime, int | None]] = {}

    @property
    def is_read(self) -> bool:
        """True if there is a table."""
        return self._table is not None

    def replace(self, table: SessionTable) -> None:
        """Replace the table."""
        self._table = table

    @property
    def titles(self) -> Sequence[SessionTitle]:
        """The sessions of the table, newest first."""
        return self._table.titles if self._table else ()

    def counted(self, rows: Iterable[SessionSummary]) -> None:
        """Store the message counts of ``rows``."""
        for row in rows:
            self._counts[row.id] = (row.updated_at, None if row.problem else row.message_count)

    def count(self, title: SessionTitle) -> int | None:
        """Return the number of messages of a session, None if it is not known."""
        moment, count = self._counts.get(title.id, (None, None))
        return count if moment == title.updated_at else None

    def find(self, typed: str) -> list[Entry]:
        """Return what the table finds, nothing before there is one."""
        found = self._table.find(typed) if self._table else []
        unknown = [entry.title.id for entry in found if not self._is_counted(entry.title)]
        if unknown:
            self._uncounted(unknown)
        return found

    def _is_counted(self, title: SessionTitle) -> bool:
        counted = self._counts.get(title.id)
        return counted is not None and counted[0] == title.updated_at


def _common_length(texts: tuple[str, str]) -> int:
    return len(commonprefix(texts))  # noqa: RUF071 - characters are compared, not parts of a path


_BATCH = 8
"""Sessions that are counted at a time: about as many as a menu shows."""


class SessionSources:
    """The catalogs of saved and deleted sessions.

    ``start`` runs a coroutine in the background. ``changed`` is called when there may be more completions, ``counted``
    when there are more message counts.
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
        self._sessions = SessionCatalog(self._count_next)
        self._trash = SessionCatalog()
        self._is_stale = False
        self._is_trash_stale = True
        self._wanted: Sequence[str] = ()
        self._is_counting = False

    def expire(self) -> None:
        """Read the sessions again when they are next looked for; they may have changed."""
        self._is_stale = True

    def sessions(self) -> SessionCatalog:
        """Return the saved sessions, as last read, and read them again after a change."""
        if self._is_stale and self._memory():
            self._is_stale = False
            self._start(self.refresh())
        return self._sessions

    def trash(self) -> SessionCatalog:
        """Return the deleted sessions, as last read, and read them again after a change."""
        if self._is_trash_stale and self._memory():
            self._is_trash_stale = False
            self._start(self._load_trash())
        return self._trash

    def tags(self) -> Sequence[str]:
        """Return the tags of the open session and its messages, sorted."""
        memory = self._memory()
        if memory is None:
            return ()
        # Imported here: the prompt is drawn without the engine.
        from aloop.memory.annotations import tags_of

        keys = (memory.header, *(message.extra for message in memory.messages))
        return sorted({tag for extra in keys for tag in tags_of(extra)})

    def titles(self) -> Sequence[SessionTitle]:
        """Return the saved sessions, as last read, newest first."""
        return self._sessions.titles

    async def refresh(self) -> None:
        """Read the saved sessions again; errors are left to the commands to report."""
        self._is_trash_stale = True
        if memory := self._memory():
            with suppress(AloopError):
                if not self._sessions.is_read:
                    # All of 100,000 sessions take some seconds.
                    titles = await memory.library.list_titles(OFFERED)
                    self._sessions.replace(SessionTable(titles))
                    self._changed()
                titles = await memory.library.list_titles()
                self._sessions.replace(await asyncio.to_thread(SessionTable, titles))
        self._changed()

    async def _load_trash(self) -> None:
        # Imported here: the prompt is drawn without the engine.
        from aloop.memory import SessionTitle

        memory = self._memory()
        if memory is None:
            return
        with suppress(AloopError):
            rows = await memory.library.list_trash()
            # Of a session that was deleted twice, only the last version is offered.
            last = {row.id: row for row in reversed(rows)}
            titles = [SessionTitle(row.id, row.deleted_at, row.summary.title) for row in reversed(last.values())]
            self._trash.replace(await asyncio.to_thread(SessionTable, titles))
            self._changed()

    def _count_next(self, session_ids: Sequence[str]) -> None:
        """Count these sessions next, instead of those still waiting."""
        self._wanted = session_ids
        if not self._is_counting:
            self._is_counting = True
            self._start(self._count())

    async def _count(self) -> None:
        try:
            while self._wanted and (memory := self._memory()):
                some, self._wanted = self._wanted[:_BATCH], self._wanted[_BATCH:]
                with suppress(AloopError):
                    self._sessions.counted(await memory.library.summarize(some))
                self._counted()
        finally:
            self._is_counting = False
