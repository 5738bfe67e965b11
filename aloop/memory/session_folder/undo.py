"""Takes the last turn out of a conversation and its file, and puts it back.

Turns that were taken out of a conversation: each in a readable file of its own, until it is put back.

A turn is in its file before it leaves session.yaml, and in session.yaml before its file goes: a crash in between leaves
it in both, never in none. One that is in both was not taken out.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from aloop.errors import SessionFileError, UsageError
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.emitter import END_MARKER, ITEM_COLUMN, emit_messages, emit_time
from aloop.memory.codec.nodes import ScalarNode
from aloop.memory.codec.patch import VerbatimMessages
from aloop.memory.codec.serialization import interpret, parse
from aloop.memory.conversation import Conversation, last_turn
from aloop.memory.disk.filesystem import FileSystem, write_atomic
from aloop.memory.session_folder.session_file import MARK_FORMAT, SessionFile, time_mark

_NAME = re.compile(r"session\.undone-(\d{8}T\d{6}\.\d{6})\.yaml")
_NOTE = "# A turn that was taken out of session.yaml; /redo puts it back. base: how many messages it followed.\n"


def is_undone(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class UndoneTurn:
    """A turn that followed ``base`` messages, summaries not counted; ``typed`` is how it looked, where known."""

    path: Path
    base: int
    messages: tuple[LLMMessage, ...]
    typed: VerbatimMessages | None = None

    @property
    def question(self) -> str:
        return self.messages[0].content or ""

    def stands_in(self, messages: Sequence[LLMMessage]) -> bool:
        """Whether ``messages`` hold it in its place."""
        spoken = [message for message in messages if not message.summary]
        mine = [message for message in self.messages if not message.summary]
        return spoken[self.base : self.base + len(mine)] == mine


def base_of(messages: Sequence[LLMMessage]) -> int:
    """Return how many messages a turn behind ``messages`` follows; summaries come and go between them."""
    return sum(not message.summary for message in messages)


def free_path(fs: FileSystem, folder: Path) -> Path:
    """Return a name for the next turn to be taken out: it sorts behind those there are, whatever the clock."""
    moment = datetime.now().astimezone()
    last = max((found[1] for found in map(_NAME.fullmatch, fs.names(folder)) if found), default="")
    if time_mark(moment) <= last:
        moment = datetime.strptime(last, MARK_FORMAT).astimezone() + timedelta(microseconds=1)
    return folder / f"session.undone-{time_mark(moment)}.yaml"


def write_undone(fs: FileSystem, path: Path, stored: SessionFile, messages: Sequence[LLMMessage], first: int) -> None:
    """Write ``messages`` from number ``first`` (from 0) on into a file of their own; raises OSError.

    They look as they do in ``stored`` where that holds just these messages, in a list with dashes.
    """
    turn, typed = tuple(messages[first:]), None
    if stored.session.messages == tuple(messages):
        typed = VerbatimMessages.cut_from(parse(bytes(stored.data), stored.path), turn, first)
    lines = typed.lines if typed else emit_messages(turn, ITEM_COLUMN)
    now = emit_time(datetime.now().astimezone())
    text = (
        f"{_NOTE}id: {stored.session.id}\ncreated_at: {now}\nupdated_at: {now}\n"
        f"base: {base_of(messages[:first])}\nmessages:\n{lines}{END_MARKER}"
    )
    write_atomic(fs, path, [text.encode()])


def read_undone(fs: FileSystem, path: Path) -> UndoneTurn:
    """Return the turn in a file; raises OSError, and SessionFileError when somebody has broken it."""
    parsed = parse(fs.read(path), path)
    messages = interpret(parsed, path).messages
    base = parsed.root.values.get("base")
    if not messages or not isinstance(base, ScalarNode) or not (base.text.isascii() and base.text.isdigit()):
        raise SessionFileError(path, 1, 1, "this holds no turn that was taken out: messages or base are missing")
    return UndoneTurn(path, int(base.text), messages, VerbatimMessages.cut_from(parsed, messages, 0))


def undone_turns(fs: FileSystem, folder: Path) -> Iterator[UndoneTurn]:
    """Yield the turns that were taken out of a session, the last one first; raises as ``read_undone`` does.

    Each is read when it is asked for: one that somebody has broken stands in nobody's way who wants a later one.
    """
    for name in reversed(fs.names(folder)):
        if is_undone(name):
            yield read_undone(fs, folder / name)


@dataclass(slots=True)
class Undo:
    """An amendment that takes the last turn out; ``taken`` are its messages, ``path`` the file that they are in."""

    fs: FileSystem
    taken: tuple[LLMMessage, ...] = ()
    path: Path | None = None

    def __call__(self, conversation: Conversation, stored: SessionFile) -> None:
        first = last_turn(conversation.messages)
        if first is None:
            raise UsageError("There is nothing to undo: nobody has said anything in this session.")
        self.take_out(conversation, stored, first)

    def take_out(self, conversation: Conversation, stored: SessionFile, first: int) -> None:
        """Take out all messages from ``first`` on, once they are in a file of their own."""
        self.taken = tuple(conversation.messages[first:])
        self.path = self.path or free_path(self.fs, stored.path.parent)
        write_undone(self.fs, self.path, stored, conversation.messages, first)
        conversation.revise(conversation.messages[:first])


@dataclass(slots=True)
class Redo:
    """An amendment that puts back what was taken out last.

    Where the conversation has gone on with the same question, as after a retry, the two turns change places, the one
    that went out first coming first, so that each of several answers comes round.
    """

    fs: FileSystem
    _brought: UndoneTurn | None = None
    _undo: Undo = field(init=False)

    def __post_init__(self) -> None:
        self._undo = Undo(self.fs)

    def __call__(self, conversation: Conversation, stored: SessionFile) -> None:
        waiting = self._waiting(stored)
        last = next(waiting, None)
        if last is None:
            raise UsageError("There is nothing to redo.")
        self._brought = last
        if base_of(conversation.messages) > last.base:
            self._brought = self._exchange(conversation, stored, [last, *waiting])
        conversation.messages += self._brought.messages
        stored.typed = self._brought.typed

    @property
    def result(self) -> Redone:
        """What was done, once it is saved."""
        return Redone(self._brought.messages if self._brought else (), self._undo.taken)

    def forget(self) -> None:
        """Remove the file of the turn that stands in the conversation again."""
        if self._brought:
            with contextlib.suppress(OSError):  # the next redo finds the turn in its place, and passes it over
                self.fs.unlink(self._brought.path)

    def _waiting(self, stored: SessionFile) -> Iterator[UndoneTurn]:
        """Yield what was taken out, the last first; what a crash has left in both places was not."""
        for turn in undone_turns(self.fs, stored.path.parent):
            if turn.stands_in(stored.session.messages):
                with contextlib.suppress(OSError):  # it stands where it belongs, in any case
                    self.fs.unlink(turn.path)
            elif turn.path != self._undo.path:
                yield turn

    def _exchange(self, conversation: Conversation, stored: SessionFile, turns: Sequence[UndoneTurn]) -> UndoneTurn:
        first = last_turn(conversation.messages) or 0
        base, question = base_of(conversation.messages[:first]), conversation.messages[first].content or ""
        other = next((turn for turn in reversed(turns) if (turn.base, turn.question) == (base, question)), None)
        if other is None:
            raise UsageError(
                "There is nothing to redo: the conversation has gone on since. What was undone last is kept in "
                f"{turns[0].path}."
            )
        self._undo.take_out(conversation, stored, first)
        return other


@dataclass(frozen=True, slots=True)
class Redone:
    """The messages that are back, and those that went out in their place (none, mostly)."""

    brought: tuple[LLMMessage, ...]
    taken: tuple[LLMMessage, ...] = ()
