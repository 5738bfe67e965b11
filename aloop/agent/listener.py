"""Listens to one answer as it streams, and remembers what was heard should it break off."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable

from aloop.agent.events import AgentEvent, AnswerDelta, Notice, ReadingQuestion, ThoughtDelta, Waiting
from aloop.errors import StreamBroken
from aloop.llm.base import Loading, Reading, Remark, Reply, StreamEvent, TextDelta, ThinkingDelta
from aloop.llm.message_types import LLMMessage


class Listener:
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
                    case Reading(share):
                        self._emit(ReadingQuestion(share))
                    case Remark(text):
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
