"""The location of the sessions folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aloop.errors import StorageError
from aloop.formatting import display_path
from aloop.memory.sessions_dir.location import FOLDER, resolve_sessions_dir


@pytest.fixture
def work(private_home: Path) -> Path:
    """The working directory, in the home of the test."""
    return private_home / "work"


def test_given_folder_comes_before_the_environment(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALOOP_SESSIONS_DIR", "/elsewhere")
    assert resolve_sessions_dir("mine") == work / "mine"
    assert resolve_sessions_dir(Path("/abs")) == Path("/abs")
    assert resolve_sessions_dir("~/mine") == work.parent / "mine"


def test_environment_comes_before_existing_folders(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work / FOLDER).mkdir(parents=True)
    monkeypatch.setenv("ALOOP_SESSIONS_DIR", "relative")
    assert resolve_sessions_dir() == work / "relative"


def test_nearest_folder_upwards_comes_before_a_new_one(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = work / "a" / "b"
    deep.mkdir(parents=True)
    (work.parent / FOLDER).mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert resolve_sessions_dir() == work.parent / FOLDER
    (work / "a" / FOLDER).mkdir(parents=True)
    assert resolve_sessions_dir() == work / "a" / FOLDER


def test_default_is_in_the_working_directory(work: Path) -> None:
    assert resolve_sessions_dir() == work / FOLDER
    assert not (work / FOLDER).exists()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_search_upwards_ends_at_the_repository_root(work: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """In a linked worktree, .git is a file."""
    (work.parent / FOLDER).mkdir(parents=True)
    deep = work / "a"
    deep.mkdir()
    monkeypatch.chdir(deep)
    (work / ".git" / "objects").mkdir(parents=True) if kind == "folder" else (work / ".git").touch()
    assert resolve_sessions_dir() == deep / FOLDER
    (work / FOLDER).mkdir(parents=True)
    assert resolve_sessions_dir() == work / FOLDER


def test_search_upwards_ends_at_the_home_directory(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work.parent / FOLDER).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(work))
    assert resolve_sessions_dir() == work / FOLDER


def test_folder_of_another_user_is_skipped(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work.parent / FOLDER).mkdir(parents=True)
    monkeypatch.setattr(os, "getuid", lambda: work.stat().st_uid + 1)
    assert resolve_sessions_dir() == work / FOLDER


def test_file_with_the_name_of_the_folder_is_skipped(work: Path) -> None:
    (work.parent / ".aloop").mkdir()
    (work.parent / FOLDER).touch()
    assert resolve_sessions_dir() == work / FOLDER


def test_inaccessible_folder_is_skipped(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = Path.stat

    def refuse(path: Path, *_: object, **__: object) -> os.stat_result:
        if path.parts[-2:] == FOLDER.parts and path.parent.parent == work:
            raise PermissionError(13, "Permission denied", str(path))
        return status(path)

    monkeypatch.setattr(Path, "stat", refuse)
    assert resolve_sessions_dir() == work / FOLDER


@pytest.mark.parametrize("link", [".aloop", ".aloop/sessions"])
@pytest.mark.parametrize("exists", [True, False])
def test_link_in_place_of_the_folder_is_an_error(work: Path, link: str, exists: bool) -> None:
    """A clone can contain a link that leads anywhere."""
    target = work.parent / "elsewhere"
    if exists:
        (target / "sessions").mkdir(parents=True)
    (work / link).parent.mkdir(exist_ok=True)
    (work / link).symlink_to(target)
    with pytest.raises(StorageError, match=f"{display_path(work / link)} is a link, which aloop does not follow"):
        resolve_sessions_dir()
    assert resolve_sessions_dir("mine") == work / "mine"


def test_link_in_a_parent_folder_is_an_error(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work.parent / "elsewhere" / "sessions").mkdir(parents=True)
    (work.parent / ".aloop").symlink_to("elsewhere")
    deep = work / "a"
    deep.mkdir()
    monkeypatch.chdir(deep)
    with pytest.raises(StorageError, match="is a link"):
        resolve_sessions_dir()


def test_given_link_is_followed_if_its_target_exists(work: Path) -> None:
    (work / "link").symlink_to("target")
    with pytest.raises(StorageError, match="is a link to a folder that does not exist"):
        resolve_sessions_dir("link")
    (work / "target").mkdir()
    assert resolve_sessions_dir("link") == work / "link"


def test_removed_working_directory_is_an_error(work: Path) -> None:
    work.rmdir()
    with pytest.raises(StorageError, match="working directory no longer exists"):
        resolve_sessions_dir()
    with pytest.raises(StorageError, match="working directory no longer exists"):
        resolve_sessions_dir("relative")
    assert resolve_sessions_dir("/abs") == Path("/abs")


def test_path_that_is_too_long_is_an_error(work: Path) -> None:
    with pytest.raises(StorageError, match=r"Could not use the sessions folder in .*: File name too long"):
        resolve_sessions_dir("x" * 300)
