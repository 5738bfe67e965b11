"""The permission question and its answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aloop.permissions import PermissionDecision, PermissionRequest
from repl.output.styled import Line, to_ansi, to_text
from repl.output.theme import Depth, Style, Theme
from repl.turn.permission import (
    MOST_LINES,
    choices,
    decide,
    decide_by_key,
    decision_lines,
    detail_lines,
    permission_choices,
    permission_title,
    question_lines,
)
from tests.work import count_calls

# Default-ignorable characters, among them unassigned tags, and characters that terminals show as a blank.
HIDDEN = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180f\u200b\u200c\u200d\u2060\u2065\u3164\ufe00\ufe0f\ufeff\uffa0"
HIDDEN += "\ufff0\U0001bca0\U0001d173\U000e0001\U000e0020\U000e0100\U000e01f0\U000e0fff\U0003ffff\ue000"
BLANKS = "\u00a0\u1680\u2000\u2003\u200a\u202f\u205f\u2800\u3000\U0001d159"

SHELL = PermissionRequest(("shell",), "run_shell", "git diff -- src")
OFFERED = replace(SHELL, offer=("git diff …", "head -5"))
DIFF = "--- a\n+++ a\n@@ -1 +1 @@\n-old\n+new\n\\ No newline at end of file"


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        ("y", PermissionDecision("once")),
        (" YES\n", PermissionDecision("once")),
        ("a", PermissionDecision("session")),
        ("D", PermissionDecision("rule")),
        ("always", PermissionDecision("session")),
        ("n", PermissionDecision("no")),
        ("no", PermissionDecision("no")),
        ("n use the other file", PermissionDecision("no", "use the other file")),
        ("No, not now", PermissionDecision("no", "not now")),
        ("n: first\nsecond", PermissionDecision("no", "first\nsecond")),
    ],
)
def test_decide_reads_clear_answers(answer: str, decision: PermissionDecision) -> None:
    assert decide(answer, OFFERED) == decision


@pytest.mark.parametrize("answer", ["", " ", "yy", "yes please", "ya", "ok", "nope", "all", "v", "1", "d"])
def test_decide_returns_none_for_unclear_answers(answer: str) -> None:
    assert decide(answer, SHELL) is None


def test_question_about_a_change_shows_the_numbers_and_colors_of_lines() -> None:
    lines = detail_lines(PermissionRequest(("write",), "edit_file a", DIFF, "diff"))
    assert to_text(lines).splitlines() == ["a", "  1 - old", "  1 + new", "      No newline at end of file"]
    assert [span[0] for span in (lines[1][-1], lines[2][-1])] == [Style.REMOVED, Style.ADDED]


def test_question_names_a_new_file_as_one_with_its_length() -> None:
    diff = "--- /dev/null\n+++ a b.txt\n@@ -0,0 +1,2 @@\n+one\n+two"
    text = to_text(detail_lines(PermissionRequest(("write",), "write_file", diff, "diff")))
    assert text.splitlines() == ["a b.txt · new file · 2 lines", "  1 + one", "  2 + two"]


def test_question_shows_carriage_returns_and_invisible_characters_of_a_change() -> None:
    diff = "--- a\u200b\n+++ a\u200b\n@@ -1 +1 @@\n-one\r\n+one\u3164 \t"
    text = to_text(detail_lines(PermissionRequest(("write",), "edit_file", diff, "diff"), 60))
    assert text.splitlines() == ["a<U+200B>", "  1 - one^M", "  1 + one<U+3164><2 blanks>"]


def test_question_shows_a_command_with_its_line_breaks() -> None:
    lines = question_lines(PermissionRequest(("shell",), "run_shell in /work", "make \\\n  all"))
    assert to_text(lines) == "● run in /work\n  $ make \\\n      all\n"


def test_question_makes_control_characters_visible() -> None:
    request = PermissionRequest(("shell",), "run_shell\x1b[2J", "rm -rf /\x1b[2K\recho hello \u202e\x07")
    text = to_ansi(question_lines(request), Theme(Depth.NONE))
    for control in ("\x1b[2", "\r", "\u202e", "\x07"):
        assert control not in text
    assert "rm -rf /^[[2K^Mecho hello <U+202E>^G" in text


def test_question_leaves_out_the_middle_of_long_details_with_a_count() -> None:
    request = PermissionRequest(("write",), "write_file a", "\n".join(map(str, range(MOST_LINES + 5))), "diff")
    shown = to_text(question_lines(request)).splitlines()
    assert len(shown) == MOST_LINES + 2
    assert shown[61] == "  … 5 more lines here; v shows all of them"
    assert (shown[60], shown[62], shown[-1]) == ("59", "65", f"{MOST_LINES + 4}")


def test_lines_after_the_middle_of_a_diff_keep_their_numbers() -> None:
    rows = [f"+line {number}" for number in range(1, 1_001)]
    diff = "\n".join(["--- /dev/null", "+++ a", "@@ -0,0 +1,1000 @@", *rows])
    shown = to_text(question_lines(PermissionRequest(("write",), "write_file a", diff, "diff"))).splitlines()
    assert shown[1:3] == ["a · new file · 1,000 lines", "   1 + line 1"]  # the action does not name the file
    assert shown[-1] == "1000 + line 1000"
    assert shown[-41:-39] == ["  … 903 more lines here; v shows all of them", " 961 + line 961"]


@pytest.mark.parametrize("hidden", [*HIDDEN, *BLANKS], ids=lambda character: f"U+{ord(character):04X}")
def test_question_shows_every_invisible_or_blank_character(hidden: str) -> None:
    lines = question_lines(PermissionRequest(("shell",), f"run{hidden}it", f"rm{hidden}-rf"))
    name = f"<U+{ord(hidden):04X}>"
    assert to_text(lines) == f"● run{name}it\n  $ rm{name}-rf\n"


def test_question_shows_the_number_of_many_blanks() -> None:
    command = f"ls{' ' * 5_000}; rm -rf ~{' ' * 3}\n{chr(9) * 50}x"
    text = to_text(question_lines(PermissionRequest(("shell",), "run_shell", command)))
    assert text == "● run\n  $ ls<5,000 spaces>; rm -rf ~<3 spaces>\n    <50 tabs>x\n"


def test_question_shows_the_number_of_blank_lines() -> None:
    text = to_text(question_lines(PermissionRequest(("shell",), "run_shell", "ls" + "\n" * 300 + "rm -rf ~")))
    assert text == "● run\n  $ ls\n    <299 blank lines>\n    rm -rf ~\n"
    diff = "--- a\n+++ a\n@@ -1 +1,9 @@\n x\n" + "+\n" * 8 + "+y  "
    text = to_text(question_lines(PermissionRequest(("write",), "edit_file a", diff, "diff")))
    assert text.splitlines()[2:] == ["  1   x", "  2 + <8 blank lines>", " 10 + y<2 spaces>"]


def test_question_shows_both_ends_of_a_long_line() -> None:
    request = PermissionRequest(("shell",), "run_shell", f"echo {'a' * 50_000}; rm -rf ~")
    shown = to_text(question_lines(request))
    assert len(shown) < 5_000
    assert "<46,015 more characters here; v shows all of them>" in shown
    assert shown.endswith("; rm -rf ~\n")
    assert "a" * 50_000 in to_text(detail_lines(request))


def test_question_does_not_draw_the_lines_that_it_leaves_out() -> None:
    lines = 100_000
    request = PermissionRequest(("write",), "write_file a", "+ line\n" * lines, "diff")
    question_lines(request)  # loads what it needs
    shown: list[Line] = []
    # Drawing a line takes hundreds of calls.
    assert count_calls(lambda: shown.extend(question_lines(request))) < 10 * lines
    assert len(shown) == MOST_LINES + 2


def test_question_keeps_the_summary_on_one_line_as_it_is() -> None:
    text = to_text(question_lines(PermissionRequest(("shell",), "run in a  b\nc\r\n", "ls")))
    assert text == "● run in a  b^Jc^M^J\n  $ ls\n"


def test_choices_name_the_kinds_and_fit_the_screen() -> None:
    request = PermissionRequest(("write", "outside"), "write_file /x", "+x", "diff")
    assert "a yes to all file changes and outside paths in this session" in choices(request)
    assert len(choices(PermissionRequest(("shell",), "", ""))) < 80


def test_question_offers_the_narrow_rules_by_name() -> None:
    label = "Yes, and don't ask again for `git diff …` and `head -5` here"
    assert ("d", label) in permission_choices(OFFERED)
    assert "d yes, and don't ask again for `git diff …`" in choices(OFFERED)
    assert "d" not in dict(permission_choices(SHELL))
    assert decide_by_key("d") == PermissionDecision("rule")
    assert "`git diff …`" in to_text(decision_lines(OFFERED, PermissionDecision("rule")))


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        (PermissionDecision("once"), ""),
        (PermissionDecision("session"), "  allowed for all commands in this session\n"),
        (PermissionDecision("no", "not now"), ""),
    ],
)
def test_decision_lines_show_only_what_is_allowed_later(decision: PermissionDecision, text: str) -> None:
    assert to_text(decision_lines(PermissionRequest(("shell",), "run_shell", "make"), decision)) == text


def test_question_sets_the_command_and_the_path_apart_from_the_rest() -> None:
    [head, command] = question_lines(PermissionRequest(("shell",), "run_shell in /work, in the sandbox", "make"))
    assert head == ((Style.ACCENT, "● "), (Style.STRONG, "run"), (Style.QUIET, " in /work, in the sandbox"))
    assert command[-1] == (Style.PLAIN, "make")
    [head, *changes] = question_lines(PermissionRequest(("write",), "edit_file a (+1 −1)", DIFF, "diff"))
    assert head[1:] == ((Style.STRONG, "edit"), (Style.PLAIN, " a (+1 −1)"))
    # The name of the file is not repeated above its changes, unless the call named a link to it.
    assert to_text(changes[:1]) == "  1 - old\n"
    [_, title, *_] = question_lines(PermissionRequest(("write",), "edit_file link (+1 −1)", DIFF, "diff"))
    assert to_text([title]) == "a\n"


def test_long_line_of_a_command_differs_from_the_next_line() -> None:
    request = PermissionRequest(("shell",), "run_shell", "echo one two three\nrm -rf ~")
    assert to_text(question_lines(request, 18)) == "● run\n  $ echo one two\n    three\n  > rm -rf ~\n"


def test_question_about_a_command_outside_the_sandbox_offers_no_grant() -> None:
    request = replace(OFFERED, kinds=("shell", "outside"), is_unsandboxed=True)
    assert permission_title(request) == "Run this command outside the sandbox?"
    label = "Yes, and don't ask again for `git diff …` and `head -5` outside the sandbox here"
    assert ("d", label) in permission_choices(request)
    assert "a" not in dict(permission_choices(request))
    assert "all commands" not in choices(request)
    assert decide("a", request) is None
    assert permission_title(replace(SHELL, kinds=("shell",))) == "Run this command?"
