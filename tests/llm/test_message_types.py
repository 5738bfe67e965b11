from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from aloop.llm.content.parts import ContentPart
from aloop.llm.content.provenance import FileChange, Permission
from aloop.llm.json_values import JsonObject
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
        ('{"todos": [{"content": "a"}, {"content": "b"}]}', "2 todos"),
        ('{"todos": [{"content": "a"}]}', "1 todo"),
        ('{"path": null, "content": "x"}', '{"path": null, "content": "x"}'),
    ],
    ids=["one", "two", "none", "no json", "deep", "path", "list", "objects", "object", "null"],
)
def test_brief_is_the_path_or_command_or_the_json(arguments: str, brief: str) -> None:
    assert ToolCall("1", "x", arguments).brief == brief


@pytest.mark.parametrize(
    ("command", "brief"),
    [
        (["bash", "-lc", "cd a && sed -n '1,200p' b.py"], "cd a && sed -n '1,200p' b.py"),
        (["/bin/sh", "-c", "ls"], "ls"),
        (["zsh", "-i", "-l", "-c", "ls\nls"], "ls\nls"),
        (["powershell.exe", "-NoProfile", "-Command", "dir"], "dir"),
        (["cmd.exe", "/c", "dir"], "dir"),
        (["git", "commit", "-m", "Two words"], "git commit -m 'Two words'"),
        (["bash", "script.sh", "-c", "x"], "bash script.sh -c x"),
        (["bash", "-c"], "bash -c"),
        (["bash"], "bash"),
        ("bash -lc 'cd a && ls'", "cd a && ls"),
        ("bash -c 'not closed", "bash -c 'not closed"),
        ("bash -c ls; rm x", "bash -c ls; rm x"),
        ("bash -c 'ls' | wc", "bash -c 'ls' | wc"),
        ("ls -la", "ls -la"),
        ([1, 2], "[1, 2]"),
        ([], "[]"),
        ({"a": 1}, '{"a": 1}'),
    ],
)
@pytest.mark.parametrize("around", ["command", "cmd", "action"])
def test_brief_of_a_command_is_without_its_shell(command: object, brief: str, around: str) -> None:
    value = {"type": "exec", "command": command} if around == "action" else command
    arguments = {"workdir": "/work", around: value, "timeout": 1}
    assert ToolCall("1", "shell", json.dumps(arguments)).brief == brief


VALUES: dict[str, Any] = {
    "role": "tool",
    "content": "text",
    "tool_calls": (ToolCall("1", "x"),),
    "tool_call_id": "1",
    "name": "x",
    "thinking": (ThinkingBlock("hm"),),
    "usage": Usage(1),
    "model": "m",
    "interrupted": True,
    "is_error": True,
    "skip": True,
    "summary": True,
    "output_file": "outputs/1.txt",
    "layout": "call",
    "blocks": ("text",),
    "provider": "p",
    "stop_reason": "refusal",
    "at": datetime(2026, 1, 22, tzinfo=UTC),
    "cost": Decimal("0.5"),
    "duration_ms": 7,
    "permission": Permission("once"),
    "files": (FileChange("a.txt", "1", "2"),),
    "parts": (ContentPart("image", "files/0123456789abcdef.png", "image/png", 5),),
    "extra": JsonObject({"other": 1}),
}


@pytest.mark.parametrize("name", [each.name for each in fields(LLMMessage)])
def test_each_field_of_a_message_is_kept_and_copied(name: str) -> None:
    message = replace(LLMMessage("user", ""), **{name: VALUES[name]})
    assert getattr(message, name) == VALUES[name]
    copied = replace(message, model="m") if name == "name" else replace(message, name="other")
    assert getattr(copied, name) == VALUES[name]
    assert message != LLMMessage("user", "")


def test_message_stores_nothing_for_empty_iterables() -> None:
    empty = LLMMessage("user", "", iter(()), thinking=iter(()), blocks=iter(()), files=iter(()))
    assert vars(empty) == vars(LLMMessage("user", ""))


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
