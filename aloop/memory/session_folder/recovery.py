"""After a crash: what journals of dead writers hold is brought back into their sessions.

Where turns go while session.yaml can not be read: a file of their own beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from aloop.errors import SHORT_ID, SessionFileError
from aloop.llm.message_types import LLMMessage
from aloop.memory.context import answer_for, unanswered
from aloop.memory.conversation import Conversation
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.session import FILE_NAME, SaveReport, Session
from aloop.memory.session_folder.journal import JournalRecord, is_journal, read_journal
from aloop.memory.session_folder.session_file import SessionFile, time_mark

IS_RECOVERED = re.compile(r"session\.recovered-.*\.yaml").fullmatch


@dataclass(slots=True)
class RecoveredFile:
    """The file beside one session's, None as long as there is none. Methods raise OSError."""

    stored: SessionFile | None = None
    _count: int = 0

    def save(
        self, broken: SessionFile, conversation: Conversation, model: str | None, error: SessionFileError
    ) -> SaveReport:
        """Save the whole conversation, anew with each turn until session.yaml reads again; ``broken`` is that file."""
        session = conversation.snapshot(model)
        path = self.stored.path if self.stored else broken.path.with_name(recovered_name(session.updated_at))
        changed = conversation.system_changed
        self.stored = broken.write_beside(path, session, conversation.unsaved, system_changed=changed)
        self._count = len(conversation.messages)
        notice = f"{error}. The file is left as it is, and this turn was saved beside it, in {path.name}."
        return SaveReport(path, beside=True, notice=notice)

    def holding(self, conversation: Conversation) -> Path | None:
        """Return the file if it has all messages of ``conversation``; None when some are in memory only."""
        return self.stored.path if self.stored and self._count == len(conversation.messages) else None

    def rejoined(self, fs: FileSystem) -> list[str]:
        """After session.yaml could be written again: what was saved beside it is in it now."""
        stored, self.stored = self.stored, None
        if stored is None:
            return []
        try:
            if not stored.changed_on_disk():
                fs.unlink(stored.path)
                return [f"{FILE_NAME} reads again; the turns from {stored.path.name} were put into it."]
        except FileNotFoundError:
            pass
        return [f"{FILE_NAME} reads again; {stored.path.name} was edited meanwhile and is left to you."]


def recovered_name(moment: datetime) -> str:
    """Return the name of such a file that is written first at ``moment``."""
    return f"session.recovered-{time_mark(moment)}.yaml"


@contextmanager
def with_recovered_names(fs: FileSystem, folder: Path) -> Iterator[None]:
    """Have the SessionFileError of the body name the files beside a session's that can not be read; raises OSError."""
    try:
        yield
    except SessionFileError as error:
        names = ", ".join(sorted(filter(IS_RECOVERED, fs.names(folder))))
        if not names or type(error) is not SessionFileError:
            raise
        reason = f"{error.reason}; what was said since stands beside it, in {names}"
        raise SessionFileError(error.path, error.line, error.column, reason) from None


def recovered_files(fs: FileSystem, folder: Path) -> tuple[str, ...]:
    """Return a sentence for each such file: its turns are in no conversation until somebody puts them there.

    Ask who has the session open alone: another's may go back into session.yaml by itself. Raises OSError.
    """
    return tuple(
        f"Turns that were saved beside {FILE_NAME} are not in it. Take over what you need, then delete {folder / name}"
        for name in sorted(filter(IS_RECOVERED, fs.names(folder)))
    )


def journals(fs: FileSystem, folder: Path) -> list[Path]:
    """Return the journals in a session's folder, those of living writers among them, in the order of their turns."""
    found = [folder / name for name in fs.names(folder) if is_journal(name)]
    return sorted(found, key=lambda path: _base(fs, path)) if len(found) > 1 else found


def _base(fs: FileSystem, path: Path) -> int:
    try:
        record = read_journal(fs.read(path), path)
    except FileNotFoundError:  # its writer has removed it meanwhile
        return 0
    return record.base if record else 0


def fold_in(fs: FileSystem, path: Path) -> str | None:
    """Bring one journal's turn back into its session, unless its writer lives; return what to tell, None for nothing.

    Call it under the session's write lock; raises OSError, and then the journal stays.
    """
    try:
        descriptor = fs.open_read(path)
    except FileNotFoundError:
        return None
    try:
        if not fs.try_lock(descriptor):
            return None
        record = read_journal(fs.read_open(descriptor), path)
        if record is None:
            return _set_aside(fs, path)
        notice = _bring_back(fs, path.parent, record) if record.session.messages else None
        fs.unlink(path)
        return notice
    finally:
        fs.close(descriptor)


def _set_aside(fs: FileSystem, path: Path) -> str:
    """Keep a journal that no crash of ours can have left like this: whatever happened to it, it may hold words."""
    aside = path.with_name(f"journal.damaged-{time_mark(datetime.now().astimezone())}.yaml")
    fs.rename(path, aside)
    return f"The journal of an interrupted turn is damaged; it is kept as {aside}."


def _bring_back(fs: FileSystem, folder: Path, record: JournalRecord) -> str | None:
    turn = close_turn(record.session.messages)
    path = folder / FILE_NAME
    short, count = record.session.id[:SHORT_ID], len(record.session.messages)
    what = f"The last turn of session {short} was cut short by a crash; {count} of its messages"
    were = "was" if count == 1 else "were"
    try:
        stored = SessionFile.read(fs, path)
    except FileNotFoundError:
        session = replace(record.session, messages=turn, updated_at=datetime.now().astimezone())
        SessionFile.create(fs, path, Conversation.of(session).snapshot(None))
        return f"{what} {were} brought back."
    except SessionFileError as error:
        beside = _write_recovered(fs, folder, replace(record.session, messages=turn))
        return f"{what} {were} saved as {beside}, for {error}"
    if _is_saved(stored.session.messages[record.base :], record.session.messages, turn):
        # The crash came between the save, or an earlier recovery, and the removal of the journal.
        return None
    conversation = Conversation.of(stored.session)
    conversation.messages += turn
    try:
        stored.save(conversation.snapshot(None), turn)
        stored.sync()
    except SessionFileError as error:
        beside = _write_recovered(fs, folder, replace(record.session, messages=turn))
        return f"{what} {were} saved as {beside}, for {error}"
    return f"{what} {were} brought back."


def _write_recovered(fs: FileSystem, folder: Path, turn: Session) -> Path:
    """Save a turn where session.yaml can not take it, and return the file."""
    path = folder / recovered_name(datetime.now().astimezone())
    SessionFile.create(fs, path, turn)
    return path


def _is_saved(later: Sequence[LLMMessage], *forms: Sequence[LLMMessage]) -> bool:
    """Whether a turn stands among the messages that came after its beginning.

    Others may have written before it, and a summary may have been put into it.
    """
    later = [message for message in later if not message.summary]
    return any(list(later[start : start + len(form)]) == list(form) for form in forms for start in range(len(later)))


def close_turn(messages: Sequence[LLMMessage]) -> tuple[LLMMessage, ...]:
    """Return a turn that was cut off as a valid end of a transcript: its open calls answered, its question marked."""
    *before, last = messages
    if last.role == "user":
        return (*before, replace(last, interrupted=True))
    return (*messages, *(answer_for(call) for call in unanswered(messages)))
