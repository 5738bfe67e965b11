"""Recovery of turns after a crash."""

from __future__ import annotations

import errno
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from aloop.errors import StorageError
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.context import UNANSWERED
from aloop.memory.session_folder import recovery
from aloop.memory.session_folder.recovery import close_turn
from tests.memory.conversations import take_turn
from tests.memory.examples import NOON
from tests.memory.faults import FaultyFileSystem

CALL = ToolCall("call_1", "calculator", "{}")
TURN = (LLMMessage("user", "Again?", at=NOON), LLMMessage("assistant", None, (CALL,), at=NOON))


async def crash_in_a_turn(memory: MemoryManager, *messages: LLMMessage) -> None:
    """Journal a turn, then release the locks and leave the journal, as a crash does."""
    turn = memory.turn()
    await turn.__aenter__()
    for message in messages:
        await turn.add(message)
    memory.close()


async def saved_session(sessions_dir: Path) -> MemoryManager:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await take_turn(memory, "Hello", "Hi")
    return memory


def left_in(sessions_dir: Path) -> list[str]:
    """Return the files that a recovery should have removed."""
    return [path.name for path in sessions_dir.rglob(".*") if "journal" in path.name or path.name.endswith(".tmp")]


async def test_notice_about_one_message_is_singular(sessions_dir: Path) -> None:
    await crash_in_a_turn(await saved_session(sessions_dir), TURN[0])
    (notice,) = await SessionLibrary(sessions_dir).recover()
    assert notice.endswith("recovered 1 message.")


async def test_interrupted_turn_is_recovered_with_its_tool_calls_answered(sessions_dir: Path) -> None:
    memory = await saved_session(sessions_dir)
    await crash_in_a_turn(memory, *TURN)
    notices = await SessionLibrary(sessions_dir).recover()
    short = memory.session_id[:8]
    assert notices == [f"A crash interrupted the last turn of session {short}. aloop recovered 2 messages."]
    messages = (await SessionLibrary(sessions_dir).load(memory.session_id)).messages
    assert messages[2:4] == TURN
    assert messages[4].content == UNANSWERED
    assert left_in(sessions_dir) == []


async def crash_in_an_answer(memory: MemoryManager, question: LLMMessage, *texts: str) -> None:
    """Journal a turn whose answer has arrived in part."""
    turn = memory.turn()
    await turn.__aenter__()
    await turn.add(question)
    for text in texts:
        piece = LLMMessage("assistant", text, model="m", interrupted=True, at=NOON)
        await turn._storage.note_piece(piece, 1)
    memory.close()


async def test_part_of_an_answer_is_recovered_as_interrupted(sessions_dir: Path) -> None:
    memory = await saved_session(sessions_dir)
    await crash_in_an_answer(memory, TURN[0], "Once ", "upon")
    (notice,) = await SessionLibrary(sessions_dir).recover()
    assert notice.endswith("aloop recovered 2 messages, the last one with the part of the answer that had arrived.")
    messages = (await SessionLibrary(sessions_dir).load(memory.session_id)).messages
    partial = LLMMessage("assistant", "Once upon", model="m", interrupted=True, at=NOON)
    assert messages[2:] == (TURN[0], partial)
    assert left_in(sessions_dir) == []


async def test_part_of_an_answer_is_not_added_to_a_turn_that_is_saved(sessions_dir: Path) -> None:
    memory = await saved_session(sessions_dir)
    other = await MemoryManager.from_session(memory.session_id, sessions_dir=sessions_dir)
    await crash_in_an_answer(memory, TURN[0], "Once ")
    for message in (TURN[0], LLMMessage("assistant", "Once upon a time", at=NOON)):
        await other.add_message(message)
    await other.save_memory()
    assert await SessionLibrary(sessions_dir).recover() == []
    assert len((await SessionLibrary(sessions_dir).load(memory.session_id)).messages) == 4


async def test_recovered_part_of_an_answer_is_not_added_twice(sessions_dir: Path) -> None:
    memory = await saved_session(sessions_dir)
    await crash_in_an_answer(memory, TURN[0], "Once ", "upon")
    assert memory.path
    (journal,) = memory.path.parent.glob(".journal-*")
    data = journal.read_bytes()
    await SessionLibrary(sessions_dir).recover()
    journal.write_bytes(data)  # a crash before it was removed
    assert await SessionLibrary(sessions_dir).recover() == []
    assert len((await SessionLibrary(sessions_dir).load(memory.session_id)).messages) == 4


async def test_part_of_an_answer_after_tool_calls_follows_their_results(sessions_dir: Path) -> None:
    memory = await saved_session(sessions_dir)
    result = LLMMessage("tool", "4", tool_call_id="call_1", name="calculator", at=NOON)
    turn = memory.turn()
    await turn.__aenter__()
    for message in (*TURN, result):
        await turn.add(message)
    await turn._storage.note_piece(LLMMessage("assistant", "It is", interrupted=True, at=NOON), 2)
    memory.close()
    await SessionLibrary(sessions_dir).recover()
    messages = (await SessionLibrary(sessions_dir).load(memory.session_id)).messages
    assert messages[2:] == (*TURN, result, LLMMessage("assistant", "It is", interrupted=True, at=NOON))


async def test_full_disk_during_an_answer_is_reported_once_and_the_turn_is_saved(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = await saved_session(sessions_dir)
    notices: list[str] = []
    memory.on_notice = notices.append
    fs = memory.library.backend.fs

    def refuse(descriptor: int, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, "no space")

    async with memory.turn() as turn:
        await turn.add(TURN[0])
        with monkeypatch.context() as patch:
            patch.setattr(fs, "write", refuse)
            for number in (1, 2):
                await turn._storage.note_piece(LLMMessage("assistant", "Once", interrupted=True), number)
        await turn.add(LLMMessage("assistant", "Once upon a time", at=NOON))
    (notice,) = notices
    assert notice.endswith("If aloop crashes during this answer, the rest of the answer is lost.")
    messages = (await SessionLibrary(sessions_dir).load(memory.session_id)).messages
    assert [message.content for message in messages[2:]] == ["Again?", "Once upon a time"]
    assert left_in(sessions_dir) == []


async def test_resume_recovers_the_turn_with_a_notice(sessions_dir: Path) -> None:
    memory = await saved_session(sessions_dir)
    await crash_in_a_turn(memory, *TURN)
    other = MemoryManager(sessions_dir=sessions_dir)
    notices: list[str] = []
    other.on_notice = notices.append
    await other.resume(memory.session_id)
    assert other.message_count == 5
    assert len(notices) == 1


async def test_interrupted_first_turn_becomes_a_session(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    memory.set_system_message("Be kind.")
    await crash_in_a_turn(memory, TURN[0])
    await SessionLibrary(sessions_dir).recover()
    session = await SessionLibrary(sessions_dir).load(memory.session_id)
    assert [message.content for message in session.system_messages] == ["Be kind."]
    assert [(message.content, message.interrupted) for message in session.messages] == [("Again?", True)]
    assert session.title == "Again?"


async def test_turn_saved_before_the_crash_is_not_added_again(sessions_dir: Path) -> None:
    memory = await saved_session(sessions_dir)
    other = await MemoryManager.from_session(memory.session_id, sessions_dir=sessions_dir)
    await crash_in_a_turn(memory, *TURN)
    for message in close_turn(TURN):
        await other.add_message(message)
    await other.save_memory()
    assert await SessionLibrary(sessions_dir).recover() == []
    assert len((await SessionLibrary(sessions_dir).load(memory.session_id)).messages) == 5
    assert left_in(sessions_dir) == []


async def test_turn_equal_to_an_earlier_one_is_recovered(sessions_dir: Path) -> None:
    memory = await saved_session(sessions_dir)
    await crash_in_a_turn(memory, LLMMessage("user", "Hello"), LLMMessage("assistant", "Hi"))
    assert len(await SessionLibrary(sessions_dir).recover()) == 1
    assert len((await SessionLibrary(sessions_dir).load(memory.session_id)).messages) == 4


async def test_turn_of_a_live_writer_is_not_recovered(sessions_dir: Path) -> None:
    memory = await saved_session(sessions_dir)
    async with memory.turn() as turn:
        await turn.add(LLMMessage("user", "Still here"))
        assert await SessionLibrary(sessions_dir).recover() == []
        await turn.add(LLMMessage("assistant", "Yes"))
    assert len((await SessionLibrary(sessions_dir).load(memory.session_id)).messages) == 4


async def test_turn_of_an_unreadable_session_is_saved_beside_it(sessions_dir: Path) -> None:
    memory = await saved_session(sessions_dir)
    await crash_in_a_turn(memory, *TURN)
    assert memory.path
    memory.path.write_text("id: [\n")
    (notice,) = await SessionLibrary(sessions_dir).recover()
    assert f"{memory.path}:1:5:" in notice
    assert memory.path.read_text() == "id: [\n"
    (recovered,) = memory.path.parent.glob("session.recovered-*.yaml")
    assert "Again?" in recovered.read_text()


async def test_interrupted_recovery_adds_the_turn_once(sessions_dir: Path, fs: FaultyFileSystem) -> None:
    memory = await saved_session(sessions_dir)
    await crash_in_a_turn(memory, LLMMessage("user", "Again?"))
    fs.fail("unlink", on=".journal")
    (notice,) = await SessionLibrary(sessions_dir).recover()
    assert "the disk is full" in notice
    fs.heal()
    assert await SessionLibrary(sessions_dir).recover() == []
    session = await SessionLibrary(sessions_dir).load(memory.session_id)
    assert [message.content for message in session.messages] == ["Hello", "Hi", "Again?"]


async def test_several_turns_are_recovered_in_order(sessions_dir: Path, fs: FaultyFileSystem) -> None:
    memory = await saved_session(sessions_dir)
    fs.fail("replace", on=".session.yaml")
    for number in range(8):
        with pytest.raises(StorageError):
            await take_turn(memory, f"Question {number}", f"Answer {number}")
    memory.close()
    fs.heal()
    assert len(await SessionLibrary(sessions_dir).recover()) == 8
    session = await SessionLibrary(sessions_dir).load(memory.session_id)
    assert session.messages == memory.messages


async def test_damaged_journal_is_kept_under_another_name(sessions_dir: Path) -> None:
    memory = await saved_session(sessions_dir)
    await crash_in_a_turn(memory, *TURN)
    assert memory.path
    (journal,) = memory.path.parent.glob(".journal-*")
    journal.write_bytes(journal.read_bytes()[10:])
    (notice,) = await SessionLibrary(sessions_dir).recover()
    (kept,) = memory.path.parent.glob("journal.damaged-*.yaml")
    assert str(kept) in notice
    assert "Again?" in kept.read_text()
    assert await SessionLibrary(sessions_dir).recover() == []


async def test_journal_from_elsewhere_is_kept_but_not_added(sessions_dir: Path) -> None:
    """A clone can contain a journal in the folder of a session."""
    memory = await saved_session(sessions_dir)
    await crash_in_a_turn(memory, *TURN)
    assert memory.path
    (journal,) = memory.path.parent.glob(".journal-*")
    # A copy under another name is as good as one written by someone else.
    journal.rename(journal.with_name(".journal-4194000-abcdef01.yaml"))
    (notice,) = await SessionLibrary(sessions_dir).recover()
    (kept,) = memory.path.parent.glob("journal.foreign-*.yaml")
    assert notice == f"An interrupted turn was not written by your aloop, so it was not added. It was kept as {kept}."
    assert "Again?" in kept.read_text()
    assert len((await SessionLibrary(sessions_dir).load(memory.session_id)).messages) == 2
    assert await SessionLibrary(sessions_dir).recover() == []


async def test_turn_is_recovered_without_a_usable_state_directory(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    await crash_in_a_turn(await saved_session(sessions_dir), TURN[0])
    (notice,) = await SessionLibrary(sessions_dir).recover()
    assert notice.endswith("recovered 1 message.")


async def test_journal_key_is_private_and_kept(sessions_dir: Path, private_home: Path) -> None:
    path = private_home / ".local/state/aloop/journal-key"
    await saved_session(sessions_dir)
    key = path.read_bytes()
    await saved_session(sessions_dir)
    assert path.read_bytes() == key
    assert (len(key), stat.S_IMODE(path.stat().st_mode)) == (32, 0o600)
    assert [each.name for each in path.parent.iterdir() if "key" in each.name] == [path.name]


async def test_journal_that_failed_in_a_live_writer_is_not_recovered(sessions_dir: Path, fs: FaultyFileSystem) -> None:
    memory = await saved_session(sessions_dir)
    async with memory.turn() as turn:
        await turn.add(TURN[0])
        fs.fail("write")
        await turn.add(LLMMessage("assistant", "On a full disk"))
        fs.heal()
        assert await SessionLibrary(sessions_dir).recover() == []
    session = await SessionLibrary(sessions_dir).load(memory.session_id)
    assert session.messages == memory.messages
    assert len(session.messages) == 4


async def test_session_can_be_opened_on_a_full_disk(sessions_dir: Path, fs: FaultyFileSystem) -> None:
    memory = await saved_session(sessions_dir)
    fs.fail("write", "truncate")
    shell = MemoryManager(sessions_dir=sessions_dir, hold=True)
    await shell.resume(memory.session_id)
    assert shell.messages == memory.messages
    shell.close()


async def test_turn_of_equal_messages_is_looked_for_in_linear_time(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, compared = 150, 0
    memory = await saved_session(sessions_dir)
    await crash_in_a_turn(memory, *[TURN[0]] * count, LLMMessage("assistant", "No."))
    stored, later = memory.library.backend.open(memory.session_id), TURN[:1] * count * 3
    stored.save(replace(stored.session, messages=(*stored.session.messages, *later)), later)
    compare = LLMMessage.__eq__

    def counting(one: LLMMessage, another: object) -> bool:
        nonlocal compared
        compared += 1
        return compare(one, another)

    monkeypatch.setattr(LLMMessage, "__eq__", counting)
    (notice,) = await SessionLibrary(sessions_dir).recover()
    monkeypatch.undo()
    assert f"recovered {count + 1} messages" in notice
    assert compared < 20 * count


async def test_editor_that_saves_during_a_recovery_loses_nothing(fs: FaultyFileSystem, sessions_dir: Path) -> None:
    memory = await saved_session(sessions_dir)
    await crash_in_a_turn(memory, TURN[0])
    path = memory.path
    assert path is not None

    def save_in_editor() -> None:
        del fs.before["set_modified"]  # which is called between the read and the replacement
        path.write_text(path.read_text().replace('"Hi"', '"Hi there"'))

    fs.before["set_modified"] = save_in_editor
    (notice,) = await SessionLibrary(sessions_dir).recover()
    assert notice.endswith("recovered 1 message.")
    messages = (await SessionLibrary(sessions_dir).load(memory.session_id)).messages
    assert [message.content for message in messages] == ["Hello", "Hi there", "Again?"]
    assert left_in(sessions_dir) == []


async def test_file_that_an_editor_has_moved_away_for_a_moment_is_not_replaced(
    fs: FaultyFileSystem, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "_RETRY_DELAY", 0.0)
    memory = await saved_session(sessions_dir)
    await crash_in_a_turn(memory, TURN[0])
    assert memory.path is not None
    path, backup = memory.path, memory.path.with_name("session.yaml~")
    path.rename(backup)

    def put_back() -> None:
        if backup.exists():
            backup.rename(path)

    fs.before["exists"] = put_back  # which is called just before a new file is put in place
    await SessionLibrary(sessions_dir).recover()
    messages = (await SessionLibrary(sessions_dir).load(memory.session_id)).messages
    assert [message.content for message in messages] == ["Hello", "Hi", "Again?"]
