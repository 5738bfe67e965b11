from __future__ import annotations

import errno
import os
import re

import pytest
from prompt_toolkit.output import DummyOutput

from repl.output.renderer import TerminalOutput, has_alternate_screen, in_one_piece
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


@pytest.mark.parametrize(
    ("env", "is_asked"),
    [
        ({"TMUX": "/tmp/tmux-0/default,1,0"}, True),
        ({"XTERM_VERSION": "XTerm(390)"}, True),
        ({"XTERM_VERSION": "XTerm(390)", "STY": "1.pts-0"}, False),
        ({}, False),
    ],
)
def test_modified_keys_are_asked_for_only_where_understood_and_only_at_the_prompt(
    env: dict[str, str], is_asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TMUX", "XTERM_VERSION", "STY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as stdout:
        output = TerminalOutput.of(stdout)
        output.enable_bracketed_paste()
        output.disable_bracketed_paste()
        output.flush()
        written = os.read(ours, 1024)
    os.close(ours)
    assert written == (b"\x1b[?2004h\x1b[>4;1m\x1b[?2004l\x1b[>4m" if is_asked else b"\x1b[?2004h\x1b[?2004l")


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


def test_title_is_kept_safe_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    screen = Screen(terminal.output)
    screen.set_title("one\x1b[2J\ntwo")
    screen.set_title("three")
    with screen.untitled():
        terminal.write("|")
    screen.set_title(None)
    screen.set_title(None)
    with screen.untitled():
        pass
    kept, restored = "\x1b[22;2t", "\x1b[23;2t"
    titles = [f"{kept}\x1b]2;one^[[2J two\x07\x1b]2;three\x07{restored}", f"{kept}\x1b]2;three\x07{restored}"]
    assert "".join(terminal.writes) == "|".join(titles)


@pytest.mark.parametrize(
    ("term", "tmux", "on_desktop", "written"),
    [
        ("xterm", "", False, "\a"),
        ("xterm", "", True, "\x1b]9;aloop: a, b^G\x07"),
        ("foot", "", True, "\x1b]777;notify;aloop;a, b^G\x07"),
        ("tmux", "/tmp/tmux,1,0", False, "\a"),
        ("tmux", "/tmp/tmux,1,0", True, "\x1bPtmux;\x1b\x1b]9;aloop: a, b^G\x07\x1b\\\a"),
    ],
)
def test_notice_is_a_bell_or_in_the_form_of_the_terminal(
    term: str, tmux: str, on_desktop: bool, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("TMUX", raising=False)
    if tmux:
        monkeypatch.setenv("TMUX", tmux)
    monkeypatch.delenv("VTE_VERSION", raising=False)
    terminal = Terminal()
    Screen(terminal.output).notify("a; b\a", on_desktop=on_desktop)
    assert "".join(terminal.writes) == written


def test_focus_is_reported_while_the_prompt_reads_keys() -> None:
    terminal = Terminal()
    terminal.output.reports_focus = True
    terminal.output.enable_bracketed_paste()
    terminal.output.disable_bracketed_paste()
    terminal.output.flush()
    assert "".join(terminal.writes) == "\x1b[?2004h\x1b[?1004h\x1b[?2004l\x1b[?1004l"
    screen = Screen(terminal.output)
    screen.take_report("\x1b[O")
    assert not screen.has_focus
    screen.take_report("\x1b[I")
    assert screen.has_focus


def test_key_modes_of_the_second_screen_end_before_it_is_left() -> None:
    terminal = Terminal()
    terminal.output.use_kitty_keys()
    terminal.output.disable_bracketed_paste()
    terminal.output.flush()
    terminal.writes.clear()
    terminal.output.enter_alternate_screen()
    terminal.output.enable_bracketed_paste()
    terminal.output.quit_alternate_screen()
    terminal.output.disable_bracketed_paste()
    terminal.output.flush()
    codes = re.findall(r"\x1b\[(?:>1u|<u|\?1049[hl])", "".join(terminal.writes))
    assert codes == ["\x1b[?1049h", "\x1b[>1u", "\x1b[<u", "\x1b[?1049l"]


@pytest.mark.parametrize(
    ("env", "has"),
    [({"TERM": "xterm"}, True), ({"TERM": "linux"}, False), ({"STY": "1"}, False), ({"STY": "1", "TMUX": "1"}, True)],
)
def test_second_screen_is_used_where_terminals_have_one(env: dict[str, str], *, has: bool) -> None:
    assert has_alternate_screen(env) is has
