"""What completion offers from the disk, read and sorted on threads: no key waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from aloop.errors import AloopError
from repl.session_catalog import SessionCatalog, SessionTable

if TYPE_CHECKING:
    from aloop.memory import MemoryManager, SessionTitle

_AT_ONCE = 8
"""Sessions that are counted in one go: about as many as a menu shows."""


class Catalogs:
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
                titles = await memory.list_titles(sessions_dir=memory.sessions_dir)
                self._sessions.replace(await asyncio.to_thread(SessionTable, titles))
        self._changed()

    async def _load_trash(self) -> None:
        # Imported here, where the engine is loaded: before the first prompt it would make that one late.
        from aloop.memory import SessionTitle

        memory = self._memory()
        if memory is None:
            return
        with suppress(AloopError):
            rows = await memory.list_trash(sessions_dir=memory.sessions_dir)
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
                    self._sessions.counted(await memory.summarize(some, sessions_dir=memory.sessions_dir))
                self._counted()
        finally:
            self._is_counting = False
