"""The first lines of a session file, and the newest session, found by them.

The banner shows the newest session before anything slow is imported, so this module does not import YAML.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from aloop.regular_file import read_regular

HEADER_SIZE = 512
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


class Latest(NamedTuple):
    """The newest session: ID, title, and the Unix time of its last change."""

    id: str
    title: str
    changed: float


def header_title(match: re.Match[bytes]) -> str:
    """Return the title in a header, empty if it has none."""
    title: bytes = match[4] or (match[5] or b"").replace(b"''", b"'")
    return title.decode(errors="replace")


def peek_latest(sessions_dir: Path) -> Latest | None:
    """Return the newest session, None if there is none or its header is unusual.

    Of many sessions, only those that were created last are considered.
    """
    try:
        with os.scandir(sessions_dir) as entries:
            names = sorted((entry.name for entry in entries if entry.name[:1].isdigit()), reverse=True)
        # A save replaces the file, which changes its folder.
        times = {name: os.lstat(sessions_dir / name).st_mtime for name in names[:_MOST_FOLDERS]}
        if not times:
            return None
        newest = max(times, key=times.__getitem__)
        match = HEADER.match(read_regular(sessions_dir / newest / _FILE, HEADER_SIZE))
    except OSError:
        return None
    return Latest(match[1].decode(), header_title(match), times[newest]) if match else None
