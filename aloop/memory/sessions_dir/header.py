"""The first lines of a session file, and the newest session, found by them.

The banner shows the newest session before anything slow is imported, so this module does not import YAML.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from aloop.errors import SHORT_ID
from aloop.memory.sessions_dir.ids import is_own_name, short_name
from aloop.regular_file import read_regular

HEADER_SIZE = 1024
"""Bytes that hold the header of a file written by aloop."""

# The first lines of every file that aloop writes. Other files are read whole.
HEADER = re.compile(
    rb"(?:#[^\n]*\n)*"
    rb"id: ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\n"
    rb'created_at: "([^"\\\n]+)"\n'
    rb'updated_at: "([^"\\\n]+)"\n'
    rb"(?:title: (?:\"([^\"\\\n]*)\"|'((?:[^'\n]|'')*)')\n)?"
)

_FILE = "session.yaml"
_MOST_FOLDERS = 1_000  # of which the times are compared
_TOLERANCE = 300.0
"""Seconds by which clocks of different machines normally differ, as in ``aloop.memory.session``."""


class Latest(NamedTuple):
    """The newest session: ID, title, and the Unix time of its last change."""

    id: str
    title: str
    changed: float


def header_title(match: re.Match[bytes]) -> str:
    """Return the title in a header, empty if it has none."""
    title: bytes = match[4] or (match[5] or b"").replace(b"''", b"'")
    return title.decode(errors="replace")


_ORIGIN = re.compile(rb'\nimported:\n  from: "([^"\n]*)"((?:\n  [^\n]*)*)')
_KIND = re.compile(rb'\n  kind: "?(branch|subagent)\b')


def header_origin(data: bytes) -> tuple[str | None, str | None]:
    """Return the format and the kind of an imported session, in a file by aloop.

    They are as in ``aloop.memory.session.SessionSummary``.
    """
    # Most sessions were not imported.
    origin = _ORIGIN.search(data) if b"\nimported:" in data else None
    if origin is None:
        return None, None
    kind = _KIND.search(origin[2])
    return origin[1].decode(errors="replace"), kind[1].decode() if kind else None


ShortIds = Callable[[], Collection[str]]


def peek_latest(sessions_dir: Path, is_own: Callable[[str], bool], own_ids: ShortIds) -> Latest | None:
    """Return the session that ``aloop --resume`` opens.

    It is the newest of those for whose ID ``is_own`` returns True, or of all if there are none. ``own_ids`` returns the
    first characters of these IDs. Returns None if there is no session, or if headers alone do not tell. If there are
    many sessions, only the newest folders are considered.
    """
    try:
        with os.scandir(sessions_dir) as entries:
            names = sorted((entry.name for entry in entries if entry.name[:1].isdigit()), reverse=True)
        # A save replaces the file, which changes its folder.
        # Paths are texts, because making 1,000 others takes 10 ms.
        times = {name: os.lstat(f"{sessions_dir}/{name}").st_mtime for name in names[:_MOST_FOLDERS]}
        return _newest(str(sessions_dir), times, is_own, own_ids)
    except (OSError, ValueError, OverflowError):
        return None


def _newest(
    sessions_dir: str, times: Mapping[str, float], is_own: Callable[[str], bool], own_ids: ShortIds
) -> Latest | None:
    """Return the newest session, with ``times`` of the folders.

    The time in a header decides, because a copy writes old sessions now. It is hardly ever later than that of the
    folder, so that normally one header is enough. Raises OSError, ValueError and OverflowError.
    """
    # Imported here for startup time: needed only if there is a session.
    from datetime import datetime

    latest: re.Match[bytes] | None = None
    own: Collection[str] | None = None
    best = (False, False, 0.0, "")
    limit = time.time() + _TOLERANCE
    for name in sorted(times, key=times.__getitem__, reverse=True):
        is_older = best[1] and times[name] + _TOLERANCE < best[2]
        if is_older and best[0]:
            break
        if is_older:
            # Only one that the user's aloop wrote can come before it. The name made by aloop ends with the ID.
            own = own_ids() if own is None else own
            if is_own_name(name) and short_name(name)[:SHORT_ID] not in own:
                continue
        try:
            data = read_regular(f"{sessions_dir}/{name}/{_FILE}", HEADER_SIZE)
        except (FileNotFoundError, NotADirectoryError):
            continue
        match = HEADER.match(data)
        if match is None:
            return None
        session_id, changed = match[1].decode(), datetime.fromisoformat(match[3].decode()).timestamp()
        # Those dated in the future come last.
        rank = (is_own(session_id), changed <= limit, changed, name)
        if rank > best:
            latest, best = match, rank
    return Latest(latest[1].decode(), header_title(latest), best[2]) if latest else None
