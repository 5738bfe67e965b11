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
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import pytest

from repl.plain.readline_source import TerminalLines
from repl.plain.tty import Keyboard, ShutdownRequested, SignalHandlers


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
        with keyboard.heard():
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


def test_what_nobody_would_see_of_it_is_spelled_out_on_the_next_line(keys: int, tmp_path: Path) -> None:
    lines = TerminalLines(tmp_path / "history", dumb=True)
    press(keys, "a\u202eb\r")
    lines.set_aside()
    press(keys, "c\r")
    lines.set_aside()
    assert lines._offered == "a<U+202E>b\nc"


_PATIENCE_MS = 20_000


@pytest.mark.parametrize(
    ("number", "outcome"), [(signal.SIGINT, nullcontext()), (signal.SIGTERM, pytest.raises(ShutdownRequested))]
)
def test_a_signal_that_came_just_before_the_wait_ends_it(
    number: signal.Signals, outcome: AbstractContextManager[object]
) -> None:
    """Readline waits with a call that sees no signal but those that come while it lasts."""
    libc = ctypes.CDLL(None, use_errno=True)
    previous = signal.signal(number, lambda _number, _frame: None)
    try:
        with outcome, SignalHandlers().heard():
            signal.raise_signal(number)
            assert libc.poll(None, 0, _PATIENCE_MS) == -1
            assert ctypes.get_errno() == errno.EINTR
    finally:
        signal.signal(number, previous)
    assert signal.getsignal(signal.SIGURG) == signal.SIG_DFL
