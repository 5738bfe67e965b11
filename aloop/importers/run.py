"""Find the conversations in files and folders, and read them one at a time."""

from __future__ import annotations

import codecs
import gzip
import os
import re
import sqlite3
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from aloop.errors import SessionFileError, StorageError, UsageError
from aloop.importers.detect import COMPANION, recognize
from aloop.importers.formats import FORMATS, TOOLS
from aloop.importers.imported import Imported
from aloop.importers.places import is_here
from aloop.importers.source import Source
from aloop.importers.transcript import session_id_of

_ENDINGS = frozenset({".json", ".jsonl", ".md", ".db", ".sqlite", ".yaml", ".yml", ".zip", ".zst"})
_TEXTS = frozenset({".json", ".jsonl", ".md", ".yaml", ".yml"})
"""Endings of files that are read from an archive."""
_NAMES = frozenset({"CURRENT"})  # of Mistral Vibe
_MAGIC = {b"PK\x03\x04": ".zip", b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst"}
_TAR, _TAR_MARK_AT = ".tar", 257
_ZIPPED = ([".json", ".gz"], [".jsonl", ".gz"])
_MARKS = (
    *((mark, "utf-32") for mark in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),
    *((mark, "utf-16") for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
)
_MAX_MEMBER = 4 << 30
_MAX_RATIO = 200  # of a member's size to its compressed one; of conversations it is about 5
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
# Raised by readers for values of types that no program is known to write.
_UNEXPECTED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_OWN_ID = re.compile(r"[0-9a-f]{4}[0-9a-f-]{0,32}", re.IGNORECASE)
"""The shortest and longest prefix by which an ID here is recognized."""
_SKIPPED_FOLDERS = frozenset({"node_modules", ".git", ".venv", "tool-results", ".trash"})


@dataclass(slots=True)
class Selection:
    """Which conversations are wanted; the default is all but branches and subagents.

    ``session`` is a prefix of the ID in the other tool. Without ``is_foreign``, it may also be one of the ID here.
    Only conversations in ``folders`` are wanted, and those whose ID here is ``known``.
    """

    form: str = ""
    session: str = ""
    is_foreign: bool = False
    since: datetime | None = None
    branches: bool = False
    folders: tuple[Path, ...] = ()
    known: frozenset[str] = frozenset()

    def refusal(self, imported: Imported) -> Literal["", "other", "elsewhere", "older"]:
        """Return why a conversation is not wanted; empty if it is."""
        if self.session and not self._starts_like(imported) and not self._names_own_id(imported):
            return "other"
        if self.folders and not self._is_placed(imported):
            return "elsewhere"
        return "older" if self.since and imported.updated_at and imported.updated_at < self.since else ""

    def _starts_like(self, imported: Imported) -> bool:
        return any(each.startswith(self.session) for each in imported.all_ids)

    def _is_placed(self, imported: Imported) -> bool:
        if any(is_here(imported.tool, imported.cwd, folder) for folder in self.folders):
            return True
        return any(own in self.known for own in _own_ids(imported))

    def names(self, imported: Imported) -> bool:
        """Return True if the selected ID is that of a conversation, here or there."""
        return bool(self.session) and (self.session in imported.all_ids or self._names_own_id(imported))

    def _names_own_id(self, imported: Imported) -> bool:
        """Return True if the selected ID is that of a conversation here."""
        if not self._may_be_own_id:
            return False
        return any(each.startswith(self.session.lower()) for each in (*_own_ids(imported), imported.exported_from))

    @property
    def foreign_prefix(self) -> str:
        """The start of all selected foreign IDs; empty if it is not known."""
        return "" if self._may_be_own_id else self.session

    @property
    def _may_be_own_id(self) -> bool:
        return not self.is_foreign and bool(_OWN_ID.fullmatch(self.session))


def _own_ids(imported: Imported) -> Iterator[str]:
    """Yield the IDs that a conversation may have here."""
    return (session_id_of(imported.tool, each, imported.branch) for each in imported.all_ids)


@dataclass(slots=True)
class Scan:
    """Reads conversations from files.

    ``problems`` counts files that could not be read, with the reason; ``broken`` the parts of files that could not be
    read, by their kind and the file. ``left_out`` counts the branches and subagents that were not asked for, without
    those for which ``is_stored`` returns True, and ``refused`` the sessions that the selection refuses, by its reason.
    ``unknown`` are the names of files of no known format, ``companions`` those of files that belong to a conversation
    in another file, ``empty`` those of files in which no conversation was found, with the format that they were read
    as. ``on_read`` is called with the bytes read.
    """

    selection: Selection
    on_read: Callable[[int], None] = lambda _size: None
    is_stored: Callable[[Imported], bool] = lambda _imported: False
    problems: Counter[str] = field(default_factory=Counter)
    broken: dict[str, Counter[str]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    companions: list[str] = field(default_factory=list)
    empty: dict[str, str] = field(default_factory=dict)
    files: Counter[str] = field(default_factory=Counter)

    @property
    def is_partial(self) -> bool:
        """True if something could not be read."""
        return bool(self.problems or self.broken)

    def read(self, paths: Iterable[Path]) -> Iterator[Imported]:
        """Yield the wanted conversations in ``paths``; raises UsageError."""
        for path in paths:
            for source in self._sources(path):
                yield from self.read_source(source)

    def read_source(self, source: Source) -> Iterator[Imported]:
        """Yield the wanted conversations of one source."""
        try:
            source = _as_utf8(source)
            source.session = self.selection.foreign_prefix
            form = self.selection.form or recognize(source)
            if form is None:
                self.unknown.append(str(source.path or source.name))
                return
            if form == COMPANION:
                self.companions.append(str(source.path or source.name))
                return
            self.files[form] += 1
            count = 0
            for imported in FORMATS[form].reader()(source):
                count += bool(imported.messages)
                if not imported.messages:
                    continue
                if reason := self.selection.refusal(imported):
                    self.refused[reason] += imported.kind == "session"
                    continue
                if imported.kind == "session" or self.selection.branches or self.selection.names(imported):
                    yield imported
                elif not self.is_stored(imported):
                    self.left_out[imported.kind] += 1
            if not count:
                if self.selection.form:
                    source.problems.clear()  # of a file in another format
                self.empty[str(source.path or source.name)] = form
        except OSError as error:
            self.problems[f"files that cannot be read: {source.name}: {error.strerror or error}"] += 1
        except _UNEXPECTED as error:
            self.problems[f"files in an unexpected form: {source.name}: {error}"] += 1
        except sqlite3.Error as error:
            self.problems[f"databases that cannot be read: {source.name}: {error}"] += 1
        except (SessionFileError, StorageError) as error:
            self.problems[str(error).rstrip(".")] += 1
        finally:
            for kind, count in source.problems.items():
                self.broken.setdefault(kind, Counter())[str(source.path or source.name)] += count

    def _sources(self, path: Path) -> Iterator[Source]:
        ending = _packed_ending(path) or path.suffix
        if ending == ".zip":
            yield from self._members(path)
        elif ending == ".gz":
            yield from self._unzipped(path)
        elif ending == ".zst":
            yield from self._decompressed(path)
        elif ending == _TAR:
            self._note_tar(path)
        else:
            yield Source(path, on_read=self.on_read)

    def _members(self, path: Path) -> Iterator[Source]:
        """Yield the files of an archive; of an export, only its lists of conversations."""
        try:
            with zipfile.ZipFile(path) as archive:
                paths = [member.filename for member in archive.infolist()]
                names = {path: path.rpartition("/")[2] for path in paths if not _is_in_skipped_folder(path)}
                lists = {name for name, last in names.items() if last.startswith("conversations") and ".json" in last}
                wanted = lists or {name for name, last in names.items() if Path(last).suffix in _TEXTS}
                for member in archive.infolist():
                    if member.filename not in wanted:
                        continue
                    name = names[member.filename]
                    if member.file_size > min(_MAX_MEMBER, (member.compress_size + 1_000) * _MAX_RATIO):
                        self.problems[f"members of archives that are too large: {name}"] += 1
                    else:
                        # The path has only the last part of the name, which cannot lead elsewhere.
                        yield Source(path if lists else path / name, archive.read(member), self.on_read)
                if not wanted:
                    self.unknown.append(str(path))
        except (*_UNREADABLE, OSError):
            self.problems[f"archives that cannot be read: {path.name}"] += 1

    def _unzipped(self, path: Path) -> Iterator[Source]:
        try:
            limit = min(_MAX_MEMBER, (path.stat().st_size + 1_000) * _MAX_RATIO)
            with gzip.open(path) as stream:
                data = stream.read(limit)
                if stream.read(1):
                    self.problems[f"archives that are too large: {path.name}"] += 1
                    return
        except (*_UNREADABLE, OSError):  # BadGzipFile is one
            self.problems[f"archives that cannot be read: {path.name}"] += 1
            return
        if _is_tar(data):
            self._note_tar(path)
        else:
            yield Source(_unpacked_name(path), data, self.on_read)

    def _note_tar(self, path: Path) -> None:
        self.problems[f"tar archives, which have to be unpacked first: {path.name}"] += 1

    def _decompressed(self, path: Path) -> Iterator[Source]:
        plain = _unpacked_name(path)
        if plain != path and plain.exists():
            return  # the same session, not compressed
        try:
            # Available only in newer versions of Python.
            from compression import zstd  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            self.problems[f"files that need Python 3.14 to be decompressed: {path.name}"] += 1
            return
        try:
            data = zstd.decompress(path.read_bytes())
        except (*_UNREADABLE, OSError, zstd.ZstdError):
            self.problems[f"archives that cannot be read: {path.name}"] += 1
            return
        yield Source(plain, data, self.on_read)


def _is_in_skipped_folder(path: str) -> bool:
    return not _SKIPPED_FOLDERS.isdisjoint(path.split("/")[:-1])


def packed_as(head: bytes) -> str:
    """Return the ending of archives that start like ``head``; empty if it is not one."""
    if _is_tar(head):
        return _TAR
    return next((ending for mark, ending in _MAGIC.items() if head.startswith(mark)), "")


def _is_tar(head: bytes) -> bool:
    return head[_TAR_MARK_AT:].startswith(b"ustar")


def _unpacked_name(path: Path) -> Path:
    return path.with_suffix("") if path.suffix in _MAGIC.values() else path


def _packed_ending(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return packed_as(stream.read(512))
    except OSError:
        return ""  # reported when it is read


def _as_utf8(source: Source) -> Source:
    """Return a source in UTF-8, as all programs write it; raises OSError.

    PowerShell and some editors convert a file to UTF-16, and mark it as such.
    """
    # UTF-32 first, whose mark starts like that of UTF-16.
    encoding = next((name for mark, name in _MARKS if source.head.startswith(mark)), "")
    return source.in_encoding(encoding) if encoding else source


def find_files(path: Path, on_error: Callable[[OSError], None] = lambda _error: None) -> list[Path]:
    """Return a file, or the files below a folder that may hold conversations.

    ``on_error`` is called for each folder that cannot be read. Raises UsageError if the path does not exist, or is a
    pipe or the like.
    """
    if path.is_file():
        return [path]
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is not a file that can be read twice. Pipe it into `aloop import -`.")
    if not path.is_dir():
        raise UsageError(f"{path} does not exist. Give a file, a folder, or one of the tools: {', '.join(TOOLS)}.")
    found = []
    for folder, names, files in os.walk(path, onerror=on_error):
        names[:] = sorted(name for name in names if name not in _SKIPPED_FOLDERS)
        paths = (Path(folder) / name for name in sorted(files) if _may_hold(name))
        found += [path for path in paths if _is_regular(path)]
    return found


def size_of(path: Path) -> int:
    """Return the size of a file; 0 if it is gone, which is reported when it is read."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _is_regular(path: Path) -> bool:
    """Return False for a link, which may lead anywhere, and for a named pipe.

    A file that was removed since is reported when it is read.
    """
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return True


def _may_hold(name: str) -> bool:
    suffixes = Path(name).suffixes
    return (bool(suffixes) and (suffixes[-1] in _ENDINGS or suffixes[-2:] in _ZIPPED)) or name in _NAMES
