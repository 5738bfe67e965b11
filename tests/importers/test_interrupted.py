"""Answers that were interrupted, in exports and after their import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aloop.export.document import render
from aloop.export.formats import TOOLS
from aloop.export.targets import to_tool
from aloop.importers.run import Scan, Selection
from aloop.importers.storing.store import ImportStore
from aloop.importers.transcript import as_transcript
from aloop.llm.message_types import LLMMessage, ToolCall
from tests.importers.reading import read_one, write_json, write_lines
from tests.importers.test_claude_code import FORM, Lines, call, result, said
from tests.importers.test_round_trip import session_of

TALK = (
    LLMMessage("user", "Look"),
    LLMMessage("assistant", "I look", interrupted=True),
    LLMMessage("user", "Run it"),
    LLMMessage("assistant", "I run", (ToolCall("c1", "run", "{}"), ToolCall("c2", "run", "{}")), interrupted=True),
    LLMMessage("tool", "done", tool_call_id="c1", name="run"),
    LLMMessage("tool", "stopped", tool_call_id="c2", name="run", is_error=True),
    LLMMessage("user", "Again"),
    LLMMessage("assistant", "Done."),
    LLMMessage("user", "And now?", interrupted=True),
)


@pytest.mark.parametrize("count", [2, 6, 9])
@pytest.mark.parametrize("form", [*TOOLS, "json"])
def test_marks_survive_an_export_and_its_import(form: str, count: int, tmp_path: Path) -> None:
    session = session_of(TALK[:count])
    exported = to_tool(session, form, Path("/work")) if form in TOOLS else None
    path = tmp_path / (exported.path.name if exported else "talk.json")
    path.write_text(exported.text if exported else render(session, form))
    [imported] = Scan(Selection()).read([path])
    found = [message for message in as_transcript(imported.messages) if not message.skip]
    assert [(message.role, message.content, message.interrupted) for message in found] == [
        (message.role, message.content, message.interrupted) for message in TALK[:count]
    ]
    assert imported.title == "A talk"
    [own] = Scan(Selection()).read([write_json(tmp_path / "own.json", json.loads(render(session, "json")))])
    store = ImportStore(tmp_path / "sessions")
    assert store.put(own).action == "imported"
    assert store.put(imported).action == ("exported" if exported else "unchanged")


@pytest.mark.parametrize("form", ["md", "html"])
def test_documents_for_readers_show_the_marks(form: str) -> None:
    assert render(session_of(TALK), form).count("interrupted)") == 3


def test_claude_code_question_without_an_answer_is_marked_and_not_the_answer_before(tmp_path: Path) -> None:
    make = Lines()
    stop = {"type": "text", "text": "[Request interrupted by user]"}
    path = write_lines(
        tmp_path / "a.jsonl",
        make.user("u1", None, "One"),
        make.answer("a1", "u1", "m1", said("First.")),
        make.user("u2", "a1", "Two"),
        make.user("n1", "u2", "A note", isMeta=True),
        make.user("s1", "n1", [stop]),
        make.user("u3", "s1", "Three"),
        make.answer("a3", "u3", "m3", call(1)),
        make.user("r3", "a3", result(1)),
        make.user("s2", "r3", [stop]),
    )
    found: list[Any] = [(each.role, each.interrupted) for each in read_one(path, FORM).messages]
    assert found == [
        ("user", False),
        ("assistant", False),
        ("user", True),
        ("user", False),
        ("user", False),
        ("assistant", True),
        ("tool", False),
    ]
