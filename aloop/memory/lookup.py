"""Finding stored sessions and reading them, whichever of them is open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from aloop.errors import AmbiguousPrefix
from aloop.llm.message_types import LLMMessage
from aloop.memory.endings import load_ending
from aloop.memory.housekeeping import Housekeeping, on_thread
from aloop.memory.location import resolve_sessions_dir
from aloop.memory.openings import read_openings
from aloop.memory.query import Query
from aloop.memory.search import Hit
from aloop.memory.session import Session, SessionStats, SessionSummary, SessionTitle
from aloop.memory.slices import in_slices
from aloop.memory.statistics import count
from aloop.memory.yaml_backend import YamlBackend


class Lookup(Housekeeping):
    """The part of MemoryManager that lists, finds and reads sessions; it changes nothing."""

    @classmethod
    async def list_sessions(
        cls, limit: int | None = 20, *, prefix: str = "", sessions_dir: str | Path | None = None
    ) -> list[SessionSummary]:
        """Return the sessions written last, newest first, all with None; an unreadable one tells its ``problem``.

        With ``prefix``, only those whose id begins with it.
        """
        return await on_thread(sessions_dir, lambda backend: backend.list_sessions(limit, prefix))

    @classmethod
    def iterate_sessions(cls, *, sessions_dir: str | Path | None = None) -> AsyncIterator[SessionSummary]:
        """Yield all sessions, the newest first, as they are read: as ``list_sessions`` does, without waiting for all.

        Raises StorageError.
        """
        return in_slices(YamlBackend(resolve_sessions_dir(sessions_dir)).iterate_sessions())

    @classmethod
    async def summarize(
        cls, session_ids: Sequence[str], *, sessions_dir: str | Path | None = None
    ) -> list[SessionSummary]:
        """Return the rows of these sessions, without those that are gone; raises StorageError."""
        return await on_thread(sessions_dir, lambda backend: backend.summarize(session_ids))

    @classmethod
    async def list_titles(cls, *, sessions_dir: str | Path | None = None) -> list[SessionTitle]:
        """Return the id, time and title of all sessions, newest first: quick, whatever their number and size."""
        return await on_thread(sessions_dir, YamlBackend.list_titles)

    @classmethod
    def search_sessions(cls, words: str, *, sessions_dir: str | Path | None = None) -> AsyncIterator[Hit]:
        """Yield each message that holds all of ``words``, phrases of them in quotes, the newest session first.

        Case makes no difference. A session that has the words in several messages yields the one with most of them; a
        file that can not be read is searched as text. Raises StorageError.
        """
        backend = YamlBackend(resolve_sessions_dir(sessions_dir))
        return in_slices(backend.search(Query.parse(words)))

    @classmethod
    async def list_openings(cls, *, sessions_dir: str | Path | None = None) -> dict[str, str]:
        """Return the first thing said in each session, by id, to search in: quick, and only what is easily found."""
        return await on_thread(sessions_dir, read_openings)

    @classmethod
    async def find_latest_session(cls, *, sessions_dir: str | Path | None = None) -> str | None:
        """Return the id of the session written last, None when there is none."""
        return await on_thread(sessions_dir, YamlBackend.latest)

    @classmethod
    async def find_session_by_prefix(cls, prefix: str, *, sessions_dir: str | Path | None = None) -> str | None:
        """Return the full id that begins with ``prefix`` (any case), None when none does.

        Raises AmbiguousPrefix with the candidates when several do, InvalidPrefix when it is empty or no id.
        """
        entries = await on_thread(sessions_dir, lambda backend: backend.find(prefix))
        if len(entries) > 1:
            raise AmbiguousPrefix(prefix, [entry.id for entry in entries])
        return entries[0].id if entries else None

    @classmethod
    async def load_session(cls, session_id: str, *, sessions_dir: str | Path | None = None) -> Session:
        """Return a stored session, named by its id or a unique prefix; raises as ``resume`` does."""
        return (await on_thread(sessions_dir, lambda backend: backend.open(session_id))).session

    @classmethod
    async def load_ending(cls, session_id: str, *, sessions_dir: str | Path | None = None) -> tuple[LLMMessage, ...]:
        """Return at least the last messages of a stored session, whatever its length; raises as ``resume`` does."""
        return await on_thread(sessions_dir, lambda backend: load_ending(backend, session_id))

    @classmethod
    async def session_stats(cls, session_id: str, *, sessions_dir: str | Path | None = None) -> SessionStats:
        """Return counts over a stored session; raises as ``resume`` does."""
        stored = await on_thread(sessions_dir, lambda backend: backend.open(session_id))
        return count(stored.session, len(stored.data))
