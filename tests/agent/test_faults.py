"""Faults of the API over real HTTP.

After each of them the session is valid and the next turn succeeds.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from anthropic import AsyncAnthropic

from aloop.agent.agent import ReActAgent
from aloop.agent.events import Retrying
from aloop.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    ContextOverflow,
    LLMError,
    ModelNotFound,
    RateLimited,
    RequestRejected,
    ServerFailed,
    StreamBroken,
)
from aloop.llm.anthropic.client import AnthropicLLM
from aloop.llm.retry import RetryPolicy
from tests.agent.stubbed_agent import StubbedAgent
from tests.stub import (
    Answer,
    Cut,
    Drop,
    ErrorEvent,
    Gate,
    HTTPError,
    NoResponse,
    Plain,
    Raw,
    Reset,
    StubServer,
    Text,
    Thinking,
    ToolUse,
)
from tests.stub.server import KEY

ADD = ToolUse("calculator", {"expression": "2+2"})

LASTING: list[tuple[HTTPError, type[LLMError]]] = [
    (HTTPError(400, retry=True), RequestRejected),
    (HTTPError(401, retry=True), AuthenticationFailed),
    (HTTPError(403, retry=True), AuthenticationFailed),
    (HTTPError(404, retry=True), ModelNotFound),
    (HTTPError(413, retry=True), ContextOverflow),
    (HTTPError(400, "prompt is too long: 210000 tokens > 200000 maximum", retry=True), ContextOverflow),
]
PASSING: dict[str, Any] = {
    "429 with Retry-After": HTTPError(429, retry=True, headers={"retry-after": "7"}),
    "429 without": HTTPError(429, retry=True),
    "500": HTTPError(500, retry=True),
    "529": HTTPError(529, retry=True),
    "no response": NoResponse(),
    "an empty stream": Plain(200, "", {"content-type": "text/event-stream"}),
    "reset before the first word": Answer(Reset()),
    "truncated before the first word": Answer(Cut()),
    "dropped in mid-thought": Answer(Thinking("hm", Drop())),
    "an error event": Answer(ErrorEvent("overloaded_error")),
    "a malformed chunk": Answer(Raw("content_block_delta", "{not json")),
    "a stall": Answer(Gate()),
}
BREAKS: dict[str, Any] = {
    "reset": Reset(),
    "dropped": Drop(),
    "truncated": Cut(),
    "malformed chunk": Raw("content_block_delta", "{not json"),
    "error event": ErrorEvent("api_error"),
    "stall": Gate(),
}


@pytest.mark.parametrize(("reply", "kind"), LASTING, ids=lambda value: getattr(value, "__name__", ""))
async def test_permanent_fault_is_raised_at_once_without_a_trace(
    stubbed: StubbedAgent, reply: HTTPError, kind: type[LLMError]
) -> None:
    stubbed.stub.script(reply)
    with pytest.raises(kind):
        await stubbed.ask()
    assert (len(stubbed.stub.requests), stubbed.agent.memory.messages) == (1, ())
    await stubbed.check_next_turn()


@pytest.mark.parametrize("fault", PASSING)
async def test_transient_fault_is_retried_silently(stubbed: StubbedAgent, fault: str) -> None:
    if "stall" in fault:
        stubbed.expect_stall()
    stubbed.stub.script(PASSING[fault], "At last.")
    assert await stubbed.ask() == "At last."
    assert stubbed.notices == []
    assert any(isinstance(event, Retrying) for event in stubbed.events)
    await stubbed.check_next_turn()


@pytest.mark.parametrize("fault", BREAKS)
async def test_broken_answer_is_requested_again_with_a_notice(stubbed: StubbedAgent, fault: str) -> None:
    if "stall" in fault:
        stubbed.expect_stall()
    stubbed.stub.script(Answer(Text("Once upon a ", BREAKS[fault])), "It was a dark night.")
    assert await stubbed.ask() == "It was a dark night."
    assert ["begin" in notice or "start" in notice for notice in stubbed.notices] == [True]
    assert [message.content for message in stubbed.agent.memory.messages] == ["Hi", "It was a dark night."]
    await stubbed.check_next_turn()


@pytest.mark.parametrize("fault", BREAKS)
async def test_tool_call_of_a_broken_answer_is_not_run(stubbed: StubbedAgent, fault: str) -> None:
    if "stall" in fault:
        stubbed.expect_stall()
    stubbed.stub.script(Answer(ToolUse("calculator", {"expression": "2+2"}, BREAKS[fault])), ADD, "Four.")
    assert await stubbed.ask() == "Four."
    assert stubbed.results == [(False, "4")]
    await stubbed.check_next_turn()


async def test_turn_fails_after_the_last_retry(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(*[HTTPError(529, retry=True)] * 5)
    with pytest.raises(ServerFailed):
        await stubbed.ask()
    assert len(stubbed.stub.requests) == 5
    await stubbed.check_next_turn()


async def test_long_rate_limit_is_reported_at_once(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(HTTPError(429, retry=True, headers={"retry-after": "900"}))
    with pytest.raises(RateLimited, match="in 15 minutes"):
        await stubbed.ask()
    assert not [event for event in stubbed.events if isinstance(event, Retrying)]


async def test_partial_answer_is_kept_after_the_last_retry(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(*[Answer(Text("Once upon ", Drop()))] * 5)
    with pytest.raises(StreamBroken):
        await stubbed.ask()
    assert [message.interrupted for message in stubbed.agent.memory.messages] == [False, True]
    await stubbed.check_next_turn()


async def test_failure_after_a_tool_call_keeps_its_result(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(ADD, HTTPError(401))
    with pytest.raises(AuthenticationFailed):
        await stubbed.ask()
    assert [message.role for message in stubbed.agent.memory.messages] == ["user", "assistant", "tool"]
    await stubbed.check_next_turn()


def unused_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize("url", [unused_address, lambda: "http://no-such-host.invalid"], ids=["refused", "DNS"])
async def test_unreachable_server_is_reported(sessions_dir: Path, stub: StubServer, url: Callable[[], str]) -> None:
    async with AsyncAnthropic(base_url=url(), api_key=KEY) as client:
        stubbed = StubbedAgent(stub, client, sessions_dir)
        with pytest.raises(ConnectionFailed, match="Could not reach"):
            await stubbed.ask()
    assert [event.number for event in stubbed.events if isinstance(event, Retrying) and event.is_first] == [2, 3]
    async with AsyncAnthropic(base_url=stub.url, api_key=KEY) as client:
        stubbed.agent.llm = AnthropicLLM("claude-test", client=client)
        await stubbed.check_next_turn()


async def test_interrupt_during_a_retry_wait_keeps_the_session_valid(stubbed: StubbedAgent) -> None:
    waiting = asyncio.Event()

    async def wait(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    stubbed.stub.script(ADD, HTTPError(529, retry=True))
    agent = stubbed.agent = ReActAgent(stubbed.agent.llm, memory=stubbed.agent.memory, retry=RetryPolicy(sleep=wait))
    task = asyncio.ensure_future(agent.run("Hi"))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [message.role for message in agent.memory.messages] == ["user", "assistant", "tool"]
    await stubbed.check_next_turn()
