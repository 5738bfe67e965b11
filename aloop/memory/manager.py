"""MemoryManager: the conversation, and the only door to its storage.

What can be done to the conversation that is open, beyond going on with it.

Finding stored sessions and reading them, whichever of them is open.

What can be done to stored sessions as a whole, whichever of them is open: check, delete, bring back.

A blocking generator as an asynchronous one: it runs on a thread, a short while at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from aloop.errors import AmbiguousPrefix, SessionNotFound, StorageError, UsageError
from aloop.llm.base import LLM
from aloop.llm.message_types import LLMMessage
from aloop.memory.context import ContextUse, Projection, measure, project
from aloop.memory.conversation import Change, Conversation
from aloop.memory.disk.filesystem import explain_error
from aloop.memory.search.query import Query
from aloop.memory.search.search import Hit
from aloop.memory.session import SaveReport, Session, SessionStats, SessionSummary, SessionTitle, count
from aloop.memory.session_folder import draft as drafts
from aloop.memory.session_folder.draft import Draft
from aloop.memory.session_folder.fork import ForkSource
from aloop.memory.session_folder.outputs import KeptOutput
from aloop.memory.session_folder.recovery import recovered_files
from aloop.memory.session_folder.undo import Redo, Redone, Undo
from aloop.memory.session_writer import Amendment, SessionWriter
from aloop.memory.sessions_dir.check import Finding
from aloop.memory.sessions_dir.location import resolve_sessions_dir
from aloop.memory.sessions_dir.trash import TrashedSession
from aloop.memory.sessions_dir.yaml_backend import YamlBackend, rename_session
from aloop.memory.turn import Turn, finish_shielded


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


SLICE = 0.05
"""Seconds that the generator runs before what it has made is handed over."""


async def in_slices(work: Iterator[Sequence[T]]) -> AsyncIterator[T]:
    """Yield what ``work`` makes, some or none at a time. Nothing runs on while nobody asks for more."""
    is_over = False
    while not is_over:
        made, is_over = await asyncio.to_thread(_run, work)
        for item in made:
            yield item


def _run(work: Iterator[Sequence[T]]) -> tuple[list[T], bool]:
    """Return what is made in one slice, and whether that was all."""
    until = time.monotonic() + SLICE
    made: list[T] = []
    for items in work:
        made += items
        if time.monotonic() > until:
            return made, False
    return made, True


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
    async def list_first_questions(cls, *, sessions_dir: str | Path | None = None) -> dict[str, str]:
        """Return the first thing said in each session, by id, to search in: quick, and only what is easily found."""
        return await on_thread(sessions_dir, YamlBackend.first_questions)

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
        return await on_thread(sessions_dir, lambda backend: backend.load_ending(session_id))

    @classmethod
    async def session_stats(cls, session_id: str, *, sessions_dir: str | Path | None = None) -> SessionStats:
        """Return counts over a stored session; raises as ``resume`` does."""
        stored = await on_thread(sessions_dir, lambda backend: backend.open(session_id))
        return count(stored.session, len(stored.data))


T = TypeVar("T")


class Changing(Lookup):
    """The part of MemoryManager that changes what was said: in memory, and in the file just what differs."""

    llm: LLM | None
    on_notice: Callable[[str], None] | None
    _keeper: SessionWriter
    _conversation: Conversation
    _working: asyncio.Lock

    async def edit(self, change: Change) -> None:
        """Replace the messages by what ``change`` makes of all there are, in memory and in the file.

        Only what differs is written. ``change`` sees what others did to the file meanwhile, and may be called more than
        once. While a turn runs, the file follows at the turn's end. Raises as ``save_memory`` does, SessionFileError
        when the file can not be read, and what ``change`` raises; then nothing was changed.
        """
        model = self.llm.model if self.llm else None
        report = await self._work(lambda: self._keeper.edit(self._conversation, change, model))
        if report:
            self._report(report)

    async def rename(self, title: str) -> None:
        """Give the session a title, in memory and in the header of its file, if it has one yet.

        Raises UsageError for a title that is none, and as ``save_memory`` does; then the next save takes it along.
        """
        self._conversation.rename(title)
        if self._keeper.stored is not None:
            self._report(await self._work(lambda: self._keeper.save(self._conversation, None)))

    async def undo(self) -> tuple[LLMMessage, ...]:
        """Take the last turn out, from the last thing that the user said on, and return its messages.

        They are kept in a file beside the session's, for ``redo``. Raises UsageError when there is no turn, and as
        ``edit`` does.
        """
        if not self._conversation.messages and self._keeper.stored is None:
            raise UsageError("There is nothing to undo: nobody has said anything in this session.")
        undo = Undo(self._keeper.backend.fs)
        await self._amend(undo)
        return undo.taken

    async def redo(self) -> Redone:
        """Put back the turn that ``undo`` took out last, also when that was in another process.

        Where the same question was asked again instead, its turn goes out for the one before. Raises UsageError when
        there is nothing to put back, or the conversation has gone on, and as ``edit`` does.
        """
        if self._keeper.stored is None:
            raise UsageError("There is nothing to redo.")
        redo = Redo(self._keeper.backend.fs)
        await self._amend(redo)
        await self._work(redo.forget)
        return redo.result

    async def begin_edit(self, number: int | None = None) -> Draft:
        """Return a copy of the session's file for an editor, at message ``number`` (from 1, None for none).

        Raises UsageError when there is no such message or no file yet, StorageError, and as ``save_memory`` does.
        """
        fs, target = self._keeper.backend.fs, self._keeper.stored.path if self._keeper.stored else None
        if target is None:
            raise UsageError("This session has no file yet: it gets one with its first turn.")
        # What others did to the file is told as theirs, and not later as part of this edit.
        await self._refresh()
        try:
            return await self._work(lambda: drafts.begin(fs, target, self._conversation.head.id, number))
        except OSError as error:
            raise explain_error(error, "copy the session for the editor", target.parent) from error

    async def finish_edit(self, draft: Draft) -> bool:
        """Make an edited copy the session's file and go on with what it says; False when nothing was changed.

        Raises SessionFileError, with the place, when it is fit to be no session, or another one; StorageError,
        SessionBusy. Then the copy stays where it is, and the session as it was.
        """
        try:
            is_changed, notice = await self._work(lambda: drafts.finish(self._keeper.backend.fs, draft))
        except OSError as error:
            raise explain_error(error, "take the edited session over", draft.target.parent) from error
        if is_changed:
            if notice:
                self._tell(notice)
            await self._refresh(own=notice is None)
        return is_changed

    async def drop_edit(self, draft: Draft) -> bool:
        """Give an edit up; return whether its copy stays, for something was written into it. Raises StorageError."""
        try:
            return await self._work(lambda: drafts.drop(self._keeper.backend.fs, draft))
        except OSError as error:
            raise explain_error(error, "look at the edited session", draft.path.parent) from error

    async def _find_left_behind(self) -> tuple[str, ...]:
        """Return a sentence for each edit that was never taken over, and for turns that session.yaml could not take."""
        keeper = self._keeper
        if keeper.stored is None or not keeper.hold:  # else another shell may be at them
            return ()
        folder = keeper.stored.path.parent
        with contextlib.suppress(OSError):  # the session is open all the same, and a check finds them too
            fs = keeper.backend.fs
            return await self._work(lambda: (*drafts.leftover_drafts(fs, folder), *recovered_files(fs, folder)))
        return ()

    async def _refresh(self, *, own: bool = False) -> None:
        for notice in await self._work(lambda: self._keeper.refresh(self._conversation, own=own)):
            self._tell(notice)

    async def _amend(self, amendment: Amendment) -> None:
        self._report(await self._work(lambda: self._keeper.amend(self._conversation, None, amendment)))

    async def _work(self, work: Callable[[], T]) -> T:
        """Do something on the disk, off the event loop and alone, and to its end, whoever cancels meanwhile."""
        async with self._working:
            return await finish_shielded(asyncio.to_thread(work))

    def _report(self, report: SaveReport) -> None:
        if report.notice:
            self._tell(report.notice)

    def _tell(self, notice: str) -> None:
        if self.on_notice is not None:
            self.on_notice(notice)


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
        self._keeper = SessionWriter(self._backend, hold)
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
        twins = await asyncio.to_thread(self._backend.duplicate_ids) if path else {}
        return twins.get(path.parent.name, self.session_id) if path else self.session_id

    def start_new(self) -> None:
        """Begin a new session with an id of its own; the present one stays as it was last saved."""
        self._keeper.release()
        self._keeper = SessionWriter(self._backend, self._hold)
        self._conversation = Conversation.new()

    async def resume(self, session_id: str, *, admit: Admit | None = None) -> Session:
        """Go on in another session, named by its id or a unique prefix; read fully before anything is replaced.

        ``admit`` is shown it then, and may raise. Raises SessionNotFound, AmbiguousPrefix, InvalidPrefix,
        SessionFileError, SessionBusy, StorageError, too; then all is as before.
        """
        opening = asyncio.ensure_future(asyncio.to_thread(self._keeper.open, session_id))
        try:
            keeper, notices = await finish_shielded(opening)
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
        self._conversation = Conversation.fork(source, upto, ForkSource.of(stored))
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
