from __future__ import annotations

from pathlib import Path

import pytest

from aloop.memory import SessionLibrary
from commands.dispatch import dispatch
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp
from tests.saved_sessions import FIRST, save


async def test_fork_continues_from_a_message_and_leaves_the_original_alone(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    before = path.read_bytes()
    stage = bench(answer("Sure."), hold=True)
    await dispatch(f"/resume {FIRST}", stage.context)
    await dispatch("/fork 1", stage.context)
    assert "a fork of a1b2c3d4 up to message 1. It is saved with its first turn or change" in str(
        stage.view.of("info")[-1]
    )
    await dispatch("why?", stage.context)
    saved = await SessionLibrary(sessions_dir).load(stage.memory.session_id)
    assert (saved.forked_from, [message.content for message in saved.messages]) == (
        FIRST,
        ["What is 2+2?", "why?", "Sure."],
    )
    assert path.read_bytes() == before


async def test_fork_is_not_pinned(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    path.write_text(path.read_text().replace("\nmessages:", "\npinned: true\ntags: [a]\nmessages:", 1))
    stage = bench(answer("Sure."), hold=True)
    await dispatch(f"/resume {FIRST}", stage.context)
    await dispatch("/fork 1", stage.context)
    await dispatch("why?", stage.context)
    saved = await SessionLibrary(sessions_dir).load(stage.memory.session_id)
    assert saved.extra.as_dict() == {"tags": ["a"]}


async def test_fork_keeps_a_tool_call_with_its_result(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch(f"/resume {FIRST}", stage.context)
    await dispatch("/fork 2", stage.context)
    assert stage.memory.message_count == 3
    assert "message 3, not 2, to keep a tool call with its results." in str(stage.view.of("info")[-1])


async def test_fork_without_a_number_copies_all_messages(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch(f"/resume {FIRST}", stage.context)
    await dispatch("/fork", stage.context)
    assert stage.memory.message_count == 4
    assert stage.memory.session_id != FIRST


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("/fork 5", "Message 5 does not exist: this session has 4 messages."),
        ("/fork 0", "count from 1"),
        ("/fork 1-2", "Type one message number"),
        ("/fork all", "not a message number"),
    ],
)
async def test_fork_with_an_invalid_number_does_nothing(
    bench: SetUp, sessions_dir: Path, typed: str, reason: str
) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch(f"/resume {FIRST}", stage.context)
    await dispatch(typed, stage.context)
    assert reason in str(stage.view.of("error")[-1])
    assert stage.memory.session_id == FIRST


async def test_a_new_session_has_nothing_to_fork(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/fork", stage.context)
    assert "nothing to fork" in str(stage.view.of("error")[0])


@pytest.mark.parametrize("change", ["/rename Another try", "/tag parser", "/pin", "/note 1 Look here", "/skip 1"])
async def test_fork_is_saved_with_its_first_change(bench: SetUp, sessions_dir: Path, change: str) -> None:
    path = save(sessions_dir, FIRST)
    original = path.read_bytes()
    stage = bench()
    await dispatch(f"/resume {FIRST}", stage.context)
    await dispatch("/fork", stage.context)
    assert not stage.memory.path
    await dispatch(change, stage.context)
    assert not stage.view.of("error")
    assert "first turn" not in str(stage.view.of("info")[-1])
    saved = await SessionLibrary(sessions_dir).load(stage.memory.session_id)
    assert (saved.title, saved.extra, saved.messages) == (
        stage.memory.title,
        stage.memory.header,
        tuple(stage.memory.messages),
    )
    assert path.read_bytes() == original
