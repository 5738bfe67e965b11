"""Warnings before a session from elsewhere is resumed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aloop.cli.parser import parse_arguments
from aloop.config.user_folders import state_dir
from aloop.formatting import display_path
from aloop.importers.draft import Builder
from aloop.importers.storing.store import ImportStore
from aloop.memory import SessionLibrary
from aloop.memory.trust_file import TrustFile
from commands.dispatch import dispatch
from commands.session_browser import Choice, SessionBrowser
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp
from tests.saved_sessions import FIRST, save


@pytest.fixture
def from_elsewhere(sessions_dir: Path) -> Path:
    """Return a session that the user did not write."""
    path = save(sessions_dir, FIRST)
    (state_dir() / "aloop" / "trust").unlink()
    return path


async def test_own_session_is_resumed_without_a_warning(bench: SetUp, sessions_dir: Path) -> None:
    stage = bench(answer("Hello."))
    await dispatch("Hi", stage.context)
    session_id = stage.memory.session_id
    again = bench()
    await dispatch(f"/resume {session_id}", again.context)
    assert again.memory.session_id == session_id
    assert again.view.of("announce") == []


async def test_sessions_folder_of_a_clone_is_made_private_once(bench: SetUp, sessions_dir: Path) -> None:
    sessions_dir.mkdir(parents=True)
    sessions_dir.parent.chmod(0o755)
    stage = bench(answer("Hello."), answer("Again."))
    await dispatch("Hi", stage.context)
    ignore = sessions_dir.parent / ".gitignore"
    how = "To commit them, run `aloop sessions git-setup`."
    assert f"Added {ignore}, so that git ignores your sessions. {how}" in stage.view.of("info")
    ignore.unlink()
    await dispatch("Hi again", stage.context)
    assert not ignore.exists(), "the user's choice was undone"


@pytest.mark.usefixtures("from_elsewhere")
async def test_session_from_elsewhere_is_announced_beside_own_sessions(bench: SetUp) -> None:
    """A clone can contain sessions beside those that the user starts in it."""
    stage = bench(answer("Hello."))
    await dispatch("Hi", stage.context)
    again = bench()
    await dispatch("/resume a1b2", again.context)
    assert "was not written by your aloop" in str(again.view.of("announce")[0])


async def test_own_system_message_causes_no_warning(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    await dispatch("/system Speak like a pirate.", stage.context)
    await dispatch("Hi", stage.context)
    again = bench()
    await dispatch(f"/resume {stage.memory.session_id}", again.context)
    assert again.view.of("announce") == []


async def test_session_that_the_user_imported_causes_no_warning(
    bench: SetUp, sessions_dir: Path, tmp_path: Path
) -> None:
    chat = tmp_path / "chat.json"
    chat.write_text(json.dumps([{"messages": [{"role": "user", "content": "Hi"}]}]))
    options = parse_arguments(["import", str(chat), "--sessions-dir", str(sessions_dir)])
    assert options.run() == 0  # type: ignore[union-attr] # only the prompt has no run
    (imported,) = [summary.id for summary in await SessionLibrary(sessions_dir).list_sessions()]
    stage = bench(answer("Hello."))
    await dispatch(f"/resume {imported}", stage.context)
    await dispatch("And?", stage.context)
    again = bench()
    await dispatch(f"/resume {imported}", again.context)
    assert stage.view.of("announce") == again.view.of("announce") == []


@pytest.mark.usefixtures("from_elsewhere")
async def test_unknown_session_and_system_message_are_announced_once(bench: SetUp, sessions_dir: Path) -> None:
    stage = bench()
    await dispatch("/resume a1b2", stage.context)
    origin, system = map(str, stage.view.of("announce"))
    assert origin.startswith(f"Session a1b2c3d4 in {display_path(sessions_dir)} was not written by your aloop.\n")
    assert system.endswith(" nor one that you wrote:\n│ Be brief.")
    assert stage.memory.session_id == FIRST
    assert [kind for kind, _ in stage.view.shown].index("announce") < [kind for kind, _ in stage.view.shown].index(
        "exchanges"
    )
    again = bench()
    await dispatch("/resume a1b2", again.context)
    assert again.view.of("announce") == []


@pytest.mark.usefixtures("from_elsewhere")
async def test_declined_session_changes_nothing_and_is_not_trusted(bench: SetUp) -> None:
    stage = bench(hold=True)
    stage.view.agrees = False
    before = stage.memory.session_id
    await dispatch("/resume a1b2", stage.context)
    await dispatch("/resume a1b2", stage.context)
    assert len(stage.view.of("announce")) == 2
    assert stage.memory.session_id == before
    assert stage.view.of("info")[-1] == "Nothing was changed."


async def test_fork_that_is_saved_before_its_first_turn_is_resumed_without_a_warning(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    await dispatch("Hi", stage.context)
    await dispatch("/fork", stage.context)
    copy = stage.memory.session_id
    await dispatch("/clear", stage.context)
    await dispatch(f"/resume {copy}", stage.context)
    assert stage.memory.session_id == copy
    assert stage.view.of("announce") == []


@pytest.mark.usefixtures("from_elsewhere")
async def test_fork_of_an_unknown_session_is_announced(bench: SetUp) -> None:
    async def fork(_browser: SessionBrowser) -> Choice:
        return Choice(FIRST, fork=True)

    stage = bench()
    stage.view.picks, stage.view.agrees = fork, False
    await dispatch("/resume", stage.context)
    assert len(stage.view.of("announce")) == 1
    assert stage.memory.message_count == 0


async def test_unknown_system_message_alone_is_shown_without_a_question(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    lines = "".join(f"      line {number}\n" for number in range(20))
    path.write_text(path.read_text().replace("content: Be brief.\n", f"content: |\n{lines}"))
    stage = bench()
    stage.view.agrees = False
    await dispatch("/resume a1b2", stage.context)
    (notice,) = stage.view.of("announce")
    assert str(notice).endswith("│ line 7\n… 12 more lines; /system shows all of it")
    assert stage.memory.session_id == FIRST


@pytest.mark.parametrize("is_skipped", [True, False])
async def test_system_message_that_is_not_sent_is_not_announced(
    bench: SetUp, sessions_dir: Path, *, is_skipped: bool
) -> None:
    builder = Builder("kimi", "1")
    builder.system("You are Kimi.").skip = is_skipped
    builder.user("Hi")

    def accept(session_id: str, note: str) -> None:
        TrustFile.of_user().remember(accepted=[session_id], texts=[note])

    session_id = ImportStore(sessions_dir, on_write=accept).put(builder.build()).session_id
    stage = bench()
    await dispatch(f"/resume {session_id}", stage.context)
    assert stage.memory.session_id == session_id
    assert len(stage.view.of("announce")) == (0 if is_skipped else 1)


async def test_session_of_another_user_is_announced_in_a_trusted_folder(
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
