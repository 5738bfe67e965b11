"""Common tasks of a new user with the offline model, on a real pseudo-terminal."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Open
from tests.e2e.shell import Shell
from tests.saved_sessions import FIRST, SECOND, break_session, save

SESSIONS = Path(".aloop/sessions")


def test_first_conversation_is_answered_and_saved(shell: Open) -> None:
    aloop = shell()
    assert "offline demo" in aloop.screen()
    aloop.send_line("What is 2+2?")
    aloop.wait_for("✓ calculate 2+2")
    aloop.wait_for("2+2 = 4")
    aloop.wait_for_prompt()
    [path] = SESSIONS.glob("*/session.yaml")
    assert 'content: "What is 2+2?"' in path.read_text() or "content: What is 2+2?" in path.read_text()
    assert aloop.screen().splitlines()[-1].startswith("offline · What is 2+2? · ")


def test_tab_completes_commands_and_sessions(shell: Open) -> None:
    save(SESSIONS, FIRST, day=1, says="About the weather")
    save(SESSIONS, SECOND, day=2, says="About the sea")
    aloop = shell()
    aloop.wait_for("0 messages")
    aloop.send("/resu\t")
    aloop.wait_for("> /resume")
    aloop.send(" ")
    aloop.wait_for("About the weather")
    assert "2025-01-01" in aloop.screen()
    aloop.send("a1b2c\t")
    aloop.wait_for("> /resume a1b2c3d4")
    aloop.send("\r")
    aloop.wait_for("Resumed a1b2c3d4 · 4 messages")


def test_resume_takes_a_row_of_the_closed_picker(shell: Open) -> None:
    save(SESSIONS, FIRST, day=1, says="About the weather")
    save(SESSIONS, SECOND, day=2, says="About the sea")
    aloop = shell()
    aloop.send_line("/resume")
    aloop.wait_for("Enter resume")
    aloop.send("\x1b")
    aloop.wait_for_prompt()
    assert "About the" not in aloop.screen()
    aloop.send_line("/resume 2")
    aloop.wait_for("Resumed a1b2c3d4 · 4 messages")
    assert "> About the weather" in aloop.screen()
    aloop.wait_for_prompt()
    aloop.send_line("/resume a1b2")
    aloop.wait_for("2 sessions match 'a1b2'")


def test_broken_session_is_reported_by_path_and_others_can_be_resumed(shell: Open) -> None:
    path = break_session(SESSIONS)
    save(SESSIONS, FIRST)
    aloop = shell(columns=200)
    aloop.send_line("/history")
    aloop.wait_for(f"{SESSIONS.absolute()}/{path.parent.name}/session.yaml:")
    aloop.wait_for_prompt()
    aloop.send_line("/resume a1b2")
    aloop.wait_for("Resumed a1b2c3d4")


def test_history_pages_a_long_conversation(shell: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "less -R")
    save(SESSIONS, FIRST, says="\n".join(f"line {number}" for number in range(100)))
    aloop = shell()
    aloop.send_line("/history a1b2")
    aloop.wait_until(lambda: "line 5" in aloop.screen() and "\nq closes, Space shows" in aloop.screen(), "less")
    assert "line 90" not in aloop.screen()
    aloop.send("q")
    aloop.wait_for_prompt()
    aloop.send_line("/clear")
    aloop.wait_for("This is already a new session.")


def test_ctrl_c_in_the_pager_interrupts_only_the_pager(
    shell: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pager = tmp_path / "pager.py"
    pager.write_text(
        "import os, signal, sys\n"
        # Not print: it may be the one that is interrupted.
        "signal.signal(signal.SIGINT, lambda *_: os.write(1, b'pager interrupted\\n'))\n"
        "print(sys.stdin.read().count('line '), 'lines paged', flush=True)\n"
        "open('/dev/tty').readline()\n"
    )
    monkeypatch.setenv("PAGER", f"{sys.executable} {pager}")
    save(SESSIONS, FIRST, says="\n".join(f"line {number}" for number in range(100)))
    aloop = shell()
    aloop.send_line("/history a1b2")
    aloop.wait_for("lines paged")
    aloop.send("\x03")
    aloop.wait_for("pager interrupted")
    aloop.send("\r")
    aloop.wait_for_prompt()
    assert "Stopped" not in aloop.scrollback()


def test_input_history_is_available_in_the_next_run(shell: Open) -> None:
    aloop = shell()
    aloop.send("a draft to keep")
    aloop.wait_for("> a draft to keep")
    aloop.send("\x03")
    aloop.wait_for_prompt()
    aloop.send("\x04")
    assert aloop.wait_for_exit() == 0
    again = shell()
    again.send("\x12draft")
    again.wait_for("> a draft to keep")


def test_resume_after_a_restart_continues_the_session(shell: Open) -> None:
    aloop = shell()
    aloop.send_line("remember the blue door")
    aloop.wait_for("2 messages")
    aloop.wait_for_prompt()
    aloop.send("\x04")
    assert aloop.wait_for_exit() == 0
    assert "aloop --resume" in aloop.screen()
    again = shell("--resume")
    assert "> remember the blue door" in again.screen()
    again.send_line("and now?")
    again.wait_for("4 messages")
    again.wait_for_prompt()
    again.send_line("/exit")
    assert again.wait_for_exit() == 0
    assert len(list(SESSIONS.glob("*/session.yaml"))) == 1


def test_clear_starts_a_session_and_leaves_the_old_file_unchanged(shell: Open) -> None:
    aloop = shell()
    aloop.send_line("one")
    aloop.wait_for("2 messages")
    aloop.wait_for_prompt()
    [path] = SESSIONS.glob("*/session.yaml")
    before = path.read_bytes()
    aloop.send_line("/clear")
    aloop.wait_for("Started a new session.")
    aloop.wait_for_prompt()
    aloop.send_line("two")
    aloop.wait_for("2 messages")
    aloop.wait_for_prompt()
    assert path.read_bytes() == before
    assert len(list(SESSIONS.glob("*/session.yaml"))) == 2


def test_unknown_command_suggests_a_similar_one(shell: Open) -> None:
    aloop = shell()
    aloop.send_line("/histroy")
    aloop.wait_for("Did you mean /history?")


def test_multiline_paste_is_not_sent(shell: Open) -> None:
    aloop = shell()
    aloop.send("\x1b[200~first line\nsecond line\x1b[201~")
    aloop.wait_for("  second line")
    aloop.wait_for("0 messages")


def test_resume_without_sessions_exits_with_1() -> None:
    with Shell("--resume") as aloop:
        assert aloop.wait_for_exit() == 1
        assert "no session to resume" in " ".join(aloop.screen().split())


def test_picker_and_help_fit_a_narrow_screen(shell: Open) -> None:
    save(SESSIONS, FIRST, says="日本語 in a title that is rather long for this")
    aloop = shell(columns=60)
    aloop.send_line("/resume")
    aloop.wait_for("日本語")
    aloop.send("\x1b")
    aloop.wait_for_prompt()
    aloop.send_line("/help")
    aloop.wait_for("/exit")
    aloop.wait_for_prompt()
    assert re.search(r"^  /exit +Leave the shell \(also Ctrl-D\)$", aloop.screen(), re.MULTILINE)


def test_no_color_sends_no_color_codes(shell: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    aloop = shell()
    aloop.send_line("What is 2+2?")
    aloop.wait_for("2+2 = 4")
    aloop.wait_for_prompt()
    assert not any(f"\x1b[{code}".encode() in aloop.raw for code in ("31m", "36m", "0;36", "38;5", "0;38"))


def test_dumb_terminal_is_read_line_by_line_without_escape_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with Shell(env={"TERM": "dumb"}) as aloop:
        aloop.wait_for(">")
        aloop.send_line("What is 2+2?")
        # Ctrl-D has no effect during a turn.
        aloop.wait_until(lambda: "**4**" in aloop.screen() and aloop.screen().endswith("\n>"), "the next prompt")
        aloop.send("\x04")
        assert aloop.wait_for_exit() == 0
        assert b"\x1b" not in aloop.raw


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_termination_signal_ends_the_shell_with_128_plus_its_number(shell: Open, number: signal.Signals) -> None:
    aloop = shell()
    aloop.process.kill(number)
    assert aloop.wait_for_exit() == 128 + number
