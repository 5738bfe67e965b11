"""Reading excerpts of text files, and replacing their contents.

Only regular files are opened, and opening never blocks.
"""

from __future__ import annotations

import codecs
import errno
import os
import secrets
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from aloop.errors import ToolError
from aloop.llm.content.images import media_type_of
from aloop.tools.files.folder_descriptor import opened_folder
from aloop.tools.files.workspace import describe_os_error

MOST_LINES = 2_000
MOST_EXCERPT_BYTES = 29_000
"""Of an excerpt in UTF-8. Together with its notes it must stay below 30,000 bytes, or it would be cut in the middle."""

LONGEST_LINE = 5_000
"""Bytes of a line in an excerpt; longer lines are cut."""

_NUMBER_WIDTH = 6

MOST_BYTES = 5_000_000
TOO_LARGE = f"The new contents are too large: at most {MOST_BYTES:,} bytes can be written."
"""Of a file that may be changed."""

BINARY_PROBE = 8_192
"""A file with a NUL in this many bytes from its start is binary, as in git."""

# Do not wait for the other end of a FIFO, follow a link created since the check, or acquire a terminal.
_SAFE = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
OPEN_FLAGS = os.O_RDONLY | _SAFE
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE

_LONGEST_STEM = 100  # bytes of a temporary file's name; most file systems allow 255


def open_plain(path: Path, shown: str, *, media_as_is: bool = False) -> BinaryIO:
    """Open a text file past its byte order mark; raise ToolError for anything else.

    With ``media_as_is``, images and PDF documents are opened too, and every file at its start.
    """
    try:
        with opened_folder(path.parent) as folder:
            name = path.name or "."
            # Before opening it: opening some devices has side effects.
            _require_plain(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode, shown)
            descriptor = os.open(name, OPEN_FLAGS, dir_fd=folder)
    except OSError as error:
        raise ToolError(describe_os_error(error, shown)) from error
    file = os.fdopen(descriptor, "rb")
    try:
        _require_plain(os.fstat(descriptor).st_mode, shown)
        head = file.read(BINARY_PROBE)
        is_media = media_as_is and bool(media_type_of(head))
        if b"\0" in head and not is_media:
            raise ToolError(f"{shown!r} is a binary file of {os.fstat(descriptor).st_size:,} bytes, not text.")
        file.seek(0)
        if not media_as_is:
            skip_mark(file)
    except BaseException:
        file.close()
        raise
    return file


def skip_mark(file: BinaryIO) -> None:
    """Go from the start of a file past its byte order mark, if it has one."""
    if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)


def excerpt(file: BinaryIO, offset: int, limit: int, stop: threading.Event) -> str:
    """Return up to ``limit`` lines, starting at line ``offset`` (counted from 1).

    Each line is after its number and a tab, as ``cat -n`` prints it. Notes about what is not shown follow in brackets.
    """
    lines: list[str] = []
    size = last = 0
    notes: dict[str, None] = {}  # an ordered set
    for last, (raw, is_cut) in enumerate(_lines(file, stop), 1):
        if last < offset:
            continue
        text, has_replacements = _decode(raw, is_cut)
        line = f"{last:>{_NUMBER_WIDTH}}\t{text}"
        size += len(line.encode()) + len(b"\n")
        if len(lines) == limit or (lines and size > MOST_EXCERPT_BYTES):
            notes[f"Lines {offset:,} to {last - 1:,}. There is more: continue with offset={last}."] = None
            break
        if is_cut:
            notes[f"Lines longer than {LONGEST_LINE:,} bytes are cut."] = None
        if has_replacements:
            notes["Bytes that are not UTF-8 are shown as \N{REPLACEMENT CHARACTER}."] = None
        lines.append(line)
    if not lines and last:
        raise ToolError(f"The file has only {last:,} lines.", "Use a smaller offset.")
    return "\n".join(lines or ["(the file is empty)"]) + "".join(f"\n[{note}]" for note in notes)


def _lines(file: BinaryIO, stop: threading.Event) -> Iterator[tuple[bytes, bool]]:
    """Yield each line without its end, and True if it was cut to LONGEST_LINE bytes."""
    while piece := file.readline(LONGEST_LINE + len(b"\r\n")):
        line = piece.rstrip(b"\r\n")
        while not piece.endswith(b"\n") and (piece := file.readline(LONGEST_LINE)):
            if stop.is_set():
                return
        if stop.is_set():
            return
        yield line[:LONGEST_LINE], len(line) > LONGEST_LINE


def _decode(raw: bytes, is_cut: bool) -> tuple[str, bool]:
    """Return the text, and True if bytes were replaced.

    A character that the cut has split is dropped.
    """
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(raw, final=not is_cut), False
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace"), True


def _require_plain(mode: int, shown: str) -> None:
    if stat.S_ISDIR(mode):
        raise ToolError(f"{shown!r} is a folder.", "Use list_files to list it.")
    if not stat.S_ISREG(mode):
        raise ToolError(f"{shown!r} is not a regular file (it may be a pipe, a device or a socket), so it is not read.")


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file at a real path; ``raw`` is None if it does not exist yet."""

    path: Path
    shown: str
    raw: bytes | None = None

    @classmethod
    def read(cls, path: Path, shown: str) -> TextFile:
        """Read the whole file; raise ToolError if it is not one that can be changed."""
        try:
            with opened_folder(path.parent) as folder:
                os.stat(path.name or ".", dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return cls(path, shown)
        except OSError as error:
            raise ToolError(describe_os_error(error, shown)) from error
        with open_plain(path, shown) as file:
            file.seek(0)
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise ToolError(f"{shown!r} is too large to change: it has more than {MOST_BYTES:,} bytes.")
        if not os.access(path, os.W_OK):
            raise ToolError(f"{shown!r} is write-protected.", "Ask the user to make it writable.")
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            raise ToolError(f"{shown!r} is not UTF-8 text: byte {error.start:,} cannot be decoded.") from error
        return cls(path, shown, raw)

    @property
    def text(self) -> str | None:
        """The contents without a byte order mark; None if the file does not exist."""
        return None if self.raw is None else self.raw.removeprefix(codecs.BOM_UTF8).decode()

    @property
    def line_end(self) -> str:
        """The line end that most lines have."""
        raw = self.raw or b""
        return "\r\n" if 2 * raw.count(b"\r\n") > raw.count(b"\n") else "\n"

    def encode(self, text: str) -> bytes:
        """Return ``text`` as bytes, with a byte order mark if the file had one."""
        has_mark = self.raw is not None and self.raw.startswith(codecs.BOM_UTF8)
        return (codecs.BOM_UTF8 if has_mark else b"") + text.encode()

    def replace(self, data: bytes) -> None:
        """Replace the contents and keep the attributes and hard links of the file.

        The attributes are mode, owner, group and extended attributes. Atomic, unless the file has several names or an
        owner that this user cannot set. Raises ToolError if the file has changed since it was read.
        """
        try:
            with opened_folder(self.path.parent, create=self.raw is None) as folder:
                self._replace_in(folder, data)
        except OSError as error:
            raise ToolError(f"{self.shown!r} cannot be written: {error.strerror or type(error).__name__}.") from error

    def _replace_in(self, folder: int, data: bytes) -> None:
        name = self.path.name
        stem = name.encode(errors="replace")[:_LONGEST_STEM].decode(errors="ignore")
        temporary = f".{stem}.{secrets.token_hex(4)}.tmp"
        try:
            with _open_to_write(temporary, _CREATE_FLAGS, folder, 0o666 if self.raw is None else 0o600) as new:
                new.write(data)
                with self._opened(folder) as old:
                    keeps_all = old is None or _copy_attributes(old.fileno(), new.fileno())
                new.flush()
                os.fsync(new.fileno())
            self._require_unchanged(folder)
            if keeps_all:
                os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            else:
                self._overwrite(folder, data)
                os.unlink(temporary, dir_fd=folder)
        except BaseException:
            with suppress(OSError):  # the first error is the one to report
                os.unlink(temporary, dir_fd=folder)
            raise

    def _overwrite(self, folder: int, data: bytes) -> None:
        """Write into the existing file; restore it if that fails."""
        with _open_to_write(self.path.name, os.O_WRONLY | _SAFE, folder) as file:
            try:
                _write_all(file, data)
            except OSError:
                with suppress(OSError):  # the first error is the one to report
                    _write_all(file, self.raw or b"")
                raise

    @contextmanager
    def _opened(self, folder: int) -> Iterator[BinaryIO | None]:
        """Yield the present file, or None if it is missing or not a regular file."""
        try:
            descriptor = os.open(self.path.name, OPEN_FLAGS, dir_fd=folder)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
                raise
            yield None
            return
        with os.fdopen(descriptor, "rb") as file:
            yield file if stat.S_ISREG(os.fstat(descriptor).st_mode) else None

    def _require_unchanged(self, folder: int) -> None:
        with self._opened(folder) as file:
            now = None if file is None else file.read(MOST_BYTES + 1)
        if now != self.raw or (now is None and _exists(self.path.name, folder)):
            raise ToolError(
                f"{self.shown!r} was changed by another program in the meantime.",
                "Nothing was written. Read it again, then repeat the change.",
            )


def _open_to_write(name: str, flags: int, folder: int, mode: int = 0) -> BinaryIO:
    return os.fdopen(os.open(name, flags, mode, dir_fd=folder), "wb")


def _write_all(file: BinaryIO, data: bytes) -> None:
    file.seek(0)
    file.write(data)
    file.truncate()
    file.flush()
    os.fsync(file.fileno())


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _copy_attributes(old: int, new: int) -> bool:
    """Copy owner, group, extended attributes and mode.

    Return False if replacing the file would lose its owner, its group or another of its names.
    """
    status, fresh = os.fstat(old), os.fstat(new)
    if status.st_nlink > 1:
        return False
    if (status.st_uid, status.st_gid) != (fresh.st_uid, fresh.st_gid):
        try:
            os.fchown(new, status.st_uid, status.st_gid)
        except OSError:
            return False
    if sys.platform == "linux":
        with suppress(OSError):  # the file system has none
            for name in os.listxattr(old):
                with suppress(OSError):  # some need privileges, such as security labels
                    os.setxattr(new, name, os.getxattr(old, name))
    os.fchmod(new, stat.S_IMODE(status.st_mode))
    return True
