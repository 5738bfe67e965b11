"""The arguments of a tool call: from the JSON text that a model wrote to a checked object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from aloop.errors import ToolError
from aloop.llm.message_types import clean_text

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
