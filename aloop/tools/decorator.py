"""``@tool``: a typed function with a docstring becomes a tool."""

from __future__ import annotations

import asyncio
import inspect
import json
from abc import ABC
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, overload

from aloop.tools.base import Tool, ToolResult
from aloop.tools.signature import parameters_schema

Function = Callable[..., Any]


@overload
def tool(function: Function, /) -> Tool: ...
@overload
def tool(*, name: str | None = None, only_reads: bool = False) -> Callable[[Function], Tool]: ...
def tool(
    function: Function | None = None, /, *, name: str | None = None, only_reads: bool = False
) -> Tool | Callable[[Function], Tool]:
    """Make a tool of a function: its docstring tells the model what it does, its annotations what it takes.

    Parameters may be ``str``, ``int``, ``float``, ``bool``, lists and dicts of these, ``Literal``, unions, and
    ``Annotated`` with a text that describes one; a parameter with a default may be left out. What is returned goes back
    to the model: text and ToolResult as they are, anything else as JSON. Raising ToolError tells the model what to do
    instead. An async function runs on the event loop, any other in a thread. ``name`` is the function's own if not
    given; ``only_reads`` lets several calls run at once. Nobody is asked before it runs: what it may do is its author's
    business. Raises TypeError for a function that can not be described.
    """

    def make(function: Function) -> Tool:
        description = inspect.getdoc(function)
        if not description:
            raise TypeError(f"{function.__name__}: without a docstring, no model would know what it does")
        schema = parameters_schema(function)
        texts = [key for key, value in schema["properties"].items() if value.get("type") == "string"]
        attributes = {
            "name": name or function.__name__,
            "description": description,
            "parameters": schema,
            "headline": next(iter(texts or schema["properties"]), ""),
            "only_reads": only_reads,
            "function": staticmethod(function),
            "__doc__": description,
        }
        kind: type[_FunctionTool] = type(f"{function.__name__}_tool", (_FunctionTool,), attributes)
        return kind()

    return make if function is None else make(function)


class _FunctionTool(Tool, ABC):
    """A tool whose work is done by a function; each has a class of its own, as any other tool."""

    function: ClassVar[Function]

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        function = type(self).function
        if inspect.iscoroutinefunction(function):
            result = await function(**arguments)
        else:
            result = await asyncio.to_thread(function, **arguments)
        return result if isinstance(result, ToolResult) else ToolResult(_as_text(result))


def _as_text(result: object) -> str:
    if result is None:
        return ""
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)
