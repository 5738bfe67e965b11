"""The sessions folders of all projects that this user's aloop has used.

They are in a private file in the user's state directory, one path in JSON per line, because two shells may append at
the same time. A folder that no longer exists is not returned, but stays in the file, so that it is found again when
its disk is. Nothing is written with ``all_projects = false`` in the settings.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path

from aloop.config.settings import Settings
from aloop.config.user_folders import state_dir
from aloop.memory.disk.filesystem import SYSTEM, write_all, write_atomic

_ALOOP = ".aloop"
_MAX_LINES = 1_000
"""Lines from which on those of missing folders are dropped."""


def project_of(sessions_dir: Path) -> Path:
    """Return the project of a sessions folder, or the folder itself outside of one."""
    return sessions_dir.parent.parent if sessions_dir.parent.name == _ALOOP else sessions_dir


class Registry:
    """The file at ``path``; errors of the disk are ignored, as it is dispensable."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of_user(cls) -> Registry:
        return cls(state_dir() / "aloop" / "projects")

    def add(self, sessions_dir: Path) -> None:
        """Remember a folder; raises UsageError if the settings are invalid."""
        line = json.dumps(os.path.realpath(sessions_dir))
        lines = self._lines()
        if line in lines or not Settings.from_env().all_projects:
            return
        with contextlib.suppress(OSError):  # the folder is remembered the next time
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if len(lines) >= _MAX_LINES:
                kept = [each for each in lines if (folder := _read(each)) and _is_own_folder(folder)]
                write_atomic(SYSTEM, self._path, ["".join(f"{each}\n" for each in [*kept, line]).encode()])
                return
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # The empty line ends one that a crash has cut off.
                write_all(SYSTEM, file, [f"\n{line}\n".encode()])
            finally:
                os.close(file)

    def folders(self) -> list[Path]:
        """Return the folders that exist and belong to this user, the first one used first."""
        found = dict.fromkeys(folder for each in self._lines() if (folder := _read(each)))
        return [folder for folder in found if _is_own_folder(folder)]

    def _lines(self) -> list[str]:
        try:
            return [line for line in self._path.read_text(encoding="utf-8").splitlines() if line]
        except (OSError, UnicodeDecodeError):
            return []


def _read(line: str) -> Path | None:
    try:
        path = json.loads(line)
    except ValueError:
        return None
    return Path(path) if isinstance(path, str) and os.path.isabs(path) else None  # noqa: PTH117 - of a str


def _is_own_folder(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except (OSError, ValueError):
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
