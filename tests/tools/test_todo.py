"""The list of steps that the model keeps."""

from __future__ import annotations

import json

import pytest

from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.tools import ToolRunner
from aloop.tools.todo import Step, Todo, current_steps, read_steps


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


def test_newest_list_that_was_accepted_is_current_until_it_is_done() -> None:
    messages = [*asked(1, ("a", "pending")), *asked(2, ("b", "pending")), *asked(3, ("c", "pending"), is_error=True)]
    assert current_steps(messages) == (Step("b", "pending"),)
    assert current_steps([*messages, *asked(4, ("b", "completed"))]) == ()
    assert current_steps([*messages, *asked(4)]) == ()
    assert current_steps([LLMMessage("user", "Hi")]) == ()
    assert current_steps([*messages, LLMMessage("user", "Else"), LLMMessage("assistant", "Yes")]) == ()
