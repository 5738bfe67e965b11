"""Lists of messages in the shapes of APIs and data sets."""

from __future__ import annotations

import json
from pathlib import Path

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
