"""Which sessions there are, and which one a prefix means. The folders are asked; the index only saves time.

Folders whose files tell the same id: a copy made by hand, or what a folder became that was renamed while in use.

One of them goes by the id. Each other one is known by its folder's name, so that nothing is done to the one that was
meant for the other.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from aloop.errors import SHORT_ID, DuplicateSessionId
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.session import FILE_NAME
from aloop.memory.sessions_dir.ids import short_name
from aloop.memory.sessions_dir.index import read_index, write_index
from aloop.memory.sessions_dir.preview import SessionHeader, read_header


def find_duplicate_ids(sessions_dir: Path, ids: Mapping[str, str]) -> dict[str, DuplicateSessionId]:
    """Return, by folder, what is wrong with each that does not go by the id it has; ``ids`` are by folder, too."""
    if len(set(ids.values())) == len(ids):
        return {}
    first: dict[str, str] = {}
    for folder in sorted(ids, key=lambda folder: (not folder.endswith(f"_{ids[folder][:SHORT_ID]}"), folder)):
        first.setdefault(ids[folder], folder)
    others = {folder: first[identity] for folder, identity in ids.items() if first[identity] != folder}
    return {folder: DuplicateSessionId(sessions_dir / folder / FILE_NAME, other) for folder, other in others.items()}


def distinct_id(head: SessionHeader, twin: DuplicateSessionId | None) -> SessionHeader:
    """Return the head of a folder as it is reached, and told of; ``twin`` is None where it goes by its id."""
    return head._replace(id=duplicate_id(head.folder), problem=twin) if twin else head


def duplicate_id(folder: str) -> str:
    """Return by what a session is known that does not go by its id."""
    return folder.lower()


def short_name_of(session_id: str, folder: str) -> str:
    """Return what to call a session, to be typed: the beginning of its id, or all of the name that is in its place."""
    return session_id if f"{folder}.".lower().startswith(f"{session_id}.") else session_id[:SHORT_ID]


_OURS = re.compile(r"\d{4}-\d\d-\d\d_[0-9a-f]{8}(?:-[0-9a-f-]{27})?")
# Within this time of a folder's last change another one may leave the same time stamp.
_RACY_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One session folder and the id by which it is reached; ``twin`` says why that is not the one in its file."""

    id: str
    folder: str
    twin: DuplicateSessionId | None = None

    def require_unique(self) -> None:
        """Raise SessionTwin for a session whose id means another one, as all that is done with it later would."""
        if self.twin:
            raise self.twin


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """All entries sorted by id, and the state of the sessions folder that they were read from."""

    changed_ns: int
    entries: tuple[Entry, ...]
    unfinished: tuple[str, ...]
    settled: bool


# One listing serves all look-ups of a process, until the sessions folder changes.
_snapshots: dict[Path, _Snapshot] = {}


class Catalog:
    """The sessions of one folder; a folder that is not there holds none. Methods raise OSError."""

    def __init__(self, fs: FileSystem, sessions_dir: Path) -> None:
        self._fs = fs
        self._dir = sessions_dir

    def heads(self) -> list[SessionHeader]:
        """Return the head of every session, newest first, each read from its file; puts the index right."""
        fs, folder = self._fs, str(self._dir)
        heads = [head for name in self._names() if (head := read_header(fs, folder, name))]
        if heads:
            ids = {head.folder: head.id for head in heads if not head.problem}
            self._refresh_index(ids)
            if twins := find_duplicate_ids(self._dir, ids):
                heads = [distinct_id(head, twins.get(head.folder)) for head in heads]
        # Two sorts make no pairs to compare, and so take half the time of one.
        heads.sort(key=attrgetter("folder"), reverse=True)
        heads.sort(key=attrgetter("updated_at"), reverse=True)
        return heads

    def find(self, prefix: str, *, ask_files: bool = False) -> list[Entry]:
        """Return the sessions whose id begins with ``prefix`` (lower case), sorted by id, one for each id.

        ``ask_files`` looks into every file, for what must not go wrong when an index lies.
        """
        if ask_files:
            return self._matching(self._scan(trust_index=False), prefix)
        snapshot = self._snapshot()
        hits = self._matching(snapshot, prefix)
        if not hits or not all(self._confirm(entry) for entry in hits[:8]):
            # Not where it was, or not there when last looked: ask every file.
            hits = self._matching(self._scan(trust_index=False), prefix)
        return hits

    def has(self, name: str) -> bool:
        """Whether a session is reached by just this name."""
        return any(entry.id == name for entry in self._snapshot().entries)

    def duplicate_ids(self) -> dict[str, str]:
        """Return by which ids sessions are reached that have that of another one; by folder."""
        return {entry.folder: entry.id for entry in self._snapshot().entries if entry.twin}

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
            identity = known.get(name)
            if identity is None or not _is_likely(name, identity):
                head = read_header(self._fs, str(self._dir), name)
                if head is None:
                    unfinished.append(name)
                    continue
                identity = head.id
                if head.problem:
                    entries.append(Entry(identity, name))
                    continue
            entries.append(Entry(identity, name))
            ids[name] = identity
        if entries and (known != ids):
            self._refresh_index(ids)
        if twins := find_duplicate_ids(self._dir, ids):
            named = ((entry, twins.get(entry.folder)) for entry in entries)
            entries = [
                Entry(duplicate_id(entry.folder), entry.folder, twin) if twin else entry for entry, twin in named
            ]
        entries.sort(key=lambda entry: (entry.id, entry.folder))
        settled = time.time_ns() - changed > _RACY_NS
        snapshot = _Snapshot(changed, tuple(entries), tuple(unfinished), settled)
        _snapshots[self._dir] = snapshot
        return snapshot

    def _matching(self, snapshot: _Snapshot, prefix: str) -> list[Entry]:
        first = bisect_left(snapshot.entries, prefix, key=lambda entry: entry.id)
        hits: dict[str, Entry] = {}
        for entry in snapshot.entries[first:]:
            if not entry.id.startswith(prefix):
                break
            hits.setdefault(entry.id, entry)
        for name in snapshot.unfinished:
            head = read_header(self._fs, str(self._dir), name)
            if head and head.id.startswith(prefix):
                hits.setdefault(head.id, Entry(head.id, name))
        return list(hits.values())

    def _confirm(self, entry: Entry) -> bool:
        head = read_header(self._fs, str(self._dir), entry.folder)
        return head is not None and head.id == entry.id


def _is_likely(folder: str, identity: str) -> bool:
    """Whether the index may be believed: a folder of ours ends with the first characters of its session's id."""
    return identity.startswith(short_name(folder)[:SHORT_ID]) or not is_ours(folder)


def is_ours(folder: str) -> bool:
    """Whether a folder has a name such as we give."""
    return _OURS.fullmatch(folder) is not None
