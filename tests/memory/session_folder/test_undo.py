"""Undo and redo of turns, with edits, crashes and errors in between."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from aloop.errors import SessionFileError, StorageError, UsageError
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.session_folder.dated_names import read_mark
from aloop.memory.sessions_dir.trash import FOLDER_NAME
from tests.memory.conversations import file_of, say, take_turn
from tests.memory.examples import ID
from tests.memory.faults import FaultyFileSystem
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


async def test_undo_and_redo_move_the_last_turn_with_its_tool_calls(memory: MemoryManager) -> None:
    before = text_of(memory)
    assert await memory.undo() == TWO
    assert memory.messages == (await again(memory)).messages == ONE
    [path] = undone(memory)
    assert path.stat().st_mode & 0o777 == 0o600
    assert (await memory.redo()).brought == TWO
    assert text_of(memory) == before
    assert undone(memory) == []


async def test_redo_restores_several_turns_in_order_across_processes(memory: MemoryManager) -> None:
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


async def test_undo_without_a_turn_is_an_error(sessions_dir: Path) -> None:
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


async def test_redo_restores_comments_and_unknown_keys(memory: MemoryManager) -> None:
    text = file_of(memory).read_text()
    file_of(memory).write_text(text.replace('content: "Zwei."', "content: Zwei.  # sic\n    mood: calm\n"))
    before = text_of(memory)
    await memory.undo()
    assert "mood: calm" in undone(memory)[0].read_text()
    assert "mood" not in text_of(memory)
    await memory.redo()
    assert text_of(memory) == before


async def test_redo_follows_the_indentation_of_the_file(memory: MemoryManager) -> None:
    await memory.undo()
    head = file_of(memory).read_text().partition("\nmessages:")[0]
    file_of(memory).write_text(f"{head}\nmessages:\n      - role: user\n        content: one\n")
    await memory.redo()
    assert (await again(memory)).messages == (LLMMessage("user", "one"), *TWO)
    assert '\n      - role: user\n        content: "two"' in text_of(memory)


async def test_redo_after_a_new_turn_is_an_error_and_keeps_the_undone_turn(memory: MemoryManager) -> None:
    await memory.undo()
    await take_turn(memory, "three", "Drei.")
    with pytest.raises(UsageError, match="has continued since") as refusal:
        await memory.redo()
    assert str(undone(memory)[0]) in str(refusal.value)
    assert [message.content for message in memory.messages] == ["one", "Eins.", "three", "Drei."]


async def test_redo_cycles_through_the_answers_to_one_question(memory: MemoryManager) -> None:
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


async def test_redo_keeps_an_edit_made_since_the_undo(memory: MemoryManager) -> None:
    await memory.undo()
    file_of(memory).write_text(file_of(memory).read_text().replace("Eins.", "Uno."))
    await memory.redo()
    assert [message.content for message in memory.messages][:3] == ["one", "Uno.", "two"]
    assert (await again(memory)).messages == memory.messages


async def test_summary_does_not_count_as_a_turn_and_does_not_prevent_redo(memory: MemoryManager) -> None:
    await memory.undo()
    await memory.edit(lambda messages: (LLMMessage("user", "They counted.", summary=True), *messages))
    await memory.redo()
    assert memory.messages[3:] == TWO
    await memory.undo()
    assert await memory.undo() == ONE
    with pytest.raises(UsageError, match="nothing to undo"):
        await memory.undo()


async def test_title_follows_the_first_question_unless_the_user_set_it(memory: MemoryManager) -> None:
    await memory.undo()
    await memory.undo()
    await take_turn(memory, "uno", "1")
    assert (await again(memory)).title == "uno"
    await memory.rename("Numbers")
    await memory.undo()
    await take_turn(memory, "ein", "1")
    assert (await again(memory)).title == "Numbers"


@pytest.mark.parametrize("act", ["undo", "redo"])
async def test_crash_between_the_two_writes_loses_nothing(
    memory: MemoryManager, fs: FaultyFileSystem, act: str
) -> None:
    memory = await again(memory)  # on the faulty disk
    if act == "redo":
        await memory.undo()
        fs.fail("unlink", on="undone")  # as after a crash at this point
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


async def test_undo_on_a_full_disk_changes_nothing(memory: MemoryManager, fs: FaultyFileSystem) -> None:
    memory = await again(memory)
    before = file_of(memory).read_bytes()
    fs.fail("write")
    with pytest.raises(StorageError, match="full"):
        await memory.undo()
    assert (memory.messages, file_of(memory).read_bytes(), undone(memory)) == (TALK, before, [])


async def test_unsaved_turn_is_saved_before_it_is_undone(memory: MemoryManager) -> None:
    await memory.add_message(LLMMessage("user", "three"))
    assert [message.content for message in await memory.undo()] == ["three"]
    assert (memory.messages, len(undone(memory))) == (TALK, 1)
    await memory.redo()
    assert [message.content for message in (await again(memory)).messages][-1] == "three"


async def test_undo_leaves_an_unreadable_file_unchanged(memory: MemoryManager) -> None:
    file_of(memory).write_text("id: [")
    with pytest.raises(SessionFileError):
        await memory.undo()
    assert (file_of(memory).read_text(), memory.messages, undone(memory)) == ("id: [", TALK, [])


async def test_undo_rewrites_a_removed_file_without_the_turn(memory: MemoryManager) -> None:
    file_of(memory).unlink()
    await memory.undo()
    assert (await again(memory)).messages == ONE
    assert (await memory.redo()).brought == TWO


async def test_invalid_undone_turn_is_reported_by_redo_and_check(memory: MemoryManager) -> None:
    await memory.undo()
    [path] = undone(memory)
    path.write_text(path.read_text().replace("base: 2", "base: two"))
    with pytest.raises(SessionFileError, match="not an undone turn"):
        await memory.redo()
    [finding] = await SessionLibrary(memory.sessions_dir).check()
    assert (finding.path, "/redo cannot" in finding.message) == (path, True)


async def test_invalid_undone_turn_does_not_block_later_ones(memory: MemoryManager) -> None:
    await memory.undo()
    [path] = undone(memory)
    path.write_text("id: [")
    await memory.undo()
    assert (await memory.redo()).brought == ONE
    assert memory.messages == ONE
    with pytest.raises(SessionFileError, match=path.name):
        await memory.redo()
    assert memory.messages == ONE


async def test_check_has_no_findings_about_undone_turns(memory: MemoryManager) -> None:
    await memory.undo()
    assert await SessionLibrary(memory.sessions_dir).check() == []


async def test_undone_turn_moves_to_the_trash_and_back_with_its_session(memory: MemoryManager) -> None:
    await memory.undo()
    memory.close()
    await SessionLibrary(memory.sessions_dir).delete(memory.session_id)
    assert len(list((memory.sessions_dir / FOLDER_NAME).glob("*/session.undone-*"))) == 1
    await SessionLibrary(memory.sessions_dir).restore(memory.session_id)
    assert (await (await again(memory)).redo()).brought == TWO


async def test_redo_in_a_fork_is_an_error(memory: MemoryManager) -> None:
    await memory.undo()
    await memory.fork()
    with pytest.raises(UsageError, match="nothing to redo"):
        await memory.redo()


async def test_undo_during_a_turn_is_an_error(memory: MemoryManager) -> None:
    async with memory.turn() as turn:
        await turn.add(LLMMessage("user", "three"))
        with pytest.raises(UsageError, match="turn is running"):
            await memory.undo()
        await turn.add(LLMMessage("assistant", "Drei."))
    assert len(memory.messages) == 8


@pytest.mark.parametrize("form", [form for form in dict.fromkeys(FORMS) if form not in ("empty", "null", "missing")])
async def test_undo_and_fork_keep_the_unknown_keys_of_hand_written_files(sessions_dir: Path, form: Form) -> None:
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


async def test_redo_restores_a_turn_undone_by_the_first_version_last(
    memory: MemoryManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its names have local time, here nine hours ahead of the others."""
    try:
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        await memory.undo()
        [path] = undone(memory)
        moment = read_mark(path.name.split("-")[1].removesuffix(".yaml")).astimezone()
        path.rename(path.with_name(f"session.undone-{moment:%Y%m%dT%H%M%S.%f}.yaml"))
        await memory.undo()
        assert (await memory.redo()).brought == ONE
        assert (await memory.redo()).brought == TWO
    finally:
        monkeypatch.undo()
        time.tzset()


LARGE = {
    "blank lines": [LLMMessage("user", "q"), LLMMessage("assistant", "a" + "\n" * 29_000 + "b")],
    "blank lines at the end": [LLMMessage("user", "q"), LLMMessage("assistant", "a" + "\n" * 29_000)],
    "lines of spaces": [LLMMessage("user", "q"), LLMMessage("assistant", "a" + " \n" * 29_000 + "b")],
    "carriage returns": [LLMMessage("user", "q"), LLMMessage("assistant", "a" + "\r\n" * 29_000 + "b")],
    "equal messages": [LLMMessage("user", "q"), LLMMessage("assistant", "a")] * 5_000,
}


@pytest.mark.parametrize("kind", LARGE)
async def test_undo_takes_linear_time(sessions_dir: Path, kind: str) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await say(memory, *LARGE[kind], *ONE)
    began = time.process_time()
    await memory.undo()
    await memory.undo()
    await memory.redo()
    assert time.process_time() - began < 5
    assert memory.messages == tuple(LARGE[kind])
