"""The saved sessions as a picker uses them: list, preview, rename and delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aloop.llm.message_types import LLMMessage
    from aloop.memory import MemoryManager, SessionTitle


@dataclass(frozen=True, slots=True)
class Choice:
    """The session to resume, or with ``fork`` the session to copy."""

    session_id: str
    fork: bool = False


class SessionBrowser:
    """The saved sessions. Methods raise SessionError.

    ``rows`` are the IDs of the newest sessions shown, at most ``numbered``; row numbers refer to them. ``reports`` has
    a message for each session that was moved to the trash.
    """

    def __init__(self, memory: MemoryManager, numbered: int = 0) -> None:
        self._memory = memory
        self._numbered = numbered
        self.rows: list[str] = []
        self.reports: list[str] = []

    async def titles(self) -> Sequence[SessionTitle]:
        """Return all sessions, newest first."""
        return await self._memory.library.list_titles()

    def number(self, titles: Sequence[SessionTitle]) -> None:
        """Give row numbers to the first of ``titles``."""
        self.rows = [title.id for title in titles[: self._numbered]]

    async def first_questions(self) -> Mapping[str, str]:
        """Return the first question of each session by ID."""
        return await self._memory.library.list_first_questions()

    async def ending(self, session_id: str) -> Sequence[LLMMessage]:
        """Return at least the last messages of a session."""
        return await self._memory.library.load_ending(session_id)

    async def rename(self, session_id: str, title: str) -> None:
        """Change the title of a session."""
        memory = self._memory
        if session_id == await memory.find_own_name():
            # Through the open session, which would otherwise see an edit by another program.
            await memory.rename(title)
        else:
            await memory.library.rename(session_id, title)

    async def trash(self, session_id: str) -> str:
        """Move a session to the trash and return a message.

        The open session is replaced by a new one.
        """
        memory = self._memory
        is_open = session_id == await memory.find_own_name()
        if is_open:
            # Messages left by a failed save go to the trash too, in case the session is restored.
            await save_before_leaving(memory)
        # The open session is replaced only afterward: if it cannot be deleted, it stays open.
        path = await memory.library.delete(session_id)
        # Imported late for start-up time.
        from aloop.memory.sessions_dir.catalog import short_name_of

        short = short_name_of(session_id, path.name)
        # Short enough for one row of the picker.
        report = f"Deleted {short}; /restore {short} restores it."
        if is_open:
            memory.start_new()
            report += " This is a new session."
        self.reports.append(report)
        return report


async def save_before_leaving(memory: MemoryManager) -> None:
    """Save the open session if its file lacks messages or is gone.

    A session that is already saved is not written again, so that leaving it does not change its time of last use.
    Raises StorageError or SessionFileError.
    """
    if memory.has_unsaved or (memory.path is not None and not memory.path.exists()):
        await memory.save_memory()
