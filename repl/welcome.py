"""Whether somebody starts aloop for the first time: a file in their own state folder, never in a project, tells."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from aloop.config import Settings

_NAME = "welcomed"


def is_first_start(settings: Settings) -> bool:
    """Whether no start of this user is remembered; whoever has a history of typed lines was here before."""
    # Not Path.exists, which raises where a folder on the way may not be looked into.
    return not any(map(os.path.exists, (_mark(settings), settings.history_file)))


def remember_start(settings: Settings) -> None:
    """Remember that somebody was welcomed."""
    mark = _mark(settings)
    # Where nothing can be kept, each start is like the first one: three lines, and no harm.
    with suppress(OSError):
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def _mark(settings: Settings) -> Path:
    return settings.history_file.with_name(_NAME)
