"""The remains of crashes in all sessions."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from aloop.memory import SessionLibrary
from aloop.memory.disk import filesystem
from aloop.memory.disk.filesystem import temporary_name
from tests.memory.faults import FaultyFileSystem
from tests.memory.session_folder.test_recovery import TURN, crash_in_a_turn, saved_session


async def test_empty_folders_and_temporary_files_of_dead_writers_are_removed(sessions_dir: Path) -> None:
    memory = await saved_session(sessions_dir)
    assert memory.path
    (sessions_dir / "2026-01-01_aaaaaaaa").mkdir()
    dead = memory.path.with_name(".session.yaml.4194000-abcdef01.tmp")
    namesake = memory.path.with_name(f".session.yaml.{os.getpid()}-abcdef01.tmp")
    living = memory.path.with_name(temporary_name(memory.path.name))
    for path in (dead, namesake, living):
        path.touch()
    await SessionLibrary(sessions_dir).recover()
    assert not dead.exists()
    assert not namesake.exists()
    assert living.exists()
    assert not (sessions_dir / "2026-01-01_aaaaaaaa").exists()


async def test_folder_with_other_files_is_not_removed(sessions_dir: Path) -> None:
    await saved_session(sessions_dir)
    (sessions_dir / "notes").mkdir()
    (sessions_dir / "notes" / "mine.txt").touch()
    await SessionLibrary(sessions_dir).recover()
    assert (sessions_dir / "notes" / "mine.txt").exists()


async def test_recovery_without_a_sessions_folder_does_nothing(sessions_dir: Path) -> None:
    assert await SessionLibrary(sessions_dir).recover() == []
    assert not sessions_dir.exists()


async def test_unreadable_folder_does_not_stop_the_recovery_of_others(sessions_dir: Path, fs: FaultyFileSystem) -> None:
    first, second = await saved_session(sessions_dir), await saved_session(sessions_dir)
    for memory in (first, second):
        await crash_in_a_turn(memory, *TURN)
    fs.fail("names", number=errno.EACCES, on=first.session_id[:8])
    notices = await SessionLibrary(sessions_dir).recover()
    assert sorted("permission denied" in notice for notice in notices) == [False, True]
    assert len((await SessionLibrary(sessions_dir).load(second.session_id)).messages) == 5


async def test_empty_folder_with_another_name_is_not_removed(sessions_dir: Path) -> None:
    await saved_session(sessions_dir)
    (sessions_dir / "notes").mkdir()
    await SessionLibrary(sessions_dir).recover()
    assert (sessions_dir / "notes").is_dir()


async def test_temporary_files_beside_images_are_removed(sessions_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = await saved_session(sessions_dir)
    assert memory.path is not None
    (memory.path.parent / "files").mkdir()
    left = memory.path.parent / "files" / temporary_name("0123456789abcdef.png")
    left.write_bytes(b"half")
    monkeypatch.setattr(filesystem, "_TOKEN", "00000000")  # the writer has exited
    await SessionLibrary(sessions_dir).recover()
    assert not left.exists()
