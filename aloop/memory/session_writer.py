"""Keeps one conversation on disk: its folder, its locks, its journal, and what other people do to its file.

What others did to a session's file: looked at, taken over, and told in a sentence.
"""

from __future__ import annotations

import contextlib
import errno
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from aloop.errors import AloopError, SessionFileError, StorageError, UsageError
from aloop.llm.message_types import LLMMessage
from aloop.memory.conversation import Change, Conversation, describe_changes
from aloop.memory.disk.filesystem import explain_error
from aloop.memory.disk.locks import OpenLock, write_lock
from aloop.memory.session import FILE_NAME, SaveReport, Session
from aloop.memory.session_folder.journal import Journal
from aloop.memory.session_folder.outputs import KeptOutput, keep_output
from aloop.memory.session_folder.recovery import RecoveredFile
from aloop.memory.session_folder.session_file import TRIES, ChangedMeanwhile, SessionFile, time_mark
from aloop.memory.sessions_dir.yaml_backend import YamlBackend

# An editor that truncates and then writes leaves nothing, or half of it, for a moment; one that renames, no file.
_SECOND_LOOK = 0.3


def reload(stored: SessionFile, conversation: Conversation, *, own: bool = False) -> tuple[SessionFile, list[str]]:
    """Take over what others changed since ``stored`` was seen; return the file as it is now, and what to tell.

    ``own`` says that the change is the user's, who has just made it here, and tells it so. Messages that were not saved
    yet follow those of the file. Raises SessionFileError when it is no session now, FileNotFoundError when it is gone,
    OSError; then nothing has changed.
    """
    fresh = stored.late_edit()
    if fresh is not None and fresh.base is not None:
        # What the last save added is not in this version: it counts as new again.
        conversation.saved = fresh.base
    elif _has_changed(stored):
        fresh = _read_again(stored)
    else:
        return stored, []
    notice = _compare(conversation, stored, fresh, own=own)
    conversation.adopt(fresh.session)
    stored.forget_replaced()
    return fresh, [notice]


def _has_changed(stored: SessionFile) -> bool:
    try:
        return stored.changed_on_disk()
    except FileNotFoundError:
        _wait()
        return stored.changed_on_disk()


def _read_again(stored: SessionFile) -> SessionFile:
    try:
        fresh = SessionFile.read(stored.fs, stored.path)
        if not fresh.session.warnings or stored.session.warnings:
            return fresh
        # It has lost its end marker: half a text can read as a shorter conversation.
    except (SessionFileError, FileNotFoundError):
        pass
    _wait()
    return SessionFile.read(stored.fs, stored.path)


def _compare(conversation: Conversation, old: SessionFile, fresh: SessionFile, *, own: bool) -> str:
    changes = describe_changes(conversation.messages[: conversation.saved], fresh.session.messages)
    notice = f"Edited: {changes.to_their_author()}." if own else f"{FILE_NAME} changed on disk: {changes}; reloaded."
    if changes.removed:
        copy = old.path.with_name(f"session.before-{time_mark(datetime.now().astimezone())}.yaml")
        old.copy_to(copy)
        notice += f" The version before is kept as {copy.name}."
    return notice


def _wait() -> None:
    threading.Event().wait(_SECOND_LOOK)


T = TypeVar("T")
Amendment = Callable[[Conversation, SessionFile], None]
"""Changes a conversation that is just what its file says; called again when the file changes meanwhile."""


@dataclass(slots=True)
class SessionWriter:
    """The disk's side of a conversation. All methods block; errors are those of ``aloop.errors``.

    With ``hold`` the session is locked against other shells from the moment it has a folder until ``release``.
    """

    backend: YamlBackend
    hold: bool = False
    stored: SessionFile | None = None
    _folder: Path | None = None
    _open: OpenLock | None = None
    _journal: Journal | None = None
    _unsaved: list[Journal] = field(default_factory=list)
    beside: RecoveredFile = field(default_factory=RecoveredFile)

    @property
    def path(self) -> Path | None:
        """The file that the last save went to."""
        kept = self.beside.stored or self.stored
        return kept.path if kept else None

    def open(self, prefix: str) -> tuple[SessionWriter, list[str]]:
        """Return the keeper of another session, and what was brought back of it after a crash.

        Raises SessionBusy where another shell has it open, SessionTwin, and as ``YamlBackend.open``; this one stays.
        """
        entry = self.backend.locate(prefix)
        entry.require_unique()
        folder = self.backend.sessions_dir / entry.folder
        other = SessionWriter(self.backend, self.hold, _folder=folder)
        try:
            other._take_hold(entry.id)
            notices = self.backend.recover(entry)
            other.stored = self.backend.read(entry)
        except BaseException as error:
            other.release()
            if isinstance(error, OSError):
                raise explain_error(error, "open the session", folder) from error
            raise
        return other, notices

    def begin_turn(self, conversation: Conversation) -> list[str]:
        """Take over what others did to the file, and open a journal; returns what a person should be told.

        A journal that can not be written is told of, and the turn goes on without: its end is saved all the same.
        """
        notices = self.refresh(conversation)
        session = conversation.snapshot(None)
        base = len(conversation.messages)
        try:
            _while_swept(lambda: self._start_journal(session, base))
        except OSError as error:
            reason = explain_error(error, "note the turn as it goes", self.backend.sessions_dir)
            notices.append(f"{reason} A crash would lose this turn, until its end is saved.")
        return notices

    def _start_journal(self, session: Session, base: int) -> None:
        folder = self._ensure_folder(session)
        self._journal = Journal.start(self.backend.fs, folder, session, base)

    def note(self, message: LLMMessage) -> str | None:
        """Put a finished message of the turn into its journal; return what to tell when that fails."""
        if self._journal is None:
            return None
        try:
            self._journal.add(message)
        except OSError as error:
            reason = explain_error(error, "note the turn as it goes", self._folder or self.backend.sessions_dir)
            return f"{reason} A crash would lose what comes now, until the turn is saved."
        return None

    def keep_output(self, session: Session, tool: str, text: str) -> KeptOutput:
        """Write a tool's whole result beside the session's file; raises StorageError."""
        try:
            return keep_output(self.backend.fs, self._ensure_folder(session), tool, text)
        except OSError as error:
            raise explain_error(error, "keep a long result", self._folder or self.backend.sessions_dir) from error

    def drop_turn(self) -> None:
        """The turn was taken back: remove its journal, and the folder when there is nothing else in it."""
        if self._journal:
            self._discard(self._journal)
            self._journal = None
        if self.stored is None and self._folder is not None and not self._unsaved:
            self.release()
            self.backend.remove_unused(self._folder)
            self._folder = None

    def edit(self, conversation: Conversation, change: Change, model: str | None) -> SaveReport | None:
        """Put what ``change`` makes of the messages in their place, and into the file where there is one.

        While a turn runs, the file follows at its end; None is returned then. Raises as ``amend`` does.
        """
        if self._journal or self._unsaved or self.stored is None:
            conversation.revise(change(tuple(conversation.messages)))
            return None
        return self.amend(conversation, model, lambda now, _: now.revise(change(tuple(now.messages))))

    def amend(self, conversation: Conversation, model: str | None, amendment: Amendment) -> SaveReport:
        """Let ``amendment`` change the conversation, and write what that changes into the file.

        Raises UsageError while a turn runs, SessionFileError when the file can not be read, as ``save`` does, and what
        ``amendment`` raises: then the conversation is what the file says, and what was not saved yet.
        """
        if self._journal:
            raise UsageError("A turn is running: wait for its end, or interrupt it.")
        if self.stored is None:
            # What is taken away is on the disk first.
            self.save(conversation, model)
        unsaved = conversation.unsaved
        try:
            return self.save(conversation, model, amendment)
        except BaseException:
            if self.stored is not None:
                conversation.reset(self.stored.session, unsaved)
            raise

    def save(self, conversation: Conversation, model: str | None, amendment: Amendment | None = None) -> SaveReport:
        """Write what is new of the conversation, after ``amendment``, into its file.

        Raises StorageError, SessionBusy; with an ``amendment`` also SessionFileError.
        """
        try:
            report = _while_swept(lambda: self._save_locked(conversation, model, amendment))
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
            return self._save(conversation, model, folder, amendment)

    def _keep_journal(self) -> None:
        """The turn is over: its journal is for a crash before the next save that succeeds."""
        if self._journal:
            self._unsaved.append(self._journal)
            self._journal = None

    def release(self) -> None:
        """Let go of the session. Turns that could not be saved stay in their journals for the next start."""
        self._keep_journal()
        for journal in self._unsaved:
            journal.close()
        self._unsaved.clear()
        if self.stored:
            self.stored.forget_replaced()
        if self._open:
            self._open.release()
            self._open = None

    def _save(
        self, conversation: Conversation, model: str | None, folder: Path, amendment: Amendment | None
    ) -> SaveReport:
        notices: list[str] = []
        unsaved = conversation.unsaved
        for _ in range(TRIES):
            try:
                if self.stored is None:
                    return self._create(conversation, model, folder)
                if amendment is not None:
                    # Made anew each time, of what the file says by then.
                    conversation.reset(self.stored.session, unsaved)
                notices += self._pull(conversation)
                if amendment is not None:
                    unsaved = conversation.unsaved
                    amendment(conversation, self.stored)
                session = conversation.snapshot(model)
                changed = conversation.system_changed
                self.stored.save(session, conversation.unsaved, system_changed=changed, watch=self.hold)
                conversation.saved_now(session)
                self.stored.sync()
                notices += self.beside.rejoined(self.backend.fs)
                return SaveReport(self.stored.path, notice=" ".join(notices) or None)
            except ChangedMeanwhile:
                continue
            except FileNotFoundError:
                with contextlib.suppress(ChangedMeanwhile):  # it has come back: look again
                    path = self._create(conversation, model, folder).path
                    notices.append(f"{path} had been removed; the session was written again.")
                    if amendment is None:
                        return SaveReport(path, notice=" ".join(notices))
                    unsaved = conversation.unsaved
            except SessionFileError as error:
                if amendment is not None or self.stored is None:
                    raise
                return self.beside.save(self.stored, conversation, model, error)
        raise OSError(f"{folder / FILE_NAME} changes faster than it can be saved")

    def _create(self, conversation: Conversation, model: str | None, folder: Path) -> SaveReport:
        session, origin = conversation.snapshot(model), conversation.origin
        text = origin.carry_over(self.backend.fs, session, folder) if origin else None
        before, again = self.stored, self.stored is not None
        self.stored = self.backend.create(session, folder, again=again, text=text)
        if before:
            before.forget_replaced()
        conversation.origin = None
        conversation.saved_now(session)
        return SaveReport(self.stored.path)

    def refresh(self, conversation: Conversation, *, own: bool = False) -> list[str]:
        """Reload a changed file (``own`` as in ``reload``); one that can not be read is spoken of at the turn's end."""
        if self.stored is None:
            return []
        try:
            notices = self._pull(conversation, own=own)
            if conversation.unsaved:
                # An edit made too late, or turns that had to be saved beside the file: put them there at once. Where
                # that fails, so will the end of the turn, and tells why.
                with contextlib.suppress(StorageError):
                    report = self.save(conversation, None)
                    notices += [report.notice] if report.notice else []
            return notices
        except FileNotFoundError:
            return []
        except SessionFileError as error:
            return [f"{error}. The file is left alone: mend that line, and it is read again before the next turn."]
        except OSError as error:
            raise explain_error(error, "read the session", self.stored.path.parent) from error

    def _pull(self, conversation: Conversation, *, own: bool = False) -> list[str]:
        """Take over a changed file; raises as ``reload`` does."""
        if self.stored is None:
            return []
        self.stored, notices = reload(self.stored, conversation, own=own)
        return notices

    def _ensure_folder(self, session: Session) -> Path:
        """Return the session's folder, made when it is not there, locked against other shells when held."""
        fs = self.backend.fs
        if self._folder is not None:
            try:
                if not stat.S_ISDIR(fs.lstat(self._folder).st_mode):
                    # A link would lead what is private out of the sessions folder.
                    raise NotADirectoryError(errno.ENOTDIR, "is no folder any more", str(self._folder))
            except FileNotFoundError:
                if self._open:
                    self._open.release()
                    self._open = None
                self._folder = None
        if self._folder is None:
            self._folder = self.backend.make_folder(session)
        self._take_hold(session.id)
        return self._folder

    def _take_hold(self, session_id: str) -> None:
        if self.hold and self._open is None and self._folder is not None:
            self._open = OpenLock(self.backend.fs, self._folder, session_id)

    def _discard(self, journal: Journal) -> None:
        with contextlib.suppress(OSError):  # the next start finds its turn saved, and removes it
            journal.discard()


def _while_swept(work: Callable[[], T]) -> T:
    """Do ``work``, and again where another start took the new folder, still empty, for one that a crash had left."""
    for _ in range(TRIES):
        with contextlib.suppress(FileNotFoundError):
            return work()
    return work()
