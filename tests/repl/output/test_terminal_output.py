from __future__ import annotations

import errno

import pytest
from prompt_toolkit.output import DummyOutput

from repl.output.renderer import in_one_piece
from repl.output.screen import Screen
from repl.output.styled import Style
from tests.repl.terminal import Terminal


def test_a_change_reaches_the_terminal_in_one_piece() -> None:
    terminal = Terminal()
    with in_one_piece(terminal.output):
        for text in ("one ", "two"):
            terminal.output.write_raw(text)
            terminal.output.flush()
        assert terminal.writes == []
    assert terminal.writes == ["one two"]


def test_an_output_that_can_not_hold_back_is_written_to_as_it_is() -> None:
    with in_one_piece(DummyOutput()):
        pass


def test_a_terminal_that_is_gone_does_not_stop_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()

    def hang_up(_text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(terminal, "write", hang_up)
    terminal.output.write_raw("into the void")
    terminal.output.flush()


def test_we_never_ask_where_the_cursor_is() -> None:
    assert not Terminal().output.responds_to_cpr


def test_a_sentence_is_broken_between_words() -> None:
    terminal = Terminal(columns=20)
    Screen(terminal.output).say(Style.QUIET, "one two three four five six")
    assert terminal.screen == ["one two three four", "five six"]


def test_no_colour_is_written_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    Screen(terminal.output).say(Style.BAD, "trouble")
    assert terminal.writes == ["trouble\n"]
