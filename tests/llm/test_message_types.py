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
        ('{"content": "hello", "path": "a.txt"}', "a.txt"),
        ('{"items": ["é", true]}', '["é", true]'),
        ('{"path": null, "content": "x"}', '{"path": null, "content": "x"}'),
    ],
    ids=["one", "two", "none", "no json", "deep", "path", "list", "null"],
)
def test_brief_is_the_path_or_command_or_the_json(arguments: str, brief: str) -> None:
    assert ToolCall("1", "x", arguments).brief == brief
