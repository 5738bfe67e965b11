"""A disk that fails when told to, and remembers what it was asked."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from aloop.memory.disk.filesystem import FileSystem

_CALLS = frozenset(name for name in vars(FileSystem) if not name.startswith("_"))
WRITING = frozenset(
    {"create", "open_append", "open_lock", "replace", "rename", "unlink", "rmdir", "mkdir", "chmod", "write"}
)


class FaultyPort(FileSystem):
    """The operating system, with faults.

    ``fail`` makes a call fail, each time until ``heal``. ``before`` maps a call to something done just before it, and
    ``most`` is how many bytes a single write takes. ``calls`` are the names and first arguments of all calls.
    """

    def __init__(self) -> None:
        self.faults: dict[str, tuple[int, str]] = {}
        self.before: dict[str, Callable[[], object]] = {}
        self.most: int | None = None
        self.calls: list[tuple[str, object]] = []

    def fail(self, *calls: str, number: int = errno.ENOSPC, on: str = "") -> None:
        """Make ``calls`` fail with an errno, where the path that they are given contains ``on``."""
        assert set(calls) <= _CALLS
        self.faults.update(dict.fromkeys(calls, (number, on)))

    def heal(self) -> None:
        self.faults.clear()

    def paths(self) -> set[Path]:
        """Return every path that a call was given."""
        return {Path(argument) for _, argument in self.calls if isinstance(argument, str | Path)}

    def __getattribute__(self, name: str) -> Any:
        attribute = super().__getattribute__(name)
        return partial(self._call, name, attribute) if name in _CALLS else attribute

    def _call(self, name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        self.calls.append((name, arguments[0]))
        if name in self.before:
            self.before[name]()
        number, on = self.faults.get(name, (0, ""))
        if number and on in str(arguments[0]):
            if name == "close":
                call(*arguments)  # a descriptor is gone, also when closing it fails
            raise OSError(number, os.strerror(number), str(arguments[0]))
        if name == "write" and self.most is not None:
            return call(arguments[0], arguments[1][: self.most])
        return call(*arguments)
