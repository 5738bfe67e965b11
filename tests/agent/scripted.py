"""A language model that plays the scripts of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from aloop.llm.base import Reply, StopReason, StreamEvent, TextDelta, ToolSpec
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.llm.retry import RetryPolicy


@dataclass
class Hang:
    """A place in an answer where the stream hangs; ``reached`` is set when it does."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)


ONE_TRY = RetryPolicy(tries=1, connection_tries=1)
"""For scripts without retries."""


async def no_pause(seconds: float) -> None:
    """Return at once instead of sleeping."""


Line = StreamEvent | Exception | Hang
"""An entry of a script: an event to yield, an error to raise, or a hang."""


class ScriptedLLM:
    """Plays one script per request and records the requests."""

    model = "scripted-1"
    provider = "tests"
    context_window = 0

    def __init__(self, *scripts: Sequence[Line]) -> None:
        self._scripts = list(scripts)
        self.requests: list[list[LLMMessage]] = []
        self.tools: list[list[str]] = []
        self.closed = 0

    async def stream(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[StreamEvent]:
        self.requests.append(list(messages))
        self.tools.append([tool.name for tool in tools])
        try:
            for line in self._scripts.pop(0):
                if isinstance(line, Hang):
                    line.reached.set()
                    await asyncio.Event().wait()
                elif isinstance(line, Exception):
                    raise line
                else:
                    yield line
        finally:
            self.closed += 1

    async def aclose(self) -> None:
        """Do nothing."""


def answer(text: str, stop_reason: StopReason = "end_turn", detail: str = "") -> list[Line]:
    """Return the script of a text answer, streamed in two pieces."""
    half = len(text) // 2
    pieces: list[Line] = [TextDelta(piece) for piece in (text[:half], text[half:]) if piece]
    usage = Usage(10, 2)
    message = LLMMessage("assistant", text or None, usage=usage, model=ScriptedLLM.model)
    return [*pieces, Reply(message, stop_reason, usage, detail)]


def calls(*asked: ToolCall, text: str = "", stop_reason: StopReason = "tool_use") -> list[Line]:
    """Return the script of an answer that calls tools."""
    message = LLMMessage("assistant", text or None, tool_calls=asked, usage=Usage(10, 2), model=ScriptedLLM.model)
    return [TextDelta(text), Reply(message, stop_reason, Usage(10, 2))]
