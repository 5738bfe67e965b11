"""Deleted sessions: whole folders in ``.trash``, until they are purged.

A deleted folder has its name extended by a dot and the time of deletion. A folder moved there by hand, without a time,
counts as a deleted session too. Links are neither listed nor followed nor removed.
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
from aloop.formatting import display_path
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.disk.locks import OpenLock, write_lock
from aloop.memory.session import FILE_NAME, SessionSummary
from aloop.memory.session_folder.dated_names import TIME_MARK, read_mark, time_mark
from aloop.memory.sessions_dir.catalog import Catalog, Entry, duplicate_id
from aloop.memory.sessions_dir.ids import may_mean, short_name
from aloop.memory.sessions_dir.index import add_to_index, read_index, write_index
from aloop.memory.sessions_dir.preview import SessionHeader, read_header, read_summary

FOLDER_NAME = ".trash"
_NAME = re.compile(rf"(.+)\.({TIME_MARK})")


@dataclass(frozen=True, slots=True)
class TrashedSession:
    """A session in the trash.

    ``summary.path`` is its file there, ``size`` the bytes in its folder.
    """

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
    """A folder in the trash, with its ``original`` name.

    ``header`` is None if it has no session file.
    """

    name: str
    original: str
    deleted_at: datetime
    header: SessionHeader | None

    @property
    def id(self) -> str:
        return self.header.id if self.header else short_name(self.original)

    @property
    def is_unreadable(self) -> bool:
        return self.header is None or self.header.problem is not None

    @property
    def written_id(self) -> str:
        """The text that looks like the ID of an unreadable session."""
        return self.header.written_id if self.header else ""


class Trash:
    """The trash of a sessions folder; methods raise OSError too."""

    def __init__(self, fs: FileSystem, sessions_dir: Path) -> None:
        self._fs = fs
        self._dir = sessions_dir
        self.path = sessions_dir / FOLDER_NAME

    def take(self, entry: Entry) -> Path:
        """Move a session's folder to the trash and return its path there.

        Raises SessionBusy.
        """
        source = self._dir / entry.folder
        # A shell that has the session open would continue to write into the trash.
        held = OpenLock(self._fs, source, entry.id)
        try:
            with write_lock(self._fs, source, entry.id):
                self._make_folder()
                target = self.path / f"{entry.folder}.{time_mark()}"
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
        """Return the deleted sessions, last deleted first.

        With ``prefix`` (lower case), only the session that has it; one deleted twice is listed twice. Raises
        SessionNotFound, AmbiguousPrefix.
        """
        items = list(self._items()) if prefix is None else self._find(prefix)
        return [self._describe(item) for item in items]

    def has(self, name: str) -> bool:
        """Return True if exactly this ID or folder name, now or before, is in the trash."""
        return any(name in {item.id, duplicate_id(item.original), item.name.lower()} for item in self._items())

    def restore(self, prefix: str) -> SessionSummary:
        """Move a session back to its place.

        ``prefix`` (lower case) is of its ID, or the name of its folder, now or before. Of a session deleted several
        times, the version deleted last is restored. Raises SessionNotFound, AmbiguousPrefix, and SessionExists if its
        ID or the name of its folder is taken.
        """
        item = self._find(prefix)[0]
        if item.header is None:
            raise SessionError(
                f"{display_path(self.path / item.name)} has no {FILE_NAME}, so there is nothing to restore."
            )
        # Named by its folder, it may be one of two sessions with the same ID.
        by_name = prefix == duplicate_id(item.original) != item.id
        others = [] if item.header.problem or by_name else Catalog(self._fs, self._dir).find(item.id)
        if others:
            raise SessionExists(item.id, self._dir / others[0].folder)
        target = self._dir / item.original
        try:
            # Reserve the name: a folder can be renamed over an empty folder, and only over that.
            self._fs.mkdir(target)
        except FileExistsError:
            if not self._is_empty_folder(target):  # left by a restore on a failing disk
                raise SessionExists(item.id, target) from None
        try:
            self._fs.rename(self.path / item.name, target)
        except OSError:
            with contextlib.suppress(OSError):  # the first error is the one to report
                self._fs.rmdir(target)
            raise
        self._fs.sync_folder(self._dir)
        self._fs.sync_folder(self.path)
        # Read it again: the text of a problem includes the path.
        header = read_header(self._fs, str(self._dir), item.original) or item.header
        if header.problem is None:
            add_to_index(self._fs, self._dir, header.folder, header.id)
        summary = read_summary(self._fs, self._dir, header)
        return replace(summary, id=Catalog(self._fs, self._dir).duplicate_ids().get(item.original, summary.id))

    def _is_empty_folder(self, path: Path) -> bool:
        return stat.S_ISDIR(self._fs.lstat(path).st_mode) and not self._fs.names(path)

    def purge(self, sessions: Iterable[TrashedSession]) -> None:
        """Delete sessions permanently; those no longer in the trash are skipped."""
        # Only names in the trash count, so that no path in a record can reach anything outside.
        here = {item.name for item in self._items()}
        for name in sorted(here.intersection(session.folder.name for session in sessions)):
            with contextlib.suppress(FileNotFoundError):  # another process purges too
                self._fs.remove_tree(self.path, name)
        if here:
            self._fs.sync_folder(self.path)

    def _make_folder(self) -> None:
        try:
            self._fs.mkdir(self.path)
            # A power cut must not lose the new folder with the session in it.
            self._fs.sync_folder(self._dir)
        except FileExistsError:
            self._exists()

    def _exists(self) -> bool:
        """Return True if there is a trash; raises StorageError if it is not a folder."""
        try:
            status = self._fs.lstat(self.path)
        except FileNotFoundError:
            return False
        if not stat.S_ISDIR(status.st_mode):
            raise StorageError(
                f"{display_path(self.path)} is not a folder (links are not followed). Move it elsewhere.", self.path
            )
        return True

    def _items(self) -> list[_Item]:
        if not self._exists():
            return []
        items = [self._item(name) for name in self._fs.folders(self.path)]
        return sorted(items, key=lambda item: (item.deleted_at, item.name), reverse=True)

    def _item(self, name: str) -> _Item:
        original, deleted_at = _split_name(name)
        if deleted_at is None:
            # In the trash, only the move changes this time.
            deleted_at = datetime.fromtimestamp(self._fs.lstat(self.path / name).st_ctime).astimezone()
        header = read_header(self._fs, str(self.path), name)
        if header and header.problem:
            header = header._replace(id=short_name(original))
        return _Item(name, original, deleted_at, header)

    def _find(self, prefix: str) -> list[_Item]:
        items = self._items()
        found = [item for item in items if prefix == item.name.lower()]
        found = found or [item for item in items if item.id.startswith(prefix) or prefix == duplicate_id(item.original)]
        found = found or [
            item for item in items if item.is_unreadable and may_mean(prefix, item.original, item.written_id)
        ]
        # A broken session has a short ID, which may also be the start of an intact copy's ID.
        found = [item for item in found if item.id == prefix] or found
        ids = sorted({item.id for item in found})
        if not ids:
            raise SessionNotFound(prefix, in_trash=True)
        if len(ids) > 1:
            raise AmbiguousPrefix(prefix, ids)
        return found

    def _describe(self, item: _Item) -> TrashedSession:
        path = self.path / item.name
        if item.header:
            summary = read_summary(self._fs, self.path, item.header)
        else:
            problem = f"{display_path(path)} has no {FILE_NAME}"
            summary = SessionSummary(item.id, item.deleted_at, item.deleted_at, 0, "", path / FILE_NAME, problem)
        return TrashedSession(summary, item.deleted_at, sum(self._sizes(path)))

    def _sizes(self, folder: Path) -> Iterator[int]:
        for name in self._fs.names(folder):
            status = self._fs.lstat(folder / name)
            if stat.S_ISDIR(status.st_mode):
                yield from self._sizes(folder / name)
            else:
                yield status.st_size


def _split_name(name: str) -> tuple[str, datetime | None]:
    """Return a deleted folder's original name and time of deletion, if it has one."""
    match = _NAME.fullmatch(name)
    if match:
        with contextlib.suppress(ValueError):  # digits that are not a time
            return match.group(1), read_mark(match.group(2)).astimezone()
    return name, None
