from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from commands.dispatch import dispatch
from tests.commands.conftest import Bench, SetUp
from tests.saved_sessions import FIRST, save

Editor = Callable[[Path, int], bool]


@pytest.fixture
async def stage(bench: SetUp, sessions_dir: Path) -> Bench:
    save(sessions_dir, FIRST)
    stage = bench(hold=True)
    await dispatch(f"/resume {FIRST}", stage.context)
    return stage


def replacing(old: str, new: str, *, succeeds: bool = True) -> Editor:
    """Return an editor that replaces ``old`` with ``new``."""

    def edit(path: Path, _line: int) -> bool:
        path.write_text(path.read_text().replace(old, new))
        return succeeds

    return edit


def folder(stage: Bench) -> list[str]:
    assert stage.memory.path
    return sorted(path.name.partition("-")[0] for path in stage.memory.path.parent.iterdir() if path.name[0] != ".")


async def test_edit_opens_at_the_message_and_applies_the_result(stage: Bench) -> None:
    stage.view.editor = [replacing("It is", "It was")]
    await dispatch("/edit 4", stage.context)
    assert stage.view.of("edit") == [22]
    assert stage.memory.messages[-1].content == "It was\n4.\n"
    assert stage.view.of("event") == ["Notice"]
    assert folder(stage) == ["session.yaml"]


async def test_invalid_edit_is_reported_and_reopened_at_the_error(stage: Bench) -> None:
    stage.view.editor = [replacing("role: tool\n", "role: toll\n"), replacing("role: toll\n", "role: tool\n")]
    await dispatch("/edit", stage.context)
    assert stage.view.of("edit") == [1, 18]
    assert stage.view.of("error") == ["Line 18, column 11: unknown role 'toll' (user, assistant, tool or system)."]
    assert "Edit again?" in str(stage.view.of("confirm"))
    assert stage.view.of("info")[-1] == "Nothing was changed."


async def test_abandoned_edit_is_kept_in_a_file(stage: Bench) -> None:
    stage.view.agrees = False
    stage.view.editor = [replacing("role: tool\n", "role: toll\n")]
    await dispatch("/edit", stage.context)
    message = str(stage.view.of("info")[-1])
    kept = Path(message.rpartition(" kept in ")[2])
    assert "The session was not changed." in message
    assert "toll" in kept.read_text()
    assert "toll" not in (stage.memory.path or Path()).read_text()


async def test_failed_editor_changes_nothing_and_keeps_the_edits(stage: Bench) -> None:
    stage.view.editor = [replacing("It is", "It was", succeeds=False)]
    await dispatch("/edit", stage.context)
    assert "Your edits are kept in " in str(stage.view.of("info")[-1])
    assert folder(stage) == ["session.edited", "session.yaml"]


async def test_cancelling_at_the_question_reports_the_draft(stage: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stop(_question: str) -> bool:
        raise asyncio.CancelledError

    stage.view.editor = [replacing("role: tool\n", "role: toll\n")]
    monkeypatch.setattr(stage.view, "confirm", stop)
    with pytest.raises(asyncio.CancelledError):
        await dispatch("/edit", stage.context)
    assert "Your edits are kept in " in str(stage.view.of("info")[-1])
    assert folder(stage) == ["session.edited", "session.yaml"]


async def test_editor_that_does_not_start_leaves_no_copy(stage: Bench) -> None:
    stage.view.editor = [lambda _path, _line: False]
    await dispatch("/edit", stage.context)
    assert stage.view.of("info")[-1] == "Nothing was changed."
    assert folder(stage) == ["session.yaml"]


async def test_edited_system_message_is_used_from_then_on(stage: Bench) -> None:
    stage.view.editor = [replacing("Be brief.", "Be kind.")]
    await dispatch("/edit", stage.context)
    assert [message.content for message in stage.memory.system_messages] == ["Be kind."]


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("/edit 9", "Message 9 does not exist: this session has 4 messages"), ("/edit x", "not a message number")],
)
async def test_edit_of_a_missing_message_opens_no_editor(stage: Bench, typed: str, reason: str) -> None:
    await dispatch(typed, stage.context)
    assert reason in str(stage.view.of("error")[-1])
    assert folder(stage) == ["session.yaml"]


async def test_edit_of_a_new_session_is_an_error(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/edit", stage.context)
    assert "no file yet" in str(stage.view.of("error")[0])
