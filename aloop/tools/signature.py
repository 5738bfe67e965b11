"""What a function takes, as the JSON schema that a model is given."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

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
