"""One streamed answer, put together from its events."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.errors import StreamBroken
from aloop.llm.anthropic.wire import Accumulator
from aloop.llm.base import Reply, TextDelta, ThinkingDelta
from aloop.llm.message_types import ToolCall, Usage


def start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **piece: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": piece}


def stop(reason: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason} | more, "usage": {"output_tokens": 7}}


def reply_of(*events: dict[str, Any]) -> Reply:
    answer = Accumulator()
    for event in events:
        answer.feed(event)
    return answer.reply("m")


def test_later_counts_replace_earlier_ones_and_missing_ones_do_not() -> None:
    usage = {"input_tokens": 3, "output_tokens": 1, "cache_read_input_tokens": 5, "cache_creation_input_tokens": None}
    reply = reply_of({"type": "message_start", "message": {"usage": usage}}, stop())
    assert reply.usage == Usage(input_tokens=3, output_tokens=7, cache_read_tokens=5)
    assert reply.message.usage == reply.usage


def test_what_is_shown_is_each_piece_of_text_and_thought() -> None:
    answer = Accumulator()
    assert answer.feed(start(0, type="thinking", thinking="", signature="")) is None
    assert answer.feed(delta(0, type="thinking_delta", thinking="hm")) == ThinkingDelta("hm")
    assert answer.feed(delta(0, type="signature_delta", signature="s")) is None
    assert answer.feed(start(1, type="text", text="so")) == TextDelta("so")
    assert answer.feed(delta(1, type="text_delta", text="\ud83d")) == TextDelta("\N{REPLACEMENT CHARACTER}")


def test_a_character_that_came_in_two_halves_is_whole_in_the_message() -> None:
    halves = [delta(0, type="text_delta", text=half) for half in ("\ud83d", "\ude00")]
    assert reply_of(start(0, type="text", text=""), *halves, stop()).message.content == "😀"


def test_arguments_that_came_whole_with_the_start_are_kept() -> None:
    reply = reply_of(start(0, type="tool_use", id="c", name="n", input={"a": "é"}), stop("tool_use"))
    assert reply.message.tool_calls == (ToolCall("c", "n", '{"a": "é"}'),)


@pytest.mark.parametrize("events", [[], [start(0, type="text", text="half")], [stop(None)]])
def test_without_a_stop_reason_the_answer_is_broken(events: list[dict[str, Any]]) -> None:
    with pytest.raises(StreamBroken):
        reply_of(*events)


def test_a_stop_reason_of_the_future_ends_the_turn_and_is_told() -> None:
    reply = reply_of(stop("from_the_future"))
    assert (reply.stop_reason, reply.detail) == ("end_turn", "stop reason 'from_the_future'")


def test_a_refusal_without_details_is_a_refusal() -> None:
    assert reply_of(stop("refusal", stop_details=None)).stop_reason == "refusal"


_VALUE = st.none() | st.integers() | st.text() | st.dictionaries(st.text(), st.text(), max_size=2)
_KIND = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "message_delta", "text", "text_delta", "tool_use"]
)
_EVENT = st.fixed_dictionaries(
    {"type": _KIND},
    optional={
        "index": st.none() | st.integers(0, 2),
        "message": _VALUE,
        "content_block": _VALUE | st.fixed_dictionaries({"type": _KIND, "text": _VALUE, "input": _VALUE}),
        "delta": _VALUE | st.fixed_dictionaries({"type": _KIND, "text": _VALUE, "stop_reason": st.none() | st.text()}),
        "usage": _VALUE,
    },
)


@given(st.lists(_EVENT, max_size=8))
def test_events_of_any_shape_make_an_answer_or_a_broken_stream(events: list[dict[str, Any]]) -> None:
    try:
        reply_of(*events)
    except StreamBroken:
        return
