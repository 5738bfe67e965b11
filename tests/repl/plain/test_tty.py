"""Tests of the modes of a real terminal, and of signals during a read."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress

import pytest

from repl.plain.line_source import TerminalLines
from repl.plain.tty import Keyboard, ShutdownRequested, SignalGuard


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The keyboard end of a terminal that is standard input."""
    keyboard, program = os.openpty()
    with os.fdopen(program) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield keyboard
    os.close(keyboard)


def is_echoing() -> bool:
    return bool(termios.tcgetattr(sys.stdin)[3] & termios.ECHO)


def press(keys: int, text: str) -> None:
    """Type ``text``, which ends with Enter, and wait until it can be read."""
    os.write(keys, text.encode())
    select.select([sys.stdin], [], [])


def test_text_typed_while_muted_is_neither_shown_nor_lost(keys: int) -> None:
    keyboard = Keyboard()
    with keyboard.muted():
        press(keys, "and thén\r")
        assert keyboard.typed_ahead() == "and thén"
        assert keyboard.typed_ahead() == ""
    assert select.select([keys], [], [], 0)[0] == []


@pytest.mark.usefixtures("keys")
def test_terminal_modes_are_restored_after_an_error() -> None:
    keyboard = Keyboard()
    before = termios.tcgetattr(sys.stdin)
    with suppress(ZeroDivisionError), keyboard.muted():
        assert not is_echoing()
        with keyboard.unmuted():
            assert is_echoing()
        assert not is_echoing()
        raise ZeroDivisionError
    assert termios.tcgetattr(sys.stdin) == before


@pytest.mark.parametrize(
    ("pressed", "text"),
    [
        ("one \r", "one "),
        ("one\rtwo\r", "one\ntwo"),
        (" \r\r", ""),
        ("\x1b[Aone\x1b[1;5D\x1bOP\x07 two\x1bf\r", "one two"),
        ("won\x7f\x7fne\r", "wne"),
        ("a\tb\r", "a\tb"),
    ],
)
def test_typed_ahead_returns_only_text(keys: int, pressed: str, text: str) -> None:
    press(keys, pressed)
    assert Keyboard().typed_ahead() == text


def test_control_characters_typed_ahead_are_spelled_out(keys: int) -> None:
    lines = TerminalLines()
    press(keys, "a\u202eb\r")
    lines.hold_typed_ahead()
    press(keys, "c\r")
    lines.hold_typed_ahead()
    assert lines._prefill == "a<U+202E>b\nc"


_PATIENCE_MS = 20_000


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, ShutdownRequested)])
def test_signal_just_before_the_wait_of_readline_ends_it(number: signal.Signals, error: type[BaseException]) -> None:
    """readline looks for signals only when its wait is interrupted."""
    libc = ctypes.PyDLL(None, use_errno=True)
    previous = signal.getsignal(number)

    def wait() -> None:
        with SignalGuard(in_turn=False, can_suspend=True).active():
            assert libc.poll(None, 0, _PATIENCE_MS) == -1
            assert ctypes.get_errno() == errno.EINTR
            signal.raise_signal(number)

    with pytest.raises(error):
        wait()
    assert signal.getsignal(number) == previous
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.parametrize(("in_turn", "error"), [(False, ShutdownRequested), (True, KeyboardInterrupt)])
def test_sigterm_after_ctrl_c_in_one_wait_is_not_lost(in_turn: bool, error: type[BaseException]) -> None:
    """In a turn, the event loop gets the signal too, and handles it."""

    def wait() -> None:
        with SignalGuard(in_turn=in_turn, can_suspend=True).active():
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGTERM)

    with pytest.raises(error):
        wait()
