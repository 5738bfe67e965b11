"""The order of the blocks of an answer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.llm.anthropic.caching import with_breakpoints
from aloop.llm.anthropic.wire import assistant_blocks, to_message, to_request
from aloop.llm.layout import Block, fits, text_with_sources
from aloop.llm.message_types import LLMMessage

SEARCH: Block = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "aloop"}}
FOUND: Block = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"url": "https://a.example"}]}
CITED: Block = {"type": "text", "text": "It is.", "citations": [{"type": "char_location", "cited_text": "is"}]}


def text(words: str) -> Block:
    return {"type": "text", "text": words}


def call(number: int, **more: Any) -> Block:
    return {"type": "tool_use", "id": f"c{number}", "name": "add", "input": {"a": number}} | more


def thinking(words: str) -> Block:
    return {"type": "thinking", "thinking": words, "signature": f"sig-{words}"}


@pytest.mark.parametrize(
    "blocks",
    [
        [text("a"), call(1), text("b"), call(2)],
        [thinking("x"), text("a"), thinking("y"), call(1), text("b")],
        [text("a"), text("b")],
        [SEARCH, FOUND, CITED, text(" More.")],
        [text("a"), SEARCH, FOUND, call(1)],
        [call(1, caller={"type": "code_execution", "tool_id": "s1"}), text("after")],
        [{"type": "from_the_future", "data": [1, {"x": None}]}, text("so")],
    ],
    ids=["text between calls", "thinking", "two texts", "citations", "server tool", "called by code", "unknown"],
)
def test_blocks_come_back_in_their_order(blocks: list[Block]) -> None:
    assert assistant_blocks(to_message(blocks)) == blocks


def test_usual_order_needs_no_layout() -> None:
    message = to_message([thinking("x"), text("a"), call(1, caller={"type": "direct"}), call(2)])
    assert (message.layout, message.blocks) == ("", ())


def test_text_remains_readable_in_the_content() -> None:
    message = to_message([SEARCH, FOUND, CITED, text(" More.")])
    assert message.content == "It is. More."
    assert message.layout == "block block block:6 text:6"
    assert [json.loads(block)["type"] for block in message.blocks] == [
        "server_tool_use",
        "web_search_tool_result",
        "text",
    ]


def test_cited_text_has_markers_and_numbered_sources() -> None:
    one, two = ({"type": "web", "title": name, "url": f"https://{name}.example"} for name in ("One", "Two"))
    cited = [CITED | {"citations": [one]}, text(" And "), CITED | {"citations": [two, one, one]}]
    message = to_message(cited)
    assert text_with_sources(message) == (
        "It is.[1] And It is.[2][1]\n\nSources:\n\n- [1] One - https://One.example\n- [2] Two - https://Two.example"
    )
    assert text_with_sources(replace(message, content="It was edited.")) == "It was edited."
    assert text_with_sources(to_message([SEARCH, FOUND, text("So.")])) == "So."


def test_edited_text_ignores_the_layout_and_keeps_the_message_valid() -> None:
    message = replace(to_message([text("a"), SEARCH, FOUND, text("b"), call(1)]), content="edited by hand")
    assert not fits(message)
    assert assistant_blocks(message) == [text("edited by hand"), call(1)]


def test_edit_of_cited_text_of_equal_length_drops_the_citation() -> None:
    message = replace(to_message([CITED]), content="It was")
    assert assistant_blocks(message) == [text("It was")]


def test_edited_arguments_are_sent_with_the_rest_of_their_block() -> None:
    made = to_message([call(1, caller={"type": "code_execution", "tool_id": "s1"})])
    edited = replace(made, tool_calls=(replace(made.tool_calls[0], arguments='{"a": 7}'),))
    assert assistant_blocks(edited)[0]["input"] == {"a": 7}
    assert assistant_blocks(edited)[0]["caller"]["tool_id"] == "s1"


@pytest.mark.parametrize(
    "layout", ["nonsense", "text:x", "text:-1", "block", "call call", "text:99999999999999999999", "block:call"]
)
def test_damaged_layout_is_ignored(layout: str) -> None:
    message = replace(to_message([text("words"), call(1)]), layout=layout)
    assert assistant_blocks(message) == [text("words"), call(1)]


_words = st.text("ab é", min_size=1, max_size=5).filter(lambda words: bool(words.strip()))
_blocks = st.one_of(
    st.builds(text, _words),
    st.builds(call, st.integers(0, 99)),
    st.builds(thinking, _words),
    st.sampled_from([SEARCH, FOUND]),
    st.builds(lambda words: {**CITED, "text": words}, _words),
)


@given(st.lists(_blocks, max_size=8))
def test_any_order_of_blocks_comes_back(blocks: list[Block]) -> None:
    expected = list(blocks)
    while expected and expected[-1]["type"] == "thinking":  # the API takes no answer that ends in thinking
        expected.pop()
    assert assistant_blocks(to_message(blocks)) == expected


def test_blocks_are_parsed_once_and_not_changed_by_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    loads = json.loads

    def counting_loads(found: str) -> Any:
        parsed.append(found)
        return loads(found)

    monkeypatch.setattr(json, "loads", counting_loads)
    unused = {"type": "text", "text": "It is so. ", "citations": [{"url": "https://once.example"}]}
    message = to_message([unused])
    question = LLMMessage("user", "Why?")
    for _ in range(3):
        assert fits(message)
        request = to_request([question, message])
        assert request.turns[-1]["content"][0]["text"] == "It is so."
        with_breakpoints({"messages": request.turns})
    assert assistant_blocks(message) == [unused]
    assert len(parsed) == 1
