"""Asks for one answer, and again where that makes sense.

Listens to one answer as it streams, and remembers what was heard should it break off.
"""

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
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolSpec,
)
from aloop.llm.message_types import LLMMessage
from aloop.llm.retry import RetryPolicy


class StreamCollector:
    """One answer; ``emit`` is told of each piece as it comes."""

    def __init__(self, emit: Callable[[AgentEvent], None]) -> None:
        self._emit = emit
        self._heard: list[str] = []

    async def listen(self, stream: AsyncIterator[StreamEvent]) -> Reply:
        """Return the whole answer; raises StreamBroken when the stream ends without one. Closes the stream."""
        try:
            async for event in stream:
                match event:
                    case TextDelta(text):
                        self._heard.append(text)
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
            # Left to the garbage collector, the connection would stay open until it comes round.
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()
        raise StreamBroken("The answer stopped before its end. Send the message again.")

    def partial(self, model: str) -> LLMMessage | None:
        """Return what was heard as an interrupted message; None when that was no text.

        Thinking is left out: cut short it has no signature, and without one the API refuses it for ever after.
        """
        text = "".join(self._heard)
        return LLMMessage("assistant", text, model=model, interrupted=True) if text.strip() else None


SUPERSEDED = "The answer broke off. What stands above of it does not count: it is asked for again, from its start."


class ModelRequest:
    """One question to a model.

    An answer that broke off is asked for anew, never continued: the words that were shown of it are superseded, and
    are no part of the session once a whole answer has come. Without one, ``partial`` is what was read last.
    """

    def __init__(self, llm: LLM, policy: RetryPolicy, emit: Callable[[AgentEvent], None]) -> None:
        self._llm = llm
        self._policy = policy
        self._emit = emit
        self.partial: LLMMessage | None = None

    async def ask(self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec]) -> Reply:
        """Return the whole answer, timed; raises the LLMError of the last try."""
        failures = 0
        while True:
            listener = StreamCollector(self._emit)
            try:
                return await self._listen(listener, messages, tools)
            except LLMError as error:
                failures += 1
                pause = self._policy.pause(error, failures)
                if pause is None:
                    raise
                if listener.partial(self._llm.model):
                    self._emit(Notice(SUPERSEDED))
                await self._wait(error, failures, pause)
            finally:
                self.partial = listener.partial(self._llm.model) or self.partial

    async def _listen(
        self, listener: StreamCollector, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec]
    ) -> Reply:
        began = time.monotonic()
        reply = await listener.listen(self._llm.stream(messages, tools))
        usage = replace(reply.usage, duration_ms=round((time.monotonic() - began) * 1000))
        # Where nobody counted tokens, the message says nothing of usage.
        message = replace(reply.message, usage=usage) if reply.message.usage else reply.message
        return replace(reply, message=message, usage=usage)

    async def _wait(self, error: LLMError, failures: int, pause: float) -> None:
        tries = self._policy.tries_for(error)
        async with aclosing(self._policy.count_down(pause)) as seconds:
            async for left in seconds:
                self._emit(Retrying(error, failures + 1, tries, pause, left))
