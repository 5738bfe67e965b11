"""ID prefixes, and the folder names used instead of IDs."""

from __future__ import annotations

import re
from collections.abc import Callable

from aloop.errors import InvalidPrefix

_PREFIX = re.compile(r"[0-9a-z-][0-9a-z._-]{0,254}")


def normal_prefix(prefix: str, is_name: Callable[[str], bool]) -> str:
    """Return ``prefix`` in lower case.

    Raises InvalidPrefix if it is empty or cannot start an ID. A folder may have any name, such as "x (copy)":
    ``is_name`` returns True if a session has this whole name.
    """
    wanted = prefix.strip().lower()
    if not wanted:
        raise InvalidPrefix("An empty ID matches every session. Type the first characters of one.")
    if not _PREFIX.fullmatch(wanted) and not is_name(wanted):
        raise InvalidPrefix(f"{prefix!r} is not a session ID. IDs consist of hexadecimal digits and dashes.")
    return wanted


def short_name(folder: str) -> str:
    """Return the end of a folder's name, the ID of a session without a readable one."""
    return folder.rpartition("_")[2].lower()
