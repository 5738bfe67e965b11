"""Lists of messages in the shapes of APIs and data sets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from aloop.export.document import render
from aloop.importers.imported import Imported
from aloop.importers.storing.store import ImportStore
from tests.export.test_export import TALK
from tests.importers.reading import outline, read_all, read_one, write_json, write_lines


def test_openai_list_with_old_and_new_calls(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "m.json",
        [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image_url", "image_url": {"url": "http://x/y.png"}},
                ],
            },
            {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": '{"a":1}'}},
            {"role": "function", "name": "look", "content": "seen"},
            {"role": "assistant", "content": "Done."},
        ],
    )
    imported = read_one(path, "openai")
    assert outline(imported) == [
        ("system", "Be brief."),
        ("user", "Look\n\n[image: http://x/y.png]"),
        ("assistant", "", "look"),
        ("tool", "seen"),
        ("assistant", "Done."),
    ]
    assert imported.messages[3].tool_call_id == imported.messages[2].tool_calls[0].id


def test_openai_lines_are_one_conversation_each(tmp_path: Path) -> None:
    lines = [{"messages": [{"role": "user", "content": f"Question {n}"}]} for n in range(3)]
    found = read_all(write_lines(tmp_path / "m.jsonl", *lines), "openai")
    assert [each.messages[0].content for each in found] == ["Question 0", "Question 1", "Question 2"]
    assert len({each.foreign_id for each in found}) == 3


def test_anthropic_request_keeps_blocks_in_order(tmp_path: Path) -> None:
    blocks = [
        {"type": "text", "text": "First."},
        {"type": "tool_use", "id": "c1", "name": "look", "input": {"b": 1, "a": 2}},
        {"type": "text", "text": "Last."},
    ]
    results = [{"type": "tool_result", "tool_use_id": "c1", "content": "seen"}, {"type": "text", "text": "And?"}]
    messages = [
        {"role": "user", "content": "Look"},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": results},
    ]
    path = write_json(tmp_path / "r.json", {"model": "claude-x", "system": "Be brief.", "messages": messages})
    imported = read_one(path, "anthropic")
    assert [entry[:2] for entry in outline(imported)] == [
        ("system", "Be brief."),
        ("user", "Look"),
        ("assistant", "First.Last."),
        ("tool", "seen"),
        ("user", "And?"),
    ]
    answer = imported.messages[2]
    assert answer.layout == "text:6 call text:5"
    assert answer.tool_calls[0].arguments == '{"b": 1, "a": 2}'


def test_sharegpt_calls_and_observations_are_paired(tmp_path: Path) -> None:
    call = json.dumps({"name": "look", "arguments": {"a": 1}})
    turns = [("human", "Look"), ("function_call", call), ("observation", "seen"), ("gpt", "Done.")]
    value = {"conversations": [{"from": author, "value": words} for author, words in turns], "tools": "[]"}
    imported = read_one(write_json(tmp_path / "s.json", [value]), "sharegpt")
    assert outline(imported) == [("user", "Look"), ("assistant", "", "look"), ("tool", "seen"), ("assistant", "Done.")]


def test_ouro_anchors_are_resolved_and_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "id: 0c5410a0\ncreated_at: '2026-11-28T22:50:44'\nmessages:\n"
        "- role: user\n  content: &q Twice\n  tokens: 0\n- role: user\n  content: *q\n  tokens: 0\n"
    )
    assert outline(read_one(path, "ouro")) == [("user", "Twice"), ("user", "Twice")]
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 10))
    path.write_text(f"id: x\nl0: &l0 [a, a]\n{levels}messages: []\n")
    reason = "anchors (&name) are not allowed; if this is text, quote it"
    assert read_all(path, "aloop", f"{path}:2:5: {reason}") == []


def test_session_with_anchors_is_read_like_one_of_ouro(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "id: a1b2c3d4-5678-40ab-8def-1234567890ab\ncreated_at: '2026-11-28T22:50:44'\nmessages:\n"
        "- role: user\n  content: &q Twice\n- role: user\n  content: *q\n"
    )
    assert outline(read_one(path, "aloop")) == [("user", "Twice"), ("user", "Twice")]


def foreign(imported: Imported) -> list[object]:
    return [message.extra.get("foreign") for message in imported.messages]


def test_fields_of_openai_messages_without_a_place_are_kept_or_counted(tmp_path: Path) -> None:
    audio = {"id": "a1", "data": "A" * 5_000, "transcript": "Spoken."}
    messages = [
        {"role": "user", "content": "Hi", "name": "Ann", "weight": 0},
        {"role": "assistant", "content": "Ho", "refusal": None, "annotations": [{"type": "url_citation"}]},
        {"role": "assistant", "content": None, "refusal": "I refuse."},
        {"role": "assistant", "content": "Both", "refusal": "No."},
        {"role": "assistant", "content": None, "audio": audio},
        {"role": "weird", "content": "Odd"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"type": "custom", "id": "c", "custom": {"name": "run", "input": "ls"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "ok", "status": "done"},
        {"role": "user", "content": "", "lonely": 1},
    ]
    around = {"model": "m", "temperature": 0.5, "tools": [{"type": "function"}], "stop": None, "a\nb": 1}
    metadata = {"aloop_session": "x", "user": "u"}
    imported = read_one(
        write_json(tmp_path / "m.json", {**around, "messages": messages, "metadata": metadata}), "openai"
    )
    assert foreign(imported) == [
        {"name": "Ann", "weight": 0},
        {"annotations": [{"type": "url_citation"}]},
        {"refusal": True},
        {"refusal": "No."},
        None,
        {"role": "weird"},
        None,
        {"status": "done"},
    ]
    assert [message.content for message in imported.messages][2:6] == ["I refuse.", "Both", "Spoken.", "Odd"]
    assert imported.messages[6].tool_calls[0].name == "run"
    assert imported.losses == {
        "field audio of messages": 1,
        "field lonely of messages": 1,
        "field temperature beside the messages": 1,
        "descriptions of tools": 1,
        "field with an unusual name beside the messages": 1,
        "field metadata beside the messages": 1,
    }


def test_fields_of_anthropic_messages_without_a_place_are_kept_or_counted(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "text", "text": "Ho"}], "id": "msg_1", "stop_reason": "end_turn"},
        {"role": "weird", "content": "Odd", "long": "A" * 5_000},
    ]
    around = {"model": "m", "max_tokens": 5, "system": "Be brief.", "metadata": {"aloop_session": "x"}}
    imported = read_one(write_json(tmp_path / "m.json", {**around, "messages": messages}), "anthropic")
    assert foreign(imported) == [None, None, {"id": "msg_1", "stop_reason": "end_turn"}, {"role": "weird"}]
    assert imported.losses == {"field long of messages": 1, "field max_tokens beside the messages": 1}


@pytest.mark.parametrize("form", ["openai", "anthropic", "sharegpt"])
def test_fields_of_messages_are_not_taken_for_marks_of_aloop(tmp_path: Path, form: str) -> None:
    marks = {"injected": "yes", "output_file": "a.txt"}
    if form == "sharegpt":
        value: object = [{"id": "1", "conversations": [{"from": "human", "value": "Hi", **marks}]}]
    else:
        content = [{"type": "text", "text": "Ho"}]
        system = {"system": "Be brief."} if form == "anthropic" else {}
        messages = [{"role": "user", "content": "Hi", **marks}, {"role": "assistant", "content": content}]
        value = {"model": "m", **system, "messages": messages}
    imported = read_one(write_json(tmp_path / "m.json", value), form)
    message = next(each for each in imported.messages if each.content == "Hi")
    assert not message.extra
    assert not message.skip
    assert imported.losses["field output_file of messages"] == 1


def test_fields_of_sharegpt_turns_without_a_place_are_kept_or_counted(tmp_path: Path) -> None:
    turns = [
        {"from": "human", "value": "Hi", "weight": 1},
        {"from": "gpt", "value": "Ho"},
        {"from": "function_call", "value": '{"name": "look", "arguments": {}}', "score": 2},
        {"from": "observation", "value": "seen"},
        {"from": "weird", "value": "Odd", "long": "A" * 5_000},
    ]
    value = {"id": "1", "conversations": turns, "tools": "[]", "source": "web"}
    imported = read_one(write_json(tmp_path / "m.json", [value]), "sharegpt")
    assert foreign(imported) == [{"weight": 1}, {"score": 2}, None, {"from": "weird"}]
    assert imported.losses == {
        "field long of messages": 1,
        "descriptions of tools": 1,
        "field source beside the messages": 1,
    }


@pytest.mark.parametrize("form", ["openai", "anthropic", "sharegpt"])
def test_documents_that_aloop_exports_have_no_unknown_fields(tmp_path: Path, form: str) -> None:
    path = tmp_path / "chat.json"
    path.write_text(render(TALK, form), "utf-8")
    imported = read_one(path, form)
    assert (foreign(imported), imported.losses) == ([None] * len(imported.messages), {})


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_imported_session_of_ouro_is_one_of_aloop_afterwards(form: str, tmp_path: Path) -> None:
    path = tmp_path / "o.yaml"
    path.write_text('id: o1\nmessages:\n  - role: user\n    content: "Hi"\n    tokens: 3\n')
    store = ImportStore(tmp_path / "sessions")
    session_id = store.put(read_one(path, "ouro")).session_id
    session = store.backend.open(session_id).session
    exported = tmp_path / "talk.json"
    exported.write_text(render(session, "json"))
    again = read_one(session.path if form == "yaml" else exported, "aloop")
    assert again.session
    assert again.session == replace(session, path=again.session.path)
