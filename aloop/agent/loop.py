"""The steps of one turn: an answer, the tools it calls, the next answer, until one calls none.

What the end of one answer means for the turn: go on, stop, or fail. Pure, and the only reader of stop reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from aloop.agent.compaction import AutoCompactor
from aloop.agent.events import AgentEvent, AnswerDelta, AnswerFinished, Notice
from aloop.agent.request import ModelRequest
from aloop.agent.tool_calls import ToolCallRunner
from aloop.errors import ContextOverflow, LLMError, RequestRejected, StreamBroken
from aloop.llm.base import LLM, Reply, StopReason
from aloop.llm.message_types import LLMMessage, Usage
from aloop.llm.retry import RetryPolicy
from aloop.memory import MemoryManager, Turn
from aloop.tools.runner import ToolRunner

_NOTICES: Mapping[StopReason, str] = {
    "max_tokens": "The answer reached the model's limit of length and is cut short. Ask it to go on.",
    "refusal": "The model declined to answer.",
    "model_context_window_exceeded": (
        "The conversation has filled the model's window, and the answer is cut short. Start a new session."
    ),
}


@dataclass(frozen=True, slots=True)
class ReplyOutcome:
    """``message`` is what to keep, None for an answer with nothing in it that the API would take back.

    ``goes_on`` is True when the model has more to say, after the message's tool calls have run if it has any.
    """

    message: LLMMessage | None
    goes_on: bool
    notices: tuple[str, ...] = ()


def assess_reply(reply: Reply) -> ReplyOutcome:
    """Return what to make of a whole answer."""
    message, notices = reply.message, []
    if reason := _NOTICES.get(reply.stop_reason):
        notices.append(f"{reason} ({reply.detail})" if reply.detail else reason)
    if message.tool_calls and reply.stop_reason != "tool_use":
        notices.append(
            f"{_counted(len(message.tool_calls))} not run: the answer did not end there ({reply.stop_reason})."
        )
        message = without_calls(message)
    if not message.tool_calls and not (message.content or "").strip():
        return ReplyOutcome(None, reply.stop_reason == "pause_turn", tuple(notices))
    return ReplyOutcome(message, bool(message.tool_calls) or reply.stop_reason == "pause_turn", tuple(notices))


def failure(reply: Reply) -> LLMError:
    """Return the error for an answer with nothing in it, when nothing came before it in the turn either."""
    detail = f" ({reply.detail})" if reply.detail else ""
    match reply.stop_reason:
        case "refusal":
            return RequestRejected(f"The model declined to answer{detail}. Put it another way.")
        case "model_context_window_exceeded":
            return ContextOverflow("The conversation no longer fits the model's window. Start a new session.")
        case "max_tokens":
            return StreamBroken("The model reached its limit of length before it said anything. Ask for less at once.")
        case _:
            return StreamBroken("The model answered nothing. Send the message again.")


def without_calls(message: LLMMessage) -> LLMMessage:
    """Return ``message`` without its tool calls, and without the thinking that would then stand at its end.

    The API takes thinking back only in its place, and refuses a message that ends with it.
    """
    length = len(message.content or "")
    kept = tuple(block for block in message.thinking if not block.after_calls and block.after_chars < length)
    return replace(message, tool_calls=(), thinking=kept)


def _counted(calls: int) -> str:
    return "A tool call was" if calls == 1 else f"{calls} tool calls were"


_NO_WORD = "(The model ended its turn without a word.)"


class TurnLoop:
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
        room: AutoCompactor,
    ) -> None:
        self._llm = llm
        self._policy = policy
        self._memory = memory
        self._runner = runner
        self._emit = emit
        self._room = room
        self._calls = ToolCallRunner(memory, runner, emit)
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
            verdict = assess_reply(reply)
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
        asker = ModelRequest(self._llm, self._policy, self._emit)
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
