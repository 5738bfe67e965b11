"""The commands /clear, /stats, /help and /exit."""

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


async def test_clear_starts_a_new_session_and_names_the_old_one(bench: SetUp, sessions_dir: Path) -> None:
    stage = bench(answer("Hello."))
    await dispatch("Hi", stage.context)
    before = stage.memory.session_id
    await dispatch("/clear", stage.context)
    assert stage.memory.session_id != before
    assert stage.memory.message_count == 0
    assert before[:8] in str(stage.view.of("info")[0])
    kept = await stage.memory.library.load(before)
    assert len(kept.messages) == 2


async def test_clear_does_not_write_a_saved_session(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    await dispatch("Hi", stage.context)
    path = stage.memory.path
    assert path is not None
    before = path.read_bytes()
    await dispatch("/clear", stage.context)
    assert path.read_bytes() == before


async def test_clear_of_a_new_session_does_nothing(bench: SetUp) -> None:
    stage = bench()
    before = stage.memory.session_id
    await dispatch("/clear", stage.context)
    assert stage.memory.session_id == before
    assert stage.view.of("info") == ["This is already a new session."]


@pytest.mark.parametrize("line", ["/clear", "/resume a1b2c3d4"])
async def test_session_that_cannot_be_saved_stays_open(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    stage = bench()
    await stage.memory.add_message(LLMMessage("user", "not saved yet"))
    _fail_to_save(stage, monkeypatch)
    await dispatch(line, stage.context)
    assert stage.view.of("error") == ["The disk is full."]
    assert stage.memory.message_count == 1


async def test_unsaved_messages_are_saved_before_the_session_closes(bench: SetUp, sessions_dir: Path) -> None:
    stage = bench(answer("Hello."))
    await dispatch("Hi", stage.context)
    await stage.memory.add_message(LLMMessage("user", "not saved yet"))
    before = stage.memory.session_id
    await dispatch("/clear", stage.context)
    kept = await stage.memory.library.load(before)
    assert kept.messages[-1].content == "not saved yet"


async def test_stats_include_unsaved_messages(bench: SetUp) -> None:
    stage = bench()
    await stage.memory.add_message(LLMMessage("user", "not saved yet"))
    await dispatch("/stats", stage.context)
    assert cast("SessionStats", stage.view.of("stats")[0]).message_count == 1


async def test_help_shows_all_commands(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/?", stage.context)
    assert stage.view.of("help") == [[command.name for command in REGISTRY.commands]]


@pytest.mark.parametrize("typed", ["exit", "/exit", "QUIT"])
async def test_help_shows_a_command_by_name_or_alias(bench: SetUp, typed: str) -> None:
    stage = bench()
    await dispatch(f"/help {typed}", stage.context)
    assert stage.view.of("help") == [["exit"]]


async def test_help_on_an_unknown_command_suggests_one(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/help resum", stage.context)
    assert stage.view.of("error") == ["Unknown command /resum. Did you mean /resume?"]


@pytest.mark.parametrize("line", ["/exit", "/quit", "/EXIT"])
async def test_exit_leaves_the_shell(bench: SetUp, line: str) -> None:
    stage = bench()
    assert (await dispatch(line, stage.context)).next is Next.LEAVE


async def test_exit_after_a_failed_save_leaves_only_the_second_time(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = bench()
    await stage.memory.add_message(LLMMessage("user", "not saved yet"))
    _fail_to_save(stage, monkeypatch)
    assert (await dispatch("/exit", stage.context)).next is Next.READ
    assert stage.view.of("error")[0] == "The disk is full."
    assert "/exit again to leave without them" in str(stage.view.of("error")[1])
    assert (await dispatch("/exit", stage.context)).next is Next.LEAVE


async def test_exit_saves_unsaved_messages_after_writes_by_another_process(bench: SetUp) -> None:
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
