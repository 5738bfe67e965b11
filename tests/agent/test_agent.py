"""Successful turns and the sessions that they save."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aloop.agent.agent import ReActAgent
from aloop.agent.events import AnswerFinished, Notice, ToolFinished, TurnEnded
from aloop.errors import UsageError
from aloop.llm.base import ThinkingDelta
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.memory import MemoryManager
from aloop.tools.base import ToolResult
from tests.agent.conftest import MakeAgent
from tests.agent.scripted import ScriptedLLM, answer, calls

SUM = ToolCall("call_1", "calculator", '{"expression": "17 * 23"}')
PRODUCT = ToolCall("call_2", "calculator", '{"expression": "2 * 3"}')


async def test_turn_is_answered_and_saved(make_agent: MakeAgent) -> None:
    scripted = make_agent(answer("Hello there."))
    assert await scripted.agent.run("Hi") == "Hello there."
    saved = await scripted.saved()
    assert [(message.role, message.content) for message in saved.messages] == [
        ("user", "Hi"),
        ("assistant", "Hello there."),
    ]


async def test_events_are_in_order_and_turn_ended_is_last(make_agent: MakeAgent) -> None:
    scripted = make_agent([ThinkingDelta("hm"), *calls(SUM, text="Let me see.")], answer("391"))
    await scripted.agent.run("17 * 23?")
    assert scripted.happened == [
        *("TurnStarted", "ThoughtDelta", "AnswerDelta", "AnswerFinished"),
        *("ToolStarted", "ToolFinished", "AnswerDelta", "AnswerFinished", "TurnEnded"),
    ]
    end = scripted.events[-1]
    assert isinstance(end, TurnEnded)
    assert (end.status, end.kept, end.usage) == ("completed", True, Usage(20, 4))


async def test_tool_results_are_sent_back_in_the_order_of_the_calls(make_agent: MakeAgent) -> None:
    scripted = make_agent(calls(SUM, PRODUCT), answer("391 and 6"))
    await scripted.agent.run("Both, please")
    results = [event for event in scripted.events if isinstance(event, ToolFinished)]
    assert [(event.headline, event.result) for event in results] == [
        ("17 * 23", ToolResult("391")),
        ("2 * 3", ToolResult("6")),
    ]
    assert [replace(sent, at=None, duration_ms=None) for sent in scripted.llm.requests[1][-2:]] == [
        LLMMessage("tool", "391", tool_call_id="call_1", name="calculator"),
        LLMMessage("tool", "6", tool_call_id="call_2", name="calculator"),
    ]
    assert scripted.roles == ["user", "assistant", "tool", "tool", "assistant"]


async def test_failed_tool_call_is_reported_to_the_model(make_agent: MakeAgent) -> None:
    scripted = make_agent(calls(ToolCall("call_1", "calculater", "{}")), answer("Sorry."))
    assert await scripted.agent.run("17 * 23?") == "Sorry."
    assert scripted.memory.messages[2].is_error
    assert "Did you mean calculator?" in (scripted.memory.messages[2].content or "")


async def test_new_conversation_gets_system_prompt_and_tools(make_agent: MakeAgent) -> None:
    scripted = make_agent(answer("Hi."), answer("Hi again."))
    await scripted.agent.run("Hi")
    await scripted.agent.run("Hi")
    assert scripted.llm.requests[0][0].role == "system"
    assert str(Path.cwd()) in (scripted.llm.requests[0][0].content or "")
    assert [message.role for message in scripted.llm.requests[1]] == ["system", "user", "assistant", "user"]
    assert scripted.llm.tools[0][:2] == ["calculator", "read_file"]


async def test_stored_system_message_is_kept(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    memory.set_system_message("You are a pirate.")
    llm = ScriptedLLM(answer("Arr."))
    await ReActAgent(llm, memory=memory).run("Hi")
    assert llm.requests[0][0] == LLMMessage("system", "You are a pirate.")


async def test_agent_without_tools_offers_none(make_agent: MakeAgent) -> None:
    scripted = make_agent(answer("Hi."), tools=())
    await scripted.agent.run("Hi")
    assert scripted.llm.tools == [[]]


async def test_agent_works_without_on_event(sessions_dir: Path) -> None:
    assert await ReActAgent(ScriptedLLM(answer("Hi.")), sessions_dir=sessions_dir).run("Hi") == "Hi."


async def test_paused_answer_is_continued_and_joined(make_agent: MakeAgent) -> None:
    scripted = make_agent(answer("First, ", "pause_turn"), answer("then second."))
    assert await scripted.agent.run("Go") == "First, then second."
    answers = [event for event in scripted.events if isinstance(event, AnswerFinished)]
    assert [event.continues for event in answers] == [True, False]
    assert scripted.llm.requests[1][-1].content == "First, "


async def test_truncated_answer_is_kept_and_reported(make_agent: MakeAgent) -> None:
    scripted = make_agent(answer("Once upon a", "max_tokens"))
    assert await scripted.agent.run("A story") == "Once upon a"
    assert scripted.happened[-3:] == ["AnswerFinished", "Notice", "TurnEnded"]


async def test_calls_of_a_truncated_answer_are_not_run(make_agent: MakeAgent) -> None:
    scripted = make_agent(calls(SUM, text="Let me see", stop_reason="max_tokens"))
    assert await scripted.agent.run("17 * 23?") == "Let me see"
    assert "ToolStarted" not in scripted.happened
    assert scripted.memory.messages[-1].tool_calls == ()


async def test_calls_of_a_paused_answer_are_not_run(make_agent: MakeAgent) -> None:
    scripted = make_agent(calls(SUM, text="Let me see. ", stop_reason="pause_turn"), answer("I paused."))
    assert await scripted.agent.run("17 * 23?") == "Let me see. I paused."
    assert "ToolStarted" not in scripted.happened
    assert scripted.roles == ["user", "assistant", "tool", "assistant"]


async def test_empty_answer_after_a_tool_is_replaced_by_a_standard_text(make_agent: MakeAgent) -> None:
    scripted = make_agent(calls(SUM), answer(""))
    assert await scripted.agent.run("17 * 23?") == "(The model ended its turn without an answer.)"
    assert scripted.roles == ["user", "assistant", "tool", "assistant"]


async def test_empty_answer_that_was_cut_is_stored_with_its_reason(make_agent: MakeAgent) -> None:
    scripted = make_agent(calls(SUM), answer("", "max_tokens"))
    await scripted.agent.run("17 * 23?")
    assert (await scripted.saved()).messages[-1].stop_reason == "max_tokens"


async def test_turn_ends_at_the_step_limit_with_a_valid_transcript(sessions_dir: Path) -> None:
    events: list[object] = []
    llm = ScriptedLLM(calls(SUM), calls(PRODUCT), answer("Done."))
    agent = ReActAgent(llm, sessions_dir=sessions_dir, max_steps=2, on_event=events.append)
    text = await agent.run("Never stop")
    assert "2 steps" in text
    assert "continue" in text
    assert agent.memory.messages[-1].stop_reason == "max_steps"
    assert [message.role for message in agent.memory.messages] == ["user", *["assistant", "tool"] * 2, "assistant"]
    assert isinstance(events[-2], AnswerFinished)
    assert await agent.run("continue") == "Done."


async def test_history_repair_is_reported_once(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.add_message(LLMMessage("user", "17 * 23?"))
    await memory.add_message(LLMMessage("assistant", tool_calls=(SUM,)))
    events: list[object] = []
    agent = ReActAgent(ScriptedLLM(answer("a"), answer("b")), memory=memory, on_event=events.append)
    await agent.run("Well?")
    await agent.run("And?")
    assert len([event for event in events if isinstance(event, Notice)]) == 1


@pytest.mark.parametrize("task", ["", " \n\t"])
async def test_empty_task_is_refused_without_a_trace(make_agent: MakeAgent, task: str) -> None:
    scripted = make_agent()
    with pytest.raises(UsageError, match="empty"):
        await scripted.agent.run(task)
    assert (scripted.events, scripted.memory.messages, scripted.memory.system_messages) == ([], (), ())


def test_max_steps_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="max_steps must be at least 1"):
        ReActAgent(ScriptedLLM(), max_steps=0)
