"""What can be done to stored sessions as a whole, whichever of them is open: check, delete, bring back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from aloop.memory.findings import Finding
from aloop.memory.location import resolve_sessions_dir
from aloop.memory.renaming import rename_session
from aloop.memory.session import SessionSummary
from aloop.memory.trash import TrashedSession
from aloop.memory.yaml_backend import YamlBackend

T = TypeVar("T")


async def on_thread(sessions_dir: str | Path | None, work: Callable[[YamlBackend], T]) -> T:
    """Return what ``work`` makes of the sessions folder, off the event loop."""
    backend = YamlBackend(resolve_sessions_dir(sessions_dir))
    return await asyncio.to_thread(work, backend)


class Housekeeping:
    """The part of MemoryManager that looks after the sessions of a folder."""

    @classmethod
    async def delete_session(cls, session_id: str, *, sessions_dir: str | Path | None = None) -> Path:
        """Move a session to the trash beside the sessions and return its folder there.

        Takes an id or a unique prefix of at least four characters, and also the end of the folder's name for a session
        that can not be read. Raises SessionNotFound, AmbiguousPrefix, InvalidPrefix, StorageError.
        """
        return await on_thread(sessions_dir, lambda backend: backend.delete(session_id))

    @classmethod
    async def rename_session(cls, session_id: str, title: str, *, sessions_dir: str | Path | None = None) -> None:
        """Put a title into the header of a stored session, named by its id or a unique prefix.

        Raises UsageError for a title that is none, SessionNotFound, AmbiguousPrefix, InvalidPrefix, SessionFileError,
        SessionBusy, StorageError.
        """
        await on_thread(sessions_dir, lambda backend: rename_session(backend, session_id, title))

    @classmethod
    async def check_sessions(
        cls, session_id: str | None = None, *, fix: bool = False, sessions_dir: str | Path | None = None
    ) -> list[Finding]:
        """Return what is odd about one session, or about all with None; ``fix`` mends what loses nothing.

        Raises SessionNotFound, AmbiguousPrefix, InvalidPrefix, StorageError.
        """
        return await on_thread(sessions_dir, lambda backend: backend.check(session_id, fix=fix))

    @classmethod
    async def list_trash(
        cls, session_id: str | None = None, *, sessions_dir: str | Path | None = None
    ) -> list[TrashedSession]:
        """Return the deleted sessions, the last deleted first; with an id or unique prefix each time it was deleted.

        Raises SessionNotFound, AmbiguousPrefix, InvalidPrefix, StorageError.
        """
        return await on_thread(sessions_dir, lambda backend: backend.trashed(session_id))

    @classmethod
    async def restore_session(cls, session_id: str, *, sessions_dir: str | Path | None = None) -> SessionSummary:
        """Bring a session back from the trash, as it was when it was deleted last; takes an id or a unique prefix.

        Raises SessionExists where its place is taken, SessionNotFound, AmbiguousPrefix, InvalidPrefix, StorageError.
        """
        return await on_thread(sessions_dir, lambda backend: backend.restore(session_id))

    @classmethod
    async def purge_trash(cls, sessions: Sequence[TrashedSession], *, sessions_dir: str | Path | None = None) -> None:
        """Remove for good what ``list_trash`` returned, and nothing else; raises StorageError."""
        await on_thread(sessions_dir, lambda backend: backend.purge(sessions))

    @classmethod
    async def recover_sessions(cls, *, sessions_dir: str | Path | None = None) -> list[str]:
        """Bring back the turns that crashes cut short, in all sessions; return a sentence for each.

        Raises StorageError. Turns of living processes are left alone.
        """
        return await on_thread(sessions_dir, YamlBackend.recover_all)
