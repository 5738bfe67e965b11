"""One row of a listing, as its session's file tells it."""

from __future__ import annotations

from pathlib import Path

from aloop.errors import SessionFileError
from aloop.memory.heads import Head
from aloop.memory.os_port import OsPort
from aloop.memory.schema import EPOCH
from aloop.memory.serialization import load_session, peek_title
from aloop.memory.session import FILE_NAME, SessionSummary

_BEGINNING = 16_384
"""Bytes of a file in which its title, or its first question, is looked for before the whole of it is read."""


def read_title(port: OsPort, sessions_dir: Path, head: Head) -> str | None:
    """Return a session's title, told by the beginning of its file alone; None when that does not tell."""
    try:
        return peek_title(port.read(sessions_dir / head.folder / FILE_NAME, _BEGINNING))
    except OSError:
        return None


def read_summary(port: OsPort, sessions_dir: Path, head: Head) -> SessionSummary:
    """Return the row of one session; a file that can not be read is a row with a problem, never an error."""
    path = sessions_dir / head.folder / FILE_NAME
    problem = head.problem
    if problem is None:
        try:
            session = load_session(port.read(path), path)
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
