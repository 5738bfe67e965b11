"""What can be the beginning of a session's id, or of the folder's name by which one is known that has none."""

from __future__ import annotations

import re
from collections.abc import Callable

from aloop.errors import InvalidPrefix

_PREFIX = re.compile(r"[0-9a-z-][0-9a-z._-]{0,254}")


def normal_prefix(prefix: str, is_name: Callable[[str], bool]) -> str:
    """Return ``prefix`` in the case of ids; raises InvalidPrefix when it is empty or can not begin an id.

    The whole name of a folder may be anything, such as "x (copy)": ``is_name`` tells whether there is one.
    """
    wanted = prefix.strip().lower()
    if not wanted:
        raise InvalidPrefix("An empty id matches every session; type the first characters of one.")
    if not _PREFIX.fullmatch(wanted) and not is_name(wanted):
        raise InvalidPrefix(f"{prefix!r} is no session id; ids are hexadecimal digits and dashes.")
    return wanted


def short_name(folder: str) -> str:
    """Return the part of a folder's name by which a session without a readable id is reached."""
    return folder.rpartition("_")[2].lower()
