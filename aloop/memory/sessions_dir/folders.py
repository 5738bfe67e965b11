"""The sessions folder and those in it: made private, and kept out of a repository."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from datetime import datetime
from pathlib import Path

from aloop.errors import SHORT_ID
from aloop.formatting import display_path
from aloop.llm.content.parts import FILES
from aloop.memory.disk.filesystem import FOLDER_MODE, TEMPORARY_SUFFIX, FileSystem, explained, write_atomic
from aloop.memory.disk.locks import LOCK_NAMES
from aloop.memory.session import FILE_NAME, Session

ALOOP_FOLDER = ".aloop"
SCHEMA_FILE = ".session.schema.json"
GITIGNORE = ".gitignore"
COMMITTED = """\
# Without the file of this name in the parent folder, git sees the sessions, but not aloop's caches and locks.
*
!/.gitignore
!/.gitattributes
!/*/
!/*/session.yaml
!/*/outputs/
!/*/outputs/*.txt
!/*/files/
!/*/files/*
/.*/
"""
"""The ignore rules of a sessions folder that is committed."""

_IGNORED = "*\n"
_OTHERS = 0o077
_NS = 1_000_000_000  # in a second


def make_sessions_dir(fs: FileSystem, sessions_dir: Path) -> None:
    """Make a sessions folder and what is missing above and in it; raises OSError."""
    missing = []
    folder = sessions_dir
    while not fs.is_folder(folder):
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        parent = new.parent
        if parent.name == ALOOP_FOLDER and all(name.endswith(TEMPORARY_SUFFIX) for name in fs.names(parent)):
            # Sessions may hold secrets, so a new folder is kept out of the repository; the owner can change that.
            write_atomic(fs, parent / GITIGNORE, [_IGNORED.encode()])
        with contextlib.suppress(FileExistsError):
            fs.mkdir(new)
        fs.sync_folder(parent)
    put_own_files(fs, sessions_dir)


def put_own_files(fs: FileSystem, sessions_dir: Path) -> None:
    """Write the JSON schema and the ``.gitignore`` of a sessions folder, if missing."""
    _put_schema(fs, sessions_dir)
    _put_gitignore(fs, sessions_dir)


def _put_schema(fs: FileSystem, sessions_dir: Path) -> None:
    """Write the JSON schema that the first line of each session refers to."""
    schema = Path(__file__).with_name("session.schema.json").read_bytes()
    target = sessions_dir / SCHEMA_FILE
    with contextlib.suppress(OSError):  # only for editors; no session depends on it
        if not fs.exists(target) or fs.read(target) != schema:
            write_atomic(fs, target, [schema], durable=False)


def _put_gitignore(fs: FileSystem, sessions_dir: Path) -> None:
    """Keep caches and locks out of the repository of a user who commits sessions."""
    path = sessions_dir / GITIGNORE
    with contextlib.suppress(OSError):  # sessions work without it
        if not fs.exists(path):
            write_atomic(fs, path, [COMMITTED.encode()], durable=False)


def make_private(fs: FileSystem, sessions_dir: Path) -> list[str]:
    """Complete a ``.aloop`` folder made by others: its mode and its ``.gitignore``.

    Returns a sentence for each change. A folder that was named by the user is left as it is. Raises StorageError.
    """
    aloop = sessions_dir.parent
    if aloop.name != ALOOP_FOLDER or not fs.is_folder(aloop):
        return []
    notices = []
    with explained("make the sessions private", sessions_dir):
        for folder in filter(fs.is_folder, (aloop, sessions_dir)):
            status = fs.lstat(folder)
            if stat.S_IMODE(status.st_mode) & _OTHERS and status.st_uid == os.getuid():
                fs.chmod(folder, FOLDER_MODE)
                notices.append(f"Other users had access to {display_path(folder)}. Now only you have.")
        path = aloop / GITIGNORE
        if not fs.exists(path):
            write_atomic(fs, path, [_IGNORED.encode()])
            how = "To commit them, run `aloop sessions git-setup`."
            notices.append(f"Added {display_path(path)}, so that git ignores your sessions. {how}")
    return notices


def make_session_folder(fs: FileSystem, sessions_dir: Path, session: Session) -> Path:
    """Make the folder of a new session, or return an unused one; raises OSError."""
    for name in folder_names(session):
        folder = sessions_dir / name
        with contextlib.suppress(FileExistsError):
            fs.mkdir(folder)
            return folder
        if _is_unused(fs, folder):
            return folder
    raise FileExistsError(errno.EEXIST, "already exists", str(folder))


def folder_names(session: Session) -> tuple[str, str]:
    """Return the name of a session's folder, and that for an ID which starts the same."""
    day = session.created_at.strftime("%Y-%m-%d")
    return f"{day}_{session.id[:SHORT_ID]}", f"{day}_{session.id}"


def date_folder(fs: FileSystem, folder: Path, changed: datetime) -> None:
    """Give a session's folder the time of its last change, which is earlier than now.

    A save does so by itself. With these times, ``peek_latest`` finds the newest session in few headers.
    """
    # Without the right time, finding it takes longer.
    with contextlib.suppress(OSError, OverflowError):
        descriptor = fs.open_folder(folder)
        try:
            fs.set_modified(descriptor, int(min(changed.timestamp(), time.time()) * _NS))
        finally:
            fs.close(descriptor)


def _is_unused(fs: FileSystem, folder: Path) -> bool:
    """Return True if an existing path is a folder, not a link, without a session file."""
    if not stat.S_ISDIR(fs.lstat(folder).st_mode):
        return False
    return FILE_NAME not in fs.names(folder)


def remove_unused(fs: FileSystem, folder: Path) -> None:
    """Remove a session's folder if it holds nothing but lock files and images."""
    with contextlib.suppress(OSError):  # an empty folder does no harm
        if set(fs.names(folder)) <= {*LOCK_NAMES, FILES}:
            if FILES in fs.folders(folder):
                for name in fs.names(folder / FILES):
                    fs.unlink(folder / FILES / name)
                fs.rmdir(folder / FILES)
            for name in fs.names(folder):
                fs.unlink(folder / name)
            fs.rmdir(folder)
