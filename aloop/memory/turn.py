"""Turn: the messages from a question to its last answer, always saved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
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

    async def drop(self) -> None:
        """Remove the journal without saving."""
        ...

    async def save(self) -> SaveReport:
        """Save the session and remove the journal."""
        ...


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
        await finish_shielded(self._storage.note(message))

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
            await finish_shielded(self._storage.drop())
            return
        self._messages.extend(answer_for(call) for call in unanswered(new))
        self.kept = True
        self.report = await finish_shielded(self._storage.save())


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
