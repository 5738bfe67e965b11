"""The ``@tool`` decorator: makes a tool from a typed function with a docstring."""

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
    """Return the JSON schema of the parameters; raise TypeError if one has none."""
    hints = get_type_hints(function, include_extras=True)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(
                f"{function.__name__}: tools are called with arguments by name, so {parameter} is not supported"
            )
        if name not in hints:
            raise TypeError(f"{function.__name__}: parameter {name} has no type annotation")
        try:
            properties[name] = _schema(hints[name])
        except TypeError as error:
            raise TypeError(f"{function.__name__}: parameter {name} {error}") from None
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
    raise TypeError(f"has a type that JSON schema cannot express: {annotation}")


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
    """Make a tool from a function.

    The model reads the docstring and a schema made from the annotations. Parameters may be ``str``, ``int``, ``float``,
    ``bool``, lists and dicts of these, ``Literal``, unions, and ``Annotated`` with a string that describes the
    parameter. A parameter with a default is optional. The return value goes back to the model: strings and ToolResult
    as they are, anything else as JSON. Raise ``ToolError(fact, advice)`` if it fails. Async functions run on the event
    loop, others in a thread. ``name`` defaults to the function's name; ``only_reads`` lets several calls run at once.
    The tool runs without asking the user for permission. Raises TypeError for a function without a docstring or with a
    parameter that has no schema.
    """

    def make(function: Function) -> Tool:
        description = inspect.getdoc(function)
        if not description:
            raise TypeError(f"{function.__name__}: a tool needs a docstring, which the model reads")
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
    """Base of the classes that ``@tool`` creates, one for each function."""

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
