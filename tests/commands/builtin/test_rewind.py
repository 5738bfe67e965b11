from __future__ import annotations

from pathlib import Path

from commands.dispatch import dispatch
from commands.pages import Question
from tests.agent.scripted import answer
from tests.commands.conftest import Bench, SetUp, store


async def three_turns(bench: SetUp, sessions_dir: Path) -> Bench:
    """Open a session of three turns, whose questions are messages 1, 3 and 5."""
    session_id = await store(sessions_dir, "one", "two", "three")
    stage = bench(answer("Again."))
    await dispatch(f"/resume {session_id}", stage.context)
    return stage


def contents(stage: Bench) -> list[str | None]:
    return [message.content for message in stage.memory.messages]


async def test_rewind_returns_the_text_and_redo_restores_turn_by_turn(bench: SetUp, sessions_dir: Path) -> None:
    stage = await three_turns(bench, sessions_dir)
    before = contents(stage)
    assert (await dispatch("/rewind 3", stage.context)).prefill == "two"
    assert contents(stage) == before[:2]
    assert stage.view.of("info")[-1] == "Removed 2 turns (messages 3-6). /redo restores them one by one."
    await dispatch("/redo", stage.context)
    assert contents(stage) == before[:4]
    await dispatch("/redo", stage.context)
    assert contents(stage) == before


async def test_picked_message_is_gone_back_to(bench: SetUp, sessions_dir: Path) -> None:
    stage = await three_turns(bench, sessions_dir)
    stage.view.picks_message = Question(5, "three"), False
    assert (await dispatch("/rewind", stage.context)).prefill == "three"
    assert stage.view.of("questions")[-1] == [(1, "one"), (3, "two"), (5, "three")]
    assert stage.memory.message_count == 4


async def test_going_back_in_a_copy_leaves_the_session_unchanged(bench: SetUp, sessions_dir: Path) -> None:
    stage = await three_turns(bench, sessions_dir)
    original, before = stage.memory.session_id, contents(stage)
    stage.view.picks_message = Question(3, "two"), True
    assert (await dispatch("/rewind", stage.context)).prefill == "two"
    assert contents(stage) == before[:2]
    assert stage.memory.session_id != original
    session = await stage.memory.library.load(original)
    assert [message.content for message in session.messages] == before


async def test_going_back_to_the_first_message_in_a_copy_starts_a_new_session(bench: SetUp, sessions_dir: Path) -> None:
    stage = await three_turns(bench, sessions_dir)
    stage.view.picks_message = Question(1, "one"), True
    assert (await dispatch("/rewind", stage.context)).prefill == "one"
    assert contents(stage) == []


async def test_picking_nothing_changes_nothing(bench: SetUp, sessions_dir: Path) -> None:
    stage = await three_turns(bench, sessions_dir)
    assert (await dispatch("/rewind", stage.context)).prefill == ""
    assert stage.memory.message_count == 6


async def test_message_that_is_not_a_question_is_an_error(bench: SetUp, sessions_dir: Path) -> None:
    stage = await three_turns(bench, sessions_dir)
    await dispatch("/rewind 2", stage.context)
    await dispatch("/rewind 9", stage.context)
    await dispatch("/rewind x", stage.context)
    not_mine, missing, not_a_number = map(str, stage.view.of("error"))
    assert not_mine == "Message 2 is not one of yours. Run /rewind to see their numbers."
    assert "does not exist" in missing
    assert "not a message number" in not_a_number
    assert stage.memory.message_count == 6


async def test_new_session_has_nothing_to_go_back_to(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/rewind", stage.context)
    assert stage.view.of("error") == ["There is nothing to go back to: this session has no messages of yours."]
