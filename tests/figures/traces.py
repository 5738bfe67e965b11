"""Trace the files that a user action enters, in a shell with the offline model."""

from __future__ import annotations

import asyncio
import dis
import os
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from unittest import mock

from prompt_toolkit.input import create_pipe_input

from aloop.agent import ReActAgent
from aloop.llm.base import Reply, StreamEvent, TextDelta, ToolSpec
from aloop.llm.message_types import LLMMessage
from aloop.llm.offline import OfflineLLM
from aloop.memory import MemoryManager
from aloop.memory import turn as memory_turn
from repl import engine
from tests.agent.scripted import ONE_TRY, ScriptedLLM
from tests.repl.conftest import Stage
from tests.saved_sessions import trust

ROOT = str(Path(__file__).parents[2]) + os.sep
PRODUCT = tuple(f"{ROOT}{name}{os.sep}" for name in ("aloop", "commands", "repl"))

LINE, RESUME, TAB, TOKEN, TOOL = "Chat line", "/resume PREFIX", "Tab", "Streamed token", "Tool call"
TARGETS = {LINE: 50, RESUME: 55, TAB: 18, TOKEN: 11, TOOL: 30}


@dataclass
class Trace:
    """The files entered, in all threads.

    ``called`` are those entered by new calls, ``files`` also those of coroutines that resume. A change of file is a
    call in a file other than that of the call before it in the same thread.
    """

    files: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    changes: int = 0
    calls: int = 0
    _last: dict[int, str] = field(default_factory=dict)

    def add(self, file: str, *, is_new: bool) -> None:
        self.files.add(file)
        if is_new:
            self.called.add(file)
        self.calls += 1
        thread = threading.get_ident()
        if self._last.get(thread) != file:
            self.changes += 1
            self._last[thread] = file


@cache
def _start(code: CodeType) -> int:
    """Return the offset at which the body starts; a resumed coroutine is beyond it."""
    return next((step.offset for step in dis.get_instructions(code) if step.opname == "RESUME" and not step.arg), 0)


class Tracer:
    """Records calls into files of the product while a recording runs."""

    def __init__(self) -> None:
        self.trace: Trace | None = None

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        trace = self.trace
        if trace is not None and event == "call":
            file = frame.f_code.co_filename
            if file.startswith(PRODUCT):
                trace.add(file.removeprefix(ROOT), is_new=frame.f_lasti <= _start(frame.f_code))

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Trace this thread and those that start from now on."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


class PausedLLM(ScriptedLLM):
    """The offline model, which can pause in mid-answer and before it calls a tool."""

    model = "offline"
    provider = "offline"

    def __init__(self) -> None:
        super().__init__()
        self.is_pausing = False
        self.asked = asyncio.Event()
        self.waits = asyncio.Event()
        self.resume = asyncio.Event()
        self._model = OfflineLLM()

    async def stream(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[StreamEvent]:
        self.asked.set()
        pieces = 0
        async for event in self._model.stream(messages, tools):
            pieces += isinstance(event, TextDelta)
            calls_tools = isinstance(event, Reply) and bool(event.message.tool_calls)
            if self.is_pausing and (calls_tools or (isinstance(event, TextDelta) and pieces in (3, 4))):
                self.waits.set()
                await self.resume.wait()
                self.resume.clear()
            yield event


async def trace_actions() -> dict[str, Trace]:
    """Do each action twice in one shell, and return the trace of the second time."""
    tracer = Tracer()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ALOOP_", "ANTHROPIC_"))}
    with (
        tempfile.TemporaryDirectory() as home,
        mock.patch.dict(os.environ, environment | {"HOME": home}, clear=True),
        # The text of an unfinished answer is written to disk a few times a second, not with each token.
        mock.patch.object(memory_turn, "PIECE_INTERVAL", 60),
        tracer.installed(),
    ):
        return await _trace_in(Path(home), tracer)


async def _trace_in(home: Path, tracer: Tracer) -> dict[str, Trace]:
    sessions_dir, llm = home / "sessions", PausedLLM()
    ids = [await _store(sessions_dir, question) for question in ("first", "second")]

    def build(_options: object) -> ReActAgent:
        return ReActAgent(llm, sessions_dir=sessions_dir, working_dir=home, retry=ONE_TRY)

    traces: dict[str, Trace] = {}
    with mock.patch.object(engine, "build_agent", build), create_pipe_input() as keys:
        shell = Stage(llm, keys, sessions_dir, None)
        await shell.see("0 messages")
        actions = _Actions(shell, llm, tracer)
        for number, session_id in enumerate(ids):
            traces[LINE] = await actions.line(f"hello, number {number}")
            traces[RESUME] = await actions.line(f"/resume {session_id[:8]}")
            traces[TAB] = await actions.tab()
            traces[TOKEN] = await actions.token()
            traces[TOOL] = await actions.tool_call()
        shell.running.cancel()
        await asyncio.wait([shell.running])
    return traces


async def _store(sessions_dir: Path, question: str) -> str:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await ReActAgent(OfflineLLM(), memory=memory).run(question)
    trust(memory.session_id)  # /resume would ask about a session that no shell has written
    return memory.session_id


class _Actions:
    """The actions, each with the part of it that is recorded."""

    def __init__(self, shell: Stage, llm: PausedLLM, tracer: Tracer) -> None:
        self._shell = shell
        self._llm = llm
        self._tracer = tracer

    async def line(self, text: str) -> Trace:
        """Record from Enter until the empty prompt is back."""
        await self._type(text)
        with self._recording() as trace:
            self._shell.type("\r")
            await self._shell.terminal.wait_until(lambda: self._shell.terminal.screen[-2] != f"> {text}", "a turn")
            await self._shell.rest()
        return trace

    async def tab(self) -> Trace:
        """Record from Tab until the first completion is in the line."""
        await self._type("/resume ")
        await asyncio.sleep(0.5)  # the sources of completion are loaded, which is not part of the key
        before = self._shell.terminal.screen
        with self._recording() as trace:
            self._shell.type("\t")
            await self._shell.terminal.wait_until(lambda: self._shell.terminal.screen != before, "completions")
        self._shell.type("\x03")
        await self._shell.terminal.wait_until(lambda: self._shell.terminal.screen[-2] == ">", "an empty prompt")
        return trace

    async def token(self) -> Trace:
        """Record one piece of text in mid-answer, until it is drawn."""
        self._llm.is_pausing = True
        self._shell.type("hello\r")
        await self._paused()
        await asyncio.sleep(0.3)  # earlier pieces are drawn
        with self._recording() as trace:
            self._llm.resume.set()
            await self._paused()
            await asyncio.sleep(0.3)  # drawn on the next tick
        self._llm.is_pausing = False
        self._llm.resume.set()
        await self._shell.rest()
        return trace

    async def tool_call(self) -> Trace:
        """Record from a reply that calls a tool until the model is asked again."""
        self._llm.is_pausing = True
        self._shell.type("What is 6 * 7?\r")
        await self._paused()
        self._llm.asked.clear()
        with self._recording() as trace:
            self._llm.is_pausing = False
            self._llm.resume.set()
            await self._llm.asked.wait()
        await self._shell.rest()
        return trace

    async def _type(self, text: str) -> None:
        self._shell.type(text)
        await self._shell.terminal.wait_until(
            lambda: any(row.startswith(f"> {text}".rstrip()) for row in self._shell.terminal.screen[-8:]), text
        )

    async def _paused(self) -> None:
        await self._llm.waits.wait()
        self._llm.waits.clear()

    @contextmanager
    def _recording(self) -> Iterator[Trace]:
        self._tracer.trace = trace = Trace()
        try:
            yield trace
        finally:
            self._tracer.trace = None
