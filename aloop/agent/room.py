"""Keeps a turn from filling the model's window."""

from __future__ import annotations

from collections.abc import Callable

from aloop.agent.compaction import FULL, Compactor
from aloop.agent.events import AgentEvent, Notice
from aloop.errors import LLMError, StorageError, UsageError
from aloop.llm.message_types import Usage
from aloop.memory.context_use import ContextUse


class Room:
    """Makes room while a turn runs; what it can not do is told, and not tried again in this turn.

    ``usage`` is what its summaries took.
    """

    def __init__(
        self, compactor: Compactor, measure: Callable[[], ContextUse], emit: Callable[[AgentEvent], None]
    ) -> None:
        self._compactor = compactor
        self._measure = measure
        self._emit = emit
        self._has_failed = False
        self.usage = Usage()

    async def make_if_needed(self) -> None:
        """Make room when the next question would fill more of the window than leaves space for its answer."""
        if self._measure().share > FULL:
            await self.make()

    async def make(self) -> bool:
        """Return whether there is more room now than before."""
        if self._has_failed:
            return False
        try:
            done = await self._compactor.compact()
        except (LLMError, StorageError, UsageError) as error:
            self._emit(Notice(f"The conversation fills the model's window, and could not be summarised: {error}"))
            done = None
        if done is None:
            self._has_failed = True
            return False
        self.usage += done.usage
        self._emit(
            Notice(
                f"To make room, {done.messages} older messages are sent as a summary from now on. They stay in the "
                "session; /compact undo brings them back."
            )
        )
        return True
