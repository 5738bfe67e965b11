"""ID prefixes, and the folder names used instead of IDs."""

from __future__ import annotations

import re
from collections.abc import Callable

from aloop.errors import SHORT_ID, InvalidPrefix

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PREFIX = re.compile(r"[0-9a-z-][0-9a-z._-]{0,254}")
_OWN_NAME = re.compile(r"\d{4}-\d\d-\d\d_[0-9a-f]{8}(?:-[0-9a-f-]{27})?")


def normal_prefix(prefix: str, is_name: Callable[[str], bool]) -> str:
    """Return ``prefix`` in lower case.

    Raises InvalidPrefix if it is empty or cannot start an ID. A folder may have any name, such as "x (copy)":
    ``is_name`` returns True if a session has this whole name.
    """
    wanted = prefix.strip().lower()
    if not wanted:
        raise InvalidPrefix("An empty ID matches every session. Type the first characters of one.")
    if not _PREFIX.fullmatch(wanted) and not is_name(wanted):
        raise InvalidPrefix(
            f"{prefix!r} is not a session ID, of hexadecimal digits and dashes. To find words, use /search "
            "or `aloop sessions search`."
        )
    return wanted


def may_mean(prefix: str, folder: str, written_id: str) -> bool:
    """Return True if ``prefix`` may be of the ID of an unreadable session.

    The ID itself is unknown. Its start may be the end of the folder's name, and ``written_id`` looks like it.
    """
    short = short_name(folder)
    return (len(short) >= SHORT_ID and prefix.startswith(short)) or (written_id != "" and written_id.startswith(prefix))


def shown_id(session_id: str) -> str:
    """Return the text to show for an ID, which identifies the session.

    That is the start of a UUID, and all of an ID made from a folder's name.
    """
    return session_id[:SHORT_ID] if _UUID.fullmatch(session_id) else session_id


def is_own_name(folder: str) -> bool:
    """Return True for a folder name in the form that aloop gives."""
    return _OWN_NAME.fullmatch(folder) is not None


def short_name(folder: str) -> str:
    """Return the end of a folder's name, the ID of a session without a readable one."""
    return folder.rpartition("_")[2].lower()
