"""A text file as it is changed: what was read is what is written back, but for the change."""

from __future__ import annotations

import codecs
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aloop.errors import ToolError
from aloop.tools.excerpt import open_plain

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
