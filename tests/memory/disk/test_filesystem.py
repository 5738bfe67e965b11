"""Files are replaced completely or not at all, even if the disk fails."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from aloop.memory.disk.filesystem import explain_error, leftovers, temporary_name, write_all, write_atomic
from tests.memory.faults import CoarseFileSystem, FaultyFileSystem


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "session.yaml"
    path.write_bytes(b"old")
    return path


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_write_atomic_writes_the_new_bytes(fs: FaultyFileSystem, target: Path) -> None:
    write_atomic(fs, target, [b"new ", memoryview(b"bytes"), b""])
    assert target.read_bytes() == b"new bytes"
    assert names(target) == ["session.yaml"]


def test_write_atomic_returns_the_status_of_the_new_file(fs: FaultyFileSystem, target: Path) -> None:
    written = write_atomic(fs, target, [b"new"]).status
    assert os.path.samestat(written, target.stat())
    assert written.st_size == 3


def test_marked_file_has_a_time_that_no_later_write_leaves(fs: FaultyFileSystem, target: Path) -> None:
    for _ in range(50):
        written = write_atomic(fs, target, [b"new"], marked=True)
        assert written.is_marked
        assert target.stat().st_mtime_ns == written.status.st_mtime_ns
        target.write_bytes(b"own")
        assert target.stat().st_mtime_ns > written.status.st_mtime_ns


def test_file_is_not_marked_where_times_are_whole_seconds(target: Path) -> None:
    assert not write_atomic(CoarseFileSystem(), target, [b"new"], marked=True).is_marked


def test_write_atomic_creates_a_missing_file(fs: FaultyFileSystem, tmp_path: Path) -> None:
    write_atomic(fs, tmp_path / "fresh", [b"x"])
    assert (tmp_path / "fresh").read_bytes() == b"x"


def test_write_atomic_creates_a_private_file_with_any_umask(fs: FaultyFileSystem, target: Path) -> None:
    before = os.umask(0)
    try:
        write_atomic(fs, target, [b"new"])
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_write_atomic_syncs_the_file_before_the_folder(fs: FaultyFileSystem, target: Path) -> None:
    write_atomic(fs, target, [b"new"])
    order = [name for name, _ in fs.calls if name in {"create", "write", "fsync", "close", "replace", "sync_folder"}]
    assert order == ["create", "write", "fsync", "close", "replace", "sync_folder"]


def test_write_atomic_without_durable_does_not_sync(fs: FaultyFileSystem, target: Path) -> None:
    write_atomic(fs, target, [b"new"], durable=False)
    assert not {"fsync", "sync_folder"} & {name for name, _ in fs.calls}


@pytest.mark.parametrize("most", [1, 3])
def test_short_writes_are_continued(fs: FaultyFileSystem, target: Path, most: int) -> None:
    fs.most = most
    write_atomic(fs, target, [b"one ", b"two"])
    assert target.read_bytes() == b"one two"


def test_write_of_zero_bytes_is_an_error(fs: FaultyFileSystem, target: Path) -> None:
    fs.most = 0
    with pytest.raises(OSError, match="no more bytes"):
        write_atomic(fs, target, [b"new"])
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("call", ["create", "write", "fsync", "close", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_failed_write_keeps_the_old_file_and_leaves_no_other(
    fs: FaultyFileSystem, target: Path, call: str, number: int
) -> None:
    fs.fail(call, number=number)
    with pytest.raises(OSError, match=os.strerror(number)):
        write_atomic(fs, target, [b"new"])
    assert target.read_bytes() == b"old"
    assert names(target) == ["session.yaml"]


def test_failed_fsync_is_not_retried(fs: FaultyFileSystem, target: Path) -> None:
    """The kernel marks the pages as clean, so a second fsync would wrongly succeed."""
    fs.fail("fsync", number=errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        write_atomic(fs, target, [b"new"])
    assert [name for name, _ in fs.calls].count("fsync") == 1


def test_first_error_is_raised(fs: FaultyFileSystem, target: Path) -> None:
    fs.fail("write")
    fs.fail("unlink", number=errno.EPERM)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(fs, target, [b"new"])
    assert target.read_bytes() == b"old"


def test_guard_that_raises_keeps_the_old_file(fs: FaultyFileSystem, target: Path) -> None:
    def reject() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        write_atomic(fs, target, [b"new"], guard=reject)
    assert target.read_bytes() == b"old"
    assert names(target) == ["session.yaml"]


def test_link_is_replaced_and_not_followed(fs: FaultyFileSystem, target: Path) -> None:
    link = target.with_name("link.yaml")
    link.symlink_to(target)
    write_atomic(fs, link, [b"new"])
    assert target.read_bytes() == b"old"
    assert not link.is_symlink()


def test_temporary_names_are_unique() -> None:
    assert len({temporary_name("x") for _ in range(100)}) == 100


def test_leftovers_finds_only_files_of_dead_processes(fs: FaultyFileSystem, tmp_path: Path) -> None:
    dead = tmp_path / ".session.yaml.4194999-0123abcd.tmp"
    for path in (
        dead,
        tmp_path / temporary_name("session.yaml"),
        tmp_path / "notes.tmp",
        tmp_path / ".x.1-0123abcd.tmp",
    ):
        path.touch()
    assert leftovers(fs, tmp_path) == [dead]


def test_write_all_writes_every_piece(fs: FaultyFileSystem, tmp_path: Path) -> None:
    fs.most = 2
    descriptor = fs.create(tmp_path / "x")
    write_all(fs, descriptor, (bytes([65 + number]) * number for number in range(5)))
    fs.close(descriptor)
    assert (tmp_path / "x").read_bytes() == b"BCCDDDEEEE"


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "the disk is full. Free some space"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "permission denied. Check who owns the folder"),
        (errno.EROFS, "read-only"),
        (errno.ENOLCK, "Choose a folder on a local disk with --sessions-dir"),
        (errno.ENOTDIR, "there is a file where a folder should be"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_explain_error_gives_advice(tmp_path: Path, number: int, advice: str) -> None:
    cause = OSError(number, os.strerror(number))
    error = explain_error(cause, "save the session", tmp_path)
    assert str(error).startswith(f"Could not save the session in {tmp_path}: ")
    assert advice in str(error)
    assert (error.path, error.cause) == (tmp_path, cause)
