from __future__ import annotations

import errno

import pytest
from prompt_toolkit.output import DummyOutput

from repl.output.renderer import in_one_piece
from repl.output.screen import Screen
from repl.output.theme import Style
from tests.repl.terminal import Terminal


def test_writes_in_one_piece_reach_the_terminal_as_one() -> None:
    terminal = Terminal()
    with in_one_piece(terminal.output):
        for text in ("one ", "two"):
            terminal.output.write_raw(text)
            terminal.output.flush()
        assert terminal.writes == []
    assert terminal.writes == ["one two"]


def test_in_one_piece_accepts_an_output_without_buffering() -> None:
    with in_one_piece(DummyOutput()):
        pass


def test_flush_to_a_closed_terminal_does_not_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()

    def hang_up(_text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(terminal, "write", hang_up)
    terminal.output.write_raw("into the void")
    terminal.output.flush()


def test_cursor_position_is_never_requested() -> None:
    assert not Terminal().output.responds_to_cpr


def test_say_wraps_between_words() -> None:
    terminal = Terminal(columns=20)
    Screen(terminal.output).say(Style.QUIET, "one two three four five six")
    assert terminal.screen == ["one two three four", "five six"]


def test_no_color_variable_disables_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    Screen(terminal.output).say(Style.BAD, "trouble")
    assert terminal.writes == ["trouble\n"]
