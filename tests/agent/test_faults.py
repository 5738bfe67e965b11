"""Every fault of the API, over real HTTP, met by a whole agent: the session stays whole, and the next turn works."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from anthropic import AsyncAnthropic

from aloop.agent.events import AgentEvent, Notice, Retrying, ToolFinished
from aloop.agent.react import ReActAgent
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
from aloop.llm.anthropic import AnthropicLLM
from aloop.llm.retry import RetryPolicy
from aloop.memory import MemoryManager
from tests.agent.scripted import no_pause
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
    Redacted,
    Reset,
    StubServer,
    Text,
    Thinking,
    ToolUse,
)
from tests.stub.server import KEY

ADD = ToolUse("calculator", {"expression": "2+2"})


class Patient:
    """An agent that speaks to the stub, and the events of its turns."""

    def __init__(self, stub: StubServer, llm: AnthropicLLM, sessions_dir: Path) -> None:
        self.stub = stub
        self.events: list[AgentEvent] = []
        self.agent = ReActAgent(
            llm, sessions_dir=sessions_dir, on_event=self.events.append, retry=RetryPolicy(sleep=no_pause)
        )

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice)]

    @property
    def results(self) -> list[tuple[bool, str]]:
        return [(event.result.is_error, event.result.text) for event in self.events if isinstance(event, ToolFinished)]

    async def ask(self, text: str = "Hi") -> str:
        return await self.agent.run(text)

    async def is_well(self) -> None:
        """See that the next turn works, that nothing needs mending, and that all of it is on the disk."""
        memory = self.agent.memory
        self.stub.script("I am well.")
        assert await self.ask("How are you?") == "I am well."
        assert memory.get_repairs() == ()
        stored = await MemoryManager.load_session(memory.session_id, sessions_dir=memory.sessions_dir)
        assert stored.messages == memory.messages


@pytest.fixture
async def patient(stub: StubServer, sessions_dir: Path) -> AsyncIterator[Patient]:
    async with AsyncAnthropic(base_url=stub.url, api_key=KEY) as client:
        yield Patient(stub, AnthropicLLM("claude-test", client=client, stall_after=0.3), sessions_dir)


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
    "a stall with pings": Answer(PingingGate()),
}
BREAKS: dict[str, Any] = {
    "reset": Reset(),
    "dropped": Drop(),
    "truncated": Cut(),
    "malformed chunk": Raw("content_block_delta", "{not json"),
    "error event": ErrorEvent("api_error"),
    "stall": Gate(),
    "stall with pings": PingingGate(),
}


@pytest.mark.parametrize(("reply", "kind"), LASTING, ids=lambda value: getattr(value, "__name__", ""))
async def test_what_will_not_pass_is_told_at_once_and_leaves_no_trace(
    patient: Patient, reply: HTTPError, kind: type[LLMError]
) -> None:
    patient.stub.script(reply)
    with pytest.raises(kind):
        await patient.ask()
    assert (len(patient.stub.requests), patient.agent.memory.messages) == (1, ())
    await patient.is_well()


@pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING)
async def test_what_passes_is_tried_again_without_a_word(patient: Patient, reply: Any) -> None:
    patient.stub.script(reply, "At last.")
    assert await patient.ask() == "At last."
    assert patient.notices == []
    assert any(isinstance(event, Retrying) for event in patient.events)
    await patient.is_well()


@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS)
async def test_an_answer_that_breaks_after_some_words_begins_again_and_says_so(patient: Patient, fault: Any) -> None:
    patient.stub.script(Answer(Text("Once upon a ", fault)), "It was a dark night.")
    assert await patient.ask() == "It was a dark night."
    assert ["begin" in notice or "start" in notice for notice in patient.notices] == [True]
    assert [message.content for message in patient.agent.memory.messages] == ["Hi", "It was a dark night."]
    await patient.is_well()


@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS)
async def test_an_answer_that_breaks_in_a_tool_call_runs_nothing_of_it(patient: Patient, fault: Any) -> None:
    patient.stub.script(Answer(ToolUse("calculator", {"expression": "2+2"}, fault)), ADD, "Four.")
    assert await patient.ask() == "Four."
    assert patient.results == [(False, "4")]
    await patient.is_well()


async def test_a_server_that_stays_down_ends_the_turn_after_some_tries(patient: Patient) -> None:
    patient.stub.script(*[HTTPError(529, retry=True)] * 5)
    with pytest.raises(ServerFailed):
        await patient.ask()
    assert len(patient.stub.requests) == 5
    await patient.is_well()


async def test_a_rate_limit_is_waited_out_for_a_minute_at_most(patient: Patient) -> None:
    patient.stub.script(*[HTTPError(429, retry=True, headers={"retry-after": "900"})] * 5)
    with pytest.raises(RateLimited):
        await patient.ask()
    assert {event.pause for event in patient.events if isinstance(event, Retrying)} == {60.0}


async def test_words_of_an_answer_that_never_comes_are_kept_and_marked(patient: Patient) -> None:
    patient.stub.script(*[Answer(Text("Once upon ", Drop()))] * 5)
    with pytest.raises(StreamBroken):
        await patient.ask()
    assert [message.interrupted for message in patient.agent.memory.messages] == [False, True]
    await patient.is_well()


async def test_a_failure_after_a_tool_keeps_what_the_tool_did(patient: Patient) -> None:
    patient.stub.script(ADD, HTTPError(401))
    with pytest.raises(AuthenticationFailed):
        await patient.ask()
    assert [message.role for message in patient.agent.memory.messages] == ["user", "assistant", "tool"]
    await patient.is_well()


def nobody_listens() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize("url", [nobody_listens, lambda: "http://no-such-host.invalid"], ids=["refused", "DNS"])
async def test_a_server_that_can_not_be_reached_is_told_of(
    sessions_dir: Path, stub: StubServer, url: Callable[[], str]
) -> None:
    async with AsyncAnthropic(base_url=url(), api_key=KEY) as client:
        patient = Patient(stub, AnthropicLLM("claude-test", client=client), sessions_dir)
        with pytest.raises(ConnectionFailed, match="Could not reach"):
            await patient.ask()
    assert [event.number for event in patient.events if isinstance(event, Retrying) and event.is_first] == [2, 3]
    async with AsyncAnthropic(base_url=stub.url, api_key=KEY) as client:
        patient.agent.llm = AnthropicLLM("claude-test", client=client)
        await patient.is_well()


async def test_an_answer_without_content_is_told_of(patient: Patient) -> None:
    patient.stub.script(Answer())
    with pytest.raises(StreamBroken, match="answered nothing"):
        await patient.ask()
    await patient.is_well()


async def test_blocks_of_an_unknown_type_are_passed_over(patient: Patient) -> None:
    block = {"type": "content_block_start", "index": 7, "content_block": {"type": "hologram", "data": "…"}}
    patient.stub.script(Answer(Raw("content_block_start", json.dumps(block)), Text("Here.")))
    assert await patient.ask() == "Here."
    await patient.is_well()


async def test_malformed_arguments_run_nothing_and_go_back_to_the_model(patient: Patient) -> None:
    patient.stub.script(ToolUse("calculator", '{"expression": "2+'), "I will try again.")
    await patient.ask()
    (result,) = patient.results
    assert result[0]
    assert "JSON" in result[1]
    await patient.is_well()


async def test_arguments_that_never_came_do_not_fit_the_tool(patient: Patient) -> None:
    patient.stub.script(ToolUse("calculator", ""), "I will try again.")
    await patient.ask()
    assert patient.results[0][0]
    await patient.is_well()


async def test_an_unknown_tool_is_told_to_the_model(patient: Patient) -> None:
    patient.stub.script(ToolUse("levitate", {}), "Sorry.")
    await patient.ask()
    assert "There is no tool 'levitate'" in patient.results[0][1]
    await patient.is_well()


async def test_of_two_calls_one_may_fail(patient: Patient) -> None:
    patient.stub.script(Answer(ADD, ToolUse("read_file", {"path": "nowhere"})), "One of them.")
    assert await patient.ask() == "One of them."
    assert [is_error for is_error, _ in patient.results] == [False, True]
    await patient.is_well()


async def test_a_call_cut_by_the_limit_of_length_is_not_run(patient: Patient) -> None:
    half = ToolUse("calculator", '{"expression": "2+')
    patient.stub.script(Answer(Thinking("hm"), Text("Let me see."), half, stop_reason="max_tokens"))
    assert await patient.ask() == "Let me see."
    assert patient.results == []
    assert len(patient.notices) == 2
    await patient.is_well()


async def test_nothing_but_a_cut_call_leaves_no_trace(patient: Patient) -> None:
    patient.stub.script(Answer(ToolUse("calculator", "{"), stop_reason="max_tokens"))
    with pytest.raises(StreamBroken, match="limit of length"):
        await patient.ask()
    await patient.is_well()


async def test_a_refusal_is_told_with_its_category(patient: Patient) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    patient.stub.script(Answer(stop_reason="refusal", stop_details=details))
    with pytest.raises(RequestRejected, match="cyber"):
        await patient.ask()
    await patient.is_well()


async def test_a_refusal_after_some_words_keeps_them(patient: Patient) -> None:
    patient.stub.script(Answer(Text("I would rather "), stop_reason="refusal"))
    await patient.ask()
    await patient.is_well()


async def test_a_pause_is_gone_on_from(patient: Patient) -> None:
    patient.stub.script(Answer(Text("First, "), stop_reason="pause_turn"), "then second.")
    assert await patient.ask() == "First, then second."
    await patient.is_well()


async def test_a_pause_in_thought_is_gone_on_from(patient: Patient) -> None:
    patient.stub.script(Answer(Thinking("hm"), stop_reason="pause_turn"), "Done.")
    assert await patient.ask() == "Done."
    await patient.is_well()


async def test_a_window_that_is_full_keeps_what_was_said(patient: Patient) -> None:
    patient.stub.script(Answer(Text("So far "), ADD, stop_reason="model_context_window_exceeded"))
    assert await patient.ask() == "So far "
    assert patient.results == []
    await patient.is_well()


async def test_thoughts_go_back_unaltered_and_in_order_over_several_steps(patient: Patient) -> None:
    patient.stub.script(
        Answer(Thinking("First ", "this.", signature="s1"), Redacted("blob"), Text("One."), ADD),
        Answer(Thinking("Then that.", signature="s2"), ToolUse("calculator", {"expression": "4+4"})),
        Answer(Thinking("So.", signature="s3"), Text("Eight.")),
    )
    assert await patient.ask() == "Eight."
    first, second = (turn["content"] for turn in patient.stub.requests[2].body["messages"] if turn["role"] != "user")
    assert [block["type"] for block in first] == ["thinking", "redacted_thinking", "text", "tool_use"]
    assert [block["type"] for block in second] == ["thinking", "tool_use"]
    await patient.is_well()


async def test_thoughts_stay_behind_when_the_model_changes(patient: Patient) -> None:
    patient.stub.script(Answer(Thinking("Hm.", signature="s1"), Text("One."), ADD), Answer(Thinking("So."), Text("4")))
    await patient.ask()
    async with AsyncAnthropic(base_url=patient.stub.url, api_key=KEY) as client:
        before, patient.agent.llm = patient.agent.llm, AnthropicLLM("claude-other", client=client)
        await patient.is_well()
        assert "thinking" not in json.dumps(patient.stub.requests[-1].body["messages"])
        patient.agent.llm = before
        await patient.is_well()
        assert "s1" in json.dumps(patient.stub.requests[-1].body["messages"])


async def test_interrupted_while_waiting_to_try_again_the_session_is_whole(patient: Patient) -> None:
    waiting = asyncio.Event()

    async def wait(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    patient.stub.script(ADD, HTTPError(529, retry=True))
    agent = patient.agent = ReActAgent(patient.agent.llm, memory=patient.agent.memory, retry=RetryPolicy(sleep=wait))
    task = asyncio.ensure_future(agent.run("Hi"))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [message.role for message in agent.memory.messages] == ["user", "assistant", "tool"]
    await patient.is_well()
