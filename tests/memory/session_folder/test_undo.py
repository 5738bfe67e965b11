"""Turns that are taken out of a conversation and put back, and what may happen to the files meanwhile."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from aloop.errors import SessionFileError, StorageError, UsageError
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.sessions_dir.trash import FOLDER_NAME
from tests.memory.conversations import file_of, say, take_turn
from tests.memory.examples import ID
from tests.memory.faults import FaultyPort
from tests.memory.handwritten import FORMS, Form, write_by_hand

ONE = (LLMMessage("user", "one"), LLMMessage("assistant", "Eins."))
TWO = (
    LLMMessage("user", "two"),
    LLMMessage("assistant", tool_calls=(ToolCall("c1", "calculator", '{"expression": "1+1"}'),)),
    LLMMessage("tool", "2", tool_call_id="c1", name="calculator"),
    LLMMessage("assistant", "Zwei."),
)
TALK = (*ONE, *TWO)


@pytest.fixture
async def memory(sessions_dir: Path) -> MemoryManager:
    """A session of two turns, saved."""
    memory = MemoryManager(sessions_dir=sessions_dir)
    await say(memory, *TALK)
    return memory


async def again(memory: MemoryManager) -> MemoryManager:
    """Return the session as another process finds it."""
    memory.close()
    return await MemoryManager.from_session(memory.session_id, sessions_dir=memory.sessions_dir)


def undone(memory: MemoryManager) -> list[Path]:
    return sorted(file_of(memory).parent.glob("session.undone-*.yaml"))


def text_of(memory: MemoryManager) -> str:
    """Return the file without the time of its last save."""
    return "".join(line for line in file_of(memory).read_text().splitlines(True) if "updated_at" not in line)


async def test_the_last_turn_goes_with_its_tool_calls_and_comes_back(memory: MemoryManager) -> None:
    before = text_of(memory)
    assert await memory.undo() == TWO
    assert memory.messages == (await again(memory)).messages == ONE
    [path] = undone(memory)
    assert path.stat().st_mode & 0o777 == 0o600
    assert (await memory.redo()).brought == TWO
    assert text_of(memory) == before
    assert undone(memory) == []


async def test_several_turns_come_back_in_their_order_in_other_processes(memory: MemoryManager) -> None:
    before = text_of(memory)
    await memory.undo()
    memory = await again(memory)
    assert await memory.undo() == ONE
    assert memory.messages == ()
    memory = await again(memory)
    assert (await memory.redo()).brought == ONE
    memory = await again(memory)
    assert (await memory.redo()).brought == TWO
    assert text_of(memory) == before
    with pytest.raises(UsageError, match="nothing to redo"):
        await memory.redo()


async def test_without_a_turn_there_is_nothing_to_undo(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    for refused in (memory.undo, memory.redo):
        with pytest.raises(UsageError, match="nothing to"):
            await refused()
    assert not sessions_dir.exists()
    await memory.add_message(LLMMessage("assistant", "Nobody asked."))
    await memory.save_memory()
    before = file_of(memory).read_bytes()
    with pytest.raises(UsageError, match="nothing to undo"):
        await memory.undo()
    assert (file_of(memory).read_bytes(), undone(memory)) == (before, [])


async def test_what_a_person_wrote_around_the_messages_comes_back_with_them(memory: MemoryManager) -> None:
    text = file_of(memory).read_text()
    file_of(memory).write_text(text.replace('content: "Zwei."', "content: Zwei.  # sic\n    mood: calm\n"))
    before = text_of(memory)
    await memory.undo()
    assert "mood: calm" in undone(memory)[0].read_text()
    assert "mood" not in text_of(memory)
    await memory.redo()
    assert text_of(memory) == before


async def test_another_indentation_is_taken_up(memory: MemoryManager) -> None:
    await memory.undo()
    head = file_of(memory).read_text().partition("\nmessages:")[0]
    file_of(memory).write_text(f"{head}\nmessages:\n      - role: user\n        content: one\n")
    await memory.redo()
    assert (await again(memory)).messages == (LLMMessage("user", "one"), *TWO)
    assert '\n      - role: user\n        content: "two"' in text_of(memory)


async def test_after_a_new_turn_the_undone_one_is_kept_but_not_put_behind_it(memory: MemoryManager) -> None:
    await memory.undo()
    await take_turn(memory, "three", "Drei.")
    with pytest.raises(UsageError, match="has gone on since") as refusal:
        await memory.redo()
    assert str(undone(memory)[0]) in str(refusal.value)
    assert [message.content for message in memory.messages] == ["one", "Eins.", "three", "Drei."]


async def test_answers_to_one_question_come_round(memory: MemoryManager) -> None:
    await memory.undo()
    await take_turn(memory, "two", "Deux.")
    await memory.undo()
    await take_turn(memory, "two", "Dos.")
    seen = []
    for _ in range(4):
        memory = await again(memory)
        done = await memory.redo()
        assert done.taken
        seen.append(memory.messages[-1].content)
    assert seen == ["Zwei.", "Deux.", "Dos.", "Zwei."]
    assert memory.messages == TALK
    assert len(undone(memory)) == 2


async def test_a_hand_edit_in_between_stays(memory: MemoryManager) -> None:
    await memory.undo()
    file_of(memory).write_text(file_of(memory).read_text().replace("Eins.", "Uno."))
    await memory.redo()
    assert [message.content for message in memory.messages][:3] == ["one", "Uno.", "two"]
    assert (await again(memory)).messages == memory.messages


async def test_a_summary_is_no_turn_and_does_not_stand_in_the_way(memory: MemoryManager) -> None:
    await memory.undo()
    await memory.edit(lambda messages: (LLMMessage("user", "They counted.", summary=True), *messages))
    await memory.redo()
    assert memory.messages[3:] == TWO
    await memory.undo()
    assert await memory.undo() == ONE
    with pytest.raises(UsageError, match="nothing to undo"):
        await memory.undo()


async def test_the_title_follows_what_is_said_first_unless_somebody_gave_it(memory: MemoryManager) -> None:
    await memory.undo()
    await memory.undo()
    await take_turn(memory, "uno", "1")
    assert (await again(memory)).title == "uno"
    await memory.rename("Numbers")
    await memory.undo()
    await take_turn(memory, "ein", "1")
    assert (await again(memory)).title == "Numbers"


@pytest.mark.parametrize("act", ["undo", "redo"])
async def test_a_crash_between_the_two_files_loses_nothing(memory: MemoryManager, fs: FaultyPort, act: str) -> None:
    memory = await again(memory)  # on the disk that can fail
    if act == "redo":
        await memory.undo()
        fs.fail("unlink", on="undone")  # as if it had died there
        await memory.redo()
    else:
        fs.fail("replace", on="session.yaml")
        with pytest.raises(StorageError):
            await memory.undo()
    fs.heal()
    memory = await again(memory)
    assert memory.messages == TALK
    assert len(undone(memory)) == 1
    with pytest.raises(UsageError, match="nothing to redo"):
        await memory.redo()
    assert undone(memory) == []


async def test_on_a_full_disk_nothing_is_undone(memory: MemoryManager, fs: FaultyPort) -> None:
    memory = await again(memory)
    before = file_of(memory).read_bytes()
    fs.fail("write")
    with pytest.raises(StorageError, match="full"):
        await memory.undo()
    assert (memory.messages, file_of(memory).read_bytes(), undone(memory)) == (TALK, before, [])


async def test_a_turn_that_was_not_saved_is_in_a_file_before_it_is_undone(memory: MemoryManager) -> None:
    await memory.add_message(LLMMessage("user", "three"))
    assert [message.content for message in await memory.undo()] == ["three"]
    assert (memory.messages, len(undone(memory))) == (TALK, 1)
    await memory.redo()
    assert [message.content for message in (await again(memory)).messages][-1] == "three"


async def test_a_file_that_can_not_be_read_is_not_touched(memory: MemoryManager) -> None:
    file_of(memory).write_text("id: [")
    with pytest.raises(SessionFileError):
        await memory.undo()
    assert (file_of(memory).read_text(), memory.messages, undone(memory)) == ("id: [", TALK, [])


async def test_a_file_that_was_removed_is_written_again_without_the_turn(memory: MemoryManager) -> None:
    file_of(memory).unlink()
    await memory.undo()
    assert (await again(memory)).messages == ONE
    assert (await memory.redo()).brought == TWO


async def test_what_somebody_broke_is_told_with_its_place_and_found_by_a_check(memory: MemoryManager) -> None:
    await memory.undo()
    [path] = undone(memory)
    path.write_text(path.read_text().replace("base: 2", "base: two"))
    with pytest.raises(SessionFileError, match="no turn that was taken out"):
        await memory.redo()
    [finding] = await SessionLibrary(memory.sessions_dir).check()
    assert (finding.path, "/redo can not" in finding.message) == (path, True)


async def test_what_somebody_broke_does_not_keep_back_what_was_undone_after_it(memory: MemoryManager) -> None:
    await memory.undo()
    [path] = undone(memory)
    path.write_text("id: [")
    await memory.undo()
    assert (await memory.redo()).brought == ONE
    assert memory.messages == ONE
    with pytest.raises(SessionFileError, match=path.name):
        await memory.redo()
    assert memory.messages == ONE


async def test_a_sound_session_with_undone_turns_is_nothing_odd(memory: MemoryManager) -> None:
    await memory.undo()
    assert await SessionLibrary(memory.sessions_dir).check() == []


async def test_it_goes_into_the_trash_and_back_with_its_session(memory: MemoryManager) -> None:
    await memory.undo()
    memory.close()
    await SessionLibrary(memory.sessions_dir).delete(memory.session_id)
    assert len(list((memory.sessions_dir / FOLDER_NAME).glob("*/session.undone-*"))) == 1
    await SessionLibrary(memory.sessions_dir).restore(memory.session_id)
    assert (await (await again(memory)).redo()).brought == TWO


async def test_a_fork_has_nothing_to_redo(memory: MemoryManager) -> None:
    await memory.undo()
    await memory.fork()
    with pytest.raises(UsageError, match="nothing to redo"):
        await memory.redo()


async def test_while_a_turn_runs_nothing_is_undone(memory: MemoryManager) -> None:
    async with memory.turn() as turn:
        await turn.add(LLMMessage("user", "three"))
        with pytest.raises(UsageError, match="turn is running"):
            await memory.undo()
        await turn.add(LLMMessage("assistant", "Drei."))
    assert len(memory.messages) == 8


@pytest.mark.parametrize("form", [form for form in dict.fromkeys(FORMS) if form not in ("empty", "null", "missing")])
async def test_whatever_a_hand_wrote_comes_back_with_what_only_people_understand(
    sessions_dir: Path, form: Form
) -> None:
    folder = sessions_dir / "2025-01-31_a1b2c3d4"
    folder.mkdir(parents=True)
    for seed in range(8):
        written = write_by_hand(random.Random(seed), form)
        (folder / "session.yaml").write_bytes(written.data)
        memory = await MemoryManager.from_session(ID, sessions_dir=sessions_dir)
        if any(message.role == "user" for message in written.messages):
            await memory.undo()
            await memory.redo()
            assert (await again(memory)).messages == written.messages
            text = (folder / "session.yaml").read_bytes().decode(written.encoding)
            for key in ("mood", "x-mood", "x-nothing"):
                assert text.count(key) == written.text.count(key), written.text
        memory = MemoryManager(sessions_dir=sessions_dir)
        await memory.fork(ID)
        await memory.save_memory()
        assert (await again(memory)).messages == written.messages
        assert file_of(memory).read_text().count("mood") == written.text.count("mood"), written.text
