"""Upper bounds of the size of messages."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aloop.llm.content.parts import ContentPart
from aloop.llm.content.provenance import FileChange, Permission
from aloop.llm.json_values import MAX_DEPTH, JsonObject
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall
from aloop.memory.codec.emitter import ITEM_COLUMN, emit_messages
from aloop.memory.codec.size_bound import close_bound, quick_bound
from tests.memory.examples import RICH, messages
from tests.properties import scaled


def size_of(message: LLMMessage) -> int:
    return len(emit_messages([message], ITEM_COLUMN).encode())


def nested(depth: int, inner: str) -> str:
    return '{"a": ' + "[" * depth + inner + "]" * depth + "}"


@pytest.mark.parametrize(
    "message",
    [
        *RICH,
        LLMMessage("user"),
        LLMMessage("user", "\n" * 1_000),
        LLMMessage("user", "a\n\u200b" * 1_000),
        LLMMessage("user", "\r\n \r\n" * 1_000),
        LLMMessage("user", "\x9f\u2028" * 1_000),
        LLMMessage("user", "\U000e0001" * 1_000),
        LLMMessage("user", "it's" + "'" * 1_000),
        LLMMessage("user", "漢字" * 1_000),
        LLMMessage("tool", "\x01" * 40_000, tool_call_id="c"),
        LLMMessage("tool", json.dumps({"lines": ["", *"ab" * 500]}), tool_call_id="c" * 1_000, name="n\n" * 500),
        LLMMessage("assistant", None, (ToolCall("c", "f", nested(1, "[1, 2], " * 200 + "[1]")),)),
        *(LLMMessage("assistant", None, (ToolCall("c", "f", nested(n, "1, " * 500 + "2")),)) for n in range(1, 13)),
        LLMMessage("assistant", None, (ToolCall("c", "f", '{"a": ' * 11 + '["x\\n", "y"]' + "}" * 11),)),
        LLMMessage("assistant", None, (ToolCall("c", "f", json.dumps({"k" * 200: 1, "a\nb" * 90: "\n" * 900})),)),
        *(
            LLMMessage("assistant", "a", extra=JsonObject({"foreign": json.loads(nested(n, "1, " * 500 + "2"))}))
            for n in range(1, MAX_DEPTH - 3)
        ),
        LLMMessage("assistant", "a", extra=JsonObject({str(n) * 1_200: {"": {"\n": "\n"}} for n in range(9)})),
        LLMMessage(
            "assistant", "a", thinking=(ThinkingBlock("\x07" * 500, "s" * 900, after_chars=1, prefix="\n" * 99),)
        ),
        LLMMessage("assistant", "a", blocks=("[]", '{"a": "\\n"}' * 100), model="m" * 2_000, layout="text:1 " * 400),
        LLMMessage(
            "user", "ab" * 40, parts=[ContentPart("image", f"files/{n}", size=9, after_chars=n) for n in range(80)]
        ),
        LLMMessage("tool", "ok", tool_call_id="c", files=[FileChange("/\u200b" * 300, "1" * 16) for _ in range(30)]),
        LLMMessage("tool", "ok", tool_call_id="c", permission=Permission("refused", "user", "no\n" * 1_000)),
    ],
)
def test_size_of_an_unusual_message_is_within_its_bounds(message: LLMMessage) -> None:
    assert size_of(message) <= min(close_bound(message), quick_bound(message))


@pytest.mark.slow
@given(messages)
@example(LLMMessage("user", " \n" * 40))
@settings(max_examples=scaled(300))
def test_size_of_any_message_is_within_its_bounds(message: LLMMessage) -> None:
    assert size_of(message) <= min(close_bound(message), quick_bound(message))


@given(st.text(st.characters(codec="utf-8"), max_size=200), st.integers(1, 50))
def test_size_of_any_text_is_within_its_bounds(text: str, times: int) -> None:
    for message in (LLMMessage("user", text * times), LLMMessage("tool", json.dumps({"a": [text] * times}))):
        assert size_of(message) <= min(close_bound(message), quick_bound(message))


def test_close_bound_of_code_is_a_few_times_its_size() -> None:
    code = "def total(order):  # “quoted”\n    return sum(line.price for line in order)\n" * 500
    for message in (LLMMessage("user", code), LLMMessage("assistant", None, (ToolCall("c", "f", json.dumps([code])),))):
        assert close_bound(message) < 6 * size_of(message)
