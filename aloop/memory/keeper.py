"""Keeps one conversation on disk: its folder, its locks, its journal, and what other people do to its file."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage
from aloop.memory.atomic import explain
from aloop.memory.conversation import Change, Conversation
from aloop.memory.journal import Journal
from aloop.memory.locks import OpenLock, write_lock
from aloop.memory.merge import compare
from aloop.memory.outputs import KeptOutput, keep_output
from aloop.memory.session import FILE_NAME, SaveReport, Session
from aloop.memory.stored import ChangedMeanwhile, StoredSession, time_mark
from aloop.memory.yaml_backend import YamlBackend

# An editor that truncates and then writes leaves nothing, or half of it, for a moment.
_SECOND_LOOK = 0.3
# Somebody who writes the file all the time is given this many tries to stop.
_TRIES = 20


@dataclass(slots=True)
class Keeper:
    """The disk's side of a conversation. All methods block; errors are those of ``aloop.errors``.

    With ``hold`` the session is locked against other shells from the moment it has a folder until ``release``.
    """

    backend: YamlBackend
    hold: bool = False
    stored: StoredSession | None = None
    _folder: Path | None = None
    _open: OpenLock | None = None
    _journals: list[Journal] = field(default_factory=list)
    _beside: StoredSession | None = None

    @property
    def path(self) -> Path | None:
        """The file that the last save went to."""
        kept = self._beside or self.stored
        return kept.path if kept else None

    def open(self, prefix: str) -> tuple[Keeper, list[str]]:
        """Return the keeper of another session, and what was brought back of it after a crash.

        Raises SessionBusy when another shell has it open, and as ``YamlBackend.open`` does; this one stays as it is.
        """
        entry = self.backend.locate(prefix)
        folder = self.backend.sessions_dir / entry.folder
        other = Keeper(self.backend, self.hold, _folder=folder)
        other._take_hold(entry.id)
        try:
            notices = self.backend.recover(entry)
            other.stored = self.backend.read(entry)
        except BaseException:
            other.release()
            raise
        return other, notices

    def begin_turn(self, conversation: Conversation) -> list[str]:
        """Take over what others did to the file, and open a journal; returns what a person should be told.

        A journal that can not be written is told of, and the turn goes on without: its end is saved all the same.
        """
        notices = self._refresh(conversation)
        session = conversation.snapshot(None)
        base = len(conversation.messages)
        try:
            try:
                self._start_journal(session, base)
            except FileNotFoundError:
                # Another start took the new folder, still empty, for one that a crash had left.
                self._start_journal(session, base)
        except OSError as error:
            reason = explain(error, "note the turn as it goes", self.backend.sessions_dir)
            notices.append(f"{reason} A crash would lose this turn; its end will be saved as always.")
        return notices

    def _start_journal(self, session: Session, base: int) -> None:
        folder = self._ensure_folder(session)
        self._journals.append(Journal.start(self.backend.port, folder, session, base))

    def note(self, message: LLMMessage) -> str | None:
        """Put a finished message of the turn into its journal; return what to tell when that fails."""
        if not self._journals:
            return None
        try:
            self._journals[-1].add(message)
        except OSError as error:
            reason = explain(error, "note the turn as it goes", self._folder or self.backend.sessions_dir)
            return f"{reason} A crash would lose what comes now; the turn's end will be saved as always."
        return None

    def keep_output(self, session: Session, tool: str, text: str) -> KeptOutput:
        """Write a tool's whole result beside the session's file; raises StorageError."""
        try:
            return keep_output(self.backend.port, self._ensure_folder(session), tool, text)
        except OSError as error:
            raise explain(error, "keep a long result", self._folder or self.backend.sessions_dir) from error

    def drop_turn(self) -> None:
        """The turn was taken back: remove its journal, and the folder when there is nothing else in it."""
        if self._journals:
            self._discard(self._journals.pop())
        if self.stored is None and self._folder is not None and not self._journals:
            self.release()
            self.backend.remove_unused(self._folder)
            self._folder = None

    def edit(self, conversation: Conversation, change: Change, model: str | None) -> SaveReport | None:
        """Put what ``change`` makes of the messages in their place, and into the file where there is one.

        While a turn runs, the file follows at its end; None is returned then. Raises as ``save`` does, and what
        ``change`` raises: then the conversation is what the file says, and what was not saved yet.
        """
        if self._journals or self.stored is None:
            conversation.revise(change(tuple(conversation.messages)))
            return None
        unsaved = conversation.unsaved
        try:
            return self.save(conversation, model, change)
        except BaseException:
            conversation.revise((*self.stored.session.messages, *unsaved))
            raise

    def save(self, conversation: Conversation, model: str | None, change: Change | None = None) -> SaveReport:
        """Write what is new of the conversation into its file, after ``change``; raises StorageError, SessionBusy."""
        port = self.backend.port
        try:
            folder = self._ensure_folder(conversation.snapshot(model))
            with write_lock(port, folder, conversation.head.id):
                report = self._save(conversation, model, folder, change)
        except OSError as error:
            raise explain(error, "save the session", self._folder or self.backend.sessions_dir) from error
        self._discard_journals()
        return report

    def release(self) -> None:
        """Let go of the session. Turns that could not be saved stay in their journals for the next start."""
        for journal in self._journals:
            journal.close()
        self._journals.clear()
        if self.stored:
            self.stored.forget_displaced()
        if self._open:
            self._open.release()
            self._open = None

    def _save(self, conversation: Conversation, model: str | None, folder: Path, change: Change | None) -> SaveReport:
        notices: list[str] = []
        unsaved = conversation.unsaved
        for _ in range(_TRIES):
            try:
                if self.stored is None:
                    return self._create(conversation, model, folder)
                if change is not None:
                    # Made anew each time, of what the file says by then.
                    conversation.revise((*self.stored.session.messages, *unsaved))
                notices += self._pull(conversation)
                if change is not None:
                    unsaved = conversation.unsaved
                    conversation.revise(change(tuple(conversation.messages)))
                session = conversation.snapshot(model)
                changed = conversation.system_changed
                self.stored.save(session, conversation.unsaved, system_changed=changed, watch=self.hold)
                conversation.saved_now(session)
                notices += self._rejoined()
                return SaveReport(self.stored.path, notice=" ".join(notices) or None)
            except ChangedMeanwhile:
                continue
            except FileNotFoundError:
                path = folder / FILE_NAME
                self.stored = None
                report = self._create(conversation, model, folder)
                return SaveReport(report.path, notice=f"{path} had been removed; the session was written again.")
            except SessionFileError as error:
                return self._save_beside(conversation, model, error)
        raise OSError(f"{folder / FILE_NAME} changes faster than it can be saved")

    def _create(self, conversation: Conversation, model: str | None, folder: Path) -> SaveReport:
        session = conversation.snapshot(model)
        self.stored = self.backend.create(session, folder)
        conversation.saved_now(session)
        return SaveReport(self.stored.path)

    def _refresh(self, conversation: Conversation) -> list[str]:
        """Reload what others changed; a file that can not be read now is spoken of when the turn is saved."""
        if self.stored is None:
            return []
        try:
            notices = self._pull(conversation)
            if conversation.unsaved:
                # An edit made too late, or turns that had to be saved beside the file: put them there at once.
                report = self.save(conversation, None)
                notices += [report.notice] if report.notice else []
            return notices
        except FileNotFoundError:
            return []
        except SessionFileError as error:
            return [f"{error}. The file is left alone: mend that line, and it is read again before the next turn."]
        except OSError as error:
            raise explain(error, "read the session", self.stored.path.parent) from error

    def _pull(self, conversation: Conversation) -> list[str]:
        """Take over a changed file; raises SessionFileError when it is no session, FileNotFoundError when gone."""
        stored = self.stored
        if stored is None:
            return []
        fresh = stored.late_edit()
        if fresh is not None and fresh.base is not None:
            # What the last save added is not in this version: it counts as new again.
            conversation.saved = fresh.base
        elif stored.changed_on_disk():
            fresh = self._read_again(stored)
        else:
            return []
        notices = self._compare(stored, fresh)
        conversation.adopt(fresh.session)
        stored.forget_displaced()
        self.stored = fresh
        return notices

    def _read_again(self, stored: StoredSession) -> StoredSession:
        try:
            return StoredSession.read(self.backend.port, stored.path)
        except (SessionFileError, FileNotFoundError):
            threading.Event().wait(_SECOND_LOOK)
            return StoredSession.read(self.backend.port, stored.path)

    def _compare(self, old: StoredSession, fresh: StoredSession) -> list[str]:
        # Of the file before, not of the memory: an edit that is still to be written is none of anybody else's.
        before = old.session.messages if fresh.base is None else old.session.messages[: fresh.base]
        changes = compare(before, fresh.session.messages)
        notice = f"{FILE_NAME} changed on disk: {changes}; reloaded."
        if changes.removed:
            copy = old.path.with_name(f"session.before-{time_mark(datetime.now().astimezone())}.yaml")
            old.copy_to(copy)
            notice += f" The version before is kept as {copy.name}."
        return [notice]

    def _save_beside(self, conversation: Conversation, model: str | None, error: SessionFileError) -> SaveReport:
        """Save the whole conversation into a file of its own, anew with each turn until session.yaml reads again."""
        session: Session = conversation.snapshot(model)
        assert self.stored is not None  # noqa: S101 - only a stored session can be unreadable
        path = self._beside.path if self._beside else None
        if path is None:
            path = self.stored.path.with_name(f"session.recovered-{time_mark(session.updated_at)}.yaml")
        changed = conversation.system_changed
        self._beside = self.stored.write_beside(path, session, conversation.unsaved, system_changed=changed)
        notice = f"{error}. The file is left as it is, and this turn was saved beside it, in {path.name}."
        return SaveReport(path, beside=True, notice=notice)

    def _rejoined(self) -> list[str]:
        """After session.yaml could be written again: what was saved beside it is in it now."""
        beside, self._beside = self._beside, None
        if beside is None:
            return []
        try:
            if not beside.changed_on_disk():
                self.backend.port.unlink(beside.path)
                return [f"{FILE_NAME} reads again; the turns from {beside.path.name} were put into it."]
        except FileNotFoundError:
            pass
        return [f"{FILE_NAME} reads again; {beside.path.name} was edited meanwhile and is left to you."]

    def _ensure_folder(self, session: Session) -> Path:
        """Return the session's folder, made when it is not there, locked against other shells when held."""
        port = self.backend.port
        if self._folder is not None:
            try:
                port.lstat(self._folder)
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
            self._open = OpenLock(self.backend.port, self._folder, session_id)

    def _discard_journals(self) -> None:
        while self._journals:
            self._discard(self._journals.pop())

    def _discard(self, journal: Journal) -> None:
        with contextlib.suppress(OSError):  # the next start finds its turn saved, and removes it
            journal.discard()
