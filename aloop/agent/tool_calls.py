"""The tool calls of one step: those that only look run side by side, all others one after another.

Long results, cut in the middle: their beginning says what they are, their end how it went.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from aloop.agent.events import AgentEvent, Notice, ToolFinished, ToolOutput, ToolStarted
from aloop.errors import StorageError
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager, Turn
from aloop.tools.base import ToolResult
from aloop.tools.runner import ToolRunner

MOST_BYTES = 30_000
"""Of a tool's result as a model gets it, in UTF-8."""


def shorten(text: str, where: str) -> str:
    """Return the beginning and the end of ``text``, together about MOST_BYTES, with the sizes told between them.

    The cuts are at line ends where there are any nearby; ``where`` says what became of the rest.
    """
    data = text.encode()
    half = MOST_BYTES // 2
    head, tail = data[:half], data[-half:]
    head = head[: head.rfind(b"\n", half // 2) + 1] or head
    tail = tail[tail.find(b"\n", 0, half // 2) + 1 :]
    # What the cut left of a character is no character.
    first, last = head.decode(errors="ignore"), tail.decode(errors="ignore")
    cut = len(data) - len(head) - len(tail)
    return f"{first.rstrip()}\n[… {cut:,} of {len(data):,} bytes left out here; {where} …]\n{last}"


class ToolCallRunner:
    """Makes calls, and puts their results into the turn, in the order in which the model made them."""

    def __init__(self, memory: MemoryManager, runner: ToolRunner, emit: Callable[[AgentEvent], None]) -> None:
        self._memory = memory
        self._runner = runner
        self._emit = emit

    async def make(self, turn: Turn, calls: Sequence[ToolCall]) -> None:
        """Make ``calls``; when this is cancelled, what still runs is ended first."""
        for together in self._groups(calls):
            running = [_RunningCall(call, self._runner.headline(call), self._emit) for call in together]
            for one in running:
                self._emit(ToolStarted(one.call, one.headline))
            tasks = [asyncio.ensure_future(self._run(one)) for one in running]
            try:
                for one, task in zip(running, tasks, strict=True):
                    result = await task
                    await turn.add(await self._message(one.call, result))
                    self._emit(ToolFinished(one.call, one.headline, result, one.seconds))
            finally:
                for task in tasks:
                    # The one that was waited for is cancelled already; once more would cut short how it ends.
                    if not task.cancelling():
                        task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _groups(self, calls: Sequence[ToolCall]) -> Iterator[list[ToolCall]]:
        """Yield neighbours that only read together, so that each still sees what was written before it."""
        for only_reads, neighbours in groupby(calls, self._runner.only_reads):
            group = list(neighbours)
            yield from [group] if only_reads else [[call] for call in group]

    async def _run(self, one: _RunningCall) -> ToolResult:
        result = await self._runner.run(one.call, one)
        one.end()
        return result

    async def _message(self, call: ToolCall, result: ToolResult) -> LLMMessage:
        """Return the result as a message; a long one is shortened, and kept whole in a file of its own."""
        text, output_file = result.text, None
        if len(text.encode()) > MOST_BYTES:
            try:
                kept = await self._memory.keep_output(call.name, text)
                text, output_file = shorten(text, f"the whole is in {kept.path}"), kept.relative
            except StorageError as error:
                self._emit(Notice(str(error)))
                text = shorten(text, "they could not be kept")
        return LLMMessage(
            "tool",
            text,
            tool_call_id=call.id,
            name=call.name,
            is_error=result.is_error,
            output_file=output_file,
        )


class _RunningCall:
    """One call on its way."""

    def __init__(self, call: ToolCall, headline: str, emit: Callable[[AgentEvent], None]) -> None:
        self.call = call
        self.headline = headline
        self._emit = emit
        self._began: float | None = None
        self.seconds = 0.0

    def begin(self) -> None:
        self._began = time.monotonic()

    def end(self) -> None:
        # One that was refused has taken no time at all.
        self.seconds = 0.0 if self._began is None else time.monotonic() - self._began

    def output(self, text: str) -> None:
        self._emit(ToolOutput(self.call, text))
