"""Turn: the messages from a question to its last answer, always saved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import TracebackType
from typing import Protocol, TypeVar

from aloop.llm.content.provenance import present_time
from aloop.llm.message_types import LLMMessage
from aloop.memory.context import answer_for, unanswered
from aloop.memory.session import SaveReport

T = TypeVar("T")


class TurnStorage(Protocol):
    """The storage of a turn."""

    async def begin(self) -> None:
        """Reload the session file if it changed, and open a journal.

        Raises SessionError if the session cannot be written.
        """
        ...

    async def note(self, message: LLMMessage) -> None:
        """Write a finished message to the journal."""
        ...

    async def note_piece(self, piece: LLMMessage, answer: int) -> None:
        """Write a piece of the text of an unfinished answer to the journal.

        ``answer`` is the number of the attempt to get it.
        """
        ...

    async def drop(self) -> None:
        """Remove the journal without saving."""
        ...

    async def save(self) -> SaveReport:
        """Save the session and remove the journal."""
        ...


PIECE_INTERVAL = 0.25
"""Seconds between two writes of an unfinished answer, which is the most text that a crash can lose."""


class _UnfinishedAnswer:
    """Writes the text of a streaming answer to the journal, off the event loop."""

    def __init__(self, storage: TurnStorage) -> None:
        self._storage = storage
        self._model = ""
        self._number = 0
        self._has_begun = False
        self._pending: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def begin(self, model: str) -> None:
        """Start another answer, whose text replaces the text so far once there is some."""
        self._flush()
        self._pending.clear()
        self._model, self._has_begun = model, False
        self._number += 1

    def add(self, text: str) -> None:
        """Take a piece of text; it is written later."""
        self._pending.append(text)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PIECE_INTERVAL, self._flush)

    async def end(self) -> None:
        """Forget what is not written, and wait until the rest is, even if it fails."""
        self._stop_timer()
        self._pending.clear()
        if self._writing is not None:
            # Not awaited itself: the save that follows must not depend on it.
            await asyncio.wait([self._writing])

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        self._stop_timer()
        if self._writing is not None and not self._writing.done():
            # A slow disk: the next write has more text.
            if self._pending:
                self._timer = asyncio.get_running_loop().call_later(PIECE_INTERVAL, self._flush)
            return
        text = "".join(self._pending)
        if not text or not (self._has_begun or text.strip()):
            return
        self._has_begun = True
        self._pending.clear()
        piece = LLMMessage("assistant", text, model=self._model, interrupted=True, at=present_time())
        self._writing = asyncio.ensure_future(self._storage.note_piece(piece, self._number))


class Turn:
    """An async context manager that collects and saves the messages of a turn.

    If an exception ends the turn before the first answer, the question is removed and nothing is saved. If it ends the
    turn later, tool calls without a result get a placeholder, and the session is saved before the exception is
    propagated. Cancelling again does not interrupt the save.
    """

    def __init__(self, messages: list[LLMMessage], storage: TurnStorage) -> None:
        self._messages = messages
        self._storage = storage
        self._new: list[LLMMessage] = []
        self._answer = _UnfinishedAnswer(storage)
        self.report: SaveReport | None = None
        self.kept = False

    async def add(self, message: LLMMessage) -> None:
        """Append a finished message, with the time: the question, an answer or a result.

        When this returns, the message is on disk and survives a crash.
        """
        if message.at is None:
            message = replace(message, at=present_time())
        self._new.append(message)
        self._messages.append(message)
        # Even if cancelled, the write must be complete before the next step.
        await finish_shielded(self._note(message))

    async def _note(self, message: LLMMessage) -> None:
        await self._answer.end()
        await self._storage.note(message)

    def begin_answer(self, model: str) -> Callable[[str], None]:
        """Return a function to call with each piece of an answer's text.

        After a crash, the text is an interrupted answer, until another one begins or a message is added.
        """
        self._answer.begin(model)
        return self._answer.add

    async def __aenter__(self) -> Turn:
        try:
            await finish_shielded(self._storage.begin())
        except BaseException:
            await finish_shielded(self._storage.drop())
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        new = self._new
        if kind is not None and all(message.role == "user" for message in new):
            own = {id(message) for message in new}
            self._messages[:] = [message for message in self._messages if id(message) not in own]
            await finish_shielded(self._drop())
            return
        self._messages.extend(answer_for(call) for call in unanswered(new))
        self.kept = True
        self.report = await finish_shielded(self._save())

    async def _drop(self) -> None:
        await self._answer.end()
        await self._storage.drop()

    async def _save(self) -> SaveReport:
        await self._answer.end()
        return await self._storage.save()


async def finish_shielded(work: Awaitable[T]) -> T:
    """Await ``work`` to its end even if cancelled; raise CancelledError afterward."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            cancelled = True
        except Exception:  # noqa: BLE001 - raised below, from the task itself
            break
    result = task.result()
    if cancelled:
        raise asyncio.CancelledError
    return result
