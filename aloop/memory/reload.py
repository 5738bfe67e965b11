"""What others did to a session's file: looked at, taken over, and told in a sentence."""

from __future__ import annotations

import threading
from datetime import datetime

from aloop.errors import SessionFileError
from aloop.memory.conversation import Conversation
from aloop.memory.merge import compare
from aloop.memory.session import FILE_NAME
from aloop.memory.stored import StoredSession, time_mark

# An editor that truncates and then writes leaves nothing, or half of it, for a moment; one that renames, no file.
_SECOND_LOOK = 0.3


def reload(stored: StoredSession, conversation: Conversation, *, own: bool = False) -> tuple[StoredSession, list[str]]:
    """Take over what others changed since ``stored`` was seen; return the file as it is now, and what to tell.

    ``own`` says that the change is the user's, who has just made it here, and tells it so. Messages that were not saved
    yet follow those of the file. Raises SessionFileError when it is no session now, FileNotFoundError when it is gone,
    OSError; then nothing has changed.
    """
    fresh = stored.late_edit()
    if fresh is not None and fresh.base is not None:
        # What the last save added is not in this version: it counts as new again.
        conversation.saved = fresh.base
    elif _has_changed(stored):
        fresh = _read_again(stored)
    else:
        return stored, []
    notice = _compare(conversation, stored, fresh, own=own)
    conversation.adopt(fresh.session)
    stored.forget_displaced()
    return fresh, [notice]


def _has_changed(stored: StoredSession) -> bool:
    try:
        return stored.changed_on_disk()
    except FileNotFoundError:
        _wait()
        return stored.changed_on_disk()


def _read_again(stored: StoredSession) -> StoredSession:
    try:
        fresh = StoredSession.read(stored.port, stored.path)
        if not fresh.session.warnings or stored.session.warnings:
            return fresh
        # It has lost its end marker: half a text can read as a shorter conversation.
    except (SessionFileError, FileNotFoundError):
        pass
    _wait()
    return StoredSession.read(stored.port, stored.path)


def _compare(conversation: Conversation, old: StoredSession, fresh: StoredSession, *, own: bool) -> str:
    changes = compare(conversation.messages[: conversation.saved], fresh.session.messages)
    notice = f"Edited: {changes.to_their_author()}." if own else f"{FILE_NAME} changed on disk: {changes}; reloaded."
    if changes.removed:
        copy = old.path.with_name(f"session.before-{time_mark(datetime.now().astimezone())}.yaml")
        old.copy_to(copy)
        notice += f" The version before is kept as {copy.name}."
    return notice


def _wait() -> None:
    threading.Event().wait(_SECOND_LOOK)
