"""The registry of sessions folders."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from aloop.memory.sessions_dir.registry import Registry, project_of


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "state" / "projects")


def test_folder_is_listed_once_and_the_file_is_private(registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "a\nb"
    folder.mkdir()
    registry.add(folder)
    registry.add(folder)
    assert registry.folders() == [folder]
    assert stat.S_IMODE((tmp_path / "state" / "projects").stat().st_mode) == 0o600


def test_missing_folder_is_not_listed_until_it_exists_again(registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    registry.add(folder)
    folder.rename(tmp_path / "b")
    assert registry.folders() == []
    (tmp_path / "b").rename(folder)
    assert registry.folders() == [folder]


def test_invalid_lines_are_ignored(registry: Registry, tmp_path: Path) -> None:
    registry.add(tmp_path)
    with (tmp_path / "state" / "projects").open("a") as file:
        file.write('{"torn\n3\n"relative"\n')
    registry.add(tmp_path / "state")
    assert registry.folders() == [tmp_path, tmp_path / "state"]


def test_many_missing_folders_are_dropped_from_the_file(registry: Registry, tmp_path: Path) -> None:
    for number in range(1_001):
        registry.add(tmp_path / str(number))
    registry.add(tmp_path)
    assert (tmp_path / "state" / "projects").read_text().count("\n") < 20
    assert registry.folders() == [tmp_path]


def test_nothing_is_remembered_if_the_setting_is_off(registry: Registry, tmp_path: Path) -> None:
    config = Path.home() / ".config" / "aloop" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("all_projects = false\n")
    registry.add(tmp_path)
    assert registry.folders() == []


def test_project_is_the_folder_around_aloop_s_own() -> None:
    assert project_of(Path("/a/b/.aloop/sessions")) == Path("/a/b")
    assert project_of(Path("/a/sessions")) == Path("/a/sessions")
