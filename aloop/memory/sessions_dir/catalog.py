"""The sessions of a folder, and the lookup of ID prefixes.

The folders decide; the index only saves time. Several session files may have the same ID: after a copy by hand, or a
rename of a folder in use. The ID then means one of them, and the others are addressed by the names of their folders, so
that no operation reaches the wrong session.
"""

from __future__ import annotations

import contextlib
import heapq
import stat
import time
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from aloop.errors import SHORT_ID, DuplicateSessionId
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.session import FILE_NAME
from aloop.memory.sessions_dir.ids import is_own_name, may_mean, short_name
from aloop.memory.sessions_dir.index import read_index, write_index
from aloop.memory.sessions_dir.preview import SessionHeader, read_header


def find_duplicate_ids(sessions_dir: Path, ids: Mapping[str, str]) -> dict[str, DuplicateSessionId]:
    """Return, by folder, the problem of each session whose ID means another one.

    ``ids`` are by folder too.
    """
    if len(set(ids.values())) == len(ids):
        return {}
    first: dict[str, str] = {}
    for folder in sorted(ids, key=lambda folder: (not folder.endswith(f"_{ids[folder][:SHORT_ID]}"), folder)):
        first.setdefault(ids[folder], folder)
    others = {folder: first[session_id] for folder, session_id in ids.items() if first[session_id] != folder}
    return {folder: DuplicateSessionId(sessions_dir / folder / FILE_NAME, other) for folder, other in others.items()}


def distinct_id(header: SessionHeader, duplicate: DuplicateSessionId | None) -> SessionHeader:
    """Return ``header`` with the ID that reaches the session.

    ``duplicate`` is its problem, if it has one.
    """
    return header._replace(id=duplicate_id(header.folder), problem=duplicate) if duplicate else header


def duplicate_id(folder: str) -> str:
    """Return the substitute ID of a session whose own ID means another one."""
    return folder.lower()


def short_name_of(session_id: str, folder: str) -> str:
    """Return the text to type for a session.

    This is the start of its ID, or the whole folder name if that is used instead.
    """
    return session_id if f"{folder}.".lower().startswith(f"{session_id}.") else session_id[:SHORT_ID]


# Two changes of a folder within this time may leave the same timestamp.
_RACY_NS = 100_000_000
# The same for a file system that stores whole seconds, perhaps by the clock of another machine.
_COARSE_RACY_NS = 10_000_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A session's folder and the ID that reaches it.

    ``duplicate`` is set if that is not the ID in its file. ``written_id`` is set for an unreadable session, to what
    looks like its ID.
    """

    id: str
    folder: str
    duplicate: DuplicateSessionId | None = None
    written_id: str | None = field(default=None, compare=False)

    def require_unique(self) -> None:
        """Raise DuplicateSessionId if the ID in the session's file means another session."""
        if self.duplicate:
            raise self.duplicate


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """All entries sorted by ID.

    ``changed_ns`` is the modification time of the sessions folder when it was read; ``unfinished`` are folders without
    a session file. ``settled`` is False if the folder had changed so recently that a later change could have the same
    timestamp.
    """

    changed_ns: int
    entries: tuple[Entry, ...]
    unfinished: tuple[str, ...]
    settled: bool


# One listing serves all lookups of a process until the sessions folder changes.
_snapshots: dict[Path, _Snapshot] = {}


class Catalog:
    """The sessions of one folder; a missing folder has none. Methods raise OSError."""

    def __init__(self, fs: FileSystem, sessions_dir: Path) -> None:
        self._fs = fs
        self._dir = sessions_dir

    def headers(self) -> list[SessionHeader]:
        """Return all headers, newest first, read from the files; corrects the index."""
        fs, folder = self._fs, str(self._dir)
        headers = [header for name in self._names() if (header := read_header(fs, folder, name))]
        if headers:
            ids = {header.folder: header.id for header in headers if not header.problem}
            self._refresh_index(ids)
            if duplicates := find_duplicate_ids(self._dir, ids):
                headers = [distinct_id(header, duplicates.get(header.folder)) for header in headers]
        # Two sorts by one key take half the time of one by pairs.
        headers.sort(key=attrgetter("folder"), reverse=True)
        headers.sort(key=attrgetter("updated_at"), reverse=True)
        return headers

    def last_made(self, count: int) -> list[SessionHeader]:
        """Return the headers in the last ``count`` folders by name, newest first.

        The names that aloop gives start with a date, so these are probably the newest sessions. Only their files are
        read, however many there are.
        """
        names = heapq.nlargest(count, self._names())
        headers = [header for name in names if (header := read_header(self._fs, str(self._dir), name))]
        return sorted(headers, key=attrgetter("updated_at"), reverse=True)

    def find(self, prefix: str, *, ask_files: bool = False) -> list[Entry]:
        """Return the sessions whose ID starts with ``prefix``.

        ``prefix`` is in lower case; the result is sorted by ID. Several have the same ID only if it is that of their
        folders. A prefix that no ID starts with may find an unreadable session. ``ask_files`` reads every file, for
        operations that must not depend on a wrong index.
        """
        if ask_files:
            return self._all_matching(prefix)
        snapshot = self._snapshot()
        hits = self._matching(snapshot, prefix)
        if not hits or not all(self._confirm(entry) for entry in hits[:8]):
            # The index is wrong, or a session is new: read every file.
            hits = self._all_matching(prefix)
        return hits

    def _all_matching(self, prefix: str) -> list[Entry]:
        snapshot = self._scan(trust_index=False)
        unreadable = (entry for entry in snapshot.entries if entry.written_id is not None)
        return self._matching(snapshot, prefix) or [
            entry for entry in unreadable if may_mean(prefix, entry.folder, entry.written_id or "")
        ]

    def find_link(self, prefix: str) -> str | None:
        """Return the name of a link that looks like the folder of the session, or None."""
        with contextlib.suppress(FileNotFoundError):
            for name in self._fs.names(self._dir):
                is_similar = name.lower().startswith(prefix) or may_mean(prefix, name, short_name(name))
                if is_similar and stat.S_ISLNK(self._fs.lstat(self._dir / name).st_mode):
                    return name
        return None

    def has(self, name: str) -> bool:
        """Return True if exactly this ID or name reaches a session."""
        return any(entry.id == name for entry in self._snapshot().entries)

    def unfinished(self) -> list[Path]:
        """Return the folders without a session file."""
        return [self._dir / name for name in self._snapshot().unfinished]

    def duplicate_ids(self) -> dict[str, str]:
        """Return, by folder, the substitute IDs of the sessions whose own IDs mean others."""
        return {entry.folder: entry.id for entry in self._snapshot().entries if entry.duplicate}

    def _names(self) -> list[str]:
        try:
            return list(self._fs.folders(self._dir))
        except FileNotFoundError:
            return []

    def _refresh_index(self, ids: dict[str, str]) -> None:
        if read_index(self._fs, self._dir) != ids:
            write_index(self._fs, self._dir, ids)

    def _snapshot(self) -> _Snapshot:
        known = _snapshots.get(self._dir)
        if known and known.settled and known.changed_ns == self._changed_ns():
            return known
        return self._scan(trust_index=True)

    def _changed_ns(self) -> int:
        try:
            return self._fs.lstat(self._dir).st_mtime_ns
        except FileNotFoundError:
            return 0

    def _scan(self, *, trust_index: bool) -> _Snapshot:
        changed = self._changed_ns()
        names = self._names()
        known = (read_index(self._fs, self._dir) or {}) if trust_index else {}
        entries, unfinished, ids = [], [], {}
        for name in names:
            session_id = known.get(name)
            if session_id is None or not _is_plausible(name, session_id):
                header = read_header(self._fs, str(self._dir), name)
                if header is None:
                    unfinished.append(name)
                    continue
                session_id = header.id
                if header.problem:
                    entries.append(Entry(session_id, name, written_id=header.written_id))
                    continue
            entries.append(Entry(session_id, name))
            ids[name] = session_id
        if entries and (known != ids):
            self._refresh_index(ids)
        if duplicates := find_duplicate_ids(self._dir, ids):
            pairs = ((entry, duplicates.get(entry.folder)) for entry in entries)
            entries = [
                Entry(duplicate_id(entry.folder), entry.folder, duplicate) if duplicate else entry
                for entry, duplicate in pairs
            ]
        entries.sort(key=lambda entry: (entry.id, entry.folder))
        settled = time.time_ns() - changed > (_RACY_NS if changed % 1_000_000_000 else _COARSE_RACY_NS)
        snapshot = _Snapshot(changed, tuple(entries), tuple(unfinished), settled)
        _snapshots[self._dir] = snapshot
        return snapshot

    def _matching(self, snapshot: _Snapshot, prefix: str) -> list[Entry]:
        first = bisect_left(snapshot.entries, prefix, key=lambda entry: entry.id)
        hits: dict[tuple[str, str], Entry] = {}
        for entry in snapshot.entries[first:]:
            if not entry.id.startswith(prefix):
                break
            # Unreadable sessions, and copies in folders whose names differ in case, may have equal IDs.
            is_own_id = entry.written_id is None and entry.duplicate is None
            hits.setdefault((entry.id, "" if is_own_id else entry.folder), entry)
        for name in snapshot.unfinished:
            header = read_header(self._fs, str(self._dir), name)
            if header and header.id.startswith(prefix):
                hits.setdefault((header.id, ""), Entry(header.id, name))
        return list(hits.values())

    def _confirm(self, entry: Entry) -> bool:
        header = read_header(self._fs, str(self._dir), entry.folder)
        return header is not None and header.id == entry.id


def _is_plausible(folder: str, session_id: str) -> bool:
    """Return False if the index contradicts a folder name made by aloop.

    Such a name ends with the start of the ID.
    """
    return session_id.startswith(short_name(folder)[:SHORT_ID]) or not is_own_name(folder)
