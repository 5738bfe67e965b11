"""Tests of the first screen and of the keys typed before the prompt."""

from __future__ import annotations

import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from unittest import mock

import pytest
from prompt_toolkit.input import create_pipe_input

from aloop.config.settings import Settings
from repl.options import ShellOptions
from repl.output.screen import Screen
from repl.shell import Shell
from repl.startup import first_paint
from repl.startup.first_paint import EarlyKeys, early_screen, first_screen
from tests.repl.terminal import Terminal


def new_session(model: str | None = None) -> ShellOptions:
    return ShellOptions(Settings.from_env(), model, None, None)


@contextmanager
def on_terminal() -> Iterator[int]:
    """Make the standard streams one end of a pseudo-terminal; yield the other end."""
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
    """Return all that was written so far, which a terminal delivers in pieces."""
    end = b"\x1b[0n"
    os.write(sys.stdout.fileno(), end)
    data = b""
    while not data.endswith(end):
        data += os.read(terminal, 65_536)
    return data.removesuffix(end).decode()


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("model", [None, "claude-sonnet-5-5"])
async def test_first_screen_equals_the_drawn_prompt_cell_by_cell(
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
        (new_session(), 15),
        (new_session("模型"), 80),
    ],
    ids=["resuming", "narrow", "wide letters"],
)
def test_unpredictable_prompt_is_not_painted_early(options: ShellOptions, columns: int) -> None:
    assert first_screen(options, columns) == ""


def read_until(terminal: int, end: bytes) -> str:
    """Return the text written up to ``end``, which must be its last part."""
    data = b""
    while not data.endswith(end):
        data += os.read(terminal, 65_536)
    return data.removesuffix(end).decode()


def test_early_keys_go_to_the_prompt_and_terminal_modes_are_restored() -> None:
    with on_terminal() as terminal:
        before = termios.tcgetattr(sys.stdin.fileno())
        with early_screen(new_session()) as early:
            assert early.is_painted
            os.write(terminal, b"typed")
            read_until(terminal, b"typed")
            os.write(terminal, b"\r\x03more")
            typed = [early.take_over(), early.typed]
            # Keys that came too late are still in the terminal.
            rest = len("typed\r\x03more") - len(early.typed)
            typed.append(b"".join(os.read(sys.stdin.fileno(), 1) for _ in range(rest)).decode())
            assert (typed[0], "".join(map(str, typed[1:]))) == (True, "typed\r\x03more")
            early.restore()
            assert termios.tcgetattr(sys.stdin.fileno()) == before
        assert not early.take_over()
        assert termios.tcgetattr(sys.stdin.fileno()) == before
        assert written_to(terminal) == ""


def test_echoed_keys_are_cleared_by_the_first_paint() -> None:
    screen = Terminal()
    with on_terminal() as terminal:
        os.write(terminal, b"typed")
        screen.write(f"{read_until(terminal, b'typed')}typed")
        with early_screen(new_session()) as early:
            assert early.take_over()
            screen.write(written_to(terminal).replace("\r\n", "\n"))
    assert screen.screen[0].startswith("aloop")


def test_exit_during_the_first_paint_clears_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr("repl.startup.first_paint.EarlyKeys", ended)
    with on_terminal() as terminal:
        with pytest.raises(SystemExit), early_screen(new_session()):
            pass
        assert written_to(terminal).endswith("\r\x1b[J\x1b[?2004l\x1b[?1004l")


def test_early_letters_are_shown_up_to_the_first_other_key() -> None:
    screen = Terminal()
    with on_terminal() as terminal, early_screen(new_session()) as early:
        for keys, echo in (("Hello", "o"), ("\x7f", "\b \b"), ("!", "!"), ("\x1b[D?", ""), ("more", "")):
            os.write(terminal, keys.encode())
            screen.write((read_until(terminal, echo.encode()) + echo).replace("\r\n", "\n") if echo else "")
        assert early.take_over()
        screen.write(written_to(terminal))
        assert screen.screen[-2] == "> Hell!"
        assert screen.screen[-1].startswith("offline")


def test_reports_do_not_end_the_early_letters_and_are_kept_for_the_prompt() -> None:
    reports = "\x1b[I\x1b[?2004;1$y\x1b[O"
    with on_terminal() as terminal, early_screen(new_session()) as early:
        written_to(terminal)
        os.write(terminal, f"a{reports}b".encode())
        assert read_until(terminal, b"b") == "\x1b[Ka"
        assert early.take_over()
        assert early.typed == f"a{reports}b"


def test_first_paint_turns_on_what_the_prompt_needs_to_know_about_early_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    options = new_session()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("TERM_PROGRAM", raising=False)
    assert "\x1b[?2004h\x1b[?1004h\x1b[?2004$p\r" in first_screen(options, 80)
    monkeypatch.setenv("TERM", "linux")
    silent = options._replace(settings=options.settings._replace(notify="off"))
    assert "\x1b[?2004h\r" in first_screen(silent, 80)


def test_early_letters_are_shown_only_as_far_as_they_fit() -> None:
    with on_terminal() as terminal, early_screen(new_session()) as early:
        written_to(terminal)
        os.write(terminal, b"x" * 77 + b"end")
        assert read_until(terminal, b"x" * 77) == "\x1b[K"
        assert early.take_over()
        assert written_to(terminal) == ""
    with on_terminal() as terminal, early_screen(new_session()) as early:
        written_to(terminal)
        os.write(terminal, "日本x".encode())
        assert early.take_over()
        assert written_to(terminal) == ""


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_partly_read_character_is_completed(cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_paint, "_REST_SECONDS", 60)
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    character = "😀".encode()
    os.write(ours, b"a" + character[:cut])
    keys = EarlyKeys(theirs, theirs, 10)
    read_until(ours, b"a")
    os.write(ours, character[cut:] + b"b")
    typed = keys.stop().encode()
    while not typed.endswith(b"b"):
        typed += os.read(theirs, 1)
    assert typed.decode() == "a😀b"
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(("typed", "is_pasted"), [("one\r", False), ("one\rtwo\r", True)])
def test_lines_read_at_once_are_a_paste(typed: str, is_pasted: bool) -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.write(ours, typed.encode())
    select([theirs], [], [])
    keys = EarlyKeys(theirs, theirs, 10)
    read_until(ours, b"one")
    keys.stop()
    assert keys.is_pasted == is_pasted
    os.close(ours)
    os.close(theirs)


def test_closed_terminal_ends_the_early_reading() -> None:
    ours, theirs = os.openpty()
    keys = EarlyKeys(theirs, theirs, 10)
    os.close(ours)
    assert keys.stop() == ""
    os.close(theirs)


def test_ctrl_c_is_a_signal_while_no_prompt_is_painted() -> None:
    with on_terminal(), early_screen(new_session()._replace(resume="")) as early:
        assert not early.take_over()
        flags = termios.tcgetattr(sys.stdin.fileno())[3]
        assert flags & termios.ISIG
        assert not flags & termios.ECHO


def test_pastes_are_marked_although_no_prompt_is_painted() -> None:
    with on_terminal() as terminal:
        with early_screen(new_session()._replace(resume="")):
            assert written_to(terminal) == "\x1b[?2004h"
        assert written_to(terminal) == "\x1b[?2004l"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_during_the_start_clears_the_prompt(number: signal.Signals) -> None:
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


def test_first_start_shows_the_named_sessions_folder(tmp_path: Path) -> None:
    options = new_session()._replace(sessions_dir=tmp_path / "kept\x1b[2J")
    assert f"saved in     \x1b[0m{tmp_path}/kept^[[2J" in first_screen(options, 200)
