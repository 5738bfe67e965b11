"""Sessions whose project was removed while they were open.

They are in the user's state directory, in one folder per project.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from aloop.config.user_folders import state_dir
from aloop.errors import SHORT_ID
from aloop.formatting import display_path
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.session import Session
from aloop.memory.sessions_dir.ids import short_name
from aloop.memory.sessions_dir.preview import read_header


def _parent() -> Path:
    return state_dir() / "aloop" / "removed-projects"


def folder_for(project: Path) -> Path:
    """Return the sessions folder for what was open in ``project``."""
    mark = f"{zlib.crc32(os.fsencode(project)):08x}"
    return _parent() / f"{project.name}-{mark}"


def describe_newer_copies(fs: FileSystem, session: Session, sessions_dir: Path) -> tuple[str, ...]:
    """Return a sentence for each later copy of a session that is in ``sessions_dir``.

    The project was perhaps only moved, and the session then continued in the copy.
    """
    newer = [each for each in _folders(fs, _parent()) if each != sessions_dir and _has_newer(fs, each, session)]
    if not newer:
        return ()
    # Imported late for startup time.
    from shlex import quote

    return tuple(
        f"A newer copy of this session is in {display_path(folder)}. "
        f"To open it, run `aloop --resume {session.id[:SHORT_ID]} --sessions-dir {quote(str(folder))}`."
        for folder in newer
    )


def _has_newer(fs: FileSystem, folder: Path, session: Session) -> bool:
    headers = (
        read_header(fs, str(folder), each.name)
        for each in _folders(fs, folder)
        if session.id.startswith(short_name(each.name))
    )
    return any(header and header.id == session.id and header.updated_at > session.updated_at for header in headers)


def _folders(fs: FileSystem, folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(fs.folders(folder))]
    except OSError:  # none exists
        return []
