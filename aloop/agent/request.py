"""One request to the model, with retries and the partial answer if they fail."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from aloop.agent.events import AgentEvent, AnswerDelta, Notice, ReadingQuestion, Retrying, ThoughtDelta, Waiting
from aloop.errors import LLMError, StreamBroken
from aloop.llm.base import (
    LLM,
    Loading,
    ModelNote,
    PromptProgress,
    Reply,
    SourceMarker,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolSpec,
)
from aloop.llm.message_types import LLMMessage
from aloop.llm.retry import RetryPolicy

Keep = Callable[[str], None]
"""Called with each piece of the text of an answer."""


class StreamCollector:
    """Collects one streamed answer and emits an event for each piece.

    ``keep`` is called with its text.
    """

    def __init__(self, emit: Callable[[AgentEvent], None], keep: Keep | None = None) -> None:
        self._emit = emit
        self._keep = keep
        self._pieces: list[str] = []

    async def collect(self, stream: AsyncIterator[StreamEvent]) -> Reply:
        """Return the answer and close the stream; raises StreamBroken if it ends early."""
        try:
            async for event in stream:
                match event:
                    case TextDelta(text):
                        self._pieces.append(text)
                        if self._keep is not None:
                            self._keep(text)
                        self._emit(AnswerDelta(text))
                    case SourceMarker(text):
                        self._emit(AnswerDelta(text))
                    case ThinkingDelta(text):
                        self._emit(ThoughtDelta(text))
                    case Loading(what):
                        self._emit(Waiting(f"loading {what}" if what else ""))
                    case PromptProgress(share):
                        self._emit(ReadingQuestion(share))
                    case ModelNote(text):
                        self._emit(Notice(text))
                    case Reply():
                        return event
        finally:
            # Otherwise the connection would stay open until the next garbage collection.
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()
        raise StreamBroken("The answer ended early. Send the message again.")

    def partial(self, model: str) -> LLMMessage | None:
        """Return the text so far as an interrupted message, or None without text.

        Thinking is left out, because without its signature the API would refuse every later request.
        """
        text = "".join(self._pieces)
        return LLMMessage("assistant", text, model=model, interrupted=True) if text.strip() else None


SUPERSEDED = "The answer broke off and will start again. Ignore any part that was shown."


class ModelRequest:
    """One request to a model.

    A broken answer is requested again from its start, and the text shown so far is discarded once a whole answer
    arrives. If none does, ``partial`` is the last text that was shown. ``begin_answer`` is called before each attempt,
    with the model, and returns what is called with the text.
    """

    def __init__(
        self,
        llm: LLM,
        policy: RetryPolicy,
        emit: Callable[[AgentEvent], None],
        begin_answer: Callable[[str], Keep] | None = None,
    ) -> None:
        self._llm = llm
        self._begin_answer = begin_answer
        self._policy = policy
        self._emit = emit
        self.partial: LLMMessage | None = None

    async def ask(self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec]) -> Reply:
        """Return the whole answer, timed; raises the LLMError of the last try."""
        failures = 0
        while True:
            keep = self._begin_answer(self._llm.model) if self._begin_answer else None
            collector = StreamCollector(self._emit, keep)
            try:
                return await self._collect(collector, messages, tools)
            except LLMError as error:
                failures += 1
                pause = self._policy.pause(error, failures)
                if pause is None:
                    raise
                if collector.partial(self._llm.model):
                    self._emit(Notice(SUPERSEDED))
                await self._wait(error, failures, pause)
            finally:
                self.partial = collector.partial(self._llm.model) or self.partial

    async def _collect(
        self, collector: StreamCollector, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec]
    ) -> Reply:
        began = time.monotonic()
        reply = await collector.collect(self._llm.stream(messages, tools))
        usage = replace(reply.usage, duration_ms=round((time.monotonic() - began) * 1000))
        # A model that counts no tokens leaves the message without usage.
        message = replace(reply.message, usage=usage) if reply.message.usage else reply.message
        return replace(reply, message=message, usage=usage)

    async def _wait(self, error: LLMError, failures: int, pause: float) -> None:
        tries = self._policy.tries_for(error)
        async with aclosing(self._policy.count_down(pause)) as seconds:
            async for left in seconds:
                self._emit(Retrying(error, failures + 1, tries, pause, left))
