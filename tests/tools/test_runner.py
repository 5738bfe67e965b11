"""ToolRunner: every failure is a result; reading and checking arguments."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.errors import ToolError, UsageError
from aloop.llm.message_types import ToolCall
from aloop.tools import default_tools
from aloop.tools.base import Tool, ToolResult
from aloop.tools.files.workspace import Workspace
from aloop.tools.runner import ToolRunner, check_arguments, read_arguments


class Probe(Tool):
    """A tool with a scripted result."""

    name = "probe"
    description = "For tests."
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"what": {"type": "string"}},
        "required": ["what"],
    }
    headline = "what"

    def __init__(self, do: Callable[[], Awaitable[ToolResult]] | None = None) -> None:
        self._do = do

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        return ToolResult(f"did {arguments['what']}") if self._do is None else await self._do()


def call(arguments: str = '{"what": "it"}', name: str = "probe") -> ToolCall:
    return ToolCall("call_1", name, arguments)


def returning(text: str) -> ToolRunner:
    async def do() -> ToolResult:
        return ToolResult(text)

    return ToolRunner([Probe(do)])


def raising(error: BaseException) -> ToolRunner:
    async def do() -> ToolResult:
        raise error

    return ToolRunner([Probe(do)])


async def test_call_runs_with_its_arguments() -> None:
    assert await ToolRunner([Probe()]).run(call()) == ToolResult("did it")


async def test_unknown_tool_is_an_error_with_a_suggestion() -> None:
    result = await ToolRunner([Probe()]).run(call(name="prove"))
    assert result.text == "Unknown tool 'prove'.\nDid you mean probe? Available tools: probe."
    assert (result.is_error, result.fact) == (True, "Unknown tool 'prove'.")


async def test_call_without_any_tools_is_an_error() -> None:
    assert (await ToolRunner([]).run(call())).text == "Unknown tool 'probe'.\nAvailable tools: none."


@pytest.mark.parametrize("arguments", ['{"what": ', "[]", "{}", '{"what": 3}'])
async def test_invalid_arguments_never_reach_the_tool(arguments: str) -> None:
    result = await raising(AssertionError("the tool ran")).run(call(arguments))
    assert result.is_error
    assert result.text.startswith("The arguments ")


async def test_tool_error_becomes_the_result_text() -> None:
    result = await raising(ToolError("No such thing.")).run(call())
    assert result == ToolResult("No such thing.", is_error=True, fact="No such thing.")


async def test_advice_of_a_tool_error_is_below_its_fact() -> None:
    result = await raising(ToolError("No such thing.", "Use another.")).run(call())
    assert result == ToolResult("No such thing.\nUse another.", is_error=True, fact="No such thing.")


async def test_exception_in_a_tool_becomes_an_error_result() -> None:
    result = await raising(KeyError("x")).run(call())
    assert result == ToolResult("The tool failed: KeyError: 'x'", is_error=True)


async def test_cancellation_is_raised() -> None:
    with pytest.raises(asyncio.CancelledError):
        await raising(asyncio.CancelledError()).run(call())


async def test_lone_surrogates_are_replaced_in_results() -> None:
    assert (await returning("a\ud800b").run(call())).text == "a\ufffdb"
    assert (await raising(ToolError("a\udc80")).run(call())).text == "a\ufffd"


async def test_empty_result_is_replaced_by_a_note() -> None:
    assert (await returning("").run(call())).text == "(no output)"


@pytest.mark.parametrize(
    ("arguments", "headline"),
    [
        ('{"what": "src/app.py"}', "src/app.py"),
        ('{"what": "two\\n  lines"}', "two lines"),
        ('{"what": [1]}', "[1]"),
        ("{}", ""),
        ("{", ""),
    ],
)
def test_headline_is_the_main_argument_on_one_line(arguments: str, headline: str) -> None:
    assert ToolRunner([Probe()]).headline(call(arguments)) == headline


def test_headline_is_shortened_and_empty_for_an_unknown_tool() -> None:
    assert len(ToolRunner([Probe()]).headline(call('{"what": "' + "x" * 500 + '"}'))) == 120
    assert ToolRunner([]).headline(call()) == ""


def test_duplicate_tool_names_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        ToolRunner([Probe(), Probe()])


def test_default_tools_are_in_a_fixed_order(tmp_path: Path) -> None:
    specs = ToolRunner(default_tools(tmp_path)).specs
    reading = ["calculator", "read_file", "list_files", "search_files"]
    jobs = ["run_shell", "job_output", "stop_job"]
    assert [spec.name for spec in specs] == [*reading, "write_file", "edit_file", *jobs, "todo"]
    assert all(spec.parameters["type"] == "object" for spec in specs)


async def test_default_tools_stay_in_the_directory_unless_allowed_outside(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "secret").write_text("s")
    reading = ToolCall("call_1", "read_file", '{"path": "../secret"}')
    assert (await ToolRunner(default_tools(tmp_path / "work")).run(reading)).is_error
    assert await ToolRunner(default_tools(tmp_path / "work", allow_outside=True)).run(reading) == ToolResult(
        "     1\ts"
    )


SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "lines": {"type": "array", "items": {"type": "integer", "minimum": 1}}},
    "required": ["path"],
    "additionalProperties": False,
}


def test_json_object_is_read() -> None:
    assert read_arguments('{"a": [1, "é"]}') == {"a": [1, "é"]}


@pytest.mark.parametrize("text", ["", " \n"])
def test_blank_text_is_empty_arguments(text: str) -> None:
    assert read_arguments(text) == {}


def test_escaped_surrogates_are_repaired() -> None:
    assert read_arguments(r'{"a": "\ud83d\ude00 \ud800"}') == {"a": "😀 \ufffd"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1', r"Expecting ',' delimiter at line 1, column 8"),
        ("{\n'a': 1}", "line 2, column 1"),
        ("[1]", "must be a JSON object, not a list"),
        ('"text"', "not a string"),
        ("null", "not null"),
        ("true", "not true or false"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": ' + "1" * 5_000 + "}", "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_invalid_arguments_are_refused_with_position_or_type(text: str, reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        read_arguments(text)


@given(st.text())
def test_any_text_is_read_or_raises_a_tool_error(text: str) -> None:
    with suppress(ToolError):
        assert isinstance(read_arguments(text), dict)


def test_valid_arguments_pass_the_check() -> None:
    check_arguments(SCHEMA, {"path": "x", "lines": [1, 2.0]})


def test_all_mismatches_are_reported_with_their_paths() -> None:
    with pytest.raises(ToolError) as refusal:
        check_arguments(SCHEMA, {"lines": [1, 0, True], "line": 3})
    text = str(refusal.value)
    assert "'path' is a required property" in text
    assert "'line' was unexpected" in text
    assert "lines[1]: 0 is less than the minimum of 1" in text
    assert "lines[2]: True is not of type 'integer'" in text


def test_error_for_a_long_value_is_short() -> None:
    with pytest.raises(ToolError) as refusal:
        check_arguments(SCHEMA, {"path": ["x" * 10_000]})
    assert len(str(refusal.value)) < 500


def test_importing_the_tools_does_not_import_the_validator() -> None:
    code = "import sys, aloop.tools; assert 'jsonschema' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=__file__.rsplit("/tests/", 1)[0])


async def test_arguments_that_are_too_long_are_refused() -> None:
    result = await ToolRunner([]).run(ToolCall("1", "x" * 1_000_000, "{}"))
    assert result.is_error
    assert len(result.text) < 300
    with pytest.raises(ToolError, match="at most 10,000,000"):
        read_arguments("[" * 10_000_001)


def test_boundary_of_a_workspace_is_not_changed_silently(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Set it in the Workspace"):
        default_tools(Workspace(tmp_path), allow_outside=True)
