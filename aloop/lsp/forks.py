"""Forks of stored sessions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from aloop.errors import SHORT_ID, StorageError, UsageError
from aloop.lsp.analysis import Analysis
from aloop.memory import MemoryManager
from aloop.memory.session import FILE_NAME
from aloop.memory.trust_file import TrustFile


@dataclass(frozen=True, slots=True)
class Fork:
    """A new session, and a sentence about it for the user."""

    id: str
    path: Path
    notice: str


async def fork_session(analysis: Analysis, number: int) -> Fork:
    """Copy the messages up to ``number`` of a stored session into a new one.

    Raises UsageError if the text has unsaved changes, and as ``MemoryManager.fork`` and ``save_memory`` do.
    """
    session, path = analysis.session, analysis.path
    if session is None:
        raise UsageError(f"{FILE_NAME} has an error. Fix it, save the file, and fork again.")
    memory = MemoryManager(sessions_dir=path.parent.parent)
    backend = memory.library.backend
    names = await asyncio.to_thread(backend.duplicate_ids)
    name = names.get(path.parent.name, session.id)
    stored = await memory.library.load(name)
    if stored.path != path or stored.messages != session.messages:
        raise UsageError(f"{FILE_NAME} has unsaved changes. Save it first, because a fork copies the file.")
    fork = await memory.fork(name, upto=number)
    try:
        report = await memory.save_memory()
    finally:
        memory.close()
    original, here, count = session.id[:SHORT_ID], fork.id[:SHORT_ID], len(fork.messages)
    more = f", not {number}, to keep a tool call with its results" if count > number else ""
    notice = (
        f"Session {here} is a fork of {original} up to message {count}{more}. "
        f"Run `aloop --resume {here}` to continue it."
    )
    try:
        TrustFile.of_user().trust_copy(session.id, fork.id)
    except StorageError as error:
        notice = f"{notice} {error}"
    return Fork(fork.id, report.path, notice)
