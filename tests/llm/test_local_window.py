"""Conversations and summary requests cut to fit a small context window."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from aloop.agent.compaction import render_transcript
from aloop.llm.base import Reply, StopReason
from aloop.llm.local_window import HistoryTrimmer, summarize_in_window, whole_sentences, without_tools
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.llm.prompts import summary_parts, summary_request

SYSTEM = LLMMessage("system", "s")


async def count(messages: Sequence[LLMMessage]) -> int:
    """Count one token per character."""
    return sum(len(message.content or "") for message in messages)


def turns(number: int) -> list[LLMMessage]:
    return [LLMMessage(role, f"{n:04}") for n in range(number) for role in ("user", "assistant")]


async def test_conversation_that_fits_is_sent_whole() -> None:
    whole = [SYSTEM, *turns(5)]
    assert await HistoryTrimmer().fit(whole, 41, count) == whole


async def test_long_conversation_is_cut_to_half_the_room_at_a_turn() -> None:
    whole = [SYSTEM, *turns(6)]
    assert await HistoryTrimmer().fit(whole, 41, count) == [SYSTEM, *whole[-4:]]


async def test_cut_moves_only_when_the_room_is_full_again() -> None:
    fitting = HistoryTrimmer()
    starts = []
    for number in range(5, 14):
        sent = await fitting.fit([SYSTEM, *turns(number)], 41, count)
        assert sent is not None
        starts.append(sent[1].content)
    assert starts == ["0000", *["0004"] * 4, *["0008"] * 4]


async def test_kept_share_decides_how_much_a_cut_leaves() -> None:
    whole = [SYSTEM, *turns(6)]
    assert await HistoryTrimmer(0.25).fit(whole, 41, count) == [SYSTEM, *whole[-2:]]


async def test_cut_of_one_conversation_does_not_apply_to_another() -> None:
    fitting = HistoryTrimmer()
    await fitting.fit([SYSTEM, *turns(6)], 41, count)
    other = [SYSTEM, *(LLMMessage("user", "x") for _ in range(30))]
    assert await fitting.fit(other, 41, count) == other
    assert await fitting.fit([SYSTEM, LLMMessage("user", "new")], 41, count) == [SYSTEM, LLMMessage("user", "new")]


async def test_summary_stays_unless_the_last_turn_needs_its_room() -> None:
    summary, long = LLMMessage("user", "sum", summary=True), LLMMessage("user", "x" * 40)
    whole = [SYSTEM, summary, *turns(6)]
    assert await HistoryTrimmer().fit(whole, 41, count) == [SYSTEM, summary, *whole[-4:]]
    assert await HistoryTrimmer().fit([SYSTEM, summary, long], 41, count) == [SYSTEM, long]


async def test_last_turn_is_never_cut_between_its_steps() -> None:
    call = LLMMessage("assistant", "a" * 10, tool_calls=(ToolCall("c", "t"),))
    last = [LLMMessage("user", "q" * 10), call, LLMMessage("tool", "r" * 10, tool_call_id="c")]
    assert await HistoryTrimmer().fit([SYSTEM, *turns(2), *last], 41, count) == [SYSTEM, *last]
    assert await HistoryTrimmer().fit([SYSTEM, *turns(2), *last], 30, count) is None


def test_without_tools_keeps_only_text() -> None:
    call = LLMMessage("assistant", "Let me see.", tool_calls=(ToolCall("c", "t"),))
    result = LLMMessage("tool", "r", tool_call_id="c")
    silent = LLMMessage("assistant", tool_calls=(ToolCall("d", "t"),))
    assert without_tools([SYSTEM, call, result, silent]) == [SYSTEM, LLMMessage("assistant", "Let me see.")]


TALK = [
    LLMMessage("user", "One?\n\nOr two?"),
    LLMMessage("assistant", "", tool_calls=(ToolCall("c", "count", "{}"),)),
    LLMMessage("tool", "[1]\n\n[2]", tool_call_id="c", name="count"),
]


async def count_words(messages: Sequence[LLMMessage]) -> int:
    """Count one token per character of the last message."""
    return len(messages[-1].content or "")


def spoken(*texts: str) -> list[str]:
    return [f"[user]\n{text}" for text in texts]


@pytest.mark.parametrize("focus", ["", "the numbers"])
def test_summary_parts_reverses_summary_request(focus: str) -> None:
    request = summary_request(render_transcript(TALK, 1_000).text, focus)
    assert summary_parts(request) == (
        focus,
        ["[user]\nOne?\n\nOr two?", "[assistant]\n(calls count {})", "[tool count]\n[1]\n\n[2]"],
    )


@pytest.mark.parametrize("text", ["", "Summarize the conversation below.", "hello"])
def test_summary_parts_of_another_text_is_none(text: str) -> None:
    assert summary_parts(text) is None


async def test_summary_request_that_fits_is_unchanged() -> None:
    fitted = await summarize_in_window("x", spoken("one", "two"), 1_000, count_words, is_toy=False)
    assert fitted is not None
    assert fitted.messages[-1].content == summary_request("[user]\none\n\n[user]\ntwo", "x")
    assert fitted.left_out == 0


async def test_long_summary_request_keeps_the_newest_and_shortens_the_longest() -> None:
    fitted = await summarize_in_window(
        "", spoken("old " * 100, "one", "long " * 400, "last"), 400, count_words, is_toy=False
    )
    assert fitted is not None
    text = fitted.messages[-1].content or ""
    assert await count_words(fitted.messages) <= 400
    assert 10 < text.count("long") < 40
    assert "[user]\nlast\n" in text
    assert "…" in text


async def test_summary_request_leaves_out_the_oldest_messages() -> None:
    fitted = await summarize_in_window("", spoken(*"abcdefghij" * 9), 400, count_words, is_toy=False)
    assert fitted is not None
    text = fitted.messages[-1].content or ""
    assert await count_words(fitted.messages) <= 400
    assert text.count("[user]") == 90 - fitted.left_out
    assert 1 <= fitted.left_out < 80


@pytest.mark.parametrize("answer", ["Summarize conversations.", "", "It is o", "The user said in a few sentences:"])
async def test_unusable_toy_summary_is_replaced_by_the_newest_user_messages(answer: str) -> None:
    fitted = await summarize_in_window("", spoken(*"ab\nc" * 300, "last\none"), 10_000, count_words, is_toy=True)
    assert fitted is not None
    reply = fitted.finish(Reply(LLMMessage("assistant", answer), "max_tokens" if answer == "It is o" else "end_turn"))
    assert reply.stop_reason == "end_turn"
    said = reply.message.content or ""
    assert said.startswith("The user said, newest last:\n\n- ")
    assert said.endswith("\n- last one")
    assert len(said) < 10_000
    whole = Reply(LLMMessage("assistant", "They said abc."), "end_turn")
    assert fitted.finish(whole) == whole


async def test_summary_of_a_larger_model_is_unchanged() -> None:
    fitted = await summarize_in_window("", spoken("one"), 1_000, count_words, is_toy=False)
    assert fitted is not None
    reply = Reply(LLMMessage("assistant", ""), "end_turn")
    assert fitted.finish(reply) is reply


async def test_summary_request_is_none_if_nothing_fits() -> None:
    for is_toy in (True, False):
        assert await summarize_in_window("", spoken("one", "two"), 10, count_words, is_toy=is_toy) is None


@pytest.mark.parametrize(
    ("text", "stop_reason", "kept"),
    [
        ("It is one. It is 2.5 and mo", "max_tokens", "It is one."),
        ("It is one. It is two.", "end_turn", "It is one. It is two."),
        ("It is o", "max_tokens", None),
    ],
)
def test_cut_toy_summary_ends_with_its_last_whole_sentence(
    text: str, stop_reason: StopReason, kept: str | None
) -> None:
    reply = whole_sentences(Reply(LLMMessage("assistant", text), stop_reason))
    assert (reply.message.content, reply.stop_reason) == ((kept, "end_turn") if kept else (text, "max_tokens"))
