"""Formats are recognized by keys at their places, not by texts of messages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aloop.export.document import render
from aloop.importers.detect import recognize
from aloop.importers.run import Scan, Selection
from aloop.importers.source import HEAD, Source
from aloop.importers.storing.store import ImportStore
from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.codec.serialization import dump_session
from aloop.memory.session import Session
from tests.importers.reading import read_one, write_json

_ID = "a1b2c3d4-5678-40ab-8def-1234567890ab"
_AT = datetime(2026, 1, 22, 17, 51, tzinfo=UTC)
_PASTED = (
    "usage:\n  tokens: 12\n- tokens: 3\ntokens: 4\nimported: x\nid: 1\nmessages: []\n"
    "working_directory from parts history\n"
    '"from" "parts" "role" "input_schema" "type": "tool_use" {"tokens": 5, "mapping": {}}'
)
_KEYS = (
    *("mapping", "chat_messages", "conversations", "conversation", "history", "info", "metadata", "agent", "sessionId"),
    *("projectHash", "items", "session", "role", "content", "ts", "type", "uuid", "timestamp", "payload", "chosen"),
    *("conversation_id", "prompt", "response", "message_count", "working_dir", "protocol_version", "agentType", "pid"),
)
_OURO = "id: o1\ncreated_at: '2026-11-28T22:50:44.116063'\nupdated_at: '2026-11-28T22:50:44.125509'\n"


def session_of(*messages: LLMMessage, **extra: Any) -> Session:
    return Session(_ID, _AT, _AT, (), messages, Path(), title="A talk", extra=JsonObject(extra))


def form_of(text: str) -> str | None:
    return recognize(Source(None, text.encode()))


_TALK = (
    LLMMessage("user", _PASTED),
    LLMMessage("assistant", "parts", (ToolCall("c1", "look", json.dumps({"type": "tool_use", "tokens": 1})),)),
    LLMMessage("tool", _PASTED, tool_call_id="c1", name="look"),
    LLMMessage("assistant", "from"),
)


def test_session_whose_messages_quote_keys_of_ouro_is_one_of_aloop() -> None:
    data = dump_session(session_of(*_TALK)).decode()
    assert form_of(data) == "aloop"
    # Written by hand: nothing in the header is only aloop's.
    quoted = _PASTED.replace("\n", "\n      ")
    body = f"messages:\n  - role: user\n    content: |\n      {quoted}\n    x: {{tokens: 1}}\n"
    assert form_of(f"{_OURO}{body}") == "aloop"
    assert form_of(f"{_OURO}{body}    tokens: 1\n") == "ouro"


@pytest.mark.parametrize(
    "messages", ["- role: user\n  tokens: 0\n", "  [{role: user, tokens: 0}]\n", "- {'tokens': 1}\n"]
)
def test_session_whose_messages_have_counts_of_tokens_is_one_of_ouro(messages: str) -> None:
    text = f"{_OURO}system_messages:\n- role: system\n  content: 'imported: 1\n\n    version: 2'\nmessages:\n{messages}"
    assert form_of(text) == "ouro"
    assert form_of(text.replace("44.116063", "44.116+01:00")) == "aloop"
    assert form_of(f"version: 1\n{text}") == "aloop"


@pytest.mark.parametrize("indent", [None, 0, 2, 4])
@pytest.mark.parametrize("key", ["imported", "mine"])
def test_json_of_a_session_with_counts_of_tokens_is_one_of_aloop(indent: int | None, key: str) -> None:
    messages = [replace(message, extra=JsonObject({"foreign": {"tokens": 1}, "tokens": 2})) for message in _TALK]
    record = json.loads(render(session_of(*messages, **{key: {"from": "ouro"}}), "json"))
    assert form_of(json.dumps(record, indent=indent)) == "aloop"
    for name in ("version", "imported"):
        record.pop(name, None)
    assert form_of(json.dumps(record, indent=indent)) == "ouro"
    for message in record["messages"]:
        del message["tokens"]
    assert form_of(json.dumps(record, indent=indent)) == "aloop"


@pytest.mark.parametrize("indent", [None, 2])
def test_keys_of_the_user_do_not_change_the_format_of_a_session(indent: int | None) -> None:
    session = session_of(*_TALK, **dict.fromkeys(_KEYS, "x"))
    record = json.loads(render(session, "json"))
    assert form_of(json.dumps(record, indent=indent)) == "aloop"
    assert form_of(json.dumps(record, indent=indent, sort_keys=True)) == "aloop"
    assert form_of(dump_session(session).decode()) == "aloop"


def test_session_whose_messages_start_late_is_one_of_aloop() -> None:
    session = replace(session_of(*_TALK, mapping="x"), system_messages=(LLMMessage("system", "x y\n" * HEAD),))
    assert form_of(render(session, "json")) == form_of(dump_session(session).decode()) == "aloop"


def test_session_with_a_quoted_count_is_imported_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "other"
    (folder / "outputs").mkdir(parents=True)
    long = "line\n" * 10_000
    (folder / "outputs/0001-look.txt").write_text(long)
    result = LLMMessage("tool", "short", tool_call_id="c1", name="look", output_file="outputs/0001-look.txt")
    session = session_of(*_TALK[:2], replace(result, extra=JsonObject({"note": "Mine"})), _TALK[3], mine={"a": 1})
    path = folder / "session.yaml"
    path.write_bytes(dump_session(session))
    imported = read_one(path, "aloop")
    store = ImportStore(tmp_path / "sessions")
    session_id = store.put(imported).session_id
    stored = store.backend.open(session_id).session
    assert (session_id, stored.path.read_bytes()) == (_ID, path.read_bytes())
    assert (stored.path.parent / "outputs/0001-look.txt").read_text() == long


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_session_with_a_typing_error_is_reported_and_not_read_as_another_one(tmp_path: Path, form: str) -> None:
    session = session_of(LLMMessage("user", "Hi"), LLMMessage("assistant", "Ho"))
    text = dump_session(session).decode() if form == "yaml" else render(session, "json")
    path = tmp_path / "session.yaml"
    path.write_text(text.replace("user", "usr"))
    assert recognize(Source(path)) == "aloop"
    scan = Scan(Selection())
    assert list(scan.read([path])) == []
    [problem] = scan.problems
    assert problem.startswith(f"{path}:")
    assert "usr" in problem


@pytest.mark.parametrize("form", ["openai", "anthropic"])
def test_documents_that_quote_marks_of_other_formats_keep_their_format(tmp_path: Path, form: str) -> None:
    path = tmp_path / "talk.json"
    path.write_text(render(session_of(*_TALK), form))
    assert read_one(path, form).exported_from == _ID


def test_values_and_inputs_that_look_like_marks_are_none(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"input_schema": {"type": "thinking"}}}
    tools = [{"type": "function", "function": {"name": "look", "parameters": schema}}]
    messages = [
        {"role": "user", "content": "parts", "x": {"parts": [], "from": 1, "type": "tool_use"}},
        {"role": "assistant", "content": "from", "function_call": {"arguments": {"type": "tool_use"}}},
    ]
    assert recognize(Source(write_json(tmp_path / "a.json", {"messages": messages, "tools": tools}))) == "openai"
    assert recognize(Source(write_json(tmp_path / "b.json", messages))) == "openai"
    assert form_of("".join(json.dumps(message) + "\n" for message in messages)) == "openai"
    metadata = {"environment": {"working_directory": "/x"}}
    assert form_of(json.dumps({"metadata": metadata, "messages": messages})) == "mistral-vibe"
    assert form_of(json.dumps({"messages": messages, "metadata": metadata | {"aloop_session": _ID}})) == "openai"
    assert form_of(json.dumps({"history": [{"role": "user", "parts": [{"text": "x"}]}]})) == "gemini-cli"
