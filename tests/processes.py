"""Other processes, looked at from outside."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def is_running(process: int) -> bool:
    """Whether a process is there and more than a zombie, which waits for whoever has adopted it."""
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        status = Path(f"/proc/{process}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False
