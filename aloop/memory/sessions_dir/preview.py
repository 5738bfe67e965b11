"""The first lines of a session file: all that a listing needs of sessions it does not show.

One row of a listing, as its session's file tells it.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from aloop.errors import SessionFileError
from aloop.memory.codec.schema import EPOCH, parse_time
from aloop.memory.codec.serialization import load_session, peek_title
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.session import FILE_NAME, SessionSummary
from aloop.memory.sessions_dir.ids import short_name

HEADER_SIZE = 512

# The lines with which every file of ours begins. Anything else is read whole.
_HEADER = re.compile(
    rb"(?:#[^\n]*\n)*"
    rb"id: ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\n"
    rb'created_at: "[^"\\\n]+"\n'
    rb'updated_at: "([^"\\\n]+)"\n'
    rb"(?:title: (?:\"([^\"\\\n]*)\"|'((?:[^'\n]|'')*)')\n)?"
)


class SessionHeader(NamedTuple):
    """What a folder's session file says of itself. Without a readable id, ``id`` is the end of the folder's name.

    No dataclass, which takes three times as long to make ten thousand of.
    """

    folder: str
    id: str
    updated_at: datetime
    title: str = ""
    problem: SessionFileError | None = None


def read_header(fs: FileSystem, sessions_dir: str, folder: str) -> SessionHeader | None:
    """Return the head of one session; None for a folder that holds no session file (yet)."""
    # Text, not Path: ten thousand of these make a listing.
    path = f"{sessions_dir}/{folder}/{FILE_NAME}"
    try:
        match = _HEADER.match(fs.read(path, HEADER_SIZE))
        if match:
            identity, updated_at, double, single = match.groups()
            updated = parse_time(updated_at.decode(errors="replace"))
            if updated is not None:
                title = double or (single or b"").replace(b"''", b"'")
                return SessionHeader(folder, identity.decode(), updated, title.decode(errors="replace"))
        return _read_whole(fs, Path(path), folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = SessionFileError(Path(path), 0, 0, f"can not be opened: {error.strerror or error}")
        return SessionHeader(folder, short_name(folder), _modified(fs, Path(path)), problem=reason)


def _read_whole(fs: FileSystem, path: Path, folder: str) -> SessionHeader:
    try:
        session = load_session(fs.read(path), path)
    except SessionFileError as error:
        return SessionHeader(folder, short_name(folder), _modified(fs, path), problem=error)
    # One that somebody typed need not tell the time; by 1970 it would be the last of all.
    updated_at = _modified(fs, path) if session.updated_at == EPOCH else session.updated_at
    return SessionHeader(folder, session.id, updated_at, session.title)


def _modified(fs: FileSystem, path: Path) -> datetime:
    """Return when a file was changed; where that can not be told, when its folder was."""
    try:
        status = fs.lstat(path)
    except OSError:
        status = fs.lstat(path.parent)
    return datetime.fromtimestamp(status.st_mtime).astimezone()


_BEGINNING = 16_384
"""Bytes of a file in which its title, or its first question, is looked for before the whole of it is read."""


def read_title(fs: FileSystem, sessions_dir: Path, head: SessionHeader) -> str | None:
    """Return a session's title, told by the beginning of its file alone; None when that does not tell."""
    try:
        return peek_title(fs.read(sessions_dir / head.folder / FILE_NAME, _BEGINNING))
    except OSError:
        return None


def read_summary(fs: FileSystem, sessions_dir: Path, head: SessionHeader) -> SessionSummary:
    """Return the row of one session; a file that can not be read is a row with a problem, never an error."""
    path = sessions_dir / head.folder / FILE_NAME
    problem = head.problem
    if problem is None:
        try:
            session = load_session(fs.read(path), path)
        except SessionFileError as error:
            problem = error
        except OSError as error:
            problem = SessionFileError(path, 0, 0, f"can not be opened: {error.strerror or error}")
        else:
            count = len(session.messages)
            updated_at = head.updated_at if session.updated_at == EPOCH else session.updated_at
            created_at = updated_at if session.created_at == EPOCH else session.created_at
            return SessionSummary(session.id, created_at, updated_at, count, session.title, path)
    return SessionSummary(head.id, head.updated_at, head.updated_at, 0, "", path, str(problem))
