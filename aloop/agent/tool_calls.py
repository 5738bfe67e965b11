"""The tool calls of one step; those that only read run in parallel."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from aloop.agent.events import AgentEvent, Notice, ToolFinished, ToolOutput, ToolStarted
from aloop.errors import Problem, StorageError
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager, Turn
from aloop.memory.session_folder.outputs import MAX_RESULT_BYTES, brief, shorten
from aloop.memory.turn import finish_shielded
from aloop.tools.base import ToolResult
from aloop.tools.runner import ToolRunner


class ToolCallRunner:
    """Runs tool calls and adds their results to the turn, in the order of the calls."""

    def __init__(self, memory: MemoryManager, runner: ToolRunner, emit: Callable[[AgentEvent], None]) -> None:
        self._memory = memory
        self._runner = runner
        self._emit = emit

    async def run(self, turn: Turn, calls: Sequence[ToolCall]) -> None:
        """Run ``calls``; a cancellation ends the running ones before it is raised.

        The results of those that have ended are kept.
        """
        for group in self._groups(calls):
            running = [_RunningCall(call, self._runner.headline(call), self._emit) for call in group]
            for item in running:
                self._emit(ToolStarted(item.call, item.headline))
            waiting = deque((item, asyncio.ensure_future(self._run_call(item))) for item in running)
            try:
                while waiting:
                    # Shielded, because a call that changes files returns its result although it is cancelled.
                    await asyncio.shield(waiting[0][1])
                    await finish_shielded(self._keep(turn, *waiting.popleft()))
            finally:
                tasks = [task for _, task in waiting]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                for item, task in waiting:
                    if not task.cancelled() and task.exception() is None:
                        await finish_shielded(self._keep(turn, item, task))

    async def _keep(self, turn: Turn, item: _RunningCall, task: asyncio.Task[ToolResult]) -> None:
        """Add the result of a call that has ended to the turn."""
        result = task.result()
        await turn.add(await self._message(item, result))
        self._emit(ToolFinished(item.call, item.headline, result, item.seconds))

    def _groups(self, calls: Sequence[ToolCall]) -> Iterator[list[ToolCall]]:
        """Yield groups of adjacent reading calls, and every other call alone.

        So each call sees the changes of those before it.
        """
        for only_reads, neighbors in groupby(calls, self._runner.only_reads):
            group = list(neighbors)
            yield from [group] if only_reads else [[call] for call in group]

    async def _run_call(self, running: _RunningCall) -> ToolResult:
        result = await self._runner.run(running.call, running)
        running.end()
        return result

    async def _message(self, running: _RunningCall, result: ToolResult) -> LLMMessage:
        """Return the result as a message; a long one is shortened and saved in a file."""
        call = running.call
        text, output_file = result.text, None
        if len(text.encode()) > MAX_RESULT_BYTES:
            try:
                kept = await self._memory.keep_output(call.name, text)
                text, output_file = brief(text, kept.relative), kept.relative
            except StorageError as error:
                self._emit(Notice(Problem(error)))
                text = shorten(text, "the complete output could not be saved")
        parts = tuple([replace(await self._memory.keep_media(media), after_chars=len(text)) for media in result.media])
        return LLMMessage(
            "tool",
            text,
            tool_call_id=call.id,
            name=call.name,
            is_error=result.is_error,
            output_file=output_file,
            duration_ms=running.milliseconds,
            permission=result.permission,
            files=result.changes,
            parts=parts,
        )


class _RunningCall:
    """One running call, with its output and its run time."""

    def __init__(self, call: ToolCall, headline: str, emit: Callable[[AgentEvent], None]) -> None:
        self.call = call
        self.headline = headline
        self._emit = emit
        self._began: float | None = None
        self.seconds = 0.0

    def begin(self) -> None:
        self._began = time.monotonic()

    def end(self) -> None:
        # A call that was denied permission never began.
        self.seconds = 0.0 if self._began is None else time.monotonic() - self._began

    @property
    def milliseconds(self) -> int | None:
        """The run time; None for a call that never began."""
        return None if self._began is None else round(self.seconds * 1000)

    def output(self, text: str) -> None:
        self._emit(ToolOutput(self.call, text))
