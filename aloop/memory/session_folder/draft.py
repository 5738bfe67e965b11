"""A session's file in a person's editor: they work on a copy, which takes its place once it is a session."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from aloop.errors import SessionFileError, UsageError
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.nodes import SequenceNode
from aloop.memory.codec.schema import InvalidValue, require_known_version
from aloop.memory.codec.serialization import interpret, load_session, parse
from aloop.memory.disk.filesystem import FileSystem, write_atomic
from aloop.memory.disk.locks import write_lock
from aloop.memory.session import FILE_NAME
from aloop.memory.session_folder.session_file import TRIES, ChangedMeanwhile, SessionFile, time_mark

IS_DRAFT = re.compile(r"session\.edited-.*\.yaml").fullmatch
"""Whether a file in a session's folder has the name of such a copy."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The copy at ``path``; ``original`` is what the file held when it was made, ``line`` where to begin reading."""

    path: Path
    target: Path
    session_id: str
    original: bytes
    line: int


def begin(fs: FileSystem, target: Path, session_id: str, number: int | None) -> Draft:
    """Copy a session's file, to be edited at message ``number`` (from 1).

    Raises OSError, and UsageError when there is no such message.
    """
    original = fs.read(target)
    line = _line_of(original, target, number)
    path = target.with_name(_name(datetime.now()))
    write_atomic(fs, path, [original])
    return Draft(path, target, session_id, original, line)


def _line_of(data: bytes, path: Path, number: int | None) -> int:
    """Return the line of a message, the first without one; of a file that can not be read, that of the reason."""
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
        raise UsageError(f"There is no message {number}: this session has {len(items)}.")
    return parsed.source.place(items[number - 1].start)[0]


def finish(fs: FileSystem, draft: Draft) -> tuple[bool, str | None]:
    """Put the copy in the file's place and remove it; return whether it was changed, and what to tell.

    What others wrote into the file meanwhile is kept in a copy, and messages that they added follow those of the draft.
    Raises OSError, SessionBusy, and SessionFileError when the copy is not fit to be this session; then both files stay.
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
    """Give an edit up; return whether its copy stays, for something was written into it. Raises OSError."""
    if fs.read(draft.path) != draft.original:
        return True
    _remove(fs, draft)
    return False


def leftover_drafts(fs: FileSystem, folder: Path) -> tuple[str, ...]:
    """Return a sentence for each copy that was neither taken over nor removed: after a crash it may hold words.

    Ask who has the session open alone: another's editor may be at work on one. Raises OSError.
    """
    return tuple(f"{_advice(fs, folder, name)}: {folder / name}" for name in sorted(filter(IS_DRAFT, fs.names(folder))))


def _advice(fs: FileSystem, folder: Path, name: str) -> str:
    if name >= _name(datetime.fromtimestamp(fs.lstat(folder / FILE_NAME).st_mtime)):
        return f"An edit was not taken over. Rename it to {FILE_NAME} to take it over, or delete it"
    # In the session's place it would take what was said since out of it.
    return f"An edit was not taken over, and {FILE_NAME} has changed since. Take what you need of it, then delete it"


def _name(moment: datetime) -> str:
    """Return what a copy is called that was made at ``moment``, of the time here: by its name it is known how old."""
    return f"session.edited-{time_mark(moment.astimezone())}.yaml"


def _remove(fs: FileSystem, draft: Draft) -> None:
    """Remove the copy, with what an editor has put beside it under its name, such as a backup."""
    for name in fs.names(draft.path.parent):
        if name.startswith(draft.path.name):
            fs.unlink(draft.path.with_name(name))


def _check(draft: Draft, edited: bytes) -> None:
    parsed = parse(edited, draft.path)
    session = interpret(parsed, draft.path)
    try:
        require_known_version(parsed.root)
        if session.id != draft.session_id:
            reason = f"the id must stay {draft.session_id}: the session is found by it"
            raise InvalidValue(reason, parsed.root.values["id"].start)
    except InvalidValue as refusal:
        raise refusal.kind(draft.path, *parsed.source.place(refusal.offset), refusal.reason) from None


def _replace(fs: FileSystem, draft: Draft, edited: bytes) -> str | None:
    for _ in range(TRIES):
        found = fs.read(draft.target)

        def refuse_change(seen: bytes = found) -> None:
            if fs.read(draft.target) != seen:
                raise ChangedMeanwhile

        copy = None
        if found != draft.original:
            copy = draft.target.with_name(f"session.before-{time_mark(datetime.now().astimezone())}.yaml")
            write_atomic(fs, copy, [found])
        try:
            write_atomic(fs, draft.target, [edited], guard=refuse_change)
        except ChangedMeanwhile:
            continue
        return _follow_up(fs, draft, found, copy) if copy else None
    raise OSError(f"{draft.target} changes faster than it can be replaced")


def _follow_up(fs: FileSystem, draft: Draft, found: bytes, copy: Path) -> str:
    """Add what others had added meanwhile; return what to tell of that."""
    added = _added(draft, found)
    if added:
        stored = SessionFile.read(fs, draft.target)
        stored.save(replace(stored.session, messages=(*stored.session.messages, *added)), added)
        stored.sync()
    what = f" What was added to it ({len(added)}) follows yours." if added else ""
    return f"{FILE_NAME} was changed while you edited it.{what} That version is kept as {copy.name}."


def _added(draft: Draft, found: bytes) -> tuple[LLMMessage, ...]:
    """Return the messages that ``found`` has more than the file had; none where anything else is different too."""
    try:
        before = load_session(draft.original, draft.target).messages
        now = load_session(found, draft.target).messages
    except SessionFileError:
        return ()
    return now[len(before) :] if now[: len(before)] == before else ()
