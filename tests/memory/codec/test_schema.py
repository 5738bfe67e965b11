"""The meaning of session keys, tested on nodes, and the JSON Schema for editors."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from aloop.errors import NewerVersion, SessionFileError
from aloop.llm.content.parts import ContentPart
from aloop.llm.content.provenance import FileChange, Permission, parse_time
from aloop.llm.message_types import (
    CALL_KEYS,
    MESSAGE_KEYS,
    THINKING_KEYS,
    USAGE_KEYS,
    LLMMessage,
    ThinkingBlock,
    ToolCall,
    Usage,
)
from aloop.memory import MemoryManager
from aloop.memory.codec.message_record import message_record
from aloop.memory.codec.nodes import MappingNode, Node, ScalarNode, SequenceNode
from aloop.memory.codec.schema import (
    FUNCTION_KEYS,
    HEADER_KEYS,
    InvalidValue,
    is_null,
    read_session,
    require_known_version,
)
from aloop.memory.codec.serialization import dump_session, load_session
from aloop.memory.session import Session
from tests.memory.examples import ID, NOWHERE, RICH, SPEC_SAMPLE, session, user


def node(value: object, start: int = 0) -> Node:
    """Return ``value`` as nodes; the offset of a key's value is the key's index."""
    if isinstance(value, dict):
        return MappingNode({key: node(item, number) for number, (key, item) in enumerate(value.items())}, start=start)
    if isinstance(value, list):
        return SequenceNode([node(item) for item in value], start=start)
    return ScalarNode("" if value is None else str(value), value is None or not isinstance(value, str), start)


def read(**keys: object) -> Session:
    root = node({"id": ID, **keys})
    assert isinstance(root, MappingNode)
    return read_session(root, NOWHERE)


def read_message(**keys: object) -> LLMMessage:
    return read(messages=[{"role": "assistant", **keys}]).messages[0]


def rejection(**keys: object) -> InvalidValue:
    with pytest.raises(InvalidValue) as caught:
        read(**keys)
    return caught.value


def test_all_keys_of_a_message_are_read() -> None:
    assert read_message(
        content="Hi",
        tool_calls=[{"id": "c", "type": "function", "function": {"name": "n", "arguments": "{}"}}],
        tool_call_id="c",
        name="n",
        thinking=[{"thinking": "t", "signature": "s", "after_chars": 3, "after_calls": 1}, {"redacted": "r"}],
        usage={
            "input_tokens": 1,
            "output_tokens": 2,
            "cache_creation_tokens": 3,
            "cache_read_tokens": 4,
            "cache_creation_1h_tokens": 2,
            "web_searches": 1,
        },
        model="m",
        interrupted=True,
        is_error=True,
        skip=True,
        summary=True,
        output_file="f",
    ) == LLMMessage(
        "assistant",
        "Hi",
        (ToolCall("c", "n"),),
        "c",
        "n",
        (ThinkingBlock("t", "s", "", 3, 1), ThinkingBlock(redacted="r")),
        Usage(1, 2, 3, 4, cache_creation_1h_tokens=2, web_searches=1),
        "m",
        True,
        True,
        True,
        True,
        "f",
    )


def test_null_values_are_read_as_missing() -> None:
    nothing = dict.fromkeys(("content", "tool_calls", "tool_call_id", "name", "thinking", "usage", "model", "skip"))
    assert read_message(**nothing) == LLMMessage("assistant")
    assert read(messages=None, system_messages=None, title=None, version=None, updated_at=None) == read()


def test_call_without_arguments_has_an_empty_object() -> None:
    assert read_message(tool_calls=[{"id": "c", "function": {"name": "n"}}]).tool_calls == (ToolCall("c", "n", "{}"),)


def test_call_without_function_key_is_read() -> None:
    assert read_message(tool_calls=[{"id": "c", "name": "n", "arguments": "x"}]).tool_calls == (
        ToolCall("c", "n", "x"),
    )


def test_system_message_needs_no_role() -> None:
    assert read(system_messages=[{"content": "Be kind."}]).system_messages == (LLMMessage("system", "Be kind."),)


def test_uppercase_id_is_normalized() -> None:
    assert read(id=ID.upper()).id == ID


@pytest.mark.parametrize("word", ["true", "True", "YES", "on"])
def test_true_has_several_spellings(word: str) -> None:
    assert read_message(skip=word).skip


@pytest.mark.parametrize("word", ["false", "No", "OFF"])
def test_false_has_several_spellings(word: str) -> None:
    assert not read_message(skip=word).skip


@pytest.mark.parametrize("number", ["-1", "1.0", "1e3", "٣", "x", "1" * 16])
def test_invalid_number_is_rejected(number: str) -> None:
    assert "whole number" in rejection(messages=[{"role": "user", "usage": {"input_tokens": number}}]).reason


def test_invalid_value_has_its_offset() -> None:
    assert rejection(title=["x"]).offset == 1
    assert rejection(title="x", messages=[{"content": "x", "role": "robot"}]).offset == 1


def test_missing_time_is_taken_from_the_other() -> None:
    noon = datetime(2025, 1, 31, 12, tzinfo=UTC)
    assert read(created_at="2025-01-31T12:00:00Z").updated_at == noon
    assert read(updated_at="2025-01-31T12:00:00Z").created_at == noon


@pytest.mark.parametrize(
    "text",
    ["2025-01-31T14:30:00", "2025-01-31T14:30:00.25", "2025-01-31 14:30", "2025-01-31", "20250131T143000"],
)
def test_naive_time_is_local(text: str) -> None:
    assert parse_time(text) == datetime.fromisoformat(text).astimezone()


def test_time_keeps_its_time_zone() -> None:
    moment = parse_time("2025-01-31T14:30:00+05:30")
    assert moment is not None
    assert moment.utcoffset() == timedelta(hours=5, minutes=30)


@pytest.mark.parametrize("text", ["", "yesterday", "12", "2025-13-01", "2025-02-30T00:00:00", "14:30", "9" * 400])
def test_invalid_time_is_none(text: str) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize(
    "text", ["0001-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999+00:00", "9999-12-31T23:59:59-12:00"]
)
def test_time_at_the_limits_of_datetime_is_none(text: str) -> None:
    """A later save, or another time zone, would exceed the limits."""
    assert parse_time(text) is None


def test_only_a_plain_scalar_is_null() -> None:
    assert is_null(ScalarNode("null", True))
    assert not is_null(ScalarNode("null", False))
    assert not is_null(ScalarNode("none", True))


def test_later_version_is_read_and_rejected_for_writing() -> None:
    root = MappingNode({"id": ScalarNode(ID), "version": ScalarNode("2", True, 7)})
    assert read_session(root, NOWHERE).version == 2
    with pytest.raises(InvalidValue, match="update aloop") as caught:
        require_known_version(root)
    assert (caught.value.kind, caught.value.offset) == (NewerVersion, 7)
    require_known_version(MappingNode({"id": ScalarNode(ID), "version": ScalarNode("1", True)}))


def test_messages_below_the_end_and_a_missing_end_are_warnings() -> None:
    root, below = node({"id": ID}), node([{"role": "user", "content": "Hi"}])
    assert isinstance(root, MappingNode)
    assert isinstance(below, SequenceNode)
    session = read_session(root, NOWHERE, below=below, cut=True)
    assert session.messages == (user("Hi"),)
    assert len(session.warnings) == 2


SCHEMA = json.loads(
    (Path(__file__).parents[3] / "aloop" / "memory" / "sessions_dir" / "session.schema.json").read_text()
)


def check(data: bytes) -> None:
    """Validate a session file like an editor."""
    jsonschema.validate(yaml.load(data, yaml.SafeLoader), SCHEMA)  # the loader whose types editors share


def changed(**header: Any) -> bytes:
    """Return a session with other header values, as YAML."""
    value = yaml.load(dump_session(session(user("Hi"))), yaml.SafeLoader)
    return yaml.safe_dump({**value, **header}).encode()


def test_json_schema_is_valid() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_samples_match_the_json_schema() -> None:
    check(SPEC_SAMPLE)
    check(dump_session(session(*RICH, system="Be kind.\n")))
    check(dump_session(replace(session(*RICH), system_digest="1234567890123456", tools_digest="12345678e1234567")))


async def test_saved_session_matches_and_refers_to_its_json_schema(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    async with memory.turn() as turn:
        await turn.add(LLMMessage("user", "Hello"))
        await turn.add(LLMMessage("assistant", "Hi"))
    assert memory.path
    data = memory.path.read_bytes()
    check(data)
    reference = data.decode().splitlines()[0].partition("$schema=")[2]
    assert json.loads((memory.path.parent / reference).read_text()) == SCHEMA


def keys_in(definition: str) -> set[str]:
    return set(SCHEMA["definitions"][definition]["properties"])


def test_json_schema_has_every_key_of_the_header() -> None:
    # Keys that records hold in ``extra``, but that aloop writes or reads.
    others = {"tags", "pinned", "instructions", "skills", "imported", "attached_files"}
    assert set(SCHEMA["properties"]) == HEADER_KEYS | others


def test_json_schema_has_every_key_of_the_records() -> None:
    assert keys_in("message") == MESSAGE_KEYS | {"note", "tags", "pinned", "foreign"}
    assert keys_in("tool_call") == CALL_KEYS
    assert set(SCHEMA["definitions"]["tool_call"]["properties"]["function"]["properties"]) == FUNCTION_KEYS
    assert keys_in("usage") == USAGE_KEYS
    assert keys_in("thinking") == THINKING_KEYS
    assert keys_in("permission") == {each.name for each in fields(Permission)}
    assert keys_in("file_change") == {each.name for each in fields(FileChange)}
    image = ContentPart("image", "files/0123456789abcdef.png", "image/png", 5, "a.png")
    record = message_record(LLMMessage("user", "Hi", parts=(image,)))
    assert keys_in("part") == {key for part in record["content"] for key in part}


def test_every_key_of_the_json_schema_has_a_description() -> None:
    lacking = []

    def visit(schema: Any, name: str) -> None:
        if isinstance(schema, list):
            for each in schema:
                visit(each, name)
        if not isinstance(schema, dict):
            return
        for key, value in schema.get("properties", {}).items():
            definition = SCHEMA["definitions"][value["$ref"].rpartition("/")[2]] if "$ref" in value else value
            # A condition on a key that is described elsewhere has none.
            if not definition.get("description", "").endswith(".") and not name.endswith(("if", "then")):
                lacking.append(f"{name}.{key}")
        for key, value in schema.items():
            visit(value, f"{name}.{key}")

    visit(SCHEMA, "")
    assert not lacking


@pytest.mark.parametrize(
    "header",
    [
        {"id": "mine"},
        {"messages": {"role": "user"}},
        {"messages": [{"role": "robot", "content": "Hi"}]},
        {"messages": [{"content": "Hi"}]},
        {"messages": [{"role": "user", "content": 7}]},
        {"messages": [{"role": "user", "skip": "perhaps"}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "call_1"}]}]},
        {"updated_at": "yesterday"},
    ],
)
def test_typing_errors_do_not_match_the_json_schema(header: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(changed(**header))


def test_unknown_keys_match_the_json_schema() -> None:
    check(changed(project="x", messages=[{"role": "user", "content": "Hi", "mood": "good"}]))


@pytest.mark.parametrize("stray", ["arguments: '{}'", "name: other"])
def test_key_of_a_function_beside_it_is_an_error_in_its_line(stray: str) -> None:
    """A record refuses it, which must not be a crash of every list of sessions."""
    head = f"id: {ID}\nmessages:\n  - role: assistant\n    tool_calls:\n"
    text = f"{head}      - id: call_1\n        function: {{name: calculator}}\n        {stray}\n"
    with pytest.raises(SessionFileError, match="of a tool call must be in its function") as error:
        load_session(text.encode(), NOWHERE)
    assert error.value.line == 7


def test_combination_that_a_record_refuses_is_an_error_in_the_line_of_the_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("no such thing")

    monkeypatch.setattr("aloop.memory.codec.schema._read_content", refuse)
    with pytest.raises(SessionFileError, match="no such thing") as error:
        load_session(f"id: {ID}\nmessages:\n  - role: user\n    content: Hi\n".encode(), NOWHERE)
    assert error.value.line == 3


def test_half_a_character_in_braces_that_are_not_json_is_text() -> None:
    text = f"{{id: {ID}, title: a\\ud800b, messages: []}}"
    assert load_session(text.encode(), NOWHERE).title == "a\\ud800b"
