"""``@tool``: functions as tools."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest

from aloop.errors import ToolError
from aloop.llm.message_types import ToolCall
from aloop.tools import ToolRunner, tool
from aloop.tools.approval import PermissionGate
from aloop.tools.base import Tool, ToolResult


@tool
def weather(city: str, days: int = 1, unit: Literal["C", "F"] = "C") -> str:
    """Tell the weather of a city.

    In a few words.
    """
    return f"{city}: {days} days of 20 {unit}"


async def run(one: Tool, arguments: str) -> ToolResult:
    return await ToolRunner([one], PermissionGate()).run(ToolCall("c", one.name, arguments))


def schema(annotation: Any) -> Any:
    def function(value) -> None:  # type: ignore[no-untyped-def]
        """Do."""

    function.__annotations__ = {"value": annotation}
    return tool(function).parameters["properties"]["value"]


def test_tool_is_described_by_docstring_and_annotations() -> None:
    assert weather.name == "weather"
    assert weather.description == "Tell the weather of a city.\n\nIn a few words."
    assert weather.headline == "city"
    assert weather.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "default": 1},
            "unit": {"enum": ["C", "F"], "default": "C"},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (Any, {}),
        (list, {"type": "array"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (dict, {"type": "object"}),
        (
            dict[str, list[str]],
            {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
        ),
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045 - people write it so
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Annotated[str, "A city."], {"type": "string", "description": "A city."}),
    ],
)
def test_annotation_becomes_a_schema(annotation: Any, expected: Any) -> None:
    assert schema(annotation) == expected


@pytest.mark.parametrize("annotation", [Path, tuple[int, int], dict[int, str], list[Path]])
def test_unsupported_annotation_is_refused_with_the_parameter(annotation: Any) -> None:
    with pytest.raises(TypeError, match="parameter value has a type that JSON schema cannot express"):
        schema(annotation)


def test_function_without_docstring_or_annotation_is_refused() -> None:
    def silent(value: str) -> None: ...
    def untyped(value) -> None:  # type: ignore[no-untyped-def]
        """Do."""

    def many(*values: str) -> None:
        """Do."""

    for function, why in ((silent, "docstring"), (untyped, "no type annotation"), (many, "by name")):
        with pytest.raises(TypeError, match=why):
            tool(function)


async def test_tool_validates_its_arguments() -> None:
    assert await run(weather, '{"city": "Rome"}') == ToolResult("Rome: 1 days of 20 C")
    for arguments in ("{}", '{"city": 1}', '{"city": "Rome", "unit": "K"}', '{"city": "Rome", "sky": 1}'):
        assert (await run(weather, arguments)).is_error


async def test_only_plain_functions_run_in_a_thread() -> None:
    @tool
    def plain() -> bool:
        """Do."""
        return threading.current_thread() is threading.main_thread()

    @tool(name="other", only_reads=True)
    async def awaited() -> bool:
        """Do."""
        await asyncio.sleep(0)
        return threading.current_thread() is threading.main_thread()

    assert (await run(plain, "{}")).text == "false"
    assert (await run(awaited, "{}")).text == "true"
    assert (awaited.name, awaited.only_reads, plain.only_reads) == ("other", True, False)


@pytest.mark.parametrize(
    ("value", "text"),
    [("so", "so"), ({"a": [1, "é"]}, '{"a": [1, "é"]}'), (None, "(no output)"), (Path("x"), '"x"'), (1.5, "1.5")],
)
async def test_return_value_becomes_text(value: object, text: str) -> None:
    @tool
    def give() -> object:
        """Do."""
        return value

    assert (await run(give, "{}")).text == text


async def test_tool_errors_and_results_are_passed_through() -> None:
    @tool
    def refuse() -> str:
        """Do."""
        raise ToolError("No city.", "Ask for one.")

    @tool
    def fail() -> ToolResult:
        """Do."""
        return ToolResult("No.", is_error=True)

    assert await run(refuse, "{}") == ToolResult("No city.\nAsk for one.", is_error=True, fact="No city.")
    assert await run(fail, "{}") == ToolResult("No.", is_error=True)
