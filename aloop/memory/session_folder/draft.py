"""Edit a session's file in an editor.

The user edits a draft, a copy that replaces the file if it is a valid version of the session.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from aloop.errors import Problem, SessionFileError, UsageError
from aloop.formatting import display_path
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.nodes import SequenceNode
from aloop.memory.codec.schema import InvalidValue, require_known_version
from aloop.memory.codec.serialization import interpret, load_session, parse
from aloop.memory.disk.filesystem import FileSystem, write_atomic
from aloop.memory.disk.locks import write_lock
from aloop.memory.session import FILE_NAME
from aloop.memory.session_folder.dated_names import dated_name, read_mark
from aloop.memory.session_folder.session_file import TRIES, ConcurrentChange, SessionFile

IS_DRAFT = re.compile(r"session\.edited-.*\.yaml").fullmatch
"""Matches the file names of drafts."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The draft at ``path``, made from ``original``, to be opened at ``line``."""

    path: Path
    target: Path
    session_id: str
    original: bytes
    line: int


def begin(fs: FileSystem, target: Path, session_id: str, number: int | None) -> Draft:
    """Copy a session's file into a draft, to be edited at message ``number`` (from 1).

    Raises OSError, and UsageError if there is no such message.
    """
    original = fs.read(target)
    line = _line_of(original, target, number)
    path = target.with_name(dated_name("edited"))
    write_atomic(fs, path, [original])
    return Draft(path, target, session_id, original, line)


def _line_of(data: bytes, path: Path, number: int | None) -> int:
    """Return the line of a message, or of the error in an invalid file."""
    try:
        parsed = parse(data, path)
        interpret(parsed, path)
    except SessionFileError as error:
        return max(error.line, 1)
    if number is None:
        return 1
    messages = parsed.root.values.get("messages")
    items = [
        *(messages.items if isinstance(messages, SequenceNode) else []),
        *(parsed.below.items if parsed.below else []),
    ]
    if not 1 <= number <= len(items):
        count = f"{len(items)} {'message' if len(items) == 1 else 'messages'}"
        raise UsageError(f"Message {number} does not exist: this session has {count}.")
    return parsed.source.place(items[number - 1].start)[0]


def finish(fs: FileSystem, draft: Draft) -> tuple[bool, str | None]:
    """Replace the file by the draft and delete the draft.

    Return True if the draft was edited, and a notice for the user. If the file has changed since, that version is kept
    as a copy, and messages added to it follow those of the draft. Raises OSError, SessionBusy, and SessionFileError if
    the draft is not a valid version of the session; then both files stay.
    """
    edited = fs.read(draft.path)
    if edited == draft.original:
        _remove(fs, draft)
        return False, None
    _check(draft, edited)
    with write_lock(fs, draft.target.parent, draft.session_id):
        notice = _replace(fs, draft, edited)
    _remove(fs, draft)
    return True, notice


def drop(fs: FileSystem, draft: Draft) -> bool:
    """Delete an unchanged draft; return True if it was edited. Raises OSError."""
    if fs.read(draft.path) != draft.original:
        return True
    _remove(fs, draft)
    return False


def leftover_drafts(fs: FileSystem, folder: Path) -> tuple[str, ...]:
    """Return a sentence for the user about each draft left behind.

    A crash or a failed edit leaves one. Call this only while holding the session: another process may be editing a
    draft. Raises OSError.
    """
    return tuple(
        f"{_advice(fs, folder, name)}: {display_path(folder / name)}"
        for name in sorted(filter(IS_DRAFT, fs.names(folder)))
    )


def _advice(fs: FileSystem, folder: Path, name: str) -> str:
    modified = datetime.fromtimestamp(fs.lstat(folder / FILE_NAME).st_mtime, UTC)
    if _begun_at(name) >= modified:
        return f"An edit was not applied. Rename it to {FILE_NAME} to apply it, or delete it"
    # Renaming it would remove the messages added since.
    return f"An edit was not applied, and {FILE_NAME} has changed since. Copy what you need from it, then delete it"


def _begun_at(name: str) -> datetime:
    """Return the time in the name of a draft, or the earliest time if there is none."""
    with contextlib.suppress(ValueError):  # renamed by the user
        return read_mark(name.removeprefix("session.edited-").removesuffix(".yaml"))
    return datetime.fromtimestamp(0, UTC)


def _remove(fs: FileSystem, draft: Draft) -> None:
    """Delete the draft, and editor backups whose names start with its name."""
    for name in fs.names(draft.path.parent):
        if name.startswith(draft.path.name):
            fs.unlink(draft.path.with_name(name))


def _check(draft: Draft, edited: bytes) -> None:
    parsed = parse(edited, draft.path)
    session = interpret(parsed, draft.path)
    try:
        require_known_version(parsed.root)
        if session.id != draft.session_id:
            reason = f"the id must stay {draft.session_id}, because it identifies the session"
            raise InvalidValue(reason, parsed.root.values["id"].start)
    except InvalidValue as refusal:
        raise refusal.kind(draft.path, *parsed.source.place(refusal.offset), refusal.reason) from None


def _replace(fs: FileSystem, draft: Draft, edited: bytes) -> str | None:
    for _ in range(TRIES):
        found = fs.read(draft.target)

        def require_unchanged(seen: bytes = found) -> None:
            if fs.read(draft.target) != seen:
                raise ConcurrentChange

        copy = None
        if found != draft.original:
            copy = draft.target.with_name(dated_name("before"))
            write_atomic(fs, copy, [found])
        try:
            write_atomic(fs, draft.target, [edited], guard=require_unchanged)
        except ConcurrentChange:
            continue
        return _follow_up(fs, draft, found, copy) if copy else None
    raise OSError(f"another program keeps changing {draft.target}")


def _follow_up(fs: FileSystem, draft: Draft, found: bytes, copy: Path) -> str:
    """Add the messages that the file gained during the edit; return a notice."""
    added = _added(draft, found)
    if added:
        stored = SessionFile.read(fs, draft.target)
        stored.save(replace(stored.session, messages=(*stored.session.messages, *added)), added)
        stored.sync()
    follows = f" The messages added to it ({len(added)}) follow yours." if added else ""
    changed = f"{FILE_NAME} was changed while you edited it.{follows}"
    return Problem(f"{changed} The changed version is kept as {copy.name}.")


def _added(draft: Draft, found: bytes) -> tuple[LLMMessage, ...]:
    """Return the messages appended in ``found``; none if earlier messages differ too."""
    try:
        before = load_session(draft.original, draft.target).messages
        now = load_session(found, draft.target).messages
    except SessionFileError:
        return ()
    return now[len(before) :] if now[: len(before)] == before else ()
