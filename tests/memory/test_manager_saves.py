"""Saves through MemoryManager: everything once, nothing lost, nothing of others overwritten."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.errors import StorageError
from aloop.memory import MemoryManager
from aloop.memory.codec.serialization import load_session
from aloop.memory.context import UNANSWERED
from tests.memory.conversations import file_of, say, stored
from tests.memory.examples import answer, call, user
from tests.memory.faults import FaultyPort


async def test_each_save_adds_what_is_new_once(manager: MemoryManager) -> None:
    for number in range(5):
        await say(manager, user(f"Question {number}\n\n"), answer(f"Answer\n{number}"))
        await manager.save_memory()
    assert await stored(manager) == manager.messages
    assert manager.message_count == 12


async def test_saves_at_one_time_add_everything_once(manager: MemoryManager) -> None:
    async def work(number: int) -> None:
        await manager.add_message(user(str(number)))
        await manager.save_memory()

    await asyncio.gather(*map(work, range(20)))
    assert await stored(manager) == manager.messages
    assert manager.message_count == 22


async def test_a_save_that_was_cancelled_is_not_saved_twice(manager: MemoryManager, port: FaultyPort) -> None:
    """Its thread goes on by itself; the next save must wait for it and not run beside it."""
    loop, writing, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def hold() -> None:
        loop.call_soon_threadsafe(writing.set)
        go_on.wait()

    port.before["fsync"] = hold
    await manager.add_message(user("More"))
    first = asyncio.create_task(manager.save_memory())
    await writing.wait()
    del port.before["fsync"]
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
async def test_a_full_disk_loses_nothing(
    manager: MemoryManager, port: FaultyPort, call_that_fails: str, is_new: bool
) -> None:
    if is_new:
        manager.start_new()
        await manager.add_message(user("Hi"))
        await manager.add_message(answer("Hello"))
    await manager.add_message(user("More"))
    before = None if is_new else file_of(manager).read_bytes()
    port.fail(call_that_fails, on="session" if call_that_fails in {"create", "replace"} else "")
    for _ in range(2):
        with pytest.raises(StorageError, match="the disk is full"):
            await manager.save_memory()
    assert manager.message_count == 3
    assert before is None or file_of(manager).read_bytes() == before
    port.heal()
    assert (await manager.save_memory()).notice is None
    assert await stored(manager) == (user("Hi"), answer("Hello"), user("More"))


async def test_a_save_whose_last_sync_failed_is_not_saved_twice(manager: MemoryManager, port: FaultyPort) -> None:
    await manager.add_message(user("More"))
    port.fail("sync_folder", number=errno.EIO)
    with pytest.raises(StorageError, match="Input/output"):
        await manager.save_memory()
    port.heal()
    report = await manager.save_memory()
    assert (report.beside, report.notice) == (False, None)
    assert await stored(manager) == (user("Hi"), answer("Hello"), user("More"))


async def test_a_changed_file_is_never_overwritten(manager: MemoryManager) -> None:
    path = file_of(manager)
    path.write_text(path.read_text().replace('"Hello"', '"Hello, you"  # better'))
    await say(manager, user("More"))
    assert "# better" in path.read_text()
    assert await stored(manager) == manager.messages == (user("Hi"), answer("Hello, you"), user("More"))


async def test_a_file_that_was_broken_is_left_alone_and_the_save_goes_beside(manager: MemoryManager) -> None:
    path = file_of(manager)
    path.write_text("id: [ # half an edit")
    await manager.add_message(user("More"))
    report = await manager.save_memory()
    assert report.beside
    assert report.path.parent == path.parent
    assert report.path.name.startswith("session.recovered-")
    assert report.notice
    assert path.name in report.notice
    assert path.read_text() == "id: [ # half an edit"
    assert load_session(report.path.read_bytes(), report.path).messages == manager.messages


async def test_a_removed_file_is_written_again(manager: MemoryManager) -> None:
    path = file_of(manager)
    path.unlink()
    await manager.add_message(user("More"))
    report = await manager.save_memory()
    assert report.notice
    assert "removed" in report.notice
    assert await stored(manager) == (user("Hi"), answer("Hello"), user("More"))


async def test_a_folder_swapped_for_a_link_is_not_written_into(
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
async def test_time_never_goes_backwards(manager: MemoryManager, sessions_dir: Path, stamp: str) -> None:
    """Whatever the clock says: a file from a machine whose clock was ahead goes on from there."""
    path, ahead = file_of(manager), datetime.fromisoformat(stamp)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(f'updated_at: "{stamp}"\n' if line.startswith("updated_at") else line for line in lines))
    again = await MemoryManager.from_session(manager.session_id, sessions_dir=sessions_dir)
    times = [ahead]
    for number in range(3):
        await say(again, user(str(number)))
        loaded = await MemoryManager.load_session(again.session_id, sessions_dir=sessions_dir)
        times.append(loaded.updated_at)
    assert times == sorted(set(times))


async def test_saves_within_one_millisecond_have_each_their_time(manager: MemoryManager, sessions_dir: Path) -> None:
    times = []
    for _ in range(5):
        await manager.save_memory()
        times.append((await MemoryManager.load_session(manager.session_id, sessions_dir=sessions_dir)).updated_at)
    assert times == sorted(set(times))
    assert times[-1] > datetime(2025, 1, 1, tzinfo=UTC)


async def test_a_turn_that_is_cancelled_again_and_again_is_saved_once(manager: MemoryManager) -> None:
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


async def test_text_that_no_file_can_hold_is_normalised_on_its_way_in(manager: MemoryManager) -> None:
    await say(manager, user("a\ud800b\ud83d\ude00"))
    assert manager.messages[-1].content == "a\ufffdb😀"
    assert await stored(manager) == manager.messages
