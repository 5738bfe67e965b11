"""The tool ``todo``: the model's list of the steps of a larger task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from aloop.formatting import quantity
from aloop.tools.base import Tool, ToolResult

MOST_ITEMS = 50
LONGEST_ITEM = 200

_BOXES = {"open": "[ ]", "active": "[>]", "done": "[x]"}


class Todo(Tool):
    """Shows a list of steps; the newest call in the conversation has the current one."""

    name = "todo"
    description = (
        "Keep a list of the steps of a larger task. The user sees it while you work. Use it for tasks of three or more "
        "steps, not for short ones. Pass the whole list in each call: it replaces the one before. Mark the step that "
        "you work on as `active`, and each step as `done` as soon as it is done, before you start the next one."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "maxItems": MOST_ITEMS,
                "description": "All steps, in order. An empty list removes the list.",
                "items": {
                    "type": "object",
                    "properties": {
                        "text": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": LONGEST_ITEM,
                            "description": "The step in a few words. Example: `Run the tests`",
                        },
                        "state": {"type": "string", "enum": list(_BOXES)},
                    },
                    "required": ["text", "state"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["items"],
        "additionalProperties": False,
    }

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        items = arguments["items"]
        if not items:
            return ToolResult("The list is empty.")
        done = sum(item["state"] == "done" for item in items)
        lines = [f"{_BOXES[item['state']]} {' '.join(item['text'].split())}" for item in items]
        return ToolResult("\n".join([*lines, f"({done} of {quantity(len(items), 'step')} done)"]))
