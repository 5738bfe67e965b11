"""The project around a folder: the root of its git repository, and the branch.

They are read without starting git, from the files that gitrepository-layout(5) describes.
"""

from __future__ import annotations

import os
from pathlib import Path

from aloop.regular_file import read_regular

_REPOSITORY = ".git"
_MOST_BYTES = 1_024
_BRANCH = "ref: refs/heads/"
_COMMIT_DIGITS = 7

GUARDED = frozenset({".git", ".hg", ".svn", ".aloop"})
"""Folders of a project that belong to its user: programs run what is in them, or they have the sessions."""


def is_repository(folder: Path) -> bool:
    """Return True if ``folder`` is the root of a git repository.

    As for git, an empty ``.git`` does not count; the sandbox makes one while a command runs.
    """
    entry = folder / _REPOSITORY
    try:
        with os.scandir(entry) as entries:
            return next(entries, None) is not None
    except FileNotFoundError:
        return False
    except OSError:  # a file, as in a linked worktree, or not readable
        return True


def project_root(folder: Path) -> Path:
    """Return the real path of the git repository around ``folder``, or of ``folder``."""
    here = Path(os.path.realpath(folder))
    return next((each for each in (here, *here.parents) if is_repository(each)), here)


def find_branch(folder: Path | None = None) -> str:
    """Return the name of the branch, the start of a commit, or an empty text.

    The default is the working directory.
    """
    try:
        folder = folder or Path.cwd()
    except OSError:  # it was removed
        return ""
    for parent in (folder, *folder.parents):
        if is_repository(parent):
            try:
                return _branch(_git_folder(parent / _REPOSITORY))
            except (OSError, ValueError):  # not a repository, or not readable
                return ""
    return ""


def _git_folder(entry: Path) -> Path:
    """Return the folder of git; in a linked worktree and a submodule, a file names it."""
    if os.path.isdir(entry):  # noqa: PTH112 - Path.is_dir raises if a parent folder is not accessible
        return entry
    name = _start(entry)
    if not name.startswith("gitdir: "):
        raise ValueError("no git folder")
    return entry.parent / name.removeprefix("gitdir: ")


def _branch(git_folder: Path) -> str:
    head = _start(git_folder / "HEAD")
    if head.startswith(_BRANCH):
        name = head.removeprefix(_BRANCH)
        return "" if name == ".invalid" else name  # of a repository with reftables
    return head[:_COMMIT_DIGITS] if head.isalnum() else ""


def _start(path: Path) -> str:
    return read_regular(path, _MOST_BYTES).decode().strip()


def moved_folder(before: os.stat_result) -> Path | None:
    """Return the present path of a folder, if this process runs in it or below it.

    ``before`` is its status under its old path: a folder keeps device and inode when it is renamed. A folder in the
    trash of the desktop counts as removed.
    """
    try:
        here = Path.cwd()
        if any(part == "Trash" or part.startswith(".Trash") for part in here.parts):
            return None
        return next((each for each in (here, *here.parents) if os.path.samestat(each.stat(), before)), None)
    except OSError:  # removed, or no longer accessible
        return None
