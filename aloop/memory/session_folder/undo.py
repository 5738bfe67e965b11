"""Undo and redo the last turn.

An undone turn is in a readable file beside session.yaml until it is restored. That file is written before the turn
leaves session.yaml, and deleted after the turn is back: a crash in between leaves the turn in both, never in none. A
turn that is in both does not count as undone.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aloop.errors import SessionFileError, UsageError
from aloop.formatting import display_path
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.emitter import END_MARKER, ITEM_COLUMN, emit_messages, emit_time
from aloop.memory.codec.nodes import ScalarNode
from aloop.memory.codec.patch import VerbatimMessages
from aloop.memory.codec.serialization import interpret, parse
from aloop.memory.conversation import Conversation, last_turn
from aloop.memory.disk.filesystem import FileSystem, write_atomic
from aloop.memory.session_folder.dated_names import TIME_MARK, dated_name, read_mark
from aloop.memory.session_folder.session_file import SessionFile

_NAME = re.compile(rf"session\.undone-({TIME_MARK})\.yaml")
_EARLIEST = datetime.fromtimestamp(0, UTC)
_NOTE = "# A turn removed from session.yaml by /undo; /redo restores it. base: the number of messages before it.\n"


def is_undone(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class UndoneTurn:
    """A turn after ``base`` messages (without summaries); ``verbatim`` is its text."""

    path: Path
    base: int
    messages: tuple[LLMMessage, ...]
    verbatim: VerbatimMessages | None = None

    @property
    def question(self) -> str:
        return self.messages[0].content or ""

    def is_in(self, messages: Sequence[LLMMessage]) -> bool:
        """Return True if ``messages`` has the turn at its place."""
        spoken = [message for message in messages if not message.summary]
        mine = [message for message in self.messages if not message.summary]
        return spoken[self.base : self.base + len(mine)] == mine


def base_of(messages: Sequence[LLMMessage]) -> int:
    """Count ``messages`` without summaries, which compaction may add or remove."""
    return sum(not message.summary for message in messages)


def free_path(fs: FileSystem, folder: Path) -> Path:
    """Return a path for the next undone turn that sorts after the existing ones."""
    last = max((_undone_at(name) for name in fs.names(folder) if is_undone(name)), default=_EARLIEST)
    return folder / dated_name("undone", max(datetime.now(UTC), last + timedelta(microseconds=1)))


def _undone_at(name: str) -> datetime:
    match = _NAME.fullmatch(name)
    with contextlib.suppress(ValueError):  # digits that are not a time
        return read_mark(match[1]) if match else _EARLIEST
    return _EARLIEST


def write_undone(fs: FileSystem, path: Path, stored: SessionFile, messages: Sequence[LLMMessage], first: int) -> None:
    """Write ``messages`` from index ``first`` on to ``path``; raises OSError.

    Their text is the same as in ``stored`` if that has exactly these messages, in a block list.
    """
    turn, verbatim = tuple(messages[first:]), None
    if stored.session.messages == tuple(messages):
        verbatim = VerbatimMessages.of(turn, stored.lines_from(first)) or VerbatimMessages.cut_from(
            parse(bytes(stored.data), stored.path), turn, first
        )
    lines = verbatim.lines if verbatim else emit_messages(turn, ITEM_COLUMN)
    now = emit_time(datetime.now().astimezone())
    text = (
        f"{_NOTE}id: {stored.session.id}\ncreated_at: {now}\nupdated_at: {now}\n"
        f"base: {base_of(messages[:first])}\nmessages:\n{lines}{END_MARKER}"
    )
    write_atomic(fs, path, [text.encode()])


def read_undone(fs: FileSystem, path: Path) -> UndoneTurn:
    """Read an undone turn; raises OSError, SessionFileError."""
    parsed = parse(fs.read(path), path)
    messages = interpret(parsed, path).messages
    base = parsed.root.values.get("base")
    if not messages or not isinstance(base, ScalarNode) or not (base.text.isascii() and base.text.isdigit()):
        raise SessionFileError(path, 1, 1, "this is not an undone turn: messages or base is missing")
    return UndoneTurn(path, int(base.text), messages, VerbatimMessages.cut_from(parsed, messages, 0))


def undone_turns(fs: FileSystem, folder: Path) -> Iterator[UndoneTurn]:
    """Yield the undone turns of a session, last undone first.

    Raises as ``read_undone`` does. Each is read when it is requested, so that an invalid file does not block later
    turns.
    """
    for name in sorted(filter(is_undone, fs.names(folder)), key=_undone_at, reverse=True):
        yield read_undone(fs, folder / name)


@dataclass(slots=True)
class Undo:
    """An amendment that removes the last turn, and writes it to ``path``."""

    fs: FileSystem
    taken: tuple[LLMMessage, ...] = ()
    path: Path | None = None

    def __call__(self, conversation: Conversation, stored: SessionFile) -> None:
        first = last_turn(conversation.messages)
        if first is None:
            raise UsageError("There is nothing to undo: this session has no turn yet.")
        self.take_out(conversation, stored, first)

    def take_out(self, conversation: Conversation, stored: SessionFile, first: int) -> None:
        """Write the messages from index ``first`` on to their file, then remove them."""
        self.taken = tuple(conversation.messages[first:])
        self.path = self.path or free_path(self.fs, stored.path.parent)
        write_undone(self.fs, self.path, stored, conversation.messages, first)
        conversation.revise(conversation.messages[:first])


@dataclass(slots=True)
class Redo:
    """An amendment that restores the turn undone last.

    If the same question was asked again since, as a retry does, the restored turn and the present one change places.
    Of several turns with that question, the one undone first is restored, so that repeated redos cycle through all.
    """

    fs: FileSystem
    _restored: UndoneTurn | None = None
    _undo: Undo = field(init=False)

    def __post_init__(self) -> None:
        self._undo = Undo(self.fs)

    def __call__(self, conversation: Conversation, stored: SessionFile) -> None:
        waiting = self._waiting(stored)
        last = next(waiting, None)
        if last is None:
            raise UsageError("There is nothing to redo.")
        self._restored = last
        if base_of(conversation.messages) > last.base:
            self._restored = self._exchange(conversation, stored, [last, *waiting])
        conversation.messages += self._restored.messages
        stored.verbatim = self._restored.verbatim

    @property
    def result(self) -> Redone:
        """The restored and the removed messages; valid after the save."""
        return Redone(self._restored.messages if self._restored else (), self._undo.taken)

    def forget(self) -> None:
        """Delete the file of the restored turn."""
        if self._restored:
            with contextlib.suppress(OSError):  # the next redo sees that the turn is back, and skips it
                self.fs.unlink(self._restored.path)

    def _waiting(self, stored: SessionFile) -> Iterator[UndoneTurn]:
        """Yield the undone turns, last undone first.

        A turn that a crash left in the session too is skipped, and its file deleted.
        """
        for turn in undone_turns(self.fs, stored.path.parent):
            if turn.is_in(stored.session.messages):
                with contextlib.suppress(OSError):  # harmless: the turn is in the session
                    self.fs.unlink(turn.path)
            elif turn.path != self._undo.path:
                yield turn

    def _exchange(self, conversation: Conversation, stored: SessionFile, turns: Sequence[UndoneTurn]) -> UndoneTurn:
        first = last_turn(conversation.messages) or 0
        base, question = base_of(conversation.messages[:first]), conversation.messages[first].content or ""
        other = next((turn for turn in reversed(turns) if (turn.base, turn.question) == (base, question)), None)
        if other is None:
            raise UsageError(
                "There is nothing to redo: the conversation has continued since. The turn undone last is kept in "
                f"{display_path(turns[0].path)}."
            )
        self._undo.take_out(conversation, stored, first)
        return other


@dataclass(frozen=True, slots=True)
class Redone:
    """The restored messages, and those removed in exchange (mostly none)."""

    brought: tuple[LLMMessage, ...]
    taken: tuple[LLMMessage, ...] = ()
