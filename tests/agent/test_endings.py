"""Interrupted and failed turns, which must leave a valid and saved transcript."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from aloop.agent.agent import ReActAgent
from aloop.agent.events import AgentEvent, AnswerDelta, TurnEnded
from aloop.errors import RequestRejected, ServerFailed, StorageError, StreamBroken, UsageError
from aloop.llm.base import TextDelta, ThinkingDelta
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.tools.base import Tool, ToolResult
from tests.agent.conftest import MakeAgent, ScriptedAgent
from tests.agent.scripted import Hang, ScriptedLLM, answer, calls
from tests.memory.conversations import timeless

SUM = ToolCall("call_1", "calculator", '{"expression": "17 * 23"}')


class HangingTool(Tool):
    """A tool that never returns."""

    name = "hang"
    description = "For tests."
    parameters: ClassVar[Mapping[str, Any]] = {"type": "object"}

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        self.reached.set()
        await asyncio.Event().wait()
        raise AssertionError("the event is never set")


async def cancel_at(scripted: ScriptedAgent, reached: asyncio.Event) -> None:
    """Start a turn and cancel it when ``reached`` is set."""
    task = asyncio.ensure_future(scripted.agent.run("Hi"))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def ending(scripted: ScriptedAgent) -> tuple[str, bool]:
    end = scripted.events[-1]
    assert isinstance(end, TurnEnded)
    return end.status, end.kept


async def test_interrupt_before_the_first_text_leaves_no_trace(make_agent: MakeAgent) -> None:
    hang = Hang()
    scripted = make_agent([ThinkingDelta("hm"), hang])
    await cancel_at(scripted, hang.reached)
    assert ending(scripted) == ("interrupted", False)
    assert scripted.memory.messages == ()
    assert scripted.memory.path is None


async def test_interrupted_answer_is_kept_and_marked(make_agent: MakeAgent) -> None:
    hang = Hang()
    scripted = make_agent([TextDelta("Once "), TextDelta("upon"), hang])
    await cancel_at(scripted, hang.reached)
    assert ending(scripted) == ("interrupted", True)
    last = (await scripted.saved()).messages[-1]
    assert (last.content, last.interrupted, last.model) == ("Once upon", True, "scripted-1")
    assert scripted.llm.closed == 1


async def test_interrupt_during_a_tool_gives_every_call_a_result(make_agent: MakeAgent) -> None:
    tool = HangingTool()
    scripted = make_agent(calls(ToolCall("call_1", "hang"), ToolCall("call_2", "hang")), tools=[tool])
    await cancel_at(scripted, tool.reached)
    assert ending(scripted) == ("interrupted", True)
    saved = (await scripted.saved()).messages
    assert [message.role for message in saved] == ["user", "assistant", "tool", "tool"]
    assert [(message.tool_call_id, message.is_error) for message in saved[2:]] == [("call_1", True), ("call_2", True)]


async def test_conversation_continues_after_an_interrupt(make_agent: MakeAgent) -> None:
    tool = HangingTool()
    scripted = make_agent(calls(ToolCall("call_1", "hang")), answer("Fine."), tools=[tool])
    await cancel_at(scripted, tool.reached)
    assert await scripted.agent.run("Never mind") == "Fine."
    assert scripted.memory.get_repairs() == ()


async def test_failure_before_any_answer_leaves_no_trace(make_agent: MakeAgent) -> None:
    scripted = make_agent([ServerFailed("The API is overloaded. Try again.")])
    with pytest.raises(ServerFailed):
        await scripted.agent.run("Hi")
    assert ending(scripted) == ("failed", False)
    assert scripted.memory.messages == ()


async def test_failure_within_an_answer_keeps_its_text(make_agent: MakeAgent) -> None:
    scripted = make_agent([TextDelta("Once upon"), ServerFailed("The API failed.")])
    with pytest.raises(ServerFailed):
        await scripted.agent.run("A story")
    assert ending(scripted) == ("failed", True)
    assert (await scripted.saved()).messages[-1].interrupted


async def test_failure_after_some_steps_keeps_the_steps(make_agent: MakeAgent) -> None:
    scripted = make_agent(calls(SUM), [ServerFailed("The API failed.")])
    with pytest.raises(ServerFailed):
        await scripted.agent.run("17 * 23?")
    assert [message.role for message in (await scripted.saved()).messages] == ["user", "assistant", "tool"]


async def test_stream_without_a_reply_is_a_failure(make_agent: MakeAgent) -> None:
    scripted = make_agent([TextDelta("Once upon")])
    with pytest.raises(StreamBroken):
        await scripted.agent.run("A story")
    assert scripted.memory.messages[-1].interrupted


async def test_empty_first_answer_is_a_failure_without_a_trace(make_agent: MakeAgent) -> None:
    scripted = make_agent(answer(""))
    with pytest.raises(StreamBroken, match="empty answer"):
        await scripted.agent.run("Hi")
    assert ending(scripted) == ("failed", False)


async def test_refusal_without_text_is_a_failure_without_a_trace(make_agent: MakeAgent) -> None:
    scripted = make_agent(answer("", "refusal", detail="cyber"))
    with pytest.raises(RequestRejected, match=r"declined to answer \(cyber\)"):
        await scripted.agent.run("Hi")
    assert scripted.memory.messages == ()


async def test_refusal_with_text_is_an_answer(make_agent: MakeAgent) -> None:
    scripted = make_agent(answer("I would rather not.", "refusal"))
    assert await scripted.agent.run("Hi") == "I would rather not."
    assert scripted.happened[-2:] == ["Notice", "TurnEnded"]


async def test_failed_save_keeps_the_answer_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    events: list[AgentEvent] = []
    agent = ReActAgent(ScriptedLLM(answer("Hello.")), sessions_dir=tmp_path / "file" / "sub", on_event=events.append)
    with pytest.raises(StorageError):
        await agent.run("Hi")
    assert agent.memory.messages[-1].content == "Hello."
    assert isinstance(events[-1], TurnEnded)
    assert (events[-1].status, events[-1].kept) == ("failed", True)


async def test_exception_in_on_event_ends_and_closes_the_turn(sessions_dir: Path) -> None:
    events: list[AgentEvent] = []

    def listen(event: AgentEvent) -> None:
        events.append(event)
        if event == AnswerDelta("upon"):
            raise OSError("the screen is gone")

    llm = ScriptedLLM([TextDelta("Once "), TextDelta("upon"), Hang()])
    agent = ReActAgent(llm, sessions_dir=sessions_dir, on_event=listen)
    with pytest.raises(OSError, match="screen"):
        await agent.run("A story")
    last = LLMMessage("assistant", "Once upon", model="scripted-1", interrupted=True)
    assert timeless(agent.memory.messages[-1:]) == [last]
    assert isinstance(events[-1], TurnEnded)
    assert llm.closed == 1


async def test_concurrent_turn_is_refused_and_the_first_continues(make_agent: MakeAgent) -> None:
    hang = Hang()
    scripted = make_agent([TextDelta("Once"), hang])
    task = asyncio.ensure_future(scripted.agent.run("Hi"))
    await hang.reached.wait()
    with pytest.raises(UsageError, match="already running"):
        await scripted.agent.run("Me too")
    assert not isinstance(scripted.events[-1], TurnEnded)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scripted.roles == ["user", "assistant"]
