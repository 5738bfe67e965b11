"""MemoryManager: the conversation, and the only door to its storage."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from aloop.errors import AmbiguousPrefix
from aloop.llm.base import LLM
from aloop.llm.message_types import LLMMessage, Usage
from aloop.memory.atomic import explain
from aloop.memory.context import Projection, project
from aloop.memory.findings import Finding
from aloop.memory.location import resolve_sessions_dir
from aloop.memory.session import SaveReport, Session, SessionStats, SessionSummary, make_title
from aloop.memory.stored import StoredSession, time_mark
from aloop.memory.turn import Turn
from aloop.memory.yaml_backend import YamlBackend

T = TypeVar("T")
_TICK = timedelta(milliseconds=1)


class MemoryManager:
    """One conversation in memory, and the session file behind it.

    Its id is fixed from construction; the session's folder appears with the first save. One manager serves one event
    loop. What is in memory stays there when the disk fails, and goes with the next save.
    """

    def __init__(self, llm: LLM | None = None, *, sessions_dir: str | Path | None = None) -> None:
        self.llm = llm
        self._backend = YamlBackend(resolve_sessions_dir(sessions_dir))
        self._begin()

    def _begin(self) -> None:
        now = datetime.now().astimezone()
        self._session = Session(str(uuid.uuid4()), now, now, (), (), Path())
        self._system: list[LLMMessage] = []
        self._messages: list[LLMMessage] = []
        self._stored: StoredSession | None = None
        self._saved_count = 0
        self._saved_system: tuple[LLMMessage, ...] = ()
        self._saving = asyncio.Lock()

    @property
    def session_id(self) -> str:
        return self._session.id

    @property
    def sessions_dir(self) -> Path:
        return self._backend.sessions_dir

    @property
    def path(self) -> Path | None:
        """The file that saves go to, None before the first."""
        return self._stored.path if self._stored else None

    @property
    def title(self) -> str:
        return self._session.title or make_title(self.messages)

    @property
    def system_messages(self) -> tuple[LLMMessage, ...]:
        return tuple(self._system)

    @property
    def messages(self) -> tuple[LLMMessage, ...]:
        """Everything but the system messages, oldest first."""
        return tuple(self._messages)

    @property
    def message_count(self) -> int:
        return len(self._messages)

    async def add_message(self, message: LLMMessage) -> None:
        """Append a message, in memory; ``save_memory`` writes it."""
        self._append(message)

    def _append(self, message: LLMMessage) -> None:
        (self._system if message.role == "system" else self._messages).append(message)

    def set_system_message(self, text: str) -> None:
        """Put one system message in place of all there are."""
        self._system = [LLMMessage(role="system", content=text)]

    def get_context_for_llm(self) -> list[LLMMessage]:
        """Return the messages a model would be sent, system first: mended where the history is no valid transcript."""
        return list(self._project().messages)

    def get_repairs(self) -> tuple[str, ...]:
        """Return a sentence for each kind of thing that ``get_context_for_llm`` has to mend."""
        return self._project().repairs

    def _project(self) -> Projection:
        return project(self._system, self._messages)

    def turn(self) -> Turn:
        """Return a context manager for one turn: whatever happens in it, it ends as a valid transcript, saved."""
        return Turn(self._messages, self.save_memory)

    def start_new(self) -> None:
        """Begin a new session with an id of its own; the present one stays as it was last saved."""
        self._begin()

    async def save_memory(self) -> SaveReport:
        """Write what the memory holds into session.yaml.

        Where the file has been changed by somebody else since it was read, it is left alone and the session is written
        beside it. Raises StorageError and SessionFileError; the memory keeps everything for the next save.
        """
        async with self._saving:
            return await asyncio.to_thread(self._save)

    def _save(self) -> SaveReport:
        session = self._snapshot()
        new = session.messages[self._saved_count :]
        report = self._write(session, new)
        self._session = replace(session, system_messages=(), messages=())
        self._saved_count = len(session.messages)
        self._saved_system = session.system_messages
        return report

    def _write(self, session: Session, new: tuple[LLMMessage, ...]) -> SaveReport:
        stored = self._stored
        if stored is None:
            self._stored = self._backend.create(session)
            return SaveReport(self._stored.path)
        path = stored.path
        try:
            try:
                changed = stored.changed_on_disk()
            except FileNotFoundError:
                self._stored = self._backend.create(session)
                notice = f"{path} had been removed; the session was written again to {self._stored.path}."
                return SaveReport(self._stored.path, notice=notice)
            system_changed = session.system_messages != self._saved_system
            if not changed:
                stored.save(session, new, system_changed=system_changed)
                return SaveReport(path)
            beside = path.with_name(f"session.recovered-{time_mark(session.updated_at)}.yaml")
            self._stored = stored.write_beside(beside, session, new, system_changed=system_changed)
        except OSError as error:
            raise explain(error, "save the session", path.parent) from error
        notice = f"{path} was changed by somebody else; it is left as it is, and this session was saved as {beside}."
        return SaveReport(beside, beside=True, notice=notice)

    def _snapshot(self) -> Session:
        """Return the session as it is to be written: its time never goes backwards, whatever the clock does."""
        updated = max(datetime.now().astimezone(), self._session.updated_at + _TICK)
        messages = self.messages
        model = self._session.model or (self.llm.model if self.llm else None)
        return replace(
            self._session,
            updated_at=updated,
            system_messages=self.system_messages,
            messages=messages,
            title=self._session.title or make_title(messages),
            model=model,
        )

    async def resume(self, session_id: str) -> Session:
        """Go on in another session, named by its id or a unique prefix; read fully before anything is replaced.

        Raises SessionNotFound, AmbiguousPrefix, InvalidPrefix, SessionFileError, StorageError; then all is as before.
        """
        stored = await asyncio.to_thread(self._backend.open, session_id)
        session = stored.session
        self._stored = stored
        self._session = replace(session, system_messages=(), messages=())
        self._system, self._messages = list(session.system_messages), list(session.messages)
        self._saved_count, self._saved_system = len(session.messages), session.system_messages
        return session

    @classmethod
    async def from_session(
        cls, session_id: str, llm: LLM | None = None, *, sessions_dir: str | Path | None = None
    ) -> MemoryManager:
        """Return a manager that goes on in a stored session; raises as ``resume`` does."""
        manager = cls(llm, sessions_dir=sessions_dir)
        await manager.resume(session_id)
        return manager

    @classmethod
    async def list_sessions(
        cls, limit: int | None = 20, *, sessions_dir: str | Path | None = None
    ) -> list[SessionSummary]:
        """Return the sessions written last, newest first, all with None; an unreadable one tells its ``problem``."""
        return await _on_thread(sessions_dir, lambda backend: backend.list_sessions(limit))

    @classmethod
    async def find_latest_session(cls, *, sessions_dir: str | Path | None = None) -> str | None:
        """Return the id of the session written last, None when there is none."""
        return await _on_thread(sessions_dir, YamlBackend.latest)

    @classmethod
    async def find_session_by_prefix(cls, prefix: str, *, sessions_dir: str | Path | None = None) -> str | None:
        """Return the full id that begins with ``prefix`` (any case), None when none does.

        Raises AmbiguousPrefix with the candidates when several do, InvalidPrefix when it is empty or no id.
        """
        entries = await _on_thread(sessions_dir, lambda backend: backend.find(prefix))
        if len(entries) > 1:
            raise AmbiguousPrefix(prefix, [entry.id for entry in entries])
        return entries[0].id if entries else None

    @classmethod
    async def load_session(cls, session_id: str, *, sessions_dir: str | Path | None = None) -> Session:
        """Return a stored session, named by its id or a unique prefix; raises as ``resume`` does."""
        return (await _on_thread(sessions_dir, lambda backend: backend.open(session_id))).session

    @classmethod
    async def session_stats(cls, session_id: str, *, sessions_dir: str | Path | None = None) -> SessionStats:
        """Return counts over a stored session; raises as ``resume`` does."""
        stored = await _on_thread(sessions_dir, lambda backend: backend.open(session_id))
        return _count(stored.session, len(stored.data))

    @classmethod
    async def delete_session(cls, session_id: str, *, sessions_dir: str | Path | None = None) -> Path:
        """Move a session to the trash beside the sessions and return its folder there.

        Takes an id or a unique prefix of at least four characters, and also the end of the folder's name for a session
        that can not be read. Raises SessionNotFound, AmbiguousPrefix, InvalidPrefix, StorageError.
        """
        return await _on_thread(sessions_dir, lambda backend: backend.delete(session_id))

    @classmethod
    async def check_sessions(
        cls, session_id: str | None = None, *, fix: bool = False, sessions_dir: str | Path | None = None
    ) -> list[Finding]:
        """Return what is odd about one session, or about all with None; ``fix`` mends what loses nothing.

        Raises SessionNotFound, AmbiguousPrefix, InvalidPrefix, StorageError.
        """
        return await _on_thread(sessions_dir, lambda backend: backend.check(session_id, fix=fix))

    def stats(self) -> SessionStats:
        """Return counts over the conversation as it is in memory; ``size`` is that of the file at the last save."""
        session = replace(self._snapshot(), path=self.path or Path())
        return _count(session, len(self._stored.data) if self._stored else 0)


async def _on_thread(sessions_dir: str | Path | None, work: Callable[[YamlBackend], T]) -> T:
    backend = YamlBackend(resolve_sessions_dir(sessions_dir))
    return await asyncio.to_thread(work, backend)


def _count(session: Session, size: int) -> SessionStats:
    messages = session.messages
    roles = Counter[str](message.role for message in (*session.system_messages, *messages))
    calls = Counter(call.name for message in messages for call in message.tool_calls)
    usage = sum((message.usage for message in messages if message.usage), Usage())
    return SessionStats(
        session.id, session.created_at, session.updated_at, len(messages), roles, calls, usage, size, session.path
    )
