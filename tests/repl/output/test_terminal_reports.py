"""Questions to the terminal, and the use of its reports."""

from __future__ import annotations

import pytest

from repl.output.renderer import in_one_piece
from repl.output.screen import Screen
from repl.output.terminal_reports import queries, reported_background
from tests.repl.terminal import Terminal


@pytest.mark.parametrize(
    ("report", "background"),
    [
        ("\x1b]11;rgb:ffff/ffff/ffff\x1b\\", "light"),
        ("\x1b]11;rgb:fd/f6/e3\x07", "light"),
        ("\x1b]11;rgba:0000/2b2b/3636/ffff\x07", "dark"),
        ("\x1b]11;rgb:0/0/0\x07", "dark"),
        ("\x1b]10;rgb:ffff/ffff/ffff\x1b\\", ""),
        ("\x1b]11;?\x1b\\", ""),
    ],
)
def test_background_is_read_from_its_report(report: str, background: str) -> None:
    assert reported_background(report) == background


def test_terminals_are_asked_only_what_they_do_not_print() -> None:
    assert queries({"TERM": "xterm"}) == "\x1b[?u\x1b[?2026$p\x1b]11;?\x1b\\\x1b[c"
    assert queries({"TERM": "linux"}) == "\x1b[?u\x1b[c"
    assert "$p" not in queries({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"})


def test_rows_get_a_background_after_the_report_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLORFGBG", raising=False)
    screen = Screen(Terminal().output)
    backgrounds = [screen.theme.background]
    screen.take_report("\x1b]11;rgb:0000/2b2b/3636\x07")
    assert [*backgrounds, screen.theme.background] == ["", "dark"]


def test_frames_are_marked_if_the_terminal_can_hold_them() -> None:
    terminal = Terminal()
    screen = Screen(terminal.output)
    screen.write("one\n")
    screen.take_report("\x1b[?2026;0$y")
    screen.write("two\n")
    screen.take_report("\x1b[?2026;2$y")
    with in_one_piece(terminal.output):
        screen.write("three\n")
        screen.write("four\n")
    terminal.output.flush()
    assert terminal.writes == ["one\n", "two\n", "\x1b[?2026hthree\nfour\n\x1b[?2026l"]


def test_reports_are_awaited_until_the_last_one() -> None:
    screen = Screen(Terminal().output)
    awaited = [screen.awaits_reports]
    screen.ask_terminal()
    for report in ("\x1b[?1u", "\x1b[?62;4c"):
        awaited.append(screen.awaits_reports)
        screen.take_report(report)
    assert [*awaited, screen.awaits_reports] == [False, True, True, False]
