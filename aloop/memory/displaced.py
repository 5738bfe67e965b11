"""The files that saves took the name from, still open: watched for late edits, and closed when nobody waits for it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from aloop.memory.os_port import OsPort
from aloop.memory.signature import Signature, last_write, signature


@dataclass(slots=True)
class _Watched:
    descriptor: int
    seen: tuple[int, int]
    base: int


@dataclass(slots=True)
class Displaced:
    """The displaced files of one session. An editor that had one open may write into it, and believe that it saved."""

    port: OsPort
    _watched: _Watched | None = None
    _spent: list[int] = field(default_factory=list)

    @property
    def held(self) -> int:
        """How many files are open."""
        return len(self._spent) + (self._watched is not None)

    def take(self, path: Path) -> int | None:
        """Open the file that is about to be displaced, None when there is none; raises OSError.

        It is kept open also where nobody will watch it: the disk then takes its blocks back later, not while the one
        who saves waits.
        """
        self._close_spent()  # those of a save that could not be synced
        try:
            return self.port.open_read(path)
        except FileNotFoundError:
            return None

    def put(self, descriptor: int | None, seen: Signature, base: int, *, watch: bool) -> None:
        """Keep what ``take`` returned, after the replacement, in place of the one before.

        ``seen`` is what it was like before the last look at it, when it held ``base`` messages.
        """
        if self._watched is not None:
            self._spent.append(self._watched.descriptor)
            self._watched = None
        if descriptor is not None and watch:
            self._watched = _Watched(descriptor, last_write(seen), base)
        elif descriptor is not None:
            self._spent.append(descriptor)

    def late_edit(self) -> tuple[bytes, int] | None:
        """Return what was written into the watched file since the last look, and its ``base``; raises OSError."""
        watched = self._watched
        if watched is None:
            return None
        now = last_write(signature(self.port.fstat(watched.descriptor)))
        if now == watched.seen:
            return None
        watched.seen = now
        return self.port.read_open(watched.descriptor), watched.base

    def give_back(self) -> None:
        """Close what nobody looks at any more, on a thread: for after the new version is safe."""
        while self._spent:
            self.port.close_behind(self._spent.pop())

    def forget(self) -> None:
        """Close all of them."""
        if self._watched is not None:
            self._spent.append(self._watched.descriptor)
            self._watched = None
        self._close_spent()

    def _close_spent(self) -> None:
        while self._spent:
            with contextlib.suppress(OSError):  # it was only read
                self.port.close(self._spent.pop())
