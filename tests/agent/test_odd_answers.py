"""Answers that come whole and are odd, over real HTTP: nothing runs that should not, and the session stays whole."""

from __future__ import annotations

import json

import pytest
from anthropic import AsyncAnthropic

from aloop.errors import RequestRejected, StreamBroken
from aloop.llm.anthropic.client import AnthropicLLM
from tests.agent.patient import Patient
from tests.stub import Answer, Raw, Redacted, Text, Thinking, ToolUse
from tests.stub.server import KEY

ADD = ToolUse("calculator", {"expression": "2+2"})


async def test_answer_without_content_is_an_error(patient: Patient) -> None:
    patient.stub.script(Answer())
    with pytest.raises(StreamBroken, match="empty answer"):
        await patient.ask()
    await patient.is_well()


async def test_unknown_block_types_are_ignored(patient: Patient) -> None:
    block = {"type": "content_block_start", "index": 7, "content_block": {"type": "hologram", "data": "…"}}
    patient.stub.script(Answer(Raw("content_block_start", json.dumps(block)), Text("Here.")))
    assert await patient.ask() == "Here."
    await patient.is_well()


async def test_malformed_arguments_are_reported_to_the_model(patient: Patient) -> None:
    patient.stub.script(ToolUse("calculator", '{"expression": "2+'), "I will try again.")
    await patient.ask()
    (result,) = patient.results
    assert result[0]
    assert "JSON" in result[1]
    await patient.is_well()


async def test_missing_arguments_are_reported_to_the_model(patient: Patient) -> None:
    patient.stub.script(ToolUse("calculator", ""), "I will try again.")
    await patient.ask()
    assert patient.results[0][0]
    await patient.is_well()


async def test_unknown_tool_is_reported_to_the_model(patient: Patient) -> None:
    patient.stub.script(ToolUse("levitate", {}), "Sorry.")
    await patient.ask()
    assert "There is no tool 'levitate'" in patient.results[0][1]
    await patient.is_well()


async def test_call_may_fail_beside_a_successful_call(patient: Patient) -> None:
    patient.stub.script(Answer(ADD, ToolUse("read_file", {"path": "nowhere"})), "One of them.")
    assert await patient.ask() == "One of them."
    assert [is_error for is_error, _ in patient.results] == [False, True]
    await patient.is_well()


async def test_call_cut_by_the_length_limit_is_not_run(patient: Patient) -> None:
    half = ToolUse("calculator", '{"expression": "2+')
    patient.stub.script(Answer(Thinking("hm"), Text("Let me see."), half, stop_reason="max_tokens"))
    assert await patient.ask() == "Let me see."
    assert patient.results == []
    assert len(patient.notices) == 2
    await patient.is_well()


async def test_answer_with_only_a_cut_call_is_an_error(patient: Patient) -> None:
    patient.stub.script(Answer(ToolUse("calculator", "{"), stop_reason="max_tokens"))
    with pytest.raises(StreamBroken, match="length limit"):
        await patient.ask()
    await patient.is_well()


async def test_refusal_error_has_the_category(patient: Patient) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    patient.stub.script(Answer(stop_reason="refusal", stop_details=details))
    with pytest.raises(RequestRejected, match="cyber"):
        await patient.ask()
    await patient.is_well()


async def test_refusal_after_some_text_keeps_the_text(patient: Patient) -> None:
    patient.stub.script(Answer(Text("I would rather "), stop_reason="refusal"))
    await patient.ask()
    await patient.is_well()


async def test_paused_turn_is_continued(patient: Patient) -> None:
    patient.stub.script(Answer(Text("First, "), stop_reason="pause_turn"), "then second.")
    assert await patient.ask() == "First, then second."
    await patient.is_well()


async def test_turn_paused_during_thinking_is_continued(patient: Patient) -> None:
    patient.stub.script(Answer(Thinking("hm"), stop_reason="pause_turn"), "Done.")
    assert await patient.ask() == "Done."
    await patient.is_well()


async def test_full_context_window_keeps_the_text(patient: Patient) -> None:
    patient.stub.script(Answer(Text("So far "), ADD, stop_reason="model_context_window_exceeded"))
    assert await patient.ask() == "So far "
    assert patient.results == []
    await patient.is_well()


async def test_thinking_is_sent_back_unaltered_over_several_steps(patient: Patient) -> None:
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


async def test_thinking_of_another_model_is_not_sent(patient: Patient) -> None:
    patient.stub.script(Answer(Thinking("Hm.", signature="s1"), Text("One."), ADD), Answer(Thinking("So."), Text("4")))
    await patient.ask()
    async with AsyncAnthropic(base_url=patient.stub.url, api_key=KEY) as client:
        before, patient.agent.llm = patient.agent.llm, AnthropicLLM("claude-other", client=client)
        await patient.is_well()
        assert "thinking" not in json.dumps(patient.stub.requests[-1].body["messages"])
        patient.agent.llm = before
        await patient.is_well()
        assert "s1" in json.dumps(patient.stub.requests[-1].body["messages"])
