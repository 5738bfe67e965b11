"""The file that a save replaced, and the signatures that show changes of a file."""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from aloop.memory.disk.filesystem import FileSystem

GROWTH = 2
"""The factor by which a file may have grown since it was seen, to be read again at any limit."""

Signature = tuple[int, int, int, int, int]


def signature(status: os.stat_result) -> Signature:
    """Return the values that change when a file is written, or replaced by another."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


_TICK_NS = 20_000_000
"""Nanoseconds within which two changes may leave the same time: longer than a tick of the kernel's clock."""
_SECOND_NS = 1_000_000_000


def is_coarse(seen: Signature) -> bool:
    """Return True if the file system seems to store times in whole seconds."""
    return all(moment % _SECOND_NS == 0 for moment in seen[3:])


def is_settled(seen: Signature) -> bool:
    """Return True if a later change will certainly change the signature.

    It is False just after a change, and always with coarse times: then only the content shows a change of equal length.
    """
    return not is_coarse(seen) and time.time_ns() - max(seen[3:]) > _TICK_NS


def last_write(seen: Signature) -> tuple[int, int]:
    """Return size and modification time, which survive the loss of a name."""
    return seen[2:4]


def seen_after(fs: FileSystem, path: Path, written: os.stat_result) -> Signature:
    """Return the signature of a file that aloop has just written.

    ``written`` is its status before the rename, which changes the file's times. If another process has replaced or
    changed the file since, the result differs from its present signature, so that the next comparison finds the change.
    """
    try:
        now = fs.lstat(path)
    except OSError:
        return signature(written)
    same = os.path.samestat(now, written) and now.st_size == written.st_size and now.st_mtime_ns == written.st_mtime_ns
    return signature(now if same else written)


@dataclass(slots=True)
class _WatchedFile:
    """A replaced file; ``checksum`` is that of its content if ``seen`` is not settled."""

    descriptor: int
    seen: tuple[int, int]
    base: int
    checksum: int | None


@dataclass(slots=True)
class ReplacedFile:
    """The version of a session's file that the last save replaced, kept open.

    An editor that has the old file open may still write to it. It is watched for such late edits. Versions no longer
    watched are closed when no one waits for it, because the disk then frees their blocks.
    """

    fs: FileSystem
    _watched: _WatchedFile | None = None
    _unwatched: list[int] = field(default_factory=list)

    @property
    def held(self) -> int:
        """The number of open files."""
        return len(self._unwatched) + (self._watched is not None)

    def take(self, path: Path) -> int | None:
        """Open the file about to be replaced, or return None if there is none.

        Needed even if it will not be watched: otherwise the save would wait while the disk frees its blocks. Raises
        OSError.
        """
        self._close_unwatched()  # those of a save that could not be synced
        try:
            return self.fs.open_read(path)
        except FileNotFoundError:
            return None

    def put(
        self, descriptor: int | None, seen: Signature, base: int, *, watch: bool, checksum: int | None = None
    ) -> None:
        """Keep the result of ``take`` after the replacement, instead of the previous file.

        ``seen`` is its signature when it was last read, ``base`` the number of messages it then had, ``checksum`` that
        of its content if the signature is not settled.
        """
        self._stop_watching()
        if descriptor is not None and watch:
            self._watched = _WatchedFile(descriptor, last_write(seen), base, checksum)
        elif descriptor is not None:
            self._unwatched.append(descriptor)

    def late_edit(self) -> tuple[bytes, int] | None:
        """Return the watched file's new content and ``base``, or None if unchanged.

        Raises OSError.
        """
        watched = self._watched
        if watched is None:
            return None
        status = signature(self.fs.fstat(watched.descriptor))
        now = last_write(status)
        if now == watched.seen and watched.checksum is None:
            return None
        settled = is_settled(status)
        data = self.fs.read_open(watched.descriptor, allowed=GROWTH * watched.seen[0])
        found, before = zlib.crc32(data), (watched.seen, watched.checksum)
        watched.seen, watched.checksum = now, None if settled else found
        return None if before == (now, found) else (data, watched.base)

    def give_back(self) -> None:
        """Close the unwatched files on a thread, after the new version is durable."""
        while self._unwatched:
            self.fs.close_behind(self._unwatched.pop())

    def forget(self) -> None:
        """Close all files."""
        self._stop_watching()
        self._close_unwatched()

    def _stop_watching(self) -> None:
        if self._watched is not None:
            self._unwatched.append(self._watched.descriptor)
            self._watched = None

    def _close_unwatched(self) -> None:
        while self._unwatched:
            with contextlib.suppress(OSError):  # it was only read
                self.fs.close(self._unwatched.pop())
