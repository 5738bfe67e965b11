"""Tests of the root and the branch of a project, which are found without git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aloop.project import find_branch, project_root


def repository(folder: Path, head: str) -> Path:
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text(head)
    return folder


def test_project_root_is_the_repository_or_the_folder_itself(tmp_path: Path) -> None:
    parent = Path(os.path.realpath(tmp_path))
    project = repository(parent / "project", "ref: refs/heads/main\n")
    assert project_root(project / "src" / "deep") == project
    assert project_root(parent) == parent


def test_empty_folder_for_git_is_not_a_repository(tmp_path: Path) -> None:
    project = repository(Path(os.path.realpath(tmp_path)) / "project", "ref: refs/heads/main\n")
    (project / "src" / ".git").mkdir(parents=True)
    assert project_root(project / "src") == project
    assert find_branch(project / "src") == "main"
    (project / "src" / ".git" / "objects").mkdir()
    assert project_root(project / "src") == project / "src"


@pytest.mark.parametrize(
    ("head", "branch"),
    [
        ("ref: refs/heads/main\n", "main"),
        ("ref: refs/heads/feature/x\n", "feature/x"),
        ("0123456789abcdef0123456789abcdef01234567\n", "0123456"),
        ("ref: refs/heads/.invalid\n", ""),
        ("", ""),
        ("\udcff", ""),
    ],
)
def test_branch_is_read_from_the_head_of_a_parent_folder(tmp_path: Path, head: str, branch: str) -> None:
    repository(tmp_path, "")
    (tmp_path / ".git" / "HEAD").write_bytes(head.encode(errors="surrogateescape"))
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find_branch(tmp_path / "a" / "b") == branch


def test_branch_of_a_linked_worktree_is_its_own(tmp_path: Path) -> None:
    repository(tmp_path / "main", "ref: refs/heads/main\n")
    repository(tmp_path / "main" / ".git" / "worktrees" / "w", "")
    (tmp_path / "main" / ".git" / "worktrees" / "w" / "HEAD").write_text("ref: refs/heads/side\n")
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / ".git").write_text("gitdir: ../main/.git/worktrees/w\n")
    assert find_branch(tmp_path / "w") == "side"


def test_folder_without_a_readable_repository_has_no_branch(tmp_path: Path) -> None:
    assert find_branch(tmp_path) == ""
    (tmp_path / ".git").write_text("nonsense")
    assert find_branch(tmp_path) == ""
    (tmp_path / ".git").unlink()
    os.mkfifo(tmp_path / ".git")
    assert find_branch(tmp_path) == ""
