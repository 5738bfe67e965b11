"""File name patterns, and a walk through a folder tree that matches them.

Patterns support ``*``, ``?``, ``[…]``, ``{a,b}`` and ``**``. A pattern is a small automaton over the parts of a path:
at each folder the walk knows if anything below can still match, and matching takes at most the pattern's length times
the number of names.
"""

from __future__ import annotations

import fnmatch
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Literal

from aloop.errors import ToolError
from aloop.formatting import quantity
from aloop.tools.files.folder_descriptor import opened_folder
from aloop.tools.files.gitignore import IgnoreRules, load_rules, outer_rules

State = tuple[int, int]
"""The index of an alternative, and the number of its parts that have matched."""

IGNORED = frozenset({".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".aloop"})
"""Folders that are listed but not entered: their contents are generated and rarely wanted."""

LONGEST_PATTERN = 1_000
MOST_VISITED = 200_000

_BRACES = re.compile(r"\{([^{}]*)\}")
_MOST_ALTERNATIVES = 64


class Glob:
    """A compiled pattern; raises ToolError if it could leave its folder.

    As in a shell, names that begin with a dot match only parts that begin with a dot, unless ``hidden`` is set.
    """

    def __init__(self, pattern: str, *, hidden: bool = False) -> None:
        if len(pattern) > LONGEST_PATTERN:
            raise ToolError(
                f"The pattern is too long: it has {len(pattern):,} characters, and at most {LONGEST_PATTERN:,} are "
                "allowed."
            )
        if pattern.startswith(("/", "~")) or ".." in pattern.split("/"):
            raise ToolError(f"The pattern {pattern!r} leaves its folder.", "Pass that folder as `path` instead.")
        self._hidden = hidden
        self._alternatives = [
            [part for part in alternative.split("/") if part not in ("", ".")]
            for alternative in _expand_braces(pattern)
        ]
        parts = {part for alternative in self._alternatives for part in alternative}
        self._regexes = {part: re.compile(fnmatch.translate(part), re.DOTALL) for part in parts}
        self.start = self._closed((number, 0) for number in range(len(self._alternatives)))

    def advance(self, states: frozenset[State], name: str) -> frozenset[State]:
        """Return the states after one more part of a path; empty if none matches."""
        reached: list[State] = []
        for number, index in states:
            alternative = self._alternatives[number]
            if index < len(alternative) and self._matches(alternative[index], name):
                reached.append((number, index if alternative[index] == "**" else index + 1))
        return self._closed(reached)

    def accepts(self, states: frozenset[State]) -> bool:
        """Return True if the path that led to ``states`` matches."""
        return any(index == len(self._alternatives[number]) for number, index in states)

    def can_match_below(self, states: frozenset[State]) -> bool:
        """Return True if anything below the path that led to ``states`` can match."""
        return any(index < len(self._alternatives[number]) for number, index in states)

    def _matches(self, part: str, name: str) -> bool:
        if name.startswith(".") and not (self._hidden or part.startswith(".")):
            return False
        return part == "**" or self._regexes[part].match(name) is not None

    def _closed(self, states: Iterable[State]) -> frozenset[State]:
        """Add the states that ``**`` reaches by matching nothing."""
        closed: set[State] = set()
        for number, first in states:
            index = first
            alternative = self._alternatives[number]
            closed.add((number, index))
            while index < len(alternative) and alternative[index] == "**":
                index += 1
                closed.add((number, index))
        return frozenset(closed)


def _expand_braces(pattern: str) -> list[str]:
    """Return the pattern with its braces expanded: ``*.{c,h}`` is ``*.c`` and ``*.h``."""
    waiting, done = [pattern], []
    while waiting:
        text = waiting.pop(0)
        braces = _BRACES.search(text)
        if braces is None:
            done.append(text)
        else:
            waiting += [text[: braces.start()] + choice + text[braces.end() :] for choice in braces[1].split(",")]
        if len(waiting) + len(done) > _MOST_ALTERNATIVES:
            fact = f"The braces in {pattern!r} expand to more than {_MOST_ALTERNATIVES} patterns."
            raise ToolError(fact, "Use fewer.")
    return done


@dataclass(frozen=True, slots=True)
class Entry:
    """One match; ``relative`` is its path below the start of the walk, with slashes."""

    path: Path
    relative: str
    kind: Literal["file", "folder", "link", "other"]


class Walk:
    """Iterates over the entries below ``start`` that match ``glob``; follows no links.

    Entries come in order of name, without those that ``.gitignore`` files exclude unless ``ignored`` is set.
    ``unreadable`` counts the folders that could not be opened, ``left_out`` the excluded names, ``hidden`` those for
    which ``hides`` is true. ``exhausted`` is False if the walk ended early, because ``stop`` was set or after
    MOST_VISITED names.
    """

    def __init__(
        self,
        start: Path,
        glob: Glob,
        stop: threading.Event,
        hides: Callable[[Path], bool] = lambda _path: False,
        *,
        ignored: bool = False,
    ) -> None:
        self._start = start
        self._hides = hides
        self.hidden = 0
        self._glob = glob
        self._stop = stop
        self._ignored = ignored
        self._visited = 0
        self.unreadable = 0
        self.left_out = 0
        self.exhausted = True

    def __iter__(self) -> Iterator[Entry]:
        # A stack, not recursion: a tree can be deeper than Python's recursion limit.
        outer = [] if self._ignored else outer_rules(self._start)
        rules = tuple(_PlacedRules(lead, 0, found) for lead, found in outer)
        folders = [self._entries(self._start, "", self._glob.start, rules)]
        while folders:
            if (found := next(folders[-1], None)) is None:
                folders.pop()
                continue
            entry, states, rules = found
            if self._glob.accepts(states):
                yield entry
            if entry.kind == "folder" and entry.path.name not in IGNORED and self._glob.can_match_below(states):
                folders.append(self._entries(entry.path, f"{entry.relative}/", states, rules))

    def notes(self) -> list[str]:
        """Return notes about the finished walk for the reader of the result."""
        notes = []
        if self.unreadable:
            notes.append(f"[Skipped {quantity(self.unreadable, 'folder')} that could not be read.]")
        if self.left_out:
            names = quantity(self.left_out, "name")
            notes.append(f"[Left out {names} that .gitignore excludes. Set `ignored` to include them.]")
        if self.hidden:
            notes.append(f"[Left out {quantity(self.hidden, 'name')}, because of the user's rules.]")
        if not self.exhausted:
            notes.append(f"[Stopped after {MOST_VISITED:,} names. Pass a deeper folder as `path`.]")
        return notes

    def _entries(
        self, folder: Path, prefix: str, states: frozenset[State], rules: tuple[_PlacedRules, ...]
    ) -> Iterator[tuple[Entry, frozenset[State], tuple[_PlacedRules, ...]]]:
        try:
            with opened_folder(folder, to_list=True) as descriptor, os.scandir(descriptor) as scan:
                found = sorted(
                    (entry.name, _kind(entry)) for entry in takewhile(lambda _: not self._stop.is_set(), scan)
                )
                if not self._ignored and (own := load_rules(descriptor)):
                    rules = (*rules, _PlacedRules("", len(prefix), own))
        except OSError:
            self.unreadable += 1
            return
        self.exhausted = self.exhausted and not self._stop.is_set()
        for name, kind in found:
            self._visited += 1
            if self._stop.is_set() or self._visited > MOST_VISITED:
                self.exhausted = False
                return
            if after := self._glob.advance(states, name):
                relative = prefix + name
                if _is_ignored(rules, relative, is_folder=kind == "folder"):
                    self.left_out += 1
                elif self._hides(folder / name):
                    self.hidden += 1
                else:
                    yield Entry(folder / name, relative, kind), after, rules


@dataclass(frozen=True, slots=True)
class _PlacedRules:
    """Rules, and how to get a path for them from one below the start of the walk."""

    lead: str
    cut: int
    rules: IgnoreRules


def _is_ignored(rules: tuple[_PlacedRules, ...], relative: str, *, is_folder: bool) -> bool:
    for placed in reversed(rules):  # inner files override outer ones
        verdict = placed.rules.ignores(placed.lead + relative[placed.cut :], is_folder=is_folder)
        if verdict is not None:
            return verdict
    return False


def _kind(entry: os.DirEntry[str]) -> Literal["file", "folder", "link", "other"]:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "other"
