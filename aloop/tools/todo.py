"""The tool ``todo``: the model's list of the steps of a larger task."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from aloop.formatting import quantity
from aloop.llm.message_types import LLMMessage
from aloop.tools.base import Tool, ToolResult

MOST_ITEMS = 50
LONGEST_ITEM = 200

NAME = "todo"
Status = Literal["pending", "in_progress", "completed"]

_BOXES: Mapping[Status, str] = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]"}
_STATUSES: Mapping[object, Status] = {
    **{status: status for status in _BOXES},
    # The names in sessions of earlier versions.
    "open": "pending",
    "active": "in_progress",
    "done": "completed",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step, with its text on one line."""

    text: str
    status: Status

    @property
    def is_done(self) -> bool:
        return self.status == "completed"


@dataclass(frozen=True, slots=True)
class OpenSteps:
    """A list with steps that are left."""

    steps: tuple[Step, ...]
    is_idle: bool = False
    """True if a later turn was completed without a change of the list."""


def read_steps(arguments: str) -> tuple[Step, ...]:
    """Return the steps in the arguments of a call, even of an earlier version."""
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return ()
    items = (value.get("todos") or value.get("items")) if isinstance(value, dict) else None
    return _steps(items) if isinstance(items, list) else ()


def _steps(items: Sequence[Any]) -> tuple[Step, ...]:
    found = []
    for item in items:
        values = item if isinstance(item, dict) else {}
        text = values.get("content", values.get("text"))
        status = _STATUSES.get(str(values.get("status", values.get("state"))))
        if isinstance(text, str) and text.strip() and status:
            found.append(Step(" ".join(text.split()), status))
    return tuple(found)


def find_open_steps(messages: Sequence[LLMMessage]) -> OpenSteps | None:
    """Return the newest list; None if there is none, or all of it is done."""
    failed = {message.tool_call_id for message in messages if message.role == "tool" and message.is_error}
    answers = 0
    for message in reversed(messages):
        if message.skip or message.role != "assistant":
            continue
        if not message.tool_calls and not message.interrupted:
            answers += 1
        for call in reversed(message.tool_calls):
            if call.name == NAME and call.id not in failed:
                steps = read_steps(call.arguments)
                return None if all(step.is_done for step in steps) else OpenSteps(steps, is_idle=answers > 1)
    return None


def summarize(steps: Sequence[Step]) -> str:
    """Return how far a list is, in words."""
    done = sum(step.is_done for step in steps)
    now = next((f", now: {step.text}" for step in steps if step.status == "in_progress"), "")
    after = next((f", next: {step.text}" for step in steps if step.status == "pending"), "")
    return f"{done} of {quantity(len(steps), 'step')} done{now or after}"


class Todo(Tool):
    """Shows a list of steps; the newest call in the conversation has the current one."""

    name = NAME
    description = (
        "Keep a list of the steps of a larger task. The user sees it while you work. Use it for tasks of three or more "
        "steps, not for short ones. Pass the whole list in each call: it replaces the one before. Set the step that "
        "you work on to `in_progress`, and each step to `completed` as soon as it is done, before you start the next "
        "one."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "todos": {
                "type": "array",
                "maxItems": MOST_ITEMS,
                "description": "All steps, in order. An empty list removes the list.",
                "items": {
                    "type": "object",
                    "properties": {
                        "content": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": LONGEST_ITEM,
                            "description": "The step in a few words. Example: `Run the tests`",
                        },
                        "status": {"type": "string", "enum": list(_BOXES)},
                    },
                    "required": ["content", "status"],
                },
            },
        },
        "required": ["todos"],
    }
    # Other fields are ignored: models have met lists with an `activeForm`, `id` or `priority` in each step.

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        steps = _steps(arguments["todos"])
        if not steps:
            return ToolResult("The list is empty.")
        return ToolResult("\n".join([summarize(steps), *(f"{_BOXES[step.status]} {step.text}" for step in steps)]))
