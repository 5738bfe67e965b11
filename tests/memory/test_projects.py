"""Sessions of all projects."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.projects import AllProjects, Place
from tests.saved_sessions import FIRST, SECOND, THIRD, save


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """The sessions folders of two projects, with three sessions."""
    found = [tmp_path / name / ".aloop" / "sessions" for name in ("one", "two")]
    save(found[0], FIRST, day=1, says="first words")
    save(found[1], SECOND, day=3, says="second words")
    save(found[0], THIRD, day=2, says="third")
    return found


async def test_list_is_newest_first_across_projects(folders: list[Path]) -> None:
    rows = await AllProjects(folders=folders).list_sessions(2)
    assert [row.id for row in rows] == [SECOND, THIRD]
    assert rows[0].path.parents[1] == folders[1]


class RecordingFileSystem(FileSystem):
    """The real file system, with the paths that were read."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def read(self, path: str | Path, limit: int | None = None, *, allowed: int = 0) -> bytes:
        self.paths.append(str(path))
        return super().read(path, limit, allowed=allowed)


async def test_list_opens_only_the_newest_files(folders: list[Path]) -> None:
    for path in folders[0].glob("*/session.yaml"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    fs = RecordingFileSystem()
    await AllProjects(folders=folders, fs=fs).list_sessions(1)
    assert set(fs.paths) == {str(folders[1] / "2025-01-03_a1b2ffff" / "session.yaml")}


async def test_list_of_missing_folders_is_empty(tmp_path: Path) -> None:
    assert await AllProjects(folders=[tmp_path / "gone"]).list_sessions(5) == []


async def test_folder_that_is_named_twice_is_listed_once(folders: list[Path], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "one")
    linked = tmp_path / "link" / ".aloop" / "sessions"
    assert len(await AllProjects(linked, folders=folders).list_sessions(9)) == 3


async def test_search_yields_the_project_of_each_match(folders: list[Path]) -> None:
    hits = [(folder, hit.session.id) async for folder, hit in AllProjects(folders=folders).search("words")]
    assert set(hits) == {(folders[0], FIRST), (folders[1], SECOND)}


def test_prefix_is_found_in_every_project(folders: list[Path]) -> None:
    projects = AllProjects(folders=folders)
    assert projects.find("A1B2") == [Place(FIRST, folders[0]), Place(SECOND, folders[1])]
    assert projects.find(THIRD) == [Place(THIRD, folders[0])]
    assert projects.find("ffff") == []
