"""``aloop sessions check``: a line a finding, and an exit code that says whether something is left."""

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
    """A session with nothing odd about it."""
    path = save(sessions_dir, FIRST)
    path.parent.chmod(0o700)
    path.chmod(0o600)
    return path


@pytest.fixture
def odd(path: Path) -> Path:
    """A session with a call that has no result, on line 10, after somebody removed that."""
    text = path.read_text()
    result = text.index("  - role: tool\n")
    path.write_text(text[:result] + text[text.index("  - role: assistant\n    content: |") :])
    return path


def settle(sessions_dir: Path) -> None:
    """Have the index made, so that it is no finding."""
    ask(sessions_dir, "list", as_json=True)


def test_nothing_odd_is_said_apart_and_ends_with_0(
    sessions_dir: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(sessions_dir)
    capsys.readouterr()
    assert ask(sessions_dir, "check") == 0
    assert capsys.readouterr() == ("", "Nothing odd was found.\n")


def test_no_sessions_are_nothing_odd(sessions_dir: Path) -> None:
    assert ask(sessions_dir, "check") == 0


def test_a_finding_is_a_line_with_its_place(sessions_dir: Path, odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = odd.read_bytes()
    assert ask(sessions_dir, "check", FIRST) == 1
    assert capsys.readouterr() == (
        f"{odd}:10:5: the tool call call_1 (calculator) has no result\n",
        "1 finding; --fix can mend 1.\n",
    )
    assert odd.read_bytes() == before


def test_fix_mends_and_keeps_a_copy(sessions_dir: Path, odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = odd.read_bytes()
    assert ask(sessions_dir, "check", FIRST, fix=True) == 0
    out, err = capsys.readouterr()
    assert out == f"{odd}:10:5: the tool call call_1 (calculator) has no result (fixed)\n"
    assert err.startswith("1 finding: 1 fixed, 0 left. What a file was before ")
    (copy,) = odd.parent.glob("session.before-*.yaml")
    assert copy.read_bytes() == before
    assert ask(sessions_dir, "check", FIRST) == 0


def test_what_can_not_be_mended_is_left_and_ends_with_1(
    sessions_dir: Path, odd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = break_session(sessions_dir)
    broken.parent.chmod(0o700)
    broken.chmod(0o600)
    settle(sessions_dir)
    capsys.readouterr()
    assert ask(sessions_dir, "check", fix=True) == 1
    out, err = capsys.readouterr()
    assert [line.endswith("(fixed)") for line in out.splitlines()] == [True, False]
    assert f"{broken}:4:1: " in out
    assert err.startswith("2 findings: 1 fixed, 1 left.")
    assert ask(sessions_dir, "check") == 1
    assert capsys.readouterr().err == "1 finding, none that --fix could mend.\n"


def test_findings_in_json_have_a_record_a_line(
    sessions_dir: Path, odd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(sessions_dir, "check", FIRST, as_json=True) == 1
    record = json.loads(capsys.readouterr().out)
    assert record == {
        "path": str(odd),
        "line": 10,
        "column": 5,
        "message": "the tool call call_1 (calculator) has no result",
        "fixable": True,
        "fixed": False,
    }


def test_only_the_session_that_is_named_is_checked(sessions_dir: Path, path: Path) -> None:
    break_session(sessions_dir)
    assert ask(sessions_dir, "check", "a1b2") == 0
    with pytest.raises(SessionNotFound):
        ask(sessions_dir, "check", SECOND)


async def test_a_conversation_that_is_open_takes_a_fix_over(sessions_dir: Path, odd: Path) -> None:
    memory = await MemoryManager.from_session(FIRST, sessions_dir=sessions_dir)
    findings = await SessionLibrary(sessions_dir).check(FIRST, fix=True)
    assert [finding.fixed for finding in findings] == [True]
    await memory.save_memory()
    assert [message.role for message in memory.messages] == ["user", "assistant", "tool", "assistant"]


def test_a_check_is_an_exit_code_for_a_script(sessions_dir: Path, odd: Path) -> None:
    arguments = ["--sessions-dir", str(sessions_dir), "sessions", "check"]
    settle(sessions_dir)
    assert run(arguments).returncode == 1
    assert run([*arguments, "--fix"]).returncode == 0
    done = run(arguments)
    assert (done.returncode, done.stdout) == (0, "")


def test_only_a_changed_text_is_said_to_be_kept(
    sessions_dir: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.chmod(0o644)
    assert ask(sessions_dir, "check", FIRST, fix=True) == 0
    assert capsys.readouterr().err == "1 finding: 1 fixed, 0 left.\n"
