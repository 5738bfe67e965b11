"""Conversion between messages and content blocks, and streamed answers."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.errors import StreamBroken
from aloop.llm.anthropic.accumulator import Accumulator
from aloop.llm.anthropic.wire import (
    assistant_blocks,
    input_object,
    to_message,
    to_request,
    tool_params,
)
from aloop.llm.base import Reply, TextDelta, ThinkingDelta, ToolSpec
from aloop.llm.layout import Block
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall, Usage


def text(words: str) -> Block:
    return {"type": "text", "text": words}


def turns(*messages: LLMMessage) -> list[Block]:
    return to_request(messages).turns


def user(words: str | None) -> LLMMessage:
    return LLMMessage("user", words)


def assistant(words: str | None = None, **fields: Any) -> LLMMessage:
    return LLMMessage("assistant", words, **fields)


def result(content: str | None, call_id: str | None = "c1", *, is_error: bool = False) -> LLMMessage:
    return LLMMessage("tool", content, tool_call_id=call_id, name="add", is_error=is_error)


# --- messages to blocks -----------------------------------------------------------------------------------------


def test_system_messages_are_joined_outside_the_turns() -> None:
    request = to_request([LLMMessage("system", "One."), user("hi"), LLMMessage("system", "Two.")])
    assert request.system == "One.\n\nTwo."
    assert request.turns == [{"role": "user", "content": [text("hi")]}]


@pytest.mark.parametrize("blank", [None, "", " \n\t"])
def test_blank_text_is_never_sent(blank: str | None) -> None:
    messages = [LLMMessage("system", blank), user(blank), assistant(blank), user("hi")]
    request = to_request(messages)
    assert (request.system, request.turns) == ("", [{"role": "user", "content": [text("hi")]}])


def test_adjacent_messages_of_one_role_are_merged() -> None:
    sent = turns(user("a"), user("b"), assistant("c"), assistant("d"), user("e"))
    assert [(turn["role"], [block["text"] for block in turn["content"]]) for turn in sent] == [
        ("user", ["a", "b"]),
        ("assistant", ["c", "d"]),
        ("user", ["e"]),
    ]


def test_results_and_following_text_are_one_turn() -> None:
    calls = (ToolCall("c1", "add", '{"a": 1}'), ToolCall("c2", "add"))
    sent = turns(user("go"), assistant("so", tool_calls=calls), result("1"), result("2", "c2"), user("and?"))
    assert sent[1]["content"] == [
        text("so"),
        {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}},
        {"type": "tool_use", "id": "c2", "name": "add", "input": {}},
    ]
    assert sent[2] == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": "1"},
            {"type": "tool_result", "tool_use_id": "c2", "content": "2"},
            text("and?"),
        ],
    }


def test_results_are_moved_before_earlier_text() -> None:
    sent = turns(assistant(tool_calls=(ToolCall("c1", "add"),)), user("wait"), result("1"))
    assert [block["type"] for block in sent[1]["content"]] == ["tool_result", "text"]


def test_failed_result_is_marked_and_never_empty() -> None:
    (turn,) = turns(result("", is_error=True))
    (block,) = turn["content"]
    assert block["is_error"] is True
    assert block["content"].strip()


def test_empty_result_has_no_content() -> None:
    (turn,) = turns(result(""))
    assert turn["content"] == [{"type": "tool_result", "tool_use_id": "c1"}]


def test_result_without_call_id_is_sent_as_text() -> None:
    assert turns(result("4", None)) == [{"role": "user", "content": [text("4")]}]


def test_final_answer_loses_its_trailing_space() -> None:
    assert turns(user("a"), assistant("so \n"))[1]["content"] == [text("so")]
    assert turns(user("a"), assistant("so \n"), user("b"))[1]["content"] == [text("so \n")]


def test_invalid_ids_and_names_are_replaced_consistently() -> None:
    call, answer = turns(assistant(tool_calls=(ToolCall("call:1/é", "my tool"),)), result("4", "call:1/é"))
    assert call["content"][0] | {"input": {}} == {
        "type": "tool_use",
        "id": "call_1__",
        "name": "my_tool",
        "input": {},
    }
    assert answer["content"][0]["tool_use_id"] == "call_1__"


def test_thinking_blocks_keep_their_places() -> None:
    thoughts = (
        ThinkingBlock("a", "s1"),
        ThinkingBlock(redacted="blob", after_chars=4),
        ThinkingBlock("b", "s2", after_chars=8, after_calls=1),
    )
    calls = (ToolCall("c1", "add"), ToolCall("c2", "add"))
    kinds = [
        block.get("text") or block.get("thinking") or block.get("data") or block["id"]
        for block in assistant_blocks(assistant("one two three", tool_calls=calls, thinking=thoughts))
    ]
    assert kinds == ["a", "one ", "blob", "two ", "c1", "b", "three", "c2"]


def test_thinking_places_outside_the_message_are_clamped() -> None:
    thoughts = (ThinkingBlock("a", "s", after_chars=99, after_calls=99), ThinkingBlock("b", "s", after_chars=-1))
    blocks = assistant_blocks(assistant("one", tool_calls=(ToolCall("c1", "add"),), thinking=thoughts))
    assert blocks[0] == text("one")
    assert [block["type"] for block in blocks] == ["text", "tool_use"]


def test_unsigned_thinking_is_not_sent() -> None:
    assert assistant_blocks(assistant("so", thinking=(ThinkingBlock("half a tho"),))) == [text("so")]


def test_answer_with_only_thinking_is_not_sent() -> None:
    assert turns(user("a"), assistant(thinking=(ThinkingBlock("a", "s"),)), user("b")) == [
        {"role": "user", "content": [text("a"), text("b")]}
    ]


def test_tool_params_contain_the_schema() -> None:
    schema = {"type": "object"}
    assert tool_params([ToolSpec("add", "Adds.", schema)]) == [
        {"name": "add", "description": "Adds.", "input_schema": schema}
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        " ",
        "nonsense",
        "[1]",
        "null",
        '"text"',
        "{",
        '{"a": NaN}',
        '{"a": 1e999}',
        "[" * 5000,
        '{"a": 1' + "0" * 5000,
    ],
)
def test_arguments_that_are_not_an_object_become_an_empty_one(arguments: str) -> None:
    assert input_object(arguments) == {}


def test_surrogates_in_arguments_are_replaced() -> None:
    assert input_object('{"a": "\\ud83d\\ude00 \\ud83d"}') == {"a": "😀 \N{REPLACEMENT CHARACTER}"}


# --- blocks to messages -----------------------------------------------------------------------------------------


def test_to_message_keeps_text_calls_model_and_usage() -> None:
    usage = Usage(1, 2)
    blocks = [text("é "), {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": "é"}}]
    assert to_message(blocks, model="m", usage=usage) == assistant(
        "é ", tool_calls=(ToolCall("c1", "add", '{"a": "é"}'),), model="m", usage=usage
    )


@pytest.mark.parametrize(("given_input", "arguments"), [("{oops", "{oops"), ("", "{}"), (None, "{}"), ({}, "{}")])
def test_missing_arguments_become_an_empty_json_object(given_input: object, arguments: str) -> None:
    (call,) = to_message([{"type": "tool_use", "id": "c", "name": "n", "input": given_input}]).tool_calls
    assert call.arguments == arguments


def test_to_message_ignores_blocks_without_a_type() -> None:
    blocks: list[Block] = [{}, {"type": 5}, text("so"), {"type": "text"}]
    assert to_message(blocks) == assistant("so")


def test_to_message_without_blocks_has_empty_content() -> None:
    assert to_message([]).content == ""
    assert to_message([{"type": "tool_use", "id": "c", "name": "n", "input": {}}]).content is None


# --- both ways --------------------------------------------------------------------------------------------------

_WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
_NAMES = st.text("abcXYZ019_-", min_size=1, max_size=64)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=6,
)
_TEXT = st.builds(text, _WORDS)
_CALL = st.builds(
    lambda name, call_id, value: {"type": "tool_use", "id": call_id, "name": name, "input": value},
    _NAMES,
    _NAMES,
    st.dictionaries(_WORDS, _JSON, max_size=3),
)
_THOUGHT = st.builds(
    lambda words, signature: {"type": "thinking", "thinking": words, "signature": signature},
    st.just("") | _WORDS,
    _WORDS,
) | st.builds(lambda data: {"type": "redacted_thinking", "data": data}, _WORDS)


@st.composite
def canonical_blocks(draw: st.DrawFn) -> list[Block]:
    """Generate answers in the order of the API: thinking, text, calls, repeated."""
    blocks: list[Block] = []
    for _ in range(draw(st.integers(0, 3))):
        blocks += draw(st.lists(_THOUGHT, min_size=1, max_size=2))
        blocks += draw(st.lists(_TEXT, max_size=1))
        blocks += draw(st.lists(_CALL, max_size=2))
    if not blocks or blocks[-1]["type"] in ("thinking", "redacted_thinking"):
        blocks.append(draw(_TEXT))
    return blocks


@given(canonical_blocks())
def test_blocks_round_trip_through_a_message(blocks: list[Block]) -> None:
    assert assistant_blocks(to_message(blocks)) == blocks


@given(canonical_blocks())
def test_message_round_trips_through_blocks(blocks: list[Block]) -> None:
    message = to_message(blocks, model="m", usage=Usage(1))
    assert to_message(assistant_blocks(message), model="m", usage=Usage(1)) == message


_ANY_MESSAGE = st.builds(
    LLMMessage,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    st.none() | st.text(),
    tool_calls=st.lists(st.builds(ToolCall, st.text(), st.text(), st.text()), max_size=2).map(tuple),
    tool_call_id=st.none() | st.text(),
    thinking=st.lists(
        st.builds(ThinkingBlock, st.text(), st.text(), st.text(), st.integers(-9, 99), st.integers(-9, 9)), max_size=2
    ).map(tuple),
    is_error=st.booleans(),
)


@given(st.lists(_ANY_MESSAGE, max_size=6))
def test_any_session_makes_a_valid_request(messages: list[LLMMessage]) -> None:
    request = to_request(messages)
    sent = request.turns
    json.dumps([request.system, sent], allow_nan=False)
    roles = [turn["role"] for turn in sent]
    assert all(before != after for before, after in itertools.pairwise(roles))
    for turn in sent:
        assert turn["content"]
        assert all(block["text"].strip() for block in turn["content"] if block["type"] == "text")


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


def test_later_token_counts_replace_earlier_ones() -> None:
    usage = {"input_tokens": 3, "output_tokens": 1, "cache_read_input_tokens": 5, "cache_creation_input_tokens": None}
    reply = reply_of({"type": "message_start", "message": {"usage": usage}}, stop())
    assert reply.usage == Usage(input_tokens=3, output_tokens=7, cache_read_tokens=5)
    assert reply.message.usage == reply.usage


def test_hour_of_cache_and_searches_are_counted() -> None:
    usage = {
        "cache_creation_input_tokens": 8,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 5},
    }
    end = stop() | {"usage": {"output_tokens": 7, "server_tool_use": {"web_search_requests": 2}}}
    reply = reply_of({"type": "message_start", "message": {"usage": usage}}, end)
    assert reply.usage == Usage(0, 7, 8, cache_creation_1h_tokens=5, web_searches=2)


def test_feed_returns_text_and_thinking_deltas() -> None:
    answer = Accumulator()
    assert answer.feed(start(0, type="thinking", thinking="", signature="")) is None
    assert answer.feed(delta(0, type="thinking_delta", thinking="hm")) == ThinkingDelta("hm")
    assert answer.feed(delta(0, type="signature_delta", signature="s")) is None
    assert answer.feed(start(1, type="text", text="so")) == TextDelta("so")
    assert answer.feed(delta(1, type="text_delta", text="\ud83d")) == TextDelta("\N{REPLACEMENT CHARACTER}")


def test_character_split_over_two_deltas_is_joined() -> None:
    halves = [delta(0, type="text_delta", text=half) for half in ("\ud83d", "\ude00")]
    assert reply_of(start(0, type="text", text=""), *halves, stop()).message.content == "😀"


def test_arguments_in_the_start_event_are_kept() -> None:
    reply = reply_of(start(0, type="tool_use", id="c", name="n", input={"a": "é"}), stop("tool_use"))
    assert reply.message.tool_calls == (ToolCall("c", "n", '{"a": "é"}'),)


@pytest.mark.parametrize("events", [[], [start(0, type="text", text="half")], [stop(None)]])
def test_missing_stop_reason_raises_stream_broken(events: list[dict[str, Any]]) -> None:
    with pytest.raises(StreamBroken):
        reply_of(*events)


def test_unknown_stop_reason_ends_the_turn_and_is_reported() -> None:
    reply = reply_of(stop("from_the_future"))
    assert (reply.stop_reason, reply.detail) == ("end_turn", "stop reason 'from_the_future'")


def test_refusal_without_details_is_a_refusal() -> None:
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
def test_any_events_make_an_answer_or_stream_broken(events: list[dict[str, Any]]) -> None:
    try:
        reply_of(*events)
    except StreamBroken:
        return
