"""Turns that are interrupted or fail: a valid transcript, saved, whichever way it ends."""

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
from tests.agent.conftest import SetStage, Stage
from tests.agent.scripted import Hang, ScriptedLLM, answer, calls

SUM = ToolCall("call_1", "calculator", '{"expression": "17 * 23"}')


class HangingTool(Tool):
    """A tool that never comes to an end."""

    name = "hang"
    description = "For tests."
    parameters: ClassVar[Mapping[str, Any]] = {"type": "object"}

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        self.reached.set()
        await asyncio.Event().wait()
        raise AssertionError("the event is never set")


async def cancel_at(play: Stage, reached: asyncio.Event) -> None:
    """Start a turn and cancel it where ``reached`` is set."""
    task = asyncio.ensure_future(play.agent.run("Hi"))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def ending(play: Stage) -> tuple[str, bool]:
    end = play.events[-1]
    assert isinstance(end, TurnEnded)
    return end.status, end.kept


async def test_interrupt_before_the_first_text_leaves_no_trace(stage: SetStage) -> None:
    hang = Hang()
    play = stage([ThinkingDelta("hm"), hang])
    await cancel_at(play, hang.reached)
    assert ending(play) == ("interrupted", False)
    assert play.memory.messages == ()
    assert play.memory.path is None


async def test_interrupted_answer_is_kept_and_marked(stage: SetStage) -> None:
    hang = Hang()
    play = stage([TextDelta("Once "), TextDelta("upon"), hang])
    await cancel_at(play, hang.reached)
    assert ending(play) == ("interrupted", True)
    last = (await play.saved()).messages[-1]
    assert (last.content, last.interrupted, last.model) == ("Once upon", True, "scripted-1")
    assert play.llm.closed == 1


async def test_interrupt_during_a_tool_gives_every_call_a_result(stage: SetStage) -> None:
    tool = HangingTool()
    play = stage(calls(ToolCall("call_1", "hang"), ToolCall("call_2", "hang")), tools=[tool])
    await cancel_at(play, tool.reached)
    assert ending(play) == ("interrupted", True)
    saved = (await play.saved()).messages
    assert [message.role for message in saved] == ["user", "assistant", "tool", "tool"]
    assert [(message.tool_call_id, message.is_error) for message in saved[2:]] == [("call_1", True), ("call_2", True)]


async def test_conversation_continues_after_an_interrupt(stage: SetStage) -> None:
    tool = HangingTool()
    play = stage(calls(ToolCall("call_1", "hang")), answer("Fine."), tools=[tool])
    await cancel_at(play, tool.reached)
    assert await play.agent.run("Never mind") == "Fine."
    assert play.memory.get_repairs() == ()


async def test_failure_before_any_answer_leaves_no_trace(stage: SetStage) -> None:
    play = stage([ServerFailed("The API is overloaded. Try again.")])
    with pytest.raises(ServerFailed):
        await play.agent.run("Hi")
    assert ending(play) == ("failed", False)
    assert play.memory.messages == ()


async def test_failure_within_an_answer_keeps_its_text(stage: SetStage) -> None:
    play = stage([TextDelta("Once upon"), ServerFailed("The API failed.")])
    with pytest.raises(ServerFailed):
        await play.agent.run("A story")
    assert ending(play) == ("failed", True)
    assert (await play.saved()).messages[-1].interrupted


async def test_failure_after_some_steps_keeps_the_steps(stage: SetStage) -> None:
    play = stage(calls(SUM), [ServerFailed("The API failed.")])
    with pytest.raises(ServerFailed):
        await play.agent.run("17 * 23?")
    assert [message.role for message in (await play.saved()).messages] == ["user", "assistant", "tool"]


async def test_stream_without_a_reply_is_a_failure(stage: SetStage) -> None:
    play = stage([TextDelta("Once upon")])
    with pytest.raises(StreamBroken):
        await play.agent.run("A story")
    assert play.memory.messages[-1].interrupted


async def test_empty_first_answer_is_a_failure_without_a_trace(stage: SetStage) -> None:
    play = stage(answer(""))
    with pytest.raises(StreamBroken, match="empty answer"):
        await play.agent.run("Hi")
    assert ending(play) == ("failed", False)


async def test_refusal_without_text_is_a_failure_without_a_trace(stage: SetStage) -> None:
    play = stage(answer("", "refusal", detail="cyber"))
    with pytest.raises(RequestRejected, match=r"declined to answer \(cyber\)"):
        await play.agent.run("Hi")
    assert play.memory.messages == ()


async def test_refusal_with_text_is_an_answer(stage: SetStage) -> None:
    play = stage(answer("I would rather not.", "refusal"))
    assert await play.agent.run("Hi") == "I would rather not."
    assert play.happened[-2:] == ["Notice", "TurnEnded"]


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
    assert agent.memory.messages[-1] == LLMMessage("assistant", "Once upon", model="scripted-1", interrupted=True)
    assert isinstance(events[-1], TurnEnded)
    assert llm.closed == 1


async def test_concurrent_turn_is_refused_and_the_first_continues(stage: SetStage) -> None:
    hang = Hang()
    play = stage([TextDelta("Once"), hang])
    task = asyncio.ensure_future(play.agent.run("Hi"))
    await hang.reached.wait()
    with pytest.raises(UsageError, match="already running"):
        await play.agent.run("Me too")
    assert not isinstance(play.events[-1], TurnEnded)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert play.roles == ["user", "assistant"]
