"""The folder that holds the sessions."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from aloop.config import sessions_dir
from aloop.errors import StorageError

FOLDER = Path(".aloop") / "sessions"


def resolve_sessions_dir(given: str | Path | None = None) -> Path:
    """Return the absolute path of the sessions folder, which need not exist.

    The first of these: ``given``; ``ALOOP_SESSIONS_DIR``; the nearest ``.aloop/sessions`` between the working
    directory and the root of its repository or the home directory; ``.aloop/sessions`` in the working directory.
    Raises StorageError if the working directory was removed.
    """
    chosen = Path(given).expanduser() if given is not None else sessions_dir()
    try:
        if chosen is not None:
            return chosen.absolute()
        here = Path.cwd()
    except FileNotFoundError as error:
        message = "The working directory no longer exists. Change to another one."
        raise StorageError(message, Path(os.curdir), error) from error
    return _nearest(here) or here / FOLDER


def _nearest(here: Path) -> Path | None:
    home = Path.home()
    for folder in (here, *here.parents):
        candidate = folder / FOLDER
        if _is_own_folder(candidate):
            return candidate
        if folder == home or os.path.lexists(folder / ".git"):
            return None
    return None


def _is_own_folder(folder: Path) -> bool:
    """Return True for an existing folder of this user; others are not used."""
    try:
        status = folder.stat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
