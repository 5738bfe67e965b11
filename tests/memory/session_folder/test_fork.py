"""A fork continues a copy of another session."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.errors import SessionNotFound
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from tests.saved_sessions import FIRST, SECOND, open_elsewhere, save


async def test_fork_has_the_same_messages_and_a_new_id(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    memory = MemoryManager(sessions_dir=sessions_dir)
    session = await memory.fork("a1b2")
    original = await SessionLibrary(sessions_dir).load(FIRST)
    assert session.id == memory.session_id != FIRST
    assert (session.forked_from, session.title) == (FIRST, original.title)
    assert (memory.system_messages, memory.messages) == (original.system_messages, original.messages)
    assert session.created_at > original.updated_at


async def test_fork_gets_its_file_with_its_first_save(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    text = path.read_bytes()
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.fork(FIRST)
    assert memory.path is None
    assert len(await MemoryManager.list_sessions(sessions_dir=sessions_dir)) == 1
    await memory.add_message(LLMMessage("user", "And 3+3?"))
    await memory.save_memory()
    saved = await SessionLibrary(sessions_dir).load(memory.session_id)
    assert saved.forked_from == FIRST
    assert [message.role for message in saved.messages] == ["user", "assistant", "tool", "assistant", "user"]
    assert path.read_bytes() == text


async def test_messages_of_a_fork_are_saved_before_its_first_turn(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.fork(FIRST)
    async with memory.turn() as turn:
        saved = await SessionLibrary(sessions_dir).load(memory.session_id)
        assert len(saved.messages) == 4
        await turn.add(LLMMessage("user", "And 3+3?"))
        await turn.add(LLMMessage("assistant", "6"))
    saved = await SessionLibrary(sessions_dir).load(memory.session_id)
    assert len(saved.messages) == 6


async def test_fork_can_have_the_first_messages_only(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    memory = MemoryManager(sessions_dir=sessions_dir)
    session = await memory.fork(FIRST, upto=1)
    assert [message.content for message in session.messages] == ["What is 2+2?"]


async def test_unsaved_conversation_can_be_forked(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.add_message(LLMMessage("user", "not saved yet"))
    before = memory.session_id
    session = await memory.fork()
    assert session.forked_from == before != session.id
    assert [message.content for message in memory.messages] == ["not saved yet"]


async def test_session_open_in_another_process_can_be_forked(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    memory = MemoryManager(sessions_dir=sessions_dir, hold=True)
    with open_elsewhere(sessions_dir, FIRST):
        await memory.fork(FIRST)
        await memory.save_memory()
    assert memory.path is not None
    memory.close()


async def test_failed_fork_keeps_the_open_session(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    memory = await MemoryManager.from_session(FIRST, sessions_dir=sessions_dir)
    with pytest.raises(SessionNotFound):
        await memory.fork(SECOND)
    assert (memory.session_id, memory.message_count) == (FIRST, 4)


async def test_fork_keeps_comments_and_unknown_keys(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    text = path.read_text().replace("system_messages:", "# mine\nmood: calm\nsystem_messages:")
    path.write_text(
        text.replace("  - role: assistant\n    content: null", "  - role: assistant  # why?\n    content: null")
    )
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.fork(FIRST, upto=3)
    await memory.add_message(LLMMessage("user", "And 3+3?"))
    await memory.save_memory()
    assert memory.path
    text = memory.path.read_text()
    assert text.startswith(f"id: {memory.session_id}\ncreated_at: ")
    assert "# mine\nmood: calm\n" in text
    assert "role: assistant  # why?\n" in text
    [row] = await MemoryManager.list_sessions(prefix=memory.session_id, sessions_dir=sessions_dir)
    assert (row.message_count, row.title) == (4, "What is 2+2?")
    assert (await SessionLibrary(sessions_dir).load(row.id)).forked_from == FIRST


async def test_fork_of_a_list_in_brackets_gets_a_new_text(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    path.write_text(f"id: {FIRST}\nmood: calm\nmessages: [{{role: user, content: Hi}}]\n")
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.fork(FIRST)
    await memory.save_memory()
    saved = await SessionLibrary(sessions_dir).load(memory.session_id)
    assert [message.content for message in saved.messages] == ["Hi"]


async def test_fork_includes_the_results_of_its_last_tool_call(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    memory = MemoryManager(sessions_dir=sessions_dir)
    assert len((await memory.fork(FIRST, upto=2)).messages) == 3
    assert len((await memory.fork(FIRST, upto=0)).messages) == 0


async def test_fork_copies_the_stored_tool_results(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    kept = await memory.keep_output("run_shell", "all of it")
    await memory.add_message(LLMMessage("user", "run"))
    await memory.add_message(LLMMessage("tool", "some of it", output_file=kept.relative))
    await memory.add_message(LLMMessage("tool", "a trap", output_file="outputs/../../../0001-x"))
    await memory.save_memory()
    await memory.fork()
    await memory.save_memory()
    assert memory.path
    assert (memory.path.parent / kept.relative).read_text() == "all of it"
    assert (memory.path.parent / kept.relative) != kept.path
