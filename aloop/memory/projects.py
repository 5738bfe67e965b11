"""AllProjects: list, search and find sessions in the folders of all projects."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from pathlib import Path

from aloop.errors import StorageError
from aloop.formatting import OnRead, ignore_progress
from aloop.memory.disk.filesystem import SYSTEM, FileSystem
from aloop.memory.library import SessionLibrary, in_slices
from aloop.memory.search.search import Hit
from aloop.memory.session import FILE_NAME, SessionSummary, SessionTitle
from aloop.memory.sessions_dir.ids import short_name
from aloop.memory.sessions_dir.index import read_index
from aloop.memory.sessions_dir.preview import SessionHeader, read_header, read_summary
from aloop.memory.sessions_dir.registry import Registry

_TOLERANCE = 5.0
"""Seconds by which a session may be newer than its file."""


@dataclass(frozen=True, slots=True)
class Place:
    """A session of some project: its ID and its sessions folder."""

    session_id: str
    sessions_dir: Path


@dataclass(frozen=True, slots=True)
class _File:
    written: float
    sessions_dir: str
    folder: str


def _add(on_read: OnRead, before: int, total: int, done: int, _: int) -> None:
    on_read(before + done, total)


class AllProjects:
    """The sessions in ``folders``, by default those of the registry and ``current``."""

    def __init__(
        self, current: Path | None = None, *, folders: list[Path] | None = None, fs: FileSystem = SYSTEM
    ) -> None:
        known = Registry.of_user().folders() if folders is None else folders
        here = [] if current is None else [current]
        # The same folder may be reached by another path.
        self.folders = list({folder.resolve(): folder for folder in (*known, *here)}.values())
        self._fs = fs

    async def list_sessions(self, limit: int, on_read: OnRead = ignore_progress) -> list[SessionSummary]:
        """Return the latest sessions of all projects, newest first.

        Only the newest files are opened. A session is assumed to be not newer than its file. A thread calls
        ``on_read`` for each session.
        """
        return [row async for row in in_slices(self._list(limit, on_read))]

    def _list(self, limit: int, on_read: OnRead) -> Iterator[list[SessionSummary]]:
        files = sorted(self._files(), key=attrgetter("written"), reverse=True)
        newest: list[tuple[float, int, Path, SessionHeader]] = []
        for number, file in enumerate(files):
            yield []
            if len(newest) == limit and newest[0][0] >= file.written + _TOLERANCE:
                break
            header = read_header(self._fs, file.sessions_dir, file.folder)
            if header is None:  # removed since
                continue
            row = (header.updated_at.timestamp(), -number, Path(file.sessions_dir), header)
            if len(newest) < limit:
                heapq.heappush(newest, row)
            else:
                heapq.heappushpop(newest, row)
        for done, (_, _, folder, header) in enumerate(sorted(newest, reverse=True), 1):
            on_read(done, len(newest))
            yield [read_summary(self._fs, folder, header)]

    def list_titles_outside(self, here: Path) -> AsyncIterator[SessionTitle]:
        """Yield the sessions of all folders but ``here``, one folder after another."""
        return in_slices(self._titles_outside(here.resolve()))

    def _titles_outside(self, here: Path) -> Iterator[list[SessionTitle]]:
        for folder in self.folders:
            if folder.resolve() == here:
                continue
            try:
                titles = SessionLibrary(folder).backend.list_titles()
            except StorageError:  # gone since, or not permitted: the other projects are still of use
                continue
            yield [replace(title, sessions_dir=folder) for title in titles]

    def _files(self) -> Iterator[_File]:
        """Yield the session files; only their status is read."""
        for sessions_dir in self.folders:
            path = str(sessions_dir)
            for name in self._names(sessions_dir):
                try:
                    written = self._fs.lstat(f"{path}/{name}/{FILE_NAME}").st_mtime
                except OSError:  # not saved yet, or removed since
                    continue
                yield _File(written, path, name)

    def _names(self, sessions_dir: Path) -> list[str]:
        try:
            return list(self._fs.folders(sessions_dir))
        except OSError:  # gone since, or not permitted: the other projects are still of use
            return []

    async def search(self, words: str, on_read: OnRead = ignore_progress) -> AsyncIterator[tuple[Path, Hit]]:
        """Yield sessions folders and matches, one project after another.

        Their order is that of the newest session in each. A thread calls ``on_read`` for each file.
        """
        counts = await asyncio.to_thread(self._count)
        before, total = 0, sum(counts.values())
        for sessions_dir, count in counts.items():
            try:
                on_read_here = partial(_add, on_read, before, total)
                async for hit in SessionLibrary(sessions_dir).search(words, on_read_here):
                    yield sessions_dir, hit
            except StorageError:
                if sessions_dir.exists():
                    raise
            before += count

    def _count(self) -> dict[Path, int]:
        """Return the number of sessions in each folder, sorted by the newest session."""
        newest: dict[str, float] = {}
        counts: Counter[str] = Counter()
        for file in self._files():
            newest[file.sessions_dir] = max(file.written, newest.get(file.sessions_dir, 0.0))
            counts[file.sessions_dir] += 1
        return {Path(path): counts[path] for path in sorted(newest, key=lambda path: -newest[path])}

    def find(self, prefix: str) -> list[Place]:
        """Return the sessions whose ID starts with ``prefix``, sorted by ID.

        Folders that aloop has named are found by their names, others if the index has them. Blocks.
        """
        wanted = prefix.strip().lower()
        found: dict[str, Place] = {}
        for sessions_dir in self.folders:
            ids = read_index(self._fs, sessions_dir) or {}
            for name in self._names(sessions_dir):
                start = ids.get(name, "") or short_name(name)
                if not (start.startswith(wanted) or (len(start) >= 8 and wanted.startswith(start))):
                    continue
                header = read_header(self._fs, str(sessions_dir), name)
                if header and header.id.startswith(wanted):
                    found.setdefault(f"{sessions_dir}/{header.id}", Place(header.id, sessions_dir))
        return sorted(found.values(), key=lambda place: (place.session_id, str(place.sessions_dir)))
