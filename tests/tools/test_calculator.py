"""The calculator as a tool."""

from __future__ import annotations

import pytest

from aloop.errors import ToolError
from aloop.tools.calculator import Calculator


async def test_the_result_is_the_value_as_text() -> None:
    result = await Calculator().run({"expression": "17 * 23"})
    assert (result.text, result.is_error) == ("391", False)


async def test_what_has_no_value_is_a_tool_error() -> None:
    with pytest.raises(ToolError, match="divides by zero"):
        await Calculator().run({"expression": "1 / 0"})


def test_the_model_is_told_of_every_function() -> None:
    assert all(name in Calculator.description for name in ("sqrt", "factorial", "log10", "tau"))
