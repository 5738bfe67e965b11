"""Sample sessions and messages, and Hypothesis strategies for more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

from hypothesis import strategies as st

from aloop.llm.content.parts import ContentPart, read_part
from aloop.llm.content.provenance import FileChange, Permission
from aloop.llm.json_values import EMPTY, JsonObject
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall, Usage
from aloop.memory.session import Session

ID = "a1b2c3d4-5678-40ab-8def-1234567890ab"
OTHER_ID = "e5f6a7b8-1234-4cde-9f01-abcdefabcdef"
NOON = datetime(2025, 1, 31, 12, 0, tzinfo=UTC)
LATER = datetime(2025, 1, 31, 12, 30, 0, 250_000, tzinfo=UTC)
NOWHERE = Path("session.yaml")

SPEC_SAMPLE = b"""\
id: a1b2c3d4-5678-90ab-cdef-1234567890ab
created_at: "2025-01-31T14:30:00"
updated_at: "2025-01-31T15:45:00"

system_messages:
  - role: system
    content: |
      You are a helpful assistant.

messages:
  - role: user
    content: "Hello"
  - role: assistant
    content: null
    tool_calls:
      - id: call_abc123
        type: function
        function:
          name: calculator
          arguments: '{"expression": "2+2"}'
  - role: tool
    content: "4"
    tool_call_id: call_abc123
    name: calculator
"""
"""The session file of the specification, byte for byte."""


def user(text: str) -> LLMMessage:
    return LLMMessage("user", text)


def answer(text: str | None, *calls: ToolCall) -> LLMMessage:
    return LLMMessage("assistant", text, tool_calls=calls)


def result(text: str | None, call_id: str = "call_1", name: str = "calculator") -> LLMMessage:
    return LLMMessage("tool", text, tool_call_id=call_id, name=name)


def call(identity: str = "call_1", arguments: str = '{"expression": "2+2"}') -> ToolCall:
    return ToolCall(identity, "calculator", arguments)


def session(*messages: LLMMessage, identity: str = ID, updated_at: datetime = NOON, system: str = "") -> Session:
    """Return a session that is not on disk."""
    system_messages = (LLMMessage("system", system),) if system else ()
    return Session(identity, NOON, updated_at, system_messages, messages, Path())


UNKNOWN = JsonObject(
    {
        "note": "Two\nlines\n",
        "tags": ["a", "b c", "é", "yes"],
        "x-score": [-1.5, 1e-07, 10**30, True, None, [], {}, [[1], ["2"]]],
        "deep": {"a b": {"yes": {"": "- x: y"}}, "list": [{"one": 1, "two": [{"three": 3}]}, "four\nfive"]},
    }
)
"""Keys that aloop does not know, with values of every type."""

# Messages that together use every field.
RICH = (
    user("What is 2 + 2?\n\n\tAnd why? 🎈\n"),
    LLMMessage(
        "assistant",
        "Let me see.\n",
        tool_calls=(
            replace(call(), extra=JsonObject({"type": "custom", "function": {"strict": True}, "index": 0})),
            call("call 2", '{"expression":\n"é"}'),
        ),
        thinking=(
            ThinkingBlock(
                "First I think.\nThen I act. ",
                signature="EqQB/+==",
                prefix="1234567890123456",
                extra=JsonObject({"mood": "calm"}),
            ),
            ThinkingBlock(redacted="opaque==", after_chars=4, after_calls=1),
            ThinkingBlock(),
        ),
        usage=Usage(12, 34, 5, 0),
        model="claude-test",
        at=LATER,
        cost=Decimal("0.000012"),
        extra=JsonObject({"usage": {"server_tool_use": {"web_search_requests": 1}}}),
    ),
    replace(
        result("4"),
        duration_ms=12,
        permission=Permission("once", "user"),
        files=(FileChange("a b.py", "sha256:0123456789abcdef", "sha256:1123456789abcdef"), FileChange("new.py")),
    ),
    LLMMessage(
        "tool",
        None,
        tool_call_id="call 2",
        name="yes",
        is_error=True,
        output_file="outputs/call.txt",
        permission=Permission("refused", "user", "Not now:\nlater"),
    ),
    LLMMessage("assistant", "Four, bec", interrupted=True),
    LLMMessage(
        "assistant",
        "It is cited.",
        layout="block block:12",
        blocks=('{"type": "server_tool_use", "id": "s1"}', '{"type": "text", "text": "It is cited."}'),
        provider="anthropic",
        stop_reason="max_tokens",
    ),
    LLMMessage("user", "A summary: of all\n\n\n", summary=True),
    LLMMessage("assistant", "", skip=True),
    LLMMessage(
        "user",
        "Look:\n\nWell?",
        parts=(
            ContentPart("image", "files/0123456789abcdef.png", "image/png", 12, "a b.png", after_chars=6),
            ContentPart("image_url", extra=JsonObject({"type": "image_url", "image_url": {"url": "https://x/y"}})),
        ),
    ),
    LLMMessage("user", "And?", extra=UNKNOWN),
)

# Texts that YAML parsers may misread.
_TRICKS = (
    *(
        "\n",
        "\n\n",
        " ",
        "  ",
        "\t",
        "\r",
        "\r\n",
        "\x0b",
        "\x0c",
        "\x85",
        "\xa0",
        "\u2028",
        "\u2029",
        "\u200b",
        "\ufeff",
    ),
    *("\0", "\x07", "\x1b", "\x7f", "\x80", "\x9f", "\ufffe", "\uffff", "\ufffd", "\ud7ff", "\ue000", "\U0010ffff"),
    *("\ud800", "\udfff", "\ud83d\ude00", "\udc00\ud800", "😀", "é", "字"),
    *(
        "\n---\n",
        "\n...\n",
        "---",
        "...",
        "#",
        " #",
        ": ",
        ":",
        "- ",
        "-",
        "? ",
        "|",
        ">",
        "|2-",
        "%YAML",
        "@",
        "`",
        "&a",
    ),
    *(
        "*a",
        "!t",
        "!!",
        "<<",
        "=",
        "{",
        "}",
        "[",
        "]",
        ",",
        "'",
        "''",
        '"',
        "\\",
        "\\n",
        "\\\n",
        "~",
        "null",
        "True",
        "no",
    ),
    *("1", "1e3", "0x1f", "10:30", "2025-01-31", ".inf", "a", "word", "  role: user\n", "messages:\n", "x " * 60),
)

any_char = st.one_of(st.characters(), st.characters(categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cf"]))
texts = st.lists(st.one_of(st.sampled_from(_TRICKS), st.text(any_char, max_size=6)), max_size=12).map("".join)
"""Any text, including lone surrogates."""

words = st.one_of(st.sampled_from(("call_1", "a.b/c:d-e", "null", "No", "y", "123", "")), texts)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
extras = st.just(EMPTY) | st.dictionaries(words.map("x-{}".format), json_values, max_size=3).map(JsonObject)

calls = st.builds(ToolCall, words, words, texts, extras)
thoughts = st.builds(ThinkingBlock, texts, words, words, st.integers(0, 10**6), st.integers(0, 9), words, extras)
moments = st.datetimes(
    datetime(1, 2, 3), datetime(9998, 1, 1), timezones=st.just(UTC) | st.just(timezone(timedelta(hours=-9, minutes=30)))
)
amounts = st.decimals(0, 10**6, allow_nan=False, allow_infinity=False) | st.just(Decimal("NaN"))
permissions = st.builds(Permission, st.sampled_from(("once", "no", "")) | words, words, texts)
changes = st.builds(FileChange, texts, words, words)
parts = st.builds(
    ContentPart,
    st.sampled_from(("image", "document")),
    words.map("files/{}".format),
    words,
    st.integers(0, 10**9),
    texts,
    st.integers(0, 30),
    extras,
) | extras.map(lambda extra: read_part(extra.with_values(type="image_url"), 2))
usages = st.builds(Usage, *[st.integers(0, 10**9)] * 5)

messages = st.builds(
    LLMMessage,
    st.sampled_from(("user", "assistant", "tool", "system")),
    st.none() | texts,
    tool_calls=st.lists(calls, max_size=2).map(tuple),
    tool_call_id=st.none() | words,
    name=st.none() | words,
    thinking=st.lists(thoughts, max_size=2).map(tuple),
    usage=st.none() | usages,
    model=st.none() | words,
    interrupted=st.booleans(),
    is_error=st.booleans(),
    skip=st.booleans(),
    summary=st.booleans(),
    output_file=st.none() | words,
    layout=words,
    blocks=st.lists(texts, max_size=2).map(tuple),
    provider=st.none() | words,
    stop_reason=st.none() | words,
    at=st.none() | moments,
    cost=st.none() | amounts,
    duration_ms=st.none() | st.integers(-1, 10**16),
    permission=st.none() | permissions,
    files=st.lists(changes, max_size=2).map(tuple),
    parts=st.lists(parts, max_size=3).map(tuple),
    extra=extras,
)
"""Messages with arbitrary fields."""
