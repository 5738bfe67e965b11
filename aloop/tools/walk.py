"""A walk through the folders below one, in order of name, that follows no link."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aloop.tools.globs import Glob, State

IGNORED = frozenset({".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".aloop"})
"""Folders that are named but not entered: machines fill them, and nobody means them."""

MOST_VISITED = 200_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One match; ``relative`` is its path below the start of the walk, with slashes."""

    path: Path
    relative: str
    kind: Literal["file", "folder", "link", "other"]


class Walk:
    """Iterate over what ``glob`` matches below ``start``.

    ``unreadable`` counts the folders that could not be opened, ``exhausted`` is False when the walk ended before the
    tree did, after MOST_VISITED names.
    """

    def __init__(self, start: Path, glob: Glob, stop: threading.Event) -> None:
        self._start = start
        self._glob = glob
        self._stop = stop
        self._visited = 0
        self.unreadable = 0
        self.exhausted = True

    def __iter__(self) -> Iterator[Entry]:
        # A stack, not recursion: trees are deeper than Python's stack when someone wants them to be.
        folders = [self._entries(self._start, "", self._glob.start)]
        while folders:
            if (found := next(folders[-1], None)) is None:
                folders.pop()
                continue
            entry, states = found
            if self._glob.accepts(states):
                yield entry
            if entry.kind == "folder" and entry.path.name not in IGNORED and self._glob.goes_on(states):
                folders.append(self._entries(entry.path, f"{entry.relative}/", states))

    def notes(self) -> list[str]:
        """Return what a reader of the result should know of the walk, once it is over."""
        notes = []
        if self.unreadable:
            notes.append(f"[Folders that could not be read: {self.unreadable:,}.]")
        if not self.exhausted:
            notes.append(f"[The walk ended after {MOST_VISITED:,} names: name a folder further down.]")
        return notes

    def _entries(self, folder: Path, prefix: str, states: frozenset[State]) -> Iterator[tuple[Entry, frozenset[State]]]:
        try:
            with os.scandir(folder) as scan:
                found = sorted(scan, key=lambda entry: entry.name)
        except OSError:
            self.unreadable += 1
            return
        for item in found:
            self._visited += 1
            if self._stop.is_set() or self._visited > MOST_VISITED:
                self.exhausted = False
                return
            if after := self._glob.advance(states, item.name):
                yield Entry(Path(item.path), prefix + item.name, _kind(item)), after


def _kind(entry: os.DirEntry[str]) -> Literal["file", "folder", "link", "other"]:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "other"
