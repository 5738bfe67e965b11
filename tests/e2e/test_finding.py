"""Search, completion and listing of sessions, on a real pseudo-terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Open
from tests.saved_sessions import FIRST, SECOND, save

SESSIONS = Path(".aloop/sessions")


def test_search_finds_a_message_and_resume_shows_it_in_context(shell: Open) -> None:
    save(SESSIONS, FIRST, day=1, says="About the weather\nin Zanzibar")
    save(SESSIONS, SECOND, day=2, says="About the sea")
    aloop = shell()
    aloop.send_line('/search "WEATHER in"')
    aloop.wait_for("/resume 1 opens the session")
    aloop.wait_for_prompt()
    assert "a1b2c3d4 · 2025-01-01 · About the weather" in aloop.screen()
    assert "  1  #1    user       About the weather in Zanzibar" in aloop.screen()
    aloop.send_line("/resume 1")
    aloop.wait_for("Resumed a1b2c3d4 · 4 messages")
    assert "1  About the weather\n   in Zanzibar\n2  ✓ calculate 2+2" in aloop.screen()


def test_tab_completes_a_session_by_words_of_its_title(shell: Open) -> None:
    save(SESSIONS, FIRST, day=1, says="About the weather")
    save(SESSIONS, SECOND, day=2, says="About the sea")
    aloop = shell()
    aloop.wait_for("0 messages")
    aloop.send("/resume wea abo")
    # Messages are counted only for sessions that completion offers.
    aloop.wait_for(" a1b2c3d4  2025-01-01      4  About the weather")
    assert "About the sea" not in aloop.screen()
    aloop.send("\t")
    aloop.wait_for("> /resume a1b2c3d4")
    aloop.send("\r")
    aloop.wait_for("Resumed a1b2c3d4")


def test_tab_completes_a_deleted_session_for_restore(shell: Open) -> None:
    save(SESSIONS, FIRST, says="About the weather")
    aloop = shell()
    aloop.send_line("/delete a1b2")
    aloop.wait_for("╰ y/n or ↑↓ Enter · Esc stops")
    aloop.send("y")
    aloop.wait_for("Deleted a1b2c3d4")
    aloop.wait_for_prompt()
    aloop.send("/restore weather")
    aloop.wait_until(lambda: "About the weather" in aloop.screen().splitlines()[-1], "the deleted session")
    aloop.send("\t\r")
    aloop.wait_for("Restored a1b2c3d4")


def test_history_shows_numbered_wrapped_messages(shell: Open) -> None:
    save(SESSIONS, FIRST, says="wonderful " * 20)
    aloop = shell()
    aloop.send_line("/history a1b2")
    aloop.wait_for("4  It is")
    aloop.wait_for_prompt()
    shown = aloop.screen().splitlines()
    question = [row for row in shown if "wonderful" in row and "·" not in row]
    assert question[0].startswith("1  > wonderful")
    assert all(row.endswith("wonderful") for row in question)
    assert "2  ✓ calculate 2+2" in shown
    assert "3    → 4" in shown


def test_long_session_list_opens_in_the_pager_at_the_first_row(shell: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "less -R")
    for number in range(60):
        save(SESSIONS, f"{number:08}-5678-40ab-8def-1234567890ab", day=number % 31 + 1)
    aloop = shell()
    aloop.send_line("/sessions")
    aloop.wait_until(
        lambda: aloop.screen().endswith("\nq closes, Space shows more, / searches") and " 20  " in aloop.screen(),
        "less",
    )
    aloop.send("q")
    aloop.wait_for_prompt()
    aloop.send_line("/resume 2")
    aloop.wait_for("Resumed 000000")
