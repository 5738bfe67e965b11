"""A request for a summary, made to fit a small window or a small model."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from aloop.agent.compaction import digest
from aloop.llm.base import Reply, StopReason
from aloop.llm.local_window import fit_summary, whole_sentences
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.llm.prompts import parts_of, summary_request

TALK = [
    LLMMessage("user", "One?\n\nOr two?"),
    LLMMessage("assistant", "", tool_calls=(ToolCall("c", "count", "{}"),)),
    LLMMessage("tool", "[1]\n\n[2]", tool_call_id="c", name="count"),
]


async def count(messages: Sequence[LLMMessage]) -> int:
    """A token for each character of the question."""
    return len(messages[-1].content or "")


def spoken(*texts: str) -> list[str]:
    return [f"[user]\n{text}" for text in texts]


@pytest.mark.parametrize("wish", ["", "the numbers"])
def test_a_request_can_be_taken_apart_again(wish: str) -> None:
    request = summary_request(digest(TALK, 1_000), wish)
    assert parts_of(request) == (
        wish,
        ["[user]\nOne?\n\nOr two?", "[assistant]\n(calls count {})", "[tool count]\n[1]\n\n[2]"],
    )


@pytest.mark.parametrize("text", ["", "Summarise the conversation below.", "hello"])
def test_what_is_no_such_request_is_none(text: str) -> None:
    assert parts_of(text) is None


async def test_what_fits_is_asked_as_it_was() -> None:
    fitted = await fit_summary("x", spoken("one", "two"), 1_000, count, is_toy=False)
    assert fitted is not None
    assert fitted.messages[-1].content == summary_request("[user]\none\n\n[user]\ntwo", "x")
    assert fitted.left_out == 0


async def test_of_too_much_the_newest_is_kept_and_the_longest_shortened() -> None:
    fitted = await fit_summary("", spoken("old " * 100, "one", "long " * 400, "last"), 400, count, is_toy=False)
    assert fitted is not None
    text = fitted.messages[-1].content or ""
    assert await count(fitted.messages) <= 400
    assert 10 < text.count("long") < 40
    assert "[user]\nlast\n" in text
    assert "…" in text


async def test_of_too_many_the_oldest_are_left_out() -> None:
    fitted = await fit_summary("", spoken(*"abcdefghij" * 9), 400, count, is_toy=False)
    assert fitted is not None
    text = fitted.messages[-1].content or ""
    assert await count(fitted.messages) <= 400
    assert text.count("[user]") == 90 - fitted.left_out
    assert 1 <= fitted.left_out < 80


@pytest.mark.parametrize("answer", ["Summarise conversations.", "", "It is o", "The person said in a few sentences:"])
async def test_where_a_toy_says_nothing_the_latest_of_what_it_was_shown_stands_for_it(answer: str) -> None:
    fitted = await fit_summary("", spoken(*"ab\nc" * 300, "last\none"), 10_000, count, is_toy=True)
    assert fitted is not None
    reply = fitted.finish(Reply(LLMMessage("assistant", answer), "max_tokens" if answer == "It is o" else "end_turn"))
    assert reply.stop_reason == "end_turn"
    said = reply.message.content or ""
    assert said.startswith("The person said, the latest last:\n\n- ")
    assert said.endswith("\n- last one")
    assert len(said) < 10_000
    whole = Reply(LLMMessage("assistant", "They said abc."), "end_turn")
    assert fitted.finish(whole) == whole


async def test_what_a_larger_model_answers_is_taken_as_it_is() -> None:
    fitted = await fit_summary("", spoken("one"), 1_000, count, is_toy=False)
    assert fitted is not None
    reply = Reply(LLMMessage("assistant", ""), "end_turn")
    assert fitted.finish(reply) is reply


async def test_where_nothing_fits_there_is_nothing_to_ask() -> None:
    for is_toy in (True, False):
        assert await fit_summary("", spoken("one", "two"), 10, count, is_toy=is_toy) is None


@pytest.mark.parametrize(
    ("text", "stop_reason", "kept"),
    [
        ("It is one. It is 2.5 and mo", "max_tokens", "It is one."),
        ("It is one. It is two.", "end_turn", "It is one. It is two."),
        ("It is o", "max_tokens", None),
    ],
)
def test_a_toy_s_summary_ends_with_its_last_sentence(text: str, stop_reason: StopReason, kept: str | None) -> None:
    reply = whole_sentences(Reply(LLMMessage("assistant", text), stop_reason))
    assert (reply.message.content, reply.stop_reason) == ((kept, "end_turn") if kept else (text, "max_tokens"))
