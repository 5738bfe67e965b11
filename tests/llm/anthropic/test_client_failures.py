"""The Anthropic provider over real HTTP against the stub: failures."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from anthropic import AsyncAnthropic

from aloop.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    ContextOverflow,
    LLMError,
    MissingCredentials,
    ModelNotFound,
    RateLimited,
    RequestRejected,
    ServerFailed,
    StreamBroken,
)
from aloop.llm.anthropic.client import AnthropicLLM
from aloop.llm.anthropic.server_profile import ServerProfile
from aloop.llm.base import Reply, TextDelta
from tests.llm.asking import HELLO, failure, reply_to
from tests.stub import (
    Answer,
    Cut,
    Drop,
    ErrorEvent,
    Gate,
    HTTPError,
    NoResponse,
    PingingGate,
    Plain,
    Raw,
    Reset,
    StubServer,
    Text,
)
from tests.stub.server import KEY


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (400, RequestRejected, "scripted error"),
        (401, AuthenticationFailed, "ANTHROPIC_API_KEY"),
        (402, AuthenticationFailed, "scripted error"),
        (403, AuthenticationFailed, "scripted error"),
        (404, ModelNotFound, "claude-test"),
        (408, ServerFailed, "408"),
        (413, ContextOverflow, "/clear"),
        (422, RequestRejected, "scripted error"),
        (429, RateLimited, "429"),
        (500, ServerFailed, "500"),
        (501, ServerFailed, "does not support"),
        (503, ServerFailed, "overloaded"),
        (529, ServerFailed, "overloaded"),
    ],
)
async def test_http_error_maps_to_an_llm_error(
    stub: StubServer, llm: AnthropicLLM, status: int, kind: type[LLMError], message: str
) -> None:
    stub.script(HTTPError(status))
    error = await failure(llm)
    assert type(error) is kind
    assert message in str(error)


@pytest.mark.parametrize(
    ("profile", "source"),
    [
        (ServerProfile(), "the API key that was given in code"),
        (ServerProfile(key_name="the API key in the system keyring"), "the API key in the system keyring"),
    ],
)
async def test_refused_key_is_named_by_its_source(stub: StubServer, profile: ServerProfile, source: str) -> None:
    stub.script(HTTPError(401))
    llm = AnthropicLLM("claude-test", base_url=stub.url, api_key="sk-another-key", profile=profile)
    try:
        assert f"Check {source}." in str(await failure(llm))
    finally:
        await llm.aclose()


async def test_rate_limit_has_retry_after(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(HTTPError(429, headers={"retry-after": "17"}))
    error = await failure(llm)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 17.0


async def test_too_long_prompt_is_a_context_overflow(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(HTTPError(400, "prompt is too long: 210000 tokens > 200000 maximum"))
    assert isinstance(await failure(llm), ContextOverflow)


async def test_too_long_prompt_for_llama_cpp_is_a_context_overflow(stub: StubServer, llm: AnthropicLLM) -> None:
    words = "request (6021 tokens) exceeds the available context size (4096 tokens), try increasing it"
    error = {"code": 400, "message": words, "type": "exceed_context_size_error", "n_prompt_tokens": 6021, "n_ctx": 4096}
    stub.script(Plain(400, json.dumps({"error": error}), {"content-type": "application/json"}))
    assert isinstance(await failure(llm), ContextOverflow)


async def test_other_server_is_not_reported_as_a_missing_model(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(Plain(404, "<html>nginx</html>"))
    error = await failure(llm)
    assert type(error) is RequestRejected
    assert "ANTHROPIC_BASE_URL" in str(error)


async def test_key_quoted_by_the_server_is_masked(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(HTTPError(403, f"key {KEY} may not do this"))
    assert "[key]" in str(await failure(llm))


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("overloaded_error", ServerFailed),
        ("api_error", ServerFailed),
        ("rate_limit_error", RateLimited),
        ("authentication_error", AuthenticationFailed),
        ("invalid_request_error", RequestRejected),
        ("never_heard_of", StreamBroken),
    ],
)
async def test_error_event_maps_to_an_llm_error_by_its_type(
    stub: StubServer, llm: AnthropicLLM, event: str, kind: type[LLMError]
) -> None:
    stub.script(Answer(Text("half an ", ErrorEvent(event))))
    assert type(await failure(llm)) is kind


@pytest.mark.parametrize(
    "break_off",
    [
        Cut(),
        Drop(),
        Reset(),
        Raw("content_block_delta", "{not json"),
        Raw("error", "not json either"),
        Raw("content_block_delta", '"no object"'),
    ],
    ids=["cut", "drop", "reset", "bad json", "bad error", "no object"],
)
async def test_broken_answer_raises_stream_broken(stub: StubServer, llm: AnthropicLLM, break_off: Any) -> None:
    stub.script(Answer(Text("half an answer ", break_off, Cut())))
    assert isinstance(await failure(llm), StreamBroken)


async def test_web_page_instead_of_an_answer_is_named_by_its_title(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(Plain(200, "<html><title>Sign in\n to Wi-Fi</title></html>"))
    error = await failure(llm)
    assert isinstance(error, RequestRejected)
    assert "web page (Sign in to Wi-Fi)" in str(error)


@pytest.mark.parametrize("body", ["", "event: ping\ndata: {}\n\n"])
async def test_empty_stream_raises_stream_broken(stub: StubServer, llm: AnthropicLLM, body: str) -> None:
    stub.script(Plain(200, body))
    assert isinstance(await failure(llm), StreamBroken)


async def test_text_before_a_break_is_streamed(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(Answer(Text("seen ", Drop())))
    events = llm.stream(HELLO)
    assert await anext(events) == TextDelta("seen ")
    with pytest.raises(StreamBroken):
        await anext(events)


async def test_pings_keep_a_slow_answer_alive(stub: StubServer) -> None:
    gate = PingingGate()
    stub.script(Text("half ", gate, "whole"))
    llm = AnthropicLLM("claude-test", base_url=stub.url, api_key=KEY, profile=ServerProfile(stall_after=0.3))
    events = llm.stream(HELLO)
    assert await anext(events) == TextDelta("half ")
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(1.0)  # three times the limit, with nothing but pings
    assert not waiting.done()
    gate.open()
    assert await waiting == TextDelta("whole")
    assert len(stub.requests) == 1
    await llm.aclose()


@pytest.mark.stress
async def test_more_than_five_minutes_of_pings_are_one_request(stub: StubServer, llm: AnthropicLLM) -> None:
    gate = PingingGate()
    stub.script(Text("half ", gate, "whole"))
    events = llm.stream(HELLO)
    assert await anext(events) == TextDelta("half ")
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(330)  # longer than the default limit of silence
    assert not waiting.done()
    gate.open()
    assert await waiting == TextDelta("whole")
    assert len(stub.requests) == 1


async def test_stalled_answer_is_cancelled(stub: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stub.env.items():
        monkeypatch.setenv(name, value)
    stub.script(Text("half ", Gate()))
    llm = AnthropicLLM("claude-test", profile=ServerProfile(stall_after=0.3))
    error = await failure(llm)
    assert isinstance(error, StreamBroken)
    assert "stalled" in str(error)
    await asyncio.to_thread(stub.requests[0].wait_until_disconnected)
    await llm.aclose()


async def test_slow_reader_does_not_count_as_a_stall(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script("one two")
    llm = AnthropicLLM("claude-test", profile=ServerProfile(stall_after=1.0))
    events = llm.stream(HELLO)
    assert await anext(events) == TextDelta("one ")
    await asyncio.sleep(1.1)  # longer than the limit, which applies to the server only
    assert await anext(events) == TextDelta("two")
    assert isinstance(await anext(events), Reply)
    await llm.aclose()


async def test_read_timeout_raises_stream_broken(stub: StubServer) -> None:
    stub.script(Text("half ", Gate()))
    async with AsyncAnthropic(base_url=stub.url, api_key=KEY, timeout=0.2) as client:
        assert isinstance(await failure(AnthropicLLM("claude-test", client=client)), StreamBroken)


async def test_closed_connection_without_response_raises_connection_failed(stub: StubServer) -> None:
    stub.script(NoResponse())
    async with AsyncAnthropic(base_url=stub.url, api_key=KEY, max_retries=0) as client:
        assert isinstance(await failure(AnthropicLLM("claude-test", client=client)), ConnectionFailed)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://me:pass@127.0.0.1:1/", "no-scheme", "ftp://127.0.0.1"])
async def test_unreachable_address_is_reported(url: str) -> None:
    async with AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        error = await failure(AnthropicLLM("claude-test", client=client))
    assert isinstance(error, ConnectionFailed)
    assert "ANTHROPIC_BASE_URL" in str(error)
    assert "pass" not in str(error)


async def test_invalid_address_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://localhost:port")
    assert isinstance(await failure(AnthropicLLM("claude-test")), ConnectionFailed)


@pytest.mark.parametrize("key", [None, "", "  "])
async def test_missing_key_is_reported_before_sending(
    stub: StubServer, llm: AnthropicLLM, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    if key is not None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    error = await failure(llm)
    assert isinstance(error, MissingCredentials)
    assert "export ANTHROPIC_API_KEY" in str(error)
    assert "--model offline" in str(error)
    assert stub.requests == []


@pytest.mark.parametrize("key", ["sk-secret\n", "sk-sécret", "sk-\tsecret"])
async def test_malformed_key_is_reported_but_not_quoted(
    llm: AnthropicLLM, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", key)
    error = await failure(llm)
    assert isinstance(error, MissingCredentials)
    assert "ANTHROPIC_AUTH_TOKEN" in str(error)
    assert key not in str(error)


async def test_auth_token_is_used_and_named(
    stub: StubServer, llm: AnthropicLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-1")
    stub.script(HTTPError(401))
    assert "ANTHROPIC_AUTH_TOKEN" in str(await failure(llm))
    assert stub.requests[0].headers["authorization"] == "Bearer token-1"


async def test_missing_profile_is_reported(llm: AnthropicLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_PROFILE", "missing-profile")
    error = await failure(llm)
    assert isinstance(error, MissingCredentials)
    assert "missing-profile" in str(error)


async def test_request_after_an_error_succeeds(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(HTTPError(529), Answer(Text("half ", Drop())), "fine")
    await failure(llm)
    await failure(llm)
    assert (await reply_to(llm)).message.content == "fine"


async def test_sdk_does_not_retry(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.script(HTTPError(529, retry=True, headers={"retry-after-ms": "1500"}), "too late")
    error = await failure(llm)
    assert (error.is_transient, error.retry_after) == (True, 1.5)
    assert len(stub.requests) == 1


async def test_passed_client_does_not_retry(stub: StubServer) -> None:
    stub.script(HTTPError(529, retry=True))
    async with AsyncAnthropic(base_url=stub.url, api_key=KEY) as client:
        await failure(AnthropicLLM("claude-test", client=client))
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    ("status", "header", "is_transient"),
    [(529, "false", False), (400, "true", True), (529, "", True), (501, "", False)],
)
async def test_should_retry_header_overrides_the_status(
    stub: StubServer, llm: AnthropicLLM, status: int, header: str, is_transient: bool
) -> None:
    stub.script(HTTPError(status, retry=True, headers={"x-should-retry": header} if header else {}))
    assert (await failure(llm)).is_transient is is_transient


@pytest.mark.parametrize("url", ["no-scheme", "ftp://127.0.0.1"])
async def test_invalid_address_is_not_retried(url: str) -> None:
    async with AsyncAnthropic(base_url=url, api_key=KEY) as client:
        assert not (await failure(AnthropicLLM("claude-test", client=client))).is_transient
