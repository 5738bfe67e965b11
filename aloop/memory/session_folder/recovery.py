"""Recover turns that session.yaml lacks.

They are in journals of dead writers, and in files written beside a session.yaml that could not be read.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from aloop.errors import SHORT_ID, Problem, SessionFileError, UnstorableValue
from aloop.formatting import display_path
from aloop.llm.message_types import LLMMessage
from aloop.memory.context import answer_for, unanswered
from aloop.memory.conversation import Conversation
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.disk.locks import acquire
from aloop.memory.session import FILE_NAME, SaveReport
from aloop.memory.session_folder.dated_names import dated_name, time_mark
from aloop.memory.session_folder.journal import JournalRecord, is_journal, is_written, read_journal
from aloop.memory.session_folder.session_file import TRIES, ConcurrentChange, SessionFile

IS_JOURNAL_KEPT = re.compile(r"journal\.(?:damaged|foreign)-.*\.yaml").fullmatch
IS_RECOVERED = re.compile(r"session\.recovered-.*\.yaml").fullmatch


@dataclass(slots=True)
class RecoveredFile:
    """The file beside an unreadable session.yaml; methods raise OSError.

    ``stored`` is None if there is none.
    """

    stored: SessionFile | None = None
    _count: int = 0

    def save(
        self,
        broken: SessionFile,
        conversation: Conversation,
        model: str | None,
        error: SessionFileError | UnstorableValue,
    ) -> SaveReport:
        """Save the whole conversation beside ``broken``, which cannot be read or changed.

        Every turn saves it again until session.yaml can be saved. Raises UnstorableValue if the conversation itself
        cannot be saved.
        """
        session = conversation.snapshot(model)
        path = self.stored.path if self.stored else broken.path.with_name(dated_name("recovered", session.updated_at))
        changed = conversation.system_changed
        try:
            self.stored = broken.write_copy(path, session, conversation.unsaved, system_changed=changed)
        except (SessionFileError, UnstorableValue):
            # The text itself cannot be extended, so write a new one, which cannot fail for the same reason.
            self.stored = SessionFile.create(broken.fs, path, replace(session, version=1))
        self._count = len(conversation.messages)
        reason = (
            f"aloop cannot add messages to {display_path(broken.path)}, because of its layout"
            if isinstance(error, UnstorableValue)
            else error.shown
        )
        notice = f"{reason}. The file was not changed, and this turn was saved beside it in {path.name}."
        return SaveReport(path, in_recovery_file=True, notice=Problem(notice))

    def holding(self, conversation: Conversation) -> Path | None:
        """Return the file if it has all messages of ``conversation``, else None."""
        return self.stored.path if self.stored and self._count == len(conversation.messages) else None

    def rejoined(self, fs: FileSystem) -> list[str]:
        """Remove the file after session.yaml could be saved; return notices."""
        stored, self.stored = self.stored, None
        if stored is None:
            return []
        try:
            if not stored.changed_on_disk():
                fs.unlink(stored.path)
                return [f"{FILE_NAME} is readable again, and the turns from {stored.path.name} were added to it."]
        except FileNotFoundError:
            return [f"{FILE_NAME} is readable again."]
        return [f"{FILE_NAME} is readable again. {stored.path.name} was edited, so it was not removed."]


@contextmanager
def with_recovered_names(fs: FileSystem, folder: Path) -> Iterator[None]:
    """Add the names of recovered files to a SessionFileError from the body.

    Raises OSError.
    """
    try:
        yield
    except SessionFileError as error:
        names = ", ".join(sorted(filter(IS_RECOVERED, fs.names(folder))))
        if not names or type(error) is not SessionFileError:
            raise
        reason = f"{error.reason}; later turns are beside it, in {names}"
        raise SessionFileError(error.path, error.line, error.column, reason) from None


def recovered_files(fs: FileSystem, folder: Path) -> tuple[str, ...]:
    """Return a sentence for the user about each recovered file that has other turns.

    Call this only while holding the session: another process may be about to add such turns to it. Raises OSError.
    """
    names = sorted(filter(IS_RECOVERED, fs.names(folder)))
    return tuple(
        f"Some turns are not in {FILE_NAME}, but in {display_path(folder / name)}. "
        "To add them, run `aloop sessions check --fix`"
        for name in names
        if not _has_turns_of(fs, folder / FILE_NAME, folder / name)
    )


def _has_turns_of(fs: FileSystem, path: Path, beside: Path) -> bool:
    try:
        stored, other = (Counter(SessionFile.read(fs, each).session.messages) for each in (path, beside))
    except (SessionFileError, FileNotFoundError):
        return False
    return stored >= other


def journals(fs: FileSystem, folder: Path) -> list[Path]:
    """Return all journals in a session's folder, in the order of their turns.

    Some may belong to live writers.
    """
    found = [folder / name for name in fs.names(folder) if is_journal(name)]
    return sorted(found, key=lambda path: _base(fs, path)) if len(found) > 1 else found


def _base(fs: FileSystem, path: Path) -> int:
    try:
        record = read_journal(fs.read(path), path)
    except FileNotFoundError:  # removed by its writer
        return 0
    return record.base if record else 0


@contextmanager
def _of_dead_writer(fs: FileSystem, path: Path) -> Iterator[int | None]:
    """Open and lock a journal, and yield its descriptor.

    It is None if the journal is gone or its writer is alive. Raises OSError.
    """
    try:
        descriptor = fs.open_read(path)
    except FileNotFoundError:
        descriptor = None
    if descriptor is None:
        yield None
        return
    try:
        is_locked = acquire(fs, descriptor)
        is_alive = is_locked is False or (is_locked is None and is_written(path))
        yield None if is_alive else descriptor
    finally:
        fs.close(descriptor)


def is_left(fs: FileSystem, path: Path) -> bool:
    """Return True if ``fold_in`` would add the turn of a journal to its session.

    Raises OSError.
    """
    with _of_dead_writer(fs, path) as descriptor:
        if descriptor is None:
            return False
        record = read_journal(fs.read_open(descriptor), path)
        return record is not None and record.is_own and bool(record.session.messages)


def fold_in(fs: FileSystem, path: Path) -> str | None:
    """Add a journal's turn to its session, unless its writer is alive.

    Return a notice for the user, or None. Call it under the session's write lock. Raises OSError; then the journal
    stays.
    """
    with _of_dead_writer(fs, path) as descriptor:
        if descriptor is None:
            return None
        record = read_journal(fs.read_open(descriptor), path)
        if record is None:
            # No crash explains this damage, and the journal may hold messages.
            aside = _set_aside(fs, path, "damaged")
            return Problem(f"The journal of an interrupted turn is damaged. It was kept as {display_path(aside)}.")
        if not record.is_own:
            aside = _set_aside(fs, path, "foreign")
            kept = f"It was kept as {display_path(aside)}."
            return Problem(f"An interrupted turn was not written by your aloop, so it was not added. {kept}")
        notice = _recover_turn(fs, path.parent, record) if record.session.messages else None
        fs.unlink(path)
        return notice


def _set_aside(fs: FileSystem, path: Path, kind: str) -> Path:
    """Rename a journal so that it is not read again, and return its new path."""
    aside = path.with_name(f"journal.{kind}-{time_mark()}.yaml")
    fs.rename(path, aside)
    return aside


def _recover_turn(fs: FileSystem, folder: Path, record: JournalRecord) -> str | None:
    found = record.session.messages if record.partial is None else (*record.session.messages, record.partial)
    turn, count = close_turn(found), len(found)
    messages = f"{count} {'message' if count == 1 else 'messages'}"
    if record.partial is not None:
        messages += ", the last one with the part of the answer that had arrived"
    crashed = f"A crash interrupted the last turn of session {record.session.id[:SHORT_ID]}."
    try:
        is_added = _add_turn(fs, folder / FILE_NAME, record, turn)
    except (SessionFileError, UnstorableValue) as error:
        path = folder / dated_name("recovered")
        SessionFile.create(fs, path, replace(record.session, messages=turn))
        reason = error.shown if isinstance(error, SessionFileError) else str(error)
        saved = f"aloop saved {messages} to {display_path(path)}, because {FILE_NAME} cannot be changed: {reason}"
        return Problem(f"{crashed} {saved}")
    return f"{crashed} aloop recovered {messages}." if is_added else None


def _add_turn(fs: FileSystem, path: Path, record: JournalRecord, turn: tuple[LLMMessage, ...]) -> bool:
    """Add a turn to its session; return False if the session already has it.

    An editor may be saving the file.
    """
    for _ in range(TRIES):
        with contextlib.suppress(ConcurrentChange):
            return _try_to_add_turn(fs, path, record, turn)
    raise OSError(f"{path} changes faster than it can be saved")


def _try_to_add_turn(fs: FileSystem, path: Path, record: JournalRecord, turn: tuple[LLMMessage, ...]) -> bool:
    """Add a turn as above; raises ConcurrentChange if the file changes."""
    stored = _read_if_present(fs, path)
    if stored is None:
        session = replace(record.session, messages=turn, updated_at=datetime.now().astimezone())
        SessionFile.create(fs, path, Conversation.of(session).snapshot(None), again=True)
        return True
    if _is_saved(stored.session.messages[record.base :], record.session.messages, turn):
        # The crash was between a save, or an earlier recovery, and the removal of the journal. The save may have the
        # whole answer where a full disk left only a part in the journal.
        return False
    conversation = Conversation.of(stored.session)
    conversation.messages += turn
    stored.save(conversation.snapshot(None), turn)
    stored.sync()
    return True


_RETRY_DELAY = 0.3
"""Seconds for which some editors move a file away while they save it."""


def _read_if_present(fs: FileSystem, path: Path) -> SessionFile | None:
    with contextlib.suppress(FileNotFoundError):
        return SessionFile.read(fs, path)
    if not any(name for name in fs.names(path.parent) if not name.startswith(".")):
        return None  # a crash in the first turn
    threading.Event().wait(_RETRY_DELAY)
    with contextlib.suppress(FileNotFoundError):
        return SessionFile.read(fs, path)
    return None


def _is_saved(later: Sequence[LLMMessage], *forms: Sequence[LLMMessage]) -> bool:
    """Return True if ``later`` contains a turn, in any of its ``forms``.

    Other processes may have added messages before it, and a compaction may have put a summary into it.
    """
    spoken = [message for message in later if not message.summary]
    return any(_contains(spoken, form) for form in forms)


def _contains(whole: Sequence[LLMMessage], part: Sequence[LLMMessage]) -> bool:
    """Return True if ``part`` is a contiguous part of ``whole``, in linear time.

    This is the algorithm of Knuth, Morris and Pratt: a turn may have thousands of equal messages.
    """
    numbers: dict[LLMMessage, int] = {}
    wanted = [numbers.setdefault(message, len(numbers)) for message in part]
    found = [numbers.get(message, -1) for message in whole]
    # For each end of a part, the length of the longest other part that ends there too.
    borders = [0] * len(wanted)
    length = 0
    for place in range(1, len(wanted)):
        while length and wanted[place] != wanted[length]:
            length = borders[length - 1]
        length += wanted[place] == wanted[length]
        borders[place] = length
    length = 0
    for number in found:
        while length and number != wanted[length]:
            length = borders[length - 1]
        length += number == wanted[length]
        if length == len(wanted):
            return True
    return False


def close_turn(messages: Sequence[LLMMessage]) -> tuple[LLMMessage, ...]:
    """Complete an interrupted turn: answer its open tool calls, or mark its question."""
    *before, last = messages
    if last.role == "user":
        return (*before, replace(last, interrupted=True))
    return (*messages, *(answer_for(call) for call in unanswered(messages)))
