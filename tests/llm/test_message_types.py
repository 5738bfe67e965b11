from __future__ import annotations

import pytest

from aloop.llm.message_types import ToolCall


@pytest.mark.parametrize(
    ("arguments", "brief"),
    [
        ('{"expression": "2+2"}', "2+2"),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 2}'),
        ("{}", ""),
        ("no json", "no json"),
        ("[" * 100_000, "[" * 100_000),
    ],
    ids=["one", "two", "none", "no json", "deep"],
)
def test_brief_shows_a_single_argument_or_the_json(arguments: str, brief: str) -> None:
    assert ToolCall("1", "x", arguments).brief == brief
