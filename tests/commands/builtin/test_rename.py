from __future__ import annotations

from pathlib import Path

from aloop.memory import MemoryManager
from commands.dispatch import dispatch
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp, store


async def test_the_title_is_in_the_lists_at_once(bench: SetUp, sessions_dir: Path) -> None:
    session_id = await store(sessions_dir, "one")
    stage = bench()
    await dispatch(f"/resume {session_id}", stage.context)
    await dispatch("/rename  Counting:  in German ", stage.context)
    [row] = await MemoryManager.list_sessions(sessions_dir=sessions_dir)
    assert row.title == "Counting: in German"
    assert stage.view.of("info")[-1] == "This session is called “Counting: in German” from now on."


async def test_a_session_may_have_its_title_before_its_first_turn(bench: SetUp, sessions_dir: Path) -> None:
    stage = bench(answer("Eins."))
    await dispatch("/rename Counting", stage.context)
    assert "saved with the first turn" in str(stage.view.of("info")[-1])
    await dispatch("one", stage.context)
    [row] = await MemoryManager.list_sessions(sessions_dir=sessions_dir)
    assert row.title == "Counting"


async def test_without_a_title_the_present_one_is_shown(bench: SetUp) -> None:
    stage = bench(answer("Eins."))
    await dispatch("/rename", stage.context)
    await dispatch("one", stage.context)
    await dispatch("/rename", stage.context)
    assert stage.view.of("info") == [
        "This session has no title yet. /rename TITLE changes that.",
        "This session is called “one”. /rename TITLE changes that.",
    ]


async def test_a_title_that_is_none_is_refused(bench: SetUp) -> None:
    stage = bench()
    await dispatch(f"/rename {'x' * 300}", stage.context)
    assert "at most 200 characters" in str(stage.view.of("error")[0])
