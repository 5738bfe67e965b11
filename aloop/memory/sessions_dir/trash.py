"""Deleted sessions: whole folders in ``.trash`` of the sessions folder, until somebody purges them.

A folder keeps its name there, followed by a dot and the time of its deletion. What a hand put there without such a
mark is a deleted session too. Links are none of ours: they are neither listed nor followed, and stay.
"""

from __future__ import annotations

import contextlib
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from aloop.errors import AmbiguousPrefix, SessionError, SessionExists, SessionNotFound, StorageError
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.disk.locks import OpenLock, write_lock
from aloop.memory.session import FILE_NAME, SessionSummary
from aloop.memory.session_folder.session_file import MARK_FORMAT, time_mark
from aloop.memory.sessions_dir.catalog import Catalog, Entry, duplicate_id
from aloop.memory.sessions_dir.ids import short_name
from aloop.memory.sessions_dir.index import add_to_index, read_index, write_index
from aloop.memory.sessions_dir.preview import SessionHeader, read_header, read_summary

FOLDER_NAME = ".trash"
_MARKED = re.compile(r"(.+)\.(\d{8}T\d{6}\.\d{6})")


@dataclass(frozen=True, slots=True)
class TrashedSession:
    """A session in the trash. ``summary.path`` is where its file lies now, ``size`` what its folder takes in bytes."""

    summary: SessionSummary
    deleted_at: datetime
    size: int

    @property
    def id(self) -> str:
        return self.summary.id

    @property
    def folder(self) -> Path:
        return self.summary.path.parent


@dataclass(frozen=True, slots=True)
class _Item:
    """A folder in the trash: the name it had before, when it came, and what its file says, None where it has none."""

    name: str
    origin: str
    deleted_at: datetime
    head: SessionHeader | None

    @property
    def id(self) -> str:
        return self.head.id if self.head else short_name(self.origin)


class Trash:
    """The trash of one sessions folder. Methods raise OSError, and the errors of ``aloop.errors`` that they name."""

    def __init__(self, fs: FileSystem, sessions_dir: Path) -> None:
        self._fs = fs
        self._dir = sessions_dir
        self.path = sessions_dir / FOLDER_NAME

    def take(self, entry: Entry) -> Path:
        """Move a session's folder here and return where it is now; raises SessionBusy."""
        source = self._dir / entry.folder
        # Refused while another shell has it open: that one would go on writing into the trash.
        held = OpenLock(self._fs, source, entry.id)
        try:
            with write_lock(self._fs, source, entry.id):
                self._make_folder()
                target = self.path / f"{entry.folder}.{time_mark(datetime.now().astimezone())}"
                self._fs.rename(source, target)
        finally:
            held.release()
        self._fs.sync_folder(self.path)
        self._fs.sync_folder(self._dir)
        ids = read_index(self._fs, self._dir)
        if ids and ids.pop(entry.folder, None):
            write_index(self._fs, self._dir, ids)
        return target

    def contents(self, prefix: str | None = None) -> list[TrashedSession]:
        """Return what lies here, what was deleted last first; with ``prefix`` (lower case) the one session it means.

        A session that was deleted twice is here twice. Raises SessionNotFound, AmbiguousPrefix.
        """
        items = list(self._items()) if prefix is None else self._find(prefix)
        return [self._describe(item) for item in items]

    def has(self, name: str) -> bool:
        """Whether a session lies here under just this name, or had it before."""
        return any(name in {item.id, duplicate_id(item.origin), item.name.lower()} for item in self._items())

    def restore(self, prefix: str) -> SessionSummary:
        """Move the session that ``prefix`` (lower case) means back to its place, as it was when it was deleted last.

        ``prefix`` may also be the name of its folder, before or here.
        Raises SessionNotFound, AmbiguousPrefix, and SessionExists where its id or its folder's name is taken.
        """
        item = self._find(prefix)[0]
        if item.head is None:
            raise SessionError(f"{self.path / item.name} holds no {FILE_NAME}: there is nothing to restore.")
        # Asked for by its folder's name, it comes back as what it was: one of two with the same id.
        by_name = prefix == duplicate_id(item.origin) != item.id
        others = [] if item.head.problem or by_name else Catalog(self._fs, self._dir).find(item.id)
        if others:
            raise SessionExists(item.id, self._dir / others[0].folder)
        target = self._dir / item.origin
        try:
            # The name is taken first: a folder may be renamed over an empty one, and over nothing else.
            self._fs.mkdir(target)
        except FileExistsError:
            raise SessionExists(item.id, target) from None
        try:
            self._fs.rename(self.path / item.name, target)
        except OSError:
            self._fs.rmdir(target)
            raise
        self._fs.sync_folder(self._dir)
        self._fs.sync_folder(self.path)
        # Read again, for what is wrong with it tells its place.
        head = read_header(self._fs, str(self._dir), item.origin) or item.head
        if head.problem is None:
            add_to_index(self._fs, self._dir, head.folder, head.id)
        summary = read_summary(self._fs, self._dir, head)
        return replace(summary, id=Catalog(self._fs, self._dir).duplicate_ids().get(item.origin, summary.id))

    def purge(self, sessions: Iterable[TrashedSession]) -> None:
        """Remove sessions of the trash for good; those that have left it meanwhile are passed over."""
        # A name alone, and one that is listed: whatever path the record tells, nothing outside is touched.
        here = {item.name for item in self._items()}
        for name in sorted(here.intersection(session.folder.name for session in sessions)):
            with contextlib.suppress(FileNotFoundError):  # somebody else purges too
                self._fs.remove_tree(self.path, name)
        if here:
            self._fs.sync_folder(self.path)

    def _make_folder(self) -> None:
        try:
            self._fs.mkdir(self.path)
            # What is moved into it must not go down with it in a power cut.
            self._fs.sync_folder(self._dir)
        except FileExistsError:
            self._is_there()

    def _is_there(self) -> bool:
        """Whether there is a trash at all; a link or a file in its place is refused, wherever that leads."""
        try:
            status = self._fs.lstat(self.path)
        except FileNotFoundError:
            return False
        if not stat.S_ISDIR(status.st_mode):
            raise StorageError(f"{self.path} is no folder, and a link is not followed. Move it away.", self.path)
        return True

    def _items(self) -> list[_Item]:
        if not self._is_there():
            return []
        items = [self._item(name) for name in self._fs.folders(self.path)]
        return sorted(items, key=lambda item: (item.deleted_at, item.name), reverse=True)

    def _item(self, name: str) -> _Item:
        origin, deleted_at = _unmarked(name)
        if deleted_at is None:
            # Renaming changes this time of a folder, and nothing else does here.
            deleted_at = datetime.fromtimestamp(self._fs.lstat(self.path / name).st_ctime).astimezone()
        head = read_header(self._fs, str(self.path), name)
        if head and head.problem:
            head = head._replace(id=short_name(origin))
        return _Item(name, origin, deleted_at, head)

    def _find(self, prefix: str) -> list[_Item]:
        items = self._items()
        found = [item for item in items if prefix == item.name.lower()]
        found = found or [item for item in items if item.id.startswith(prefix) or prefix == duplicate_id(item.origin)]
        # A broken session has a short id, with which a sound copy's may begin.
        found = [item for item in found if item.id == prefix] or found
        ids = sorted({item.id for item in found})
        if not ids:
            raise SessionNotFound(prefix, " in the trash")
        if len(ids) > 1:
            raise AmbiguousPrefix(prefix, ids)
        return found

    def _describe(self, item: _Item) -> TrashedSession:
        path = self.path / item.name
        if item.head:
            summary = read_summary(self._fs, self.path, item.head)
        else:
            problem = f"{path} holds no {FILE_NAME}"
            summary = SessionSummary(item.id, item.deleted_at, item.deleted_at, 0, "", path / FILE_NAME, problem)
        return TrashedSession(summary, item.deleted_at, sum(self._sizes(path)))

    def _sizes(self, folder: Path) -> Iterator[int]:
        for name in self._fs.names(folder):
            status = self._fs.lstat(folder / name)
            if stat.S_ISDIR(status.st_mode):
                yield from self._sizes(folder / name)
            else:
                yield status.st_size


def _unmarked(name: str) -> tuple[str, datetime | None]:
    """Return the name that a folder had before it came here, and when it came: None without a mark."""
    match = _MARKED.fullmatch(name)
    if match:
        with contextlib.suppress(ValueError):  # digits that are no time
            return match.group(1), datetime.strptime(match.group(2), MARK_FORMAT).astimezone()
    return name, None
