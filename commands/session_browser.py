"""The saved sessions, as somebody who picks one sees them: what there is, how each ends, and what can be done to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commands.selection import save_before_leaving

if TYPE_CHECKING:
    from aloop.llm.message_types import LLMMessage
    from aloop.memory import MemoryManager, SessionTitle


@dataclass(frozen=True, slots=True)
class Choice:
    """The session to go on in; with ``fork``, in a copy of it."""

    session_id: str
    fork: bool = False


class SessionBrowser:
    """The saved sessions. Methods raise SessionError.

    ``rows`` are the ids of the newest that are shown, ``numbered`` of them at most: what a row number means.
    ``told`` is what was said of each that was moved to the trash.
    """

    def __init__(self, memory: MemoryManager, numbered: int = 0) -> None:
        self._memory = memory
        self._numbered = numbered
        self.rows: list[str] = []
        self.told: list[str] = []

    async def titles(self) -> Sequence[SessionTitle]:
        """Return all sessions, the newest first."""
        return await self._memory.library.list_titles()

    def number(self, titles: Sequence[SessionTitle]) -> None:
        """Take ``titles`` as those that are shown, the newest first."""
        self.rows = [title.id for title in titles[: self._numbered]]

    async def first_questions(self) -> Mapping[str, str]:
        """Return what was said first in each session, by id."""
        return await self._memory.library.list_first_questions()

    async def ending(self, session_id: str) -> Sequence[LLMMessage]:
        """Return at least the last messages of a session."""
        return await self._memory.library.load_ending(session_id)

    async def rename(self, session_id: str, title: str) -> None:
        """Give a session another title."""
        memory = self._memory
        if session_id == await memory.find_own_name():
            # Behind its back it would be somebody else's change of the file.
            await memory.rename(title)
        else:
            await memory.library.rename(session_id, title)

    async def trash(self, session_id: str) -> str:
        """Move a session to the trash and return what to tell; the open one gives way to a new one."""
        memory = self._memory
        is_open = session_id == await memory.find_own_name()
        if is_open:
            # What a failed save has left goes into the trash too: it may be wanted back.
            await save_before_leaving(memory)
        # The open session is let go of afterwards: when it can not be deleted, it stays open.
        path = await memory.library.delete(session_id)
        # Imported here, where the engine is loaded: at the top it would be, too, before the first prompt is drawn.
        from aloop.memory.sessions_dir.catalog import short_name_of

        short = short_name_of(session_id, path.name)
        # Short enough for one row of the picker.
        told = f"Deleted {short}: /restore {short} brings it back."
        if is_open:
            memory.start_new()
            told += " This is a new session."
        self.told.append(told)
        return told
