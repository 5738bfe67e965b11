"""MemoryManager: the open conversation, stored sessions, and saves."""

from __future__ import annotations

import asyncio
import errno
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.errors import AmbiguousPrefix, InvalidPrefix, SessionFileError, SessionNotFound, StorageError
from aloop.llm.message_types import LLMMessage, Usage
from aloop.llm.offline import OfflineLLM
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.codec.serialization import dump_session, load_session
from aloop.memory.context import UNANSWERED
from aloop.memory.session import Session, is_in_future
from tests.memory.conversations import file_of, say, stored, timeless
from tests.memory.examples import ID, SPEC_SAMPLE, answer, call, result, session, user
from tests.memory.faults import FaultyFileSystem
from tests.saved_sessions import FIRST, save

UNKNOWN = "ffffffff-5678-40ab-8def-1234567890ab"


def test_new_manager_has_an_id_and_creates_no_files(sessions_dir: Path) -> None:
    manager = MemoryManager(sessions_dir=sessions_dir)
    assert str(uuid.UUID(manager.session_id)) == manager.session_id
    assert MemoryManager(sessions_dir=sessions_dir).session_id != manager.session_id
    assert (manager.path, manager.title, manager.messages, manager.message_count) == (None, "", (), 0)
    assert (manager.llm, manager.get_context_for_llm(), manager.get_repairs()) == (None, [], ())
    assert manager.sessions_dir == sessions_dir
    assert not sessions_dir.exists()


def test_sessions_dir_is_absolute() -> None:
    assert MemoryManager(sessions_dir="mine").sessions_dir == Path.cwd() / "mine"
    assert MemoryManager().sessions_dir == Path.cwd() / ".aloop" / "sessions"


async def test_add_message_does_not_write_to_disk(sessions_dir: Path) -> None:
    manager = MemoryManager(sessions_dir=sessions_dir)
    await manager.add_message(user("Hi"))
    assert manager.messages == (user("Hi"),)
    assert manager.title == "Hi"
    assert not sessions_dir.exists()


async def test_system_message_is_separate_and_sent_first(sessions_dir: Path) -> None:
    manager = MemoryManager(sessions_dir=sessions_dir)
    await say(manager, user("Hi"), LLMMessage("system", "Be kind."))
    assert manager.system_messages == (LLMMessage("system", "Be kind."),)
    assert manager.message_count == 1
    assert manager.get_context_for_llm() == [LLMMessage("system", "Be kind."), user("Hi")]
    manager.set_system_message("Be brave.")
    await manager.save_memory()
    again = await MemoryManager.from_session(manager.session_id, sessions_dir=sessions_dir)
    assert again.system_messages == (LLMMessage("system", "Be brave."),)
    assert again.messages == (user("Hi"),)


async def test_unchanged_session_keeps_its_time_in_stats_and_snapshot(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    manager = await MemoryManager.from_session(FIRST, sessions_dir=sessions_dir)
    stored_at = load_session(path.read_bytes(), path).updated_at
    assert manager.stats().updated_at == manager.snapshot().updated_at == stored_at
    await manager.add_message(user("And now?"))
    assert min(manager.stats().updated_at, manager.snapshot().updated_at) > stored_at
    await manager.save_memory()
    saved_at = manager.stats().updated_at
    assert saved_at == manager.snapshot().updated_at
    await manager.rename("A title")
    manager.set_system_message("Be brave.")
    assert manager.snapshot().updated_at > saved_at


async def test_save_reports_the_path(manager: MemoryManager, sessions_dir: Path) -> None:
    report = await manager.save_memory()
    assert report.path == manager.path == sessions_dir / file_of(manager).parent.name / "session.yaml"
    assert (report.in_recovery_file, report.notice) == (False, None)
    assert report.path.parent.name.endswith(f"_{manager.session_id[:8]}")


async def test_save_writes_the_model_into_the_header(sessions_dir: Path) -> None:
    llm = OfflineLLM()
    manager = MemoryManager(llm, sessions_dir=sessions_dir)
    assert manager.llm is llm
    await say(manager, user("Hi"))
    assert (await SessionLibrary(sessions_dir).load(manager.session_id)).model == llm.model


async def test_from_session_continues_a_stored_session(manager: MemoryManager, sessions_dir: Path) -> None:
    again = await MemoryManager.from_session(manager.session_id[:8].upper(), sessions_dir=sessions_dir)
    assert (again.session_id, again.messages, again.path) == (manager.session_id, manager.messages, manager.path)
    await say(again, user("More"))
    assert await stored(again) == (user("Hi"), answer("Hello"), user("More"))


async def test_save_extends_a_file_that_aloop_did_not_create(sessions_dir: Path) -> None:
    folder = sessions_dir / "from a friend"
    folder.mkdir(parents=True)
    (folder / "session.yaml").write_bytes(SPEC_SAMPLE)
    manager = await MemoryManager.from_session("a1b2", sessions_dir=sessions_dir)
    await say(manager, user("More"))
    saved = (folder / "session.yaml").read_bytes()
    head, tail = SPEC_SAMPLE.split(b'"2025-01-31T15:45:00"')
    assert saved.startswith(head)
    assert saved.endswith(tail + b'  - role: user\n    content: "More"\n')


async def test_resume_replaces_the_current_session(manager: MemoryManager, sessions_dir: Path) -> None:
    other = MemoryManager(sessions_dir=sessions_dir)
    await say(other, user("Other"))
    loaded = await manager.resume(other.session_id)
    assert (loaded.id, manager.session_id, manager.messages) == (other.session_id, other.session_id, (user("Other"),))


async def test_resume_of_a_large_session_is_announced_before_it_is_read(
    manager: MemoryManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    async def admit(_session: Session) -> None:
        said.append("read")

    manager.on_notice = said.append
    await manager.resume(manager.session_id, admit=admit)
    monkeypatch.setattr("aloop.memory.manager.LARGE", 1)
    await manager.resume(manager.session_id, admit=admit)
    assert said == ["read", "Opening a session of 0 MB. This takes a moment.", "read"]


async def test_failed_resume_keeps_the_current_session(manager: MemoryManager, sessions_dir: Path) -> None:
    broken = sessions_dir / "2025-01-31_0badcafe"
    broken.mkdir()
    (broken / "session.yaml").write_text("id: [")
    before = manager.session_id, manager.messages, manager.path
    for prefix, error in ((UNKNOWN, SessionNotFound), ("0badcafe", SessionFileError), ("", InvalidPrefix)):
        with pytest.raises(error):
            await manager.resume(prefix)
    assert (manager.session_id, manager.messages, manager.path) == before
    await say(manager, user("More"))
    assert len(await stored(manager)) == 3


async def test_start_new_does_not_change_the_old_session(manager: MemoryManager) -> None:
    old, data = file_of(manager), file_of(manager).read_bytes()
    first = manager.session_id
    manager.start_new()
    assert manager.session_id != first
    assert (manager.messages, manager.path, manager.title) == ((), None, "")
    await say(manager, user("New"))
    assert old.read_bytes() == data
    assert file_of(manager) != old


async def test_sessions_are_listed_found_counted_and_deleted(manager: MemoryManager, sessions_dir: Path) -> None:
    manager.start_new()
    await say(manager, user("2+2?"), answer(None, call()), result("4"), LLMMessage("assistant", "4", usage=Usage(3, 4)))
    listed = await MemoryManager.list_sessions(sessions_dir=sessions_dir)
    assert [summary.title for summary in listed] == ["2+2?", "Hi"]
    assert listed[0].message_count == 4
    assert len(await MemoryManager.list_sessions(limit=1, sessions_dir=sessions_dir)) == 1
    assert await MemoryManager.find_latest_session(sessions_dir=sessions_dir) == manager.session_id
    assert (
        await MemoryManager.find_session_by_prefix(manager.session_id[:13], sessions_dir=sessions_dir)
        == manager.session_id
    )
    stats = await SessionLibrary(sessions_dir).stats(manager.session_id)
    assert stats.messages_by_role == {"user": 1, "assistant": 2, "tool": 1}
    assert stats.tool_calls == {"calculator": 1}
    assert (stats.usage, stats.message_count, stats.path) == (Usage(3, 4), 4, manager.path)
    assert stats.size == file_of(manager).stat().st_size
    assert manager.stats().messages_by_role == stats.messages_by_role
    gone = await SessionLibrary(sessions_dir).delete(manager.session_id)
    assert (gone / "session.yaml").exists()
    assert len(await MemoryManager.list_sessions(None, sessions_dir=sessions_dir)) == 1


async def test_missing_sessions_folder_contains_no_sessions(sessions_dir: Path) -> None:
    assert await MemoryManager.list_sessions(sessions_dir=sessions_dir) == []
    assert await MemoryManager.find_latest_session(sessions_dir=sessions_dir) is None
    assert await MemoryManager.find_session_by_prefix("a1b2", sessions_dir=sessions_dir) is None
    with pytest.raises(SessionNotFound):
        await SessionLibrary(sessions_dir).load("a1b2")
    assert not sessions_dir.exists()


async def test_ambiguous_prefix_has_candidates_and_invalid_prefix_is_rejected(sessions_dir: Path) -> None:
    for number in (1, 2):
        folder = sessions_dir / f"2025-01-31_{number}"
        folder.mkdir(parents=True)
        (folder / "session.yaml").write_bytes(dump_session(session(identity=f"{ID[:-1]}{number}")))
    with pytest.raises(AmbiguousPrefix) as caught:
        await MemoryManager.find_session_by_prefix("a1b2", sessions_dir=sessions_dir)
    assert caught.value.candidates == (f"{ID[:-1]}1", f"{ID[:-1]}2")
    for prefix in ("", " ", "..", "*"):
        with pytest.raises(InvalidPrefix):
            await MemoryManager.find_session_by_prefix(prefix, sessions_dir=sessions_dir)


async def test_environment_variable_sets_the_sessions_folder(
    manager: MemoryManager, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALOOP_SESSIONS_DIR", str(sessions_dir))
    assert await MemoryManager.find_latest_session() == manager.session_id


async def test_invalid_history_is_repaired_only_in_the_context(sessions_dir: Path) -> None:
    manager = MemoryManager(sessions_dir=sessions_dir)
    await say(manager, user("Go"), answer(None, call()), user("Well?"))
    assert [message.content for message in manager.get_context_for_llm()] == ["Go", None, UNANSWERED, "Well?"]
    assert len(manager.get_repairs()) == 1
    assert await stored(manager) == manager.messages == (user("Go"), answer(None, call()), user("Well?"))


async def test_turn_adds_its_messages_to_the_conversation(manager: MemoryManager) -> None:
    async with manager.turn() as turn:
        await turn.add(user("2+2?"))
        assert timeless(manager.messages[-1:]) == [user("2+2?")]
        await turn.add(answer("4"))
    assert turn.kept
    assert turn.report is not None
    assert turn.report.path == manager.path
    assert await stored(manager) == manager.messages
    assert manager.message_count == 4


async def test_repeated_saves_write_each_message_once(manager: MemoryManager) -> None:
    for number in range(5):
        await say(manager, user(f"Question {number}\n\n"), answer(f"Answer\n{number}"))
        await manager.save_memory()
    assert await stored(manager) == manager.messages
    assert manager.message_count == 12


async def test_concurrent_saves_write_each_message_once(manager: MemoryManager) -> None:
    async def work(number: int) -> None:
        await manager.add_message(user(str(number)))
        await manager.save_memory()

    await asyncio.gather(*map(work, range(20)))
    assert await stored(manager) == manager.messages
    assert manager.message_count == 22


async def test_cancelled_save_writes_each_message_once(manager: MemoryManager, fs: FaultyFileSystem) -> None:
    """Its thread keeps running, so the next save must wait for it."""
    loop, writing, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def hold() -> None:
        loop.call_soon_threadsafe(writing.set)
        go_on.wait()

    fs.before["fsync"] = hold
    await manager.add_message(user("More"))
    first = asyncio.create_task(manager.save_memory())
    await writing.wait()
    del fs.before["fsync"]
    first.cancel()
    await manager.add_message(user("And more"))
    second = asyncio.create_task(manager.save_memory())
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await first
    await second
    assert await stored(manager) == manager.messages == (user("Hi"), answer("Hello"), user("More"), user("And more"))


@pytest.mark.parametrize("call_that_fails", ["create", "write", "fsync", "replace"])
@pytest.mark.parametrize("is_new", [True, False])
async def test_failed_save_keeps_messages_for_the_next_save(
    manager: MemoryManager, fs: FaultyFileSystem, call_that_fails: str, is_new: bool
) -> None:
    if is_new:
        manager.start_new()
        await manager.add_message(user("Hi"))
        await manager.add_message(answer("Hello"))
    await manager.add_message(user("More"))
    before = None if is_new else file_of(manager).read_bytes()
    fs.fail(call_that_fails, on="session" if call_that_fails in {"create", "replace"} else "")
    for _ in range(2):
        with pytest.raises(StorageError, match="the disk is full"):
            await manager.save_memory()
    assert manager.message_count == 3
    assert before is None or file_of(manager).read_bytes() == before
    fs.heal()
    assert (await manager.save_memory()).notice is None
    assert await stored(manager) == (user("Hi"), answer("Hello"), user("More"))


async def test_failed_folder_sync_does_not_duplicate_messages(manager: MemoryManager, fs: FaultyFileSystem) -> None:
    await manager.add_message(user("More"))
    fs.fail("sync_folder", number=errno.EIO)
    with pytest.raises(StorageError, match="Input/output"):
        await manager.save_memory()
    fs.heal()
    report = await manager.save_memory()
    assert (report.in_recovery_file, report.notice) == (False, None)
    assert await stored(manager) == (user("Hi"), answer("Hello"), user("More"))


async def test_save_keeps_changes_on_disk(manager: MemoryManager) -> None:
    path = file_of(manager)
    path.write_text(path.read_text().replace('"Hello"', '"Hello, you"  # better'))
    await say(manager, user("More"))
    assert "# better" in path.read_text()
    assert await stored(manager) == manager.messages == (user("Hi"), answer("Hello, you"), user("More"))


async def test_save_writes_a_recovery_file_if_session_file_is_broken(manager: MemoryManager) -> None:
    path = file_of(manager)
    path.write_text("id: [ # half an edit")
    await manager.add_message(user("More"))
    report = await manager.save_memory()
    assert report.in_recovery_file
    assert report.path.parent == path.parent
    assert report.path.name.startswith("session.recovered-")
    assert report.notice
    assert path.name in report.notice
    assert path.read_text() == "id: [ # half an edit"
    assert load_session(report.path.read_bytes(), report.path).messages == manager.messages


async def test_save_writes_a_removed_file_again(manager: MemoryManager) -> None:
    path = file_of(manager)
    path.unlink()
    await manager.add_message(user("More"))
    report = await manager.save_memory()
    assert report.notice
    assert "removed" in report.notice
    assert await stored(manager) == (user("Hi"), answer("Hello"), user("More"))


async def test_save_does_not_follow_a_link_in_place_of_the_folder(
    manager: MemoryManager, tmp_path: Path, everything: Callable[[Path], dict[str, bytes | str]]
) -> None:
    folder, outside = file_of(manager).parent, tmp_path / "outside"
    folder.rename(outside)
    folder.symlink_to(outside)
    before = everything(outside)
    try:
        await say(manager, user("More"))
    except StorageError:
        assert manager.message_count == 3
    assert everything(outside) == before


@pytest.mark.parametrize("stamp", ["2999-01-01T00:00:00+00:00", "9998-06-30T23:59:59.999+00:00"])
async def test_updated_at_is_the_present_and_increases_after_a_time_in_the_future(
    manager: MemoryManager, sessions_dir: Path, stamp: str
) -> None:
    """The file may come from a machine whose clock is ahead."""
    path = file_of(manager)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(f'updated_at: "{stamp}"\n' if line.startswith("updated_at") else line for line in lines))
    again = await MemoryManager.from_session(manager.session_id, sessions_dir=sessions_dir)
    times = []
    for number in range(3):
        await say(again, user(str(number)))
        loaded = await SessionLibrary(sessions_dir).load(again.session_id)
        times.append(loaded.updated_at)
    assert times == sorted(set(times))
    assert not is_in_future(times[-1])


async def test_saves_within_one_millisecond_have_different_times(manager: MemoryManager, sessions_dir: Path) -> None:
    times = []
    for _ in range(5):
        await manager.save_memory()
        times.append((await SessionLibrary(sessions_dir).load(manager.session_id)).updated_at)
    assert times == sorted(set(times))
    assert times[-1] > datetime(2025, 1, 1, tzinfo=UTC)


async def test_turn_cancelled_repeatedly_is_saved_once(manager: MemoryManager) -> None:
    streaming = asyncio.Event()

    async def take_turn() -> None:
        async with manager.turn() as turn:
            await turn.add(user("2+2?"))
            await turn.add(answer(None, call()))
            streaming.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(take_turn())
    await streaming.wait()
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    assert task.cancelled()
    assert [message.content for message in await stored(manager)] == ["Hi", "Hello", "2+2?", None, UNANSWERED]
    assert await stored(manager) == manager.messages


async def test_surrogates_are_normalized_in_added_messages(manager: MemoryManager) -> None:
    await say(manager, user("a\ud800b\ud83d\ude00"))
    assert manager.messages[-1].content == "a\ufffdb😀"
    assert await stored(manager) == manager.messages
