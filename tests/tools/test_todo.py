"""The list of steps that the model keeps."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.tools import ToolRunner
from aloop.tools.todo import OpenSteps, Step, Todo, find_open_steps, read_steps


def arguments(*items: tuple[str, str]) -> str:
    return json.dumps({"todos": [{"content": text, "status": status} for text, status in items]})


async def run(*items: tuple[str, str]) -> str:
    return (await ToolRunner([Todo()]).run(ToolCall("call_1", "todo", arguments(*items)))).text


async def test_list_is_summarized_and_shown_with_a_box_for_each_status() -> None:
    assert await run(("Read the code", "completed"), ("Fix\nit", "in_progress"), ("Test it", "pending")) == (
        "1 of 3 steps done, now: Fix it\n[x] Read the code\n[>] Fix it\n[ ] Test it"
    )


async def test_empty_list_removes_the_list() -> None:
    assert await run() == "The list is empty."


@pytest.mark.parametrize("item", [("", "pending"), ("x" * 201, "pending"), ("Test it", "started")])
async def test_invalid_step_is_refused(item: tuple[str, str]) -> None:
    assert (await run(item)).startswith("The arguments do not match the tool's parameters: todos[0]")


async def test_fields_of_lists_of_other_agents_are_ignored() -> None:
    item = {"content": "Fix it", "status": "in_progress", "activeForm": "Fixing it", "id": "1", "priority": "high"}
    text = json.dumps({"todos": [item], "explanation": "The cause is known."})
    result = await ToolRunner([Todo()]).run(ToolCall("call_1", "todo", text))
    assert result.text == "0 of 1 step done, now: Fix it\n[>] Fix it"
    assert read_steps(text) == (Step("Fix it", "in_progress"),)


def test_steps_of_earlier_versions_are_read() -> None:
    before = (
        '{"items": [{"text": "a", "state": "done"}, {"text": "b", "state": "active"}, {"text": "c", "state": "open"}]}'
    )
    now = arguments(("a", "completed"), ("b", "in_progress"), ("c", "pending"))
    assert read_steps(before) == read_steps(now)
    assert [step.status for step in read_steps(now)] == ["completed", "in_progress", "pending"]


@pytest.mark.parametrize(
    "text", ["", "[", "[]", "1", '{"todos": 1}', '{"todos": [1, {}, {"content": 1, "status": []}]}', "[" * 9_999]
)
def test_arguments_without_steps_have_none(text: str) -> None:
    assert read_steps(text) == ()


def asked(number: int, *items: tuple[str, str], is_error: bool = False) -> list[LLMMessage]:
    """Return a call and its result."""
    call = ToolCall(f"call_{number}", "todo", arguments(*items))
    result = LLMMessage("tool", "x", tool_call_id=call.id, name="todo", is_error=is_error)
    return [LLMMessage("assistant", None, tool_calls=(call,)), result]


def test_newest_list_that_was_accepted_is_open_until_it_is_done() -> None:
    messages = [*asked(1, ("a", "pending")), *asked(2, ("b", "pending")), *asked(3, ("c", "pending"), is_error=True)]
    assert find_open_steps(messages) == OpenSteps((Step("b", "pending"),))
    assert find_open_steps([*messages, *asked(4, ("b", "completed"))]) is None
    assert find_open_steps([*messages, *asked(4)]) is None
    assert find_open_steps([LLMMessage("user", "Hi")]) is None


def test_list_is_open_after_turns_that_do_not_change_it() -> None:
    steps = (Step("a", "completed"), Step("b", "pending"))
    messages = [LLMMessage("user", "Do it"), *asked(1, ("a", "completed"), ("b", "pending"))]
    messages += [LLMMessage("user", "And quickly"), LLMMessage("assistant", "Half is done.")]
    assert find_open_steps(messages) == OpenSteps(steps)
    stopped = [LLMMessage("user", "Continue"), LLMMessage("assistant", "So", interrupted=True)]
    assert find_open_steps([*messages, *stopped, *stopped]) == OpenSteps(steps)
    messages += [LLMMessage("user", "What is b?"), LLMMessage("assistant", "The rest.")]
    assert find_open_steps(messages) == OpenSteps(steps, is_idle=True)
    skipped = [replace(message, skip=True) for message in asked(2, ("b", "completed"))]
    assert find_open_steps([*messages, *skipped]) == OpenSteps(steps, is_idle=True)
