"""The state of other processes."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path


def is_running(process: int) -> bool:
    """Return True if a process exists and is not a zombie."""
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        status = Path(f"/proc/{process}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def children_of(process: int) -> list[int]:
    """Return the running child processes of ``process``."""
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = (line.split() for line in table.splitlines())
    return [int(child) for child, parent in pairs if int(parent) == process and is_running(int(child))]


def processes_with(text: str) -> list[str]:
    """Return the command lines of running processes that contain ``text``."""
    table = subprocess.run(["ps", "-A", "-o", "stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = (line.split(maxsplit=1) for line in table.splitlines())
    return [row[1] for row in rows if len(row) > 1 and text in row[1] and not row[0].startswith("Z")]


def wait_until_gone(process: int, patience: float = 20.0) -> None:
    """Block until a process that is not our child has ended."""
    ends_at = time.monotonic() + patience
    while is_running(process):
        if time.monotonic() > ends_at:
            raise TimeoutError(f"process {process} is still running")
        time.sleep(0.01)
