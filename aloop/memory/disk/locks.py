"""Kernel locks on sessions, released when their process exits.

A session folder has two lock files. ``.lock`` is held during a save. ``.open`` is held by a shell while it has the
session open, and contains its process ID. They are separate files because session.yaml is replaced by each save, and
a lock on it would be lost. A shell locks the folder too, because lock files may be deleted, as by ``git clean``.

Where the file system has no locks, saves do not wait for each other, and a process ID in ``.open`` counts as a lock
while its process is running.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aloop.errors import SessionBusy
from aloop.memory.disk.filesystem import NO_LOCKS, FileSystem, is_running, note_limit, write_all

WRITE_LOCK = ".lock"
OPEN_LOCK = ".open"
LOCK_NAMES = frozenset({WRITE_LOCK, OPEN_LOCK})

PATIENCE = 10.0
"""Seconds to wait for another process to finish a save."""

_POLL_INTERVAL = 0.005
_MAX_POLLS = 400
"""Looks at a lock whose holder has no process ID in it: 2 s, since a busy disk can delay even a short hold."""
_MAX_HOLDER = 200
_PROCESS = re.compile(r"process (\d{1,9}),")

# Kernel locks do not separate threads of one process, so each thread takes one of these first.
_thread_locks: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)


def acquire(fs: FileSystem, descriptor: int) -> bool | None:
    """Lock an open file; return False if another process has it, None without locks.

    Raises OSError.
    """
    try:
        return fs.try_lock(descriptor)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        note_limit("locks")
        return None


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
            if acquire(fs, descriptor) is not False and _is_current(fs, descriptor, path):
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


@dataclass(slots=True)
class _Held:
    """Open lock files; ``folder`` is None if the folder cannot be locked.

    ``is_weak`` is True if only the process ID in the file protects the session.
    """

    descriptor: int
    folder: int | None
    is_weak: bool
    count: int = 0


class OpenLock:
    """A shell's lock on its open session; one process may take it several times."""

    _held: dict[Path, _Held] = {}  # noqa: RUF012 - shared by all instances on purpose
    _table = threading.Lock()

    def __init__(self, fs: FileSystem, folder: Path, session_id: str, *, sign: bool = True) -> None:
        """Take the lock; raises OSError, SessionBusy if another process has it.

        ``sign=False`` does not write the process ID into the file: for a short hold, for which other processes wait.
        """
        self._fs = fs
        self._path = folder / OPEN_LOCK
        self._is_released = False
        with self._table:
            held = self._held.get(self._path) or self._take(session_id, sign)
            held.count += 1
            self._held[self._path] = held

    def _take(self, session_id: str, sign: bool) -> _Held:
        descriptor, folder = self._fs.open_lock(self._path), None
        try:
            is_locked = self._wait_for(descriptor)
            is_taken = self._names_another_process(descriptor) if is_locked is None else not is_locked
            if not is_taken and is_locked:
                is_taken, folder = self._wait_for_folder(descriptor)
            if is_taken:
                raise SessionBusy(session_id, self._holder(descriptor) or "unknown process")
            if not _is_current(self._fs, descriptor, self._path):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._path))
            if sign:
                with contextlib.suppress(OSError):  # if the disk is full, the lock works without a process ID
                    self._sign(descriptor)
        except BaseException:
            self._close(folder, descriptor)
            raise
        return _Held(descriptor, folder, is_weak=is_locked is None)

    def _wait_for_folder(self, descriptor: int) -> tuple[bool, int | None]:
        """Lock the folder, waiting briefly for a holder without a process ID.

        It may have just removed its lock file, to remove an unused folder. Returns as ``_lock_folder`` does.
        """
        for _ in range(_MAX_POLLS):
            is_taken, folder = self._lock_folder()
            if not is_taken or self._holder(descriptor):
                return is_taken, folder
            threading.Event().wait(_POLL_INTERVAL)
        return True, None

    def _lock_folder(self) -> tuple[bool, int | None]:
        """Lock the folder; return True if another process has locked it.

        The second value is the descriptor if it is locked now.
        """
        try:
            folder = self._fs.open_folder(self._path.parent)
        except OSError:  # the lock file protects the session, too
            return False, None
        is_locked = None
        try:
            is_locked = self._fs.try_lock(folder)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        finally:
            if not is_locked:
                self._close(folder)
        return is_locked is False, folder if is_locked else None

    def _names_another_process(self, descriptor: int) -> bool:
        """Return True if the lock file has the ID of another running process."""
        process = _PROCESS.match(self._holder(descriptor))
        return process is not None and int(process[1]) != os.getpid() and is_running(int(process[1]))

    def _wait_for(self, descriptor: int) -> bool | None:
        """Lock the file, waiting briefly for a holder that has not written its process ID.

        Returns as ``acquire`` does.
        """
        for _ in range(_MAX_POLLS):
            if (is_locked := acquire(self._fs, descriptor)) is not False:
                return is_locked
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

    def follow(self, folder: Path) -> None:
        """Use ``folder`` as the new path of the session's folder, which was moved.

        The kernel's lock is on the folder itself, so that it is never free.
        """
        with self._table:
            if not self._is_released and self._held[self._path].count == 1:
                held = self._held.pop(self._path)
                self._path = folder / OPEN_LOCK
                self._held[self._path] = held

    def release(self) -> None:
        """Release the lock; does nothing if already released."""
        with self._table:
            if self._is_released:
                return
            self._is_released = True
            held = self._held[self._path]
            held.count -= 1
            if held.count:
                return
            del self._held[self._path]
            if held.is_weak:
                with contextlib.suppress(OSError):  # the process ID no longer counts when this process has exited
                    self._fs.truncate(held.descriptor)
            self._close(held.folder, held.descriptor)

    def _close(self, *descriptors: int | None) -> None:
        for descriptor in descriptors:
            if descriptor is not None:
                with contextlib.suppress(OSError):  # nothing was written that could be lost
                    self._fs.close(descriptor)
