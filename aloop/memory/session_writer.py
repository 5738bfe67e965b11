"""SessionWriter: save one conversation, and reload changes to its file."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from aloop.errors import (
    AloopError,
    NewerVersion,
    Problem,
    SessionBusy,
    SessionFileError,
    StorageError,
    UnstorableValue,
    UsageError,
)
from aloop.formatting import display_path
from aloop.llm.content.parts import ContentPart, MediaFile
from aloop.llm.message_types import LLMMessage
from aloop.memory.conversation import Change, Conversation, describe_changes
from aloop.memory.disk.filesystem import explain_error, explained, new_limits
from aloop.memory.disk.locks import OpenLock, write_lock
from aloop.memory.session import FILE_NAME, SaveReport, Session
from aloop.memory.session_folder.dated_names import dated_name
from aloop.memory.session_folder.journal import Journal
from aloop.memory.session_folder.media import keep_media
from aloop.memory.session_folder.outputs import KeptOutput, keep_output
from aloop.memory.session_folder.recovery import RecoveredFile
from aloop.memory.session_folder.session_file import TRIES, ConcurrentChange, SessionFile
from aloop.memory.session_folder.size_limit import SizeWarning
from aloop.memory.sessions_dir.crash_recovery import recover_session
from aloop.memory.sessions_dir.folders import remove_unused
from aloop.memory.sessions_dir.preview import read_header
from aloop.memory.sessions_dir.told_comments import ToldComments
from aloop.memory.sessions_dir.yaml_backend import YamlBackend

T = TypeVar("T")
Amendment = Callable[[Conversation, SessionFile], None]
"""Changes a conversation that equals its file; called again if the file changes before the save."""

# While some editors save, the file is empty or incomplete (truncate, then write) or missing (rename) for a moment.
_RETRY_DELAY = 0.3
_READ_ONLY = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@dataclass(slots=True)
class SessionWriter:
    """The storage of one conversation.

    All methods block and raise errors of ``aloop.errors``. With ``hold`` the session is locked against other shells
    from the creation of its folder until ``release``. ``file`` is None until the session is saved for the first time.
    """

    backend: YamlBackend
    hold: bool = False
    file: SessionFile | None = None
    recovered: RecoveredFile = field(default_factory=RecoveredFile)
    _folder: Path | None = None
    _missing: Path | None = None
    """The folder before it disappeared."""
    _open_lock: OpenLock | None = None
    _journal: Journal | None = None
    _unsaved: list[Journal] = field(default_factory=list)
    """Journals of turns that ended without a successful save."""
    _warning: SizeWarning = field(default_factory=SizeWarning)
    _notices: list[str] = field(default_factory=list)
    """Sentences for the user, to be reported by the next save or turn."""

    @property
    def path(self) -> Path | None:
        """The file written by the last save, which may be a recovery file."""
        file = self.recovered.stored or self.file
        return file.path if file else None

    def open(self, prefix: str, on_size: Callable[[int], None] = lambda _size: None) -> tuple[SessionWriter, list[str]]:
        """Return a writer for another session, and notices about recovered turns.

        ``on_size`` is called with the bytes of its file before that is read. Raises SessionBusy if another shell has it
        open, DuplicateSessionId, and as ``YamlBackend.open`` does. This writer is not changed, except that it follows a
        moved project.
        """
        self._follow_project()
        entry = self.backend.locate(prefix)
        entry.require_unique()
        folder = self.backend.sessions_dir / entry.folder
        other = SessionWriter(self.backend, self.hold, _folder=folder)
        try:
            with explained("open the session", folder):
                other._lock_open(entry.id)
                with contextlib.suppress(FileNotFoundError):  # the read finds its copy, or reports it
                    on_size(self.backend.fs.lstat(folder / FILE_NAME).st_size)
                notices = recover_session(self.backend.fs, folder, entry.id)
                other.file = self.backend.read(entry)
        except BaseException:
            other.release()
            raise
        return other, [*self._take_notices(), *notices, *other._warning.take(other.file.size)]

    def find_shell(self) -> str | None:
        """Describe the process of a shell that has the session open.

        None if there is none, or this writer holds the session itself.
        """
        if self._folder is None or self.hold:
            return None
        try:
            OpenLock(self.backend.fs, self._folder, self._folder.name, sign=False).release()
        except SessionBusy as error:
            return error.holder
        except OSError:
            return None  # saving reports why the folder cannot be used
        return None

    def begin_turn(self, conversation: Conversation) -> list[str]:
        """Reload the file if it changed, open a journal, and return notices for the user.

        If the journal cannot be written, a notice reports it and the turn continues without one: it is still saved at
        its end. Raises NewerVersion, or StorageError without permission to write, if the session can only be read: its
        turn could not be saved.
        """
        notices = self.refresh(conversation)
        if self.file is not None:
            self.file.require_known_version()
        session = conversation.snapshot(None)
        base = len(conversation.messages)
        try:
            _retry_missing_folder(lambda: self._start_journal(session, base))
        except OSError as error:
            if self.file is not None and error.errno in _READ_ONLY:
                raise explain_error(error, "continue the session", self.file.path.parent) from error
            reason = explain_error(error, "write the turn's journal", self.backend.sessions_dir)
            notices.append(Problem(f"{reason} If aloop crashes during this turn, the turn is lost."))
        return [*notices, *self._take_notices(), *new_limits()]

    def _take_notices(self) -> list[str]:
        notices, self._notices = self._notices, []
        return notices

    def require_writable(self, conversation: Conversation) -> list[str]:
        """Reload the file if it changed, and return notices.

        Raises NewerVersion, SessionFileError, or StorageError without permission to write, if a change could not be
        saved.
        """
        if self.file is None or self._journal is not None:
            return []
        self._follow_project()
        folder, notices = self.file.path.parent, self._take_notices()
        with explained("save the session", folder):
            with contextlib.suppress(FileNotFoundError):  # a save creates it again
                notices += self._pull(conversation)
            self.file.require_known_version()
            if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return notices

    def _start_journal(self, session: Session, base: int) -> None:
        folder = self._ensure_folder(session)
        self._journal = Journal.start(self.backend.fs, folder, session, base)

    def note(self, message: LLMMessage) -> str | None:
        """Write a finished message to the journal; return a notice if that fails."""
        if self._journal is None:
            return None
        try:
            self._journal.add(message)
        except OSError as error:
            reason = explain_error(error, "write the turn's journal", self._folder or self.backend.sessions_dir)
            return Problem(f"{reason} If aloop crashes during this turn, the rest of the turn is lost.")
        return None

    def note_piece(self, piece: LLMMessage, answer: int) -> str | None:
        """Write a piece of an answer to the journal; return a notice if that fails."""
        if self._journal is None:
            return None
        try:
            self._journal.add_piece(piece, answer)
        except OSError as error:
            reason = explain_error(error, "write the turn's journal", self._folder or self.backend.sessions_dir)
            return Problem(f"{reason} If aloop crashes during this answer, the rest of the answer is lost.")
        return None

    def keep_output(self, session: Session, tool: str, text: str) -> KeptOutput:
        """Write the full result of a tool to a file; raises StorageError."""
        try:
            return keep_output(self.backend.fs, self._ensure_folder(session), tool, text)
        except OSError as error:
            raise explain_error(error, "save a long result", self._folder or self.backend.sessions_dir) from error

    @property
    def is_in_turn(self) -> bool:
        """True while a turn is written to its journal."""
        return self._journal is not None

    @property
    def folder(self) -> Path | None:
        """The session's folder, None if there is none yet."""
        return self.file.path.parent if self.file else self._folder

    def keep_media(self, session: Session, media: MediaFile) -> ContentPart:
        """Write an image or document to a file; raises StorageError."""
        try:
            return keep_media(self.backend.fs, self._ensure_folder(session), media)
        except OSError as error:
            raise explain_error(error, "save an image", self._folder or self.backend.sessions_dir) from error

    def drop_turn(self) -> None:
        """Remove a turn's journal, and the session folder if nothing is in it."""
        if self._journal:
            self._discard(self._journal)
            self._journal = None
        if self.file is None and self._folder is not None and not self._unsaved:
            self.release()
            remove_unused(self.backend.fs, self._folder)
            self._folder = None

    def edit(self, conversation: Conversation, change: Change, model: str | None) -> SaveReport | None:
        """Replace the messages with the result of ``change`` and write the file.

        During a turn the file is written at its end, and None is returned. Raises as ``amend`` does.
        """
        if self._journal or self._unsaved or self.file is None:
            conversation.revise(change(tuple(conversation.messages)))
            return None
        return self.amend(conversation, model, lambda now, _: now.revise(change(tuple(now.messages))))

    def amend(self, conversation: Conversation, model: str | None, amendment: Amendment) -> SaveReport:
        """Let ``amendment`` change the conversation, and write the result to the file.

        Raises UsageError during a turn, SessionFileError if the file cannot be read, as ``save`` does, and whatever
        ``amendment`` raises. The conversation then equals the file, followed by the unsaved messages.
        """
        if self._journal:
            raise UsageError("A turn is running. Wait until it ends, or interrupt it.")
        if self.file is None:
            # Removed messages must be on disk first, so that they can be restored.
            self.save(conversation, model)
        unsaved = conversation.unsaved
        try:
            return self.save(conversation, model, amendment)
        except BaseException:
            if self.file is not None:
                conversation.reset(self.file.session, unsaved)
            raise

    def save(self, conversation: Conversation, model: str | None, amendment: Amendment | None = None) -> SaveReport:
        """Apply ``amendment`` to the conversation and write what is new to its file.

        Raises StorageError, SessionBusy; with an ``amendment`` also SessionFileError.
        """
        try:
            report = _retry_missing_folder(lambda: self._save_locked(conversation, model, amendment))
        except OSError as error:
            self._keep_journal()
            raise explain_error(error, "save the session", self._folder or self.backend.sessions_dir) from error
        except AloopError:
            self._keep_journal()
            raise
        self._keep_journal()
        while self._unsaved:
            self._discard(self._unsaved.pop())
        return report

    def _save_locked(self, conversation: Conversation, model: str | None, amendment: Amendment | None) -> SaveReport:
        folder = self._ensure_folder(conversation.head)
        with write_lock(self.backend.fs, folder, conversation.head.id):
            report = self._save(conversation, model, folder, amendment)
        notices = [*self._take_notices(), *(self._warning.take(self.file.size) if self.file else [])]
        return replace(report, notice=_joined([*notices, *filter(None, [report.notice])])) if notices else report

    def _keep_journal(self) -> None:
        """End the turn, but keep its journal until the next successful save."""
        if self._journal:
            self._unsaved.append(self._journal)
            self._journal = None

    def release(self) -> None:
        """Close the session; unsaved turns stay in their journals for the next start."""
        self._keep_journal()
        for journal in self._unsaved:
            journal.close()
        self._unsaved.clear()
        if self.file:
            self.file.forget_replaced()
        self._unlock_open()

    def _save(
        self, conversation: Conversation, model: str | None, folder: Path, amendment: Amendment | None
    ) -> SaveReport:
        notices: list[str] = []
        unsaved = conversation.unsaved
        for _ in range(TRIES):
            try:
                if self.file is None:
                    report = self._create(conversation, model, folder)
                    if amendment is None:
                        return report
                    unsaved = conversation.unsaved
                    continue
                if amendment is not None:
                    # Start again from the file, which may have changed since the previous attempt.
                    conversation.reset(self.file.session, unsaved)
                notices += self._pull(conversation)
                if amendment is not None:
                    unsaved = conversation.unsaved
                    amendment(conversation, self.file)
                session = conversation.snapshot(model)
                changed = conversation.system_changed
                self.file.save(session, conversation.unsaved, system_changed=changed, watch=self.hold)
                conversation.mark_saved(session)
                amendment = None  # made: if the folder disappears now, it must not be made twice
                self.file.sync()
                if self.recovered.stored is not None:
                    notices += self.recovered.rejoined(self.backend.fs)
                return SaveReport(self.file.path, notice=_joined(notices))
            except ConcurrentChange:
                continue
            except FileNotFoundError:
                if amendment is not None and self.file is not None:
                    conversation.reset(self.file.session, unsaved)  # it may be made already
                with contextlib.suppress(ConcurrentChange):  # the file exists again: retry
                    path = self._create(conversation, model, folder).path
                    notices.append(Problem(f"{display_path(path)} had been removed; the session was written again."))
                    if amendment is None:
                        return SaveReport(path, notice=_joined(notices))
                    unsaved = conversation.unsaved
            except (SessionFileError, UnstorableValue) as error:
                if amendment is not None or self.file is None:
                    raise
                if isinstance(error, NewerVersion) and not conversation.unsaved:
                    raise  # a change of the header only, which must be made with the later version
                return self.recovered.save(self.file, conversation, model, error)
        raise OSError(f"{folder / FILE_NAME} changes faster than it can be saved")

    def _create(self, conversation: Conversation, model: str | None, folder: Path) -> SaveReport:
        session, source = conversation.snapshot(model), conversation.fork_source
        text = source.carry_over(self.backend.fs, session, folder) if source else None
        before = self.file
        self.file = self.backend.create(session, folder, again=before is not None, text=text)
        if before:
            before.forget_replaced()
        conversation.fork_source = None
        conversation.mark_saved(session)
        return SaveReport(self.file.path)

    def refresh(self, conversation: Conversation, *, own: bool = False) -> list[str]:
        """Reload the file if it changed, and return notices.

        An unreadable file is only reported. ``own`` is that of ``reload``.
        """
        self._follow_project()
        if self.file is None:
            return []
        try:
            with explained("read the session", self.file.path.parent), contextlib.suppress(FileNotFoundError):
                notices = self._pull(conversation, own=own)
                if conversation.unsaved:
                    # A lost race with an editor, or turns in a recovery file: write them to session.yaml at once. If
                    # that fails, the save at the end of the turn fails too and reports the reason.
                    with contextlib.suppress(StorageError):
                        report = self.save(conversation, None)
                        notices += [report.notice] if report.notice else []
                return notices
        except SessionFileError as error:
            advice = "Fix that line; aloop reads the file again before the next turn and does not overwrite it."
            return [Problem(f"{error.shown}. {advice}")]
        return []

    def _pull(self, conversation: Conversation, *, own: bool = False) -> list[str]:
        if self.file is None:
            return []
        self.file, notices = reload(self.file, conversation, own=own)
        return notices

    def _follow_project(self) -> None:
        """Use the new path of the session if its project was moved."""
        notice = self.backend.follow_moved_project()
        if notice is None:
            return
        self._notices.append(notice)
        if self._folder is None:
            return
        folder = self.backend.sessions_dir / self._folder.name
        self._folder, self._missing = folder, None
        if self._open_lock:
            self._open_lock.follow(folder)
        for journal in (*self._unsaved, *([self._journal] if self._journal else [])):
            journal.follow(folder)
        for file in (self.file, self.recovered.stored):
            if file is not None:
                file.path = folder / file.path.name

    def _ensure_folder(self, session: Session) -> Path:
        """Return the session's folder, created if missing and locked if held."""
        self._follow_project()
        if self._folder is not None:
            try:
                if not stat.S_ISDIR(self.backend.fs.lstat(self._folder).st_mode):
                    # A symbolic link would expose private data outside the sessions folder.
                    raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(self._folder))
            except FileNotFoundError:
                self._unlock_open()
                self._missing, self._folder = self._folder, None
        if self._folder is None and self._is_back(session.id):
            self._folder = self._missing
        if self._folder is None:
            if notice := self.backend.leave_removed_project():
                self._notices.append(notice)
                self.file = None  # the next save writes all of the session
            self._folder = self.backend.make_folder(session)
        self._lock_open(session.id)
        return self._folder

    def _is_back(self, session_id: str) -> bool:
        """Return True if the missing folder exists again, as on a disk that was away."""
        if self._missing is None:
            return False
        header = read_header(self.backend.fs, str(self._missing.parent), self._missing.name)
        return header is not None and header.id == session_id

    def _lock_open(self, session_id: str) -> None:
        if self.hold and self._open_lock is None and self._folder is not None:
            self._open_lock = OpenLock(self.backend.fs, self._folder, session_id)

    def _unlock_open(self) -> None:
        if self._open_lock:
            self._open_lock.release()
            self._open_lock = None

    def _discard(self, journal: Journal) -> None:
        with contextlib.suppress(OSError):  # the next start sees that its turn is saved, and removes it
            journal.discard()


def _joined(notices: Sequence[str]) -> str | None:
    """Return notices as one, a Problem if one of them is; None without any."""
    text = " ".join(notices)
    return Problem(text) if any(isinstance(notice, Problem) for notice in notices) else text or None


def _retry_missing_folder(work: Callable[[], T]) -> T:
    """Retry ``work`` if another process removed the new folder as a leftover."""
    for _ in range(TRIES):
        with contextlib.suppress(FileNotFoundError):
            return work()
    return work()


def reload(file: SessionFile, conversation: Conversation, *, own: bool = False) -> tuple[SessionFile, list[str]]:
    """Update the conversation if its file changed; return the file and notices.

    ``own`` words the notices for a change that the user has just made here. Unsaved messages are placed after those of
    the file. Raises SessionFileError if the file is not a valid session, FileNotFoundError, OSError; the conversation
    is then unchanged.
    """
    fresh = file.late_edit()
    if fresh is not None and fresh.base is not None:
        # This version does not have the messages that the last save added: they count as new again.
        conversation.saved = fresh.base
    elif _has_changed(file):
        fresh = _read_again(file)
    else:
        return file, []
    notice = _describe_reload(conversation, file, fresh, own=own)
    conversation.adopt(fresh.session)
    file.forget_replaced()
    warning = fresh.warning_about(ToldComments.of_user().take_new(fresh.session.id, fresh.cuts))
    return fresh, [notice, *([Problem(warning)] if warning else [])]


def _has_changed(file: SessionFile) -> bool:
    try:
        return file.changed_on_disk()
    except FileNotFoundError:
        _wait()
        return file.changed_on_disk()


def _read_again(file: SessionFile) -> SessionFile:
    try:
        fresh = SessionFile.read(file.fs, file.path, allowed=file.allowed)
        if not fresh.session.warnings or file.session.warnings:
            return fresh
        # The end marker is missing: an incomplete text may read as a shorter conversation.
    except (SessionFileError, FileNotFoundError):
        pass
    _wait()
    return SessionFile.read(file.fs, file.path, allowed=file.allowed)


def _describe_reload(conversation: Conversation, old: SessionFile, fresh: SessionFile, *, own: bool) -> str:
    changes = describe_changes(conversation.messages[: conversation.saved], fresh.session.messages)
    notice = f"{'Edited' if own else f'{FILE_NAME} was edited'}: {changes}."
    if changes.removed:
        copy = old.path.with_name(dated_name("before"))
        old.copy_to(copy)
        notice += f" The previous version is kept as {copy.name}."
    return Problem(notice) if changes.removed and not own else notice


def _wait() -> None:
    threading.Event().wait(_RETRY_DELAY)
