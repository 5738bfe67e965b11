"""The folder that holds the sessions."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from aloop.config.user_folders import sessions_dir
from aloop.errors import StorageError
from aloop.formatting import display_path, expand_home, home_folder, normal_path
from aloop.memory.disk.filesystem import explained
from aloop.project import is_repository

FOLDER = Path(".aloop") / "sessions"


def resolve_sessions_dir(given: str | Path | None = None) -> Path:
    """Return the absolute path of the sessions folder, which need not exist.

    The first of these: ``given``; ``ALOOP_SESSIONS_DIR``; the nearest ``.aloop/sessions`` between the working
    directory and the root of its repository or the home directory; ``.aloop/sessions`` in the working directory.
    Raises StorageError if the working directory was removed, for a path that cannot be used, such as one that is too
    long, for a link without a target, and for a link that was found rather than given: it may have come with a clone,
    and lead anywhere.
    """
    chosen = expand_home(given) if given is not None else sessions_dir()
    try:
        if chosen is not None:
            chosen = normal_path(chosen)
            with explained("use the sessions folder", chosen):
                return _require_target(chosen)
        here = Path.cwd()
    except FileNotFoundError as error:
        message = "The working directory no longer exists. Change to another one."
        raise StorageError(message, Path(os.curdir), error) from error
    return _nearest(here) or _require_no_link(here / FOLDER)


def _require_target(folder: Path) -> Path:
    if folder.is_symlink() and not folder.exists():
        message = (
            f"{display_path(folder)} is a link to a folder that does not exist. Create that folder, or choose another."
        )
        raise StorageError(message, folder)
    return folder


def _require_no_link(folder: Path) -> Path:
    for path in (folder.parent, folder):
        if os.path.islink(path):  # noqa: PTH114 - False, and no error, for an inaccessible folder
            raise StorageError(
                f"{display_path(path)} is a link, which aloop does not follow. "
                "Remove it, or name its target with --sessions-dir.",
                path,
            )
    return folder


def _nearest(here: Path) -> Path | None:
    home = home_folder()
    for folder in (here, *here.parents):
        candidate = folder / FOLDER
        if _is_own_folder(candidate):
            return _require_no_link(candidate)
        if folder == home or is_repository(folder):
            return None
    return None


def _is_own_folder(folder: Path) -> bool:
    """Return True for an existing folder of this user; others are not used."""
    try:
        status = folder.stat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
