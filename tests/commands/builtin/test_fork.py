from __future__ import annotations

from pathlib import Path

import pytest

from aloop.memory import SessionLibrary
from commands.dispatch import dispatch
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp
from tests.saved_sessions import FIRST, save


async def test_a_fork_goes_on_from_a_message_and_leaves_the_other_alone(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    before = path.read_bytes()
    stage = bench(answer("Sure."), hold=True)
    await dispatch(f"/resume {FIRST}", stage.context)
    await dispatch("/fork 1", stage.context)
    told = str(stage.view.of("info")[-1])
    assert "a fork of a1b2c3d4 up to message 1." in told
    await dispatch("why?", stage.context)
    saved = await SessionLibrary(sessions_dir).load(stage.memory.session_id)
    assert (saved.forked_from, [message.content for message in saved.messages]) == (
        FIRST,
        ["What is 2+2?", "why?", "Sure."],
    )
    assert path.read_bytes() == before


async def test_a_call_and_its_result_stay_together(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch(f"/resume {FIRST}", stage.context)
    await dispatch("/fork 2", stage.context)
    assert stage.memory.message_count == 3
    assert "message 2 (3, for a tool call and its results stay together)" in str(stage.view.of("info")[-1])


async def test_without_a_number_all_of_it_is_forked(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch(f"/resume {FIRST}", stage.context)
    await dispatch("/fork", stage.context)
    assert stage.memory.message_count == 4
    assert stage.memory.session_id != FIRST


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("/fork 5", "There is no message 5: this session has 4 messages."),
        ("/fork 0", "count from 1"),
        ("/fork 1-2", "One message number"),
        ("/fork all", "no message number"),
    ],
)
async def test_what_is_no_message_forks_nothing(bench: SetUp, sessions_dir: Path, typed: str, reason: str) -> None:
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
