"""Summaries that a program has made since an import or an export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aloop.export.targets import to_tool
from aloop.importers.run import Scan, Selection
from aloop.importers.storing.store import ImportStore, Outcome
from aloop.llm.message_types import LLMMessage
from tests.importers.reading import AT, write_lines
from tests.importers.test_round_trip import session_of


def entry(own: str, parent: str | None, role: str, words: str) -> dict[str, Any]:
    """Return a message of pi."""
    message = {"role": role, "content": [{"type": "text", "text": words}]}
    return {"type": "message", "id": own, "parentId": parent, "timestamp": AT, "message": message}


def compaction(own: str, parent: str, kept: str, words: str) -> dict[str, Any]:
    """Return a summary of the messages before the one with the ID ``kept``."""
    around = {"id": own, "parentId": parent, "timestamp": AT}
    return {"type": "compaction", **around, "summary": words, "firstKeptEntryId": kept}


def put(path: Path, sessions_dir: Path) -> Outcome:
    [imported] = Scan(Selection()).read([path])
    return ImportStore(sessions_dir).put(imported)


def found(sessions_dir: Path, session_id: str) -> list[tuple[str | None, bool]]:
    """Return the content of each message but the first, and whether it is skipped."""
    messages = ImportStore(sessions_dir).backend.open(session_id).session.messages
    return [(message.content, message.skip) for message in messages[1:]]


def test_import_continues_after_summaries_of_messages_that_it_has(sessions_dir: Path, tmp_path: Path) -> None:
    header = {"type": "session", "version": 3, "id": "s1", "timestamp": AT, "cwd": "/work"}
    lines = [header, entry("1", None, "user", "One"), entry("2", "1", "assistant", "First")]
    lines += [entry("3", "2", "user", "Two"), entry("4", "3", "assistant", "Second")]
    imported = put(write_lines(tmp_path / "s.jsonl", *lines), sessions_dir)
    lines += [compaction("5", "4", "3", "So far."), entry("6", "5", "user", "Three")]
    updated = put(write_lines(tmp_path / "s.jsonl", *lines), sessions_dir)
    assert (updated.action, updated.added, updated.session_id) == ("updated", 2, imported.session_id)
    lines += [compaction("7", "6", "6", "More."), entry("8", "7", "assistant", "Third")]
    assert put(write_lines(tmp_path / "s.jsonl", *lines), sessions_dir).action == "updated"
    assert put(tmp_path / "s.jsonl", sessions_dir).action == "unchanged"
    assert found(sessions_dir, imported.session_id) == [
        ("One", False),
        ("First", False),
        ("Two", False),
        ("Second", False),
        ("So far.", True),
        ("Three", False),
        ("More.", True),
        ("Third", False),
    ]


def test_export_comes_back_with_a_summary_of_its_first_messages(sessions_dir: Path, tmp_path: Path) -> None:
    talk = (
        LLMMessage("user", "One"),
        LLMMessage("assistant", "First"),
        LLMMessage("user", "Two"),
        LLMMessage("assistant", "Second"),
    )
    session = session_of(talk)
    ImportStore(sessions_dir).backend.create(session)
    exported = to_tool(session, "pi", Path("/work"))
    lines = [json.loads(line) for line in exported.text.splitlines()]
    last = lines[-1]["id"]
    lines.append(compaction("x1", last, lines[3]["id"], "So far."))
    path = write_lines(tmp_path / exported.path.name, *lines)
    assert put(path, sessions_dir).action == "exported"
    lines += [entry("x2", "x1", "user", "Three"), entry("x3", "x2", "assistant", "Third")]
    outcome = put(write_lines(path, *lines), sessions_dir)
    assert (outcome.action, outcome.session_id) == ("updated", session.id)
    assert put(path, sessions_dir).action == "exported"
    assert ImportStore(sessions_dir).backend.open(session.id).session.messages[:4] == talk
    assert found(sessions_dir, session.id)[4:] == [("So far.", True), ("Three", False), ("Third", False)]
    lines.append(entry("x4", "x3", "user", "Four"))
    put(write_lines(path, *lines), sessions_dir)
    assert [content for content, _ in found(sessions_dir, session.id)].count("So far.") == 1
