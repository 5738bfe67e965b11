"""One turn of a conversation: from the question to the last answer, kept whole whatever ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Protocol, TypeVar

from aloop.llm.message_types import LLMMessage
from aloop.memory.context import answer_for, unanswered
from aloop.memory.session import SaveReport

T = TypeVar("T")


class TurnDisk(Protocol):
    """What a turn needs of storage."""

    async def begin(self) -> None:
        """Look at the session's file, and open a journal."""
        ...

    async def note(self, message: LLMMessage) -> None:
        """Put a finished message into the journal."""
        ...

    async def drop(self) -> None:
        """Remove the journal of a turn that was taken back."""
        ...

    async def save(self) -> SaveReport:
        """Save the session and remove the journal."""
        ...


class Turn:
    """An async context manager that collects the messages of a turn and, at its end, saves them.

    Ended by an exception before anything but the question was there, the turn is taken back: nothing is saved, and the
    question is the asker's to ask again. Ended later, what there is stays: calls without a result get one that says
    so, and the session is saved before the exception goes on. Cancelling again does not cut the save short.
    """

    def __init__(self, messages: list[LLMMessage], disk: TurnDisk) -> None:
        self._messages = messages
        self._disk = disk
        self._new: list[LLMMessage] = []
        self.report: SaveReport | None = None
        self.kept = False

    async def add(self, message: LLMMessage) -> None:
        """Append a finished message: the question first, then each answer and each tool result.

        When this returns, the message is on the disk and outlives a crash.
        """
        self._new.append(message)
        self._messages.append(message)
        # Cancelled or not, the journal is not written behind the back of what comes next.
        await finish_shielded(self._disk.note(message))

    async def __aenter__(self) -> Turn:
        try:
            await finish_shielded(self._disk.begin())
        except asyncio.CancelledError:
            await finish_shielded(self._disk.drop())
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        new = self._new
        if kind is not None and all(message.role == "user" for message in new):
            mine = {id(message) for message in new}
            self._messages[:] = [message for message in self._messages if id(message) not in mine]
            await finish_shielded(self._disk.drop())
            return
        self._messages.extend(answer_for(call) for call in unanswered(new))
        self.kept = True
        self.report = await finish_shielded(self._disk.save())


async def finish_shielded(work: Awaitable[T]) -> T:
    """Await ``work`` to its end, whoever cancels meanwhile; the cancellation is passed on afterwards."""
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
