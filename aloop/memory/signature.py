"""What tells that somebody wrote a file: compared before its bytes are."""

from __future__ import annotations

import os
from pathlib import Path

from aloop.memory.os_port import OsPort

Signature = tuple[int, int, int, int, int]


def signature(status: os.stat_result) -> Signature:
    """Return what changes when anybody writes a file, or puts another in its place."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def last_write(seen: Signature) -> tuple[int, int]:
    """Return the part of a signature that only a write changes: losing its name changes nothing of this."""
    return seen[2:4]


def seen_after(port: OsPort, path: Path, written: os.stat_result) -> Signature:
    """Return the signature under which our own version of a file is known from now on.

    Getting its name changes a file's times. Where it is not ours any more, or written into, the signature is one that
    the next look will find changed.
    """
    try:
        now = port.lstat(path)
    except OSError:
        return signature(written)
    ours = os.path.samestat(now, written) and now.st_size == written.st_size and now.st_mtime_ns == written.st_mtime_ns
    return signature(now if ours else written)
