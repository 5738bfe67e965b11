"""Final terminal contents after resizes, and with the plain prompt."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.shell import PATIENCE, ROOT, Shell
from tests.hostile import PAYLOADS, obeyed_of
from tests.stub.parts import Answer, Gate, Text, ToolUse
from tests.stub.server import StubServer

WORDS = [f"word{number:02}" for number in range(40)]
PROSE = " ".join(WORDS)


def test_resize_during_an_answer_leaves_each_word_once(stub: StubServer) -> None:
    gate = Gate()
    stub.script(Text(PROSE, gate, " and the end."))
    with Shell(env=stub.env | {"TERM": "linux"}, columns=100) as aloop:
        aloop.wait_for_prompt()
        aloop.send_line("Tell me")
        aloop.wait_for(WORDS[-1])
        aloop.resize(60, 24)
        # A row of 59 cells holds 8 words, so this row was wrapped after the resize.
        aloop.wait_until(lambda: " ".join(WORDS[:8]) in aloop.screen().splitlines(), "the narrower rows")
        gate.open()
        aloop.wait_for("the end.")
        aloop.wait_for_prompt()
        assert [word for word in aloop.scrollback().split() if word.startswith("word")] == WORDS


class Tmux:
    """A private tmux server with one window of 100 columns."""

    def __init__(self, command: str, socket: Path) -> None:
        self._socket = socket
        self._run("-f", os.devnull, "new-session", "-d", "-x", "100", "-y", "24", command)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(["tmux", "-S", self._socket, *arguments], capture_output=True, text=True, check=True)
        return done.stdout

    def send_line(self, text: str) -> None:
        self._run("send-keys", text, "Enter")

    def resize(self, columns: int) -> None:
        self._run("resize-window", "-x", str(columns), "-y", "24")

    def text(self) -> str:
        """Return the whole output, with rows that tmux wrapped joined again."""
        return self._run("capture-pane", "-J", "-p", "-S", "-")

    def wait_until(self, holds: Callable[[str], bool]) -> str:
        deadline = time.monotonic() + PATIENCE
        while not holds(text := self.text()):
            assert time.monotonic() < deadline, text
        return text

    def wait_for_frames(self, count: int) -> None:
        """Wait until the status below an answer was drawn in ``count`` versions."""
        seen: set[str] = set()

        def are_seen(text: str) -> bool:
            seen.update(row for row in text.splitlines() if "Esc stops" in row)
            return len(seen) >= count

        self.wait_until(are_seen)

    def close(self) -> None:
        self._run("kill-server")


@pytest.fixture
def tmux(stub: StubServer, tmp_path: Path) -> Iterator[Tmux]:
    """aloop in tmux, which rewraps rows on resize, below a screenful of text."""
    env = {"PYTHONPATH": str(ROOT), "HOME": os.environ["HOME"], **stub.env}
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in env.items())
    window = Tmux(f"seq 30; {settings} {shlex.quote(sys.executable)} -m aloop", tmp_path / "tmux")
    yield window
    window.close()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_terminal_that_rewraps_rows_shows_each_word_once(tmux: Tmux, stub: StubServer) -> None:
    gate = Gate()
    stub.script(Text(PROSE, gate, " and the end."))
    tmux.wait_until(lambda text: "0 messages" in text)
    tmux.send_line("Tell me")
    tmux.wait_until(lambda text: WORDS[-1] in text)
    for columns in (60, 90, 45):
        tmux.resize(columns)
        tmux.wait_for_frames(5)  # the answer is drawn again once the size has settled
    gate.open()
    text = tmux.wait_until(lambda text: "the end." in " ".join(text.split()) and "Esc stops" not in text)
    assert [word for word in text.split() if word.startswith("word")] == WORDS


def test_plain_prompt_sends_no_escape_sequences_and_asks_in_lines(stub: StubServer) -> None:
    call = ToolUse("write_file", {"path": "notes.txt", "content": "\x1b[31mred\n"})
    stub.script(Answer(PAYLOADS["title"], call), PAYLOADS["clipboard"])
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("write it")
        aloop.wait_for("allow?")
        aloop.send_line("y")
        aloop.wait_until(lambda: aloop.screen().endswith("^[]52;c;ZXZpbA==^G\n>"), "the next prompt")
        aloop.send("\x04")
        assert aloop.wait_for_exit() == 0
        assert "^[]0;title^G" in aloop.scrollback()
        assert b"\x1b[31" not in aloop.raw
        assert obeyed_of(aloop.raw.decode()) == []
