"""The session picker at several sizes, after resizes and on a dumb terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prompt_toolkit.utils import get_cwidth

from aloop.memory.sessions_dir.registry import Registry
from tests.e2e.conftest import Open
from tests.e2e.shell import Shell
from tests.saved_sessions import FIRST, save

SESSIONS = Path(".aloop/sessions")


def fill(count: int) -> None:
    for number in range(1, count + 1):
        path = save(SESSIONS, f"{number:08x}-5678-40ab-8def-1234567890ab", day=number, says="TITLE")
        path.write_text(path.read_text().replace("TITLE", f"会議 🎉 number {number}, at length"))


def numbers(aloop: Shell) -> list[int]:
    """Return the numbers in the titles on the screen: a narrow window shows no IDs."""
    listed = [row for row in aloop.screen().splitlines() if "2025-01" in row]
    return [int(number) for row in listed for number in re.findall(r"number (\d+)", row)]


def rows(aloop: Shell) -> list[str]:
    """Return the session IDs listed on the screen."""
    return [row[4:12] for row in aloop.screen().splitlines() if row[14:21] == "2025-01"]


@pytest.mark.parametrize(("columns", "height", "listed"), [(80, 24, 9), (60, 20, 7), (120, 40, 18)])
def test_picker_fits_the_screen_and_disappears_on_escape(shell: Open, columns: int, height: int, listed: int) -> None:
    fill(25)
    aloop = shell(columns=columns, rows=height)
    aloop.send_line("/resume")
    aloop.wait_for("Enter resume · d trash · r rename · f fork")
    aloop.wait_until(lambda: "\nIt is\n4." in aloop.screen(), "the end of the newest")
    assert numbers(aloop) == [*range(25, 25 - listed, -1)]
    assert max(map(get_cwidth, aloop.screen().splitlines())) < columns
    aloop.send("\x1b[F")
    aloop.wait_until(lambda: numbers(aloop)[-1:] == [1], "the oldest")
    aloop.send("number 7")
    aloop.wait_until(lambda: numbers(aloop)[:1] == [7], "the filtered rows")
    aloop.send("\x1b")
    aloop.wait_for_prompt()
    assert "find:" not in aloop.screen()
    assert numbers(aloop) == []
    assert "#  id " not in aloop.scrollback()


def test_resize_leaves_a_single_picker(shell: Open) -> None:
    fill(25)
    aloop = shell(columns=80, rows=24)
    aloop.send_line("/resume")
    aloop.wait_until(lambda: len(rows(aloop)) == 9, "a small picker")
    aloop.resize(120, 40)
    aloop.wait_until(lambda: len(rows(aloop)) == 18, "a larger one")
    aloop.resize(64, 40)
    aloop.wait_until(lambda: len(rows(aloop)) == 17 and "17, at length" not in aloop.screen(), "a narrower one")
    assert aloop.screen().count("find:") == 1
    aloop.send("\x1b")
    aloop.wait_for_prompt()


def test_resume_on_a_dumb_terminal_prints_only_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    fill(2)
    with Shell(env={"TERM": "dumb"}) as aloop:
        aloop.wait_for(">")
        aloop.send_line("/resume")
        aloop.wait_for("/resume 1 opens the first row")
        assert rows(aloop) == ["00000002", "00000001"]
        assert b"\x1b" not in aloop.raw


def test_session_of_another_project_is_resumed_in_that_project(shell: Open, tmp_path: Path) -> None:
    fill(1)
    other = tmp_path / "other" / ".aloop" / "sessions"
    save(other, FIRST, day=5, says="Elsewhere")
    Registry.of_user().add(other)
    aloop = shell(columns=100)
    aloop.send_line("/resume")
    aloop.wait_until(lambda: rows(aloop) == ["00000001"], "the session of this folder")
    aloop.send("\x01")
    aloop.wait_until(lambda: rows(aloop) == ["a1b2c3d4", "00000001"], "those of all folders")
    aloop.send("\x1b[H\r")
    aloop.wait_for("╰ y/n or ↑↓ Enter")
    aloop.send("y")
    aloop.wait_for("Resumed a1b2c3d4")
    aloop.wait_for_prompt()
    aloop.send_line("!pwd")
    aloop.wait_for(f"\n{tmp_path / 'other'}\n")
    aloop.wait_for_prompt()
    aloop.send("\x04")
    assert aloop.wait_for_exit() == 0
