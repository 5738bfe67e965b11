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
def test_the_arguments_of_a_call_are_told_in_the_fewest_words(arguments: str, brief: str) -> None:
    assert ToolCall("1", "x", arguments).brief == brief
