"""Which folder holds the sessions."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from aloop.config import sessions_dir
from aloop.errors import StorageError

FOLDER = Path(".aloop") / "sessions"


def resolve_sessions_dir(given: str | Path | None = None) -> Path:
    """Return the sessions folder, absolute; it need not exist.

    In order: ``given``, ``ALOOP_SESSIONS_DIR``, the nearest ``.aloop/sessions`` from the working directory up to the
    root of its repository or to home, else ``.aloop/sessions`` in the working directory. Raises StorageError when
    somebody has removed that.
    """
    chosen = Path(given).expanduser() if given is not None else sessions_dir()
    try:
        if chosen is not None:
            return chosen.absolute()
        here = Path.cwd()
    except FileNotFoundError as error:
        raise StorageError("The working directory is gone; change to another.", Path(os.curdir), error) from error
    return _nearest(here) or here / FOLDER


def _nearest(here: Path) -> Path | None:
    home = Path.home()
    for folder in (here, *here.parents):
        candidate = folder / FOLDER
        if _is_ours(candidate):
            return candidate
        if folder == home or os.path.lexists(folder / ".git"):
            return None
    return None


def _is_ours(folder: Path) -> bool:
    """Whether a folder is there, and its user's: another's on the way up is not for us to read or fill."""
    try:
        status = folder.stat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
