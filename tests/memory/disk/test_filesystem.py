"""A file is replaced whole or not at all, whatever the disk does in between."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from aloop.memory.disk.filesystem import explain_error, leftovers, temporary_name, write_all, write_atomic
from tests.memory.faults import FaultyPort


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "session.yaml"
    path.write_bytes(b"old")
    return path


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_the_new_bytes_are_there(fs: FaultyPort, target: Path) -> None:
    write_atomic(fs, target, [b"new ", memoryview(b"bytes"), b""])
    assert target.read_bytes() == b"new bytes"
    assert names(target) == ["session.yaml"]


def test_the_status_is_that_of_the_new_file(fs: FaultyPort, target: Path) -> None:
    written = write_atomic(fs, target, [b"new"])
    assert os.path.samestat(written, target.stat())
    assert written.st_size == 3


def test_a_file_that_was_not_there_is_made(fs: FaultyPort, tmp_path: Path) -> None:
    write_atomic(fs, tmp_path / "fresh", [b"x"])
    assert (tmp_path / "fresh").read_bytes() == b"x"


def test_it_is_its_owners_alone_whatever_the_umask(fs: FaultyPort, target: Path) -> None:
    before = os.umask(0)
    try:
        write_atomic(fs, target, [b"new"])
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_bytes_and_name_are_synced_in_this_order(fs: FaultyPort, target: Path) -> None:
    write_atomic(fs, target, [b"new"])
    order = [name for name, _ in fs.calls if name in {"create", "write", "fsync", "close", "replace", "sync_folder"}]
    assert order == ["create", "write", "fsync", "close", "replace", "sync_folder"]


def test_a_cache_is_not_synced(fs: FaultyPort, target: Path) -> None:
    write_atomic(fs, target, [b"new"], durable=False)
    assert not {"fsync", "sync_folder"} & {name for name, _ in fs.calls}


@pytest.mark.parametrize("most", [1, 3])
def test_short_writes_are_gone_on_with(fs: FaultyPort, target: Path, most: int) -> None:
    fs.most = most
    write_atomic(fs, target, [b"one ", b"two"])
    assert target.read_bytes() == b"one two"


def test_a_disk_that_takes_nothing_is_an_error(fs: FaultyPort, target: Path) -> None:
    fs.most = 0
    with pytest.raises(OSError, match="no more bytes"):
        write_atomic(fs, target, [b"new"])
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("call", ["create", "write", "fsync", "close", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_fault_leaves_the_old_file_and_nothing_else(fs: FaultyPort, target: Path, call: str, number: int) -> None:
    fs.fail(call, number=number)
    with pytest.raises(OSError, match=os.strerror(number)):
        write_atomic(fs, target, [b"new"])
    assert target.read_bytes() == b"old"
    assert names(target) == ["session.yaml"]


def test_a_failed_sync_is_not_tried_again(fs: FaultyPort, target: Path) -> None:
    """The kernel calls the pages clean after it, and a second sync of the same file would lie."""
    fs.fail("fsync", number=errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        write_atomic(fs, target, [b"new"])
    assert [name for name, _ in fs.calls].count("fsync") == 1


def test_the_first_error_is_the_one_told(fs: FaultyPort, target: Path) -> None:
    fs.fail("write")
    fs.fail("unlink", number=errno.EPERM)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(fs, target, [b"new"])
    assert target.read_bytes() == b"old"


def test_a_guard_keeps_the_old_file_at_the_last_moment(fs: FaultyPort, target: Path) -> None:
    def refuse() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        write_atomic(fs, target, [b"new"], guard=refuse)
    assert target.read_bytes() == b"old"
    assert names(target) == ["session.yaml"]


def test_a_link_is_replaced_and_not_followed(fs: FaultyPort, target: Path) -> None:
    link = target.with_name("link.yaml")
    link.symlink_to(target)
    write_atomic(fs, link, [b"new"])
    assert target.read_bytes() == b"old"
    assert not link.is_symlink()


def test_every_temporary_name_is_another() -> None:
    assert len({temporary_name("x") for _ in range(100)}) == 100


def test_what_dead_writers_left_is_found_and_what_living_ones_use_is_not(fs: FaultyPort, tmp_path: Path) -> None:
    dead = tmp_path / ".session.yaml.4194999-0123abcd.tmp"
    for path in (
        dead,
        tmp_path / temporary_name("session.yaml"),
        tmp_path / "notes.tmp",
        tmp_path / ".x.1-0123abcd.tmp",
    ):
        path.touch()
    assert leftovers(fs, tmp_path) == [dead]


def test_all_of_every_piece_is_written(fs: FaultyPort, tmp_path: Path) -> None:
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
        (errno.ENOTDIR, "a file is in place of a folder"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_a_refusal_says_what_to_do(tmp_path: Path, number: int, advice: str) -> None:
    cause = OSError(number, os.strerror(number))
    error = explain_error(cause, "save the session", tmp_path)
    assert str(error).startswith(f"Could not save the session in {tmp_path}: ")
    assert advice in str(error)
    assert (error.path, error.cause) == (tmp_path, cause)
