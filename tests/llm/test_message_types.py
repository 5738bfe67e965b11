from __future__ import annotations

import pytest

from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall, Usage


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


@pytest.mark.parametrize(
    "record", [LLMMessage("user", "a"), ThinkingBlock("thinking", "a"), ToolCall("1", "x"), Usage()]
)
def test_record_refuses_an_assignment(record: object) -> None:
    name = next(iter(vars(type(record))["__match_args__"]))
    with pytest.raises(AttributeError):
        setattr(record, name, "changed")


def test_equal_messages_have_equal_hashes() -> None:
    one, other, third = (LLMMessage("assistant", text, tool_calls=(ToolCall("1", "x"),)) for text in "aab")
    assert one == other != third
    assert len({one, other, third}) == 2
