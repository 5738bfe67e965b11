"""Questions to the terminal, and the use of its reports."""

from __future__ import annotations

import pytest
from prompt_toolkit.application import Application
from prompt_toolkit.input import create_pipe_input

from repl.output.live import LiveRows
from repl.output.renderer import in_one_piece
from repl.output.screen import Screen
from repl.output.terminal_reports import marks_pastes, queries, reported_background
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
    assert queries({"TERM": "xterm"}) == "\x1b[?u\x1b[?2026$p\x1b[?2004$p\x1b]11;?\x1b\\\x1b[c"
    assert queries({"TERM": "linux"}) == "\x1b[?u\x1b[c"
    assert "$p" not in queries({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"})


@pytest.mark.parametrize("printed", ["", "p", "pp"])
def test_prompt_covers_what_a_terminal_prints_of_a_question(printed: str) -> None:
    terminal = Terminal()
    Screen(terminal.output).ask_terminal()
    terminal.output.flush()
    asked = "".join(terminal.writes)
    terminal.write("\r" + printed + asked[-1] + "> the prompt")
    assert terminal.screen == ["> the prompt"]


@pytest.mark.parametrize("report", ["\x1b[?2004;1$y", "\x1b[?2004;2$y", "\x1b[200~"])
def test_terminal_that_reports_or_has_sent_marks_of_pastes_is_trusted(report: str) -> None:
    assert marks_pastes(report, {"TERM": "xterm-256color"})


@pytest.mark.parametrize(
    ("report", "env"),
    [
        ("\x1b[?2004;0$y", {"TERM": "xterm"}),
        ("\x1b[?2004;4$y", {"TERM": "xterm"}),
        ("\x1b[?2026;1$y", {"TERM": "xterm"}),
        # tmux marks what the terminal pastes, but not what its key binding for paste-buffer sends.
        ("\x1b[200~", {"TERM": "screen-256color", "TMUX": "/tmp/tmux-0/default,1,0"}),
        ("\x1b[?2004;1$y", {"TERM": "xterm", "STY": "1.pts-0"}),
        ("\x1b[200~", {"TERM": "tmux-256color"}),  # through ssh
        ("\x1b[200~", {"TERM": "screen"}),
    ],
)
def test_terminal_that_may_paste_without_marks_is_not_trusted(report: str, env: dict[str, str]) -> None:
    assert not marks_pastes(report, env)


def test_reports_are_used_before_the_prompt_reads_keys_and_ignored_after_it() -> None:
    with create_pipe_input() as source:
        screen = Screen(Terminal().output)
        screen.attach(Application(input=source, output=screen.output), lambda *_: LiveRows([], []), lambda _: False)
        screen.take_report("\x1b[O")
        assert not screen.has_focus
        screen.ignore_reports()
        screen.take_report("\x1b[I")
        assert not screen.has_focus


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
