"""Exports of ChatGPT and Claude.ai."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from aloop.importers.run import Scan, Selection
from tests.importers.reading import outline, read_all, read_one, write_json


def node(parent: str | None, role: str, content: dict[str, Any], **values: Any) -> dict[str, Any]:
    message = {"author": {"role": role, "name": values.pop("name", None)}, "content": content, **values}
    return {"parent": parent, "message": {"create_time": 1704067300.5, "recipient": "all", **message}}


def said(words: str) -> dict[str, Any]:
    return {"content_type": "text", "parts": [words]}


def conversation(**values: Any) -> dict[str, Any]:
    code = {"content_type": "code", "language": "python", "text": "print(1)"}
    image = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1"}
    mapping = {
        "0": {"parent": None, "message": None},
        "1": node("0", "user", {"content_type": "multimodal_text", "parts": [image, "Add"]}),
        "2": node("1", "assistant", code, recipient="python", metadata={"model_slug": "gpt-x"}),
        "3": node("2", "tool", {"content_type": "execution_output", "text": "1\n"}, name="python"),
        "4": node("3", "assistant", said("It is 1."), metadata={"model_slug": "gpt-x"}),
        "5": node("1", "assistant", said("Another."), metadata={"model_slug": "gpt-x"}),
        "6": node("4", "user", said("Hidden"), metadata={"is_visually_hidden_from_conversation": True}),
    }
    return {"title": "Adding", "create_time": None, "mapping": mapping, "current_node": "6", "id": "g1", **values}


def test_chatgpt_calls_get_ids_and_other_leaves_are_branches(tmp_path: Path) -> None:
    path = write_json(tmp_path / "conversations.json", [conversation()])
    main, branch = read_all(path, "chatgpt")
    assert outline(main) == [
        ("user", "[image: file-service://file-1]\n\nAdd"),
        ("assistant", "", "python"),
        ("tool", "1\n"),
        ("assistant", "It is 1."),
        ("user", "Hidden"),
    ]
    call, result = main.messages[1], main.messages[2]
    assert json.loads(call.tool_calls[0].arguments) == {"code": "print(1)"}
    assert result.tool_call_id == call.tool_calls[0].id
    assert (main.messages[4].skip, main.model, main.title) == (True, "gpt-x", "Adding")
    assert branch.messages[-1].content == "Another."
    assert branch.parent == "g1"


def test_chatgpt_archive_is_read_and_an_empty_entry_counted(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("chat.html", "<html>")
        archive.writestr("conversations.json", json.dumps([{"title": "Empty"}, conversation()]))
    scan = Scan(Selection())
    [imported] = scan.read([path])
    assert imported.title == "Adding"
    assert scan.broken == {"conversations without messages": {str(path): 1}}
    assert scan.left_out == {"branch": 1}


def test_claude_ai_blocks_beat_the_text_and_calls_are_paired_in_order(tmp_path: Path) -> None:
    blocks = [
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "name": "search", "input": {"query": "x"}},
        {"type": "tool_result", "content": [{"type": "text", "text": "found"}]},
        {"type": "text", "text": "Here."},
    ]
    attached = [{"file_name": "a.txt", "extracted_content": "inside"}]
    human = {"uuid": "1", "sender": "human", "text": "Look", "content": [], "attachments": attached}
    answer = {"uuid": "2", "sender": "assistant", "text": "placeholder", "content": blocks}
    path = write_json(tmp_path / "c.json", [{"uuid": "c1", "name": "Looking", "chat_messages": [human, answer]}])
    imported = read_one(path, "claude-ai")
    assert outline(imported) == [
        ("user", 'Look\n\n<file path="a.txt">\ninside\n</file>'),
        ("assistant", "I look.\n\nHere.", "search"),
        ("tool", "found"),
    ]


def test_claude_ai_tree_has_branches(tmp_path: Path) -> None:
    def message(own: str, parent: str, sender: str, words: str) -> dict[str, Any]:
        return {"uuid": own, "parent_message_uuid": parent, "sender": sender, "text": words}

    messages = [
        message("1", "0", "human", "One"),
        message("2", "1", "assistant", "A"),
        message("3", "1", "assistant", "B"),
    ]
    document = {"uuid": "c1", "name": "Two", "chat_messages": messages, "current_leaf_message_uuid": "2"}
    main, branch = read_all(write_json(tmp_path / "c.json", document), "claude-ai")
    assert [main.messages[-1].content, branch.messages[-1].content] == ["A", "B"]
