"""The Anthropic provider over real HTTP against the stub: answers."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

import pytest
from anthropic import AsyncAnthropic

from aloop.llm.anthropic.client import AnthropicLLM
from aloop.llm.anthropic.server_profile import ServerProfile
from aloop.llm.anthropic.wire import WireRequest, to_request
from aloop.llm.base import ModelNote, Reply, SourceMarker, StreamEvent, TextDelta, ThinkingDelta, ToolSpec
from aloop.llm.content.parts import ContentPart
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall, Usage
from tests.llm.asking import HELLO, collect, reply_to
from tests.stub import Answer, Cited, Gate, Ping, Plain, Raw, Redacted, StubServer, Text, Thinking, ToolUse
from tests.stub.server import KEY

ADD = ToolSpec("add", "Adds.", {"type": "object", "properties": {"a": {"type": "number"}}})


async def test_text_streams_in_pieces_and_ends_with_a_reply(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(Answer(Text("hello wide world"), usage={"cache_read_input_tokens": 7}))
    *deltas, reply = await collect(llm)
    assert deltas == [TextDelta("hello "), TextDelta("wide "), TextDelta("world")]
    usage = Usage(input_tokens=10, output_tokens=5, cache_read_tokens=7)
    message = LLMMessage("assistant", "hello wide world", model="claude-test", usage=usage)
    assert reply == Reply(message, "end_turn", usage)


async def test_images_are_encoded_off_the_event_loop(
    stub: StubServer, llm: AnthropicLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = list[threading.Thread]()

    def convert(*arguments: Any) -> WireRequest:
        threads.append(threading.current_thread())
        return to_request(*arguments)

    monkeypatch.setattr("aloop.llm.anthropic.client.to_request", convert)
    image = ContentPart("image", "files/0123456789abcdef.png", "image/png", data=b"pixels")
    await collect(llm)
    async for _ in llm.stream([LLMMessage("user", "Look", parts=(image,))]):
        pass
    assert [thread is threading.main_thread() for thread in threads] == [True, False]


CACHED = {"type": "ephemeral"}


async def test_request_body_matches_the_api(stub: StubServer, llm: AnthropicLLM) -> None:
    async for _ in llm.stream([LLMMessage("system", "Be kind."), *HELLO], [ADD]):
        pass
    (request,) = stub.requests
    assert request.body == {
        "model": "claude-test",
        "max_tokens": 64_000,
        "stream": True,
        "system": [{"type": "text", "text": "Be kind.", "cache_control": CACHED}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello", "cache_control": CACHED}]}],
        "tools": [{"name": "add", "description": "Adds.", "input_schema": ADD.parameters, "cache_control": CACHED}],
        "thinking": {"type": "adaptive", "display": "summarized"},
    }


async def test_request_without_system_and_tools_omits_both(stub: StubServer, llm: AnthropicLLM) -> None:
    await collect(llm)
    assert not {"system", "tools"} & set(stub.requests[0].body)


async def test_tool_call_arguments_get_the_usual_spaces_and_escapes(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(Answer(Text("Let me add."), ToolUse("add", '{"a":  "é\\u0041"}', Ping(), call_id="toolu_1")))
    reply = await reply_to(llm)
    assert reply.stop_reason == "tool_use"
    assert reply.message.content == "Let me add."
    assert reply.message.tool_calls == (ToolCall("toolu_1", "add", '{"a": "éA"}'),)


async def test_malformed_arguments_are_kept_verbatim(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(ToolUse("add", '{"a": 1,, oops'))
    reply = await reply_to(llm)
    assert reply.message.tool_calls[0].arguments == '{"a": 1,, oops'


async def test_empty_arguments_become_an_empty_object(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(ToolUse("add", ""))
    reply = await reply_to(llm)
    assert reply.message.tool_calls[0].arguments == "{}"


async def test_thinking_is_streamed_and_sent_back_in_its_place(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(
        Answer(Thinking("Hm", "m.", signature="sig=="), Redacted("blob"), Text("So."), ToolUse("add", {"a": 1}))
    )
    events = await collect(llm)
    assert events[:2] == [ThinkingDelta("Hm"), ThinkingDelta("m.")]
    answer = cast("Reply", events[-1]).message
    assert [replace(block, prefix="") for block in answer.thinking] == [
        ThinkingBlock("Hmm.", "sig=="),
        ThinkingBlock(redacted="blob"),
    ]
    assert all(block.prefix for block in answer.thinking)

    result = LLMMessage("tool", "1", tool_call_id=answer.tool_calls[0].id, name="add")
    await collect(llm, [*HELLO, answer, result])
    assert stub.requests[1].body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hmm.", "signature": "sig=="},
        {"type": "redacted_thinking", "data": "blob"},
        {"type": "text", "text": "So."},
        {"type": "tool_use", "id": answer.tool_calls[0].id, "name": "add", "input": {"a": 1}},
    ]


@pytest.mark.parametrize(
    "reason", ["end_turn", "max_tokens", "stop_sequence", "pause_turn", "model_context_window_exceeded"]
)
async def test_stop_reason_is_passed_on(stub: StubServer, llm: AnthropicLLM, reason: str) -> None:
    stub.script(Answer(Text("so"), stop_reason=reason))
    assert (await reply_to(llm)).stop_reason == reason


async def test_refusal_detail_has_the_category(stub: StubServer, llm: AnthropicLLM) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    stub.script(Answer(stop_reason="refusal", stop_details=details))
    reply = await reply_to(llm)
    assert (reply.stop_reason, reply.detail) == ("refusal", "cyber: No.")


ONE, TWO = ({"type": "web", "title": name, "url": f"https://{name}.example"} for name in ("one", "two"))
CITED_EVENTS: list[StreamEvent] = [
    TextDelta("It is."),
    SourceMarker("[1]"),
    TextDelta("And so?"),
    TextDelta("It is!"),
    SourceMarker("[2][1]"),
    ModelNote("Sources:\n[1] one - https://one.example\n[2] two - https://two.example"),
]


async def test_cited_text_is_marked_as_it_streams(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(Answer(Cited("It is.", ONE), Cited("And so?"), Cited("It is!", TWO, ONE, ONE)))
    *events, reply = await collect(llm)
    assert events == CITED_EVENTS
    assert cast("Reply", reply).message.content == "It is.And so?It is!"


async def test_whole_answer_is_shown_as_a_streamed_one(stub: StubServer, llm: AnthropicLLM) -> None:
    texts = [("It is.", [ONE]), ("And so?", None), ("It is!", [TWO, ONE, ONE])]
    content = [{"type": "text", "text": text, "citations": cited} for text, cited in texts]
    body: dict[str, Any] = {"type": "message", "role": "assistant", "model": "claude-test", "content": content}
    body |= {"stop_reason": "end_turn", "usage": {"input_tokens": 9, "output_tokens": 7}}
    stub.script(Plain(200, json.dumps(body), {"content-type": "application/json"}))
    *events, reply = await collect(llm)
    assert events == CITED_EVENTS
    assert cast("Reply", reply).usage == Usage(9, 7)


async def test_pings_and_unknown_events_are_ignored(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(
        Answer(
            Raw("from_the_future", '{"type": "from_the_future", "x": 1}'),
            Text(
                "still ",
                Ping(),
                Raw("content_block_delta", '{"type": "content_block_delta", "index": 0, "delta": {"type": "new"}}'),
                "here",
            ),
            Raw("content_block_start", '{"type":"content_block_start","index":9,"content_block":{"type":"new","y":2}}'),
        )
    )
    assert (await reply_to(llm)).message.content == "still here"


async def test_context_window_is_looked_up_after_the_first_answer(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.window = 1_000_000
    assert llm.context_window == 200_000
    await collect(llm)
    await collect(llm)
    await asyncio.to_thread(stub.wait_for_lookup)
    while llm.context_window == 200_000:  # noqa: ASYNC110 - the client sends no signal
        await asyncio.sleep(0)
    assert llm.context_window == 1_000_000
    assert [request.path for request in stub.lookups] == ["/v1/models/claude-test"]


async def test_failed_model_lookup_keeps_the_default_window(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.window = None
    await collect(llm)
    await asyncio.to_thread(stub.wait_for_lookup)
    await llm.aclose()
    assert llm.context_window == 200_000


async def test_cancellation_closes_the_connection(stub: StubServer, llm: AnthropicLLM) -> None:
    gate = Gate()
    stub.script(Text("one ", gate, "two"))
    started = asyncio.Event()

    async def read() -> None:
        async with aclosing(cast("Any", llm.stream(HELLO))) as events:
            async for _ in events:
                started.set()

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(stub.requests[0].wait_until_disconnected)


async def test_closing_the_stream_closes_the_connection(stub: StubServer, llm: AnthropicLLM) -> None:
    gate = Gate()
    stub.script(Text("one ", gate, "two"))
    async with aclosing(cast("Any", llm.stream(HELLO))) as events:
        assert await anext(events) == TextDelta("one ")
    await asyncio.to_thread(stub.requests[0].wait_until_disconnected)


async def test_client_is_usable_after_aclose(stub: StubServer, llm: AnthropicLLM) -> None:
    await collect(llm)
    await llm.aclose()
    await llm.aclose()
    await collect(llm)
    assert len(stub.requests) == 2


async def test_aclose_leaves_a_passed_client_open(stub: StubServer) -> None:
    async with AsyncAnthropic(base_url=stub.url, api_key=KEY) as client:
        llm = AnthropicLLM("claude-test", client=client)
        await collect(llm)
        await llm.aclose()
        assert not client.is_closed()


def test_model_works_in_successive_event_loops(stub: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stub.env.items():
        monkeypatch.setenv(name, value)
    llm = AnthropicLLM("claude-test")

    async def ask() -> Reply:
        try:
            return await reply_to(llm)
        finally:
            await llm.aclose()

    replies = [asyncio.run(ask()) for _ in range(2)]
    assert [reply.message.content for reply in replies] == ["You said: hello"] * 2


async def test_local_server_that_closes_a_used_connection_loses_no_request() -> None:
    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        [size] = re.findall(rb"(?i)content-length: (\d+)", head)
        await reader.readexactly(int(size))
        body = b'{"input_tokens": 3}'
        kept = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        writer.write(kept + body)
        await reader.read(1)  # the next request, or the end of the connection
        writer.close()

    async with await asyncio.start_server(serve_one, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        llm = AnthropicLLM("m", base_url=url, api_key=KEY, profile=ServerProfile(is_local=True))
        assert [await llm.count(HELLO) for _ in range(2)] == [3, 3]
        await llm.aclose()
