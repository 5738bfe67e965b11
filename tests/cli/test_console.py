"""The progress bar of the subcommands, on a terminal and beside pipes."""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import signal
import struct
import sys
import termios
from datetime import UTC, datetime
from pathlib import Path

import pyte
import pytest

from aloop.cli import console
from aloop.cli.arguments import CommandOptions
from aloop.cli.console import ProgressBar, json_line
from aloop.cli.exchange import import_actions
from aloop.cli.parser import parse_arguments
from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage
from aloop.memory import SessionLibrary
from aloop.memory.projects import AllProjects
from tests.e2e.shell import Shell
from tests.saved_sessions import FIRST, SECOND, save


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch, columns: int = 60) -> Terminal:
    """Let standard error be a terminal, and draw each step."""
    written = Terminal()
    monkeypatch.setattr(sys, "stderr", written)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(console, "_DELAY", 0)
    monkeypatch.setattr(console, "_INTERVAL", 0)
    return written


def on_screen(written: str, columns: int = 60) -> list[str]:
    """Return the rows that are not blank."""
    screen = pyte.Screen(columns, 5)
    pyte.Stream(screen).feed(written.replace("\n", "\r\n"))
    return [row.rstrip() for row in screen.display if row.strip()]


def test_bar_is_redrawn_in_place_and_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    err = terminal(monkeypatch)
    with ProgressBar("Checking", "sessions") as bar:
        bar.show(1_000, 4_000)
        bar.show(2_000, 4_000)
        assert on_screen(err.getvalue()) == ["Checking ██████████░░░░░░░░░░  50%  2,000 of 4,000 sessions"]
        bar.clear()
        err.write("a line\n")
        bar.show(3_000, 4_000)
        err.write("^C")
    bar.show(4_000, 4_000)  # by a thread that has not noticed Ctrl-C yet
    assert on_screen(err.getvalue()) == ["a line"]


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (40, "Checking ████████████░░░░░░░░░░░░░  50%"),
        (20, "Checking ██░░░  50%"),
        (15, "Checking 50%"),
        (9, "50%"),
        (3, ""),
    ],
)
def test_bar_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, shown: str) -> None:
    err = terminal(monkeypatch, columns)
    with ProgressBar("Checking", "sessions") as bar:
        bar.show(2_000, 4_000)
        assert err.getvalue() == f"\r{shown}\x1b[J\r"


def test_bar_of_slow_work_is_shown_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    err = terminal(monkeypatch)
    monkeypatch.setattr(console, "_DELAY", 60)
    for is_slow in (False, True):
        with ProgressBar("Checking", "sessions", is_slow=is_slow) as bar:
            bar.show(0, 4_000)
            assert on_screen(err.getvalue()) == (
                ["Checking ░░░░░░░░░░░░░░░░░░░░░░░░   0%  0 of 4,000 sessions"] if is_slow else []
            )


@pytest.mark.parametrize("size", [0, 10**9])
def test_large_import_shows_at_once_that_it_is_at_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sessions_dir: Path, size: int
) -> None:
    err = terminal(monkeypatch)
    monkeypatch.setattr(console, "_DELAY", 60)
    monkeypatch.setattr(import_actions, "_SLOW", size)
    path = tmp_path / "talk.json"
    path.write_text('{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes."}]}')
    options = parse_arguments(["import", str(path), "--sessions-dir", str(sessions_dir)])
    assert isinstance(options, CommandOptions)
    assert options.run() == 0
    assert ("Reading" in err.getvalue()) == (size == 0)


def test_bar_on_a_dumb_terminal_uses_no_escape_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    err = terminal(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    with ProgressBar("Checking", "sessions") as bar:
        bar.show(2_000, 4_000)
        bar.show(0, 0)
        assert on_screen(err.getvalue()) == ["Checking"]
    assert on_screen(err.getvalue()) == []
    assert "\x1b" not in err.getvalue()


@pytest.mark.parametrize("is_drawn", [True, False])
def test_stopped_work_ends_with_a_sentence_in_place_of_the_bar(monkeypatch: pytest.MonkeyPatch, is_drawn: bool) -> None:
    err = terminal(monkeypatch)

    def work(bar: ProgressBar) -> None:
        if is_drawn:
            bar.show(1, 2)
        err.write("^C")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), ProgressBar("Checking", if_stopped="Stopped.") as bar:
        work(bar)
    assert on_screen(err.getvalue()) == ["Stopped."]
    with pytest.raises(ValueError, match="a fault"), ProgressBar("Checking", if_stopped="Not stopped."):
        raise ValueError("a fault")
    assert on_screen(err.getvalue()) == ["Stopped."]


def test_bar_follows_the_size_of_the_terminal_whatever_columns_was(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    monkeypatch.setattr(console, "_DELAY", 0)
    monkeypatch.setattr(console, "_INTERVAL", 0)
    with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(theirs, "w") as err:
        monkeypatch.setattr(sys, "stderr", err)
        with ProgressBar("Checking") as bar:
            for columns in (70, 24):
                fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
                bar.show(1, 2)
        err.write("\n")
        err.flush()
        drawn = b""
        while not drawn.endswith(b"\n"):  # a terminal may deliver it in parts
            drawn += screen.read(4_000)
    widths = [len(row) for row in re.findall(r"\r([^\r\n\x1b]+)", drawn.decode())]
    assert widths == [44, 23]


def test_nothing_is_drawn_without_a_terminal_or_in_the_first_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    err = terminal(monkeypatch)
    with ProgressBar("Checking", is_wanted=False) as bar:
        bar.show(1, 2)
    monkeypatch.setattr(console, "_DELAY", 1_000)
    with ProgressBar("Checking") as bar:
        bar.show(1, 2)
    monkeypatch.setattr(console, "_DELAY", 0)
    monkeypatch.setattr(err, "isatty", lambda: False)
    with ProgressBar("Checking") as bar:
        bar.show(1, 2)
    assert err.getvalue() == ""


async def test_progress_counts_every_session_of_a_search_a_check_and_a_list(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    save(sessions_dir, SECOND)
    library = SessionLibrary(sessions_dir)
    seen: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        seen.append((done, total))

    assert [hit async for hit in library.search("nowhere", note)] == []
    await library.check(on_read=note)
    assert [row async for row in library.list_annotated("", note)] == []
    assert len(await library.list_sessions(on_read=note)) == 2
    assert len(await AllProjects(folders=[sessions_dir]).list_sessions(9, note)) == 2
    assert seen == [(1, 2), (2, 2)] * 5


@pytest.mark.slow
def test_long_check_shows_a_bar_that_ctrl_c_erases(sessions_dir: Path) -> None:
    for number in range(800):
        save(sessions_dir, f"{number:08x}-5678-40ab-8def-1234567890ab")
    with Shell("sessions", "check", "--sessions-dir", str(sessions_dir)) as aloop:
        aloop.wait_for("of 800 sessions")
        aloop.send("\x03")
        assert aloop.wait_for_exit() == -signal.SIGINT
        assert aloop.screen() == "Stopped. The check is not complete."


def test_json_line_has_objects_times_and_paths_but_no_python_text() -> None:
    record = {"extra": JsonObject({"a": {"b": [1]}}), "at": datetime(2025, 1, 31, tzinfo=UTC), "path": Path("/x")}
    wanted = {"extra": {"a": {"b": [1]}}, "at": "2025-01-31T00:00:00+00:00", "path": "/x"}
    assert json.loads(json_line(record)) == wanted
    for value in (object(), {1}, LLMMessage(role="user", content="Hi")):
        with pytest.raises(TypeError, match="JSON has no "):
            json_line({"value": value})
