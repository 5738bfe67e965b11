"""The file that a save replaced is watched for late edits, and closed in time."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from aloop.memory.codec.serialization import dump_session
from aloop.memory.session_folder.session_file import SessionFile
from tests.memory.examples import LATER, answer, session, user
from tests.memory.faults import CoarseFileSystem, FaultyFileSystem
from tests.memory.session_folder.saving import FIRST, add


def test_late_edit_of_the_replaced_file_is_detected(stored: SessionFile, fs: FaultyFileSystem, path: Path) -> None:
    """An editor that had the old file open writes to it."""
    with path.open("r+b") as editor:
        grown = replace(stored.session, updated_at=LATER, messages=(*FIRST, user("More")))
        stored.save(grown, [user("More")], watch=True)
        assert stored.late_edit() is None
        editor.write(dump_session(session(user("Edited"), answer("Hello"))))
        editor.truncate()
    late = stored.late_edit()
    assert late is not None
    assert late.session.messages == (user("Edited"), answer("Hello"))
    assert late.base == 2
    assert stored.late_edit() is None
    stored.forget_replaced()


def test_old_version_is_closed_after_the_new_one_is_durable(stored: SessionFile, fs: FaultyFileSystem) -> None:
    fs.calls.clear()
    add(stored, user("And then?"))
    stored.sync()
    assert [name for name, _ in fs.calls][-2:] == ["sync_folder", "close_behind"]
    assert stored.replaced.held == 0


def test_saves_that_cannot_be_synced_keep_one_old_version_open(stored: SessionFile, fs: FaultyFileSystem) -> None:
    fs.fail("sync_folder")
    for _ in range(3):
        add(stored, user("And then?"))
        with pytest.raises(OSError, match="space"):
            stored.sync()
    assert stored.replaced.held == 1
    fs.heal()
    stored.sync()
    assert stored.replaced.held == 0


def test_saves_leave_no_open_descriptors(fs: FaultyFileSystem, path: Path) -> None:
    stored = SessionFile.create(fs, path, session(*FIRST))
    versions = {path.stat().st_ino}
    for number in range(3):
        grown = replace(stored.session, messages=(*stored.session.messages, user(str(number))))
        stored.save(grown, [user(str(number))], watch=True)
        versions.add(path.stat().st_ino)
    assert _open_files() & versions  # the replaced version, watched until it is forgotten
    fs.fail("replace")
    with pytest.raises(OSError, match="No space"):
        stored.save(stored.session, [], watch=True)
    stored.forget_replaced()
    assert not _open_files() & versions


def _open_files() -> set[int]:
    """Return the inodes that this process has open."""
    inodes = set()
    for file in Path("/dev/fd").iterdir():
        with suppress(OSError):  # the descriptor of the folder itself is closed by now
            inodes.add(os.fstat(int(file.name)).st_ino)
    return inodes


@pytest.mark.parametrize("kind", [FaultyFileSystem, CoarseFileSystem])
def test_late_edit_of_equal_length_right_after_a_save_is_noticed(path: Path, kind: type[FaultyFileSystem]) -> None:
    stored = SessionFile.create(kind(), path, session(*FIRST))
    for _ in range(20):
        with path.open("r+b") as editor:
            grown = replace(stored.session, messages=(*stored.session.messages, user("More")))
            stored.save(grown, [user("More")], watch=True)
            assert stored.late_edit() is None
            offset = editor.read().index(b"Hello")
            editor.seek(offset)
            editor.write(b"World")
            editor.flush()
            late = stored.late_edit()
            assert late
            assert late.session.messages[1].content == "World"
            assert stored.late_edit() is None
            stored.forget_replaced()
