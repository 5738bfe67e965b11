"""Runs the tool calls of a model; a failed call becomes an error result."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from aloop.errors import ToolError
from aloop.llm.base import ToolSpec
from aloop.llm.message_types import ToolCall
from aloop.text import clean_text, closest_match
from aloop.tools.approval import NOT_NEEDED, PermissionGate, Refused
from aloop.tools.base import Tool, ToolResult

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_LONGEST_ARGUMENTS = 10_000_000  # enough to write the largest file that can be changed
_LONGEST_NAME = 100  # of an unknown tool, as shown and compared
_LONGEST_COMPLAINT = 300
_LONGEST_HEADLINE = 120
_KINDS: Mapping[type, str] = {
    list: "a list",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}

_log = logging.getLogger(__name__)


def read_arguments(text: str) -> dict[str, Any]:
    """Return the JSON object in ``text``, empty for blank text; raise ToolError."""
    if len(text) > _LONGEST_ARGUMENTS:
        raise ToolError(
            f"The arguments are too long: they have {len(text):,} characters, and at most {_LONGEST_ARGUMENTS:,} are "
            "allowed.",
            "Do the work in several calls.",
        )
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_reject_constant)
        # Escapes such as \ud83d become lone surrogates, which file names and APIs do not accept.
        value = json.loads(clean_text(json.dumps(value, ensure_ascii=False)))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ToolError(f"The arguments are not valid JSON: {error.msg} at {where}.", "Send a JSON object.") from error
    except RecursionError as error:
        raise ToolError("The arguments are nested too deeply.", "Send a flat JSON object.") from error
    except ValueError as error:
        raise ToolError(f"The arguments are not valid JSON: {error}.", "Send a JSON object.") from error
    if not isinstance(value, dict):
        raise ToolError(f"The arguments must be a JSON object, not {_KINDS[type(value)]}.")
    return value


def check_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Raise a ToolError listing all mismatches of ``arguments`` and ``schema``."""
    complaints = [
        f"{error.json_path.removeprefix('$').removeprefix('.') or 'the object'}: {_shortened(error.message)}"
        for error in sorted(_validator_class()(schema).iter_errors(arguments), key=lambda error: error.json_path)
    ]
    if complaints:
        raise ToolError("The arguments do not match the tool's parameters: " + "; ".join(complaints) + ".")


def warm() -> None:
    """Load the argument validator.

    Call it in a thread once the prompt is drawn, so that no turn waits for it.
    """
    _validator_class()


@cache
def _validator_class() -> type[Draft202012Validator]:
    # Imported late for startup time: it takes about 200 ms, and only tool calls need it.
    from jsonschema import Draft202012Validator

    return Draft202012Validator


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_COMPLAINT else text[:_LONGEST_COMPLAINT] + "…"


def _failure(error: ToolError) -> ToolResult:
    """Return an error as a result: the fact is its first line, the advice follows."""
    fact, advice = clean_text(error.fact), clean_text(error.advice)
    return ToolResult(f"{fact}\n{advice}" if advice else fact, is_error=True, fact=fact)


class Watch(Protocol):
    """Observes one call."""

    def begin(self) -> None:
        """Note that the call is permitted and starts now."""
        ...

    def output(self, text: str) -> None:
        """Take a piece of the running tool's output."""
        ...


class _NoWatch:
    def begin(self) -> None:
        """Do nothing."""

    def output(self, text: str) -> None:
        """Do nothing."""


class ToolRunner:
    """The tools of one agent, by name; raises ValueError if two have the same name.

    ``approval`` decides about permissions. Without it, every call that needs one is denied. ``before_call`` is called
    in a thread before each call.
    """

    def __init__(
        self,
        tools: Sequence[Tool],
        approval: PermissionGate | None = None,
        before_call: Callable[[], object] = lambda: None,
    ) -> None:
        self._before_call = before_call
        self._approval = approval or PermissionGate()
        self._tools = {tool.name: tool for tool in tools}
        for each in tools:
            each.hides = self._approval.hidden
        if len(self._tools) != len(tools):
            raise ValueError("two tools have the same name")
        self.specs: tuple[ToolSpec, ...] = tuple(tool.spec for tool in tools)
        """The tool definitions sent to the model, in the given order."""

    def headline(self, call: ToolCall) -> str:
        """Return the call's most informative argument on one line; empty if there is none."""
        tool = self._tools.get(call.name)
        try:
            value = read_arguments(call.arguments).get(tool.headline) if tool else None
        except ToolError:
            return ""  # running the call reports the error
        text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
        line = " ".join(text[: 10 * _LONGEST_HEADLINE].split())
        return line if len(line) <= _LONGEST_HEADLINE else line[: _LONGEST_HEADLINE - 1] + "…"

    def only_reads(self, call: ToolCall) -> bool:
        """Return True if ``call`` changes nothing and may run in parallel."""
        tool = self._tools.get(call.name)
        return tool is not None and tool.only_reads

    async def run(self, call: ToolCall, watch: Watch | None = None) -> ToolResult:
        """Run one call; failures are returned as results, only cancellation is raised."""
        try:
            result = await self._run(call, watch or _NoWatch())
            text = clean_text(result.text)
        except Refused as error:
            return replace(_failure(error), permission=error.permission)
        except ToolError as error:
            return _failure(error)
        except Exception as error:  # noqa: BLE001  # a bug in one tool must not end the turn: the model gets it as a result
            _log.debug("tool %s failed", call.name, exc_info=True)
            return ToolResult(clean_text(f"The tool failed: {type(error).__name__}: {error}"), is_error=True)
        return replace(result, text=text or "(no output)")

    async def _run(self, call: ToolCall, watch: Watch) -> ToolResult:
        tool = self._tools.get(call.name)
        if tool is None:
            raise self._unknown(call.name)
        arguments = read_arguments(call.arguments)

        def check() -> None:
            self._before_call()
            check_arguments(tool.parameters, arguments)

        # In a thread, because the first check imports the validator, and no keystroke should wait for that.
        await asyncio.to_thread(check)
        action = await tool.prepare(arguments)
        permission = None if action.request is None else await self._approval.require(action.request)
        watch.begin()
        try:
            result = await action.run(watch.output)
        except ToolError as error:
            result = _failure(error)
        return replace(result, permission=None if permission is NOT_NEEDED else permission)

    def _unknown(self, name: str) -> ToolError:
        name = name[:_LONGEST_NAME]
        guess = closest_match(name, self._tools)
        hint = f"Did you mean {guess}? " if guess else ""
        return ToolError(f"Unknown tool {name!r}.", f"{hint}Available tools: {', '.join(self._tools) or 'none'}.")
