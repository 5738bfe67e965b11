"""MemoryManager.edit changes messages in memory and in the file, and nothing else."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloop.errors import StorageError, UsageError
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.memory import MemoryManager, SessionLibrary
from tests.agent.scripted import ScriptedLLM
from tests.memory.conversations import say, stored
from tests.properties import scaled

Messages = tuple[LLMMessage, ...]

TALK = (
    LLMMessage("user", "one"),
    LLMMessage("assistant", "Eins.\n\n  indented\n"),
    LLMMessage("user", "two"),
    LLMMessage("assistant", tool_calls=(ToolCall("c1", "calculator", '{"expression": "1+1"}'),), usage=Usage(3, 4)),
    LLMMessage("tool", "2", tool_call_id="c1", name="calculator"),
    LLMMessage("assistant", "Zwei."),
)
SUMMARY = LLMMessage("user", "Summary: they counted.", summary=True)


async def saved(sessions_dir: Path, messages: Sequence[LLMMessage] = TALK) -> MemoryManager:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await say(memory, *messages)
    return memory


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line[0] in "+-" and "updated_at" not in line]


def text_of(memory: MemoryManager) -> str:
    assert memory.path
    return memory.path.read_text(encoding="utf-8")


async def test_inserted_message_changes_no_other_line(sessions_dir: Path) -> None:
    memory = await saved(sessions_dir)
    before = text_of(memory)
    await memory.edit(lambda messages: (*messages[:2], SUMMARY, *messages[2:]))
    assert await stored(memory) == memory.messages == (*TALK[:2], SUMMARY, *TALK[2:])
    assert changed_lines(before, text_of(memory)) == [
        "+   - role: user",
        '+     content: "Summary: they counted."',
        "+     summary: true",
    ]


async def test_flag_is_one_line_that_is_added_and_removed(sessions_dir: Path) -> None:
    memory = await saved(sessions_dir)
    before = text_of(memory)

    def skip(messages: Messages) -> Messages:
        return (replace(messages[0], skip=True), *messages[1:])

    await memory.edit(skip)
    assert changed_lines(before, text_of(memory)) == ["+     skip: true"]
    await memory.edit(lambda messages: (replace(messages[0], skip=False), *messages[1:]))
    assert changed_lines(before, text_of(memory)) == []


async def test_edit_after_removing_messages_is_saved(sessions_dir: Path) -> None:
    memory = await saved(sessions_dir)
    await memory.edit(lambda messages: messages[:2])
    assert await stored(memory) == TALK[:2]
    await memory.add_message(TALK[2])
    await memory.edit(lambda messages: (SUMMARY, *messages))
    assert await stored(memory) == memory.messages == (SUMMARY, *TALK[:3])


async def test_all_messages_can_be_removed_and_new_ones_added(sessions_dir: Path) -> None:
    memory = await saved(sessions_dir)
    await memory.edit(lambda _: ())
    assert await stored(memory) == ()
    await memory.add_message(TALK[0])
    await memory.save_memory()
    assert await stored(memory) == TALK[:1]


async def test_edit_keeps_comments_and_unknown_keys(sessions_dir: Path) -> None:
    memory = await saved(sessions_dir)
    assert memory.path
    text = text_of(memory).replace(
        '  - role: user\n    content: "two"', '  # mine\n  - role: user\n    color: red\n    content: "two"'
    )
    memory.path.write_text(text, encoding="utf-8")
    await memory.edit(lambda messages: (*messages[:2], SUMMARY, *messages[2:]))
    assert "  # mine\n  - role: user\n    color: red\n" in text_of(memory)
    assert (await stored(memory))[2] == SUMMARY


async def test_edit_sees_changes_on_disk(sessions_dir: Path) -> None:
    memory = await saved(sessions_dir)
    other = await MemoryManager.from_session(memory.session_id, sessions_dir=sessions_dir)
    await other.add_message(LLMMessage("user", "three"))
    await other.save_memory()
    await memory.edit(lambda messages: (*messages, SUMMARY))
    assert await stored(memory) == memory.messages == (*TALK, LLMMessage("user", "three"), SUMMARY)


async def test_messages_in_brackets_can_be_edited(sessions_dir: Path) -> None:
    memory = await saved(sessions_dir)
    assert memory.path
    head = text_of(memory).partition("\nmessages:")[0] + "\n"
    memory.path.write_text(head + "messages: [{role: user, content: one}, {role: user, content: two}]\n...\n")
    await memory.edit(lambda messages: messages[1:])
    assert [message.content for message in await stored(memory)] == ["two"]


async def test_messages_below_the_end_marker_can_be_edited(sessions_dir: Path) -> None:
    memory = await saved(sessions_dir, TALK[:2])
    assert memory.path
    memory.path.write_text(text_of(memory) + "  - role: user\n    content: late\n")
    await memory.edit(lambda messages: (replace(messages[0], skip=True), *messages[1:]))
    assert [(message.content, message.skip) for message in await stored(memory)][::2] == [
        ("one", True),
        ("late", False),
    ]


async def test_edit_during_a_turn_is_written_at_its_end(sessions_dir: Path) -> None:
    memory = await saved(sessions_dir)
    before = text_of(memory)
    async with memory.turn() as turn:
        await turn.add(LLMMessage("user", "three"))
        await memory.edit(lambda messages: (*messages[:4], *messages[4:-1], SUMMARY, messages[-1]))
        assert text_of(memory) == before
        await turn.add(LLMMessage("assistant", "Drei."))
    assert await stored(memory) == memory.messages
    assert [message.content for message in memory.messages[-3:]] == [SUMMARY.content, "three", "Drei."]


async def test_failed_turn_keeps_an_edit_made_during_it(sessions_dir: Path) -> None:
    memory = await saved(sessions_dir)

    async def fail() -> None:
        async with memory.turn() as turn:
            await turn.add(LLMMessage("user", "three"))
            await memory.edit(lambda messages: (SUMMARY, *messages))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert memory.messages == (SUMMARY, *TALK)
    await memory.save_memory()
    assert await stored(memory) == memory.messages


async def test_recovery_ignores_a_saved_turn_that_a_summary_divides(
    sessions_dir: Path,
) -> None:
    memory = await saved(sessions_dir)
    assert memory.path
    folder = memory.path.parent
    async with memory.turn() as turn:
        await turn.add(LLMMessage("user", "three"))
        await turn.add(LLMMessage("assistant", "Drei."))
        await memory.edit(lambda messages: (*messages[:-1], SUMMARY, messages[-1]))
        [journal] = folder.glob(".journal-*")
        left = journal.read_bytes()
    journal.write_bytes(left)
    assert await SessionLibrary(sessions_dir).recover() == []
    assert await stored(memory) == memory.messages
    assert not journal.exists()


async def test_edit_before_the_first_save_is_in_memory_only(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.add_message(TALK[0])
    await memory.edit(lambda messages: (SUMMARY, *messages))
    assert memory.path is None
    await memory.save_memory()
    assert await stored(memory) == (SUMMARY, TALK[0])


async def test_edit_that_raises_changes_nothing(sessions_dir: Path) -> None:
    memory = await saved(sessions_dir)
    before = text_of(memory)

    def reject(_: Messages) -> Messages:
        raise UsageError("no")

    with pytest.raises(UsageError):
        await memory.edit(reject)
    assert (memory.messages, text_of(memory)) == (TALK, before)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write to read-only folders")
async def test_edit_on_a_read_only_folder_changes_nothing(sessions_dir: Path) -> None:
    memory = await saved(sessions_dir)
    assert memory.path
    memory.path.parent.chmod(0o500)
    try:
        with pytest.raises(StorageError):
            await memory.edit(lambda messages: messages[:2])
    finally:
        memory.path.parent.chmod(0o700)
    assert memory.messages == TALK


async def test_save_writes_the_latest_model_into_the_header(sessions_dir: Path) -> None:
    memory = await saved(sessions_dir)
    before = text_of(memory)
    memory.llm = ScriptedLLM()
    await memory.save_memory()
    assert changed_lines(before, text_of(memory)) == ['+ model: "scripted-1"']
    assert (await SessionLibrary(sessions_dir).load(memory.session_id)).model == "scripted-1"


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.just("\n"), max_size=12)
talks = st.lists(st.builds(LLMMessage, st.sampled_from(("user", "assistant")), texts, skip=st.booleans()), max_size=6)


@settings(max_examples=scaled(30))
@given(before=talks, after=st.data())
async def test_any_edit_is_read_back_correctly(
    tmp_path_factory: pytest.TempPathFactory, before: list[LLMMessage], after: st.DataObject
) -> None:
    memory = await saved(tmp_path_factory.mktemp("s"), before)
    pool = (
        talks
        if not before
        else st.lists(st.sampled_from(before) | talks.flatmap(lambda t: st.sampled_from(t or before)), max_size=7)
    )
    wanted = tuple(after.draw(pool))
    await memory.edit(lambda _: wanted)
    assert await stored(memory) == wanted
