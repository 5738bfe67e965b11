"""Which folder holds the sessions."""

from __future__ import annotations

import os
from pathlib import Path

from aloop.config import sessions_dir

FOLDER = Path(".aloop") / "sessions"


def resolve_sessions_dir(given: str | Path | None = None) -> Path:
    """Return the sessions folder, absolute; it need not exist.

    In order: ``given``, ``ALOOP_SESSIONS_DIR``, the nearest ``.aloop/sessions`` from the working directory up to the
    root of its repository or to home, else ``.aloop/sessions`` in the working directory.
    """
    chosen = Path(given).expanduser() if given is not None else sessions_dir()
    if chosen is not None:
        return chosen.absolute()
    here = Path.cwd()
    return _nearest(here) or here / FOLDER


def _nearest(here: Path) -> Path | None:
    home = Path.home()
    for folder in (here, *here.parents):
        candidate = folder / FOLDER
        # Another user's folder on the way up (in /tmp, say) is not for us to read or fill.
        if candidate.is_dir() and candidate.stat().st_uid == os.getuid():
            return candidate
        if folder == home or (folder / ".git").exists():
            return None
    return None
