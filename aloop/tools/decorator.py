"""``@tool``: a typed function with a docstring becomes a tool.

What a function takes, as the JSON schema that a model is given.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from abc import ABC
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints, overload

from aloop.tools.base import Tool, ToolResult

_PLAIN: dict[object, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    Any: {},
}


def parameters_schema(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the schema; raises TypeError that names the parameter which can not be described."""
    hints = get_type_hints(function, include_extras=True)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"{function.__name__}: a tool gets its arguments by name, so {parameter} can not be one")
        if name not in hints:
            raise TypeError(f"{function.__name__}: the parameter {name} has no annotation")
        try:
            properties[name] = _schema(hints[name])
        except TypeError as error:
            raise TypeError(f"{function.__name__}: the parameter {name} {error}") from None
        if parameter.default is parameter.empty:
            required.append(name)
        elif _is_json(parameter.default):
            properties[name] = properties[name] | {"default": parameter.default}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _schema(annotation: Any) -> dict[str, Any]:
    if annotation in _PLAIN:
        return dict(_PLAIN[annotation])
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if origin is Annotated:
        notes = [note for note in arguments[1:] if isinstance(note, str)]
        return _schema(arguments[0]) | ({"description": " ".join(notes)} if notes else {})
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, UnionType):
        return {"anyOf": [_schema(choice) for choice in arguments]}
    if origin is list:
        return {"type": "array"} | ({"items": _schema(arguments[0])} if arguments else {})
    if origin is dict and (not arguments or arguments[0] is str):
        return {"type": "object"} | ({"additionalProperties": _schema(arguments[1])} if arguments else {})
    raise TypeError(f"is of a type that JSON does not know: {annotation}")


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


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
