"""Sessions of other tools by the beginnings and ends of their files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from aloop.importers.peek import ending, glimpses, read_whole, summary
from tests.cli.exchange.test_import import claude_session
from tests.importers.reading import AT, write_json, write_lines


def codex_session(home: Path, folder: Path, number: int) -> Path:
    """Write a session of Codex that took place in ``folder``."""

    def item(role: str, words: str) -> dict[str, object]:
        payload = {"type": "message", "role": role, "content": [{"type": "input_text", "text": words}]}
        return {"timestamp": AT, "type": "response_item", "payload": payload}

    meta = {"timestamp": AT, "type": "session_meta", "payload": {"id": f"0199-{number}", "cwd": str(folder)}}
    talk = [item("user", f"Question {number}"), item("assistant", "x" * 90_000), item("user", "The last one")]
    return write_lines(home / ".codex/sessions/2026/01/22" / f"rollout-{number}.jsonl", meta, *talk)


def test_sessions_of_this_folder_are_found_newest_first(private_home: Path) -> None:
    here = Path.cwd()
    os.utime(claude_session(here, private_home), (1_000, 1_000))
    os.utime(codex_session(private_home, here, 1), (3_000, 3_000))
    os.utime(codex_session(private_home, here, 2), (2_000, 2_000))
    codex_session(private_home, private_home / "elsewhere", 3)
    found = glimpses(here)
    assert [(each.tool, each.title) for each in found] == [
        ("codex", "Question 1"),
        ("codex", "Question 2"),
        ("claude-code", "Asked in work"),
    ]
    assert summary(found) == "2 from Codex, 1 from Claude Code"
    assert len(glimpses(here, frozenset({found[0].session_id}))) == 2


def test_ending_is_read_without_the_middle_and_the_whole_on_import(private_home: Path) -> None:
    codex_session(private_home, Path.cwd(), 1)
    [glimpse] = glimpses(Path.cwd())
    assert [message.content for message in ending(glimpse)] == ["The last one"]
    imported = read_whole(glimpse)
    assert imported is not None
    assert len(imported.messages) == 3


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"type": "session_meta", "payload": 3}\n'])
def test_files_that_are_no_sessions_are_ignored(private_home: Path, data: bytes) -> None:
    path = codex_session(private_home, Path.cwd(), 1)
    path.write_bytes(data)
    assert glimpses(Path.cwd()) == []


def test_session_whose_first_line_is_long_or_that_is_one_document_is_found(private_home: Path) -> None:
    here = Path.cwd()
    path = claude_session(here, private_home)
    snapshot = {"type": "file-history-snapshot", "messageId": "1", "snapshot": {"text": "x" * 300_000}}
    rest = path.read_bytes()
    write_lines(path, snapshot)
    path.write_bytes(path.read_bytes() + rest)
    name = hashlib.sha256(str(here).encode()).hexdigest()
    messages = [{"id": "1", "type": "user", "content": "Start"}, {"id": "2", "type": "gemini", "content": "x" * 90_000}]
    gemini = {"sessionId": "g1", "projectHash": name, "messages": messages}
    write_json(private_home / ".gemini/tmp" / name / "chats/session-1.json", gemini)
    found = {each.tool: each for each in glimpses(here)}
    assert {tool: each.title for tool, each in found.items()} == {"claude-code": "Asked in work", "gemini-cli": "Start"}
    assert [message.role for message in ending(found["gemini-cli"])] == ["user", "assistant"]


def test_session_in_a_subfolder_is_found_only_if_the_path_of_its_file_names_this_folder(private_home: Path) -> None:
    here = Path.cwd()
    codex_session(private_home, here / "part", 1)
    path = claude_session(here, private_home)
    path.write_text(path.read_text().replace(f'"cwd": "{here}"', f'"cwd": "{here}/part"'))
    assert [each.tool for each in glimpses(here)] == ["claude-code"]
