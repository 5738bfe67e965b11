"""A file system that fails on request and records its calls."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from aloop.memory.disk.filesystem import FileSystem

_CALLS = frozenset(name for name in vars(FileSystem) if not name.startswith("_"))
WRITING = frozenset(
    {"create", "open_append", "open_lock", "replace", "rename", "unlink", "rmdir", "mkdir", "chmod", "write"}
)


class FaultyFileSystem(FileSystem):
    """The real file system, with faults.

    ``fail`` makes calls fail until ``heal``. ``before`` maps a call to a function that is called first; ``most`` limits
    the bytes of a single write. ``calls`` are the names and first arguments of all calls.
    """

    def __init__(self) -> None:
        self.faults: dict[str, tuple[int, str]] = {}
        self.before: dict[str, Callable[[], object]] = {}
        self.most: int | None = None
        self.calls: list[tuple[str, object]] = []

    def fail(self, *calls: str, number: int = errno.ENOSPC, on: str = "") -> None:
        """Make ``calls`` fail with an errno if their path contains ``on``."""
        assert set(calls) <= _CALLS
        self.faults.update(dict.fromkeys(calls, (number, on)))

    def heal(self) -> None:
        self.faults.clear()

    def paths(self) -> set[Path]:
        """Return all paths that were passed to calls."""
        return {Path(argument) for _, argument in self.calls if isinstance(argument, str | Path)}

    def __getattribute__(self, name: str) -> Any:
        attribute = super().__getattribute__(name)
        return partial(self._call, name, attribute) if name in _CALLS else attribute

    def _call(self, name: str, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        self.calls.append((name, arguments[0]))
        if name in self.before:
            self.before[name]()
        number, on = self.faults.get(name, (0, ""))
        if number and on in str(arguments[0]):
            if name == "close":
                call(*arguments)  # a failed close still frees the descriptor
            raise OSError(number, os.strerror(number), str(arguments[0]))
        if name == "write" and self.most is not None:
            return call(arguments[0], arguments[1][: self.most])
        return call(*arguments, **options)


class _CoarseStatus:
    """A file status with times in whole seconds."""

    def __init__(self, status: os.stat_result) -> None:
        self._status = status

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._status, name)
        if name.endswith("time_ns"):
            return value - value % 1_000_000_000
        return float(int(value)) if name.endswith("time") else value


class CoarseFileSystem(FaultyFileSystem):
    """A file system that stores times in whole seconds."""

    def lstat(self, path: str | Path) -> os.stat_result:
        return cast("os.stat_result", _CoarseStatus(super().lstat(path)))

    def fstat(self, descriptor: int) -> os.stat_result:
        return cast("os.stat_result", _CoarseStatus(super().fstat(descriptor)))
