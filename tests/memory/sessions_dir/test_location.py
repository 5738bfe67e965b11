"""Where the sessions are: as asked, as set, the nearest, or here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aloop.errors import StorageError
from aloop.memory.sessions_dir.location import FOLDER, resolve_sessions_dir


@pytest.fixture
def work(private_home: Path) -> Path:
    """The working directory, in the home of the test."""
    return private_home / "work"


def test_what_is_asked_for_comes_first(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALOOP_SESSIONS_DIR", "/elsewhere")
    assert resolve_sessions_dir("mine") == work / "mine"
    assert resolve_sessions_dir(Path("/abs")) == Path("/abs")
    assert resolve_sessions_dir("~/mine") == work.parent / "mine"


def test_then_what_is_set(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work / FOLDER).mkdir(parents=True)
    monkeypatch.setenv("ALOOP_SESSIONS_DIR", "relative")
    assert resolve_sessions_dir() == work / "relative"


def test_then_the_nearest_on_the_way_up(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = work / "a" / "b"
    deep.mkdir(parents=True)
    (work.parent / FOLDER).mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert resolve_sessions_dir() == work.parent / FOLDER
    (work / "a" / FOLDER).mkdir(parents=True)
    assert resolve_sessions_dir() == work / "a" / FOLDER


def test_else_here(work: Path) -> None:
    assert resolve_sessions_dir() == work / FOLDER
    assert not (work / FOLDER).exists()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_the_way_up_ends_with_the_repository(work: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A worktree has a file where a repository has a folder."""
    (work.parent / FOLDER).mkdir(parents=True)
    deep = work / "a"
    deep.mkdir()
    monkeypatch.chdir(deep)
    (work / ".git").mkdir() if kind == "folder" else (work / ".git").touch()
    assert resolve_sessions_dir() == deep / FOLDER
    (work / FOLDER).mkdir(parents=True)
    assert resolve_sessions_dir() == work / FOLDER


def test_the_way_up_ends_at_home(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work.parent / FOLDER).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(work))
    assert resolve_sessions_dir() == work / FOLDER


def test_another_users_folder_on_the_way_up_is_passed_by(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work.parent / FOLDER).mkdir(parents=True)
    monkeypatch.setattr(os, "getuid", lambda: work.stat().st_uid + 1)
    assert resolve_sessions_dir() == work / FOLDER


def test_a_file_of_the_name_is_no_folder(work: Path) -> None:
    (work.parent / ".aloop").mkdir()
    (work.parent / FOLDER).touch()
    assert resolve_sessions_dir() == work / FOLDER


def test_a_folder_that_may_not_be_looked_into_is_passed_by(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = Path.stat

    def refuse(path: Path, *_: object, **__: object) -> os.stat_result:
        if path.parts[-2:] == FOLDER.parts and path.parent.parent == work:
            raise PermissionError(13, "Permission denied", str(path))
        return status(path)

    monkeypatch.setattr(Path, "stat", refuse)
    assert resolve_sessions_dir() == work / FOLDER


def test_a_working_directory_that_is_gone_is_said_to_be(work: Path) -> None:
    work.rmdir()
    with pytest.raises(StorageError, match="working directory no longer exists"):
        resolve_sessions_dir()
    with pytest.raises(StorageError, match="working directory no longer exists"):
        resolve_sessions_dir("relative")
    assert resolve_sessions_dir("/abs") == Path("/abs")
