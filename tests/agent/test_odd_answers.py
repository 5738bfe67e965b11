"""Complete but odd answers over real HTTP: the session stays valid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from anthropic import AsyncAnthropic

from aloop.agent.agent import ReActAgent
from aloop.errors import RequestRejected, StreamBroken
from aloop.llm.anthropic.client import AnthropicLLM
from tests.agent.stubbed_agent import StubbedAgent
from tests.memory.test_parts import PIXEL
from tests.stub import Answer, Cited, Foreign, HTTPError, Raw, Redacted, Text, Thinking, ToolUse
from tests.stub.server import KEY

ADD = ToolUse("calculator", {"expression": "2+2"})


async def test_answer_without_content_is_an_error(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(Answer())
    with pytest.raises(StreamBroken, match="empty answer"):
        await stubbed.ask()
    await stubbed.check_next_turn()


async def test_unknown_block_types_are_kept_and_sent_back(stubbed: StubbedAgent) -> None:
    block = {"type": "content_block_start", "index": 7, "content_block": {"type": "hologram", "data": "…"}}
    stubbed.stub.script(Answer(Raw("content_block_start", json.dumps(block)), Text("Here.")))
    assert await stubbed.ask() == "Here."
    await stubbed.check_next_turn()


SEARCH = (
    Foreign({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "2+2"}}),
    Foreign({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}),
)
SOURCE = {"type": "web_search_result_location", "title": "Sums", "url": "https://sums.example"}


@pytest.mark.parametrize("words", ["messages.1.content.1: `encrypted_content` cannot be decrypted", "Bad Request"])
async def test_refused_content_of_the_server_is_left_out_and_remembered(stubbed: StubbedAgent, words: str) -> None:
    stubbed.stub.script(Answer(*SEARCH, Cited("It is 4.", SOURCE)), HTTPError(400, words))
    await stubbed.ask()
    assert await stubbed.ask("Sure?") == "You said: Sure?"
    await stubbed.check_next_turn()
    sent = [request.body["messages"] for request in stubbed.stub.requests[1:]]
    answers = [[(block["type"], "citations" in block) for block in messages[1]["content"]] for messages in sent]
    plain = [("text", False)]
    assert answers == [[("server_tool_use", False), ("web_search_tool_result", False), ("text", True)], plain, plain]
    notices = [notice for notice in stubbed.notices if "does not accept" in notice]
    assert notices == ["The server does not accept some content of earlier answers, so it is asked without that."]
    assert len(stubbed.agent.memory.messages[1].blocks) == 3  # the session keeps them


async def test_refused_image_of_a_tool_does_not_make_the_session_unusable(
    stubbed: StubbedAgent, tmp_path: Path
) -> None:
    stubbed.agent.llm = AnthropicLLM("claude-test", base_url=stubbed.stub.url, api_key=KEY)
    (tmp_path / "dot.png").write_bytes(PIXEL.data)
    agent = ReActAgent(stubbed.agent.llm, memory=stubbed.agent.memory, working_dir=tmp_path)
    agent.on_event = stubbed.events.append
    stubbed.stub.script(ToolUse("read_file", {"path": "dot.png"}), HTTPError(400, "Could not process image"), "A dot.")
    assert await agent.run("Look") == "A dot."
    assert await agent.run("And now?") == "You said: And now?"
    kinds = [
        [block["type"] for block in request.body["messages"][2]["content"][0]["content"]]
        for request in stubbed.stub.requests[1:]
    ]
    assert kinds[0][-1] == "image"
    assert not any("image" in each for each in kinds[1:])
    await agent.llm.aclose()


async def test_another_rejection_keeps_the_content_of_the_server(stubbed: StubbedAgent) -> None:
    refused = HTTPError(400, "tools.0: a name is missing")
    stubbed.stub.script(Answer(*SEARCH, Text("It is 4.")), refused, refused)
    await stubbed.ask()
    with pytest.raises(RequestRejected, match="a name is missing"):
        await stubbed.ask("Sure?")
    await stubbed.check_next_turn()
    assert len(stubbed.stub.requests[-1].body["messages"][1]["content"]) == 3


async def test_malformed_arguments_are_reported_to_the_model(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(ToolUse("calculator", '{"expression": "2+'), "I will try again.")
    await stubbed.ask()
    (result,) = stubbed.results
    assert result[0]
    assert "JSON" in result[1]
    await stubbed.check_next_turn()


async def test_missing_arguments_are_reported_to_the_model(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(ToolUse("calculator", ""), "I will try again.")
    await stubbed.ask()
    assert stubbed.results[0][0]
    await stubbed.check_next_turn()


async def test_unknown_tool_is_reported_to_the_model(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(ToolUse("levitate", {}), "Sorry.")
    await stubbed.ask()
    assert "Unknown tool 'levitate'" in stubbed.results[0][1]
    await stubbed.check_next_turn()


async def test_call_may_fail_beside_a_successful_call(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(Answer(ADD, ToolUse("read_file", {"path": "nowhere"})), "One of them.")
    assert await stubbed.ask() == "One of them."
    assert [is_error for is_error, _ in stubbed.results] == [False, True]
    await stubbed.check_next_turn()


async def test_call_cut_by_the_length_limit_is_not_run(stubbed: StubbedAgent) -> None:
    half = ToolUse("calculator", '{"expression": "2+')
    stubbed.stub.script(Answer(Thinking("hm"), Text("Let me see."), half, stop_reason="max_tokens"))
    assert await stubbed.ask() == "Let me see."
    assert stubbed.results == []
    assert len(stubbed.notices) == 2
    await stubbed.check_next_turn()


async def test_cut_call_is_kept_and_not_run(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(Answer(ToolUse("calculator", '{"expr'), stop_reason="max_tokens"))
    await stubbed.ask()
    _, call, result = stubbed.agent.memory.messages
    assert call.stop_reason == "max_tokens"
    assert call.tool_calls[0].arguments == '{"expr'
    assert '{"expr' in (result.content or "")
    assert stubbed.results == []
    await stubbed.check_next_turn()


async def test_refusal_error_has_the_category(stubbed: StubbedAgent) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    stubbed.stub.script(Answer(stop_reason="refusal", stop_details=details))
    with pytest.raises(RequestRejected, match="cyber"):
        await stubbed.ask()
    await stubbed.check_next_turn()


async def test_refusal_after_some_text_keeps_the_text(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(Answer(Text("I would rather "), stop_reason="refusal"))
    await stubbed.ask()
    await stubbed.check_next_turn()


async def test_paused_turn_is_continued(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(Answer(Text("First, "), stop_reason="pause_turn"), "then second.")
    assert await stubbed.ask() == "First, then second."
    await stubbed.check_next_turn()


async def test_turn_paused_without_content_does_not_repeat_its_request(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(Answer(Thinking("hm"), stop_reason="pause_turn"))
    with pytest.raises(StreamBroken):
        await stubbed.ask()
    assert len(stubbed.stub.requests) == 1
    await stubbed.check_next_turn()


async def test_full_context_window_keeps_the_text(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(Answer(Text("So far "), ADD, stop_reason="model_context_window_exceeded"))
    assert await stubbed.ask() == "So far "
    assert stubbed.results == []
    await stubbed.check_next_turn()


async def test_thinking_is_sent_back_unaltered_over_several_steps(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(
        Answer(Thinking("First ", "this.", signature="s1"), Redacted("blob"), Text("One."), ADD),
        Answer(Thinking("Then that.", signature="s2"), ToolUse("calculator", {"expression": "4+4"})),
        Answer(Thinking("So.", signature="s3"), Text("Eight.")),
    )
    assert await stubbed.ask() == "Eight."
    first, second = (turn["content"] for turn in stubbed.stub.requests[2].body["messages"] if turn["role"] != "user")
    assert [block["type"] for block in first] == ["thinking", "redacted_thinking", "text", "tool_use"]
    assert [block["type"] for block in second] == ["thinking", "tool_use"]
    await stubbed.check_next_turn()


async def test_thinking_of_another_model_is_not_sent(stubbed: StubbedAgent) -> None:
    stubbed.stub.script(Answer(Thinking("Hm.", signature="s1"), Text("One."), ADD), Answer(Thinking("So."), Text("4")))
    await stubbed.ask()
    async with AsyncAnthropic(base_url=stubbed.stub.url, api_key=KEY) as client:
        before, stubbed.agent.llm = stubbed.agent.llm, AnthropicLLM("claude-other", client=client)
        await stubbed.check_next_turn()
        assert "thinking" not in json.dumps(stubbed.stub.requests[-1].body["messages"])
        stubbed.agent.llm = before
        await stubbed.check_next_turn()
        assert "s1" in json.dumps(stubbed.stub.requests[-1].body["messages"])
