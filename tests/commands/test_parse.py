from __future__ import annotations

import pytest

from commands.parse import Call, Chat, Run, parse_line


@pytest.mark.parametrize("line", ["", "   ", "\n\t"])
def test_a_blank_line_means_nothing(line: str) -> None:
    assert parse_line(line) is None


def test_text_is_for_the_model_exactly_as_typed() -> None:
    assert parse_line("  two\nlines ") == Chat("  two\nlines ")


def test_a_slash_makes_a_command_of_the_first_word() -> None:
    assert parse_line("/resume  a1b2 ") == Call("resume", "a1b2")


def test_a_command_may_stand_alone() -> None:
    assert parse_line("/help") == Call("help", "")


def test_a_space_before_the_slash_makes_it_text() -> None:
    assert parse_line(" /help") == Chat(" /help")


@pytest.mark.parametrize("line", ["/", "/usr/bin/env", "/123"])
def test_whatever_else_begins_with_a_slash_is_a_call_of_something_unknown_and_never_a_chat(line: str) -> None:
    assert isinstance(parse_line(line), Call)


def test_an_exclamation_mark_makes_a_command_for_the_shell() -> None:
    assert parse_line("! git  status ") == Run("git  status")
    assert parse_line("!!vim a.txt") == Run("vim a.txt", on_terminal=True)
    assert parse_line("!") == Run("")
    assert parse_line(" !important") == Chat(" !important")
