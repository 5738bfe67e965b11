"""The list of steps that the model keeps."""

from __future__ import annotations

import json

import pytest

from aloop.llm.message_types import ToolCall
from aloop.tools import ToolRunner
from aloop.tools.todo import Todo


async def run(*items: tuple[str, str]) -> str:
    arguments = json.dumps({"items": [{"text": text, "state": state} for text, state in items]})
    return (await ToolRunner([Todo()]).run(ToolCall("call_1", "todo", arguments))).text


async def test_list_is_shown_with_a_box_for_each_state() -> None:
    assert await run(("Read the code", "done"), ("Fix\nit", "active"), ("Test it", "open")) == (
        "[x] Read the code\n[>] Fix it\n[ ] Test it\n(1 of 3 steps done)"
    )


async def test_empty_list_removes_the_list() -> None:
    assert await run() == "The list is empty."


@pytest.mark.parametrize("item", [("", "open"), ("x" * 201, "open"), ("Test it", "started")])
async def test_invalid_step_is_refused(item: tuple[str, str]) -> None:
    assert (await run(item)).startswith("The arguments do not match the tool's parameters: items[0]")
