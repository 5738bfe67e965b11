"""What a terminal does with keys while nobody reads them; the terminal is a real one, without a program on it.

Signals that come at a bad moment, while a line is waited for.
"""

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
    """The end of the terminal at which a person sits."""
    person, program = os.openpty()
    with os.fdopen(program) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield person
    os.close(person)


def is_shown() -> bool:
    return bool(termios.tcgetattr(sys.stdin)[3] & termios.ECHO)


def press(keys: int, text: str) -> None:
    """Type ``text``, which ends with Enter, and wait until it could be read."""
    os.write(keys, text.encode())
    select.select([sys.stdin], [], [])


def test_what_is_typed_while_muted_is_not_shown_and_not_lost(keys: int) -> None:
    keyboard = Keyboard()
    with keyboard.muted():
        press(keys, "and thén\r")
        assert keyboard.typed_ahead() == "and thén"
        assert keyboard.typed_ahead() == ""
    assert select.select([keys], [], [], 0)[0] == []


@pytest.mark.usefixtures("keys")
def test_the_terminal_is_as_before_whatever_happened() -> None:
    keyboard = Keyboard()
    before = termios.tcgetattr(sys.stdin)
    with suppress(ZeroDivisionError), keyboard.muted():
        assert not is_shown()
        with keyboard.unmuted():
            assert is_shown()
        assert not is_shown()
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
def test_only_text_is_taken_of_what_was_typed(keys: int, pressed: str, text: str) -> None:
    press(keys, pressed)
    assert Keyboard().typed_ahead() == text


def test_what_nobody_would_see_of_it_is_spelled_out_on_the_next_line(keys: int) -> None:
    lines = TerminalLines()
    press(keys, "a\u202eb\r")
    lines.hold_typed_ahead()
    press(keys, "c\r")
    lines.hold_typed_ahead()
    assert lines._prefill == "a<U+202E>b\nc"


_PATIENCE_MS = 20_000


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, ShutdownRequested)])
def test_signal_just_before_the_wait_of_readline_ends_it(number: signal.Signals, error: type[BaseException]) -> None:
    """readline looks for signals only when one interrupts its wait, so the wait is interrupted regularly."""
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


def test_sigterm_after_ctrl_c_in_one_wait_is_not_lost() -> None:
    def wait() -> None:
        with SignalGuard(in_turn=False, can_suspend=True).active():
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGTERM)

    with pytest.raises(ShutdownRequested):
        wait()
