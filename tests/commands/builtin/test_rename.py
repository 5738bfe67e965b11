from __future__ import annotations

from pathlib import Path

from aloop.memory import MemoryManager
from commands.dispatch import dispatch
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp, store


async def test_new_title_is_listed_at_once(bench: SetUp, sessions_dir: Path) -> None:
    session_id = await store(sessions_dir, "one")
    stage = bench()
    await dispatch(f"/resume {session_id}", stage.context)
    await dispatch("/rename  Counting:  in German ", stage.context)
    [row] = await MemoryManager.list_sessions(sessions_dir=sessions_dir)
    assert row.title == "Counting: in German"
    assert stage.view.of("info")[-1] == "The title is now “Counting: in German”."


async def test_rename_works_before_the_first_turn(bench: SetUp, sessions_dir: Path) -> None:
    stage = bench(answer("Eins."))
    await dispatch("/rename Counting", stage.context)
    assert "saved with the first turn" in str(stage.view.of("info")[-1])
    await dispatch("one", stage.context)
    [row] = await MemoryManager.list_sessions(sessions_dir=sessions_dir)
    assert row.title == "Counting"


async def test_rename_without_a_title_shows_the_current_one(bench: SetUp) -> None:
    stage = bench(answer("Eins."))
    await dispatch("/rename", stage.context)
    await dispatch("one", stage.context)
    await dispatch("/rename", stage.context)
    assert stage.view.of("info") == [
        "This session has no title yet. /rename TITLE sets one.",
        "The title is “one”. /rename TITLE changes it.",
    ]


async def test_overlong_title_is_refused(bench: SetUp) -> None:
    stage = bench()
    await dispatch(f"/rename {'x' * 300}", stage.context)
    assert "at most 200 characters" in str(stage.view.of("error")[0])
