"""Read conversations from made files, for the tests of all formats."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from aloop.importers.detect import recognize
from aloop.importers.imported import Imported
from aloop.importers.run import Scan, Selection
from aloop.importers.source import Source
from aloop.llm.message_types import LLMMessage

AT = "2026-01-22T17:51:04.982Z"
LATER = "2026-01-23T17:51:04.982Z"


def write_lines(path: Path, *values: object) -> Path:
    """Write a file with one JSON value in each line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(value) + "\n" for value in values), "utf-8")
    return path


def write_json(path: Path, value: object) -> Path:
    """Write a file with one JSON value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1), "utf-8")
    return path


def database(path: Path, script: str, *rows: tuple[str, tuple[object, ...]]) -> sqlite3.Connection:
    """Write a database and return the connection, which is still open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript(script)
    for statement, values in rows:
        connection.execute(statement, values)
    connection.commit()
    return connection


def read_all(path: Path, form: str, *problems: str) -> list[Imported]:
    """Return all conversations of a file whose format must be recognized as ``form``.

    The problems must be those that are given. A reader that fails after a conversation is one.
    """
    assert recognize(Source(path)) == form
    scan = Scan(Selection(branches=True))
    found = list(scan.read([path]))
    assert sorted([*scan.problems, *scan.broken]) == sorted(problems)
    return found


def read_one(path: Path, form: str, *problems: str) -> Imported:
    """Return the only conversation of a file."""
    [imported] = read_all(path, form, *problems)
    return imported


def outline(imported: Imported) -> list[Any]:
    """Return role and text of each message, with the names of calls."""
    return [_entry(message) for message in imported.messages]


def _entry(message: LLMMessage) -> tuple[str, ...]:
    return (message.role, message.content or "", *(call.name for call in message.tool_calls))


def enter_folder_that_is_not_utf8(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder whose name is not UTF-8, and change to it."""
    here = Path(os.fsdecode(b"caf\xe9")).absolute()
    try:
        here.mkdir()
    except OSError:
        pytest.skip("names of files must be UTF-8 here")
    monkeypatch.chdir(here)
    return here


def codex_session(home: Path, folder: Path, number: int) -> Path:
    """Write a session of Codex that took place in ``folder``."""

    def item(role: str, words: str) -> dict[str, object]:
        payload = {"type": "message", "role": role, "content": [{"type": "input_text", "text": words}]}
        return {"timestamp": AT, "type": "response_item", "payload": payload}

    meta = {"timestamp": AT, "type": "session_meta", "payload": {"id": f"0199-{number}", "cwd": str(folder)}}
    talk = [item("user", f"Question {number}"), item("assistant", "x" * 90_000), item("user", "The last one")]
    return write_lines(home / ".codex/sessions/2026/01/22" / f"rollout-{number}.jsonl", meta, *talk)
