"""Tests of the modes of a real terminal."""

from __future__ import annotations

import os
import select
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress

import pytest

from repl.plain.line_source import TerminalLines
from repl.plain.signals import Signals
from repl.plain.tty import Keyboard


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


async def test_control_characters_typed_ahead_are_spelled_out(keys: int) -> None:
    signals = Signals()
    lines = TerminalLines(signals)
    signals.close()
    press(keys, "a\u202eb\r")
    lines.hold_typed_ahead()
    press(keys, "c\r")
    lines.hold_typed_ahead()
    assert lines._prefill == "a<U+202E>b\nc"
