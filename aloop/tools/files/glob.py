"""File name patterns: ``*``, ``?``, ``[…]``, ``{a,b}`` and ``**``, matched one path part at a time.

A pattern is a small automaton over the parts of a path. Walking a tree with it knows at each folder whether anything
below can still match, and no pattern takes longer than its length times the number of names.

A walk through the folders below one, in order of name, that follows no link.
"""

from __future__ import annotations

import fnmatch
import os
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aloop.errors import ToolError

State = tuple[int, int]
"""Which alternative, and how many of its parts have matched."""

_BRACES = re.compile(r"\{([^{}]*)\}")
_MOST_ALTERNATIVES = 64


class Glob:
    """A compiled pattern; raises ToolError for one that reaches out of the folder it is applied to.

    As in a shell, a name that begins with a dot is matched only by a part that begins with one, or when ``hidden``.
    """

    def __init__(self, pattern: str, *, hidden: bool = False) -> None:
        if pattern.startswith(("/", "~")) or ".." in pattern.split("/"):
            raise ToolError(f"The pattern {pattern!r} leaves its folder. Name the folder in `path` instead.")
        self._hidden = hidden
        self._alternatives = [
            [part for part in alternative.split("/") if part not in ("", ".")] for alternative in _spelled_out(pattern)
        ]
        parts = {part for alternative in self._alternatives for part in alternative}
        self._regexes = {part: re.compile(fnmatch.translate(part), re.DOTALL) for part in parts}
        self.start = self._closed((number, 0) for number in range(len(self._alternatives)))

    def advance(self, states: frozenset[State], name: str) -> frozenset[State]:
        """Return the states after one more part of a path; none means that it leads nowhere."""
        reached: list[State] = []
        for number, index in states:
            alternative = self._alternatives[number]
            if index < len(alternative) and self._matches(alternative[index], name):
                reached.append((number, index if alternative[index] == "**" else index + 1))
        return self._closed(reached)

    def accepts(self, states: frozenset[State]) -> bool:
        """Whether the path that led to ``states`` is matched."""
        return any(index == len(self._alternatives[number]) for number, index in states)

    def goes_on(self, states: frozenset[State]) -> bool:
        """Whether anything below the path that led to ``states`` can match."""
        return any(index < len(self._alternatives[number]) for number, index in states)

    def _matches(self, part: str, name: str) -> bool:
        if name.startswith(".") and not (self._hidden or part.startswith(".")):
            return False
        return part == "**" or self._regexes[part].match(name) is not None

    def _closed(self, states: Iterable[State]) -> frozenset[State]:
        """Add the states that ``**`` reaches by matching no part at all."""
        closed: set[State] = set()
        for number, first in states:
            index = first
            alternative = self._alternatives[number]
            closed.add((number, index))
            while index < len(alternative) and alternative[index] == "**":
                index += 1
                closed.add((number, index))
        return frozenset(closed)


def _spelled_out(pattern: str) -> list[str]:
    """Return the patterns that the braces stand for: ``*.{c,h}`` is ``*.c`` and ``*.h``."""
    waiting, done = [pattern], []
    while waiting:
        text = waiting.pop(0)
        braces = _BRACES.search(text)
        if braces is None:
            done.append(text)
        else:
            waiting += [text[: braces.start()] + choice + text[braces.end() :] for choice in braces[1].split(",")]
        if len(waiting) + len(done) > _MOST_ALTERNATIVES:
            raise ToolError(f"The braces in {pattern!r} stand for more than {_MOST_ALTERNATIVES} patterns.")
    return done


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
