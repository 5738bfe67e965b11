"""The arguments of a tool call, as models write them."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.errors import ToolError
from aloop.tools.runner import check_arguments, read_arguments

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
