"""Sessions on file systems without locks, modes or syncs lose nothing."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aloop.errors import SessionBusy
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.disk import filesystem
from aloop.memory.disk.filesystem import SYSTEM, new_limits, write_atomic
from aloop.memory.disk.locks import OPEN_LOCK, OpenLock
from tests.memory.conversations import file_of, stored, take_turn

Fault = Callable[[pytest.MonkeyPatch, int], None]


@pytest.fixture(autouse=True)
def forget_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test like a new process: with no limits noted."""
    monkeypatch.setattr(filesystem, "_found_limits", {})


def without_locks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fail)


def without_modes(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Make all new files and folders accessible to others, as FAT does."""

    def fail(target: object, mode: int) -> None:
        raise OSError(number, os.strerror(number), str(target))

    monkeypatch.setattr(filesystem, "FILE_MODE", 0o644)
    monkeypatch.setattr(filesystem, "FOLDER_MODE", 0o755)
    monkeypatch.setattr(stat, "S_IMODE", lambda mode: 0o777)
    monkeypatch.setattr(os, "fchmod", fail)
    monkeypatch.setattr(Path, "chmod", fail)


def without_folder_syncs(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    sync = os.fsync

    def fail(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)


WEAKNESSES = [
    (without_locks, errno.ENOLCK, "cannot lock files"),
    (without_locks, errno.EOPNOTSUPP, "cannot lock files"),
    (without_locks, errno.ENOSYS, "cannot lock files"),
    (without_modes, errno.EPERM, "cannot make files private"),
    (without_modes, errno.EOPNOTSUPP, "cannot make files private"),
    (without_modes, errno.ENOSYS, "cannot make files private"),
    (without_folder_syncs, errno.EINVAL, "cannot flush files"),
    (without_folder_syncs, errno.EOPNOTSUPP, "cannot flush files"),
    (without_folder_syncs, errno.ENOSYS, "cannot flush files"),
]


@pytest.mark.parametrize(("weaken", "number", "notice"), WEAKNESSES)
async def test_turns_are_saved_and_the_weakness_is_reported_once(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, weaken: Fault, number: int, notice: str
) -> None:
    notices: list[str] = []
    memory = MemoryManager(sessions_dir=sessions_dir, hold=True)
    memory.on_notice = notices.append
    with monkeypatch.context() as patch:
        weaken(patch, number)
        await take_turn(memory, "One?", "One.")
        await take_turn(memory, "Two?", "Two.")
        await memory.rename("A title")
        memory.close()
        await memory.resume(memory.session_id)
        await take_turn(memory, "Three?", "Three.")
        memory.close()
        assert await SessionLibrary(sessions_dir).recover() == []
        trashed = await SessionLibrary(sessions_dir).delete(memory.session_id)
        await SessionLibrary(sessions_dir).restore(memory.session_id)
    assert len(await stored(memory)) == 6
    assert [notice in line for line in notices] == [True], notices
    assert "--sessions-dir" in notices[0]
    assert not trashed.exists()
    names = {path.name for path in sessions_dir.rglob("*") if path.is_file()}
    assert names <= {"session.yaml", ".lock", ".open", ".index.yaml", ".session.schema.json", ".gitignore"}


def test_weakness_is_reported_once_per_process() -> None:
    filesystem.note_limit("locks")
    filesystem.note_limit("locks")
    [line] = new_limits()
    assert "two shells could overwrite each other's sessions" in line
    filesystem.note_limit("locks")
    assert new_limits() == []


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_file_that_cannot_be_made_private_is_removed_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(stat, "S_IMODE", lambda mode: 0o777)
    before = set(Path("/dev/fd").iterdir())

    def fail(descriptor: int, mode: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fchmod", fail)
    for _ in range(5):
        with pytest.raises(OSError, match=os.strerror(number)):
            write_atomic(SYSTEM, tmp_path / "session.yaml", [b"text"])
        with pytest.raises(OSError, match=os.strerror(number)):
            SYSTEM.open_lock(tmp_path / ".lock")
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    assert set(Path("/dev/fd").iterdir()) == before


async def test_live_journal_is_not_recovered_without_locks(sessions_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_locks(monkeypatch, errno.ENOLCK)
    memory = MemoryManager(sessions_dir=sessions_dir)
    await take_turn(memory, "One?", "One.")

    async with memory.turn() as turn:
        await turn.add(LLMMessage("user", "Two?"))
        assert await SessionLibrary(sessions_dir).recover() == []
        await turn.add(LLMMessage("assistant", "Two."))
    assert [message.content for message in await stored(memory)] == ["One?", "One.", "Two?", "Two."]


async def test_journal_of_a_dead_process_is_recovered_without_locks(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_locks(monkeypatch, errno.ENOLCK)
    # The copy below has another name, so without this it would count as written by someone else.
    monkeypatch.setattr("aloop.memory.session_folder.journal._load_key", lambda _: None)
    memory = MemoryManager(sessions_dir=sessions_dir)
    await take_turn(memory, "One?", "One.")
    turn = memory.turn()
    await turn.__aenter__()
    await turn.add(LLMMessage("user", "Two?"))
    (journal,) = file_of(memory).parent.glob(".journal-*")
    journal.rename(journal.with_name(f".journal-{dead_process()}-0badcafe.yaml"))
    [notice] = await SessionLibrary(sessions_dir).recover()
    assert "recovered 1 message" in notice
    assert [message.content for message in await stored(memory)] == ["One?", "One.", "Two?"]


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_open_lock_of_a_running_process_holds_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_locks(monkeypatch, errno.ENOLCK)
    (tmp_path / OPEN_LOCK).write_text(f"process {os.getppid()}, since 2026-01-01 12:00\n")
    with pytest.raises(SessionBusy, match=f"process {os.getppid()}"):
        OpenLock(SYSTEM, tmp_path, "a1b2c3d4")
    (tmp_path / OPEN_LOCK).write_text(f"process {dead_process()}, since 2026-01-01 12:00\n")
    lock = OpenLock(SYSTEM, tmp_path, "a1b2c3d4")
    assert f"process {os.getpid()}" in (tmp_path / OPEN_LOCK).read_text()
    lock.release()
    assert (tmp_path / OPEN_LOCK).read_text() == ""
