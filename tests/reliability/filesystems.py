"""Hooks around the system calls of storage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from aloop.memory.disk import filesystem
from aloop.memory.disk.filesystem import FileSystem

_CALLS = frozenset(name for name in vars(FileSystem) if not name.startswith("_"))
_SYNCS = frozenset({"fsync", "sync_folder"})


@dataclass(frozen=True, slots=True)
class Call:
    """One system call about to be made."""

    name: str
    arguments: tuple[Any, ...]
    function: Callable[..., Any]

    def make(self) -> Any:
        """Make the call. Syncs are skipped, because no trial ends in a real power cut."""
        return None if self.name in _SYNCS else self.function(*self.arguments)

    def concerns(self, name: str) -> bool:
        """Return True if the last path of the call ends with ``name``."""
        return str(self.arguments[-1]).endswith(name)


Hook = Callable[[Call], Any]


class HookedFileSystem(FileSystem):
    """A file system that passes each call to ``hook`` and returns its result."""

    def __init__(self, hook: Hook = Call.make) -> None:
        self._hook = hook

    def __getattribute__(self, name: str) -> Any:
        attribute = super().__getattribute__(name)
        if name not in _CALLS:
            return attribute
        return lambda *arguments, **options: self._hook(Call(name, arguments, partial(attribute, **options)))


@contextlib.contextmanager
def installed(hook: Hook = Call.make) -> Iterator[None]:
    """Route the system calls of storage through ``hook`` in this context."""
    before, filesystem.SYSTEM = filesystem.SYSTEM, HookedFileSystem(hook)
    try:
        yield
    finally:
        filesystem.SYSTEM = before
