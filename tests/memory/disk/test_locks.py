"""Locks name their holder and are released when it exits."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from aloop.errors import SessionBusy
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.disk.locks import LOCK_NAMES, OPEN_LOCK, WRITE_LOCK, OpenLock, write_lock
from aloop.memory.sessions_dir.yaml_backend import YamlBackend
from tests.memory.examples import ID, session, user

SESSION = "a1b2c3d4-5678-90ab-cdef-1234567890ab"

HOLDER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from aloop.memory.disk.locks import OpenLock
    from aloop.memory.disk.filesystem import SYSTEM
    OpenLock(SYSTEM, Path(sys.argv[1]), "a1b2c3d4")
    print("held", flush=True)
    sys.stdin.read()
    """
)


@pytest.fixture
def other_holder(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that has the session in ``tmp_path`` open, until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdin
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_open_lock_names_its_holder(tmp_path: Path, other_holder: subprocess.Popen[str]) -> None:
    with pytest.raises(SessionBusy, match=f"process {other_holder.pid}, since "):
        OpenLock(SYSTEM, tmp_path, SESSION)
    end(other_holder)


def test_open_lock_is_released_when_its_holder_is_killed(tmp_path: Path, other_holder: subprocess.Popen[str]) -> None:
    end(other_holder)
    lock = OpenLock(SYSTEM, tmp_path, SESSION)
    lock.release()


def test_open_lock_taken_twice_is_held_until_both_are_released(tmp_path: Path) -> None:
    first, second = OpenLock(SYSTEM, tmp_path, SESSION), OpenLock(SYSTEM, tmp_path, SESSION)
    first.release()
    first.release()
    assert is_locked(tmp_path)
    second.release()
    assert not is_locked(tmp_path)


def test_short_hold_that_a_busy_disk_delays_is_waited_for(tmp_path: Path) -> None:
    # As of a process that removes folders without sessions: it does not write its ID into the lock.
    descriptor = os.open(tmp_path / OPEN_LOCK, os.O_RDWR | os.O_CREAT)
    assert SYSTEM.try_lock(descriptor)
    threading.Timer(0.2, os.close, [descriptor]).start()
    OpenLock(SYSTEM, tmp_path, SESSION).release()


def test_folder_whose_lock_file_was_just_removed_is_waited_for(tmp_path: Path) -> None:
    folder = SYSTEM.open_folder(tmp_path)  # as of an aloop that removes unused folders
    assert SYSTEM.try_lock(folder)
    threading.Timer(0.05, SYSTEM.close, [folder]).start()
    OpenLock(SYSTEM, tmp_path, SESSION).release()


def test_child_process_does_not_keep_the_open_lock(tmp_path: Path) -> None:
    lock = OpenLock(SYSTEM, tmp_path, SESSION)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False) as child:
        lock.release()
        assert not is_locked(tmp_path)
        child.communicate()


def is_locked(folder: Path) -> bool:
    descriptor = os.open(folder / OPEN_LOCK, os.O_RDWR)
    try:
        return not SYSTEM.try_lock(descriptor)
    finally:
        os.close(descriptor)


def test_lock_file_is_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        OpenLock(SYSTEM, tmp_path, SESSION).release()
    finally:
        os.umask(before)
    assert (tmp_path / OPEN_LOCK).stat().st_mode & 0o777 == 0o600


def test_write_lock_is_rejected_after_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aloop.memory.disk.locks.PATIENCE", 0.02)
    descriptor = SYSTEM.open_lock(tmp_path / ".lock")
    assert SYSTEM.try_lock(descriptor)
    try:
        with pytest.raises(SessionBusy, match="takes too long to save"), write_lock(SYSTEM, tmp_path, SESSION):
            pytest.fail("two writers at once")
    finally:
        os.close(descriptor)


def test_write_lock_is_released_after_a_failed_save(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="in the middle"), write_lock(SYSTEM, tmp_path, SESSION):
        raise ValueError("in the middle")
    with write_lock(SYSTEM, tmp_path, SESSION):
        pass


@pytest.mark.parametrize("deleted", [OPEN_LOCK, WRITE_LOCK])
def test_open_session_is_locked_after_its_lock_files_are_deleted(
    tmp_path: Path, other_holder: subprocess.Popen[str], deleted: str
) -> None:
    (tmp_path / deleted).unlink(missing_ok=True)
    with pytest.raises(SessionBusy):
        OpenLock(SYSTEM, tmp_path, SESSION)
    end(other_holder)
    OpenLock(SYSTEM, tmp_path, SESSION).release()


def test_session_of_a_shell_is_not_deleted_after_its_lock_files_are_deleted(tmp_path: Path) -> None:
    backend = YamlBackend(tmp_path / "sessions")
    path = backend.create(session(user("Hi"))).path
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path.parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    for name in LOCK_NAMES:
        (path.parent / name).unlink(missing_ok=True)
    with pytest.raises(SessionBusy):
        backend.delete(ID)
    assert path.exists()
    end(holder)
    assert (backend.delete(ID) / "session.yaml").exists()
