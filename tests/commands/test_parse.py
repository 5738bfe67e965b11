from __future__ import annotations

import pytest

from commands.parse import Call, Chat, Run, as_text, parse_line


@pytest.mark.parametrize("line", ["", "   ", "\n\t"])
def test_blank_line_is_none(line: str) -> None:
    assert parse_line(line) is None


def test_text_is_kept_exactly_as_typed() -> None:
    assert parse_line("  two\nlines ") == Chat("  two\nlines ")


def test_slash_makes_the_first_word_a_command() -> None:
    assert parse_line("/resume  a1b2 ") == Call("resume", "a1b2")


def test_command_without_an_argument() -> None:
    assert parse_line("/help") == Call("help", "")


def test_space_before_the_slash_makes_it_text() -> None:
    assert parse_line(" /help") == Chat(" /help")


@pytest.mark.parametrize("line", ["/", "/usr/bin/env", "/123"])
def test_invalid_name_after_a_slash_is_a_call_and_never_text(line: str) -> None:
    assert isinstance(parse_line(line), Call)


def test_exclamation_mark_makes_a_shell_command() -> None:
    assert parse_line("! git  status ") == Run("git  status")
    assert parse_line("!!vim a.txt") == Run("vim a.txt", on_terminal=True)
    assert parse_line("!") == Run("")
    assert parse_line(" !important") == Chat(" !important")


@pytest.mark.parametrize("line", ["exit", "quit", "Exit ", "QUIT"])
def test_exit_and_quit_alone_are_commands(line: str) -> None:
    assert parse_line(line) == Call(line.strip().lower(), "")


def test_question_mark_alone_asks_for_the_keys() -> None:
    assert parse_line("?") == Call("help", "keys")
    assert parse_line("?x") == Chat("?x")


@pytest.mark.parametrize("line", [" exit", "exit now", "quit\nthat", "exits"])
def test_other_lines_with_these_words_are_text(line: str) -> None:
    assert parse_line(line) == Chat(line)


@pytest.mark.parametrize(("line", "text"), [("/help", " /help"), ("!ls", " !ls"), ("exit", " exit"), ("hi", "hi")])
def test_line_as_text_is_never_a_command(line: str, text: str) -> None:
    assert as_text(line) == text
    assert parse_line(text) == Chat(text)
