"""Running the calls of a model: every failure is a result, and only cancellation is raised.

The arguments of a tool call, as models write them.
"""

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

from aloop.errors import ToolError
from aloop.llm.message_types import ToolCall
from aloop.tools import default_tools
from aloop.tools.base import Tool, ToolResult
from aloop.tools.runner import ToolRunner, check_arguments, read_arguments


class Probe(Tool):
    """A tool that does what the test says."""

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


async def test_a_call_is_run_with_its_arguments() -> None:
    assert await ToolRunner([Probe()]).run(call()) == ToolResult("did it")


async def test_an_unknown_tool_is_answered_with_the_near_and_all_names() -> None:
    result = await ToolRunner([Probe()]).run(call(name="prove"))
    assert result == ToolResult("There is no tool 'prove'. Did you mean probe? There are: probe.", is_error=True)


async def test_a_call_where_there_are_no_tools_is_an_error_result() -> None:
    assert (await ToolRunner([]).run(call())).text == "There is no tool 'probe'. There are: none."


@pytest.mark.parametrize("arguments", ['{"what": ', "[]", "{}", '{"what": 3}'])
async def test_arguments_that_are_wrong_never_reach_the_tool(arguments: str) -> None:
    result = await raising(AssertionError("it ran")).run(call(arguments))
    assert result.is_error
    assert result.text.startswith("The arguments ")


async def test_a_tool_error_is_its_sentence() -> None:
    assert await raising(ToolError("No such thing.")).run(call()) == ToolResult("No such thing.", is_error=True)


async def test_a_bug_in_a_tool_is_a_result_that_names_it() -> None:
    result = await raising(KeyError("x")).run(call())
    assert result == ToolResult("The tool failed: KeyError: 'x'", is_error=True)


async def test_cancellation_passes() -> None:
    with pytest.raises(asyncio.CancelledError):
        await raising(asyncio.CancelledError()).run(call())


async def test_text_is_cleaned_of_surrogates() -> None:
    assert (await returning("a\ud800b").run(call())).text == "a\ufffdb"
    assert (await raising(ToolError("a\udc80")).run(call())).text == "a\ufffd"


async def test_no_text_is_said_to_be_none() -> None:
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
def test_the_headline_is_the_argument_that_matters_on_one_line(arguments: str, headline: str) -> None:
    assert ToolRunner([Probe()]).headline(call(arguments)) == headline


def test_a_long_headline_is_shortened_and_an_unknown_tool_has_none() -> None:
    assert len(ToolRunner([Probe()]).headline(call('{"what": "' + "x" * 500 + '"}'))) == 120
    assert ToolRunner([]).headline(call()) == ""


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        ToolRunner([Probe(), Probe()])


def test_the_standard_tools_are_seven_and_told_in_a_fixed_order(tmp_path: Path) -> None:
    specs = ToolRunner(default_tools(tmp_path)).specs
    reading = ["calculator", "read_file", "list_files", "search_files"]
    assert [spec.name for spec in specs] == [*reading, "write_file", "edit_file", "run_shell"]
    assert all(spec.parameters["type"] == "object" for spec in specs)


async def test_the_standard_tools_stay_in_the_directory_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "secret").write_text("s")
    reading = ToolCall("call_1", "read_file", '{"path": "../secret"}')
    assert (await ToolRunner(default_tools(tmp_path / "work")).run(reading)).is_error
    assert await ToolRunner(default_tools(tmp_path / "work", allow_outside=True)).run(reading) == ToolResult("s")


SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "lines": {"type": "array", "items": {"type": "integer", "minimum": 1}}},
    "required": ["path"],
    "additionalProperties": False,
}


def test_an_object_is_read() -> None:
    assert read_arguments('{"a": [1, "é"]}') == {"a": [1, "é"]}


@pytest.mark.parametrize("text", ["", " \n"])
def test_no_text_is_no_arguments(text: str) -> None:
    assert read_arguments(text) == {}


def test_escaped_surrogates_are_mended() -> None:
    assert read_arguments(r'{"a": "\ud83d\ude00 \ud800"}') == {"a": "😀 \ufffd"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1', r"Expecting ',' delimiter at line 1, column 8"),
        ("{\n'a': 1}", "line 2, column 1"),
        ("[1]", "must be a JSON object, not a list"),
        ('"text"', "not text"),
        ("null", "not null"),
        ("true", "not true or false"),
        ('{"a": NaN}', "NaN is not a number"),
        ('{"a": ' + "1" * 5_000 + "}", "no valid JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_anything_but_an_object_is_refused_with_the_place_or_the_kind(text: str, reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        read_arguments(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ToolError):
        assert isinstance(read_arguments(text), dict)


def test_arguments_that_fit_pass() -> None:
    check_arguments(SCHEMA, {"path": "x", "lines": [1, 2.0]})


def test_everything_that_does_not_fit_is_told_at_once_with_its_place() -> None:
    with pytest.raises(ToolError) as refusal:
        check_arguments(SCHEMA, {"lines": [1, 0, True], "line": 3})
    text = str(refusal.value)
    assert "'path' is a required property" in text
    assert "'line' was unexpected" in text
    assert "lines[1]: 0 is less than the minimum of 1" in text
    assert "lines[2]: True is not of type 'integer'" in text


def test_a_complaint_about_a_long_value_is_short() -> None:
    with pytest.raises(ToolError) as refusal:
        check_arguments(SCHEMA, {"path": ["x" * 10_000]})
    assert len(str(refusal.value)) < 500


def test_importing_the_tools_does_not_import_the_validator() -> None:
    code = "import sys, aloop.tools; assert 'jsonschema' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=__file__.rsplit("/tests/", 1)[0])
