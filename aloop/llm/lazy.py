"""A model whose module is loaded when it is first asked, not before."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import cast

from aloop.llm.base import LLM, USUAL_WINDOW, StreamEvent, ToolSpec
from aloop.llm.message_types import LLMMessage


class LazyLLM:
    """Stands for the model that ``load`` returns, and calls it in a thread, for an import can take a second."""

    def __init__(self, model: str, provider: str, load: Callable[[], LLM]) -> None:
        self.model = model
        self.provider = provider
        self._load = load
        self._llm: LLM | None = None
        self._lock = threading.Lock()

    @property
    def context_window(self) -> int:
        """What the model says once it is loaded; before, what nearly every model has."""
        return self._llm.context_window if self._llm else USUAL_WINDOW

    def preload(self) -> LLM:
        """Load the model and return it; blocks, and may be called from any thread, any number of times."""
        with self._lock:
            if self._llm is None:
                self._llm = self._load()
            return self._llm

    async def stream(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[StreamEvent]:
        """Stream one answer; see ``LLM.stream``."""
        llm = await asyncio.to_thread(self.preload) if self._llm is None else self._llm
        # Closed here and now, so that a cancelled turn closes its connection with it.
        events = cast("AsyncGenerator[StreamEvent, None]", llm.stream(messages, tools))
        async with aclosing(events):
            async for event in events:
                yield event

    async def aclose(self) -> None:
        """Close what was opened; nothing is loaded for it."""
        if self._llm is not None:
            await self._llm.aclose()
