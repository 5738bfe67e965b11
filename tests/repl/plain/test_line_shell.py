"""The shell without a terminal, as a script uses it: a child process with pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.saved_sessions import FIRST, save

ROOT = Path(__file__).parents[3]


def converse(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aloop", *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_lines_are_answered_in_plain_text_without_a_prompt() -> None:
    done = converse("What is 2+2?\n/stats\n")
    assert done.returncode == 0
    assert "4" in done.stdout
    assert "messages" in done.stdout
    assert "calculator" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "> " not in done.stdout


def test_exit_leaves_the_rest_unread() -> None:
    done = converse("/exit\nWhat is 2+2?\n")
    assert (done.returncode, done.stdout) == (0, "")


def test_what_fails_is_told_and_the_next_line_is_read() -> None:
    done = converse("/nope\n/help\n")
    assert "Unknown command /nope" in done.stderr
    assert "/resume" in done.stdout
    assert done.returncode == 0


def test_a_session_is_resumed_before_the_first_line() -> None:
    save(Path(".aloop/sessions"), FIRST)
    done = converse("/stats\n", "--resume", "a1b2")
    assert "Resumed a1b2c3d4 · 4 messages" in done.stdout
    assert FIRST in done.stdout


def test_nothing_to_resume_is_a_failure() -> None:
    done = converse("Hi\n", "--resume")
    assert done.returncode == 1
    assert "no session to resume" in done.stderr
    assert done.stdout == ""


def test_a_wait_for_lines_ends_when_told_to() -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "aloop", "--model", "offline"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"/help exit\n")
        process.stdin.flush()
        assert process.stdout.readline()
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM


def test_bytes_that_are_no_text_do_not_stop_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "aloop"],
        input=b"\xff\xfe hello\n",
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert done.stdout
