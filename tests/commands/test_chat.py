from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aloop.errors import ConnectionFailed, StorageError
from aloop.llm.base import TextDelta
from commands.chat import chat
from commands.registry import Outcome
from tests.agent.scripted import Hang, answer
from tests.commands.conftest import SetUp


async def test_a_turn_is_shown_as_events_and_saved(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    assert await chat(stage.context, "Hi") == Outcome()
    assert stage.view.of("event")[0] == "TurnStarted"
    assert stage.view.of("event")[-1] == "TurnEnded"
    assert stage.memory.path is not None


async def test_a_turn_that_left_no_trace_hands_its_text_back(bench: SetUp) -> None:
    stage = bench([ConnectionFailed("No network.")])
    assert await chat(stage.context, "Hi") == Outcome(prefill="Hi")
    assert stage.view.of("error") == ["No network."]
    assert stage.memory.message_count == 0


async def test_a_turn_that_failed_half_way_keeps_what_there_was(bench: SetUp) -> None:
    stage = bench([TextDelta("Half of"), ConnectionFailed("No network.")])
    assert await chat(stage.context, "Hi") == Outcome()
    assert stage.view.of("error") == ["No network."]
    assert [message.content for message in stage.memory.messages] == ["Hi", "Half of"]


async def test_cancelling_before_anything_came_hands_the_text_back(bench: SetUp) -> None:
    hang = Hang()
    stage = bench([hang])
    turn = asyncio.create_task(chat(stage.context, "Hi"))
    await hang.reached.wait()
    turn.cancel()
    assert await turn == Outcome(prefill="Hi")
    assert "Nothing had come back" in str(stage.view.of("info")[0])


async def test_cancelling_half_way_keeps_what_there_was(bench: SetUp) -> None:
    hang = Hang()
    stage = bench([TextDelta("Half of"), hang])
    turn = asyncio.create_task(chat(stage.context, "Hi"))
    await hang.reached.wait()
    turn.cancel()
    assert await turn == Outcome()
    assert stage.memory.messages[-1].interrupted
    assert "is kept" in str(stage.view.of("info")[0])


async def test_a_turn_that_can_not_be_saved_says_so_and_stays_in_memory(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = bench(answer("Hello."))

    async def refuse() -> None:
        raise StorageError("The disk is full.", Path("session.yaml"))

    monkeypatch.setattr(stage.memory, "save_memory", refuse)
    assert await chat(stage.context, "Hi") == Outcome()
    assert stage.view.of("error") == [
        "The disk is full. What was said is still here, and the next save takes it along."
    ]
    assert stage.memory.message_count == 2


async def test_mentioned_files_go_along_below_the_text_and_are_told(bench: SetUp) -> None:
    stage = bench(answer("I see."))
    Path("notes.txt").write_text("one\ntwo\n")
    await chat(stage.context, "What is @notes.txt, me@example.org?")
    assert stage.memory.messages[0].content == (
        'What is @notes.txt, me@example.org?\n\n<file path="notes.txt">\none\ntwo\n</file>'
    )
    assert stage.memory.title == "What is @notes.txt, me@example.org?"
    assert stage.view.of("info") == ["attached notes.txt (2 lines)"]


async def test_a_file_that_is_no_text_is_told_and_the_message_goes_without_it(bench: SetUp) -> None:
    stage = bench(answer("I see."))
    Path("picture.png").write_bytes(b"\0")
    await chat(stage.context, "What is @picture.png?")
    assert stage.memory.messages[0].content == "What is @picture.png?"
    assert "binary" in str(stage.view.of("error")[0])


async def test_what_was_pasted_mentions_no_file(bench: SetUp) -> None:
    stage = bench(answer("I see."))
    Path("notes.txt").write_text("text")
    await chat(stage.context, "Look: read @notes.txt", "Look: ")
    assert stage.memory.messages[0].content == "Look: read @notes.txt"


async def test_a_text_that_comes_back_gets_no_file_twice(bench: SetUp) -> None:
    stage = bench([ConnectionFailed("No network.")], answer("I see."), answer("Again."))
    Path("notes.txt").write_text("text")
    outcome = await chat(stage.context, "See @notes.txt")
    assert outcome.prefill == "See @notes.txt"
    await chat(stage.context, outcome.prefill)
    content = stage.memory.messages[0].content
    assert content is not None
    await chat(stage.context, content)
    assert stage.memory.messages[2].content == content
