"""Commands that change the conversation, on a real pseudo-terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Open
from tests.saved_sessions import FIRST, save

SESSIONS = Path(".aloop/sessions")

# Breaks the YAML on the first run, repairs it on the second, and prints the requested line each time.
EDITOR = """\
import pathlib, sys
place, path = sys.argv[-2], pathlib.Path(sys.argv[-1])
text = path.read_text()
path.write_text(text.replace("role: tool", "role: toll") if "toll" not in text else
                text.replace("role: toll", "role: tool").replace("It is", "It was"))
print("edited at", place, flush=True)
"""


def test_undo_restores_the_prompt_text_and_redo_restores_the_turn_after_a_restart(shell: Open) -> None:
    aloop = shell()
    aloop.send_line("remember the blue door")
    aloop.wait_for("2 messages")
    aloop.wait_for_prompt()
    aloop.send_line("What is 2+2?")
    aloop.wait_for("6 messages")
    aloop.wait_for_prompt()
    aloop.send_line("/undo")
    aloop.wait_for("Removed the last turn (messages 3-6). /redo restores it.")
    aloop.wait_until(lambda: aloop.screen().splitlines()[-2] == "> What is 2+2?", "the text on the prompt")
    aloop.wait_until(lambda: " · 2 messages" in aloop.screen().splitlines()[-1], "the number of messages")
    aloop.send("\x03\x03\x04")
    assert aloop.wait_for_exit() == 0
    again = shell("--resume")
    again.send_line("/redo")
    again.wait_for("Restored the turn that /undo removed (messages 3-6).")
    again.wait_for_prompt()
    assert "✓ calculate 2+2" in again.screen()
    assert " · 6 messages" in again.screen().splitlines()[-1]
    again.send_line("/undo")
    again.wait_for("> What is 2+2?")
    again.send("\r")
    again.wait_for("2+2 = 4")
    again.wait_for("6 messages")


def test_edit_reopens_an_invalid_draft_until_it_is_a_valid_session(
    shell: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "vim"
    editor.write_text(f"#!{sys.executable}\n{EDITOR}")
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    path = save(SESSIONS, FIRST)
    before = path.read_text()
    aloop = shell("--resume")
    aloop.send_line("/edit 4")
    aloop.wait_for("edited at +22")
    aloop.wait_for("Line 18, column 11: unknown role 'toll'")
    aloop.wait_for("╭ The session was not changed. Edit again?")
    aloop.wait_for("╰ y/n or ↑↓ Enter · Esc stops")
    assert path.read_text() == before
    aloop.send("y")
    aloop.wait_for("edited at +18")
    aloop.wait_for("Edited: 1 message changed.")
    aloop.wait_for_prompt()
    assert path.read_text() == before.replace("It is", "It was")


def test_edit_with_a_missing_editor_reports_it_and_changes_nothing(
    shell: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "no-such-editor")
    save(SESSIONS, FIRST)
    aloop = shell("--resume")
    aloop.send_line("/edit")
    aloop.wait_for("Cannot find the editor 'no-such-editor'.")
    aloop.wait_for("Nothing was changed.")


def test_fork_continues_without_skipped_messages(shell: Open) -> None:
    path = save(SESSIONS, FIRST)
    aloop = shell("--resume")
    aloop.send_line("/skip 2")
    aloop.wait_for("Messages 2-3 are no longer sent to the model.")
    aloop.wait_for_prompt()
    assert path.read_text().count("skip: true") == 2
    skipped = path.read_bytes()
    aloop.send_line("/fork 3")
    aloop.wait_for("a fork of a1b2c3d4 up to message 3.")
    aloop.wait_for_prompt()
    aloop.send_line("and now?")
    aloop.wait_for("I remember 2 messages of this conversation.")
    aloop.wait_for("5 messages")
    aloop.wait_for_prompt()
    aloop.send_line("/rename The other way")
    aloop.wait_for("The title is now “The other way”.")
    aloop.wait_for_prompt()
    aloop.send_line("/resume")
    aloop.wait_for("just now      The other way")
    assert path.read_bytes() == skipped


def test_session_of_a_moved_project_moves_with_it(shell: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, moved = tmp_path / "p1", tmp_path / "p1moved"
    project.mkdir()
    monkeypatch.chdir(project)
    aloop = shell()
    aloop.send_line("remember the blue door")
    aloop.wait_for("2 messages")
    aloop.wait_for_prompt()
    project.rename(moved)
    aloop.send_line("What is 2+2?")
    aloop.wait_for("6 messages")
    aloop.wait_for_prompt()
    text = "".join(aloop.screen().split())
    assert "p1moved,andthesessionissavedthere." in text
    aloop.send_line("write notes.txt: hello")
    aloop.wait_for("╰ y/d/a/n or ↑↓ Enter · Esc stops")
    aloop.send("y")
    aloop.wait_until((moved / "notes.txt").exists, "the file in the moved project")
    aloop.wait_for_prompt()
    aloop.send("\x04")
    assert aloop.wait_for_exit() == 0
    again = shell("--resume")
    again.wait_for("Resumed")
    assert " · 10 messages" in again.screen().splitlines()[-1]
    assert "newer copy" not in again.screen()
    assert not project.exists()
