"""Listening to one answer."""

from __future__ import annotations

import pytest

from aloop.agent.events import AgentEvent, AnswerDelta, Notice, ReadingQuestion, ThoughtDelta, Waiting
from aloop.agent.request import Listener
from aloop.errors import StreamBroken
from aloop.llm.base import Loading, Reading, Remark, Reply, TextDelta, ThinkingDelta
from aloop.llm.message_types import LLMMessage
from tests.agent.scripted import ScriptedLLM, answer


async def test_each_piece_is_passed_on_and_the_whole_returned() -> None:
    events: list[AgentEvent] = []
    llm = ScriptedLLM([ThinkingDelta("hm"), *answer("Hello")])
    reply = await Listener(events.append).listen(llm.stream([]))
    assert reply.message.content == "Hello"
    assert events == [ThoughtDelta("hm"), AnswerDelta("He"), AnswerDelta("llo")]


async def test_what_is_waited_for_and_what_is_remarked_is_no_part_of_the_answer() -> None:
    events: list[AgentEvent] = []
    llm = ScriptedLLM([Loading("Toy"), Loading(""), Reading(0.4), Remark("It is small."), *answer("Hi")])
    reply = await Listener(events.append).listen(llm.stream([]))
    assert reply.message.content == "Hi"
    assert events[:4] == [Waiting("loading Toy"), Waiting(""), ReadingQuestion(0.4), Notice("It is small.")]


async def test_a_stream_that_just_ends_is_broken_and_what_was_heard_is_remembered() -> None:
    listener = Listener(lambda event: None)
    with pytest.raises(StreamBroken):
        await listener.listen(ScriptedLLM([ThinkingDelta("hm"), TextDelta("Hel")]).stream([]))
    assert listener.partial("m") == LLMMessage("assistant", "Hel", model="m", interrupted=True)


@pytest.mark.parametrize("text", ["", " \n"])
async def test_no_text_is_no_message(text: str) -> None:
    listener = Listener(lambda event: None)
    with pytest.raises(StreamBroken):
        await listener.listen(ScriptedLLM([ThinkingDelta("hm"), TextDelta(text)]).stream([]))
    assert listener.partial("m") is None


async def test_the_stream_is_closed_when_a_listener_to_the_events_fails() -> None:
    def fail(event: AgentEvent) -> None:
        raise OSError("the screen is gone")

    llm = ScriptedLLM(answer("Hello"))
    with pytest.raises(OSError, match="screen"):
        await Listener(fail).listen(llm.stream([]))
    assert llm.closed == 1


async def test_the_stream_is_closed_after_its_reply() -> None:
    llm = ScriptedLLM([Reply(LLMMessage("assistant", "a"), "end_turn"), TextDelta("never heard")])
    await Listener(lambda event: None).listen(llm.stream([]))
    assert llm.closed == 1
