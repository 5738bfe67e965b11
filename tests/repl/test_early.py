"""The first screen: what is painted early is what the prompt draws, and the terminal ends up as it was."""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from prompt_toolkit.input import create_pipe_input

from aloop.config import Settings
from repl.early import early_screen, first_screen
from repl.options import ShellOptions
from repl.screen import Screen
from repl.shell import Shell
from tests.repl.terminal import Terminal


def new_session(model: str | None = None) -> ShellOptions:
    return ShellOptions(Settings.from_env(), model, None, None)


@contextmanager
def on_terminal() -> Iterator[int]:
    """Make the standard streams one end of a pseudo-terminal, and yield the other."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with (
        open(theirs, closefd=False) as stdin,
        open(theirs, "w", closefd=False) as stdout,
        mock.patch.multiple(sys, stdin=stdin, stdout=stdout),
    ):
        yield ours
    os.close(ours)
    os.close(theirs)


def written_to(terminal: int) -> str:
    """Return all that was written so far: a terminal hands it on in pieces, each when it comes to it."""
    end = b"\x1b[0n"
    os.write(sys.stdout.fileno(), end)
    data = b""
    while not data.endswith(end):
        data += os.read(terminal, 65_536)
    return data.removesuffix(end).decode()


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("model", [None, "claude-sonnet-5-5"])
async def test_what_is_painted_is_what_the_prompt_draws_cell_by_cell(
    columns: int, is_first: bool, model: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, painted, drawn = new_session(model), Terminal(columns), Terminal(columns)
    if not is_first:
        options.settings.history_file.parent.mkdir(parents=True, exist_ok=True)
        options.settings.history_file.touch()
    painted.write(first_screen(options, columns))
    seen = []

    def look(shell: Shell) -> None:
        seen.append(drawn.cells)
        shell._prompt.leave()

    monkeypatch.setattr(Shell, "_painted", look)
    with create_pipe_input() as keys:
        await Shell(options, Screen(drawn.output), keys).run()
    assert seen == [painted.cells]


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        (ShellOptions(Settings.from_env({}), None, None, ""), 80),
        (new_session(), 30),
        (new_session("模型"), 80),
    ],
    ids=["resuming", "narrow", "wide letters"],
)
def test_what_can_not_be_known_yet_is_not_painted(options: ShellOptions, columns: int) -> None:
    assert first_screen(options, columns) == ""


def test_keys_are_kept_and_not_echoed_until_the_terminal_is_as_it_was() -> None:
    with on_terminal() as terminal:
        before = termios.tcgetattr(sys.stdin.fileno())
        with early_screen(new_session()) as early:
            assert early.is_painted
            written_to(terminal)
            os.write(terminal, b"typed\r\x03")
            assert b"".join(os.read(sys.stdin.fileno(), 1) for _ in range(7)) == b"typed\r\x03"
            assert early.take_over()
            early.restore()
            assert termios.tcgetattr(sys.stdin.fileno()) == before
        assert termios.tcgetattr(sys.stdin.fileno()) == before
        assert written_to(terminal) == ""


def test_ctrl_c_ends_a_start_that_has_no_prompt_to_show_yet() -> None:
    with on_terminal() as terminal, early_screen(replace(new_session(), resume="")) as early:
        assert not early.take_over()
        flags = termios.tcgetattr(sys.stdin.fileno())[3]
        assert flags & termios.ISIG
        assert not flags & termios.ECHO
        assert written_to(terminal) == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_start_that_is_ended_clears_its_prompt_away(number: signal.Signals) -> None:
    screen, handler = Terminal(), signal.getsignal(number)
    with on_terminal() as terminal:
        before = termios.tcgetattr(sys.stdin.fileno())
        with pytest.raises((SystemExit, KeyboardInterrupt)) as ended, early_screen(new_session()):
            os.kill(os.getpid(), number)
        assert number == signal.SIGINT or ended.value.args == (128 + number,)
        assert termios.tcgetattr(sys.stdin.fileno()) == before
        assert signal.getsignal(number) == handler
        screen.write(written_to(terminal).replace("\r\n", "\n"))
    assert screen.screen[0].startswith("aloop")
    assert ">" not in "".join(screen.screen)


def test_a_named_folder_is_told_at_the_first_start(tmp_path: Path) -> None:
    options = replace(new_session(), sessions_dir=tmp_path / "kept\x1b[2J")
    assert f"saved in {tmp_path}/kept^[[2J" in first_screen(options, 80)
