"""Finding and reading instruction files without trust."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commands.project.folders import FoundFile, Unreadable, find_instruction_files, read_text


@pytest.fixture
def project(private_home: Path) -> Path:
    """Return a repository below the home directory, as a real path."""
    root = Path(os.path.realpath(private_home)) / "project"
    (root / ".git" / "objects").mkdir(parents=True)
    (root / "src" / "deep").mkdir(parents=True)
    return root


def put(path: Path, text: str = "Be brief.") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_files_are_found_from_the_user_over_the_root_down_to_the_folder(project: Path, private_home: Path) -> None:
    put(private_home / ".config/aloop/AGENTS.md")
    for folder in (project, project / "src" / "deep"):
        put(folder / "AGENTS.md")
    put(project / "CLAUDE.md")
    put(project / "src" / "CLAUDE.md")
    put(project.parent / "AGENTS.md")
    found = find_instruction_files(project / "src" / "deep")
    assert [file.shown for file in found] == [
        "~/.config/aloop/AGENTS.md",
        "../../AGENTS.md",
        "../CLAUDE.md",
        "AGENTS.md",
    ]
    assert [file.project for file in found] == [None, project, project, project]


def found_in(project: Path) -> FoundFile:
    return FoundFile(project / "AGENTS.md", "AGENTS.md", project)


def test_link_within_the_project_is_read_and_one_out_of_it_is_not(project: Path) -> None:
    put(project / "docs" / "agents.md", "Inside.")
    (project / "AGENTS.md").symlink_to("docs/agents.md")
    assert read_text(found_in(project), 100) == ("Inside.", True)
    (project / "AGENTS.md").unlink()
    put(project.parent / "secret", "A secret.")
    (project / "AGENTS.md").symlink_to("../secret")
    with pytest.raises(Unreadable, match="link out of the project"):
        read_text(found_in(project), 100)


def test_link_from_the_user_folder_is_read(project: Path, private_home: Path) -> None:
    put(private_home / "dotfiles/agents", "Mine.")
    (private_home / ".config/aloop").mkdir(parents=True, exist_ok=True)
    (private_home / ".config/aloop/AGENTS.md").symlink_to(private_home / "dotfiles/agents")
    (file,) = find_instruction_files(project)
    assert read_text(file, 100) == ("Mine.", True)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "not a regular file"),
        (Path.mkdir, "Is a directory"),
        (lambda path: path.symlink_to("AGENTS.md"), "AGENTS.md"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "not UTF-8"),
        (lambda path: path.write_bytes(b"text\0more"), "not a text file"),
    ],
)
def test_anything_but_a_text_file_is_left_out_with_its_reason(project: Path, make: object, reason: str) -> None:
    assert callable(make)
    make(project / "AGENTS.md")
    with pytest.raises(Unreadable, match=reason):
        read_text(found_in(project), 100)


def test_long_file_is_cut_at_the_end_of_a_line_never_in_a_character(project: Path) -> None:
    put(project / "AGENTS.md", "one\nzwei ä\nthree\n")
    assert read_text(found_in(project), 10) == ("one\n", False)
    assert read_text(found_in(project), 18) == ("one\nzwei ä\nthree\n", True)
