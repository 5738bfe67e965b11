from __future__ import annotations

from pathlib import Path

from aloop.errors import RateLimited
from aloop.llm.message_types import LLMMessage
from commands.attachments import Attachment, with_attachments
from commands.dispatch import dispatch
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp, store


async def test_undo_puts_the_text_on_the_prompt_and_redo_shows_what_is_back(bench: SetUp, sessions_dir: Path) -> None:
    session_id = await store(sessions_dir, "one", "two\nlines")
    stage = bench()
    await dispatch(f"/resume {session_id}", stage.context)
    outcome = await dispatch("/undo", stage.context)
    assert outcome.prefill == "two\nlines"
    assert stage.view.of("info")[-1] == "Took out the last turn, messages 3-4; /redo puts it back."
    assert stage.memory.message_count == 2
    await dispatch("/redo", stage.context)
    assert stage.view.of("exchanges")[-1] == ["two\nlines", "answer to two\nlines"]
    assert stage.view.of("info")[-1] == "Put back the turn that was undone last, messages 3-4."
    assert stage.memory.message_count == 4


async def test_what_was_attached_by_name_is_not_put_on_the_prompt_with_its_text(
    bench: SetUp, sessions_dir: Path
) -> None:
    with_file = with_attachments("See @a.txt", [Attachment("file", "a.txt", "one\ntwo")])
    with_output = with_attachments("And this?", [Attachment("output", "make", "done")])
    session_id = await store(sessions_dir, with_file, with_output)
    stage = bench()
    await dispatch(f"/resume {session_id}", stage.context)
    assert (await dispatch("/undo", stage.context)).prefill == with_output
    assert (await dispatch("/undo", stage.context)).prefill == "See @a.txt"


async def test_with_nothing_to_do_each_says_so(bench: SetUp) -> None:
    stage = bench()
    for line in ("/undo", "/redo", "/retry"):
        await dispatch(line, stage.context)
    undo, redo, retry = map(str, stage.view.of("error"))
    assert "nothing to undo" in undo
    assert "nothing to redo" in redo
    assert "no question" in retry


async def test_retry_asks_again_without_the_answer_before_and_keeps_that(bench: SetUp) -> None:
    stage = bench(answer("Eins."), answer("Uno."))
    await dispatch("one", stage.context)
    await dispatch("/retry", stage.context)
    assert [message.content for message in stage.llm.requests[-1] if message.role != "system"] == ["one"]
    assert [message.content for message in stage.memory.messages] == ["one", "Uno."]
    assert "/redo has the two change places" in str(stage.view.of("info")[-1])
    await dispatch("/redo", stage.context)
    assert [message.content for message in stage.memory.messages] == ["one", "Eins."]
    assert "changed places" in str(stage.view.of("info")[-1])


async def test_the_same_answer_once_more_is_said_to_be_that(bench: SetUp) -> None:
    stage = bench(answer("Eins."), answer("Eins."))
    await dispatch("one", stage.context)
    await dispatch("/retry", stage.context)
    assert stage.view.of("info")[-1] == "That is the same answer as before."


async def test_when_nothing_comes_of_a_retry_the_answer_before_stands(bench: SetUp) -> None:
    stage = bench(answer("Eins."), [RateLimited("Not now.")])
    await dispatch("one", stage.context)
    outcome = await dispatch("/retry", stage.context)
    assert outcome.prefill == ""
    assert [message.content for message in stage.memory.messages] == ["one", "Eins."]
    assert stage.view.of("error") == ["Not now."]
    assert stage.view.of("info")[-1] == "The answer before stands as it was."
    await dispatch("/redo", stage.context)
    assert "nothing to redo" in str(stage.view.of("error")[-1])


async def test_a_question_without_an_answer_can_be_retried(bench: SetUp) -> None:
    stage = bench(answer("Eins."))
    await stage.memory.add_message(LLMMessage("user", "one", interrupted=True))
    await dispatch("/retry", stage.context)
    assert [message.content for message in stage.memory.messages] == ["one", "Eins."]
