"""The steps of one turn: an answer, the tools it calls, the next answer, until one calls none."""

from __future__ import annotations

from collections.abc import Callable

from aloop.agent.asker import Asker
from aloop.agent.calls import Calls
from aloop.agent.events import AgentEvent, AnswerDelta, AnswerFinished, Notice
from aloop.agent.room import Room
from aloop.agent.verdict import failure, judge
from aloop.errors import ContextOverflow
from aloop.llm.base import LLM, Reply
from aloop.llm.message_types import LLMMessage, Usage
from aloop.llm.retry import RetryPolicy
from aloop.memory import MemoryManager, Turn
from aloop.tools.runner import ToolRunner

_NO_WORD = "(The model ended its turn without a word.)"


class Steps:
    """One turn's worth of steps; each finished message goes into the turn before anything else happens.

    ``usage`` is the sum over the answers and summaries so far, also after a failure.
    """

    def __init__(
        self,
        llm: LLM,
        memory: MemoryManager,
        runner: ToolRunner,
        emit: Callable[[AgentEvent], None],
        policy: RetryPolicy,
        room: Room,
    ) -> None:
        self._llm = llm
        self._policy = policy
        self._memory = memory
        self._runner = runner
        self._emit = emit
        self._room = room
        self._calls = Calls(memory, runner, emit)
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        return self._usage + self._room.usage

    async def take(self, turn: Turn, most: int) -> str:
        """Take steps until the model has its answer, or ``most`` of them, and return the answer's text.

        Raises an LLMError when an answer fails, also when the first one has nothing in it. An empty answer after
        tools have run ends the turn instead, in words of our own: the work that was done is worth keeping.
        """
        spoken: list[str] = []  # more than one piece when the model paused
        has_begun = False
        for _ in range(most):
            reply = await self._ask(turn)
            self._usage += reply.usage
            verdict = judge(reply)
            message = verdict.message
            if message is None and not verdict.goes_on and not has_begun:
                raise failure(reply)
            if message is not None:
                has_begun = True
                await turn.add(message)
                self._emit(AnswerFinished(message))
                spoken.append(message.content or "")
            for notice in verdict.notices:
                self._emit(Notice(notice))
            if not verdict.goes_on:
                return "".join(spoken) if message or spoken else await self._say(turn, _NO_WORD)
            if message is not None and message.tool_calls:
                spoken.clear()
                await self._calls.make(turn, message.tool_calls)
        return await self._give_up(turn, most)

    async def _ask(self, turn: Turn) -> Reply:
        await self._room.make_if_needed()
        try:
            return await self._answer(turn)
        except ContextOverflow:
            # Our figures were too low: the API knows better.
            if not await self._room.make():
                raise
        return await self._answer(turn)

    async def _answer(self, turn: Turn) -> Reply:
        asker = Asker(self._llm, self._policy, self._emit)
        try:
            return await asker.ask(self._memory.get_context_for_llm(), self._runner.specs)
        except BaseException:
            # Cancelled or failed: what the person has read by now belongs into the session.
            if asker.partial:
                await turn.add(asker.partial)
            raise

    async def _give_up(self, turn: Turn, most: int) -> str:
        """End a turn that has no end, with an assistant's message, so that the transcript is a whole one."""
        self._emit(Notice(f"The turn reached its limit of {most} steps."))
        return await self._say(
            turn,
            f"I stop here: one turn may take {most} steps, and this one has taken them. What was done so far is kept. "
            "Write “go on” and I continue from here.",
        )

    async def _say(self, turn: Turn, text: str) -> str:
        message = LLMMessage("assistant", text)
        self._emit(AnswerDelta(text))
        await turn.add(message)
        self._emit(AnswerFinished(message))
        return text
