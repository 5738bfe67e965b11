from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aloop.errors import ConnectionFailed, StorageError
from aloop.llm.base import StopReason, TextDelta
from commands.chat import chat
from commands.registry import FAILED, Outcome
from tests.agent.scripted import Hang, answer
from tests.commands.conftest import SetUp
from tests.memory.test_parts import PIXEL


async def test_turn_is_shown_as_events_and_saved(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    assert await chat(stage.context, "Hi") == Outcome()
    assert stage.view.of("event")[0] == "TurnStarted"
    assert stage.view.of("event")[-1] == "TurnEnded"
    assert stage.memory.path is not None


async def test_failed_turn_without_an_answer_returns_the_text(bench: SetUp) -> None:
    stage = bench([ConnectionFailed("No network.")])
    assert await chat(stage.context, "Hi") == Outcome(prefill="Hi", is_done=False)
    assert stage.view.of("error") == ["No network."]
    assert stage.memory.message_count == 0


async def test_turn_that_fails_midway_keeps_the_partial_answer(bench: SetUp) -> None:
    stage = bench([TextDelta("Half of"), ConnectionFailed("No network.")])
    assert await chat(stage.context, "Hi") == FAILED
    assert stage.view.of("error") == ["No network."]
    assert [message.content for message in stage.memory.messages] == ["Hi", "Half of"]


@pytest.mark.parametrize("reason", ["max_tokens", "refusal"])
async def test_answer_that_is_not_whole_fails_only_for_a_script(bench: SetUp, reason: StopReason) -> None:
    stage = bench(answer("It is", reason), answer("It is", reason))
    stage.context.is_typed = False
    assert await chat(stage.context, "2+2?") == FAILED
    stage.context.is_typed = True
    assert await chat(stage.context, "2+2?") == Outcome()


async def test_cancelling_before_any_answer_returns_the_text(bench: SetUp) -> None:
    hang = Hang()
    stage = bench([hang])
    turn = asyncio.create_task(chat(stage.context, "Hi"))
    await hang.reached.wait()
    turn.cancel()
    assert await turn == Outcome(prefill="Hi", is_done=False)
    assert "before any answer arrived" in str(stage.view.of("info")[0])


async def test_cancelling_midway_keeps_the_partial_answer(bench: SetUp) -> None:
    hang = Hang()
    stage = bench([TextDelta("Half of"), hang])
    turn = asyncio.create_task(chat(stage.context, "Hi"))
    await hang.reached.wait()
    turn.cancel()
    assert await turn == FAILED
    assert stage.memory.messages[-1].interrupted
    assert "is kept" in str(stage.view.of("info")[0])


async def test_turn_that_cannot_be_saved_is_reported_and_stays_in_memory(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = bench(answer("Hello."))

    async def refuse() -> None:
        raise StorageError("The disk is full.", Path("session.yaml"))

    monkeypatch.setattr(stage.memory, "save_memory", refuse)
    assert await chat(stage.context, "Hi") == FAILED
    assert stage.view.of("error") == [
        "The disk is full. The messages are still in memory; the next save includes them."
    ]
    assert stage.memory.message_count == 2


async def test_mentioned_files_are_attached_and_reported(bench: SetUp) -> None:
    stage = bench(answer("I see."))
    Path("notes.txt").write_text("one\ntwo\n")
    await chat(stage.context, "Read @notes.txt, me@example.org?")
    assert stage.memory.messages[0].content == (
        'Read @notes.txt, me@example.org?\n\n<file path="notes.txt">\none\ntwo\n</file>'
    )
    assert stage.memory.title == "Read @notes.txt, me@example.org?"
    assert stage.view.of("info") == ["attached notes.txt (2 lines)"]


async def test_binary_file_is_reported_and_not_attached(bench: SetUp) -> None:
    stage = bench(answer("I see."))
    Path("data.bin").write_bytes(b"\0")
    await chat(stage.context, "Read @data.bin?")
    assert stage.memory.messages[0].content == "Read @data.bin?"
    assert "binary" in str(stage.view.of("error")[0])


async def test_pasted_text_mentions_no_files(bench: SetUp) -> None:
    stage = bench(answer("I see."))
    Path("notes.txt").write_text("text")
    await chat(stage.context, "Look: read @notes.txt", "Look: ")
    assert stage.memory.messages[0].content == "Look: read @notes.txt"


async def test_returned_text_does_not_attach_a_file_twice(bench: SetUp) -> None:
    stage = bench([ConnectionFailed("No network.")], answer("I see."), answer("Again."))
    Path("notes.txt").write_text("text")
    outcome = await chat(stage.context, "See @notes.txt")
    assert outcome.prefill == "See @notes.txt"
    await chat(stage.context, outcome.prefill)
    content = stage.memory.messages[0].content
    assert content is not None
    await chat(stage.context, content)
    assert stage.memory.messages[2].content == content


async def test_mentioned_image_is_sent_as_a_part(bench: SetUp) -> None:
    stage = bench(answer("A dot."))
    folder = stage.context.agent.working_dir
    (folder / "dot.png").write_bytes(PIXEL.data)
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 5_000_000)
    await chat(stage.context, "See @dot.png and @bad.png")
    question = stage.memory.messages[0]
    assert question.content == "See @dot.png and @bad.png"
    assert [(part.name, part.file) for part in question.parts] == [("dot.png", PIXEL.file)]
    assert stage.memory.path is not None
    assert (stage.memory.path.parent / PIXEL.file).read_bytes() == PIXEL.data
    assert str(stage.view.of("error")).count("Not attached") == 1
