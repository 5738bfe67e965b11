"""Tests of the modes of a real terminal."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import suppress

import pytest

from repl.plain.line_source import TerminalLines
from repl.plain.signals import Signals
from repl.plain.tty import Keyboard, discard_report


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


_select = select.select


def press(keys: int, text: str) -> None:
    """Type ``text``, with Enter at its end unless in raw mode; wait for its arrival."""
    os.write(keys, text.encode())
    _select([sys.stdin], [], [])


def test_text_typed_while_muted_is_neither_shown_nor_lost(keys: int) -> None:
    keyboard = Keyboard()
    with keyboard.muted():
        press(keys, "and thén\r")
        assert keyboard.typed_ahead() == ("and thén", False)
        assert keyboard.typed_ahead() == ("", False)
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
        ("a\x1b]11;rgb:ffff/ffff/dddd\x1b\\b\x1bP1+r544e=78\x1b\\c\x1b_Gi=31;OK\x1b\\d\x1b]52;c;aGk=\x07e\r", "abcde"),
    ],
)
def test_typed_ahead_returns_only_text(keys: int, pressed: str, text: str) -> None:
    press(keys, pressed)
    assert Keyboard().typed_ahead()[0] == text


@pytest.mark.parametrize(
    ("pressed", "ends"), [("\x04", True), ("one\r\x04", True), ("one\x04", False), ("\x04one\r", False), ("\r", False)]
)
def test_ctrl_d_typed_ahead_on_an_empty_line_ends_the_input(keys: int, pressed: str, ends: bool) -> None:
    press(keys, pressed)
    assert Keyboard().typed_ahead()[1] is ends


def test_report_that_arrives_in_pieces_is_not_text(keys: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = iter(["f/ffff\x1b", "\\and more\r"])

    def arrive(*_: object) -> tuple[list[int], list[int], list[int]]:
        press(keys, next(pieces))
        return [keys], [], []

    tty.setraw(sys.stdin)
    press(keys, "one \x1b]11;rgb:ff")
    monkeypatch.setattr("repl.plain.tty.select.select", arrive)
    assert Keyboard().typed_ahead()[0] == "one and more"


@pytest.mark.parametrize(("rest", "left"), [("1;ab\x07c", "c"), ("1;ab\x1b\\c", "c"), ("1;ab\rc", "c")])
def test_report_is_discarded_to_its_end(keys: int, rest: str, left: str) -> None:
    tty.setraw(sys.stdin)
    press(keys, rest)
    discard_report()
    assert Keyboard().read_unread() == left


async def test_control_characters_typed_ahead_are_spelled_out(keys: int) -> None:
    signals = Signals()
    lines = TerminalLines(signals)
    signals.close()
    press(keys, "a\u202eb\r")
    lines.hold_typed_ahead()
    press(keys, "c\r")
    lines.hold_typed_ahead()
    assert lines._prefill == "a<U+202E>b\nc"
