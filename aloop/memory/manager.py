"""MemoryManager: the conversation, and the only door to its storage."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from aloop.errors import SessionNotFound, StorageError
from aloop.llm.base import LLM
from aloop.llm.message_types import LLMMessage
from aloop.memory.changing import Changing
from aloop.memory.context import Projection, project
from aloop.memory.context_use import ContextUse, measure
from aloop.memory.conversation import Conversation
from aloop.memory.keeper import Keeper
from aloop.memory.location import resolve_sessions_dir
from aloop.memory.origin import Origin
from aloop.memory.outputs import KeptOutput
from aloop.memory.session import SaveReport, Session, SessionStats
from aloop.memory.statistics import count
from aloop.memory.turn import Turn, to_the_end
from aloop.memory.yaml_backend import YamlBackend

Admit = Callable[[Session], Awaitable[None]]
"""Looks at a session before it is gone on in; raises what keeps it from that."""


class MemoryManager(Changing):
    """One conversation in memory, and the session file behind it.

    Its id is fixed from construction; the session's folder appears with the first turn or save. One manager serves one
    event loop. What is in memory stays there when the disk fails, and goes with the next save. ``hold`` is for shells:
    the session is locked against other shells until ``close``. ``on_notice`` is given each sentence that a person
    should read: what was reloaded, saved elsewhere or brought back.
    """

    def __init__(self, llm: LLM | None = None, *, sessions_dir: str | Path | None = None, hold: bool = False) -> None:
        self.llm = llm
        self.on_notice = None
        self._backend = YamlBackend(resolve_sessions_dir(sessions_dir))
        self._hold = hold
        self._keeper = Keeper(self._backend, hold)
        self._conversation = Conversation.new()
        self._measured: tuple[object, tuple[int, bool]] = (None, (0, True))
        self._working = asyncio.Lock()

    @property
    def session_id(self) -> str:
        return self._conversation.head.id

    @property
    def sessions_dir(self) -> Path:
        return self._backend.sessions_dir

    @property
    def path(self) -> Path | None:
        """The file that saves go to, None before the first."""
        return self._keeper.path

    @property
    def title(self) -> str:
        return self._conversation.title

    @property
    def system_messages(self) -> tuple[LLMMessage, ...]:
        return tuple(self._conversation.system)

    @property
    def messages(self) -> tuple[LLMMessage, ...]:
        """Everything but the system messages, oldest first."""
        return tuple(self._conversation.messages)

    @property
    def message_count(self) -> int:
        return len(self._conversation.messages)

    @property
    def has_unsaved(self) -> bool:
        """Whether there are messages that no save has written yet."""
        return bool(self._conversation.unsaved)

    @property
    def beside(self) -> Path | None:
        """The file beside session.yaml that has all that is unsaved, for session.yaml could not be read; else None."""
        return self._keeper.beside.holding(self._conversation) if self.has_unsaved else None

    async def add_message(self, message: LLMMessage) -> None:
        """Append a message, in memory; ``save_memory`` writes it."""
        conversation = self._conversation
        (conversation.system if message.role == "system" else conversation.messages).append(message)

    def set_system_message(self, text: str) -> None:
        """Put one system message in place of all there are."""
        self._conversation.system[:] = [LLMMessage(role="system", content=text)]
        self._conversation.version += 1

    def get_context_for_llm(self) -> list[LLMMessage]:
        """Return the messages a model would be sent, system first: mended where the history is no valid transcript."""
        return list(self._project().messages)

    def get_repairs(self) -> tuple[str, ...]:
        """Return a sentence for each kind of thing that ``get_context_for_llm`` has to mend."""
        return self._project().repairs

    def measure_context(self, overhead: int = 0) -> ContextUse:
        """Return how much of the model's window the next question takes, as far as it can be told.

        ``overhead`` is what is sent besides the messages, in tokens.
        """
        talk = self._conversation
        key = (talk.head.id, talk.version, len(talk.messages), overhead)
        if key != self._measured[0]:
            # Asked for with each keystroke, and a conversation can be long.
            self._measured = (key, measure(talk.system, talk.messages, talk.counted_from, overhead))
        return ContextUse(self._measured[1][0], self.llm.context_window if self.llm else 0, self._measured[1][1])

    def _project(self) -> Projection:
        model = self.llm.model if self.llm else None
        return project(self._conversation.system, self._conversation.messages, model)

    def turn(self) -> Turn:
        """Return a context manager for one turn: whatever happens in it, it ends as a valid transcript, saved.

        It begins with a look at the file: what others changed is reloaded.
        """
        return Turn(self._conversation.messages, _TurnKeeper(self))

    async def save_memory(self) -> SaveReport:
        """Write what the memory holds into session.yaml.

        What others changed in the file is kept, and comes first; a file that can not be read any more is left alone
        and the session written beside it. Raises StorageError and SessionBusy; the memory keeps everything for the
        next save.
        """
        model = self.llm.model if self.llm else None
        report = await self._work(lambda: self._keeper.save(self._conversation, model))
        self._report(report)
        return report

    async def keep_output(self, tool: str, text: str) -> KeptOutput:
        """Write the whole of a tool's result into a file beside session.yaml; raises StorageError, SessionBusy.

        It is for the ``output_file`` of the message that holds the result shortened.
        """
        async with self._working:
            return await asyncio.to_thread(self._keeper.keep_output, self._conversation.snapshot(None), tool, text)

    async def find_own_name(self) -> str:
        """Return by what this session is found among all: its id, or its folder's name where another one goes by that.

        Raises StorageError.
        """
        path = self.path
        twins = await asyncio.to_thread(self._backend.twins) if path else {}
        return twins.get(path.parent.name, self.session_id) if path else self.session_id

    def start_new(self) -> None:
        """Begin a new session with an id of its own; the present one stays as it was last saved."""
        self._keeper.release()
        self._keeper = Keeper(self._backend, self._hold)
        self._conversation = Conversation.new()

    async def resume(self, session_id: str, *, admit: Admit | None = None) -> Session:
        """Go on in another session, named by its id or a unique prefix; read fully before anything is replaced.

        ``admit`` is shown it then, and may raise. Raises SessionNotFound, AmbiguousPrefix, InvalidPrefix,
        SessionFileError, SessionBusy, StorageError, too; then all is as before.
        """
        opening = asyncio.ensure_future(asyncio.to_thread(self._keeper.open, session_id))
        try:
            keeper, notices = await to_the_end(opening)
        except asyncio.CancelledError:
            opening.result()[0].release()
            raise
        stored = keeper.stored
        if stored is None:
            raise SessionNotFound(session_id)
        if admit is not None:
            try:
                await admit(stored.session)
            except BaseException:
                keeper.release()
                raise
        self._keeper.release()
        self._keeper = keeper
        self._conversation = Conversation.of(stored.session)
        for notice in notices:
            self._tell(notice)
        return replace(stored.session, warnings=(*stored.session.warnings, *await self._find_left_behind()))

    async def fork(self, session_id: str | None = None, *, upto: int | None = None) -> Session:
        """Go on in a new session that begins as another does: this one with None, else an id or a unique prefix.

        It takes the first ``upto`` messages, all with None, and as many more as part no tool call from its results. Its
        file comes with its first turn or save, and has the other's comments and unknown keys. The other one stays as it
        is, and may be open elsewhere. Raises as ``load_session`` does; then all is as before.
        """
        source, stored = self._conversation.snapshot(None), self._keeper.stored
        if session_id is not None:
            stored = await asyncio.to_thread(self._backend.open, session_id)
            source = stored.session
        self.start_new()
        self._conversation = Conversation.fork(source, upto, Origin.of(stored))
        return self._conversation.snapshot(None)

    def close(self) -> None:
        """Let go of the session; the manager can be used again."""
        self._keeper.release()

    @classmethod
    async def from_session(
        cls, session_id: str, llm: LLM | None = None, *, sessions_dir: str | Path | None = None
    ) -> MemoryManager:
        """Return a manager that goes on in a stored session; raises as ``resume`` does."""
        manager = cls(llm, sessions_dir=sessions_dir)
        await manager.resume(session_id)
        return manager

    def snapshot(self) -> Session:
        """Return the session as it is in memory, what no save has written yet included."""
        return replace(self._conversation.snapshot(None), path=self.path or Path())

    def stats(self) -> SessionStats:
        """Return counts over the conversation as it is in memory; ``size`` is that of the file at the last save."""
        stored = self._keeper.stored
        return count(self.snapshot(), len(stored.data) if stored else 0)


class _TurnKeeper:
    """What a turn asks of the manager's disk side, off the event loop."""

    def __init__(self, manager: MemoryManager) -> None:
        self._manager = manager
        self._keeper = manager._keeper

    async def begin(self) -> None:
        manager = self._manager
        if manager.path is None and manager.message_count:
            # The journal holds the turn alone: what it follows, in a fork, must be on disk too. Where that fails, so
            # does the journal or the end of the turn, and tells why.
            with contextlib.suppress(StorageError):
                await manager.save_memory()
        async with manager._working:
            notices = await asyncio.to_thread(self._keeper.begin_turn, manager._conversation)
        for notice in notices:
            manager._tell(notice)

    async def note(self, message: LLMMessage) -> None:
        """Journal a finished message; a journal that fails is told of once."""
        notice = await asyncio.to_thread(self._keeper.note, message)
        if notice:
            self._manager._tell(notice)

    async def drop(self) -> None:
        await asyncio.to_thread(self._keeper.drop_turn)

    async def save(self) -> SaveReport:
        return await self._manager.save_memory()
