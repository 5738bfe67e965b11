"""The remains of crashes: interrupted turns, temporary files and empty folders."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from aloop.errors import Problem, SessionBusy, StorageError
from aloop.llm.content.parts import FILES
from aloop.memory.disk.filesystem import FileSystem, explained, leftovers
from aloop.memory.disk.locks import LOCK_NAMES, OpenLock, write_lock
from aloop.memory.session import FILE_NAME
from aloop.memory.session_folder.outputs import FOLDER as OUTPUTS
from aloop.memory.session_folder.recovery import fold_in, is_left, journals
from aloop.memory.sessions_dir.folders import ALOOP_FOLDER, remove_unused
from aloop.memory.sessions_dir.ids import is_own_name, short_name


def recover_session(fs: FileSystem, folder: Path, session_id: str) -> list[str]:
    """Add interrupted turns from journals of dead writers; return notices.

    Raises SessionBusy, StorageError.
    """
    with explained("recover an interrupted turn", folder.parent):
        if not journals(fs, folder):
            return []
        with write_lock(fs, folder, session_id):
            notices = [fold_in(fs, path) for path in journals(fs, folder)]
    return [notice for notice in notices if notice]


def recover_all(fs: FileSystem, sessions_dir: Path) -> list[str]:
    """Recover every session and remove temporary files of dead writers.

    Raises StorageError.
    """
    notices = []
    with explained("look for interrupted turns", sessions_dir):
        try:
            names = list(fs.folders(sessions_dir))
        except FileNotFoundError:
            names = []
    for name in names:
        try:
            notices += _recover_folder(fs, sessions_dir / name)
        except StorageError as error:
            if not isinstance(error.cause, FileNotFoundError):  # another process was faster
                notices.append(Problem(error))
    ours = [sessions_dir.parent] if sessions_dir.parent.name == ALOOP_FOLDER else []
    for folder in (sessions_dir, *ours):
        with explained("remove temporary files", sessions_dir), contextlib.suppress(FileNotFoundError):
            _sweep(fs, folder)
    return notices


def count_interrupted(fs: FileSystem, folders: Iterable[Path]) -> int:
    """Return how many turns ``recover_all`` would add to the sessions in ``folders``.

    Nothing is changed, and a folder that cannot be read has none: the next start reports it.
    """
    count = 0
    for folder in folders:
        with contextlib.suppress(OSError):
            count += sum(is_left(fs, path) for path in journals(fs, folder))
    return count


def _recover_folder(fs: FileSystem, folder: Path) -> list[str]:
    with explained("recover an interrupted turn", folder.parent), contextlib.suppress(SessionBusy):  # writer is alive
        names = set(fs.names(folder))
        if FILE_NAME in names and names <= {FILE_NAME, *LOCK_NAMES}:
            return []  # as nearly all: this one look is what a start with thousands of sessions pays for
        _sweep(fs, folder)
        for inner in (folder / OUTPUTS, folder / FILES):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                if not inner.is_symlink():
                    _sweep(fs, inner)
        notices = recover_session(fs, folder, short_name(folder.name))
        _sweep_unused(fs, folder)
        return notices
    return []


def _sweep_unused(fs: FileSystem, folder: Path) -> None:
    """Remove an empty folder left by a crash; raises SessionBusy if in use."""
    if is_own_name(folder.name) and set(fs.names(folder)) <= LOCK_NAMES:
        held = OpenLock(fs, folder, short_name(folder.name), sign=False)
        try:
            with write_lock(fs, folder, short_name(folder.name)):
                remove_unused(fs, folder)
        finally:
            held.release()


def _sweep(fs: FileSystem, folder: Path) -> None:
    for path in leftovers(fs, folder):
        with contextlib.suppress(OSError):  # removed by another process, or left for the next start
            fs.unlink(path)
