"""The steps of one turn: answers and tool calls, until one calls no tools."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from aloop.agent.compaction import AutoCompactor
from aloop.agent.events import AgentEvent, AnswerDelta, AnswerFinished, Notice
from aloop.agent.request import ModelRequest
from aloop.agent.tool_calls import ToolCallRunner
from aloop.errors import ContextOverflow, LLMError, Problem, RequestRejected, StreamBroken
from aloop.formatting import quantity
from aloop.llm.base import LLM, Reply, StopReason
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.llm.retry import RetryPolicy
from aloop.memory import MemoryManager, Turn
from aloop.tools.runner import ToolRunner

_EARLY_ENDS: Mapping[StopReason, tuple[str, str]] = {
    "max_tokens": ("The answer reached the model's length limit and is incomplete.", "Ask the model to continue."),
    "refusal": ("The model declined to answer.", ""),
    "model_context_window_exceeded": (
        "The conversation filled the model's context window, so the answer is incomplete.",
        "Start a new session.",
    ),
}
"""The cause and the advice for each stop reason of an answer that is not whole."""


@dataclass(frozen=True, slots=True)
class ReplyOutcome:
    """The effect of an answer on its turn.

    ``message`` is the message to keep, None for an answer without content. ``continues`` is True if the model must be
    asked again, after ``calls`` have run. ``not_run`` are results for calls that must not run. ``early_end`` is the
    stop reason if the turn ends before the model has finished, else None.
    """

    message: LLMMessage | None
    continues: bool
    notices: tuple[Notice, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    not_run: tuple[LLMMessage, ...] = ()
    early_end: StopReason | None = None


def assess_reply(reply: Reply) -> ReplyOutcome:
    """Decide from the stop reason of a whole answer how the turn continues.

    An unusual stop reason is recorded in the message. A refused answer is kept, but not sent again.
    """
    message, stop_reason = reply.message, reply.stop_reason
    notices: list[Notice] = []
    early_end: StopReason | None = None
    if stop_reason in _EARLY_ENDS:
        cause, advice = _EARLY_ENDS[stop_reason]
        if reply.detail:
            cause = f"{cause.removesuffix('.')} ({reply.detail})."
        early_end = stop_reason
        notices.append(_early_end(cause, advice))
    if reply.recommended_model and stop_reason == "refusal":
        notices.append(_problem(f"The API recommends another model for this: /model {reply.recommended_model}"))
    if not (message.tool_calls or message.blocks or (message.content or "").strip()):
        if stop_reason == "pause_turn":
            early_end = stop_reason
            notices.append(_early_end("The model paused without an answer.", "Send the message again."))
        return ReplyOutcome(None, False, tuple(notices), early_end=early_end)
    not_run: tuple[LLMMessage, ...] = ()
    if message.tool_calls and stop_reason not in ("tool_use", "refusal"):
        count = len(message.tool_calls)
        were = "A tool call was" if count == 1 else f"{count} tool calls were"
        text = f"{were} not run, because the answer ended for another reason ({stop_reason})."
        not_run = tuple(_not_run(call, stop_reason) for call in message.tool_calls)
        if early_end is None and stop_reason != "pause_turn":  # after a pause, the turn continues
            early_end = stop_reason
            notices.append(_early_end(text))
        else:
            notices.append(_problem(text))
    calls = message.tool_calls if stop_reason == "tool_use" else ()
    continues = bool(calls) or stop_reason == "pause_turn"
    return ReplyOutcome(replace(message, stop_reason=early_end), continues, tuple(notices), calls, not_run, early_end)


def _problem(text: str) -> Notice:
    return Notice(Problem(text))


def _early_end(cause: str, advice: str = "") -> Notice:
    return Notice(Problem(f"{cause} {advice}".rstrip()), cause)


def _not_run(call: ToolCall, reason: StopReason) -> LLMMessage:
    """Return the result of a call that did not run.

    It quotes arguments that cannot be parsed, because they cannot be sent back in the call itself.
    """
    text = f"Not run: the answer ended before the turn could continue ({reason})."
    try:
        json.loads(call.arguments)
    except (ValueError, RecursionError):
        text += f"\nIncomplete arguments: {call.arguments}"
    return LLMMessage("tool", text, tool_call_id=call.id, name=call.name, is_error=True)


def empty_answer_error(reply: Reply) -> LLMError:
    """Return the error for an empty answer at the start of a turn."""
    error = _empty_answer_error(reply)
    error.stop_reason = reply.stop_reason if reply.stop_reason in _EARLY_ENDS else None
    return error


def _empty_answer_error(reply: Reply) -> LLMError:
    detail = f" ({reply.detail})" if reply.detail else ""
    match reply.stop_reason:
        case "refusal":
            return RequestRejected(f"The model declined to answer{detail}. Rephrase the message.")
        case "model_context_window_exceeded":
            return ContextOverflow("The conversation exceeds the model's context window. Start a new session.")
        case "max_tokens":
            return StreamBroken("The model reached its length limit before it answered. Ask for less at once.")
        case _:
            return StreamBroken("The model sent an empty answer. Send the message again.")


MAX_REPEATS = 3
"""Equal tool calls in a row with equal results after which a turn stops: the model is in a loop."""


STOPPED_TURNS: Mapping[str, str] = {
    "max_steps": "The turn reached its limit of {limit}.",
    "repeated_calls": f"The model made the same tool call {MAX_REPEATS} times with the same result.",
}
"""The ``stop_reason`` of a message with which aloop ends a turn, and a sentence about it.

``{limit}`` in a sentence is the number of steps.
"""


def early_end_of(messages: Sequence[LLMMessage]) -> str | None:
    """Return the ``stop_reason`` of the last turn, None if the model has finished.

    Results of calls that did not run may follow the last answer.
    """
    return next((message.stop_reason for message in reversed(messages) if message.role == "assistant"), None)


class _RepeatedCalls:
    """Counts equal steps in a row."""

    def __init__(self) -> None:
        self._last: object = None
        self._count = 0

    def count(self, calls: Sequence[ToolCall], messages: Sequence[LLMMessage]) -> int:
        """Return how many steps in a row made the same calls with the same results.

        ``messages`` end with them.
        """
        results = [message.content for message in messages[-len(calls) :]]
        step = ([(call.name, call.arguments) for call in calls], results)
        self._count = self._count + 1 if step == self._last else 1
        self._last = step
        return self._count


Steer = Callable[[], Awaitable[str]]
"""Returns what the user has to say before the next step, empty if nothing."""


async def say_nothing() -> str:
    """Return an empty text: the user has nothing to say."""
    return ""


NO_ANSWER = "(The model ended its turn without an answer.)"
"""The answer of a turn whose last answer is empty."""


class TurnLoop:
    """Takes the steps of one turn; each finished message is added to the turn at once.

    ``steer`` is called after each step of tool calls; its text becomes a message of the user. ``usage`` is the sum over
    the answers and summaries so far, even after a failure.
    """

    def __init__(
        self,
        llm: LLM,
        memory: MemoryManager,
        runner: ToolRunner,
        emit: Callable[[AgentEvent], None],
        policy: RetryPolicy,
        compactor: AutoCompactor,
        steer: Steer = say_nothing,
    ) -> None:
        self._llm = llm
        self._policy = policy
        self._memory = memory
        self._runner = runner
        self._emit = emit
        self._compactor = compactor
        self._steer = steer
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        return self._usage + self._compactor.usage

    async def run(self, turn: Turn, max_steps: int) -> str:
        """Take steps until an answer calls no tools, and return its text.

        Raises an LLMError if an answer fails or if the first one is empty. An empty answer after tool calls ends the
        turn with a standard message instead, so that the work done is kept.
        """
        texts: list[str] = []  # more than one if the model paused
        has_begun = False
        repeats = _RepeatedCalls()
        for _ in range(max_steps):
            reply = await self._ask(turn)
            self._usage += reply.usage
            outcome = assess_reply(reply)
            message = outcome.message
            if message is None and not outcome.continues and not has_begun:
                raise empty_answer_error(reply)
            if message is not None:
                has_begun = True
                await turn.add(message)
                self._emit(AnswerFinished(message, outcome.continues))
                texts.append(message.content or "")
            for result in outcome.not_run:
                await turn.add(result)
            for notice in outcome.notices:
                self._emit(notice)
            if not outcome.continues:
                if message is None and (outcome.early_end or not texts):
                    texts.append(await self._answer_with(turn, NO_ANSWER, outcome.early_end))
                return "".join(texts)
            if outcome.calls:
                texts.clear()
                await ToolCallRunner(self._memory, self._runner, self._emit).run(turn, outcome.calls)
                is_stuck = repeats.count(outcome.calls, self._memory.messages) == MAX_REPEATS
                if text := await self._steer():
                    # No wait between the two calls: a cancellation cannot lose the text.
                    await turn.add(LLMMessage("user", text))
                elif is_stuck:
                    return await self._stop_repeating(turn)
        return await self._give_up(turn, max_steps)

    async def _ask(self, turn: Turn) -> Reply:
        await self._compactor.compact_if_needed()
        try:
            return await self._request(turn)
        except ContextOverflow:
            # The estimate was too low.
            if not await self._compactor.compact():
                raise
        return await self._request(turn)

    async def _request(self, turn: Turn) -> Reply:
        request = ModelRequest(self._llm, self._policy, self._emit, turn.begin_answer)
        try:
            return await request.ask(await self._memory.load_context(), self._runner.specs)
        except BaseException:
            # Cancelled or failed. The session keeps the text that the user has seen.
            if request.partial:
                await turn.add(request.partial)
            raise

    async def _give_up(self, turn: Turn, max_steps: int) -> str:
        """End the turn with an assistant message, so that the transcript stays valid."""
        return await self._answer_with(
            turn,
            f"I stopped because this turn reached its limit of {quantity(max_steps, 'step')}. The work so far is kept. "
            "Write “continue” to let me resume.",
            "max_steps",
        )

    async def _stop_repeating(self, turn: Turn) -> str:
        return await self._answer_with(
            turn,
            f"I stopped because I made the same tool call {MAX_REPEATS} times and got the same result each time. "
            "Write “continue” to let me try again, or tell me what to do differently.",
            "repeated_calls",
        )

    async def _answer_with(self, turn: Turn, text: str, stop_reason: str | None = None) -> str:
        message = LLMMessage("assistant", text, stop_reason=stop_reason)
        self._emit(AnswerDelta(text))
        await turn.add(message)
        self._emit(AnswerFinished(message))
        return text
