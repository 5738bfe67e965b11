"""What is sent of a conversation that is longer than a model can take in."""

from __future__ import annotations

from collections.abc import Sequence

from aloop.llm.local_window import Fitting, without_tools
from aloop.llm.message_types import LLMMessage, ToolCall

SYSTEM = LLMMessage("system", "s")


async def count(messages: Sequence[LLMMessage]) -> int:
    """A token for each character."""
    return sum(len(message.content or "") for message in messages)


def turns(number: int) -> list[LLMMessage]:
    return [LLMMessage(role, f"{n:04}") for n in range(number) for role in ("user", "assistant")]


async def test_what_fits_is_sent_whole() -> None:
    whole = [SYSTEM, *turns(5)]
    assert await Fitting().fit(whole, 41, count) == whole


async def test_what_does_not_is_cut_to_half_the_room_at_the_beginning_of_a_turn() -> None:
    whole = [SYSTEM, *turns(6)]
    assert await Fitting().fit(whole, 41, count) == [SYSTEM, *whole[-4:]]


async def test_the_cut_stays_where_it_is_until_the_room_is_full_again() -> None:
    fitting = Fitting()
    starts = []
    for number in range(5, 14):
        sent = await fitting.fit([SYSTEM, *turns(number)], 41, count)
        assert sent is not None
        starts.append(sent[1].content)
    assert starts == ["0000", *["0004"] * 4, *["0008"] * 4]


async def test_the_less_is_kept_the_longer_the_cut_stays() -> None:
    whole = [SYSTEM, *turns(6)]
    assert await Fitting(0.25).fit(whole, 41, count) == [SYSTEM, *whole[-2:]]


async def test_another_conversation_is_not_cut_where_this_one_was() -> None:
    fitting = Fitting()
    await fitting.fit([SYSTEM, *turns(6)], 41, count)
    other = [SYSTEM, *(LLMMessage("user", "x") for _ in range(30))]
    assert await fitting.fit(other, 41, count) == other
    assert await fitting.fit([SYSTEM, LLMMessage("user", "new")], 41, count) == [SYSTEM, LLMMessage("user", "new")]


async def test_a_summary_stays_at_the_front_unless_the_last_turn_needs_its_room() -> None:
    summary, long = LLMMessage("user", "sum", summary=True), LLMMessage("user", "x" * 40)
    whole = [SYSTEM, summary, *turns(6)]
    assert await Fitting().fit(whole, 41, count) == [SYSTEM, summary, *whole[-4:]]
    assert await Fitting().fit([SYSTEM, summary, long], 41, count) == [SYSTEM, long]


async def test_the_last_turn_is_never_cut_however_many_steps_it_has() -> None:
    call = LLMMessage("assistant", "a" * 10, tool_calls=(ToolCall("c", "t"),))
    last = [LLMMessage("user", "q" * 10), call, LLMMessage("tool", "r" * 10, tool_call_id="c")]
    assert await Fitting().fit([SYSTEM, *turns(2), *last], 41, count) == [SYSTEM, *last]
    assert await Fitting().fit([SYSTEM, *turns(2), *last], 30, count) is None


def test_without_tools_only_what_was_said_is_left() -> None:
    call = LLMMessage("assistant", "Let me see.", tool_calls=(ToolCall("c", "t"),))
    result = LLMMessage("tool", "r", tool_call_id="c")
    silent = LLMMessage("assistant", tool_calls=(ToolCall("d", "t"),))
    assert without_tools([SYSTEM, call, result, silent]) == [SYSTEM, LLMMessage("assistant", "Let me see.")]
