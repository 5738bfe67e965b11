"""SessionLibrary: list, find, read, search and change the stored sessions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from aloop.errors import AmbiguousPrefix
from aloop.formatting import OnRead, ignore_progress
from aloop.llm.cost.pricing import PriceList
from aloop.llm.message_types import LLMMessage
from aloop.memory.search.query import Query
from aloop.memory.search.search import Hit
from aloop.memory.session import Session, SessionStats, SessionSummary, SessionTitle, count
from aloop.memory.sessions_dir.crash_recovery import count_interrupted, recover_all
from aloop.memory.sessions_dir.folders import make_private
from aloop.memory.sessions_dir.location import resolve_sessions_dir
from aloop.memory.sessions_dir.text_check import Finding
from aloop.memory.sessions_dir.trash import TrashedSession
from aloop.memory.sessions_dir.yaml_backend import YamlBackend, rename_session

T = TypeVar("T")

SLICE = 0.05
"""Seconds that a generator runs on its thread before its items are handed over."""


class SessionLibrary:
    """The sessions of one folder, by default that of the current project.

    Sessions are named by their ID or a unique ID prefix. Every method that takes one raises SessionNotFound,
    AmbiguousPrefix or InvalidPrefix if the name does not identify a session; every method raises StorageError.
    """

    def __init__(self, sessions_dir: str | Path | None = None) -> None:
        self.backend = YamlBackend(resolve_sessions_dir(sessions_dir))

    @property
    def sessions_dir(self) -> Path:
        return self.backend.sessions_dir

    async def list_sessions(
        self, limit: int | None = 20, *, prefix: str = "", on_read: OnRead = ignore_progress
    ) -> list[SessionSummary]:
        """Return the latest sessions, newest first, or all if ``limit`` is None.

        An unreadable session is included and explains its ``problem``. With ``prefix``, return only sessions whose ID
        starts with it. A thread calls ``on_read`` for each session.
        """
        return [row async for row in in_slices(self.backend.iterate_sessions(limit, prefix, on_read))]

    def iterate_sessions(self) -> AsyncIterator[SessionSummary]:
        """Yield all sessions, newest first, each as soon as it has been read."""
        return in_slices(self.backend.iterate_sessions())

    async def summarize(self, session_ids: Sequence[str], *, is_quick: bool = False) -> list[SessionSummary]:
        """Return the summaries of those of the given sessions that exist.

        If ``is_quick``, only small files are parsed.
        """
        return await self._run(lambda backend: backend.summarize(session_ids, is_quick=is_quick))

    async def list_titles(self, last_made: int | None = None) -> list[SessionTitle]:
        """Return the ID, time and title of all sessions, newest first.

        Only the first lines of each file are read. With ``last_made``, return only so many, probably the newest: this
        takes a moment however many sessions there are.
        """
        return await self._run(lambda backend: backend.list_titles(last_made))

    async def list_first_questions(self) -> dict[str, str]:
        """Return the first user message of each session, by ID.

        It is empty if it is not near the start of the file.
        """
        return await self._run(YamlBackend.first_questions)

    def search(self, words: str, on_read: OnRead = ignore_progress) -> AsyncIterator[Hit]:
        """Yield each message that contains all of ``words``, newest session first.

        Text in double quotes is one phrase; case is ignored. If no message of a session contains all the words but
        the session as a whole does, yield the message with most of them. Unreadable files are searched as plain text.
        A thread calls ``on_read`` for each file.
        """
        return in_slices(self.backend.search(Query.parse(words), on_read))

    def list_annotated(
        self, tag: str = "", on_read: OnRead = ignore_progress
    ) -> AsyncIterator[tuple[SessionSummary, Session]]:
        """Yield the sessions with a note, a tag or a pin, newest first.

        With ``tag``, yield those that have this tag. Sessions that cannot be read are left out. A thread calls
        ``on_read`` for each session.
        """
        return in_slices(self.backend.annotated(tag, on_read))

    async def find_latest(self, is_wanted: Callable[[str], bool] | None = None) -> str | None:
        """Return the ID of the session written last, or None if there are none.

        With ``is_wanted``, only sessions count for whose ID it returns True.
        """
        return await self._run(lambda backend: backend.latest(is_wanted))

    async def find_by_prefix(self, prefix: str) -> str | None:
        """Return the full ID that starts with ``prefix`` (any case), or None."""
        entries = await self._run(lambda backend: backend.find(prefix))
        if len(entries) > 1:
            raise AmbiguousPrefix(prefix, [entry.id for entry in entries])
        return entries[0].id if entries else None

    async def load(self, session_id: str) -> Session:
        """Return a stored session; raises SessionFileError if its file cannot be read."""
        return (await self._run(lambda backend: backend.open(session_id))).session

    async def load_ending(self, session_id: str) -> tuple[LLMMessage, ...]:
        """Return at least a session's last messages, fast; raises as ``load`` does."""
        return await self._run(lambda backend: backend.load_ending(session_id))

    async def stats(self, session_id: str, prices: PriceList | None = None) -> SessionStats:
        """Return counts over a stored session, with ``prices`` also its cost.

        Raises as ``load`` does.
        """

        def counted(backend: YamlBackend) -> SessionStats:
            stored = backend.open(session_id)
            return count(stored.session, len(stored.data), prices)

        return await self._run(counted)

    async def rename(self, session_id: str, title: str) -> None:
        """Write a new title into the header of a stored session.

        Raises UsageError for an empty or too long title, SessionFileError, SessionBusy.
        """
        await self._run(lambda backend: rename_session(backend, session_id, title))

    async def delete(self, session_id: str) -> Path:
        """Move a session to the trash folder and return its new path.

        A prefix must have at least four characters. An unreadable session is named by the end of its folder's name.
        """
        return await self._run(lambda backend: backend.delete(session_id))

    async def check(
        self, session_id: str | None = None, *, fix: bool = False, on_read: OnRead = ignore_progress
    ) -> list[Finding]:
        """Return the problems of one session or all; ``fix`` repairs what loses nothing.

        A thread calls ``on_read`` for each session. After a cancellation, the session at work is still completed.
        """
        return [each async for each in in_slices(self.backend.check(session_id, fix=fix, on_read=on_read))]

    async def list_trash(self, session_id: str | None = None) -> list[TrashedSession]:
        """Return the deleted sessions, last deleted first; with an ID, all copies of it."""
        return await self._run(lambda backend: backend.trashed(session_id))

    async def restore(self, session_id: str) -> SessionSummary:
        """Restore the most recently deleted copy of a session from the trash.

        Raises SessionExists if its ID or its folder is in use.
        """
        return await self._run(lambda backend: backend.restore(session_id))

    async def purge(self, sessions: Sequence[TrashedSession]) -> None:
        """Permanently remove the given items of ``list_trash``."""
        await self._run(lambda backend: backend.purge(sessions))

    def make_private(self) -> list[str]:
        """Complete the mode and ``.gitignore`` of a ``.aloop`` folder made by others.

        Returns a sentence for each change. It blocks for a moment; call it before the first session is saved there.
        """
        return make_private(self.backend.fs, self.sessions_dir)

    async def recover(self) -> list[str]:
        """Restore turns that were interrupted by a crash; return a sentence for each.

        Turns of running processes are left alone.
        """
        return await self._run(lambda backend: recover_all(backend.fs, backend.sessions_dir))

    async def count_interrupted(self, folders: Sequence[Path]) -> int:
        """Return how many turns ``recover`` would add in ``folders``, or as new sessions.

        It does not look at all sessions, because that takes long if there are thousands.
        """
        return await self._run(lambda backend: count_interrupted(backend.fs, [*folders, *backend.unfinished()]))

    async def _run(self, work: Callable[[YamlBackend], T]) -> T:
        return await asyncio.to_thread(work, self.backend)


async def in_slices(items: Iterator[Sequence[T]]) -> AsyncIterator[T]:
    """Yield the items of a blocking generator.

    It runs on a thread, and only while the consumer waits.
    """
    is_over = False
    while not is_over:
        batch, is_over = await asyncio.to_thread(_next_batch, items)
        for item in batch:
            yield item


def _next_batch(items: Iterator[Sequence[T]]) -> tuple[list[T], bool]:
    """Return the items of one time slice, and True if they are the last."""
    until = time.monotonic() + SLICE
    batch: list[T] = []
    for some in items:
        batch += some
        if time.monotonic() > until:
            return batch, False
    return batch, True
