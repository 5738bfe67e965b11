"""Sessions from elsewhere are announced before they are resumed, the user's own never."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aloop.config import state_dir
from commands.dispatch import dispatch
from commands.session_browser import Choice, SessionBrowser
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp
from tests.saved_sessions import FIRST, save


@pytest.fixture
def from_elsewhere(sessions_dir: Path) -> Path:
    """A session in a folder that nobody trusts."""
    path = save(sessions_dir, FIRST)
    (state_dir() / "aloop" / "trust").unlink()
    return path


async def test_a_session_of_ones_own_is_resumed_without_a_word(bench: SetUp, sessions_dir: Path) -> None:
    stage = bench(answer("Hello."))
    await dispatch("Hi", stage.context)
    session_id = stage.memory.session_id
    again = bench()
    await dispatch(f"/resume {session_id}", again.context)
    assert again.memory.session_id == session_id
    assert again.view.of("announce") == []


async def test_nor_is_one_with_a_system_message_of_ones_own_announced(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    await dispatch("/system Speak like a pirate.", stage.context)
    await dispatch("Hi", stage.context)
    again = bench()
    await dispatch(f"/resume {stage.memory.session_id}", again.context)
    assert again.view.of("announce") == []


@pytest.mark.usefixtures("from_elsewhere")
async def test_a_strange_folder_and_a_strange_system_message_are_announced_once(
    bench: SetUp, sessions_dir: Path
) -> None:
    stage = bench()
    await dispatch("/resume a1b2", stage.context)
    folder, system = map(str, stage.view.of("announce"))
    assert folder.startswith(f"You have not worked with the sessions in {sessions_dir} before.\n")
    assert system.endswith("It tells the model:\n│ Be brief.")
    assert stage.memory.session_id == FIRST
    assert [how for how, _ in stage.view.shown].index("announce") < [how for how, _ in stage.view.shown].index(
        "exchanges"
    )
    again = bench()
    await dispatch("/resume a1b2", again.context)
    assert again.view.of("announce") == []


@pytest.mark.usefixtures("from_elsewhere")
async def test_without_a_yes_nothing_changes_and_nothing_is_trusted(bench: SetUp) -> None:
    stage = bench(hold=True)
    stage.view.agrees = False
    before = stage.memory.session_id
    await dispatch("/resume a1b2", stage.context)
    await dispatch("/resume a1b2", stage.context)
    assert len(stage.view.of("announce")) == 2
    assert stage.memory.session_id == before
    assert stage.view.of("info")[-1] == "Nothing was changed."


@pytest.mark.usefixtures("from_elsewhere")
async def test_a_fork_is_announced_too(bench: SetUp) -> None:
    async def fork(_shelf: SessionBrowser) -> Choice:
        return Choice(FIRST, fork=True)

    stage = bench()
    stage.view.picks, stage.view.agrees = fork, False
    await dispatch("/resume", stage.context)
    assert len(stage.view.of("announce")) == 1
    assert stage.memory.message_count == 0


async def test_a_strange_system_message_alone_is_shown_and_no_question(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    lines = "".join(f"      line {number}\n" for number in range(20))
    path.write_text(path.read_text().replace("content: Be brief.\n", f"content: |\n{lines}"))
    stage = bench()
    stage.view.agrees = False
    await dispatch("/resume a1b2", stage.context)
    (notice,) = stage.view.of("announce")
    assert str(notice).endswith("│ line 7\n… 12 more lines: /system shows all")
    assert stage.memory.session_id == FIRST


async def test_what_another_user_owns_is_announced_in_a_trusted_folder_too(
    bench: SetUp, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(sessions_dir, FIRST)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    stage = bench()
    await dispatch("/resume a1b2", stage.context)
    (notice,) = stage.view.of("announce")
    assert str(notice).startswith("Session a1b2c3d4 belongs to another user of this computer (")
    again = bench()
    await dispatch("/resume a1b2", again.context)
    assert again.view.of("announce") == []
