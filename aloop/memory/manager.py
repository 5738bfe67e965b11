"""MemoryManager: the open conversation and its session file."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from aloop.errors import SessionNotFound, UsageError
from aloop.llm.base import LLM
from aloop.llm.content.parts import ContentPart, MediaFile, reads_images
from aloop.llm.cost.pricing import PriceList
from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage
from aloop.memory.context import ContextUse, Projection, measure, project, with_media
from aloop.memory.conversation import Change, Conversation, SentDigests
from aloop.memory.disk.filesystem import explained
from aloop.memory.library import SessionLibrary
from aloop.memory.session import SaveReport, Session, SessionStats, SessionSummary, count
from aloop.memory.session_folder import draft as drafts
from aloop.memory.session_folder.draft import Draft
from aloop.memory.session_folder.fork import ForkSource
from aloop.memory.session_folder.media import MediaCache
from aloop.memory.session_folder.outputs import KeptOutput, located
from aloop.memory.session_folder.recovery import recovered_files
from aloop.memory.session_folder.undo import Redo, Redone, Undo
from aloop.memory.session_writer import Amendment, SessionWriter
from aloop.memory.sessions_dir.removed_projects import describe_newer_copies
from aloop.memory.sessions_dir.told_comments import ToldComments
from aloop.memory.turn import Turn, finish_shielded
from aloop.memory.turn_storage import JournaledTurn

T = TypeVar("T")

LARGE = 5_000_000
"""Bytes of a session from which on opening it is announced, because it takes a second or more."""

Admit = Callable[[Session], Awaitable[None]]
"""Called with a session before it is resumed; raises an exception to prevent that."""


class MemoryManager:
    """One conversation in memory and the session file it is saved to.

    ``library`` gives access to all sessions of the folder. The session ID is fixed from construction; the session
    folder is created by the first turn or save. Use a manager in one event loop only. If the disk fails, messages stay
    in memory and are written by the next save. With ``hold``, as in an interactive shell, the session is locked
    against other shells until ``close``. ``on_notice`` is called with each sentence that the user should read, for
    example that a turn was recovered; with a ``Problem`` if something went wrong.
    """

    on_notice: Callable[[str], None] | None = None

    def __init__(self, llm: LLM | None = None, *, sessions_dir: str | Path | None = None, hold: bool = False) -> None:
        self.llm = llm
        self.library = SessionLibrary(sessions_dir)
        self._hold = hold
        self._writer = SessionWriter(self.library.backend, hold)
        self._conversation = Conversation.new()
        self._visits = 0
        self._media = MediaCache(self.library.backend.fs)
        self._measured: tuple[object, tuple[int, bool]] = (None, (0, True))
        self._disk_lock = asyncio.Lock()

    # Finding sessions: shortcuts for ``SessionLibrary``.

    @classmethod
    async def list_sessions(
        cls, limit: int | None = 20, *, prefix: str = "", sessions_dir: str | Path | None = None
    ) -> list[SessionSummary]:
        """Return the latest sessions; see ``SessionLibrary.list_sessions``."""
        return await SessionLibrary(sessions_dir).list_sessions(limit, prefix=prefix)

    @classmethod
    async def find_latest_session(cls, *, sessions_dir: str | Path | None = None) -> str | None:
        """Return the ID of the session written last, or None if there are none."""
        return await SessionLibrary(sessions_dir).find_latest()

    @classmethod
    async def find_session_by_prefix(cls, prefix: str, *, sessions_dir: str | Path | None = None) -> str | None:
        """Return a full session ID; see ``SessionLibrary.find_by_prefix``."""
        return await SessionLibrary(sessions_dir).find_by_prefix(prefix)

    @classmethod
    async def from_session(
        cls, session_id: str, llm: LLM | None = None, *, sessions_dir: str | Path | None = None
    ) -> MemoryManager:
        """Return a manager that continues a stored session; raises as ``resume`` does."""
        manager = cls(llm, sessions_dir=sessions_dir)
        await manager.resume(session_id)
        return manager

    # The open conversation.

    @property
    def session_id(self) -> str:
        return self._conversation.head.id

    @property
    def visit(self) -> tuple[str, int]:
        """A value that changes with each switch to a session, also to the same one."""
        return self.session_id, self._visits

    @property
    def sessions_dir(self) -> Path:
        return self.library.backend.sessions_dir

    @property
    def path(self) -> Path | None:
        """The file written by the last save, or None before the first."""
        return self._writer.path

    @property
    def file_size(self) -> int:
        """The bytes of that file, 0 before the first save."""
        return self._writer.file.size if self._writer.file else 0

    @property
    def title(self) -> str:
        return self._conversation.title

    @property
    def is_renamed(self) -> bool:
        """True if the session got its title by ``rename`` since it was opened."""
        return self._conversation.is_renamed

    @property
    def system_messages(self) -> tuple[LLMMessage, ...]:
        return tuple(self._conversation.system)

    @property
    def messages(self) -> tuple[LLMMessage, ...]:
        """All messages except the system messages, oldest first."""
        return tuple(self._conversation.messages)

    @property
    def message_count(self) -> int:
        return len(self._conversation.messages)

    async def find_shell(self) -> str | None:
        """Describe the process of another shell that has this session open."""
        return await asyncio.to_thread(self._writer.find_shell)

    @property
    def has_unsaved(self) -> bool:
        """True if some messages have not been written by a save."""
        return bool(self._conversation.unsaved)

    @property
    def recovered_path(self) -> Path | None:
        """The recovery file with all unsaved messages, if session.yaml is unreadable."""
        return self._writer.recovered.holding(self._conversation) if self.has_unsaved else None

    def snapshot(self) -> Session:
        """Return the session as it is in memory, including unsaved changes.

        Without any, its time is that of the file.
        """
        conversation = self._conversation
        session = replace(conversation.snapshot(None), path=self.path or Path())
        return session if conversation.has_changes else replace(session, updated_at=conversation.head.updated_at)

    def stats(self, prices: PriceList | None = None) -> SessionStats:
        """Return counts over the conversation, and with ``prices`` its cost.

        ``size`` is that of the last saved file.
        """
        file = self._writer.file
        return count(self.snapshot(), len(file.data) if file else 0, prices)

    async def find_own_name(self) -> str:
        """Return the name that identifies this session in the library.

        It is the ID, or an ID derived from the folder name if another session has the same ID. Raises StorageError.
        """
        path = self.path
        if path is None:
            return self.session_id
        duplicates = await asyncio.to_thread(self.library.backend.duplicate_ids)
        return duplicates.get(path.parent.name, self.session_id)

    # Messages and the model's context.

    async def add_message(self, message: LLMMessage) -> None:
        """Append a message in memory; ``save_memory`` writes it."""
        conversation = self._conversation
        (conversation.system if message.role == "system" else conversation.messages).append(message)

    def set_system_message(self, text: str) -> None:
        """Replace all system messages with one."""
        conversation = self._conversation
        conversation.system[:] = [LLMMessage(role="system", content=text)]
        conversation.head, conversation.sent = replace(conversation.head, system_digest=""), None
        conversation.version += 1

    def record_sent(self, sent: SentDigests) -> SentDigests:
        """Record the digests of the requests of this turn, and return those before.

        The next save writes them if the session has thinking that is bound to them. The digest of a system message that
        was set here is empty, because its change is known.
        """
        conversation = self._conversation
        before = conversation.sent or SentDigests(conversation.head.system_digest, conversation.head.tools_digest)
        conversation.sent = sent
        return before

    def get_context_for_llm(self) -> list[LLMMessage]:
        """Return the messages to send, system first, repaired into a valid transcript.

        Images and documents have their data, or are words if the model does not read them.
        """
        return self._with_media(self._project().messages)

    async def load_context(self) -> list[LLMMessage]:
        """Return what ``get_context_for_llm`` does; files are read off the event loop."""
        messages = self._project().messages
        if not any(message.parts for message in messages):
            return list(messages)
        return await self._on_disk(lambda: self._with_media(messages))

    def _with_media(self, messages: Sequence[LLMMessage]) -> list[LLMMessage]:
        sees = self.llm is not None and reads_images(self.llm.model)
        return with_media(messages, self._read_media if sees else None)

    def _read_media(self, part: ContentPart) -> bytes | None:
        folder = self._writer.folder
        return None if folder is None else self._media.read(folder, part)

    def get_repairs(self) -> tuple[str, ...]:
        """Return one sentence for each kind of repair that ``get_context_for_llm`` makes."""
        return self._project().repairs

    def measure_context(self, overhead: int = 0) -> ContextUse:
        """Return how much of the model's context window the next request takes.

        ``overhead`` is the number of tokens sent in addition to the messages.
        """
        conversation = self._conversation
        key = (conversation.head.id, conversation.version, len(conversation.messages), overhead)
        if key != self._measured[0]:
            # Called on every keystroke, and conversations can be long.
            tokens = measure(conversation.system, conversation.messages, conversation.counted_from, overhead)
            self._measured = (key, tokens)
        return ContextUse(self._measured[1][0], self.llm.context_window if self.llm else 0, self._measured[1][1])

    def _project(self) -> Projection:
        model = self.llm.model if self.llm else None
        provider = self.llm.provider if self.llm else None
        found = project(self._conversation.system, self._conversation.messages, model, provider)
        if (folder := self._writer.folder) is None:
            return found
        return replace(found, messages=tuple(located(message, folder) for message in found.messages))

    # Saving.

    def turn(self) -> Turn:
        """Return a context manager for one turn.

        However it ends, it is a valid transcript and is saved. At its start the session file is reloaded if it changed
        on disk.
        """
        storage = JournaledTurn(self._writer, self._conversation, self._disk_lock, self.save_memory, self._notify)
        return Turn(self._conversation.messages, storage)

    async def save_memory(self) -> SaveReport:
        """Write the conversation to session.yaml.

        Changes that others made to the file are kept, before the new messages. If the file has become unreadable, it is
        left alone and the session is written to a recovery file beside it. Raises StorageError and SessionBusy; the
        messages then stay in memory for the next save.
        """
        model = self.llm.model if self.llm else None
        report = await self._on_disk(lambda: self._writer.save(self._conversation, model))
        self._report(report)
        return report

    async def keep_output(self, tool: str, text: str) -> KeptOutput:
        """Write the full result of a tool to a file in the session folder.

        Raises StorageError, SessionBusy. The message with the shortened result refers to it as ``output_file``.
        """
        async with self._disk_lock:
            return await asyncio.to_thread(self._writer.keep_output, self._conversation.snapshot(None), tool, text)

    async def keep_media(self, media: MediaFile) -> ContentPart:
        """Write an image or document to a file in the session folder, for a message.

        Raises StorageError, SessionBusy.
        """
        async with self._disk_lock:
            return await asyncio.to_thread(self._writer.keep_media, self._conversation.snapshot(None), media)

    async def load_media(self, message: LLMMessage) -> tuple[MediaFile, ...]:
        """Return the images and documents of a message, to send them again."""

        def load() -> tuple[MediaFile, ...]:
            found = ((part, self._read_media(part)) for part in message.parts)
            return tuple(MediaFile(part.name, part.media_type, data) for part, data in found if data is not None)

        return await self._on_disk(load)

    # Switching to another session.

    def start_new(self) -> None:
        """Start a new session with a new ID; the current one stays as it was last saved."""
        self._writer.release()
        self._writer = SessionWriter(self.library.backend, self._hold)
        self._conversation = Conversation.new()
        self._visits += 1

    async def resume(self, session_id: str, *, admit: Admit | None = None) -> Session:
        """Switch to a stored session, named by its ID or a unique ID prefix.

        It is read completely before anything is replaced; ``admit`` can then reject it by raising an exception. Also
        raises SessionNotFound, AmbiguousPrefix, InvalidPrefix, SessionFileError, SessionBusy, StorageError. After an
        exception the current session is unchanged.
        """
        loop = asyncio.get_running_loop()

        def announce(size: int) -> None:
            if size >= LARGE:
                sentence = f"Opening a session of {size / 1e6:,.0f} MB. This takes a moment."
                loop.call_soon_threadsafe(self._notify, sentence)

        opening = asyncio.ensure_future(asyncio.to_thread(self._writer.open, session_id, announce))
        try:
            writer, notices = await finish_shielded(opening)
        except asyncio.CancelledError:
            opening.result()[0].release()
            raise
        file = writer.file
        if file is None:
            raise SessionNotFound(session_id)
        if admit is not None:
            try:
                await admit(file.session)
            except BaseException:
                writer.release()
                raise
        self._writer.release()
        self._writer = writer
        self._conversation = Conversation.of(file.session)
        self._visits += 1
        for notice in notices:
            self._notify(notice)
        newer = await self._find_newer_copies(file.session)
        warning = file.warning_about(ToldComments.of_user().take_new(file.session.id, file.cuts))
        cut = [warning] if warning else []
        warnings = *file.session.warnings, *cut, *newer, *await self._find_leftovers()
        return replace(file.session, warnings=warnings)

    async def fork(self, session_id: str | None = None, *, upto: int | None = None) -> Session:
        """Switch to a new session with the messages of this one, or of a stored one.

        It takes the first ``upto`` messages, or all with None, and more where a tool call would be separated from its
        results. Its file is created by its first turn or save, with the comments and unknown keys of the source. The
        source is not changed and may be open elsewhere. Raises as ``SessionLibrary.load`` does; the current session is
        then unchanged.
        """
        source, file = self._conversation.snapshot(None), self._writer.file
        if session_id is not None:
            file = await asyncio.to_thread(self.library.backend.open, session_id)
            source = file.session
        self.start_new()
        self._conversation = Conversation.fork(source, upto, ForkSource.of(file))
        return self._conversation.snapshot(None)

    def close(self) -> None:
        """Release the session; the manager can still be used."""
        self._writer.release()

    # Changing the conversation and its file.

    async def require_writable(self) -> None:
        """Raise the error that a change of the session would raise when it is saved.

        Raises NewerVersion, SessionFileError, or StorageError without permission to write.
        """
        for notice in await self._on_disk(lambda: self._writer.require_writable(self._conversation)):
            self._notify(notice)

    async def edit(self, change: Change) -> None:
        """Replace the messages with the result of ``change``, in memory and in the file.

        Only differences are written. ``change`` sees edits made on disk, and may be called more than once. During a
        turn the file is updated at its end. Raises as ``save_memory`` does, SessionFileError if the file cannot be
        read, and whatever ``change`` raises; then nothing has changed.
        """
        model = self.llm.model if self.llm else None
        await self._save_fork()
        report = await self._on_disk(lambda: self._writer.edit(self._conversation, change, model))
        if report:
            self._report(report)

    async def rename(self, title: str) -> None:
        """Set the title, in memory and in the header of the file if there is one.

        During a turn, its end writes the title. Raises UsageError for an empty or too long title, and as
        ``save_memory`` does; the next save then writes it.
        """
        self._conversation.rename(title)
        await self._save_fork()
        if self._writer.file is not None and not self._writer.is_in_turn:
            self._report(await self._on_disk(lambda: self._writer.save(self._conversation, None)))

    @property
    def header(self) -> JsonObject:
        """The keys of the header that only people read, such as ``tags``."""
        return self._conversation.head.extra

    async def edit_header(self, change: Callable[[JsonObject], JsonObject]) -> None:
        """Replace ``header`` with the result of ``change``, in memory and in the file.

        ``change`` may be called more than once. Before the first turn there is no file, and the first save writes the
        result. Raises as ``edit`` does.
        """
        await self._save_fork()

        def amend(conversation: Conversation, _: object = None) -> None:
            conversation.head = replace(conversation.head, extra=change(conversation.head.extra))

        if self._writer.file is None:
            amend(self._conversation)
        else:
            await self._amend(amend)

    async def undo(self) -> tuple[LLMMessage, ...]:
        """Remove the last turn and return its messages.

        A turn starts with a user message. Its messages are kept in a file in the session folder for ``redo``. Raises
        UsageError if the session has no turn, and as ``edit`` does.
        """
        if not self._conversation.messages and self._writer.file is None:
            raise UsageError("There is nothing to undo: this session has no messages.")
        undo = Undo(self._writer.backend.fs)
        await self._amend(undo)
        return undo.taken

    async def redo(self) -> Redone:
        """Restore the turn that ``undo`` removed last, in this or another process.

        If the same question has been asked again since, the two turns are exchanged. Raises UsageError if there is
        nothing to restore or the conversation has continued, and as ``edit`` does.
        """
        if self._writer.file is None:
            raise UsageError("There is nothing to redo.")
        redo = Redo(self._writer.backend.fs)
        await self._amend(redo)
        await self._on_disk(redo.forget)
        return redo.result

    async def begin_edit(self, number: int | None = None) -> Draft:
        """Return a copy of the session file for an editor.

        It opens at message ``number`` (from 1) if given. Raises UsageError if there is no such message or no file yet,
        StorageError, and as ``save_memory`` does.
        """
        await self._save_fork()
        if self._writer.file is None:
            raise UsageError("This session has no file yet. Its first turn creates one.")
        fs, target = self._writer.backend.fs, self._writer.file.path
        # Report earlier changes on disk now, so that they do not appear as part of this edit.
        await self._refresh()
        with explained("copy the session for the editor", target.parent):
            return await self._on_disk(lambda: drafts.begin(fs, target, self._conversation.head.id, number))

    async def finish_edit(self, draft: Draft) -> bool:
        """Replace the session file with an edited copy; return False if unchanged.

        Raises SessionFileError, with line and column, if the copy is not a valid session or has another ID;
        StorageError, SessionBusy. The copy and the session then stay as they are.
        """
        with explained("apply the edited session", draft.target.parent):
            is_changed, notice = await self._on_disk(lambda: drafts.finish(self._writer.backend.fs, draft))
        if is_changed:
            if notice:
                self._notify(notice)
            await self._refresh(own=notice is None)
        return is_changed

    async def drop_edit(self, draft: Draft) -> bool:
        """Discard an edit; return True if its changed copy is kept. Raises StorageError."""
        with explained("read the edited session", draft.path.parent):
            return await self._on_disk(lambda: drafts.drop(self._writer.backend.fs, draft))

    async def _save_fork(self) -> None:
        """Give a fork its file, because a change of it must last like one of any session."""
        if self._writer.file is None and self._conversation.head.forked_from and not self._writer.is_in_turn:
            await self.save_memory()

    async def _find_newer_copies(self, session: Session) -> tuple[str, ...]:
        backend = self._writer.backend
        return await self._on_disk(lambda: describe_newer_copies(backend.fs, session, backend.sessions_dir))

    async def _find_leftovers(self) -> tuple[str, ...]:
        """Return one sentence for each unfinished edit and each recovery file."""
        writer = self._writer
        if writer.file is None or not writer.hold:  # they may belong to another shell
            return ()
        folder = writer.file.path.parent
        with contextlib.suppress(OSError):  # the session is usable, and `sessions check` finds them too
            fs = writer.backend.fs
            return await self._on_disk(lambda: (*drafts.leftover_drafts(fs, folder), *recovered_files(fs, folder)))
        return ()

    async def _refresh(self, *, own: bool = False) -> None:
        for notice in await self._on_disk(lambda: self._writer.refresh(self._conversation, own=own)):
            self._notify(notice)

    async def _amend(self, amendment: Amendment) -> None:
        self._report(await self._on_disk(lambda: self._writer.amend(self._conversation, None, amendment)))

    async def _on_disk(self, work: Callable[[], T]) -> T:
        """Run ``work`` on a thread, one at a time, to its end even if cancelled."""
        async with self._disk_lock:
            return await finish_shielded(asyncio.to_thread(work))

    def _report(self, report: SaveReport) -> None:
        if report.notice:
            self._notify(report.notice)

    def _notify(self, notice: str) -> None:
        if self.on_notice is not None:
            self.on_notice(notice)
