"""A model whose module is loaded with its first request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from aloop.llm.base import (
    DEFAULT_CONTEXT_WINDOW,
    LLM,
    LearnsLimits,
    ModelNote,
    Reply,
    StreamEvent,
    SupportsEffort,
    ToolSpec,
)
from aloop.llm.message_types import LLMMessage


class LazyLLM:
    """A proxy for the model that ``load`` returns.

    ``load`` runs in a thread, because an import can take a second. ``prefix`` is put before the names of the models
    that answered: a server does not know by which name the user calls it. A model that does not support the ``effort``
    is asked with its default effort, after a note.
    """

    def __init__(
        self, model: str, provider: str, load: Callable[[], LLM], prefix: str = "", effort: str | None = None
    ) -> None:
        self.model = model
        self.provider = provider
        self.effort = effort
        self._checked_effort: str | None = None
        self._load = load
        self._prefix = prefix
        self._llm: LLM | None = None
        self._lock = threading.Lock()

    @property
    def context_window(self) -> int:
        """The model's own figure once it is loaded, until then the usual one."""
        return self._llm.context_window if self._llm else DEFAULT_CONTEXT_WINDOW

    def preload(self) -> LLM:
        """Load the model if necessary and return it; blocking and thread-safe."""
        with self._lock:
            if self._llm is None:
                self._llm = self._load()
            return self._llm

    async def stream(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[StreamEvent]:
        """Stream one answer; see ``LLM.stream``."""
        llm = await asyncio.to_thread(self.preload) if self._llm is None else self._llm
        if isinstance(llm, SupportsEffort) and not self.effort == self._checked_effort == llm.effort:
            await llm.learn_limits()
            if self.effort is not None and llm.efforts is not None and self.effort not in llm.efforts:
                yield ModelNote(_unsupported(self.model, self.effort, llm.efforts))
                self.effort = None
            llm.effort = self._checked_effort = self.effort
        # Closed explicitly, so that a cancelled turn closes its connection at once.
        events = cast("AsyncGenerator[StreamEvent, None]", llm.stream(messages, tools))
        async with aclosing(events):
            async for event in events:
                yield self._named(event)

    def _named(self, event: StreamEvent) -> StreamEvent:
        if not self._prefix or not isinstance(event, Reply) or event.message.model is None:
            return event
        return replace(event, message=replace(event.message, model=self._prefix + event.message.model))

    @property
    def efforts(self) -> tuple[str, ...] | None:
        """The effort levels of the model, None while it is not loaded."""
        if self._llm is None:
            return None
        return self._llm.efforts if isinstance(self._llm, SupportsEffort) else ()

    async def learn_limits(self) -> None:
        """Load the model and let it ask its server for its limits."""
        llm = await asyncio.to_thread(self.preload) if self._llm is None else self._llm
        if isinstance(llm, LearnsLimits):
            await llm.learn_limits()

    async def aclose(self) -> None:
        """Close the model if it was loaded."""
        if self._llm is not None:
            await self._llm.aclose()


def _unsupported(model: str, effort: str, levels: Sequence[str]) -> str:
    if not levels:
        return f"The model {model} has no effort setting, so the effort {effort!r} is not used."
    known = f" Its levels are {', '.join(levels)}."
    return f"The model {model} does not support the effort {effort!r}, so its default is used.{known}"
