"""``aloop sessions list --all`` and ``search --all``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aloop.cli.sessions.command import SessionsOptions
from aloop.memory.sessions_dir.registry import Registry
from tests.saved_sessions import FIRST, SECOND, save


@pytest.fixture
def projects(private_home: Path) -> list[Path]:
    """Two projects in the home directory, one of them the working directory."""
    found = [private_home / "work", private_home / "other"]
    for day, (project, identity) in enumerate(zip(found, (FIRST, SECOND), strict=True), 1):
        folder = project / ".aloop" / "sessions"
        save(folder, identity, day=day, says="What is here?")
        Registry.of_user().add(folder)
    return found


def test_list_shows_the_project_of_each_session(projects: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert SessionsOptions("list", all_projects=True).run() == 0
    assert capsys.readouterr().out.splitlines() == [
        "ID        UPDATED           MESSAGES  PROJECT  TITLE",
        "a1b2ffff  2025-01-02 09:30         4  ~/other  What is here?",
        "a1b2c3d4  2025-01-01 09:30         4  ~/work   What is here?",
    ]


def test_json_records_have_the_project(projects: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    SessionsOptions("list", all_projects=True, as_json=True).run()
    SessionsOptions("search", words=("here?",), all_projects=True, as_json=True).run()
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {record["project"] for record in records[:2]} == set(map(str, projects))
    assert {record["project"] for record in records[2:]} == set(map(str, projects))
    assert {Path(record["sessions_dir"]).parents[1] for record in records[2:]} == set(projects)


def test_search_shows_the_project_of_each_session(projects: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    SessionsOptions("search", words=("here?",), all_projects=True).run()
    assert "a1b2ffff  2025-01-02 09:30  ~/other: What is here?\n" in capsys.readouterr().out


def test_search_shows_the_project_of_each_clone_of_a_session(
    private_home: Path, projects: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = private_home / "clone" / ".aloop" / "sessions"
    save(folder, FIRST, says="What is here?")
    Registry.of_user().add(folder)
    SessionsOptions("search", words=("here?",), all_projects=True).run()
    out = capsys.readouterr().out
    assert out.count("a1b2c3d4  2025-01-01 09:30  ") == 2
    assert "~/clone: What is here?\n" in out


def test_folder_that_was_listed_is_remembered(private_home: Path) -> None:
    folder = private_home / "work" / ".aloop" / "sessions"
    save(folder, FIRST)
    SessionsOptions("list").run()
    assert Registry.of_user().folders() == [folder]


def test_setting_that_is_off_is_named(private_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = private_home / ".config" / "aloop" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("all_projects = false\n")
    SessionsOptions("list", all_projects=True).run()
    assert "The setting all_projects is off" in capsys.readouterr().err
