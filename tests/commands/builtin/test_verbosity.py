from __future__ import annotations

from aloop.llm.message_types import LLMMessage, ToolCall
from commands.dispatch import dispatch
from tests.commands.conftest import SetUp


async def test_verbose_toggles(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/verbose", stage.context)
    assert stage.view.verbosity.verbose
    assert stage.view.of("calls") == []
    await dispatch("/verbose", stage.context)
    assert not stage.view.verbosity.verbose


async def test_verbose_shows_the_calls_of_the_last_turn_at_once(bench: SetUp) -> None:
    stage = bench()
    for name in ("old", "new"):
        call = ToolCall(f"call_{name}", name)
        await stage.memory.add_message(LLMMessage("user", "Do it"))
        await stage.memory.add_message(LLMMessage("assistant", tool_calls=(call,)))
        await stage.memory.add_message(LLMMessage("tool", "done", tool_call_id=call.id))
    await dispatch("/verbose", stage.context)
    assert stage.view.of("calls") == [["new"]]


async def test_thinking_toggles(bench: SetUp) -> None:
    stage = bench()
    for shown in (True, False):
        await dispatch("/thinking", stage.context)
        assert stage.view.verbosity.thinking is shown
