"""The agent: one object that answers, remembers and saves; ``run`` is one turn of the conversation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from aloop.agent.compaction import AutoCompactor, Compaction, Compactor
from aloop.agent.events import AgentEvent, Notice, TurnEnded, TurnStarted
from aloop.agent.loop import TurnLoop
from aloop.config import MAX_STEPS
from aloop.errors import UsageError
from aloop.llm.base import LLM, ToolSpec
from aloop.llm.message_types import LLMMessage
from aloop.llm.prompts import system_prompt
from aloop.llm.retry import RetryPolicy
from aloop.memory import ContextUse, MemoryManager, Turn
from aloop.memory.context import estimate_tokens
from aloop.permissions import Ask, Kind
from aloop.tools import Tool, ToolRunner, default_tools
from aloop.tools.approval import PermissionGate


class ReActAgent:
    """Reasons and acts in turns, over one memory.

    ``system`` is what new conversations are told first, in place of the standard text. ``tools`` are the standard ones
    when None, with those for files confined to ``working_dir`` (the current one when None); an empty sequence means
    none at all. ``sessions_dir`` is for the memory that is made when none is given.
    ``on_event`` is called as things happen; what it raises ends the turn. Writing, running commands and leaving the
    directory take consent: ``ask`` is put each question, ``allow`` names what needs none; with neither, it is refused.
    """

    def __init__(
        self,
        llm: LLM,
        *,
        memory: MemoryManager | None = None,
        tools: Sequence[Tool] | None = None,
        on_event: Callable[[AgentEvent], None] | None = None,
        system: str | None = None,
        max_steps: int = MAX_STEPS,
        sessions_dir: str | Path | None = None,
        working_dir: str | Path | None = None,
        ask: Ask | None = None,
        allow: Iterable[Kind] = (),
        retry: RetryPolicy | None = None,
    ) -> None:
        if max_steps < 1:
            raise UsageError(f"An agent needs at least one step for a turn, not {max_steps}.")
        self.memory = MemoryManager(llm, sessions_dir=sessions_dir) if memory is None else memory
        self.llm = llm
        self.memory.on_notice = lambda text: self._emit(Notice(text))
        self.on_event = on_event
        self._system = system
        self._max_steps = max_steps
        self._retry = retry or RetryPolicy()
        self._working_dir = Path.cwd() if working_dir is None else Path(working_dir).absolute()
        self._approval = PermissionGate(allow, ask)
        self._runner = ToolRunner(default_tools(self._working_dir) if tools is None else tools, self._approval)
        self._overhead = estimate_tokens(str(self._runner.specs))
        self._told: set[tuple[str, str]] = set()
        self._is_running = False

    @property
    def llm(self) -> LLM:
        """The model that answers; one set here takes over with the next turn, and the one before is not closed."""
        return self._llm

    @llm.setter
    def llm(self, llm: LLM) -> None:
        self._llm = self.memory.llm = llm

    @property
    def ask(self) -> Ask | None:
        """Who is asked for consent; may be set at any time."""
        return self._approval.ask

    @ask.setter
    def ask(self, ask: Ask | None) -> None:
        self._approval.ask = ask

    @property
    def working_dir(self) -> Path:
        """Where commands run, and what relative paths are meant from."""
        return self._working_dir

    @property
    def context_use(self) -> ContextUse:
        """How much of the model's window the next question takes."""
        return self.memory.measure_context(self._overhead)

    @property
    def tool_specs(self) -> tuple[ToolSpec, ...]:
        """The tools, as the model is told of them."""
        return self._runner.specs

    @property
    def system_text(self) -> str:
        """What the model is told before the conversation: the stored text, else the one a first turn will store."""
        stored = [message.content or "" for message in self.memory.system_messages]
        return "\n\n".join(stored) or self._system or system_prompt(self._working_dir, self._runner.specs)

    async def compact(self, wish: str = "") -> Compaction | None:
        """Have the older part of the conversation summarised; None when it is too short for that.

        ``wish`` is what the summary must keep above all. Raises as a turn does; then nothing was changed.
        """
        async with self._busy():
            return await self._compactor().compact(wish)

    def _compactor(self) -> Compactor:
        return Compactor(self.llm, self.memory, self._retry, self._emit)

    @asynccontextmanager
    async def _busy(self) -> AsyncIterator[None]:
        """Let nothing else be done meanwhile; raises UsageError when something is."""
        if self._is_running:
            raise UsageError("A turn is running already: wait for its end, or interrupt it.")
        self._is_running = True
        try:
            yield
        finally:
            self._is_running = False

    async def run(self, task: str) -> str:
        """Take one turn: answer ``task``, save, and return the answer's text.

        Raises UsageError for an empty task, LLMError when there is no answer, StorageError when it could not be saved
        (it is still in the memory). The turn is closed, and its TurnEnded sent, before anything is raised.
        """
        if not task.strip():
            raise UsageError("There is nothing to do: the task is empty.")
        async with self._busy():
            return await self._take_turn(LLMMessage("user", task))

    async def _take_turn(self, question: LLMMessage) -> str:
        began = time.monotonic()
        room = AutoCompactor(self._compactor(), lambda: self.context_use, self._emit)
        steps = TurnLoop(self.llm, self.memory, self._runner, self._emit, self._retry, room)
        turn: Turn | None = None
        status: Literal["completed", "interrupted", "failed"] = "failed"
        try:
            self._emit(TurnStarted(self.llm.model))
            self._introduce()
            self._approval.enter(self.memory.session_id)
            async with self.memory.turn() as turn:
                await turn.add(question)
                self._tell_repairs()
                answer = await steps.take(turn, self._max_steps)
            status = "completed"
            return answer
        except asyncio.CancelledError:
            status = "interrupted"
            raise
        finally:
            self._emit(TurnEnded(status, turn is not None and turn.kept, steps.usage, time.monotonic() - began))

    def _introduce(self) -> None:
        """Give a new conversation its system message; one that has any keeps it."""
        if not self.memory.system_messages:
            self.memory.set_system_message(self.system_text)

    def _tell_repairs(self) -> None:
        """Say what is mended in the sent copy of this session, each thing once."""
        for repair in self.memory.get_repairs():
            if (key := (self.memory.session_id, repair)) not in self._told:
                self._told.add(key)
                self._emit(Notice(repair))

    def _emit(self, event: AgentEvent) -> None:
        if self.on_event is not None:
            self.on_event(event)
