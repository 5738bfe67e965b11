"""``aloop notes`` and ``aloop sessions list --tag``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aloop.cli.sessions.command import SessionsOptions
from aloop.cli.sessions.notes import NotesOptions
from tests.saved_sessions import FIRST, SECOND, THIRD, save


@pytest.fixture
def sessions(sessions_dir: Path) -> Path:
    """A session with a tag, one with a note and tags, and one with neither."""
    first, second = save(sessions_dir, FIRST, day=1), save(sessions_dir, SECOND, day=2)
    save(sessions_dir, THIRD, day=3, says="note and tags are words")
    first.write_text(first.read_text().replace("system_messages:", "tags: [work]\nsystem_messages:"))
    second.write_text(
        second.read_text().replace("  - role: user\n", "  - role: user\n    note: why?\n    tags: [bug, work]\n")
    )
    return sessions_dir


def test_notes_are_listed_newest_session_first(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert NotesOptions(sessions).run() == 0
    assert capsys.readouterr().out.splitlines() == [
        "a1b2ffff  2025-01-02 09:30  What is 2+2?",
        "      #1  user       #bug #work why?",
        "a1b2c3d4  2025-01-01 09:30  What is 2+2? #work",
    ]


def test_notes_with_a_tag_are_listed_as_json(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    NotesOptions(sessions, tag="#bug", as_json=True).run()
    record = json.loads(capsys.readouterr().out)
    assert (record["id"], record["message"], record["note"], record["tags"]) == (SECOND, 1, "why?", ["bug", "work"])


def test_sessions_with_a_tag_are_listed(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SessionsOptions("list", sessions, tag="work", as_json=True).run()
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [SECOND, FIRST]
    SessionsOptions("list", sessions, tag="none").run()
    assert capsys.readouterr().err == "No session has the tag 'none'.\n"


def test_no_notes_are_said_to_be_missing(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert NotesOptions(sessions_dir).run() == 0
    assert capsys.readouterr().err.startswith("There are no notes, tags or pins yet.")
