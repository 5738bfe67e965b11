"""Checking sessions: every oddity has its place, and a mend loses nothing."""

from __future__ import annotations

import os
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.codec.serialization import load_session
from aloop.memory.disk.filesystem import SYSTEM, temporary_name
from aloop.memory.sessions_dir.check import Checker

HEAD = """\
# yaml-language-server: $schema=../.session.schema.json
id: a1b2c3d4-5678-40ab-8def-1234567890ab
created_at: "2025-01-31T14:30:00"
updated_at: "2025-01-31T15:45:00"
messages:
"""
SOUND = HEAD + "  - role: user\n    content: Hello\n  - role: assistant\n    content: Hi\n...\n"
BROKEN_TRANSCRIPT = (
    HEAD
    + """\
  - role: assistant
    content: too early
  - role: user   # a comment
    content: "Hello"
  - role: assistant
    content: null
    tool_calls:
      - {id: call_1, type: function, function: {name: calculator, arguments: '{}'}}
      - {id: call_2, type: function, function: {name: calculator, arguments: '{}'}}
  - role: tool
    content: "4"
    tool_call_id: call_2
  - role: user
    content: ""
  - role: tool
    content: "x"
    tool_call_id: call_9"""
)


def session_in(sessions_dir: Path, text: str, name: str = "2025-01-31_a1b2c3d4") -> Path:
    folder = sessions_dir / name
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    path = folder / "session.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def findings(sessions_dir: Path, *, fix: bool = False) -> list[str]:
    """Return the findings as lines, relative to the sessions folder."""
    found = Checker(SYSTEM, sessions_dir, fix=fix).check_all()
    return [str(finding).removeprefix(f"{sessions_dir}/") for finding in found]


async def test_sessions_as_aloop_writes_them_have_no_findings(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    memory.set_system_message("Be kind.")
    await memory.save_memory()
    assert await SessionLibrary(sessions_dir).check() == []


def test_a_file_that_is_no_yaml_is_told_with_line_and_column(sessions_dir: Path) -> None:
    session_in(sessions_dir, "id: [\n")
    assert findings(sessions_dir)[0].startswith("2025-01-31_a1b2c3d4/session.yaml:2:1: ")


def test_an_unknown_role_is_told_where_it_stands(sessions_dir: Path) -> None:
    session_in(sessions_dir, SOUND.replace("role: assistant", "role: robot"))
    assert findings(sessions_dir)[0].startswith("2025-01-31_a1b2c3d4/session.yaml:8:11: unknown role 'robot'")


def test_what_breaks_a_transcript_is_told_message_by_message(sessions_dir: Path) -> None:
    session_in(sessions_dir, BROKEN_TRANSCRIPT)
    name = "2025-01-31_a1b2c3d4/session.yaml"
    assert findings(sessions_dir)[:-1] == [
        f"{name}:6:5: an answer stands before any question",
        f"{name}:10:5: the tool call call_1 (calculator) has no result",
        f"{name}:18:5: the message is empty; it is left out of what is sent",
        f"{name}:20:5: a tool result (call_9) that answers no call before it",
        f"{name}:22:25: the end marker (...) is missing: the file may have been cut short",
    ]


def test_a_mend_loses_nothing_and_keeps_a_copy(sessions_dir: Path) -> None:
    path = session_in(sessions_dir, BROKEN_TRANSCRIPT)
    assert sum(line.endswith("(fixed)") for line in findings(sessions_dir, fix=True)) == 4
    left = findings(sessions_dir)
    assert [line.partition(": ")[2] for line in left] == [
        "an answer stands before any question",
        "the message is empty; it is left out of what is sent",
    ]
    mended = path.read_text()
    changes = SequenceMatcher(None, BROKEN_TRANSCRIPT.splitlines(), mended.splitlines()).get_opcodes()
    assert {kind for kind, *_ in changes} == {"equal", "insert"}
    messages = load_session(path.read_bytes(), path).messages
    assert [message.tool_call_id for message in messages if message.role == "tool"] == ["call_2", "call_1", "call_9"]
    assert [message.skip for message in messages] == [False] * 6 + [True]
    (copy,) = path.parent.glob("session.before-*.yaml")
    assert copy.read_text() == BROKEN_TRANSCRIPT


def test_a_list_in_brackets_is_reported_on_and_left_to_its_owner(sessions_dir: Path) -> None:
    text = SOUND.partition("messages:")[0] + "messages: [{role: user, content: a}, {role: tool, content: b}]\n...\n"
    path = session_in(sessions_dir, text)
    assert "answers no call" in findings(sessions_dir, fix=True)[0]
    assert path.read_text() == text


def test_modes_that_are_open_to_others_are_told_and_closed(sessions_dir: Path) -> None:
    path = session_in(sessions_dir, SOUND)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    told = findings(sessions_dir, fix=True)
    assert told[0] == "2025-01-31_a1b2c3d4: is open to others: its mode is 0755, not 0700 (fixed)"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_two_folders_with_one_id_are_told(sessions_dir: Path) -> None:
    session_in(sessions_dir, SOUND)
    session_in(sessions_dir, SOUND, "copy")
    assert "copy/session.yaml: has the same ID as 2025-01-31_a1b2c3d4; change the ID in one of them" in findings(
        sessions_dir
    )


def test_an_index_that_does_not_agree_is_made_again(sessions_dir: Path) -> None:
    session_in(sessions_dir, SOUND)
    (sessions_dir / ".index.yaml").write_text("[]\n")
    assert ".index.yaml: does not agree" in findings(sessions_dir, fix=True)[0]
    assert findings(sessions_dir) == []


def test_left_overs_of_dead_writers_are_removed_and_those_of_living_ones_are_not(sessions_dir: Path) -> None:
    path = session_in(sessions_dir, SOUND)
    dead = path.with_name(".session.yaml.4194000-0123abcd.tmp")
    living = path.with_name(temporary_name(path.name))
    dead.touch()
    living.touch()
    assert any(line.endswith("is whole (fixed)") for line in findings(sessions_dir, fix=True))
    assert living.exists()
    assert not dead.exists()


def test_turns_that_were_saved_beside_the_file_are_told_of(sessions_dir: Path) -> None:
    path = session_in(sessions_dir, SOUND)
    path.with_name("session.recovered-20260101T000000.000000.yaml").write_text(SOUND)
    assert "take over what you need, then remove it" in findings(sessions_dir)[0]


def test_a_session_file_that_is_a_link_is_told_of_and_not_opened(sessions_dir: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(BROKEN_TRANSCRIPT)
    path = session_in(sessions_dir, SOUND)
    path.unlink()
    path.symlink_to(elsewhere)
    findings = Checker(SYSTEM, sessions_dir, fix=False).check_all()
    assert f"{path}: is a link; links are not followed, so it is not opened" in map(str, findings)
    assert not any("elsewhere" in str(finding) for finding in findings)


def test_links_are_told_of_and_not_followed(sessions_dir: Path, tmp_path: Path) -> None:
    elsewhere = session_in(tmp_path / "elsewhere", "id: [\n").parent
    session_in(sessions_dir, SOUND)
    (sessions_dir / "link").symlink_to(elsewhere)
    assert [line for line in findings(sessions_dir) if "link" in line] == [
        "link: is a link; links are not followed, so what it points to is no session here"
    ]


def test_a_future_date_and_a_later_version_are_told(sessions_dir: Path) -> None:
    session_in(sessions_dir, SOUND.replace('updated_at: "2025', 'version: 9\nupdated_at: "2095'))
    told = " ".join(findings(sessions_dir))
    assert "updated_at lies in the future" in told
    assert "written by a later aloop" in told


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_can_not_be_opened_is_told(sessions_dir: Path) -> None:
    session_in(sessions_dir, SOUND).chmod(0)
    assert "can not be opened" in " ".join(findings(sessions_dir))


async def test_a_first_turn_that_a_crash_cut_short_is_not_called_empty(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    turn = memory.turn()
    await turn.__aenter__()
    await turn.add(LLMMessage("user", "Hello"))
    memory.close()
    assert "the next start of aloop brings it back" in findings(sessions_dir)[0]


def test_a_folder_that_is_not_there_has_no_findings(sessions_dir: Path) -> None:
    assert findings(sessions_dir) == []
