"""The sessions that a shell offers when Tab is pressed, by the names of their folders: no session is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from aloop.errors import SHORT_ID, StorageError
from aloop.memory.index import read_index
from aloop.memory.location import resolve_sessions_dir
from aloop.memory.os_port import SYSTEM

_MOST = 100
_OURS = re.compile(r"(\d{4}-\d\d-\d\d)_([0-9a-f]{8})")
_TRASH = ".trash"


def session_words(sessions_dir: Path | None, beginning: str, *, in_trash: bool) -> Iterator[tuple[str, str]]:
    """Yield the first eight characters of ids and the day they are of, the newest first, at most a hundred.

    A folder with a name of its own is known by the index alone. Nothing is offered where nothing can be read.
    """
    try:
        folder = resolve_sessions_dir(sessions_dir)
        ids = {} if in_trash else read_index(SYSTEM, folder) or {}
        names = sorted(SYSTEM.folders(folder / _TRASH if in_trash else folder), reverse=True)
    except (StorageError, OSError):
        return
    offered: set[str] = set()
    for name in names:
        match = _OURS.match(name)
        day, short = match.groups() if match else ("", ids.get(name, "")[:SHORT_ID])
        if short and short.startswith(beginning[:SHORT_ID].lower()) and short not in offered:
            offered.add(short)
            yield short, day
        if len(offered) == _MOST:
            return
