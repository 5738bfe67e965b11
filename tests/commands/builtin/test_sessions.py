"""The commands that concern the open session or the shell itself: /clear, /stats, /help, /exit."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from aloop.errors import StorageError
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary, SessionStats
from commands.builtin import REGISTRY
from commands.dispatch import dispatch
from commands.registry import Next
from tests.agent.scripted import answer
from tests.commands.conftest import Bench, SetUp


def _fail_to_save(stage: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse() -> None:
        raise StorageError("The disk is full.", Path("session.yaml"))

    monkeypatch.setattr(stage.memory, "save_memory", refuse)


async def test_clear_begins_a_new_session_and_tells_where_the_old_one_is(bench: SetUp, sessions_dir: Path) -> None:
    stage = bench(answer("Hello."))
    await dispatch("Hi", stage.context)
    before = stage.memory.session_id
    await dispatch("/clear", stage.context)
    assert stage.memory.session_id != before
    assert stage.memory.message_count == 0
    assert before[:8] in str(stage.view.of("info")[0])
    kept = await stage.memory.library.load(before)
    assert len(kept.messages) == 2


async def test_clear_does_not_touch_a_session_that_is_saved(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    await dispatch("Hi", stage.context)
    path = stage.memory.path
    assert path is not None
    before = path.read_bytes()
    await dispatch("/clear", stage.context)
    assert path.read_bytes() == before


async def test_clearing_a_new_session_does_nothing(bench: SetUp) -> None:
    stage = bench()
    before = stage.memory.session_id
    await dispatch("/clear", stage.context)
    assert stage.memory.session_id == before
    assert stage.view.of("info") == ["This session is new already."]


@pytest.mark.parametrize("line", ["/clear", "/resume a1b2c3d4"])
async def test_a_session_that_can_not_be_saved_is_not_put_away(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    stage = bench()
    await stage.memory.add_message(LLMMessage("user", "not saved yet"))
    _fail_to_save(stage, monkeypatch)
    await dispatch(line, stage.context)
    assert stage.view.of("error") == ["The disk is full."]
    assert stage.memory.message_count == 1


async def test_what_a_failed_save_has_left_is_saved_before_the_session_is_put_away(
    bench: SetUp, sessions_dir: Path
) -> None:
    stage = bench(answer("Hello."))
    await dispatch("Hi", stage.context)
    await stage.memory.add_message(LLMMessage("user", "not saved yet"))
    before = stage.memory.session_id
    await dispatch("/clear", stage.context)
    kept = await stage.memory.library.load(before)
    assert kept.messages[-1].content == "not saved yet"


async def test_stats_count_what_is_not_saved_yet_too(bench: SetUp) -> None:
    stage = bench()
    await stage.memory.add_message(LLMMessage("user", "not saved yet"))
    await dispatch("/stats", stage.context)
    assert cast("SessionStats", stage.view.of("stats")[0]).message_count == 1


async def test_help_shows_all_commands(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/?", stage.context)
    assert stage.view.of("help") == [[command.name for command in REGISTRY.commands]]


@pytest.mark.parametrize("typed", ["exit", "/exit", "QUIT"])
async def test_help_shows_one_command_by_any_of_its_names(bench: SetUp, typed: str) -> None:
    stage = bench()
    await dispatch(f"/help {typed}", stage.context)
    assert stage.view.of("help") == [["exit"]]


async def test_help_on_something_unknown_suggests(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/help resum", stage.context)
    assert stage.view.of("error") == ["There is no command /resum. Did you mean /resume?"]


@pytest.mark.parametrize("line", ["/exit", "/quit", "/EXIT"])
async def test_exit_leaves(bench: SetUp, line: str) -> None:
    stage = bench()
    assert (await dispatch(line, stage.context)).next is Next.LEAVE


async def test_exit_stays_when_the_last_turn_can_not_be_saved_and_leaves_when_told_again(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = bench()
    await stage.memory.add_message(LLMMessage("user", "not saved yet"))
    _fail_to_save(stage, monkeypatch)
    assert (await dispatch("/exit", stage.context)).next is Next.READ
    assert stage.view.of("error")[0] == "The disk is full."
    assert "/exit once more leaves without them" in str(stage.view.of("error")[1])
    assert (await dispatch("/exit", stage.context)).next is Next.LEAVE


async def test_exit_saves_what_an_earlier_save_could_not_also_when_others_have_written_meanwhile(bench: SetUp) -> None:
    stage = bench()
    async with stage.memory.turn() as turn:
        await turn.add(LLMMessage("user", "Hello"))
        await turn.add(LLMMessage("assistant", "Hi"))
    other = await MemoryManager.from_session(stage.memory.session_id, sessions_dir=stage.memory.sessions_dir)
    for text in ("one", "two", "three"):
        await other.add_message(LLMMessage("user", text))
    await other.save_memory()
    await stage.memory.add_message(LLMMessage("user", "not saved yet"))
    assert (await dispatch("/exit", stage.context)).next is Next.LEAVE
    session = await SessionLibrary(stage.memory.sessions_dir).load(stage.memory.session_id)
    assert [message.content for message in session.messages] == ["Hello", "Hi", "one", "two", "three", "not saved yet"]
