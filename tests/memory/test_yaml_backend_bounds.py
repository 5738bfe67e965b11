"""Storage stays within its folder, is private, and explains disk errors."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aloop.errors import InvalidPrefix, SessionFileError, StorageError
from aloop.memory.sessions_dir.yaml_backend import YamlBackend
from tests.memory.examples import ID, OTHER_ID, SPEC_SAMPLE, answer, session, user
from tests.memory.faults import WRITING, FaultyFileSystem
from tests.memory.folders import TWIN_ID, ids, put

Look = Callable[[Path], dict[str, bytes | str]]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with a session outside the sessions folder."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "session.yaml").write_bytes(SPEC_SAMPLE)
    return folder


STRANGE = [
    "",
    "  ",
    "..",
    "/",
    ".",
    "a/b",
    "*",
    "a*",
    "[a]",
    "?",
    "~",
    "../..",
    "/etc",
    "\0",
    "a b",
    "%",
    "é",
    "a" * 256,
    "\n",
]


@pytest.mark.parametrize("prefix", STRANGE)
def test_invalid_prefix_is_rejected_and_changes_nothing(
    backend: YamlBackend, tmp_path: Path, outside: Path, prefix: str, everything: Look
) -> None:
    put(backend)
    before = everything(tmp_path)
    for attempt in (backend.find, backend.open, backend.delete):
        with pytest.raises(InvalidPrefix):
            attempt(prefix)
    assert everything(tmp_path) == before


def test_file_in_place_of_a_session_folder_is_kept(backend: YamlBackend, sessions_dir: Path) -> None:
    sessions_dir.mkdir(parents=True)
    (sessions_dir / "2025-01-31_a1b2c3d4").write_text("mine")
    assert put(backend).parent.name == f"2025-01-31_{ID}"
    assert (sessions_dir / "2025-01-31_a1b2c3d4").read_text() == "mine"


def test_link_in_place_of_a_session_folder_is_not_followed(
    backend: YamlBackend, sessions_dir: Path, tmp_path: Path, everything: Look
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    sessions_dir.mkdir(parents=True)
    (sessions_dir / "2025-01-31_a1b2c3d4").symlink_to(empty)
    assert put(backend).parent.name == f"2025-01-31_{ID}"
    assert everything(empty) == {}


def test_trash_folder_that_is_a_link_is_not_used(
    backend: YamlBackend, sessions_dir: Path, outside: Path, everything: Look
) -> None:
    path, before = put(backend), everything(outside)
    (sessions_dir / ".trash").symlink_to(outside)
    with pytest.raises(StorageError):
        backend.delete(ID)
    assert path.exists()
    assert everything(outside) == before


def test_linked_folder_and_file_are_not_followed(
    backend: YamlBackend, fs: FaultyFileSystem, sessions_dir: Path, outside: Path, everything: Look
) -> None:
    put(backend, OTHER_ID)
    before = everything(outside)
    (sessions_dir / "2025-01-31_a1b2c3d4").symlink_to(outside)
    linked = sessions_dir / "2025-01-31_0badcafe"
    linked.mkdir()
    (linked / "session.yaml").symlink_to(outside / "session.yaml")
    assert set(ids(backend.list_sessions(20))) == {OTHER_ID, "0badcafe"}
    for prefix in ("a1b2", "a1b2c3d4-5678-40ab-8def-1234567890ab", "2025-01-31_A1"):
        with pytest.raises(SessionFileError, match=r"/2025-01-31_a1b2c3d4: the folder is a link, and links are not"):
            backend.open(prefix)
    assert backend.find("ffff") == []
    with pytest.raises(StorageError):
        backend.open("0badcafe")
    gone = backend.delete("0badcafe")
    assert (gone / "session.yaml").is_symlink()
    assert everything(outside) == before
    assert not {path for path in fs.paths() if path.is_relative_to(outside)}


def test_files_and_folders_are_private_with_any_umask(backend: YamlBackend, sessions_dir: Path) -> None:
    before = os.umask(0)
    try:
        stored = backend.create(session(user("Hi")))
        stored.save(replace(stored.session, messages=(user("Hi"), answer("Hello"))), [answer("Hello")])
        put(backend, OTHER_ID)
        backend.list_sessions(None)
        backend.delete(OTHER_ID)
    finally:
        os.umask(before)
    for path in (sessions_dir.parent, *sessions_dir.parent.rglob("*")):
        assert stat.S_IMODE(path.lstat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_read_only_folder_can_be_listed_and_read(backend: YamlBackend, fs: FaultyFileSystem) -> None:
    put(backend)
    put(backend, OTHER_ID, 1)
    fs.fail(*WRITING, number=errno.EROFS)
    assert ids(backend.list_sessions(20)) == [OTHER_ID, ID]
    assert backend.latest() == OTHER_ID
    assert backend.open("a1b2").session.id == ID
    with pytest.raises(OSError, match="Read-only"):
        put(backend, TWIN_ID)
    with pytest.raises(StorageError, match="read-only"):
        backend.delete(ID)
    fs.heal()
    assert ids(backend.list_sessions(20)) == [OTHER_ID, ID]


@pytest.mark.parametrize("call", ["mkdir", "create", "write", "fsync", "replace"])
def test_session_that_could_not_be_written_is_not_listed(backend: YamlBackend, fs: FaultyFileSystem, call: str) -> None:
    put(backend)
    fs.fail(call)
    with pytest.raises(OSError, match="No space"):
        put(backend, OTHER_ID)
    fs.heal()
    assert ids(backend.list_sessions(20)) == [ID]
    assert put(backend, OTHER_ID).exists()
    assert set(ids(backend.list_sessions(20))) == {ID, OTHER_ID}


@pytest.mark.parametrize("call", ["folders", "lstat"])
def test_unreadable_folder_is_a_storage_error_with_advice(
    backend: YamlBackend, fs: FaultyFileSystem, call: str
) -> None:
    put(backend)
    fs.fail(call, number=errno.EACCES)
    with pytest.raises(StorageError, match="permission denied"):
        backend.find("a1b2")


def test_file_in_place_of_the_sessions_folder_is_an_error_with_advice(backend: YamlBackend, sessions_dir: Path) -> None:
    sessions_dir.parent.mkdir()
    sessions_dir.write_text("mine")
    with pytest.raises(NotADirectoryError):
        put(backend)
    with pytest.raises(StorageError, match="there is a file where a folder should be"):
        backend.list_sessions(20)
    assert sessions_dir.read_text() == "mine"
