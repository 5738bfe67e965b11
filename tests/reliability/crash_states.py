"""A model of the disk states that are possible after a power cut.

Bytes written since the last fsync of a file may be complete, missing, partial or zeros. Each change of names since the
last sync of its folder may be on disk or not, independently of the bytes, so a rename may precede its data. A name that
moves between folders is never in both.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any


@dataclass(eq=False)
class File:
    """The synced bytes of a file, and its bytes without a power cut."""

    safe: bytes = b""
    full: bytes = b""

    def versions(self) -> list[bytes]:
        """Return the possible contents, the complete one first."""
        if self.safe == self.full:
            return [self.full]
        grown = len(self.full) - len(self.safe)
        half = self.full[: len(self.safe) + grown // 2]
        return [self.full, self.safe, half, self.safe + bytes(max(grown, 0))]


@dataclass(eq=False)
class Folder:
    """The synced names of a folder."""

    names: dict[str, File | Folder] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """A removed and an added name, made durable by a sync of ``folder``."""

    folder: Folder
    comes: tuple[str, File | Folder] | None = None
    goes: tuple[Folder, str] | None = None

    def make(self, names: dict[int, dict[str, File | Folder]]) -> None:
        if self.goes:
            names.setdefault(id(self.goes[0]), dict(self.goes[0].names)).pop(self.goes[1], None)
        if self.comes:
            names.setdefault(id(self.folder), dict(self.folder.names))[self.comes[0]] = self.comes[1]


State = dict[str, bytes | None]
"""File contents by path below the root; None for a folder."""


class Disk:
    """Replays system calls below ``root`` and derives the states after a power cut."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._top = Folder()
        self._pending: list[Change] = []
        self._open: dict[int, File] = {}

    def follow(self, name: str, arguments: tuple[Any, ...], result: Any) -> bool:
        """Record a finished call. Return False if it cannot change the disk."""
        match name, arguments:
            case ("create", (path,)):
                self._open[result] = File()
                self._change(path, self._open[result])
            case ("open_append" | "open_lock", (path,)):
                found = self._find(path)
                self._open[result] = found if isinstance(found, File) else File()
                if found is None:
                    self._change(path, self._open[result])
            case ("write", (descriptor, data)):
                self._open[descriptor].full += bytes(data[:result])
            case ("truncate", (descriptor,)):
                self._open[descriptor].full = b""
            case ("fsync", (descriptor,)):
                self._open[descriptor].safe = self._open[descriptor].full
            case ("close", (descriptor,)):
                self._open.pop(descriptor, None)
                return False
            case ("mkdir", (path,)):
                self._change(path, Folder())
            case ("unlink" | "rmdir", (path,)):
                self._pending.append(Change(self._folder(path.parent), goes=(self._folder(path.parent), path.name)))
            case ("rename" | "replace", (source, target)):
                moved = self._find(source)
                assert moved is not None
                self._change(target, moved, goes=(self._folder(source.parent), source.name))
            case ("sync_folder", (path,)):
                self._sync(self._folder(path) if path != self._root.parent else self._top)
            case _:
                return False
        return True

    def states(self, chance: random.Random, limit: int) -> Iterator[State]:
        """Yield all states possible now, or ``limit`` of them including the extremes."""
        files = [file for file in self._files() if len(file.versions()) > 1]
        makes = [(True, False)] * len(self._pending)
        contents = [range(4)] * len(files)
        total = 2 ** len(makes) * 4 ** len(files)
        if total <= limit:
            for made in itertools.product(*makes):
                for held in itertools.product(*contents):
                    yield self._state(made, dict(zip(map(id, files), held, strict=True)))
            return
        for fixed_made, fixed_held in ((True, 0), (True, 1), (True, 3), (False, 0)):
            yield self._state([fixed_made] * len(makes), {id(file): fixed_held for file in files})
        for _ in range(limit - 4):
            yield self._state([chance.random() < 0.5 for _ in makes], {id(file): chance.randrange(4) for file in files})

    def _change(self, path: Path, node: File | Folder, goes: tuple[Folder, str] | None = None) -> None:
        self._pending.append(Change(self._folder(path.parent), (path.name, node), goes))

    def _sync(self, folder: Folder) -> None:
        for change in [change for change in self._pending if change.folder is folder]:
            if change.goes:
                change.goes[0].names.pop(change.goes[1], None)
            if change.comes:
                folder.names[change.comes[0]] = change.comes[1]
            self._pending.remove(change)

    def _live_names(self) -> dict[int, dict[str, File | Folder]]:
        names: dict[int, dict[str, File | Folder]] = {}
        for change in self._pending:
            change.make(names)
        return names

    def _find(self, path: Path) -> File | Folder | None:
        names = self._live_names()
        node: File | Folder | None = self._top
        for part in path.relative_to(self._root).parts:
            if not isinstance(node, Folder):
                return None
            node = names.get(id(node), node.names).get(part)
        return node

    def _folder(self, path: Path) -> Folder:
        found = self._find(path)
        assert isinstance(found, Folder), path
        return found

    def _files(self) -> list[File]:
        def walk(folder: Folder) -> Iterator[File]:
            for node in names.get(id(folder), folder.names).values():
                if isinstance(node, Folder):
                    yield from walk(node)
                else:
                    yield node

        names = self._live_names()
        return list(dict.fromkeys(walk(self._top)))

    def _state(self, made: Any, held: dict[int, int]) -> State:
        names: dict[int, dict[str, File | Folder]] = {}
        for change, is_made in zip(self._pending, made, strict=True):
            if is_made:
                change.make(names)
        state: State = {}
        seen: set[int] = set()

        def walk(folder: Folder, path: PurePosixPath) -> None:
            for name, node in names.get(id(folder), folder.names).items():
                if isinstance(node, File):
                    versions = node.versions()
                    state[str(path / name)] = versions[min(held.get(id(node), 0), len(versions) - 1)]
                elif id(node) not in seen:
                    # A folder moved without a sync appears under only one name.
                    seen.add(id(node))
                    state[str(path / name)] = None
                    walk(node, path / name)

        walk(self._top, PurePosixPath())
        return state
