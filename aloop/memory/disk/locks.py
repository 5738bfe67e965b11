"""Who may write a session: locks that the kernel gives back when their holder dies.

Two of them in a session's folder. ``.lock`` is held for the length of a save, by whoever saves. ``.open`` is held by a
shell for as long as it has the session open, and says who that is. They are files of their own, for a lock on
session.yaml itself would be lost with its first replacement.
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
"""Seconds to wait for another process to end its save before it is taken for stuck."""

_PAUSE = 0.005
_LOOKS = 10
_MAX_HOLDER = 200

# Threads of one process share its kernel locks, so they take turns among themselves first.
_turns: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)


@contextlib.contextmanager
def write_lock(fs: FileSystem, folder: Path, session_id: str) -> Iterator[None]:
    """Hold a session's write lock; raises SessionBusy when another process does not let go of it, and OSError."""
    path = folder / WRITE_LOCK
    turn = _turns[path]
    if not turn.acquire(timeout=PATIENCE):
        raise SessionBusy(session_id, "another thread is saving it")
    try:
        descriptor = _acquire(fs, path, session_id)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # nothing was written to it
                fs.close(descriptor)
    finally:
        turn.release()


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
            raise SessionBusy(session_id, "it has been saving for too long; is it stopped?")
        threading.Event().wait(_PAUSE)


def _is_current(fs: FileSystem, descriptor: int, path: Path) -> bool:
    """Whether a locked file is still the one of that name: its folder may have gone to the trash meanwhile."""
    try:
        return os.path.samestat(fs.fstat(descriptor), fs.lstat(path))
    except FileNotFoundError:
        return False


class OpenLock:
    """A shell's hold on the session that it has open. A process may hold one session several times."""

    _held: dict[Path, tuple[int, int]] = {}  # noqa: RUF012 - the process's own table, by design
    _table = threading.Lock()

    def __init__(self, fs: FileSystem, folder: Path, session_id: str, *, sign: bool = True) -> None:
        """Take hold; raises SessionBusy with its holder when another process has the session open, and OSError.

        ``sign=False`` leaves out who holds it: for a moment's hold, which others wait out.
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
                raise SessionBusy(session_id, self._holder(descriptor) or "it does not say which")
            if not _is_current(self._fs, descriptor, self._path):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._path))
            if sign:
                with contextlib.suppress(OSError):  # a full disk: the lock holds without a name on it
                    self._sign(descriptor)
        except BaseException:
            self._fs.close(descriptor)
            raise
        return descriptor

    def _wait_for(self, descriptor: int) -> bool:
        """Lock it; one whose holder has not signed is about to be signed, or to be removed with its folder."""
        for _ in range(_LOOKS):
            if self._fs.try_lock(descriptor):
                return True
            if self._holder(descriptor):
                return False
            threading.Event().wait(_PAUSE)
        return False

    def _holder(self, descriptor: int) -> str:
        return self._fs.read_open(descriptor)[:_MAX_HOLDER].decode(errors="replace").strip()

    def _sign(self, descriptor: int) -> None:
        since = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
        self._fs.truncate(descriptor)
        write_all(self._fs, descriptor, [f"process {os.getpid()}, since {since}\n".encode()])

    def release(self) -> None:
        """Let go; a second time does nothing."""
        with self._table:
            if self._is_released:
                return
            self._is_released = True
            descriptor, count = self._held[self._path]
            if count > 1:
                self._held[self._path] = descriptor, count - 1
                return
            del self._held[self._path]
            with contextlib.suppress(OSError):  # nothing is lost with it
                self._fs.close(descriptor)
