"""The sessions as a picker uses them: list, preview, rename and delete.

The last row is for the sessions of other tools, which are in a second list, and imported when one is chosen.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aloop.errors import SHORT_ID, SessionNotFound, StorageError, UsageError
from aloop.formatting import OnRead, display_path, quantity
from aloop.memory.session import SessionSummary, SessionTitle

if TYPE_CHECKING:
    from aloop.importers.peek import Glimpse
    from aloop.llm.message_types import LLMMessage
    from aloop.memory import MemoryManager, SessionLibrary
    from aloop.memory.search.search import Hit


ROW = "import"
"""The ID of the row, which no session can have."""
_LISTED = 50
"""Sessions of other tools in the preview of their row."""
_LAST = 50
"""Sessions that fill a screen until all others have been read."""
_NOT_A_SESSION = "This row lists the sessions of other tools. Press Enter to open the list."


@dataclass(frozen=True, slots=True)
class Choice:
    """The session to resume, or with ``fork`` the session to copy.

    ``hit`` is the match that the user found it by, ``sessions_dir`` its folder if that is one of another project.
    ``is_imported`` is True if it was another tool's, and was imported just now.
    """

    session_id: str
    fork: bool = False
    hit: Hit | None = None
    sessions_dir: Path | None = None
    is_imported: bool = False


class SessionBrowser:
    """The saved sessions. Methods raise SessionError.

    ``rows`` are the IDs of the newest sessions shown, at most ``numbered``; row numbers refer to them. ``reports`` has
    a message for each session that was moved to the trash. ``was_shown`` is set by a picker that was opened. ``is_own``
    is False for the sessions of other tools, which can only be opened. ``words`` filter the list at first.
    """

    is_own = True

    def __init__(self, memory: MemoryManager, numbered: int = 0, words: str = "") -> None:
        self.words = words
        self._memory = memory
        self._numbered = numbered
        self.rows: list[str] = []
        self.reports: list[str] = []
        self.was_shown = False

    @property
    def current(self) -> str:
        """The ID of the open session, empty if it is new."""
        return self._memory.session_id if self._memory.message_count else ""

    async def titles(self) -> Sequence[SessionTitle]:
        """Return all sessions, newest first."""
        return await self._memory.library.list_titles()

    async def last_titles(self) -> Sequence[SessionTitle]:
        """Return some of the newest sessions, in a moment however many there are."""
        return await self._memory.library.list_titles(_LAST)

    async def last_row(self) -> SessionTitle | None:
        """Return a row to add below all sessions; this may take long."""
        return None

    def refusal(self, session: SessionTitle) -> str:
        """Return why this session cannot be changed here, empty if it can."""
        return "" if session.sessions_dir is None else "This session is in another folder. Press Enter to change to it."

    def number(self, titles: Sequence[SessionTitle]) -> None:
        """Give row numbers to the first of ``titles``."""
        self.rows = [title.id for title in titles[: self._numbered]]

    async def first_questions(self) -> Mapping[str, str]:
        """Return the first question of each session by ID."""
        return await self._memory.library.list_first_questions()

    async def titles_elsewhere(self) -> Sequence[SessionTitle]:
        """Return the sessions of all other projects, newest first."""
        # Imported late for startup time.
        from aloop.memory.projects import AllProjects

        found = [title async for title in AllProjects().list_titles_outside(self._memory.sessions_dir)]
        return sorted(found, key=lambda title: title.updated_at, reverse=True)

    def project(self, session: SessionTitle) -> str:
        """Return the project of a session, for display."""
        # Imported late for startup time.
        from aloop.memory.sessions_dir.registry import project_of

        return display_path(project_of(session.sessions_dir or self._memory.sessions_dir))

    def _library(self, sessions_dir: Path | None) -> SessionLibrary:
        # Imported late for startup time.
        from aloop.memory import SessionLibrary

        return self._memory.library if sessions_dir is None else SessionLibrary(sessions_dir)

    async def details(self, sessions: Sequence[SessionTitle]) -> Mapping[str, SessionSummary]:
        """Return the counts of those sessions that exist, by key."""
        found: dict[str, SessionSummary] = {}
        for folder in {session.sessions_dir for session in sessions}:
            keys = {session.id: session.key for session in sessions if session.sessions_dir == folder}
            rows = await self._library(folder).summarize(list(keys), is_quick=True)
            found |= {keys[row.id]: row for row in rows if row.id in keys}
        return found

    async def search(self, words: str, on_read: OnRead, *, everywhere: bool = False) -> AsyncIterator[tuple[str, Hit]]:
        """Yield the matches in messages, each with the key of its session."""
        here = self._memory.sessions_dir
        if not everywhere:
            async for hit in self._memory.library.search(words, on_read):
                yield hit.session.key, hit
            return
        # Imported late for startup time.
        from aloop.memory.projects import AllProjects

        async for folder, hit in AllProjects(here).search(words, on_read):
            yield replace(hit.session, sessions_dir=None if folder == here else folder).key, hit

    async def ending(self, session: SessionTitle) -> Sequence[LLMMessage]:
        """Return at least the last messages of a session."""
        return await self._library(session.sessions_dir).load_ending(session.id)

    def without_messages(self, session: SessionTitle) -> Sequence[str]:  # noqa: ARG002 - for a subclass
        """Return the lines to show if ``ending`` returned no messages."""
        return ["(no messages)"]

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
        # Imported late for startup time.
        from aloop.memory.sessions_dir.catalog import short_name_of

        short = short_name_of(session_id, path.name)
        # Short enough for one row of the picker.
        report = f"Deleted {short}; /restore {short} restores it."
        if is_open:
            memory.start_new()
            report += " This is a new session."
        self.reports.append(report)
        return report


class BrowserWithImports(SessionBrowser):
    """The saved sessions, and a last row for those of other tools."""

    def __init__(self, memory: MemoryManager, numbered: int = 0, words: str = "") -> None:
        super().__init__(memory, numbered, words)
        self.found: list[Glimpse] = []
        self.summary = ""

    async def last_row(self) -> SessionTitle | None:
        ended = threading.Event()
        try:
            self.found, self.summary = await self._look(lambda: not ended.is_set())
        finally:
            ended.set()  # for the thread, which cannot be cancelled
        return SessionTitle(ROW, self.found[0].updated_at, f"{self.summary} here …") if self.found else None

    def refusal(self, session: SessionTitle) -> str:
        return _NOT_A_SESSION if session.id == ROW else super().refusal(session)

    async def _look(self, is_wanted: Callable[[], bool]) -> tuple[list[Glimpse], str]:
        # Imported late for startup time.
        from aloop.importers.peek import offers, summary

        found = await asyncio.to_thread(offers, self._memory.sessions_dir, is_wanted)
        return found, summary(found)

    def number(self, titles: Sequence[SessionTitle]) -> None:
        super().number([title for title in titles if title.id != ROW])

    async def details(self, sessions: Sequence[SessionTitle]) -> Mapping[str, SessionSummary]:
        return await super().details([session for session in sessions if session.id != ROW])

    async def ending(self, session: SessionTitle) -> Sequence[LLMMessage]:
        return () if session.id == ROW else await super().ending(session)

    def without_messages(self, session: SessionTitle) -> Sequence[str]:
        if session.id != ROW:
            return super().without_messages(session)
        rest = len(self.found) - _LISTED
        return [*map(_row_title, self.found[:_LISTED]), *([f"… and {rest:,} more"] if rest > 0 else [])]

    async def rename(self, session_id: str, title: str) -> None:
        _require_session(session_id)
        await super().rename(session_id, title)

    async def trash(self, session_id: str) -> str:
        _require_session(session_id)
        return await super().trash(session_id)


def _row_title(glimpse: Glimpse) -> str:
    # Imported late for startup time.
    from aloop.importers.formats import FORMATS

    return f"{FORMATS[glimpse.tool].label} · {glimpse.title}"


def _require_session(session_id: str) -> None:
    if session_id == ROW:
        raise UsageError(_NOT_A_SESSION)


class ForeignBrowser(SessionBrowser):
    """The sessions of other tools, which can only be opened."""

    is_own = False

    def __init__(self, memory: MemoryManager, found: Sequence[Glimpse]) -> None:
        super().__init__(memory)
        self._found = {glimpse.session_id: glimpse for glimpse in found}

    async def titles(self) -> Sequence[SessionTitle]:
        return [
            SessionTitle(each.session_id, each.updated_at, _row_title(each), origin=each.tool)
            for each in self._found.values()
        ]

    async def last_titles(self) -> Sequence[SessionTitle]:
        return ()

    def refusal(self, session: SessionTitle) -> str:  # noqa: ARG002 - as in the base class
        return "This session belongs to another tool. Press Enter to import a copy of it."

    async def first_questions(self) -> Mapping[str, str]:
        return {}

    async def details(self, sessions: Sequence[SessionTitle]) -> Mapping[str, SessionSummary]:  # noqa: ARG002 - as in the base class
        return {}

    async def titles_elsewhere(self) -> Sequence[SessionTitle]:
        return ()

    def search(self, words: str, on_read: OnRead, *, everywhere: bool = False) -> AsyncIterator[tuple[str, Hit]]:  # noqa: ARG002 - as in the base class
        raise UsageError("The messages of other tools cannot be searched. Import them first.")

    async def ending(self, session: SessionTitle) -> Sequence[LLMMessage]:
        # Imported late for startup time.
        from aloop.importers.peek import ending

        glimpse = self._found[session.id]
        try:
            return await asyncio.to_thread(ending, glimpse)
        except OSError as error:
            raise StorageError(
                f"Could not read {display_path(glimpse.path)}: {error.strerror}.", glimpse.path, error
            ) from error

    def without_messages(self, session: SessionTitle) -> Sequence[str]:  # noqa: ARG002 - as in the base class
        return ["This session has not been read yet. Press Enter to import a copy of it."]

    async def rename(self, session_id: str, title: str) -> None:  # noqa: ARG002 - as in the base class
        raise UsageError("This session belongs to another tool. Open it, and rename the copy.")

    async def trash(self, session_id: str) -> str:  # noqa: ARG002 - as in the base class
        raise UsageError("This session belongs to another tool, and aloop does not change its files.")

    def is_in_project(self, session_id: str) -> bool:
        """Return True if the file of a session is in the project, as of aider and Crush."""
        # Imported late for startup time.
        from aloop.importers.places import folders_here

        path = self._found[session_id].path.resolve()
        return any(path.is_relative_to(folder.resolve()) for folder in folders_here(self._memory.sessions_dir))

    async def take_in(
        self, session_id: str, on_write: Callable[[str, str], None] = lambda _id, _note: None
    ) -> tuple[str, str]:
        """Import a session and return its ID and a sentence about it.

        ``on_write`` is called in another thread with the ID and the system message about the origin, before anything is
        written. Raises SessionError.
        """
        return await asyncio.to_thread(self._import, self._found[session_id], on_write)

    def _import(self, glimpse: Glimpse, on_write: Callable[[str, str], None]) -> tuple[str, str]:
        # Imported late for startup time.
        from aloop.importers.formats import FORMATS
        from aloop.importers.peek import read_whole
        from aloop.importers.storing.store import ImportStore

        imported = read_whole(glimpse)
        if imported is None:
            raise SessionNotFound(glimpse.session_id, f"{display_path(glimpse.path)} no longer contains it.")
        outcome = ImportStore(self._memory.sessions_dir, on_write=on_write).put(imported)
        label, short = FORMATS[glimpse.tool].label, outcome.session_id[:SHORT_ID]
        if outcome.action == "in trash":
            raise UsageError(f"This session was imported before and is in the trash. /restore {short} restores it.")
        if outcome.action == "too large":
            raise UsageError(f"Not imported: {outcome.reason}.")
        if outcome.action in ("in use", "unreadable"):
            raise UsageError(
                outcome.reason or f"Session {short} is open in another aloop. Close it there, and try again."
            )
        if outcome.action == "continued":
            return outcome.session_id, f"Nothing was imported from {label}, because {outcome.reason}."
        if outcome.session_id == glimpse.exported_from or outcome.action in ("updated", "unchanged"):
            amount = quantity(outcome.added, "message") if outcome.added else "nothing"
            done = "exported there" if outcome.session_id == glimpse.exported_from else "imported before"
            return outcome.session_id, f"Added {amount} from {label} to the session that was {done}."
        amount = quantity(len(imported.messages), "message")
        why = f" {outcome.reason[0].upper()}{outcome.reason[1:]}." if outcome.reason else ""
        return outcome.session_id, f"Imported {amount} from {label}. The other tool's files were not changed.{why}"


async def save_before_leaving(memory: MemoryManager) -> None:
    """Save the open session if its file lacks messages or is gone.

    A session that is already saved is not written again, so that leaving it does not change its time of last use.
    Raises StorageError or SessionFileError.
    """
    if memory.has_unsaved or (memory.path is not None and not memory.path.exists()):
        await memory.save_memory()
