"""Takes the last turn out of a conversation and its file, and puts it back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aloop.errors import UsageError
from aloop.llm.message_types import LLMMessage
from aloop.memory.conversation import Conversation
from aloop.memory.groups import last_turn
from aloop.memory.os_port import OsPort
from aloop.memory.stored import StoredSession
from aloop.memory.undone import UndoneTurn, base_of, free_path, undone_turns, write_undone


@dataclass(slots=True)
class Undo:
    """An amendment that takes the last turn out; ``taken`` are its messages, ``path`` the file that they are in."""

    port: OsPort
    taken: tuple[LLMMessage, ...] = ()
    path: Path | None = None

    def __call__(self, conversation: Conversation, stored: StoredSession) -> None:
        first = last_turn(conversation.messages)
        if first is None:
            raise UsageError("There is nothing to undo: nobody has said anything in this session.")
        self.take_out(conversation, stored, first)

    def take_out(self, conversation: Conversation, stored: StoredSession, first: int) -> None:
        """Take out all messages from ``first`` on, once they are in a file of their own."""
        self.taken = tuple(conversation.messages[first:])
        self.path = self.path or free_path(self.port, stored.path.parent)
        write_undone(self.port, self.path, stored, conversation.messages, first)
        conversation.revise(conversation.messages[:first])


@dataclass(slots=True)
class Redo:
    """An amendment that puts back what was taken out last.

    Where the conversation has gone on with the same question, as after a retry, the two turns change places, the one
    that went out first coming first, so that each of several answers comes round.
    """

    port: OsPort
    _brought: UndoneTurn | None = None
    _undo: Undo = field(init=False)

    def __post_init__(self) -> None:
        self._undo = Undo(self.port)

    def __call__(self, conversation: Conversation, stored: StoredSession) -> None:
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
                self.port.unlink(self._brought.path)

    def _waiting(self, stored: StoredSession) -> Iterator[UndoneTurn]:
        """Yield what was taken out, the last first; what a crash has left in both places was not."""
        for turn in undone_turns(self.port, stored.path.parent):
            if turn.stands_in(stored.session.messages):
                with contextlib.suppress(OSError):  # it stands where it belongs, in any case
                    self.port.unlink(turn.path)
            elif turn.path != self._undo.path:
                yield turn

    def _exchange(self, conversation: Conversation, stored: StoredSession, turns: Sequence[UndoneTurn]) -> UndoneTurn:
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
