"""Requests with retries, and the collection of a streamed answer."""

from __future__ import annotations

import asyncio

import pytest

from aloop.agent.events import AgentEvent, AnswerDelta, Notice, ReadingQuestion, Retrying, ThoughtDelta, Waiting
from aloop.agent.request import ModelRequest, StreamCollector
from aloop.errors import RateLimited, RequestRejected, ServerFailed, StreamBroken
from aloop.llm.base import Loading, ModelNote, PromptProgress, Reply, TextDelta, ThinkingDelta
from aloop.llm.message_types import LLMMessage
from aloop.llm.retry import RetryPolicy
from tests.agent.scripted import Line, ScriptedLLM, answer, no_pause

DOWN = ServerFailed("The API is overloaded (529). Try again in a minute.")
BROKEN = StreamBroken("The connection broke in the middle of the answer. Send the message again.")


class ScriptedRequest:
    """One request to a scripted model, with its events."""

    def __init__(self, *scripts: list[Line], policy: RetryPolicy | None = None) -> None:
        self.llm = ScriptedLLM(*scripts)
        self.events: list[AgentEvent] = []
        self.request = ModelRequest(self.llm, policy or RetryPolicy(sleep=no_pause), self.events.append)

    async def reply(self) -> str:
        return (await self.request.ask([LLMMessage("user", "Hi")], ())).message.content or ""

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice)]

    @property
    def tries(self) -> list[int]:
        return [event.number for event in self.events if isinstance(event, Retrying) and event.is_first]


async def test_failure_before_the_first_text_is_retried_silently() -> None:
    asking = ScriptedRequest([DOWN], [ThinkingDelta("hm"), BROKEN], answer("At last."))
    assert await asking.reply() == "At last."
    assert (asking.tries, asking.notices) == ([2, 3], [])


async def test_superseded_text_is_reported() -> None:
    asking = ScriptedRequest([TextDelta("Once upon"), BROKEN], answer("It was once."))
    assert await asking.reply() == "It was once."
    assert asking.events[0] == AnswerDelta("Once upon")
    assert len(asking.notices) == 1


async def test_retry_wait_is_counted_down_in_events() -> None:
    asking = ScriptedRequest([RateLimited("Too many requests.", 2.0)], answer("Now."))
    await asking.reply()
    shown = [(event.number, event.left) for event in asking.events if isinstance(event, Retrying)]
    assert shown == [(2, 2.0), (2, 1.0), (2, 0.0)]


async def test_last_error_is_raised_and_the_last_text_is_kept() -> None:
    asking = ScriptedRequest([TextDelta("Once"), BROKEN], [TextDelta("Once upon"), BROKEN], [DOWN], [DOWN], [DOWN])
    with pytest.raises(ServerFailed):
        await asking.reply()
    assert asking.request.partial
    assert (asking.request.partial.content, asking.request.partial.interrupted) == ("Once upon", True)


async def test_permanent_error_is_raised_at_once() -> None:
    asking = ScriptedRequest([RequestRejected("The API refused the request (400).")])
    with pytest.raises(RequestRejected):
        await asking.reply()
    assert asking.events == []


async def test_interrupt_during_a_wait_keeps_the_partial_text() -> None:
    waiting = asyncio.Event()

    async def wait(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    asking = ScriptedRequest([TextDelta("Once"), BROKEN], policy=RetryPolicy(sleep=wait))
    task = asyncio.ensure_future(asking.reply())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asking.request.partial
    assert asking.request.partial.content == "Once"


async def test_duration_is_added_to_the_usage() -> None:
    asking = ScriptedRequest(answer("Hi."))
    reply = await asking.request.ask([LLMMessage("user", "Hi")], ())
    assert reply.message.usage is reply.usage
    assert reply.usage.duration_ms >= 0


async def test_collect_emits_each_piece_and_returns_the_reply() -> None:
    events: list[AgentEvent] = []
    llm = ScriptedLLM([ThinkingDelta("hm"), *answer("Hello")])
    reply = await StreamCollector(events.append).collect(llm.stream([]))
    assert reply.message.content == "Hello"
    assert events == [ThoughtDelta("hm"), AnswerDelta("He"), AnswerDelta("llo")]


async def test_waits_and_notes_are_not_part_of_the_answer() -> None:
    events: list[AgentEvent] = []
    llm = ScriptedLLM([Loading("Toy"), Loading(""), PromptProgress(0.4), ModelNote("It is small."), *answer("Hi")])
    reply = await StreamCollector(events.append).collect(llm.stream([]))
    assert reply.message.content == "Hi"
    assert events[:4] == [Waiting("loading Toy"), Waiting(""), ReadingQuestion(0.4), Notice("It is small.")]


async def test_early_end_raises_stream_broken_and_keeps_the_text() -> None:
    listener = StreamCollector(lambda event: None)
    with pytest.raises(StreamBroken):
        await listener.collect(ScriptedLLM([ThinkingDelta("hm"), TextDelta("Hel")]).stream([]))
    assert listener.partial("m") == LLMMessage("assistant", "Hel", model="m", interrupted=True)


@pytest.mark.parametrize("text", ["", " \n"])
async def test_partial_without_text_is_none(text: str) -> None:
    listener = StreamCollector(lambda event: None)
    with pytest.raises(StreamBroken):
        await listener.collect(ScriptedLLM([ThinkingDelta("hm"), TextDelta(text)]).stream([]))
    assert listener.partial("m") is None


async def test_stream_is_closed_after_an_exception_in_emit() -> None:
    def fail(event: AgentEvent) -> None:
        raise OSError("the screen is gone")

    llm = ScriptedLLM(answer("Hello"))
    with pytest.raises(OSError, match="screen"):
        await StreamCollector(fail).collect(llm.stream([]))
    assert llm.closed == 1


async def test_stream_is_closed_after_its_reply() -> None:
    llm = ScriptedLLM([Reply(LLMMessage("assistant", "a"), "end_turn"), TextDelta("never heard")])
    await StreamCollector(lambda event: None).collect(llm.stream([]))
    assert llm.closed == 1
