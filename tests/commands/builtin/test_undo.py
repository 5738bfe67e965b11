from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aloop.errors import RateLimited
from aloop.llm.content.provenance import FileChange
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager
from commands.attachments import Attachment, with_attachments
from commands.dispatch import dispatch
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp, store


async def test_undo_returns_the_text_and_redo_shows_the_restored_turn(bench: SetUp, sessions_dir: Path) -> None:
    session_id = await store(sessions_dir, "one", "two\nlines")
    stage = bench()
    await dispatch(f"/resume {session_id}", stage.context)
    outcome = await dispatch("/undo", stage.context)
    assert outcome.prefill == "two\nlines"
    assert stage.view.of("info")[-1] == "Removed the last turn (messages 3-4). /redo restores it."
    assert stage.memory.message_count == 2
    await dispatch("/redo", stage.context)
    assert stage.view.of("exchanges")[-1] == ["two\nlines", "answer to two\nlines"]
    assert stage.view.of("info")[-1] == "Restored the turn that /undo removed (messages 3-4)."
    assert stage.memory.message_count == 4


FIVE = "0.txt, 1.txt, 2.txt, 3.txt, 4.txt"


async def change_files(memory: MemoryManager, count: int, *, command_ms: int | None = None) -> None:
    """Add a turn that changed so many files; without a time, its command was refused."""
    files = tuple(FileChange(f"{number}.txt") for number in range(count)) * 2
    calls = ToolCall("call_1", "write_file"), ToolCall("call_2", "run_shell")
    await memory.add_message(LLMMessage("user", "three"))
    await memory.add_message(LLMMessage("assistant", tool_calls=calls))
    await memory.add_message(LLMMessage("tool", "Done.", tool_call_id="call_1", name="write_file", files=files))
    await memory.add_message(LLMMessage("tool", "", tool_call_id="call_2", name="run_shell", duration_ms=command_ms))


@pytest.mark.parametrize("line", ["/undo", "/rewind 5"])
@pytest.mark.parametrize(
    ("count", "command_ms", "said"),
    [
        (0, None, ""),
        (1, None, " Changed files are not restored: 0.txt."),
        (2, None, " Changed files are not restored: 0.txt and 1.txt."),
        (
            7,
            5,
            f" Changed files are not restored: {FIVE}, 2 other files and those that commands changed.",
        ),
        (0, 5, " Files that commands changed are not restored."),
    ],
)
async def test_undo_names_the_changed_files_that_it_does_not_restore(
    bench: SetUp, sessions_dir: Path, line: str, count: int, command_ms: int | None, said: str
) -> None:
    session_id = await store(sessions_dir, "one", "two")
    stage = bench()
    await dispatch(f"/resume {session_id}", stage.context)
    await change_files(stage.memory, count, command_ms=command_ms)
    await dispatch(line, stage.context)
    assert str(stage.view.of("info")[-1]).endswith(f"/redo restores it.{said}")


async def test_retry_names_the_changed_files_that_it_does_not_restore(bench: SetUp) -> None:
    stage = bench(answer("Uno."))
    await change_files(stage.memory, 1)
    await dispatch("/retry", stage.context)
    assert "Changed files are not restored: 0.txt." in map(str, stage.view.of("info"))


async def test_undo_returns_mentions_without_the_attached_files(bench: SetUp, sessions_dir: Path) -> None:
    with_file = with_attachments("See @a.txt", [Attachment("file", "a.txt", "one\ntwo")])
    with_output = with_attachments("And this?", [Attachment("output", "make", "done")])
    session_id = await store(sessions_dir, with_file, with_output)
    stage = bench()
    await dispatch(f"/resume {session_id}", stage.context)
    assert (await dispatch("/undo", stage.context)).prefill == with_output
    assert (await dispatch("/undo", stage.context)).prefill == "See @a.txt"


async def test_undo_redo_and_retry_with_nothing_to_do_are_errors(bench: SetUp) -> None:
    stage = bench()
    for line in ("/undo", "/redo", "/retry"):
        await dispatch(line, stage.context)
    undo, redo, retry = map(str, stage.view.of("error"))
    assert "nothing to undo" in undo
    assert "nothing to redo" in redo
    assert "no question" in retry


async def test_retry_asks_again_and_keeps_the_previous_answer(bench: SetUp) -> None:
    stage = bench(answer("Eins."), answer("Uno."))
    await dispatch("one", stage.context)
    await dispatch("/retry", stage.context)
    assert [message.content for message in stage.llm.requests[-1] if message.role != "system"] == ["one"]
    assert [message.content for message in stage.memory.messages] == ["one", "Uno."]
    assert "/redo switches between the two" in str(stage.view.of("info")[-1])
    await dispatch("/redo", stage.context)
    assert [message.content for message in stage.memory.messages] == ["one", "Eins."]
    assert "Switched to the other answer" in str(stage.view.of("info")[-1])


async def test_retry_leaves_output_that_waits_for_the_next_message(bench: SetUp) -> None:
    stage = bench(answer("Eins."), answer("Uno."), answer("Zwei."))
    await dispatch("one", stage.context)
    waiting = Attachment("output", "date", "Monday")
    stage.context.pending_output.taken.append(waiting)
    await dispatch("/retry", stage.context)
    assert stage.memory.messages[0].content == "one"
    assert stage.context.pending_output.taken == [waiting]
    await dispatch("two", stage.context)
    assert "Monday" in (stage.memory.messages[2].content or "")


async def test_retry_with_the_same_answer_shows_a_message(bench: SetUp) -> None:
    stage = bench(answer("Eins."), answer("Eins."))
    await dispatch("one", stage.context)
    await dispatch("/retry", stage.context)
    assert stage.view.of("info")[-1] == "The new answer is the same as the previous one."


async def test_failed_retry_restores_the_previous_answer(bench: SetUp) -> None:
    stage = bench(answer("Eins."), [RateLimited("Not now.")])
    await dispatch("one", stage.context)
    outcome = await dispatch("/retry", stage.context)
    assert outcome.prefill == ""
    assert [message.content for message in stage.memory.messages] == ["one", "Eins."]
    assert stage.view.of("error") == ["Not now."]
    assert stage.view.of("info")[-1] == "The previous answer is unchanged."
    await dispatch("/redo", stage.context)
    assert "nothing to redo" in str(stage.view.of("error")[-1])


async def test_retry_that_is_cancelled_before_it_asks_restores_the_answer(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = bench(answer("One."))
    await dispatch("Hi", stage.context)
    reading = asyncio.Event()

    async def read_forever(_question: LLMMessage) -> tuple[()]:
        reading.set()
        await asyncio.Event().wait()
        return ()

    monkeypatch.setattr(stage.memory, "load_media", read_forever)
    retrying = asyncio.create_task(dispatch("/retry", stage.context))
    await reading.wait()
    retrying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await retrying
    assert [message.content for message in stage.memory.messages] == ["Hi", "One."]
    assert stage.view.of("info")[-1] == "The previous answer is unchanged."


async def test_retry_sends_the_notes_of_now_and_each_file_once(bench: SetUp) -> None:
    stage = bench(answer("Eins."), answer("Uno."))
    Path("a.txt").write_text("first\n")
    await dispatch("/mode plan", stage.context)
    await dispatch("See @a.txt", stage.context)
    assert "[Plan mode is on." in (stage.memory.messages[0].content or "")
    await dispatch("/mode ask", stage.context)
    await dispatch("/retry", stage.context)
    content = stage.memory.messages[0].content or ""
    assert content.count("first\n") == 1
    assert "Plan mode" not in content


async def test_question_without_an_answer_can_be_retried(bench: SetUp) -> None:
    stage = bench(answer("Eins."))
    await stage.memory.add_message(LLMMessage("user", "one", interrupted=True))
    await dispatch("/retry", stage.context)
    assert [message.content for message in stage.memory.messages] == ["one", "Eins."]
