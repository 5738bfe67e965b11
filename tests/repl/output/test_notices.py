"""The mark of problems and errors, with and without colors."""

from __future__ import annotations

import re
from pathlib import Path

import repl
from aloop.errors import Problem
from repl.output.notices import error_lines, error_text, notice_lines, notice_text
from repl.output.theme import Style


def test_problem_catches_the_eye_unlike_other_notices() -> None:
    assert notice_lines("The turn was recovered.", 40) == [((Style.QUIET, "The turn was recovered."),)]
    assert notice_lines(Problem("The disk is full. Free some space."), 20) == [
        ((Style.WARNING, "✗ The disk is full."),),
        ((Style.WARNING, "  Free some space."),),
    ]


def test_error_has_the_mark_of_a_problem_and_a_color_of_its_own() -> None:
    assert error_lines("No session matches 'a1b2'.\n/history", 20) == [
        ((Style.BAD, "✗ No session matches"),),
        ((Style.BAD, "  'a1b2'."),),
        ((Style.BAD, "  /history"),),
    ]


def test_words_mark_problems_and_errors_for_a_screen_reader() -> None:
    assert notice_text("The turn was recovered.") == "The turn was recovered."
    assert notice_text(Problem("The disk is full.")) == "Warning: The disk is full."
    assert error_text("It failed.") == "Error: It failed."
    assert notice_lines(Problem("The disk is full."), None) == [((Style.PLAIN, "Warning: The disk is full."),)]
    assert error_lines("It failed.", None) == [((Style.PLAIN, "Error: It failed."),)]


def test_no_sentence_of_the_shell_has_only_a_color_for_a_mark() -> None:
    only_colored = re.compile(
        r"""say\(\s*Style\.(?:BAD|WARNING)|[\[ (]\(Style\.(?:BAD|WARNING), (?:str\(|f?["']\w{3})"""
    )
    files = Path(repl.__file__).parent.rglob("*.py")
    assert [path.name for path in files if only_colored.search(path.read_text())] == []
