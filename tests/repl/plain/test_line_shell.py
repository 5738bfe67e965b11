"""Tests of the shell without a terminal, in a child process with pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.program import forked
from tests.saved_sessions import FIRST, save
from tests.stub.parts import Answer, Text
from tests.stub.server import StubServer

ROOT = Path(__file__).parents[3]


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def converse(text: str, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
    with forked(*arguments, env=env, piped=text) as run:
        return Result(*run.result())


def test_piped_lines_are_answered_in_plain_text_without_a_prompt() -> None:
    result = converse("What is 2+2?\n/stats\n")
    assert result.returncode == 0
    assert "4" in result.stdout
    assert "messages" in result.stdout
    assert "calculate 2+2" in result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    assert "> " not in result.stdout


def test_lines_after_exit_are_not_read() -> None:
    result = converse("/exit\nWhat is 2+2?\n")
    assert (result.returncode, result.stdout) == (0, "")


def test_line_that_reaches_the_limit_of_steps_fails_the_run() -> None:
    result = converse("What is 2+2?\n/stats\n", "--max-steps", "1")
    assert result.returncode == 1
    assert "I stopped because this turn reached its limit of 1 step." in result.stdout
    assert "messages" in result.stdout


def test_line_whose_answer_is_cut_off_fails_the_run(stub: StubServer) -> None:
    stub.script(Answer(Text("It is"), stop_reason="max_tokens"), "It is 4.")
    result = converse("What is 2+2?\nAnd?\n", env=stub.env)
    assert (result.returncode, result.stdout) == (1, "It is\nIt is 4.\n")
    assert "The answer reached the model's length limit and is incomplete. Ask the model to continue." in result.stderr


def test_failed_line_is_reported_followed_by_the_next_and_fails_the_run() -> None:
    result = converse("/nope\n/help\n")
    assert "Unknown command /nope" in result.stderr
    assert "/resume" in result.stdout
    assert result.returncode == 1


def test_session_is_resumed_before_the_first_line() -> None:
    save(Path(".aloop/sessions"), FIRST)
    result = converse("/stats\n", "--resume", "a1b2")
    assert "Resumed a1b2c3d4 · 4 messages" in result.stdout
    assert FIRST in result.stdout


def test_resume_without_sessions_exits_with_1() -> None:
    result = converse("Hi\n", "--resume")
    assert result.returncode == 1
    assert "no session to resume" in result.stderr
    assert result.stdout == ""


def test_sigterm_ends_the_wait_for_a_line() -> None:
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


def test_invalid_utf8_input_is_answered() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "aloop"],
        input=b"\xff\xfe hello\n",
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
    )
    assert result.returncode == 0
    assert b"Traceback" not in result.stderr
    assert result.stdout
