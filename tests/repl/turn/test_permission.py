"""The permission question and its answers."""

from __future__ import annotations

import pytest

from aloop.permissions import PermissionDecision, PermissionRequest
from repl.output.styled import Style, to_ansi, to_text
from repl.turn.permission import MOST_LINES, choices, decide, decision_line, detail_lines, question_lines

DIFF = "--- a\n+++ a\n@@ -1 +1 @@\n-old\n+new\n\\ No newline at end of file"


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        ("y", PermissionDecision("once")),
        (" YES\n", PermissionDecision("once")),
        ("a", PermissionDecision("session")),
        ("always", PermissionDecision("session")),
        ("n", PermissionDecision("no")),
        ("no", PermissionDecision("no")),
        ("n use the other file", PermissionDecision("no", "use the other file")),
        ("No, not now", PermissionDecision("no", "not now")),
        ("n: first\nsecond", PermissionDecision("no", "first\nsecond")),
    ],
)
def test_decide_reads_clear_answers(answer: str, decision: PermissionDecision) -> None:
    assert decide(answer) == decision


@pytest.mark.parametrize("answer", ["", " ", "yy", "yes please", "ya", "ok", "nope", "all", "v", "1"])
def test_decide_returns_none_for_unclear_answers(answer: str) -> None:
    assert decide(answer) is None


def test_diff_lines_are_colored_by_their_first_character() -> None:
    lines = detail_lines(PermissionRequest(("write",), "edit_file a", DIFF, "diff"))
    assert [span[0] for (span,) in lines] == [Style.QUIET] * 2 + [Style.ACCENT, Style.BAD, Style.GOOD, Style.QUIET]
    assert to_text(lines).splitlines()[3:5] == ["  -old", "  +new"]


def test_question_shows_a_command_with_its_line_breaks() -> None:
    lines = question_lines(PermissionRequest(("shell",), "run_shell in /work", "make \\\n  all"))
    assert to_text(lines) == "● run_shell in /work\n  $ make \\\n      all\n"


def test_question_makes_control_characters_visible() -> None:
    request = PermissionRequest(("shell",), "run_shell\x1b[2J", "rm -rf /\x1b[2K\recho hello \u202e\x07")
    text = to_ansi(question_lines(request), color=False)
    for control in ("\x1b[2", "\r", "\u202e", "\x07"):
        assert control not in text
    assert "rm -rf /^[[2K^Mecho hello <U+202E>^G" in text


def test_question_cuts_long_details_with_a_count() -> None:
    request = PermissionRequest(("write",), "write_file a", "\n".join(map(str, range(MOST_LINES + 5))), "diff")
    shown = to_text(question_lines(request)).splitlines()
    assert len(shown) == MOST_LINES + 2
    assert shown[-1] == "  … 5 more lines; v shows all of them"


def test_choices_name_the_kinds_and_fit_the_screen() -> None:
    request = PermissionRequest(("write", "outside"), "write_file /x", "+x", "diff")
    assert "a yes to all file changes and outside paths in this session" in choices(request)
    assert len(choices(PermissionRequest(("shell",), "", ""))) < 80


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        (PermissionDecision("once"), "  allowed\n"),
        (PermissionDecision("session"), "  allowed for all commands in this session\n"),
        (PermissionDecision("no"), "  denied\n"),
        (PermissionDecision("no", "not\nnow"), "  denied: not now\n"),
    ],
)
def test_decision_line_shows_the_decision(decision: PermissionDecision, text: str) -> None:
    assert to_text([decision_line(PermissionRequest(("shell",), "run_shell", "make"), decision)]) == text
