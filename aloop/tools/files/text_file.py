"""A text file as it is changed: what was read is what is written back, but for the change.

Some lines of a text file: never more than a model should be shown, and never from anything but a plain file.
"""

from __future__ import annotations

import codecs
import os
import secrets
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from aloop.errors import ToolError
from aloop.tools.files.workspace import sentence

MOST_LINES = 2_000
MOST_EXCERPT_BYTES = 29_000
"""Of the lines together, in UTF-8: a result of more than 30,000, its notes included, would be cut in the middle."""

LONGEST_LINE = 5_000
"""Bytes of one line; what is longer is cut."""

_SNIFFED = 8_192  # bytes in which a NUL makes a file binary, the rule that git goes by

# Nothing waits on a FIFO, follows a link put there since the path was checked, or takes a terminal over.
_FLAGS = os.O_RDONLY
for _name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)  # each where the system has it: Windows has the last alone


def open_plain(path: Path, shown: str) -> BinaryIO:
    """Open a regular file that holds text; raises ToolError for anything else, without ever waiting for it."""
    try:
        _require_plain(path.lstat().st_mode, shown)  # before it is opened: opening some devices does something
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        raise ToolError(sentence(error, shown)) from error
    file = os.fdopen(descriptor, "rb")
    try:
        _require_plain(os.fstat(descriptor).st_mode, shown)
        head = file.read(_SNIFFED)
        if b"\0" in head:
            raise ToolError(f"{shown!r} is a binary file of {os.fstat(descriptor).st_size:,} bytes, not text.")
        file.seek(len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0)
    except BaseException:
        file.close()
        raise
    return file


def excerpt(file: BinaryIO, offset: int, limit: int, stop: threading.Event) -> str:
    """Return up to ``limit`` lines from line ``offset`` (counted from 1) on, and in brackets what is not shown."""
    lines: list[str] = []
    size = last = 0
    notes: dict[str, None] = {}  # in the order in which they came up, each once
    for last, (raw, is_cut) in enumerate(_lines(file, stop), 1):
        if last < offset:
            continue
        line, is_mended = _decode(raw, is_cut)
        size += len(line.encode()) + len(b"\n")
        if len(lines) == limit or (lines and size > MOST_EXCERPT_BYTES):
            notes[f"Lines {offset:,} to {last - 1:,}. There is more: go on with offset={last}."] = None
            break
        if is_cut:
            notes[f"Lines of more than {LONGEST_LINE:,} bytes are cut."] = None
        if is_mended:
            notes["Bytes that are not UTF-8 are shown as \N{REPLACEMENT CHARACTER}."] = None
        lines.append(line)
    if not lines and last:
        raise ToolError(f"The file has only {last:,} lines.")
    return "\n".join(lines or ["(the file is empty)"]) + "".join(f"\n[{note}]" for note in notes)


def _lines(file: BinaryIO, stop: threading.Event) -> Iterator[tuple[bytes, bool]]:
    """Yield each line without its end, at most LONGEST_LINE bytes of it, and whether that cut it."""
    while piece := file.readline(LONGEST_LINE + len(b"\r\n")):
        line = piece.rstrip(b"\r\n")
        while not piece.endswith(b"\n") and (piece := file.readline(LONGEST_LINE)):
            if stop.is_set():
                return
        if stop.is_set():
            return
        yield line[:LONGEST_LINE], len(line) > LONGEST_LINE


def _decode(raw: bytes, is_cut: bool) -> tuple[str, bool]:
    """Return the text, and whether bytes had to be replaced; a character that the cut went through is left out."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(raw, final=not is_cut), False
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace"), True


def _require_plain(mode: int, shown: str) -> None:
    if stat.S_ISDIR(mode):
        raise ToolError(f"{shown!r} is a folder: list_files shows what is in it.")
    if not stat.S_ISREG(mode):
        raise ToolError(f"{shown!r} is no regular file (a pipe, a device or a socket), so it is not opened.")


MOST_BYTES = 5_000_000

_LONGEST_STEM = 100  # of a temporary file's name, the system's limit being 255 bytes
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file at a real path; ``raw`` and ``mode`` are None for one that is not there yet."""

    path: Path
    shown: str
    raw: bytes | None = None
    mode: int | None = None

    @classmethod
    def read(cls, path: Path, shown: str) -> TextFile:
        """Read a file whole; raises ToolError for one that is no text, too large, or not to be written."""
        if not os.path.lexists(path):
            return cls(path, shown)
        with open_plain(path, shown) as file:
            file.seek(0)
            raw = file.read(MOST_BYTES + 1)
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if len(raw) > MOST_BYTES:
            raise ToolError(f"{shown!r} has more than {MOST_BYTES:,} bytes, which is too large to be changed here.")
        if not os.access(path, os.W_OK):
            raise ToolError(f"{shown!r} is write-protected.")
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            raise ToolError(f"{shown!r} is not UTF-8 text: byte {error.start:,} can not be read as such.") from error
        return cls(path, shown, raw, mode)

    @property
    def text(self) -> str | None:
        """What is in it, line ends as they are, without a byte order mark; None when it is not there."""
        return None if self.raw is None else self.raw.removeprefix(codecs.BOM_UTF8).decode()

    @property
    def line_end(self) -> str:
        """The one that most of its lines have."""
        raw = self.raw or b""
        return "\r\n" if 2 * raw.count(b"\r\n") > raw.count(b"\n") else "\n"

    def encode(self, text: str) -> bytes:
        """Return ``text`` as the bytes of this file: with a byte order mark if it had one."""
        has_mark = self.raw is not None and self.raw.startswith(codecs.BOM_UTF8)
        return (codecs.BOM_UTF8 if has_mark else b"") + text.encode()

    def replace(self, data: bytes) -> None:
        """Put ``data`` in its place, whole or not at all, the mode kept; raises ToolError when it is not as it was."""
        temporary = self.path.with_name(f".{self.path.name[:_LONGEST_STEM]}.{secrets.token_hex(4)}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write(temporary, data, self.mode)
                self._require_unchanged()
                temporary.replace(self.path)
            except BaseException:
                with suppress(OSError):  # the first error is the one to tell
                    temporary.unlink()
                raise
        except OSError as error:
            raise ToolError(f"{self.shown!r} can not be written: {error.strerror or type(error).__name__}.") from error

    def _require_unchanged(self) -> None:
        now = self.path.read_bytes() if self.path.is_file() else None
        if now != self.raw or (now is None and os.path.lexists(self.path)):
            raise ToolError(f"{self.shown!r} was changed by somebody else meanwhile. Read it again.")


def _write(path: Path, data: bytes, mode: int | None) -> None:
    descriptor = os.open(path, _NEW, 0o666 if mode is None else 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        if mode is not None:
            os.fchmod(descriptor, mode)
        file.flush()
        os.fsync(descriptor)
