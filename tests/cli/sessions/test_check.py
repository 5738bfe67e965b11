"""``aloop sessions check``: a line per problem, and exit code 1 if any remain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aloop.errors import SessionNotFound
from aloop.memory import MemoryManager, SessionLibrary
from tests.saved_sessions import FIRST, SECOND, ask, break_session, save
from tests.test_main import run


@pytest.fixture
def path(sessions_dir: Path) -> Path:
    """A session without problems."""
    path = save(sessions_dir, FIRST)
    path.parent.chmod(0o700)
    path.chmod(0o600)
    return path


@pytest.fixture
def damaged(path: Path) -> Path:
    """A session whose tool call on line 10 has lost its result."""
    text = path.read_text()
    result = text.index("  - role: tool\n")
    path.write_text(text[:result] + text[text.index("  - role: assistant\n    content: |") :])
    return path


def settle(sessions_dir: Path) -> None:
    """Create the index, whose absence is a problem."""
    ask(sessions_dir, "list", as_json=True)


def test_check_without_problems_prints_a_note_and_exits_with_0(
    sessions_dir: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(sessions_dir)
    capsys.readouterr()
    assert ask(sessions_dir, "check") == 0
    assert capsys.readouterr() == ("", "No problems found.\n")


def test_check_without_sessions_exits_with_0(sessions_dir: Path) -> None:
    assert ask(sessions_dir, "check") == 0


def test_check_prints_a_problem_with_its_position(
    sessions_dir: Path, damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = damaged.read_bytes()
    assert ask(sessions_dir, "check", FIRST) == 1
    assert capsys.readouterr() == (
        f"{damaged}:10:5: the tool call call_1 (calculator) has no result\n",
        "Found 1 problem, 1 fixable with --fix.\n",
    )
    assert damaged.read_bytes() == before


def test_fix_repairs_the_file_and_keeps_a_copy(
    sessions_dir: Path, damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = damaged.read_bytes()
    assert ask(sessions_dir, "check", FIRST, fix=True) == 0
    out, err = capsys.readouterr()
    assert out == f"{damaged}:10:5: the tool call call_1 (calculator) has no result (fixed)\n"
    assert err.startswith("Found 1 problem: 1 fixed, 0 left. The previous text is kept as session.before-")
    (copy,) = damaged.parent.glob("session.before-*.yaml")
    assert copy.read_bytes() == before
    assert ask(sessions_dir, "check", FIRST) == 0


def test_problem_that_cannot_be_fixed_is_left_and_exits_with_1(
    sessions_dir: Path, damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = break_session(sessions_dir)
    broken.parent.chmod(0o700)
    broken.chmod(0o600)
    settle(sessions_dir)
    capsys.readouterr()
    assert ask(sessions_dir, "check", fix=True) == 1
    out, err = capsys.readouterr()
    assert [line.endswith("(fixed)") for line in out.splitlines()] == [True, False]
    assert f"{broken}:3:11: " in out
    assert err.startswith("Found 2 problems: 1 fixed, 1 left.")
    assert ask(sessions_dir, "check") == 1
    assert capsys.readouterr().err == "Found 1 problem, none fixable with --fix.\n"


def test_check_as_json_prints_a_record_per_line(
    sessions_dir: Path, damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(sessions_dir, "check", FIRST, as_json=True) == 1
    record = json.loads(capsys.readouterr().out)
    assert record == {
        "path": str(damaged),
        "line": 10,
        "column": 5,
        "message": "the tool call call_1 (calculator) has no result",
        "fixable": True,
        "fixed": False,
    }


def test_check_with_an_id_checks_that_session_only(sessions_dir: Path, path: Path) -> None:
    break_session(sessions_dir)
    assert ask(sessions_dir, "check", "a1b2") == 0
    with pytest.raises(SessionNotFound):
        ask(sessions_dir, "check", SECOND)


async def test_open_conversation_adopts_a_fix(sessions_dir: Path, damaged: Path) -> None:
    memory = await MemoryManager.from_session(FIRST, sessions_dir=sessions_dir)
    findings = await SessionLibrary(sessions_dir).check(FIRST, fix=True)
    assert [finding.fixed for finding in findings] == [True]
    await memory.save_memory()
    assert [message.role for message in memory.messages] == ["user", "assistant", "tool", "assistant"]


def test_check_exit_code_changes_after_a_fix(sessions_dir: Path, damaged: Path) -> None:
    arguments = ["--sessions-dir", str(sessions_dir), "sessions", "check"]
    settle(sessions_dir)
    assert run(arguments).returncode == 1
    assert run([*arguments, "--fix"]).returncode == 0
    done = run(arguments)
    assert (done.returncode, done.stdout) == (0, "")


def test_fix_of_a_file_mode_mentions_no_copy(
    sessions_dir: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.parent.chmod(0o755)
    assert ask(sessions_dir, "check", FIRST, fix=True) == 0
    assert capsys.readouterr().err == "Found 1 problem: 1 fixed, 0 left.\n"
