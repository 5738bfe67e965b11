"""Runs the tool calls of a model: whatever goes wrong in one becomes its result, and the turn goes on.

The arguments of a tool call: from the JSON text that a model wrote to a checked object.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from aloop.errors import ToolError
from aloop.llm.base import ToolSpec
from aloop.llm.message_types import ToolCall, clean_text
from aloop.suggestions import closest_match
from aloop.tools.approval import PermissionGate
from aloop.tools.base import Tool, ToolResult

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator


_LONGEST_COMPLAINT = 300


def read_arguments(text: str) -> dict[str, Any]:
    """Return the object that ``text`` holds, no text at all being an empty one; raises ToolError, saying where."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        # Escapes such as \ud83d make surrogates, which no file name and no API takes.
        value = json.loads(clean_text(json.dumps(value, ensure_ascii=False)))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ToolError(f"The arguments are no valid JSON: {error.msg} at {where}. Send a JSON object.") from error
    except RecursionError as error:
        raise ToolError("The arguments are nested too deeply. Send a flat JSON object.") from error
    except ValueError as error:
        raise ToolError(f"The arguments are no valid JSON: {error}. Send a JSON object.") from error
    if not isinstance(value, dict):
        raise ToolError(f"The arguments must be a JSON object, not {_KINDS[type(value)]}.")
    return value


def check_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Raise one ToolError that names everything in which ``arguments`` do not fit ``schema``."""
    complaints = [
        f"{error.json_path.removeprefix('$').removeprefix('.') or 'the object'}: {_shortened(error.message)}"
        for error in sorted(_validator_class()(schema).iter_errors(arguments), key=lambda error: error.json_path)
    ]
    if complaints:
        raise ToolError("The arguments do not fit the tool: " + "; ".join(complaints) + ".")


def warm() -> None:
    """Load what the first check needs, so that no turn waits for it; meant for a thread after the prompt is drawn."""
    _validator_class()


@cache
def _validator_class() -> type[Draft202012Validator]:
    # Imported late for start-up: it takes about 200 ms, and nothing needs it before the first tool call.
    from jsonschema import Draft202012Validator

    return Draft202012Validator


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that JSON knows")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_COMPLAINT else text[:_LONGEST_COMPLAINT] + "…"


_KINDS: Mapping[type, str] = {
    list: "a list",
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


_LONGEST_HEADLINE = 120

_log = logging.getLogger(__name__)


class Watch(Protocol):
    """Follows one call."""

    def begin(self) -> None:
        """The call is allowed, and begins now."""
        ...

    def output(self, text: str) -> None:
        """Take a piece of what the tool puts out while it runs."""
        ...


class _NoWatch:
    def begin(self) -> None:
        """Nobody follows this call."""

    def output(self, text: str) -> None:
        """Nor what it puts out."""


class ToolRunner:
    """The tools of one agent, by name; raises ValueError when two have the same name.

    ``approval`` decides what may be done; without one, nothing is allowed that anybody would have to be asked for.
    """

    def __init__(self, tools: Sequence[Tool], approval: PermissionGate | None = None) -> None:
        self._approval = approval or PermissionGate()
        self._tools = {tool.name: tool for tool in tools}
        if len(self._tools) != len(tools):
            raise ValueError("two tools have the same name")

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told of the tools, in the order in which they were given."""
        return tuple(tool.spec for tool in self._tools.values())

    def headline(self, call: ToolCall) -> str:
        """Return the argument that tells a reader most, on one line; empty when there is none to show."""
        tool = self._tools.get(call.name)
        try:
            value = read_arguments(call.arguments).get(tool.headline) if tool else None
        except ToolError:
            return ""  # the run, which comes next, says what is wrong with them
        text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
        line = " ".join(text.split())
        return line if len(line) <= _LONGEST_HEADLINE else line[: _LONGEST_HEADLINE - 1] + "…"

    def only_reads(self, call: ToolCall) -> bool:
        """Whether ``call`` changes nothing, so that it may run beside others like it."""
        tool = self._tools.get(call.name)
        return tool is not None and tool.only_reads

    async def run(self, call: ToolCall, watch: Watch | None = None) -> ToolResult:
        """Run one call; every failure comes back as a result with ``is_error``, only cancellation is raised."""
        try:
            result = await self._run(call, watch or _NoWatch())
            text = clean_text(result.text)
        except ToolError as error:
            return ToolResult(clean_text(str(error)), is_error=True)
        except Exception as error:  # noqa: BLE001  # a bug in one tool is told to the model; the conversation survives it
            _log.debug("tool %s failed", call.name, exc_info=True)
            return ToolResult(clean_text(f"The tool failed: {type(error).__name__}: {error}"), is_error=True)
        return ToolResult(text or "(no output)", result.is_error, result.form)

    async def _run(self, call: ToolCall, watch: Watch) -> ToolResult:
        tool = self._tools.get(call.name)
        if tool is None:
            raise ToolError(self._unknown(call.name))
        arguments = read_arguments(call.arguments)
        # In a thread, for the first check imports its validator, and no keystroke should wait for that.
        await asyncio.to_thread(check_arguments, tool.parameters, arguments)
        action = await tool.prepare(arguments)
        if action.request is not None:
            await self._approval.require(action.request)
        watch.begin()
        return await action.run(watch.output)

    def _unknown(self, name: str) -> str:
        guess = closest_match(name, self._tools)
        hint = f" Did you mean {guess}?" if guess else ""
        return f"There is no tool {name!r}.{hint} There are: {', '.join(self._tools) or 'none'}."
