"""Kernel locks on sessions, released when their process exits.

A session folder has two lock files. ``.lock`` is held during a save. ``.open`` is held by a shell while it has the
session open, and contains its process ID. They are separate files because session.yaml is replaced by each save, and
a lock on it would be lost.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from aloop.errors import SessionBusy
from aloop.memory.disk.filesystem import FileSystem, write_all

WRITE_LOCK = ".lock"
OPEN_LOCK = ".open"
LOCK_NAMES = frozenset({WRITE_LOCK, OPEN_LOCK})

PATIENCE = 10.0
"""Seconds to wait for another process to finish a save."""

_POLL_INTERVAL = 0.005
_MAX_POLLS = 10
_MAX_HOLDER = 200

# Kernel locks do not separate threads of one process, so each thread takes one of these first.
_thread_locks: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)


@contextlib.contextmanager
def write_lock(fs: FileSystem, folder: Path, session_id: str) -> Iterator[None]:
    """Hold a session's write lock; raises OSError.

    Raises SessionBusy after waiting for PATIENCE seconds.
    """
    path = folder / WRITE_LOCK
    thread_lock = _thread_locks[path]
    if not thread_lock.acquire(timeout=PATIENCE):
        raise SessionBusy(session_id, "another thread is saving it")
    try:
        descriptor = _acquire(fs, path, session_id)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # nothing was written to it
                fs.close(descriptor)
    finally:
        thread_lock.release()


def _acquire(fs: FileSystem, path: Path, session_id: str) -> int:
    deadline = 0.0
    while True:
        descriptor = fs.open_lock(path)
        try:
            if fs.try_lock(descriptor) and _is_current(fs, descriptor, path):
                return descriptor
        except BaseException:
            fs.close(descriptor)
            raise
        fs.close(descriptor)
        deadline = deadline or time.monotonic() + PATIENCE
        if time.monotonic() > deadline:
            raise SessionBusy(session_id, "which takes too long to save it and may be suspended")
        threading.Event().wait(_POLL_INTERVAL)


def _is_current(fs: FileSystem, descriptor: int, path: Path) -> bool:
    """Return True unless the locked file was moved, for example to the trash."""
    try:
        return os.path.samestat(fs.fstat(descriptor), fs.lstat(path))
    except FileNotFoundError:
        return False


class OpenLock:
    """A shell's lock on its open session; one process may take it several times."""

    _held: dict[Path, tuple[int, int]] = {}  # noqa: RUF012 - shared by all instances on purpose
    _table = threading.Lock()

    def __init__(self, fs: FileSystem, folder: Path, session_id: str, *, sign: bool = True) -> None:
        """Take the lock; raises OSError, SessionBusy if another process has it.

        ``sign=False`` does not write the process ID into the file: for a short hold, for which other processes wait.
        """
        self._fs = fs
        self._path = folder / OPEN_LOCK
        self._is_released = False
        with self._table:
            descriptor, count = self._held.get(self._path) or (self._take(session_id, sign), 0)
            self._held[self._path] = descriptor, count + 1

    def _take(self, session_id: str, sign: bool) -> int:
        descriptor = self._fs.open_lock(self._path)
        try:
            if not self._wait_for(descriptor):
                raise SessionBusy(session_id, self._holder(descriptor) or "unknown process")
            if not _is_current(self._fs, descriptor, self._path):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._path))
            if sign:
                with contextlib.suppress(OSError):  # if the disk is full, the lock works without a process ID
                    self._sign(descriptor)
        except BaseException:
            self._fs.close(descriptor)
            raise
        return descriptor

    def _wait_for(self, descriptor: int) -> bool:
        """Lock the file, waiting briefly for a holder that has not written its process ID."""
        for _ in range(_MAX_POLLS):
            if self._fs.try_lock(descriptor):
                return True
            if self._holder(descriptor):
                return False
            threading.Event().wait(_POLL_INTERVAL)
        return False

    def _holder(self, descriptor: int) -> str:
        return self._fs.read_open(descriptor, _MAX_HOLDER).decode(errors="replace").strip()

    def _sign(self, descriptor: int) -> None:
        since = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
        self._fs.truncate(descriptor)
        write_all(self._fs, descriptor, [f"process {os.getpid()}, since {since}\n".encode()])

    def release(self) -> None:
        """Release the lock; does nothing if already released."""
        with self._table:
            if self._is_released:
                return
            self._is_released = True
            descriptor, count = self._held[self._path]
            if count > 1:
                self._held[self._path] = descriptor, count - 1
                return
            del self._held[self._path]
            with contextlib.suppress(OSError):  # nothing was written that could be lost
                self._fs.close(descriptor)
